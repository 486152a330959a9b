from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from accounts.members import selectors as members

from . import rules
from .models import Provider, ProviderProduct, VoucherAttempt, VoucherOrder
from .providers.signed_http import Line

State = VoucherOrder.State


def line(provider: Provider) -> Line:
    """How that provider is reached now. What the environment says of its address goes before what is set."""
    url = settings.VOUCHERS.get(rules.environment_name("URL", provider.code), "").rstrip("/") or provider.base_url
    secret = settings.VOUCHERS.get(rules.environment_name("SECRET", provider.code), "")
    return Line(url, provider.key_id, secret, settings.VOUCHER_CONNECT_SECONDS, settings.VOUCHER_ANSWER_SECONDS)


def fault(provider: Provider) -> str:
    """Why nothing can be asked of it now, a code of `rules.WHY_NOT`; empty when it can."""
    if not provider.active:
        return "not_in_use"
    return "" if line(provider).secret else "secret_missing"


def product(code: str) -> ProviderProduct | None:
    return ProviderProduct.objects.select_related("provider").filter(code=code).first()


def item_fault(item: str) -> str | None:
    """Why a reward cannot hand out that product; None: it can."""
    return None if product(item) else gettext("There is no product of a provider with this code.")


class Due(NamedTuple):
    """What is to be asked now, and how its provider is reached."""

    order: VoucherOrder
    line: Line


def due(*, limit: int, now: datetime) -> list[Due]:
    """The orders that wait and are due, the oldest first, at most `limit` of each provider that can be asked: one that is down keeps nobody else waiting."""
    found = []
    for provider in Provider.objects.filter(active=True):
        if not fault(provider):
            rows = VoucherOrder.objects.filter(provider=provider, state=State.WAITING, due_at__lte=now).order_by("due_at")[:limit]
            found += [Due(row, line(provider)) for row in rows]
    return found


def would_send(*, now: datetime) -> dict[str, int]:
    """How much is due; 10,000 at most are counted. For whoever starts the job by hand."""
    rows = VoucherOrder.objects.filter(state=State.WAITING, due_at__lte=now, provider__active=True).values_list("member_id", flat=True)[:10_000]
    waiting = list(rows)
    return {"members": len(set(waiting)), "orders": len(waiting)}


def to_decide() -> QuerySet[VoucherOrder]:
    """Those of which nobody knows what became: an operator decides."""
    return VoucherOrder.objects.filter(state=State.UNKNOWN)


def order_of(*, redemption_id: UUID, member_id: UUID) -> VoucherOrder | None:
    """What the redemption asked for; longer terms of it are orders of their own."""
    return VoucherOrder.objects.select_related("product").filter(redemption_id=redemption_id, member_id=member_id, extends=None).first()


def attempts(order: VoucherOrder) -> QuerySet[VoucherAttempt]:
    """Its chain, the first first."""
    return VoucherAttempt.objects.filter(member_id=order.member_id, order_id=order.id).order_by("number")


def found(term: str) -> QuerySet[VoucherOrder]:
    """Orders by their key, their redemption, the provider's number or the member's storefront id."""
    try:
        named = Q(id=UUID(term)) | Q(redemption_id=UUID(term))
    except ValueError:
        named = Q(number=term)
    whose = members.id_of(external_id=term)
    return VoucherOrder.objects.filter(named | Q(member_id=whose) if whose else named)
