"""Periods are named like 2026-10 (a month) and 2026-W41 (an ISO week, Monday to Sunday)."""

from datetime import date, timedelta

from loyalty.lib.localtime import add_months

MONTH, WEEK = "month", "week"
# How many periods gone by are made up for, after the job was away.
MOST_MISSED = 12


def period_of(day: date, span: str) -> str:
    """The period in which that business day lies."""
    if span == MONTH:
        return f"{day.year:04}-{day.month:02}"
    year, week, _weekday = day.isocalendar()
    return f"{year:04}-W{week:02}"


def bounds(period: str) -> tuple[date, date]:
    """Its first day, and the first day after it."""
    year, _dash, number = period.partition("-")
    if number.startswith("W"):
        monday = date.fromisocalendar(int(year), int(number[1:]), 1)
        return monday, monday + timedelta(days=7)
    first = date(int(year), int(number), 1)
    return first, add_months(first, 1)


def before(period: str) -> str:
    first, _after = bounds(period)
    return period_of(first - timedelta(days=1), WEEK if "W" in period else MONTH)


def due(*, span: str, starts_on: date, wait_days: int, today: date) -> list[str]:
    """The periods to be counted by now, the oldest first: over for `wait_days` days, none before the one in which `starts_on` lies."""
    found: list[str] = []
    period = before(period_of(today - timedelta(days=wait_days), span))
    while bounds(period)[1] > starts_on and len(found) < MOST_MISSED:
        found.append(period)
        period = before(period)
    return found[::-1]
