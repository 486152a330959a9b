from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from .models import BlockListEntry


def blocking(*, now: datetime) -> QuerySet[BlockListEntry]:
    """The entries that count at `now`."""
    return BlockListEntry.objects.filter(Q(until=None) | Q(until__gt=now), lifted_at=None)


def is_blocked(*, member_id: UUID, now: datetime) -> bool:
    return blocking(now=now).filter(member_id=member_id).exists()


def lapsed(*, now: datetime) -> QuerySet[BlockListEntry]:
    """The entries whose time is over and which nobody has lifted yet."""
    return BlockListEntry.objects.filter(lifted_at=None, until__lte=now)
