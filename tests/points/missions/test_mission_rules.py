"""Periods, progress, and what is wrong with a mission, as tables."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.activity.rules import Field, Tally
from points.missions import rules
from points.missions.rules import FactKind, Schedule, Step

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def period(schedule, moment, registered="2026-11-10 12:00", zone=SHANGHAI):
    return rules.period(schedule, at=at(moment, zone), registered_at=registered and at(registered, zone), zone=zone)


def shown(found, zone=SHANGHAI):
    """The period's name and its ends, in local time."""
    ends = [end and end.astimezone(zone).strftime("%m-%d %H:%M") for end in (found.since, found.until)]
    return (found.name, *ends)


class TestPeriods:
    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            ("2026-11-21 00:00:00", ("2026-11-21", "11-21 00:00", "11-22 00:00")),
            ("2026-11-21 23:59:59", ("2026-11-21", "11-21 00:00", "11-22 00:00")),
            ("2026-11-22 00:00:00", ("2026-11-22", "11-22 00:00", "11-23 00:00")),
            ("2026-12-31 23:59:59", ("2026-12-31", "12-31 00:00", "01-01 00:00")),
        ],
    )
    def test_a_daily_mission_runs_from_midnight_to_midnight_of_the_programmes_zone(self, moment, expected):
        assert shown(period(Schedule("daily"), moment)) == expected

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [
            ("2026-11-15 23:59:59", ("2026-W46", "11-09 00:00", "11-16 00:00")),
            ("2026-11-16 00:00:00", ("2026-W47", "11-16 00:00", "11-23 00:00")),
            ("2026-11-22 23:59:59", ("2026-W47", "11-16 00:00", "11-23 00:00")),
            ("2026-12-31 12:00:00", ("2026-W53", "12-28 00:00", "01-04 00:00")),
            ("2027-01-03 12:00:00", ("2026-W53", "12-28 00:00", "01-04 00:00")),
            ("2027-01-04 00:00:00", ("2027-W01", "01-04 00:00", "01-11 00:00")),
        ],
    )
    def test_a_weekly_mission_runs_from_monday_to_monday_also_across_the_new_year(self, moment, expected):
        assert shown(period(Schedule("weekly"), moment)) == expected

    def test_a_day_on_which_clocks_change_is_as_long_as_it_is(self):
        found = period(Schedule("daily"), "2026-11-01 12:00", zone=NEW_YORK)
        assert found.until - found.since == timedelta(hours=25)
        found = period(Schedule("daily"), "2026-03-08 12:00", zone=NEW_YORK)
        assert found.until - found.since == timedelta(hours=23)

    def test_the_same_instant_is_another_day_elsewhere(self):
        moment = datetime(2026, 11, 21, 2, tzinfo=UTC)
        names = [rules.period(Schedule("daily"), at=moment, registered_at=None, zone=zone).name for zone in (SHANGHAI, NEW_YORK)]
        assert names == ["2026-11-21", "2026-11-20"]

    @pytest.mark.parametrize(
        ("days", "expected"),
        [(1, ("ever", "11-10 00:00", "11-12 00:00")), (7, ("ever", "11-10 00:00", "11-18 00:00"))],
    )
    def test_a_newcomers_days_are_counted_after_the_day_of_registration(self, days, expected):
        schedule = Schedule("newcomer", days)
        assert shown(period(schedule, "2026-11-10 12:00")) == expected
        assert shown(period(schedule, "2027-11-10 12:00")) == expected

    def test_a_newcomers_days_are_over_at_their_last_midnight(self):
        found = period(Schedule("newcomer", 7), "2026-11-10 12:00")
        assert not found.over(at("2026-11-17 23:59:59"))
        assert found.over(at("2026-11-18 00:00:00"))

    def test_who_is_not_registered_is_no_newcomer(self):
        assert period(Schedule("newcomer", 7), "2026-11-10 12:00", registered=None) is None

    def test_who_registered_long_before_the_pack_began_is_no_newcomer(self):
        assert period(Schedule("newcomer", 7, starts_on=date(2026, 11, 18)), "2026-11-20 12:00") is None
        assert shown(period(Schedule("newcomer", 7, starts_on=date(2026, 11, 17)), "2026-11-20 12:00")) == ("ever", "11-17 00:00", "11-18 00:00")

    def test_an_achievement_counts_ever_or_from_a_day_on(self):
        assert shown(period(Schedule("achievement"), "2026-11-10 12:00")) == ("ever", None, None)
        assert shown(period(Schedule("achievement", counts_from=date(2026, 1, 1)), "2026-11-10 12:00")) == ("ever", "01-01 00:00", None)

    def test_an_achievement_counts_what_was_done_before_its_first_day(self):
        schedule = Schedule("achievement", starts_on=date(2026, 11, 10), ends_on=date(2026, 11, 20))
        assert shown(period(schedule, "2026-11-10 00:00")) == ("ever", None, "11-21 00:00")
        assert period(schedule, "2026-11-09 23:59:59") is None

    @pytest.mark.parametrize(
        ("kind", "moment", "expected"),
        [
            ("daily", "2026-11-17 23:59:59", None),
            ("daily", "2026-11-18 00:00:00", ("2026-11-18", "11-18 00:00", "11-19 00:00")),
            ("daily", "2026-11-25 23:59:59", ("2026-11-25", "11-25 00:00", "11-26 00:00")),
            ("daily", "2026-11-26 00:00:00", None),
            ("weekly", "2026-11-17 12:00", None),
            ("weekly", "2026-11-18 12:00", ("2026-W47", "11-18 00:00", "11-23 00:00")),
            ("weekly", "2026-11-23 12:00", ("2026-W48", "11-23 00:00", "11-26 00:00")),
            ("weekly", "2026-11-30 12:00", None),
        ],
    )
    def test_nothing_counts_before_the_first_day_and_after_the_last(self, kind, moment, expected):
        found = period(Schedule(kind, starts_on=date(2026, 11, 18), ends_on=date(2026, 11, 25)), moment)
        assert (found and shown(found)) == expected


