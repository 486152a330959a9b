from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund


class PurchaseUnknown(BusinessError):
    code, status, title = "purchase_unknown", 404, _("There is no such purchase.")


class FactTooOld(BusinessError):
    code, status, title = "fact_too_old", 422, _("This happened too long ago to be accepted.")


class FactFromTheFuture(BusinessError):
    code, status, title = "fact_from_the_future", 422, _("This lies in the future. Check the clock that dated it.")


def refuse_untimely(occurred_at: datetime, *, now: datetime) -> None:
    """Refuse a fact later than now + 5 minutes, or older than the programme's window."""
    window = programme.programme().fact_window_days
    if rules.too_early(occurred_at, now=now):
        raise FactFromTheFuture(occurred_at=occurred_at.isoformat(), now=now.isoformat())
    if rules.too_late(occurred_at, now=now, window_days=window):
        raise FactTooOld(occurred_at=occurred_at.isoformat(), window_days=window)


def number(*, external_id: str) -> PurchaseNumber | None:
    """What is known of a purchase of the storefront's: whose it is, if anybody's."""
    # Asked for every purchase that is paid: the ORM would take several times as long as the database.
    with connection.cursor() as cursor:
        cursor.execute("SELECT member_id, purchase_id FROM accounts_purchasenumber WHERE external_id = %s", [external_id])
        row = cursor.fetchone()
    return PurchaseNumber(external_id=external_id, member_id=row[0], purchase_id=row[1]) if row else None


def recorded(*, external_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Of those purchases of the storefront's that are recorded: whose each is (the storefront's id), and the digest of its facts."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORDED, [list(external_ids)])
        return {external_id: (member_ref, digest) for external_id, member_ref, digest in cursor.fetchall()}


_RECORDED = """
SELECT n.external_id, m.external_id, p.digest FROM accounts_purchasenumber n
  JOIN accounts_purchase p ON p.member_id = n.member_id AND p.id = n.purchase_id
  JOIN accounts_member m ON m.id = n.member_id
 WHERE n.external_id = ANY(%s)"""


def purchase_of(*, member_id: UUID, purchase_id: UUID) -> Purchase:
    return Purchase.objects.get(member_id=member_id, id=purchase_id)


def purchases(*, member_id: UUID) -> QuerySet[Purchase]:
    lines = Prefetch("lines", PurchaseLine.objects.filter(member_id=member_id))
    refunds = Prefetch("refunds", Refund.objects.filter(member_id=member_id))
    return Purchase.objects.filter(member_id=member_id).prefetch_related(lines, refunds)


def lines_of(purchase: Purchase) -> QuerySet[PurchaseLine]:
    # Not `purchase.lines`: without the member in the question, the index that begins with the member is of no use.
    return PurchaseLine.objects.filter(member_id=purchase.member_id, purchase_id=purchase.id)


def facts_of(purchase: Purchase) -> rules.Purchase:
    """A recorded purchase as plain values."""
    lines = tuple(rules.Line(r.external_id, r.sku, r.category, r.brand, r.quantity, r.amount_cents) for r in lines_of(purchase))
    return rules.Purchase(
        purchase.external_id,
        purchase.occurred_at,
        purchase.currency,
        purchase.paid_cents,
        lines,
        purchase.shipping_cents,
        tuple(purchase.discounts),
        purchase.hold_ref,
    )


def refunds_of(*, member_id: UUID, purchase_id: UUID) -> list[Refund]:
    """A purchase's refunds in the order in which they were recorded."""
    return list(Refund.objects.filter(member_id=member_id, purchase_id=purchase_id).order_by("recorded_at", "id"))


def has_refund(*, number: PurchaseNumber, external_id: str) -> bool:
    """Whether that refund was applied to that purchase."""
    return Refund.objects.filter(member_id=number.member_id, purchase_id=number.purchase_id, external_id=external_id).exists()


def waiting_for(*, purchase_ref: str) -> list[UnmatchedRefund]:
    """The refunds that came before their purchase, the earliest first; locked, so that nobody decides on them meanwhile."""
    waiting = UnmatchedRefund.objects.filter(purchase_ref=purchase_ref, status=UnmatchedRefund.Status.WAITING)
    return list(waiting.order_by("occurred_at", "recorded_at", "id").select_for_update())


def unmatched(*, purchase_ref: str, external_id: str) -> UnmatchedRefund | None:
    return UnmatchedRefund.objects.filter(purchase_ref=purchase_ref, external_id=external_id).first()


def names_hold(*, member_id: UUID, hold_ref: str) -> bool:
    """Whether one of the member's purchases was paid with that hold."""
    return Purchase.objects.filter(member_id=member_id, hold_ref=hold_ref).exists()


def guest_purchase(*, external_id: str) -> GuestPurchase | None:
    return GuestPurchase.objects.filter(external_id=external_id).first()


def counts() -> dict[str, int]:
    """How many purchases and refunds there are, and how many refunds wait or are parked."""
    statuses = UnmatchedRefund.Status
    return {
        "purchases": Purchase.objects.count(),
        "refunds": Refund.objects.count(),
        "refunds_waiting": UnmatchedRefund.objects.filter(status=statuses.WAITING).count(),
        "refunds_parked": UnmatchedRefund.objects.filter(status=statuses.PARKED).count(),
    }
