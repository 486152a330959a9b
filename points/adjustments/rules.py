from collections.abc import Iterable
from typing import NamedTuple


class Limit(NamedTuple):
    """Points that an operator may move alone: by one adjustment, and in one business day."""

    per_adjustment: int
    per_day: int


NOTHING = Limit(0, 0)


def widest(limits: Iterable[Limit]) -> Limit:
    """What holds for an operator with several roles; nothing without a role that has a limit."""
    limits = list(limits) or [NOTHING]
    return Limit(max(limit.per_adjustment for limit in limits), max(limit.per_day for limit in limits))


def within(points: int, limit: Limit) -> bool:
    """Whether an adjustment of that size may be made alone by somebody who has moved nothing yet today."""
    return 0 < abs(points) <= min(limit)


class Effect(NamedTuple):
    available: int
    debt: int


def effect(*, available: int, debt: int, points: int) -> Effect:
    """Available and owed points after the adjustment: what is given settles what is owed first. Below zero: it cannot be taken."""
    if points < 0:
        return Effect(available + points, debt)
    settled = min(points, debt)
    return Effect(available + points - settled, debt - settled)
