"""Where nothing may expire unannounced: if no notice was handed over N days before, the expiry is postponed to notice + N days."""

from datetime import timedelta

import pytest

from points.ledger import services as ledger
from points.ledger.models import Entry
from points.reminders import services as reminders
from points.reminders.models import ExpiryNotice


@pytest.fixture(autouse=True)
def must_announce(world):
    world.terms(must_announce=True, announce_days=7, days=[30, 7, 3, 1])


def days(world, number, *, deliver):
    """So many days pass, each with its sweep, its pass and, where it is time, the hand-over of the message."""
    for _day in range(number):
        world.sweep()
        told = len(world.messages())
        world.remind()
        if deliver and len(world.messages()) > told:
            world.hand_over()
        list(reminders.keep_unannounced(now=world.now + timedelta(hours=12)))
        world.pass_days(1)


def test_what_was_announced_in_time_expires_on_its_day(world):
    lot = world.earn(100, 31)
    end = world.lot(lot).expires_at

    days(world, 34, deliver=True)

    assert world.kinds() == ["earn", "expire"]
    assert world.lot(lot).expires_at == end
    assert world.steps() == [30, 7, 3, 1, 0]


def test_a_first_notice_at_n_days_is_in_time(world):
    lot = world.earn(100, 7)
    end = world.end(7)

    days(world, 9, deliver=True)

    assert world.lot(lot).expires_at == end
    assert world.kinds() == ["earn", "expire"]


def test_points_with_fewer_days_than_that_are_postponed_to_today_and_n_days_and_told(world):
    lot = world.earn(100, 2)
    world.remind()

    entry = Entry.objects.get(kind="postpone")
    assert (entry.actor, entry.points, entry.expires_at) == ("reminders", 100, world.end(7))
    assert world.lot(lot).expires_at == world.end(7)
    assert world.messages()[-1].about["day"] == (world.today + timedelta(days=7)).isoformat()
    assert world.steps() == [7]


def test_what_is_announced_late_is_good_until_the_notice_and_n_days(world):
    lot = world.earn(100, 7)
    world.remind()
    world.pass_days(2)
    world.hand_over()

    assert world.lot(lot).expires_at == world.end(7)
    assert ExpiryNotice.objects.get().expires_at == world.end(7)
    days(world, 9, deliver=True)
    assert world.kinds() == ["earn", "postpone", "expire"]


def test_a_message_that_no_channel_takes_announces_nothing_and_the_points_live_on(world):
    world.earn(100, 7)

    days(world, 60, deliver=False)

    assert world.available() == 100
    assert set(world.kinds()) == {"earn", "postpone"}
    # Tried again as each end comes near, not each day.
    assert 8 <= world.kinds().count("postpone") <= 11
    assert len([step for step in world.steps() if step == 7]) <= 11


def test_once_a_channel_takes_it_the_points_have_n_days(world):
    lot = world.earn(100, 7)
    days(world, 20, deliver=False)
    days(world, 1, deliver=False)
    while not world.remind():
        world.pass_days(1)
    world.hand_over()
    end = world.end(7)

    assert world.lot(lot).expires_at == end
    days(world, 9, deliver=True)
    assert world.kinds()[-1] == "expire"
    assert Entry.objects.get(kind="expire").occurred_at == end


def test_the_inbox_alone_announces_only_where_it_counts(world):
    assert not reminders.announces(kind="points_expiring", channel="inbox")
    assert reminders.announces(kind="points_expiring", channel="email")
    assert not reminders.announces(kind="tier_reached", channel="email")
    world.terms(inbox_counts=True)
    assert reminders.announces(kind="points_expired", channel="inbox")


def test_who_spends_meanwhile_has_nothing_postponed_and_what_is_left_is(world):
    gone, left = world.earn(100, 2), world.earn(50, 3)
    world.act(ledger.spend, points=120)

    world.remind()

    assert world.told() == [("03-10", 30, 0)]
    assert Entry.objects.get(kind="postpone").points == 30
    assert world.lot(gone).expires_at == world.end(2)
    assert world.lot(left).expires_at == world.end(7)


def test_held_points_are_kept_as_their_end_comes_near(world):
    lot = world.earn(100, 3)
    hold = world.act(ledger.hold, points=100, expires_at=world.end(30))
    days(world, 20, deliver=True)

    assert world.lot(lot).expires_at > world.now
    world.act(ledger.release, hold_id=hold.id)
    assert world.available() == 100
    world.remind()
    assert world.told()[-1][1] == 100


