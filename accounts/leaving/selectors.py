from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.members.models import Member
from loyalty.lib.refusals import BusinessError

from .models import Copy, CopyPart, Erasure, LeavingTerms


class CopyUnknown(BusinessError):
    code, status, title = "copy_unknown", 404, _("No copy of this member's data was asked for.")


class CopyNotReady(BusinessError):
    code, status, title = "copy_not_ready", 409, _("There is no copy to download: it is still being made, or was deleted.")


class ErasureUnknown(BusinessError):
    code, status, title = "erasure_unknown", 404, _("There is no such erasure.")


def terms() -> LeavingTerms:
    return LeavingTerms.current()


def copies(*, member_id: UUID) -> QuerySet[Copy]:
    return Copy.objects.filter(member_id=member_id)


def last_copy(*, member_id: UUID) -> Copy:
    """The copy that was asked for last. Refuses: CopyUnknown."""
    found = copies(member_id=member_id).first()
    if found is None:
        raise CopyUnknown
    return found


def content(copy: Copy) -> Iterator[bytes]:
    """The file, a slice at a time."""
    parts = CopyPart.objects.filter(copy_id=copy.id).order_by("number")
    for part in parts.iterator(chunk_size=2):
        yield bytes(part.content)


def headers(copy: Copy) -> dict[str, str]:
    """What a download says of itself; not whose it is."""
    return {"Content-Disposition": f'attachment; filename="member_{copy.asked_at:%Y-%m-%d}.zip"', "Content-Length": str(copy.bytes)}


def erasure(erasure_id: UUID) -> Erasure:
    found = Erasure.objects.select_related("member").filter(id=erasure_id).first()
    if found is None:
        raise ErasureUnknown
    return found


def open_erasure(*, member_id: UUID) -> Erasure | None:
    return Erasure.objects.filter(member_id=member_id, status__in=Erasure.OPEN).first()


def waiting() -> QuerySet[Erasure]:
    """What a second person has to decide on, the oldest first."""
    return Erasure.objects.filter(status=Erasure.Status.WAITING).order_by("requested_at")


def due(*, now: datetime) -> QuerySet[Erasure]:
    """Erasures to be carried out."""
    return Erasure.objects.filter(status=Erasure.Status.APPROVED, due_at__lte=now).order_by("due_at")


def merged_into(member: Member) -> QuerySet[Member]:
    """Who was merged into the member."""
    return Member.objects.filter(merged_into=member).order_by("id")
