from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from loyalty.audit import services as audit

from . import selectors
from .models import SegmentMember


class Changed(NamedTuple):
    """How many members were added or removed, and the ids that nobody has."""

    count: int
    unknown: list[str]


@transaction.atomic(savepoint=False)
def add(*, segment: str, external_ids: Collection[str], actor: str, reason: str = "", now: datetime) -> Changed:
    """Put members into a segment, by the storefront's ids. Who is inside stays; an id that nobody has is told. Refuses: SegmentUnknown."""
    row = selectors.segment(segment)
    _inside, outside, unknown = selectors.listed(segment=row.code, external_ids=external_ids)
    made = [SegmentMember(segment=row, member_id=member_id, added_at=now, added_by=actor) for member_id in outside.values()]
    SegmentMember.objects.bulk_create(made, batch_size=2_000, ignore_conflicts=True)
    _record("segment.added", row.code, outside, unknown, actor=actor, reason=reason, now=now)
    return Changed(len(made), unknown)


@transaction.atomic(savepoint=False)
def remove(*, segment: str, external_ids: Collection[str], actor: str, reason: str = "", now: datetime) -> Changed:
    """Take members out of a segment, by the storefront's ids. Who is not inside stays out. Refuses: SegmentUnknown."""
    row = selectors.segment(segment)
    inside, _outside, unknown = selectors.listed(segment=row.code, external_ids=external_ids)
    count, _by_model = SegmentMember.objects.filter(segment=row, member_id__in=inside.values()).delete()
    _record("segment.removed", row.code, inside, unknown, actor=actor, reason=reason, now=now)
    return Changed(count, unknown)


NAMED = 100


def _record(verb: str, code: str, moved: dict[str, UUID], unknown: list[str], *, actor: str, reason: str, now: datetime) -> None:
    figures = {"members": len(moved), "unknown": len(unknown), "first": sorted(moved)[:NAMED]}
    audit.record(actor=actor, verb=verb, subject=f"segment/{code}", reason=reason, figures=figures, now=now)


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID) -> int:
    """Another member is in the member's segments from now on, in the place of the member; in how many."""
    rows = list(SegmentMember.objects.filter(member_id=from_id))
    made = [SegmentMember(segment_id=row.segment_id, member_id=into_id, added_at=row.added_at, added_by=row.added_by) for row in rows]
    SegmentMember.objects.bulk_create(made, ignore_conflicts=True)
    SegmentMember.objects.filter(member_id=from_id).delete()
    return len(rows)