class TestProgress:
    @pytest.mark.parametrize(
        ("found", "needed", "percent", "complete"),
        [
            ((0,), (1,), 0, False),
            ((1,), (1,), 100, True),
            ((9,), (1,), 100, True),
            ((2,), (3,), 66, False),
            ((5, 0), (5, 1), 83, False),
            ((500, 0), (5, 1), 83, False),
            ((99_999,), (100_000,), 99, False),
            ((5, 1), (5, 1), 100, True),
        ],
    )
    def test_progress_is_rounded_down_and_100_percent_is_complete(self, found, needed, percent, complete):
        done = rules.done([Step("shared", count) for count in needed], [Tally(count) for count in found])
        assert (rules.percent(done), rules.complete(done)) == (percent, complete)

    def test_a_mission_without_steps_is_never_complete(self):
        assert not rules.complete([])
        assert rules.percent([]) == 0

    def test_the_last_of_the_facts_that_completed_a_step_completed_the_mission(self):
        steps = [Step("shared", 5), Step("purchase"), Step("liked")]
        tallies = [Tally(5, "S-5", at("2026-11-21 10:00")), Tally(3, "P-1", at("2026-11-21 12:00")), Tally(1, "L-1", at("2026-11-21 11:00"))]
        assert rules.completer(steps, tallies) == ("purchase", "P-1")

    @pytest.mark.parametrize(("days", "last"), [(1, "2026-11-22"), (7, "2026-11-28")])
    def test_claiming_is_too_late_after_so_many_business_days(self, days, last):
        until = rules.claim_until(at=at("2026-11-21 23:59:59"), days=days, zone=SHANGHAI)
        assert until == at(last + " 00:00") + timedelta(days=1)


KINDS = {
    "shared": FactKind("shared", {"subject": Field("subject")}),
    "reviewed": FactKind("reviewed", {"pictures": Field("pictures", "number"), "anonymous": Field("anonymous", "flag")}),
    "bound": FactKind("bound", {"channel": Field("channel", choices=("wechat", "alipay"))}),
    "registered": FactKind("registered", {}, once="ever"),
    "checked_in": FactKind("checked_in", {"streak": Field("streak", "number")}, once="day"),
    "old": FactKind("old", {}, active=False),
}
GOOD = {"points": 10, "effects": 0, "automatic": False, "claim_days": 7, "kinds": KINDS, "today": date(2026, 11, 21)}


def found(schedule=Schedule("achievement"), steps=(Step("shared"),), **terms):  # noqa: B008 (frozen)
    return [(flaw.step, flaw.field, flaw.code) for flaw in rules.flaws(schedule, steps, **{**GOOD, **terms})]


