from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import held
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund


class PurchaseUnknown(BusinessError):
    code, status, title = "purchase_unknown", 404, _("There is no such purchase.")


class FactTooOld(BusinessError):
    code, status, title = "fact_too_old", 422, _("This happened too long ago to be accepted.")


class FactFromTheFuture(BusinessError):
    code, status, title = "fact_from_the_future", 422, _("This lies in the future. Check the clock that dated it.")


class FactKindUnknown(BusinessError):
    code, status, title = "fact_kind_unknown", 422, _("There is no such kind of event.")


class FactKindOurs(BusinessError):
    code, status, title = "fact_kind_ours", 422, _("Events of this kind are made by the programme itself; nobody else can send them.")


class FactDataInvalid(BusinessError):
    """`fields`: what is wrong with which field, as a sentence."""

    code, status, title = "fact_data_invalid", 422, _("The data does not fit the kind of event.")


DATA_SENTENCES = {
    "empty": _("This may not be empty."),
    "no_choice": _("Give one of these: %(choices)s."),
    "no_flag": _("Give true or false."),
    "no_number": _("Give a whole number."),
    "no_text": _("Give a text."),
    "no_time": _("Give a date and time with its offset, like 2026-03-01T12:00:00+08:00."),
    "required": _("This is missing."),
    "too_large": _("Give at most %(most)s."),
    "too_long": _("Give at most %(most)s characters."),
    "too_small": _("Give at least %(least)s."),
    "unknown": _("This field is not known."),
}


def refuse_untimely(occurred_at: datetime, *, now: datetime) -> None:
    """Refuse a fact later than now + 5 minutes, or older than the programme's window."""
    window = programme.programme().fact_window_days
    if rules.too_early(occurred_at, now=now):
        raise FactFromTheFuture(occurred_at=occurred_at.isoformat(), now=now.isoformat())
    if rules.too_late(occurred_at, now=now, window_days=window):
        raise FactTooOld(occurred_at=occurred_at.isoformat(), window_days=window)


def fact_kinds() -> dict[str, FactKind]:
    """Every kind by its code, as it was at most CONFIGURATION_SECONDS ago. Not to be changed."""
    return held(FactKind, lambda: {kind.code: kind for kind in FactKind.objects.all()})  # type: ignore[return-value, arg-type]


def fact_kind(code: str) -> FactKind:
    """The kind of that code, whether it is accepted now or not. Refuses: FactKindUnknown."""
    found = fact_kinds().get(code)
    if found is None:
        raise FactKindUnknown(kind=code)
    return found


def checked(*, kind: FactKind, data: Mapping[str, Any]) -> dict[str, Any]:
    """Data for a fact of that kind, as it is kept. Refuses: FactDataInvalid."""
    kept, faults = rules.checked(kind.shape, data)
    if faults:
        told = {name: str(DATA_SENTENCES[fault.code]) % fault.figures for name, fault in faults.items()}
        raise FactDataInvalid(" ".join([str(FactDataInvalid.title), *(f"{name}: {sentence}" for name, sentence in told.items())]), fields=told)
    return kept


def behaviours(*, member_id: UUID, kind: str | None = None) -> QuerySet[Behaviour]:
    """What a member did besides buying, newest first; withdrawn facts too."""
    rows = Behaviour.objects.filter(member_id=member_id)
    return rows.filter(kind_id=kind) if kind else rows


def behaviour(*, member_id: UUID, kind: str, external_id: str) -> Behaviour | None:
    return Behaviour.objects.filter(member_id=member_id, kind_id=kind, external_id=external_id).first()


def count_behaviours(*, member_id: UUID, kind: str, since: datetime, until: datetime) -> int:
    """How many of a kind a member did from `since` to before `until`, withdrawn ones apart."""
    return Behaviour.objects.filter(member_id=member_id, kind_id=kind, occurred_at__gte=since, occurred_at__lt=until, withdrawn_at=None).count()


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
