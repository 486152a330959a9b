from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.lib.refusals import BusinessError

from .models import Segment, SegmentMember


class SegmentUnknown(BusinessError):
    code, status, title = "segment_unknown", 404, _("There is no such segment.")


class Listed(NamedTuple):
    """Of ids that the storefront uses: our ids of the members who are in a segment, and of those who are not; and whom nobody knows."""

    inside: dict[str, UUID]
    outside: dict[str, UUID]
    unknown: list[str]


def segments() -> QuerySet[Segment]:
    return Segment.objects.all()


def segment(code: str) -> Segment:
    """Refuses: SegmentUnknown."""
    found = Segment.objects.filter(code=code).first()
    if found is None:
        raise SegmentUnknown(segment=code)
    return found


def segments_of(member_id: UUID) -> frozenset[str]:
    """The codes of the segments that the member is in."""
    return frozenset(SegmentMember.objects.filter(member_id=member_id).values_list("segment_id", flat=True))


def size(*, segment: str) -> int:
    return SegmentMember.objects.filter(segment_id=segment).count()


def page(*, segment: str, after: UUID | None, limit: int) -> list[tuple[UUID, UUID]]:
    """(row, member) of the segment in the order in which they came, those after the row `after`."""
    rows = SegmentMember.objects.filter(segment_id=segment, **({"id__gt": after} if after else {}))
    return list(rows.order_by("id").values_list("id", "member_id")[:limit])


def listed(*, segment: str, external_ids: Collection[str]) -> Listed:
    """How these ids stand to the segment."""
    known = members.ids_of(external_ids)
    there = set(SegmentMember.objects.filter(segment_id=segment, member_id__in=known.values()).values_list("member_id", flat=True))
    inside = {ref: member_id for ref, member_id in known.items() if member_id in there}
    outside = {ref: member_id for ref, member_id in known.items() if member_id not in there}
    return Listed(inside, outside, [ref for ref in external_ids if ref not in known])


def segments_of_all(member_ids: Collection[UUID]) -> dict[UUID, frozenset[str]]:
    """The codes of the segments of each of these members who is in any."""
    found: dict[UUID, set[str]] = {}
    for member, code in SegmentMember.objects.filter(member_id__in=member_ids).values_list("member_id", "segment_id"):
        found.setdefault(member, set()).add(code)
    return {member: frozenset(codes) for member, codes in found.items()}