class TestFlaws:
    def test_a_good_mission_has_none(self):
        assert found() == []
        assert found(points=0, effects=1) == []
        assert found(automatic=True, claim_days=0) == []

    @pytest.mark.parametrize(
        ("schedule", "flaw"),
        [
            (Schedule("newcomer", 0), ("days", "days_missing")),
            (Schedule("newcomer", 1), None),
            (Schedule("daily", starts_on=date(2026, 12, 2), ends_on=date(2026, 12, 1)), ("ends_on", "ends_before_start")),
            (Schedule("daily", starts_on=date(2026, 12, 1), ends_on=date(2026, 12, 1)), None),
            (Schedule("daily", ends_on=date(2026, 11, 20)), ("ends_on", "over")),
            (Schedule("daily", ends_on=date(2026, 11, 21)), None),
            (Schedule("achievement", counts_from=date(2026, 12, 2), ends_on=date(2026, 12, 1)), ("counts_from", "counts_after_end")),
            (Schedule("achievement", counts_from=date(2026, 12, 1), ends_on=date(2026, 12, 1)), None),
        ],
    )
    def test_its_days_must_make_sense(self, schedule, flaw):
        assert found(schedule) == ([(None, *flaw)] if flaw else [])

    @pytest.mark.parametrize(
        ("terms", "flaw"),
        [
            ({"steps": ()}, (None, "", "no_step")),
            ({"points": 0}, (None, "points", "nothing_to_win")),
            ({"claim_days": 0}, (None, "claim_days", "claim_days_missing")),
            ({"steps": (Step("shared"), Step("nonsense"))}, (1, "fact", "kind_unknown")),
            ({"steps": (Step("old"),)}, (0, "fact", "kind_inactive")),
        ],
    )
    def test_it_must_ask_for_something_and_give_something(self, terms, flaw):
        assert found(**terms) == [flaw]

    @pytest.mark.parametrize(
        ("schedule", "fact", "most"),
        [
            (Schedule("achievement"), "registered", 1),
            (Schedule("daily"), "checked_in", 1),
            (Schedule("weekly"), "checked_in", 7),
            (Schedule("newcomer", 3), "checked_in", 4),
        ],
    )
    def test_no_step_asks_for_more_than_can_be_done(self, schedule, fact, most):
        assert found(schedule, (Step(fact, most),)) == []
        assert found(schedule, (Step(fact, most + 1),)) == [(0, "needed", "never_reached")]

    def test_what_is_done_once_a_day_can_be_done_often_in_a_lifetime(self):
        assert found(Schedule("achievement"), (Step("checked_in", 365),)) == []

    @pytest.mark.parametrize(
        ("step", "flaw"),
        [
            (Step("shared", 0), ("needed", "needed_missing")),
            (Step("reviewed", field="pictures", value="1"), None),
            (Step("reviewed", field="pictures", compare="is", value="3"), None),
            (Step("purchase", field="amount_cents", value="9900"), None),
            (Step("purchase", field="paid_cents", value="9900"), ("field", "field_unknown")),
            (Step("reviewed", field="pictures"), ("value", "condition_half")),
            (Step("reviewed", value="1"), ("field", "condition_half")),
            (Step("reviewed", field="stars", value="1"), ("field", "field_unknown")),
            (Step("reviewed", field="pictures", value="many"), ("value", "value_no_number")),
            (Step("reviewed", field="pictures", value="1.5"), ("value", "value_no_number")),
            (Step("reviewed", field="anonymous", compare="is", value="true"), None),
            (Step("reviewed", field="anonymous", compare="is", value="yes"), ("value", "value_no_flag")),
            (Step("shared", field="subject", value="a"), ("compare", "not_a_number")),
            (Step("shared", field="subject", compare="is", value="a"), None),
            (Step("bound", field="channel", compare="is", value="wechat"), None),
            (Step("bound", field="channel", compare="is", value="fax"), ("value", "value_no_choice")),
            (Step("shared", distinct="subject"), None),
            (Step("shared", distinct="colour"), ("distinct", "distinct_unknown")),
            (Step("purchase", distinct="amount_cents"), ("distinct", "distinct_unknown")),
        ],
    )
    def test_a_condition_must_fit_the_kind_of_fact(self, step, flaw):
        assert found(steps=(step,)) == ([(0, *flaw)] if flaw else [])

    def test_all_flaws_are_told_at_once(self):
        steps = (replace(Step("reviewed"), field="stars", value="1"), Step("nonsense"))
        assert found(Schedule("newcomer", 0), steps, points=0, claim_days=0) == [
            (None, "days", "days_missing"),
            (None, "points", "nothing_to_win"),
            (None, "claim_days", "claim_days_missing"),
            (0, "field", "field_unknown"),
            (1, "fact", "kind_unknown"),
        ]