def test_what_is_held_past_its_end_while_the_jobs_are_down_is_kept_all_the_same(world):
    world.earn(100, 3)
    hold = world.act(ledger.hold, points=100, expires_at=world.end(30))
    world.pass_days(9)
    world.remind()
    world.act(ledger.release, hold_id=hold.id)

    assert world.available() == 100


def test_points_that_come_in_the_evening_are_kept_by_the_job_of_the_night(world):
    world.remind()
    world.now += timedelta(hours=9)
    lot = world.earn(100, 0)
    later = world.earn(100, 1)

    list(reminders.keep_unannounced(now=world.now))

    assert world.lot(lot).expires_at == world.end(7)
    assert world.lot(later).expires_at == world.end(1)


def test_points_that_expire_while_the_jobs_are_down_are_given_back_once(world):
    world.earn(100, 3)
    world.pass_days(5)
    world.sweep()
    assert world.available() == 0

    world.remind()
    world.pass_days(1)
    world.remind()

    assert world.kinds() == ["earn", "expire", "adjust"]
    assert world.available() == 100
    given = Entry.objects.get(kind="adjust")
    assert (given.actor, given.key) == ("reminders", f"unannounced/{Entry.objects.get(kind='expire').id}")
    # Good for as long as an announcement would have been: both are told.
    assert [(points, expired) for _day, points, expired in world.told()] == [(100, 100)]


def test_what_was_announced_is_not_given_back(world):
    world.earn(100, 7)
    world.remind()
    world.hand_over()
    world.pass_days(9)
    world.sweep()
    world.remind()

    assert world.available() == 0


def test_points_that_come_back_to_a_lot_that_is_over_are_given_back(world):
    world.earn(100, 3)
    spent = world.act(ledger.spend, points=100)
    world.pass_days(6)
    world.act(ledger.restore, entry_id=spent.id, points=40)
    world.pass_days(1)
    world.remind()

    assert world.kinds() == ["earn", "spend", "restore", "expire", "adjust"]
    assert world.available() == 40


def test_what_expired_before_it_was_asked_for_is_not_given_back(world):
    world.terms(must_announce=False)
    world.remind()
    world.earn(100, 0)
    world.pass_days(1)
    world.sweep()
    world.terms(must_announce=True, must_announce_since=world.now)
    world.remind()

    assert world.available() == 0


def test_points_over_on_arrival_are_not_given_back(world):
    world.remind()
    world.earn(100, 1, occurred_at=world.now - timedelta(days=30))
    world.pass_days(1)
    world.remind()

    assert world.kinds() == ["earn", "expire"]


def test_a_day_ahead_may_be_all_that_is_asked_for(world):
    world.terms(announce_days=1, days=[1])
    lot = world.earn(100, 1)
    end = world.end(1)

    days(world, 3, deliver=True)

    assert world.lot(lot).expires_at == end
    assert world.kinds() == ["earn", "expire"]


def test_small_sums_are_announced_too(world):
    world.terms(minimum_points=1000)
    world.earn(5, 7)
    world.remind()

    assert world.told() == [("03-10", 5, 0)]


def test_without_the_setting_nothing_is_postponed(world):
    world.terms(must_announce=False)
    world.earn(100, 2)
    world.remind()
    list(reminders.keep_unannounced(now=world.now))

    assert world.kinds() == ["earn"]


def test_one_members_trouble_stops_no_other(world, monkeypatch):
    world.earn(100, 2, "A")
    world.earn(100, 2, "B")
    postpone, first = ledger.postpone, world.member("A").id

    def fails_for_one(**content):
        if content["member_id"] == first:
            raise RuntimeError
        return postpone(**content)

    monkeypatch.setattr(ledger, "postpone", fails_for_one)

    assert world.remind() == {"postponed": 1, "failed": 1, "members": 2, "points": 200}
    assert (world.kinds("A"), world.kinds("B")) == (["earn"], ["earn", "postpone"])


def test_a_message_that_is_handed_over_is_noted_by_the_event_of_it(world, django_capture_on_commit_callbacks):
    world.terms(inbox_counts=True)
    world.earn(100, 7)

    with django_capture_on_commit_callbacks(execute=True):
        world.remind()

    assert ExpiryNotice.objects.get().handed_over_at == world.now
