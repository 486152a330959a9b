from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from loyalty.programme.models import Programme
from points.ledger import services as ledger
from points.reminders import services as reminders
from points.reminders.models import ReminderPass


def test_a_member_is_told_30_7_3_and_1_days_ahead_and_after_expiry(world):
    world.earn(100, 31)

    for _day in range(34):
        world.remind()
        world.pass_days(1)
        world.sweep()

    assert world.told() == [("03-11", 100, 0), ("04-03", 100, 0), ("04-07", 100, 0), ("04-09", 100, 0), ("04-11", 0, 100)]
    assert world.steps() == [30, 7, 3, 1, 0]
    assert [message.kind_id for message in world.messages()] == ["points_expiring"] * 4 + ["points_expired"]
    assert world.messages()[0].about["day"] == "2025-04-10"


def test_many_lots_are_one_message_with_amounts_and_dates(world):
    for points, days in ((10, 7), (5, 7), (20, 3), (7, 30), (1000, 12), (9, None)):
        world.earn(points, days)

    assert world.remind() == {"members": 1, "points": 1042}

    [message] = world.messages()
    assert message.about["points"] == 1042
    assert message.about["amounts"] == [
        {"points": 20, "day": "2025-03-13"},
        {"points": 15, "day": "2025-03-17"},
        {"points": 1000, "day": "2025-03-22"},
        {"points": 7, "day": "2025-04-09"},
    ]


def test_what_expired_and_what_will_are_one_message_of_a_day(world):
    world.earn(100, 0)
    world.earn(30, 8)
    world.remind()
    world.pass_days(1)
    world.sweep()
    world.remind()

    assert world.told() == [("03-10", 130, 0), ("03-11", 30, 100)]


def test_each_is_told_once_however_often_the_job_runs(world):
    world.earn(100, 7)

    for hours in (0, 1, 5):
        world.now += timedelta(hours=hours)
        world.remind()

    assert world.told() == [("03-10", 100, 0)]
    assert ReminderPass.objects.get().members == 1


def test_nobody_is_told_before_the_hour_that_is_set(world):
    world.terms(hour=12)
    world.earn(100, 7)

    assert world.remind() == {}
    world.now += timedelta(hours=1)
    assert world.remind() == {"members": 1, "points": 100}


def test_after_an_outage_the_steps_that_went_by_are_told_as_one(world):
    world.earn(100, 31)
    world.pass_days(26)

    for _day in range(3):
        world.remind()
        world.pass_days(1)

    # Five days were left: the step of seven. The one of thirty days is never told.
    assert world.told() == [("04-05", 100, 0), ("04-07", 100, 0)]
    assert world.steps() == [7, 3]


def test_what_expired_during_an_outage_is_told_when_it_is_over_unless_it_is_no_news(world):
    world.earn(100, 1)
    world.remind()
    world.pass_days(4)
    world.sweep()
    world.remind()
    world.earn(40, 1)
    world.pass_days(2)
    world.sweep()
    world.pass_days(9)
    world.remind()

    assert world.told() == [("03-10", 100, 0), ("03-14", 0, 100)]


def test_a_member_is_told_what_is_left_when_their_turn_comes(world):
    world.earn(100, 7, "A")
    world.earn(100, 7, "B")
    told = reminders.remind(slice_of=1, now=world.now)

    next(told)
    world.act(ledger.spend, "A", points=60)
    world.act(ledger.spend, "B", points=60)
    list(told)

    assert sorted(world.told("A") + world.told("B")) == [("03-10", 40, 0), ("03-10", 100, 0)]


def test_who_has_spent_everything_meanwhile_is_told_nothing(world):
    world.earn(100, 7)
    world.act(ledger.spend, points=100)

    assert world.remind() == {}
    assert world.messages() == []


def test_points_that_come_late_are_told_at_the_nearest_step(world):
    world.remind()
    world.earn(100, 2)
    world.pass_days(1)
    world.remind()

    # One day is left.
    assert world.steps() == [1]


def test_a_last_day_that_is_today_is_told_if_nobody_did_before(world):
    world.earn(100, 0)
    world.remind()

    assert world.told() == [("03-10", 100, 0)]


def test_points_over_on_arrival_are_no_news(world):
    world.earn(100, 1, occurred_at=world.now - timedelta(days=30))
    world.pass_days(1)

    assert world.kinds() == ["earn", "expire"]
    assert world.remind() == {}


def test_fewer_points_than_are_set_are_not_worth_a_message(world):
    world.terms(minimum_points=100)
    world.earn(60, 7)
    world.remind()
    world.earn(40, 6)
    world.pass_days(1)
    world.remind()

    assert world.told() == [("03-11", 100, 0)]


def test_only_the_days_that_are_set_are_told(world):
    world.terms(days=[5], after_expiry=False)
    world.earn(100, 6)

    for _day in range(9):
        world.remind()
        world.pass_days(1)
        world.sweep()

    assert world.steps() == [5]


def test_no_days_at_all_tell_only_what_has_expired(world):
    world.terms(days=[])
    world.earn(100, 0)
    world.remind()
    world.pass_days(1)
    world.sweep()
    world.remind()

    assert world.told() == [("03-11", 0, 100)]


def test_a_pass_that_was_killed_goes_on_where_it_was(world):
    for number in range(5):
        world.earn(100, 7, f"member {number}")
    killed = reminders.remind(slice_of=2, now=world.now)
    next(killed)
    killed.close()

    assert ReminderPass.objects.get().finished_at is None
    assert world.remind(slice_of=2) == {"members": 3, "points": 300}
    assert [len(world.told(f"member {number}")) for number in range(5)] == [1] * 5
    assert ReminderPass.objects.get().members == 5


def test_a_change_of_zone_moves_no_expiry_and_tells_nothing_twice(world):
    Programme.objects.create(zone="Asia/Shanghai")
    world.earn(100, 8)
    world.pass_days(1)
    world.remind()
    Programme.objects.update(zone="America/New_York")
    Programme._held.clear()

    for _hour in range(24):
        world.now += timedelta(hours=6)
        world.remind()

    # The end of 18 March in Shanghai is noon of that day in New York: three days ahead is the 15th there.
    assert [day for day, _points, _expired in world.told()] == ["03-11", "03-15"]
    assert world.steps() == [7, 3]


@pytest.mark.parametrize(
    ("zone", "start"),
    [("America/New_York", "2025-03-01T11:00"), ("America/New_York", "2025-10-25T11:00"), ("Asia/Beirut", "2025-03-23T11:00")],
)
def test_days_ahead_are_local_days_also_where_clocks_change(world, zone, start):
    Programme.objects.update_or_create(id=1, defaults={"zone": zone})
    Programme._held.clear()
    world.now = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    world.earn(100, 8)

    days = []
    for day in range(11):
        if world.remind():
            days.append(8 - day)
        world.pass_days(1)
        world.sweep()

    assert days == [8, 7, 3, 1, -1]
