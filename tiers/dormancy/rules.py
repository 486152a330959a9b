"""Stages of not being seen. Pure: all days are business days of the programme."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from loyalty.lib.localtime import add_months

Stage = Literal["active", "quiet", "dormant", "lost"]
# Everybody is looked at once in so long, so that other terms reach all.
LOOK_AGAIN = timedelta(days=28)
ASLEEP: frozenset[Stage] = frozenset({"dormant", "lost"})


@dataclass(frozen=True, slots=True)
class Terms:
    """After so many days quiet, after so many calendar months dormant, and then lost."""

    quiet_days: int = 30
    dormant_months: int = 3
    lost_months: int = 12


def value(last_on: date, today: date) -> int:
    """Whole days without a sign of life."""
    return max(0, (today - last_on).days)


def turns(terms: Terms, last_on: date) -> list[tuple[date, Stage]]:
    """On which day each stage begins for who was last seen on `last_on`, the last stage first."""
    return [
        (add_months(last_on, terms.lost_months), "lost"),
        (add_months(last_on, terms.dormant_months), "dormant"),
        (last_on + timedelta(days=terms.quiet_days), "quiet"),
    ]


def stage(terms: Terms, last_on: date, today: date) -> Stage:
    """The stage on that day: of several that have begun, the last."""
    return next((name for first, name in turns(terms, last_on) if first <= today), "active")


def due(terms: Terms, last_on: date, today: date) -> date:
    """The next day on which there may be something new: a later stage, or, of who sleeps, that they are back."""
    if stage(terms, last_on, today) in ASLEEP:
        return today + timedelta(days=1)
    return min(today + LOOK_AGAIN, *(first for first, _name in turns(terms, last_on) if first > today))
