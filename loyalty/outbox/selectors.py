from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

from loyalty.lib.readiness import NotReady, readiness

from .models import OutboxRow

OVERDUE = timedelta(minutes=10)


def claimable(*, now: datetime) -> QuerySet[OutboxRow]:
    """The rows that may be delivered at `now`: due, and the first open one of their line."""
    earlier = OutboxRow.objects.filter(subscriber=OuterRef("subscriber"), member_id=OuterRef("member_id"), id__lt=OuterRef("id"), status__in=OutboxRow.OPEN)
    return OutboxRow.objects.filter(~Exists(earlier), status=OutboxRow.Status.WAITING, due_at__lte=now)


def line(*, subscriber: str, member_id: UUID) -> QuerySet[OutboxRow]:
    """The open rows of one line, the first one first."""
    return OutboxRow.objects.filter(subscriber=subscriber, member_id=member_id, status__in=OutboxRow.OPEN).order_by("id")


def open_rows_by_status() -> dict[str, int]:
    """How many rows are waiting, and how many have failed for good."""
    counted = OutboxRow.objects.filter(status__in=OutboxRow.OPEN).values_list("status").annotate(Count("id"))
    return {status.value: 0 for status in OutboxRow.OPEN} | dict(counted)


@readiness("outbox")
def nothing_overdue(*, now: datetime) -> str:
    oldest = claimable(now=now - OVERDUE).order_by("due_at").values_list("due_at", flat=True).first()
    if oldest:
        raise NotReady(f"An event has been due since {oldest:%Y-%m-%d %H:%M:%S} UTC and was not delivered.")
    return "No event is overdue."
