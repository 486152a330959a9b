"""Periods, what a budget pays for, and when it raises an alarm. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

ALARMS = (50, 80, 100)
# Before the id of a budget: the counter that it is kept in.
COUNTER = "budget/"
# Where a period without end begins.
BEGINNING = date(1970, 1, 1)
ENDLESS = ("total", "life")


def period_start(period: str, day: date) -> date:
    """The first day of the period in which a business day lies; weeks begin on Monday."""
    if period in ENDLESS:
        return BEGINNING
    if period == "year":
        return day.replace(month=1, day=1)
    if period == "month":
        return day.replace(day=1)
    if period == "week":
        return day - timedelta(days=day.weekday())
    assert period == "day", f"no such period: {period}"
    return day


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What something costs a budget, or the counter of that name, in the period that begins at `starts`. A limit of None is none."""

    budget_id: int | None = None
    counter: str = ""
    starts: date
    points: int = 0
    times: int = 1
    limit_points: int | None = None
    limit_times: int | None = None

    @property
    def name(self) -> str:
        return self.counter if self.budget_id is None else counter_of(self.budget_id)


def counter_of(budget_id: int) -> str:
    """The counter that a budget is kept in."""
    return f"{COUNTER}{budget_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget, as decisions know it. `scope`: rule, campaign, cost_centre or all; `at_end`: stop, cut or go_on."""

    id: int
    code: str
    scope: str = "all"
    of: str = ""
    period: str = "total"
    points: int
    at_end: str = "stop"
    starts_on: date | None = None
    ends_on: date | None = None

    def runs_on(self, day: date) -> bool:
        return (self.starts_on is None or self.starts_on <= day) and (self.ends_on is None or day <= self.ends_on)

    def charge(self, points: int, *, day: date) -> Charge:
        """What a fact of that day costs it, under its limit unless it goes on regardless."""
        limit = None if self.at_end == "go_on" else self.points
        return Charge(budget_id=self.id, starts=period_start(self.period, day), points=points, limit_points=limit)


def matches(budget: Budget, *, rule_code: str, campaign: str = "", cost_centre: str = "") -> bool:
    """Whether the budget pays for what a rule gives, of that campaign and cost centre."""
    if budget.scope == "all":
        return True
    return budget.of == {"rule": rule_code, "campaign": campaign, "cost_centre": cost_centre}[budget.scope]


def alarms(before: int, after: int, limit: int) -> Sequence[int]:
    """The percentages of the limit that are reached on the way from `before` to `after`."""
    return [percent for percent in ALARMS if 100 * before < percent * limit <= 100 * after]


@dataclass(frozen=True, slots=True)
class Left:
    """What may still be charged, never below zero; None: without limit."""

    points: int | None
    times: int | None


def left(charge: Charge, *, points: int, times: int) -> Left:
    """What is left under the charge's limits where so much was used already."""
    return Left(
        None if charge.limit_points is None else max(0, charge.limit_points - points),
        None if charge.limit_times is None else max(0, charge.limit_times - times),
    )


def merged(charges: Sequence[Charge]) -> list[Charge]:
    """One charge for each counter: what is charged twice is charged once with the sum, under the stricter limits."""
    found: dict[str, Charge] = {}
    for charge in charges:
        other = found.get(charge.name)
        if other is not None:
            assert other.starts == charge.starts, f"{charge.name} is charged in two periods at once"
            charge = Charge(
                counter=charge.name,
                starts=charge.starts,
                points=other.points + charge.points,
                times=other.times + charge.times,
                limit_points=_stricter(other.limit_points, charge.limit_points),
                limit_times=_stricter(other.limit_times, charge.limit_times),
            )
        found[charge.name] = charge
    return [found[name] for name in sorted(found)]


def _stricter(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
