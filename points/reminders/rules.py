from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import end_of_day, local_date, start_of_day

# The step of what has expired.
AFTER = 0


class Window(NamedTuple):
    """What expires later than `after` and not later than `until` has reached the step `days` and none nearer."""

    days: int
    after: datetime
    until: datetime


def windows(days: Iterable[int], *, today: date, zone: ZoneInfo) -> list[Window]:
    """Where each step's points end, seen from `today`: the nearest step first, what ends today belongs to it."""
    found = []
    after = start_of_day(today, zone)
    for step in sorted(set(days)):
        until = end_of_day(today + timedelta(days=step), zone)
        found.append(Window(step, after, until))
        after = until
    return found


def last_day(expires_at: datetime, zone: ZoneInfo) -> date:
    """The last day on which points are good, for at least a part of it."""
    return local_date(expires_at - timedelta(microseconds=1), zone)


def good_until(told_at: datetime, *, days: int, zone: ZoneInfo) -> datetime:
    """Until when points stay good that were announced at that moment: so many whole days more."""
    return end_of_day(local_date(told_at, zone) + timedelta(days=days), zone)


class Part(NamedTuple):
    """What of a lot a member is told at a step."""

    lot: UUID
    expires_at: datetime
    points: int
    step: int


def message(parts: Iterable[Part], *, zone: ZoneInfo) -> dict[str, Any]:
    """What the one message of a day says: points and last good days ahead, the earliest first, and what has expired."""
    ahead: dict[str, int] = {}
    gone: dict[str, int] = {}
    for part in parts:
        days = gone if part.step == AFTER else ahead
        day = last_day(part.expires_at, zone).isoformat()
        days[day] = days.get(day, 0) + part.points
    return {
        "points": sum(ahead.values()),
        "day": min(ahead, default=None),
        "amounts": _amounts(ahead),
        "expired_points": sum(gone.values()),
        "expired_day": max(gone, default=None),
        "expired_amounts": _amounts(gone),
    }


def _amounts(days: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"points": points, "day": day} for day, points in sorted(days.items())]
