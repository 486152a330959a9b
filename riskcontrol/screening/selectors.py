from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from .models import BlockListEntry


def is_blocked(*, member_id: UUID, now: datetime) -> bool:
    """Whether an entry of the member's counts at `now`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT riskcontrol_blocked(%s, %s)", [member_id, now])
        return cursor.fetchone()[0]


def lapsed(*, now: datetime) -> QuerySet[BlockListEntry]:
    """The entries whose time is over and which nobody has lifted yet."""
    return BlockListEntry.objects.filter(lifted_at=None, until__lte=now)
