from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from .models import BlockListEntry


def is_blocked(*, member_id: UUID, now: datetime) -> bool:
    """Whether an entry of the member's counts at `now`."""
    # Asked on every payment: the ORM would take several times as long as the database.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM riskcontrol_blocklistentry WHERE member_id = %s AND lifted_at IS NULL AND (until IS NULL OR until > %s)", [member_id, now]
        )
        return cursor.fetchone() is not None


def lapsed(*, now: datetime) -> QuerySet[BlockListEntry]:
    """The entries whose time is over and which nobody has lifted yet."""
    return BlockListEntry.objects.filter(lifted_at=None, until__lte=now)
