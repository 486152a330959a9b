from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import add_months, local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.ledger import selectors as books

from .models import TopUp, TopUpTerms


class TopUpUnknown(BusinessError):
    code, status, title = "top_up_unknown", 404, _("There is no such top-up.")


def terms() -> TopUpTerms:
    """On which terms points can be bought."""
    return TopUpTerms.current()


def top_up(*, top_up_id: UUID, member_id: UUID | None = None) -> TopUp:
    """`member_id`: whose it must be. Refuses: TopUpUnknown."""
    rows = TopUp.objects.select_related("member").filter(id=top_up_id, **({"member_id": member_id} if member_id else {}))
    found = rows.first()
    if found is None:
        raise TopUpUnknown
    return found


def top_ups(*, member_id: UUID) -> QuerySet[TopUp]:
    """A member's, the newest first."""
    return TopUp.objects.filter(member_id=member_id).order_by("-id")


def paid_by(*, member_ids: Collection[UUID], payment: str) -> TopUp | None:
    """What one of these members bought with a payment."""
    return TopUp.objects.filter(member_id__in=member_ids, payment=payment).first()


def paid_in_month(*, member_ids: Collection[UUID], now: datetime) -> int:
    """How much money these members have paid for points in this calendar month, less what was given back."""
    first = local_date(now, programme.zone(now=now)).replace(day=1)
    rows = TopUp.objects.filter(member_id__in=member_ids, counted_on__gte=first, counted_on__lt=add_months(first, 1))
    sums = rows.aggregate(paid=Sum("cents"), back=Sum("cents_back"))
    return (sums["paid"] or 0) - (sums["back"] or 0)


def unspent(top_up: TopUp) -> int:
    """How many of its points are still there to be given back."""
    return books.lot_of(member_id=top_up.member_id, entry_id=top_up.entry_id).remaining
