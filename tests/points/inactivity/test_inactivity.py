"""What becomes of the points of members who are not seen for a year."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.activity import services as recording
from accounts.members import services as members
from accounts.notifications.models import Message, NotificationKind
from loyalty.outbox.rules import Event
from loyalty.programme.models import Programme
from points.inactivity import selectors, services
from points.inactivity.models import InactivityCase, InactivityTerms
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry, Source
from points.subscribers import hear_announcements
from points.terms.rules import ExpiryPolicy
from tiers.dormancy import services as dormancy

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = ZoneInfo("America/New_York")
Status = InactivityCase.Status


def at(*moment):
    return datetime(*moment, tzinfo=ZONE)


@pytest.fixture
def on(db):
    Programme(id=1, zone=ZONE.key).save()
    InactivityTerms(id=1, enabled=True).save()


@pytest.fixture
def idle(db):
    """A member with points who joined on that day and was not seen since."""

    def make(name, *day, points=101):
        member, _new = members.register(external_id=name, now=at(*day, 12))
        if points:
            ledger.earn(
                member_id=member.id, points=points, source=Source.BEHAVIOUR, subject="sample", policy=ExpiryPolicy("never"),
                occurred_at=at(*day, 12), actor="tests", key="sample", now=at(*day, 12),
            )  # fmt: skip
        return member

    return make


def night(*day):
    """The jobs of that night, in slices of two; what was counted."""
    now, counted = at(*day, 1, 40), {}
    after = None
    while True:
        _watched, after = dormancy.begin(after=after, limit=100, now=now)
        if after is None:
            break
    while dormancy.look(limit=100, now=now):
        pass
    for act in (services.look_again, None, services.tell):
        if act is None:
            counted |= services.void_due(limit=100, now=now)
            continue
        after, more = None, act is services.look_again or selectors.terms().enabled
        while more:
            done, after = act(after=after, limit=2, now=now)
            counted |= done
            more = after is not None
    return dict(counted)


def handed_over(member, *moment, channel="email"):
    case = InactivityCase.objects.get(member_id=member.id)
    told = {"kind": "inactivity_ahead", "key": case.key, "channel": channel, "at": at(*moment).isoformat()}
    if selectors.announces(kind=told["kind"], channel=channel):
        services.mark_handed_over(member_id=member.id, key=case.key, at=at(*moment), now=at(*moment))


def available(member, *day):
    return books.balance(member_id=member.id, now=at(*day)).available


def test_half_is_voided_after_a_year_thirty_days_after_it_was_announced(on, idle, assert_books_balance):
    member = idle("A", 2025, 11, 22)
    assert night(2026, 10, 22) == {}
    assert night(2026, 10, 23) == {"told": 1}
    message = Message.objects.get(kind="inactivity_ahead")
    assert (message.key, message.about) == ("inactivity/2025-11-22", {"points": 50, "day": "2026-11-22"})
    handed_over(member, 2026, 10, 23, 9)
    assert night(2026, 11, 21) == {}
    assert available(member, 2026, 11, 21, 23) == 101
    assert night(2026, 11, 22) == {"voided": 1}
    assert night(2026, 11, 22) == {}
    assert available(member, 2026, 11, 22, 23) == 51
    entry = Entry.objects.get(kind="forfeit")
    assert (entry.points, entry.key, entry.subject, entry.actor) == (50, "inactivity/2025-11-22", "inactivity/2025-11-22", "inactivity")
    assert Message.objects.get(kind="points_voided").about == {"points": 50, "day": "2026-11-22"}
    assert night(2028, 1, 1) == {}
    assert_books_balance()


def test_it_is_off_unless_somebody_switches_it_on(idle):
    Programme(id=1, zone=ZONE.key).save()
    idle("A", 2024, 1, 1)
    assert night(2026, 10, 23) == {}
    assert not InactivityCase.objects.exists()


def test_what_no_channel_has_taken_is_never_voided(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9, channel="inbox")
    assert night(2027, 10, 23) == {}
    assert InactivityCase.objects.get().status == Status.TOLD
    assert available(member, 2027, 10, 24) == 101


def test_the_inbox_counts_where_the_terms_say_so(on, idle):
    InactivityTerms(id=1, enabled=True, inbox_counts=True).save()
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9, channel="inbox")
    assert night(2026, 11, 22) == {"voided": 1}


def test_a_message_that_left_late_puts_the_day_off(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 11, 10, 9)
    assert InactivityCase.objects.get().due_at == at(2026, 12, 10)
    assert night(2026, 12, 9) == {}
    assert night(2026, 12, 10) == {"voided": 1}


def test_a_first_sign_of_life_cancels_it_and_a_birthday_does_not(on, idle):
    back, still = idle("A", 2025, 11, 22), idle("B", 2025, 11, 22)
    night(2026, 10, 23)
    for member in (back, still):
        handed_over(member, 2026, 10, 23, 9)
    when = at(2026, 11, 1, 9)
    recording.record_behaviour(member_id=back.id, kind="checked_in", external_id="x", data={"streak": 1}, occurred_at=when, ours=True, now=when)
    recording.record_behaviour(member_id=still.id, kind="birthday", external_id="2026", data={"year": 2026}, occurred_at=when, ours=True, now=when)
    assert night(2026, 11, 2) == {"cancelled": 1}
    assert night(2026, 11, 22) == {"voided": 1}
    assert (available(back, 2026, 11, 23), available(still, 2026, 11, 23)) == (101, 51)


def test_an_activity_of_the_very_last_moment_is_seen_under_the_lock(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9)
    when = at(2026, 11, 22, 0, 30)
    recording.record_behaviour(member_id=member.id, kind="checked_in", external_id="x", data={"streak": 1}, occurred_at=when, ours=True, now=when)
    assert services.void_due(limit=10, now=at(2026, 11, 22, 1, 40)) == {"cancelled": 1}


def test_switched_off_nothing_is_voided_and_what_is_open_is_cancelled_and_told_anew_later(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9)
    InactivityTerms(id=1, enabled=False).save()
    assert night(2026, 11, 22) == {"cancelled": 1}
    InactivityTerms(id=1, enabled=True).save()
    assert night(2026, 12, 1) == {"told": 1}
    case = InactivityCase.objects.get()
    assert (case.attempt, case.status, case.due_at, case.key) == (2, Status.TOLD, None, "inactivity/2025-11-22/2")
    handed_over(member, 2026, 12, 1, 9)
    assert night(2026, 12, 30) == {}
    assert night(2026, 12, 31) == {"voided": 1}


def test_no_more_is_voided_than_was_announced_and_no_more_than_is_there(on, idle, assert_books_balance):
    richer, poorer = idle("A", 2025, 11, 22), idle("B", 2025, 11, 22)
    night(2026, 10, 23)
    for member in (richer, poorer):
        handed_over(member, 2026, 10, 23, 9)
    about = {"subject": "sample", "actor": "tests", "key": "later", "now": at(2026, 11, 1, 9)}
    ledger.earn(member_id=richer.id, points=900, source=Source.BEHAVIOUR, policy=ExpiryPolicy("never"), occurred_at=at(2026, 11, 1, 9), **about)
    ledger.spend(member_id=poorer.id, points=91, **about)
    night(2026, 11, 22)
    assert (available(richer, 2026, 11, 23), available(poorer, 2026, 11, 23)) == (951, 5)
    assert_books_balance()


def test_a_frozen_account_is_left_until_it_is_free(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9)
    ledger.freeze(member_id=member.id, actor="tests", reason="sample", key="freeze", now=at(2026, 11, 1, 9))
    assert night(2026, 11, 22) == {"put_off": 1}
    ledger.unfreeze(member_id=member.id, actor="tests", reason="sample", key="unfreeze", now=at(2026, 11, 22, 9))
    assert night(2026, 11, 23) == {"voided": 1}


def test_where_the_message_is_switched_off_nothing_is_begun(on, idle):
    NotificationKind.objects.filter(code="inactivity_ahead").update(active=False)
    idle("A", 2025, 11, 22)
    assert night(2026, 10, 23) == {"unannounced": 1}
    assert not InactivityCase.objects.exists()


def test_who_has_nothing_or_takes_part_no_more_is_not_told(on, idle):
    idle("A", 2025, 11, 22, points=0)
    idle("B", 2025, 11, 22, points=1)
    members.close(member_id=idle("C", 2025, 11, 22).id)
    assert night(2026, 10, 23) == {}


def test_all_who_are_inactive_are_found_in_slices(on, idle):
    for n in range(5):
        idle(f"M{n}", 2025, 11, 1 + n)
    assert night(2026, 10, 23) == {"told": 1} or InactivityCase.objects.count() == 5
    assert InactivityCase.objects.count() == 5
    assert selectors.preview(now=at(2026, 11, 22)) == {"members": 0, "points": 0}


def test_the_preview_says_what_would_be_voided_now(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)
    handed_over(member, 2026, 10, 23, 9)
    assert selectors.preview(now=at(2026, 11, 21)) == {"members": 0, "points": 0}
    assert selectors.preview(now=at(2026, 11, 22)) == {"members": 1, "points": 50}


def test_the_announcement_is_heard_of_from_the_outbox(on, idle):
    member = idle("A", 2025, 11, 22)
    night(2026, 10, 23)

    payload = {"kind": "inactivity_ahead", "key": "inactivity/2025-11-22", "channel": "sms", "at": at(2026, 10, 23, 9).isoformat()}
    hear_announcements(Event(topic="accounts.notice_handed_over", member_id=member.id, payload=payload, now=at(2026, 10, 23, 9)))
    assert InactivityCase.objects.get().status == Status.ANNOUNCED
    assert date(2026, 11, 22) == (InactivityCase.objects.get().due_at.astimezone(ZONE) + timedelta()).date()
