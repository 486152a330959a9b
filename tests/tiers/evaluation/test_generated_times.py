"""Windows, terms and sprints over thousands of instants equal what counting days one by one comes to."""

import random
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tiers.evaluation import rules
from tiers.evaluation.rules import Policy

# Sao Paulo skipped midnight when its clocks went forward, until 2019.
ZONES = ("Asia/Shanghai", "America/New_York", "America/Sao_Paulo")
CASES = 800
INSTANT = timedelta(microseconds=1)


def edges(zone):
    """Instants at which something is likely to go wrong: month ends, leap days, changes of clocks, around midnight."""
    days = [date(2024, 2, 29), date(2023, 2, 28), date(2024, 3, 1), date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 8, 31)]
    days += [date(2026, 3, 8), date(2026, 11, 1), date(2018, 11, 4), date(2018, 2, 18), date(2017, 10, 15)]
    for day in days:
        begins = first_instant(day, zone)
        yield from (begins - INSTANT, begins, begins + INSTANT, begins + timedelta(hours=2, minutes=30))


def instants(zone, seed):
    dice = random.Random(seed)
    yield from edges(zone)
    for _ in range(CASES):
        yield datetime(2016, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(12 * 365 * 86_400), microseconds=dice.randrange(10**6))


def first_instant(day, zone):
    """Found by looking at the clock every quarter of an hour."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while moment.astimezone(zone).date() < day:
        moment += timedelta(minutes=15)
    return moment


def today(moment, zone):
    return moment.astimezone(zone).date()


def months_on(day, months):
    """One month after the other, and the day as far as the month has it."""
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month in (0, 13):
            year, month = (year + 1, 1) if month == 13 else (year - 1, 12)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


@pytest.mark.parametrize("name", ZONES)
def test_months_go_from_day_to_day(name):
    zone, dice, seen = ZoneInfo(name), random.Random(name), 0
    for moment in instants(zone, name):
        policy = Policy(term_months=dice.choice((1, 2, 3, 6, 12, 24)), grace_days=dice.choice((0, 1, 7, 31)), sprint_days=dice.choice((0, 1, 30, 400)))
        until = rules.term_end(policy, moment, zone)
        last = months_on(today(moment, zone), policy.term_months)
        assert until == first_instant(last + timedelta(days=1), zone)
        assert rules.climbing(policy, moment, zone) == (first_instant(months_on(today(moment, zone), -policy.term_months), zone), moment + INSTANT)
        assert rules.ending(policy, until, zone) == (first_instant(months_on(last + timedelta(days=1), -policy.term_months), zone), until)
        assert rules.next_term_end(policy, until, zone) == first_instant(months_on(last, policy.term_months) + timedelta(days=1), zone)
        assert rules.grace_end(policy, until, zone) == first_instant(last + timedelta(days=1 + policy.grace_days), zone)
        sprint = rules.sprint_from(policy, moment, until, zone)
        begins = first_instant(last - timedelta(days=policy.sprint_days - 1), zone)
        assert sprint == (max(begins, moment) if policy.sprint_days else None)
        assert moment < until < rules.next_term_end(policy, until, zone)
        seen += 1
    assert seen >= CASES


@pytest.mark.parametrize("name", ZONES)
def test_calendar_years_go_from_new_year_to_new_year(name):
    zone, dice = ZoneInfo(name), random.Random(name)
    for moment in instants(zone, f"{name} years"):
        policy = Policy(term_kind="calendar_year", term_years=dice.choice((0, 1, 2)))
        year = today(moment, zone).year
        until = rules.term_end(policy, moment, zone)
        assert until == first_instant(date(year + 1 + policy.term_years, 1, 1), zone)
        assert rules.climbing(policy, moment, zone).since == first_instant(date(year, 1, 1), zone)
        assert rules.ending(policy, until, zone) == (first_instant(date(year + policy.term_years, 1, 1), zone), until)
        assert rules.next_term_end(policy, until, zone) == first_instant(date(year + 2 + 2 * policy.term_years, 1, 1), zone)


def test_after_a_change_of_zone_no_term_is_shorter_than_its_months_less_a_day():
    dice = random.Random(5)
    for moment in instants(ZoneInfo("Asia/Shanghai"), 7):
        old, new = (ZoneInfo(name) for name in dice.sample(ZONES, 2))
        until = rules.term_end(Policy(), moment, old)
        following = rules.next_term_end(Policy(), until, new)
        assert following == first_instant(months_on(today(until - INSTANT, new), 12) + timedelta(days=1), new)
        assert timedelta(days=364) < following - until < timedelta(days=368)
