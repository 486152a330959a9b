"""Where figures put a member, and from when to when they count. Pure: no clock, no database; every figure a whole number."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import add_months, end_of_day, local_date, start_of_day
from tiers.ladder.rules import Ladder, Step, one_below, place, reached

FULL = 10_000
# Quintiles are 1 to 5; a figure of four of them is a hundred times their mean.
BEST = 5
INSTANT = timedelta(microseconds=1)
FIFTHS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Cuts:
    """The four values that part each dimension into fifths, the lowest first. Recency in days since the last order."""

    recency: Sequence[int]
    frequency: Sequence[int]
    monetary: Sequence[int]
    lifetime: Sequence[int]


@dataclass(frozen=True, slots=True)
class Policy:
    mode: str = "growth"
    term_kind: str = "months"
    term_months: int = 12
    term_years: int = 0
    at_end: str = "fall_to_figures"
    grace_days: int = 0
    spend_weight: int = 60
    interaction_weight: int = 40
    spend_full_cents: int = 1_000_000
    interaction_full: int = 1_000
    recency_weight: int = 25
    frequency_weight: int = 25
    monetary_weight: int = 25
    lifetime_weight: int = 25
    sprint_days: int = 30
    sprint_bps: int = 20_000
    cuts: Cuts | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What a member has between two times. `last_day`: of the last order, ever; `lifetime`: money spent, ever; both only where they are asked."""

    growth: int = 0
    spend: int = 0
    interaction: int = 0
    orders: int = 0
    lifetime: int = 0
    last_day: date | None = None


class Window(NamedTuple):
    """From an instant up to another, which is not in it."""

    since: datetime
    until: datetime


# Figures


def figure(policy: Policy, seen: Figures, *, on: date) -> int:
    """What a member's figures come to on that day: growth, cents, 0 to 10,000 of two dimensions, 100 to 500 of four quintiles."""
    match policy.mode:
        case "growth":
            return seen.growth
        case "spend":
            return seen.spend
        case "two_dimensions":
            return two_dimensions(policy, seen)
    return four_quintiles(policy, scores(policy, seen, on=on))


def unit(policy: Policy) -> str:
    """In what the figure, and so every threshold, is counted: growth, cents or score."""
    return {"growth": "growth", "spend": "cents"}.get(policy.mode, "score")


def two_dimensions(policy: Policy, seen: Figures) -> int:
    """Each dimension in proportion to its full share, 0 to 10,000 and no further; their weighted mean, one floor at the end."""
    spend, full = min(max(0, seen.spend), policy.spend_full_cents), policy.spend_full_cents
    interaction, all_of_it = min(max(0, seen.interaction), policy.interaction_full), policy.interaction_full
    weighted = policy.spend_weight * spend * all_of_it + policy.interaction_weight * interaction * full
    return FULL * weighted // (full * all_of_it * (policy.spend_weight + policy.interaction_weight))


class Scores(NamedTuple):
    recency: int
    frequency: int
    monetary: int
    lifetime: int


LEAST = Scores(1, 1, 1, 1)


def scores(policy: Policy, seen: Figures, *, on: date) -> Scores:
    """In which fifth of all members who ever bought a member is, 1 to 5, best is 5. Who never bought, or has nothing left of it, is in the lowest."""
    if policy.cuts is None or seen.last_day is None:
        return LEAST
    days = max(0, (on - seen.last_day).days)
    cuts = policy.cuts
    return Scores(
        BEST + 1 - fifth(days, cuts.recency), fifth(seen.orders, cuts.frequency), fifth(seen.spend, cuts.monetary), fifth(seen.lifetime, cuts.lifetime)
    )


def fifth(value: int, cuts: Sequence[int]) -> int:
    """1 up to the first cut, 2 above it up to the second …, 5 above the last."""
    return 1 + bisect_left(cuts, value)


def four_quintiles(policy: Policy, found: Scores) -> int:
    weights = (policy.recency_weight, policy.frequency_weight, policy.monetary_weight, policy.lifetime_weight)
    return 100 * sum(weight * score for weight, score in zip(weights, found, strict=True)) // sum(weights)


