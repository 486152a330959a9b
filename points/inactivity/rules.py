"""When points are voided for inactivity, and how many. Pure: business days of the programme."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    days: int = 365
    ahead_days: int = 30
    percent: int = 50


def last_active_by(terms: Terms, today: date) -> date:
    """Who was last active on that day, or before, is to be told today."""
    return today - timedelta(days=terms.days - terms.ahead_days)


def due_on(terms: Terms, since: date, announced_on: date) -> date:
    """The day on which it happens: after all the days of inactivity, and not before all the announced days."""
    return max(since + timedelta(days=terms.days), announced_on + timedelta(days=terms.ahead_days))


def part(terms: Terms, points: int) -> int:
    """How many of these points are voided, rounded down."""
    return max(0, points) * terms.percent // 100
