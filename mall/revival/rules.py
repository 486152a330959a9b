"""What expired points may still buy. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Gone(NamedTuple):
    """What of a lot has expired, and when."""

    lot: UUID
    at: datetime
    points: int


def revivable(gone: Sequence[Gone], used: Mapping[UUID, int]) -> list[Gone]:
    """What of each lot can still be used, what expired first first; lots of which nothing is left are not among them."""
    left = [one._replace(points=one.points - used.get(one.lot, 0)) for one in gone]
    return sorted((one for one in left if one.points > 0), key=lambda one: (one.at, one.lot))


def take(left: Sequence[Gone], points: int) -> list[tuple[UUID, int]] | None:
    """From which lots so many points come; None where there are not so many."""
    taken = []
    for one in left:
        part = min(points, one.points)
        if part:
            taken.append((one.lot, part))
        points -= part
    return None if points else taken
