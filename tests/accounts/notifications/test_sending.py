"""Every outcome of a hand-over, against a real mail server: what is sent again, what is not, what an operator reads."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.channels import services as channels
from accounts.channels.rules import Outcome, Told
from accounts.members import services as members
from accounts.notifications import events, selectors, services
from accounts.notifications.models import Address, Attempt, ChannelPace, Delivery, InboxItem, Message, NotificationKind, NotificationSettings
from accounts.notifications.services import Notice
from loyalty.audit.models import AuditEntry
from loyalty.lib.configuration import Configuration
from loyalty.outbox.services import SUBSCRIBERS

from .conftest import DEVICE, EXPIRING, NOW, OPEN_ID
from .mail_server import HANG_UP

pytestmark = pytest.mark.django_db
State = Delivery.State
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MARKETING = {"kind": "member_dormant", "about": {"days": 90}}


@pytest.fixture
def heard():
    """What is told upwards of messages handed over."""
    told = []
    SUBSCRIBERS.setdefault(events.NOTICE_HANDED_OVER, {})["tests.heard"] = told.append
    yield told
    del SUBSCRIBERS[events.NOTICE_HANDED_OVER]["tests.heard"]


@pytest.fixture
def consents():
    def say(member, purpose="marketing", channel="email", wanted=True):
        services.prefer(member_id=member.id, choices=[(purpose, channel, wanted)], now=NOW)

    return say


def outcomes(delivery):
    return list(Attempt.objects.filter(delivery=delivery).order_by("number").values_list("outcome", flat=True))


def test_what_is_accepted_is_handed_over_once_and_says_how(by_mail, ann, notify, send, mail_to):
    notify(ann)
    assert send() == {"handed_over": 1}
    assert send() == {}
    delivery = mail_to(ann)
    assert (delivery.state, delivery.to, delivery.attempts, delivery.language) == (State.HANDED_OVER, "ann@sample.example", 1, "en")
    assert delivery.provider_id == f"{delivery.id}@shop.example"
    assert outcomes(delivery) == ["accepted"]
    (mail,) = by_mail.mails
    assert mail["Subject"] == delivery.subject == "1,200 points about to expire"
    text = mail.get_body(("plain",)).get_content()
    assert "Dear Ann Sample," in text
    assert "March 13, 2026: 500" in text


def test_the_mail_has_a_link_to_want_no_more_and_mail_programs_find_it(by_mail, ann, notify, send):
    notify(ann)
    send()
    (mail,) = by_mail.mails
    link = mail["List-Unsubscribe"].strip("<>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert link in mail.get_body(("plain",)).get_content()
    assert link in mail.get_body(("html",)).get_content()


def test_a_mail_of_service_has_no_such_link(by_mail, ann, notify, send):
    notify(ann, kind="tier_kept", about={"tier": {"zh": "金卡", "en": "Gold"}})
    send()
    assert by_mail.mails[0]["List-Unsubscribe"] is None


def test_a_name_is_text_in_the_html_whatever_it_is_made_of(by_mail, bo, notify, send):
    members.register(external_id="M-bo", name="<b onclick=x>Bo</b>", email="bo@sample.example", now=NOW)
    notify(bo)
    send()
    html = by_mail.mails[0].get_body(("html",)).get_content()
    assert "<b onclick" not in html
    assert "&lt;b onclick=x&gt;Bo" in html
    assert "您好" in html


def test_what_is_refused_is_not_tried_again(by_mail, ann, notify, send, mail_to):
    by_mail.next.append("550 5.7.1 not wanted here")
    notify(ann)
    assert send() == {"refused": 1}
    assert send(NOW + HOUR) == {}
    assert (mail_to(ann).state, mail_to(ann).detail) == (State.REFUSED, "550 5.7.1 not wanted here")


def test_an_address_where_nobody_is_is_not_used_again_until_it_is_given_anew(by_mail, ann, notify, send, mail_to):
    by_mail.next.append("550 5.1.1 no such user")
    notify(ann)
    assert send() == {"refused": 1}
    gone = Address.objects.get()
    assert (gone.value, gone.gone_at) == ("ann@sample.example", NOW)
    notify(ann, key="k-2")
    assert (mail_to(ann).state, mail_to(ann).detail) == (State.SKIPPED, "no_address")
    services.keep_address(member_id=ann.id, channel="email", value="ann@sample.example", now=NOW)
    notify(ann, key="k-3")
    assert send() == {"handed_over": 1}


def test_who_changes_their_address_meanwhile_gets_it_at_the_new_one(by_mail, ann, notify, send, mail_to):
    notify(ann)
    members.register(external_id="M-ann", email="new@sample.example", now=NOW)
    assert send() == {"handed_over": 1}
    assert by_mail.mails[0]["To"] == "new@sample.example"
    assert mail_to(ann).to == "new@sample.example"


def test_too_much_at_once_is_tried_again_later(by_mail, ann, notify, send, mail_to):
    by_mail.next.append("451 4.7.1 try later")
    notify(ann)
    assert send() == {"waiting": 1}
    assert mail_to(ann).due_at == NOW + MINUTE
    assert send() == {}
    assert send(NOW + MINUTE) == {"handed_over": 1}
    assert outcomes(mail_to(ann)) == ["throttled", "accepted"]


def test_a_provider_that_asks_for_a_wait_gets_it_for_the_whole_channel(by_mail, ann, bo, notify, send, monkeypatch):
    members.register(external_id="M-bo", email="bo@sample.example", now=NOW)
    real, answers = channels.hand_over, [Outcome("throttled", retry_after=timedelta(minutes=7))]
    monkeypatch.setattr(channels, "hand_over", lambda **about: answers.pop() if answers else real(**about))
    notify(ann)
    assert send() == {"waiting": 1}
    notify(bo)
    assert send(NOW + 6 * MINUTE) == {}
    assert send(NOW + 7 * MINUTE) == {"handed_over": 2}


def test_a_server_that_is_not_there_is_tried_again_with_longer_and_longer_waits_then_given_up(by_mail, settings, ann, notify, send, mail_to):
    settings.CHANNELS = {**settings.CHANNELS, "SMTP_PORT": "1"}
    NotificationSettings(id=1, quiet_from=None, quiet_until=None).save()
    notify(ann)
    now, waits = NOW, []
    while send(now) == {"waiting": 1}:
        waits.append((mail_to(ann).due_at - now) / MINUTE)
        now = mail_to(ann).due_at
    assert waits[:6] == [1, 5, 15, 60, 180, 180]
    assert (mail_to(ann).state, now <= NOW + timedelta(hours=24)) == (State.GAVE_UP, True)
    assert set(outcomes(mail_to(ann))) == {"unreachable"}
    assert selectors.failed(now=now).count() == 1


def test_without_an_answer_an_expiry_notice_is_sent_again(by_mail, ann, notify, send, mail_to):
    by_mail.next.append(HANG_UP)
    notify(ann)
    assert send() == {"waiting": 1}
    assert send(NOW + MINUTE) == {"handed_over": 1}
    assert outcomes(mail_to(ann)) == ["unknown", "accepted"]
    # The mail programs of those who did get the first one show one: both have the same number.
    assert len({mail["Message-ID"] for mail in by_mail.mails}) == 1 < len(by_mail.mails)


@pytest.mark.parametrize("kind", ["marketing", "service"])
def test_without_an_answer_marketing_and_service_are_not_sent_again(by_mail, ann, notify, send, mail_to, consents, kind):
    consents(ann)
    by_mail.next.append(HANG_UP)
    notify(ann, **(MARKETING if kind == "marketing" else {"kind": "tier_kept", "about": {}}))
    assert send() == {"unknown": 1}
    assert send(NOW + timedelta(days=2)) == {}
    assert (mail_to(ann).state, outcomes(mail_to(ann))) == (State.UNKNOWN, ["unknown"])


def test_what_may_have_arrived_never_ends_as_given_up(by_mail, settings, ann, notify, send, mail_to):
    NotificationSettings(id=1, quiet_from=None, quiet_until=None).save()
    by_mail.next.append(HANG_UP)
    notify(ann)
    assert send() == {"waiting": 1}
    settings.CHANNELS = {**settings.CHANNELS, "SMTP_PORT": "1"}
    now = NOW
    while mail_to(ann).state == State.WAITING:
        now = mail_to(ann).due_at
        send(now)
    assert mail_to(ann).state == State.UNKNOWN


def killed(**about):
    raise SystemExit


def test_a_worker_killed_between_hand_over_and_answer_leaves_a_hand_over_without_an_answer(by_mail, ann, notify, send, mail_to, monkeypatch):
    def sends_and_dies(**about):
        real(**about)
        raise SystemExit

    real = channels.hand_over
    notify(ann)
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(channels, "hand_over", sends_and_dies)
        send()
    assert (mail_to(ann).state, outcomes(mail_to(ann))) == (State.SENDING, [""])
    assert send(NOW + MINUTE) == {}
    assert send(NOW + 4 * MINUTE) == {}
    assert (mail_to(ann).state, outcomes(mail_to(ann))) == (State.WAITING, ["unknown"])
    assert send(NOW + 5 * MINUTE) == {"handed_over": 1}
    assert outcomes(mail_to(ann)) == ["unknown", "accepted"]


def test_a_killed_workers_marketing_is_not_sent_again(by_mail, ann, notify, send, mail_to, consents, monkeypatch):
    consents(ann)
    notify(ann, **MARKETING)
    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(channels, "hand_over", killed)
        send()
    assert send(NOW + timedelta(days=1)) == {}
    assert mail_to(ann).state == State.UNKNOWN


def test_an_answer_that_comes_after_the_lease_counts_all_the_same(by_mail, ann, notify, send, mail_to, heard, monkeypatch):
    """The worker was only slow; meanwhile another one took it for dead."""

    def slow(**about):
        services.recover(limit=10, now=NOW + 4 * MINUTE)
        return real(**about)

    real = channels.hand_over
    monkeypatch.setattr(channels, "hand_over", slow)
    notify(ann)
    heard.clear()
    assert send() == {"handed_over": 1}
    assert (mail_to(ann).state, outcomes(mail_to(ann))) == (State.HANDED_OVER, ["accepted"])
    assert send(NOW + HOUR) == {}


def test_quiet_hours_are_kept_also_where_something_is_due(by_mail, ann, notify, send, mail_to):
    by_mail.next.append("451 later")
    late = datetime(2026, 3, 10, 13, 59, 30, tzinfo=UTC)
    notify(ann, now=late)
    assert send(late) == {"waiting": 1}
    assert mail_to(ann).due_at == datetime(2026, 3, 11, 0, tzinfo=UTC)
    Delivery.objects.filter(state=State.WAITING).update(due_at=late)
    assert send(late + MINUTE) == {}
    assert send(datetime(2026, 3, 11, 0, tzinfo=UTC)) == {"handed_over": 1}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda ann: services.prefer(member_id=ann.id, choices=[("expiry", "email", False)], now=NOW), "not_wanted"),
        (lambda ann: members.close(member_id=ann.id), "closed"),
        (lambda ann: members.register(external_id=ann.external_id, email="", now=NOW), "no_address"),
    ],
    ids=["no longer wanted", "closed", "no address any more"],
)
def test_what_was_planned_is_asked_again_before_it_goes_out(by_mail, ann, notify, send, mail_to, change, why):
    notify(ann)
    change(ann)
    assert send() == {"skipped": 1}
    assert (mail_to(ann).state, mail_to(ann).detail, by_mail.mails) == (State.SKIPPED, why, [])


def test_what_nobody_could_send_in_time_is_given_up(by_mail, ann, notify, send, mail_to):
    notify(ann)
    assert send(NOW + timedelta(hours=24, minutes=1)) == {"gave_up": 1}
    assert (mail_to(ann).state, mail_to(ann).detail) == (State.GAVE_UP, "too_late")


def test_a_channel_hands_over_no_more_a_minute_than_it_may(by_mail, send):
    NotificationSettings(id=1, email_per_minute=3).save()
    for number in range(5):
        members.register(external_id=f"S-{number}", email=f"s{number}@sample.example", now=NOW)
    ids = members.ensure_all(external_ids=[f"S-{number}" for number in range(5)], now=NOW).values()
    services.notify_all(notices=[Notice(member_id, "points_expiring", "k", EXPIRING) for member_id in ids], now=NOW)
    assert send() == {"handed_over": 3}
    assert send(NOW + timedelta(seconds=59)) == {}
    assert send(NOW + MINUTE) == {"handed_over": 2}
    assert ChannelPace.objects.get().used == 2


def test_what_was_handed_over_is_told_upwards_with_its_channel(by_mail, ann, notify, send, heard, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        notify(ann)
        send()
    assert [event.payload for event in heard] == [
        {"kind": "points_expiring", "key": "k-1", "channel": "inbox", "at": NOW.isoformat()},
        {"kind": "points_expiring", "key": "k-1", "channel": "email", "at": NOW.isoformat()},
    ]


def test_what_was_refused_is_not_told_upwards(by_mail, ann, notify, send, heard, django_capture_on_commit_callbacks):
    by_mail.next.append("550 no")
    with django_capture_on_commit_callbacks(execute=True):
        notify(ann)
        send()
    assert [event.payload["channel"] for event in heard] == ["inbox"]


def test_an_operator_sends_again_what_got_no_answer_with_a_reason_on_record(by_mail, ann, notify, send, mail_to, consents):
    consents(ann)
    by_mail.next.append(HANG_UP)
    notify(ann, **MARKETING)
    send()
    later = NOW + timedelta(days=3)
    services.send_again(delivery_id=mail_to(ann).id, actor="tests", reason="She says that nothing came.", now=later)
    assert send(later) == {"handed_over": 1}
    entry = AuditEntry.objects.get(verb="message.send_again")
    assert (entry.subject, entry.reason, entry.figures["was"]) == ("member/M-ann", "She says that nothing came.", "unknown")


@pytest.mark.parametrize("state", [one for one in State if one not in Delivery.RESENT])
def test_nothing_else_is_sent_again(by_mail, ann, notify, mail_to, refuses, state):
    notify(ann)
    Delivery.objects.filter(channel="email").update(state=state)
    with refuses(services.NotToBeSentAgain):
        services.send_again(delivery_id=mail_to(ann).id, actor="tests", reason="No.", now=NOW)


# One channel after the other.


@pytest.fixture
def one_by_one(mail_server, ann):
    """Push, WeChat, then e-mail; the first two answer as they are told to."""
    NotificationKind.objects.update(channels=["inbox", "push", "wechat", "email"], way="first")
    Configuration._held.clear()
    for channel, value in (("push", DEVICE), ("wechat", OPEN_ID)):
        services.keep_address(member_id=ann.id, channel=channel, value=value, now=NOW)
    return mail_server


@pytest.fixture
def answers(monkeypatch):
    """What providers other than the mail server answer, by channel."""
    told, real = {}, channels.hand_over
    monkeypatch.setattr(channels, "hand_over", lambda **about: told.get(about["channel"]) or real(**about))
    return told


def states(member):
    return {row.channel: str(row.state) for row in Delivery.objects.filter(member_id=member.id).exclude(channel="inbox")}


def test_the_first_channel_that_works_is_enough(one_by_one, answers, ann, notify, send):
    answers["push"] = Outcome("accepted", "p-1")
    notify(ann)
    assert send() == {"handed_over": 1}
    assert states(ann) == {"push": "handed_over", "wechat": "skipped", "email": "skipped"}
    assert send(NOW + HOUR) == {}


def test_the_next_channel_has_its_turn_when_the_one_before_failed(one_by_one, answers, ann, notify, send):
    answers |= {"push": Outcome("refused", address_gone=True), "wechat": Outcome("refused")}
    notify(ann)
    assert send() == {"refused": 1}
    assert send() == {"refused": 1}
    assert send() == {"handed_over": 1}
    assert states(ann) == {"push": "refused", "wechat": "refused", "email": "handed_over"}


def test_without_an_answer_no_other_channel_is_tried(one_by_one, answers, ann, notify, send):
    answers["push"] = Outcome("unknown")
    notify(ann, kind="tier_kept", about={})
    assert send() == {"unknown": 1}
    assert states(ann) == {"push": "unknown", "wechat": "standby", "email": "standby"}
    assert send(NOW + HOUR) == {}


def test_a_bounce_gives_the_next_channel_its_turn(one_by_one, answers, ann, notify, send):
    answers |= {"push": Outcome("refused"), "wechat": Outcome("accepted", "w-1")}
    notify(ann)
    send(), send()
    assert states(ann) == {"push": "refused", "wechat": "handed_over", "email": "skipped"}
    receipt = {"channel": "wechat", "provider_id": "w-1", "key": "", "state": "bounced", "detail": "user block", "address_gone": True}
    assert services.hear_receipt(**receipt, now=NOW) is True
    assert send() == {"handed_over": 1}
    assert states(ann) == {"push": "refused", "wechat": "bounced", "email": "handed_over"}


def test_every_device_gets_a_push_message_and_one_that_is_gone_none_any_more(mail_server, answers, ann, notify, send):
    NotificationKind.objects.update(channels=["push"])
    Configuration._held.clear()
    for number in range(7):
        services.keep_address(member_id=ann.id, channel="push", value=f"fcm:sample-device-token-000{number}", now=NOW + number * MINUTE)
    notify(ann)
    planned = set(Delivery.objects.values_list("to", flat=True))
    assert planned == {f"fcm:sample-device-token-000{number}" for number in (2, 3, 4, 5, 6)}
    Address.objects.filter(value__endswith="6").update(gone_at=NOW)
    answers["push"] = Outcome("accepted", "p")
    assert send() == {"handed_over": 4, "skipped": 1}


# Receipts.


@pytest.fixture
def texted(mail_server, answers, ann, notify, send):
    """An SMS that the provider has taken."""
    NotificationKind.objects.update(channels=["sms"])
    Configuration._held.clear()
    answers["sms"] = Outcome("accepted", "s-1")
    notify(ann)
    assert send() == {"handed_over": 1}
    return Delivery.objects.get()


def receipt(state="delivered", *, number="s-1", key="", gone=False, now=NOW):
    return services.hear_receipt(channel="sms", provider_id=number, key=key, state=state, detail="DELIVRD", address_gone=gone, now=now)


def test_a_receipt_says_that_it_arrived_and_twice_is_once(texted):
    assert receipt() is True
    texted.refresh_from_db()
    assert (texted.state, texted.settled_at) == (State.DELIVERED, NOW)
    assert receipt(now=NOW + HOUR) is True
    assert receipt("bounced", now=NOW + HOUR) is True
    texted.refresh_from_db()
    assert (texted.state, texted.settled_at) == (State.DELIVERED, NOW)


def test_a_bounce_that_says_that_nobody_is_there_removes_the_number(texted, ann):
    assert receipt("bounced", gone=True) is True
    assert selectors.reaches([ann])[ann.id].addresses["sms"] == []


def test_a_receipt_of_a_message_that_nobody_here_sent_changes_nothing(texted):
    assert receipt(number="nobody's") is False
    assert receipt(number="", key="no-key-of-ours") is False
    texted.refresh_from_db()
    assert texted.state == State.HANDED_OVER


def test_a_receipt_for_what_got_no_answer_says_that_it_was_handed_over(mail_server, answers, ann, notify, send, heard, django_capture_on_commit_callbacks):
    NotificationKind.objects.update(channels=["sms"])
    Configuration._held.clear()
    answers["sms"] = Outcome("unknown")
    notify(ann)
    send()
    delivery = Delivery.objects.get()
    assert delivery.state == State.WAITING
    with django_capture_on_commit_callbacks(execute=True):
        assert receipt(number="s-9", key=str(delivery.id)) is True
    assert [event.payload["channel"] for event in heard] == ["sms"]
    assert send(NOW + HOUR) == {}
    delivery.refresh_from_db()
    assert delivery.state == State.DELIVERED


def test_a_receipt_that_comes_before_our_own_note_is_not_lost(mail_server, answers, ann, notify, send):
    NotificationKind.objects.update(channels=["sms"])
    Configuration._held.clear()
    channels.receive(provider="aliyun", told=[Told("s-1", "delivered")], now=NOW)
    assert receipt() is False
    answers["sms"] = Outcome("accepted", "s-1")
    notify(ann)
    send()
    assert Delivery.objects.get().state == State.DELIVERED


# States.


@pytest.mark.parametrize("origin", State)
@pytest.mark.parametrize("end", State)
def test_only_the_arrows_that_stand_in_the_table_are_taken(by_mail, ann, notify, mail_to, origin, end):
    notify(ann)
    Delivery.objects.filter(channel="email").update(state=origin)
    taken = services._turn(mail_to(ann), end, {}, now=NOW)
    assert taken is (end in Delivery.ARROWS.get(origin, ()))
    assert mail_to(ann).state == (end if taken else origin)


# Old rows.


def test_old_deliveries_go_and_what_was_told_stays_in_the_inbox(by_mail, ann, notify, send):
    notify(ann)
    send()
    notify(ann, key="k-2", now=NOW + HOUR)
    assert services.prune_deliveries(before=NOW + MINUTE, limit=100) == 2
    assert (Delivery.objects.count(), Attempt.objects.count(), InboxItem.objects.count()) == (2, 0, 2)
    assert notify(ann, now=NOW + HOUR).key == "k-1"
    assert Delivery.objects.count() == 2


def test_old_messages_go_with_everything_of_them(by_mail, ann, notify, send):
    notify(ann)
    send()
    assert services.prune_messages(before=NOW + MINUTE, limit=100) == 1
    assert not any(model.objects.exists() for model in (Message, Delivery, Attempt, InboxItem))


def test_no_more_goes_at_a_time_than_asked_for(by_mail, ann, notify):
    for number in range(5):
        notify(ann, key=f"k-{number}")
    assert services.prune_deliveries(before=NOW + MINUTE, limit=4) == 4
    assert services.prune_messages(before=NOW + MINUTE, limit=2) == 2
