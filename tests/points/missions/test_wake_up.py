"""Missions for members who were dormant: for exactly them, until some days after they are back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.members import services as members
from points.missions import rules, selectors
from points.missions.rules import Schedule, Sleep, Step
from tiers.dormancy import services as dormancy

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def shown(schedule, moment, slept, returned=None):
    sleep = slept and Sleep(at(slept), returned and at(returned))
    found = rules.period(schedule, at=at(moment), registered_at=at("2026-01-01"), zone=SHANGHAI, sleep=sleep)
    return found and (found.name, *(end and end.astimezone(SHANGHAI).strftime("%m-%d %H:%M") for end in (found.since, found.until)))


DAY = {"starts_on": at("2026-10-01").date()}


@pytest.mark.parametrize(
    ("schedule", "moment", "slept", "returned", "expected"),
    [
        (Schedule("wake_up", 7), "2026-11-21 12:00", None, None, None),
        (Schedule("wake_up", 7), "2026-11-21 12:00", "2026-11-01 01:10", None, ("2026-11-01", "11-01 01:10", None)),
        (Schedule("wake_up", 7), "2026-11-21 12:00", "2026-11-01 01:10", "2026-11-20 23:59", ("2026-11-01", "11-01 01:10", "11-28 00:00")),
        (Schedule("wake_up", 0), "2026-11-21 12:00", "2026-11-01 01:10", "2026-11-20 00:00", ("2026-11-01", "11-01 01:10", "11-21 00:00")),
        (Schedule("wake_up", 7, **DAY), "2026-09-30 23:59", "2026-09-01 01:10", None, None),
        (Schedule("wake_up", 7, **DAY), "2026-10-01 00:00", "2026-09-01 01:10", None, ("2026-09-01", "10-01 00:00", None)),
        (Schedule("wake_up", 7, **DAY), "2026-10-02 00:00", "2026-09-01 01:10", "2026-09-23 12:00", None),
        (Schedule("wake_up", 7, **DAY), "2026-10-02 00:00", "2026-09-01 01:10", "2026-09-24 12:00", ("2026-09-01", "10-01 00:00", "10-02 00:00")),
        (Schedule("wake_up", 7, ends_on=at("2026-11-05").date()), "2026-11-05 12:00", "2026-11-01 01:10", None, ("2026-11-01", "11-01 01:10", "11-06 00:00")),
        (Schedule("wake_up", 7, ends_on=at("2026-10-05").date()), "2026-11-05 12:00", "2026-11-01 01:10", None, None),
    ],
)
def test_its_period_is_the_sleep_and_some_days_after_the_return(schedule, moment, slept, returned, expected):
    assert shown(schedule, moment, slept, returned) == expected


NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)
SLEPT = NOON - timedelta(days=5)


@pytest.fixture
def asleep(db):
    """Somebody joined long ago, was not seen since, and was found dormant five days ago."""

    def make(name, joined=NOON - timedelta(days=110)):
        found, _new = members.register(external_id=name, now=joined)
        dormancy.begin(after=None, limit=100, now=SLEPT)
        dormancy.look(limit=100, now=SLEPT)
        return found

    return make


@pytest.fixture
def come_back(published):
    return published("come-back", Step("purchase", 1), kind="wake_up", days=3, automatic=True, points=300, now=SLEPT)


def offered(mission, member, when=NOON):
    return [one.completion is None for one in selectors.progress([mission], member=member, at=when)]


def test_only_who_is_dormant_is_offered_it(come_back, asleep):
    sleeper, other = asleep("A"), asleep("B", NOON - timedelta(days=20))
    assert (offered(come_back, sleeper), offered(come_back, other)) == ([True], [])
    assert [one.mission.code for one in selectors.shown([come_back], member=sleeper, now=NOON)] == ["come-back"]
    assert selectors.shown([come_back], member=other, now=NOON) == []


@pytest.fixture
def member(asleep):
    return asleep("M-1")


def test_the_purchase_that_brings_them_back_completes_it(come_back, member, buys, completion, available):
    buys("P-1")
    assert completion("come-back").status == "granted"
    assert available() == 300


def test_it_stays_for_some_days_after_the_return_and_is_over_then(published, member, shares):
    mission = published("shares", Step("shared", 3), kind="wake_up", days=3, points=300, now=SLEPT)
    shares(1, 2)
    assert [step.done for one in selectors.progress([mission], member=member, at=NOON) for step in one.steps] == [2]
    (shown_now,) = selectors.shown([mission], member=member, now=NOON + timedelta(days=3))
    (shown_later,) = selectors.shown([mission], member=member, now=NOON + timedelta(days=4))
    assert (shown_now.status, shown_later.status) == ("open", "ended")


def test_what_was_done_before_they_slept_does_not_count(published, member, did):
    mission = published("shares", Step("shared", 1), kind="wake_up", days=3, points=300, now=SLEPT)
    did("shared", "S-0", subject="a", at=SLEPT - timedelta(days=20), now=NOON)
    assert [step.done for one in selectors.progress([mission], member=member, at=NOON) for step in one.steps] == [0]


def test_it_is_told_in_words(come_back):
    assert "沉睡会员" in selectors.in_words(come_back)
