from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

BACK_OFF = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(days=1),
)


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact, published at `now`. `payload` holds plain JSON values. `id` names this delivery for ever: part of a subscriber's key."""

    topic: str
    member_id: UUID | None
    payload: dict[str, Any]
    now: datetime
    id: int | None = None


def next_attempt(*, failures: int, now: datetime) -> datetime | None:
    """When to try again after so many failures in a row (at least one); None when it is time to give up."""
    return now + BACK_OFF[failures - 1] if failures <= len(BACK_OFF) else None
