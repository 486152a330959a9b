"""What is planned when something is to be told."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.members import services as members
from accounts.notifications import selectors, services
from accounts.notifications.models import Delivery, InboxItem, Message, NotificationKind
from accounts.notifications.services import Notice
from loyalty.lib.configuration import Configuration

from .conftest import EXPIRING, NOW

pytestmark = pytest.mark.django_db
State = Delivery.State


def states(member):
    return {row.channel: (row.state, row.detail or row.to) for row in Delivery.objects.filter(member_id=member.id)}


def test_every_channel_with_an_address_gets_a_delivery_and_the_others_say_why_not(every_channel, ann, notify):
    notify(ann)
    assert states(ann) == {
        "inbox": (State.HANDED_OVER, ""),
        "push": (State.SKIPPED, "no_address"),
        "wechat": (State.SKIPPED, "no_address"),
        "sms": (State.WAITING, "13800138000"),
        "email": (State.WAITING, "ann@sample.example"),
    }


def test_a_channel_without_a_provider_is_not_planned_at_all(ann, notify):
    notify(ann)
    assert states(ann) == {"inbox": (State.HANDED_OVER, "")}


def test_the_same_key_is_one_message_whatever_it_says_the_second_time(every_channel, ann, notify):
    first = notify(ann)
    again = notify(ann, about={"points": 1})
    assert again.id == first.id
    assert (Message.objects.count(), InboxItem.objects.count(), Delivery.objects.filter(channel="email").count()) == (1, 1, 1)
    assert Message.objects.get().about == EXPIRING


def test_another_key_another_kind_and_another_member_are_messages_of_their_own(ann, bo, notify):
    notify(ann), notify(ann, key="k-2"), notify(ann, kind="points_expired"), notify(bo)
    assert Message.objects.count() == 4


def test_the_inbox_holds_what_was_said_in_both_languages(ann, notify):
    notify(ann)
    texts = InboxItem.objects.get().texts
    assert texts["en"]["subject"] == "1,200 points about to expire"
    assert "March 13, 2026: 500\nMarch 16, 2026: 700" in texts["en"]["text"]
    assert texts["zh-hans"]["subject"] == "1,200 积分即将到期"
    assert "2026年3月13日：500" in texts["zh-hans"]["text"]
    assert texts["en"]["text"].endswith("put them to good use.")


def test_what_has_expired_meanwhile_stands_in_the_same_message(ann, notify):
    notify(ann, about={**EXPIRING, "expired_points": 300, "expired_day": "2026-03-09"})
    said = InboxItem.objects.get().texts
    assert said["en"]["text"].endswith("Another 300 were good until March 9, 2026 and have expired.")
    assert said["zh-hans"]["text"].endswith("另外，300 积分只能用到2026年3月9日，现已到期。")


def test_a_closed_member_gets_nothing(ann, notify):
    members.close(member_id=ann.id)
    assert notify(ann) is None
    assert not Message.objects.exists()


def test_a_kind_that_is_not_in_use_tells_nobody(ann, notify):
    NotificationKind.objects.filter(code="points_expiring").update(active=False)
    Configuration._held.clear()
    assert notify(ann) is None


def test_what_is_missing_reads_as_nothing_and_fails_nothing(ann, notify):
    notify(ann, kind="tier_reached", about={"tier": {"zh": "金卡", "en": "Gold"}})
    notify(ann, kind="term_ending", about={"until": ["nonsense"], "tier": 7})
    said = list(InboxItem.objects.order_by("id").values_list("texts", flat=True))
    assert said[0]["en"]["text"].startswith("Congratulations! You are now Gold. Your new benefits")
    assert said[1]["en"]["subject"] == "Your 7 ends on "


def test_marketing_waits_for_consent_outside_of_the_inbox(every_channel, ann, notify):
    notify(ann, kind="member_dormant", about={"days": 90})
    assert states(ann)["inbox"] == (State.HANDED_OVER, "")
    assert {states(ann)[channel] for channel in ("sms", "email", "push", "wechat")} == {(State.SKIPPED, "not_wanted")}


def test_more_marketing_than_a_day_allows_is_not_sent(every_channel, ann, bo, notify):
    told = [Notice(member.id, "member_dormant", key, {"days": 90}) for member in (ann, bo) for key in ("k-1", "k-2")]
    services.notify_all(notices=told, now=NOW)
    assert InboxItem.objects.count() == 2
    skipped = Delivery.objects.filter(channel="inbox", state=State.SKIPPED)
    assert set(skipped.values_list("member_id", "detail")) == {(ann.id, "too_many_today"), (bo.id, "too_many_today")}
    notify(ann, kind="member_dormant", key="k-3", about={"days": 91}, now=NOW + timedelta(days=1))
    assert InboxItem.objects.count() == 3


def test_quiet_hours_put_off_everything_but_the_inbox(every_channel, ann, notify):
    night = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
    notify(ann, now=night)
    due = dict(Delivery.objects.values_list("channel", "due_at"))
    assert due["inbox"] == night
    assert due["email"] == due["sms"] == datetime(2026, 3, 11, 0, tzinfo=UTC)


def test_where_the_first_channel_that_works_is_enough_the_others_stand_by(every_channel, ann, notify):
    NotificationKind.objects.filter(code="points_expiring").update(way="first")
    notify(ann)
    assert {channel: state for channel, (state, _detail) in states(ann).items()} == {
        "inbox": State.HANDED_OVER, "push": State.SKIPPED, "wechat": State.SKIPPED, "sms": State.WAITING, "email": State.STANDBY,
    }  # fmt: skip


def test_a_thousand_notices_cost_as_many_statements_as_ten(every_channel, django_assert_max_num_queries, notify):
    def many(number, key):
        ids = members.ensure_all(external_ids=[f"S-{one}" for one in range(number)], now=NOW).values()
        return [Notice(member_id, "points_expiring", key, EXPIRING) for member_id in ids]

    for number, key in ((10, "few"), (1000, "many")):
        notices = many(number, key)
        with django_assert_max_num_queries(20):
            assert len(services.notify_all(notices=notices, now=NOW)) == number


def test_a_text_is_found_in_the_members_language_then_in_chinese_then_in_english(db):
    assert selectors.text_for(kind="birthday", channel="sms", language="en").language == "en"
    assert selectors.text_for(kind="birthday", channel="sms", language="").language == "zh-hans"
    assert selectors.text_for(kind="birthday", channel="sms", language="fr").language == "zh-hans"
    selectors.texts()["birthday", "sms", "zh-hans"].delete()
    Configuration._held.clear()
    assert selectors.text_for(kind="birthday", channel="sms", language="zh-hans").language == "en"