def quintiles(values: Sequence[int]) -> list[int]:
    """The cuts of these values: each the smallest value that so many fifths of them do not exceed. Zeros of no values at all."""
    ordered = sorted(values)
    return [ordered[-(-len(ordered) * part // 5) - 1] for part in FIFTHS] if ordered else [0] * len(FIFTHS)


# Times


def climbing(policy: Policy, at: datetime, zone: ZoneInfo, *, until: datetime | None = None) -> Window:
    """What counts for rising at an instant: the last months, from the beginning of a local day, or the calendar year; with what happened at it."""
    today = local_date(at, zone)
    first = date(today.year, 1, 1) if policy.term_kind == "calendar_year" else add_months(today, -policy.term_months)
    return Window(start_of_day(first, zone), until or at + INSTANT)


def ending(policy: Policy, at: datetime, zone: ZoneInfo) -> Window:
    """What counts for rising when a term ends at an instant: what happened before it; of calendar years, the one that is over."""
    if policy.term_kind == "calendar_year":
        return Window(start_of_day(date(local_date(at - INSTANT, zone).year, 1, 1), zone), at)
    return climbing(policy, at, zone, until=at)


def term_end(policy: Policy, since: datetime, zone: ZoneInfo) -> datetime:
    """When a tier reached at an instant ends: after the same day of the month, months later, or with the calendar year."""
    day = local_date(since, zone)
    if policy.term_kind == "calendar_year":
        return start_of_day(date(day.year + 1 + policy.term_years, 1, 1), zone)
    return end_of_day(add_months(day, policy.term_months), zone)


def next_term_end(policy: Policy, ended: datetime, zone: ZoneInfo) -> datetime:
    """When a term ends that begins where another ended: after the same last day, so that no term creeps on by a day."""
    if policy.term_kind == "calendar_year":
        return term_end(policy, ended, zone)
    return end_of_day(add_months(local_date(ended - INSTANT, zone), policy.term_months), zone)


def grace_end(policy: Policy, until: datetime, zone: ZoneInfo) -> datetime:
    """When who has not kept a tier falls: so many local days after the last one of the term."""
    if not policy.grace_days:
        return until
    return end_of_day(local_date(until - INSTANT, zone) + timedelta(days=policy.grace_days), zone)


def sprint_from(policy: Policy, since: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """When the last days of a term begin, not before the term itself; None where there is no sprint."""
    if not policy.sprint_days:
        return None
    return max(since, start_of_day(local_date(until - INSTANT, zone) - timedelta(days=policy.sprint_days - 1), zone))


# Decisions


def risen(ladder: Ladder, code: str | None, value: int) -> Step | None:
    """The step that a figure lifts a member to who was put at `code`; None where it does not."""
    aim, put = reached(ladder, value), _step(ladder, code) or place(ladder, None)
    return aim if aim is not None and (put is None or aim.rank > put.rank) else None


def keeps(ladder: Ladder, code: str, value: int) -> bool:
    """Whether a figure of the term keeps the tier."""
    step = _step(ladder, code)
    return step is not None and 0 < step.threshold <= value


def fallen(policy: Policy, ladder: Ladder, code: str, value: int) -> Step | None:
    """Where who does not keep the tier goes; `value` is the figure for rising. It may turn out to be the same tier again."""
    aim = reached(ladder, value)
    if policy.at_end == "one_step":
        below = one_below(ladder, code)
        aim = max((step for step in (aim, below) if step is not None), key=lambda step: step.rank, default=None)
    put = _step(ladder, code)
    return put if aim is not None and put is not None and aim.rank >= put.rank else aim


def _step(ladder: Ladder, code: str | None) -> Step | None:
    return next((step for step in ladder if step.code == code), None)


# As it is kept


def policy_as_json(policy: Policy) -> dict[str, Any]:
    return asdict(policy)


def policy_from_json(kept: Mapping[str, Any]) -> Policy:
    cuts = kept.get("cuts")
    return Policy(**{**kept, "cuts": Cuts(**cuts) if cuts else None})


def figures_as_json(seen: Figures) -> dict[str, Any]:
    return {**asdict(seen), "last_day": seen.last_day.isoformat() if seen.last_day else None}
