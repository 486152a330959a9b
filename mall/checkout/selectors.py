from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.core import signing
from django.utils.translation import gettext_lazy as _

from accounts.activity.rules import Line, Purchase
from loyalty.lib.configuration import held
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.earning import rules as earning_rules
from points.earning import selectors as earning
from points.ledger import selectors as ledger
from points.ledger.models import Entry, Hold
from riskcontrol.screening import services as screening

from . import rules
from .models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement

QUOTE_SECONDS = 3600


class QuoteInvalid(BusinessError):
    code, status, title = "quote_invalid", 422, _("This quote is not ours, is another member's, or is too old. Ask for a new one.")


class Quoted(NamedTuple):
    """What a quote promised: for whom, on what total, under which version of the burn policy."""

    total_cents: int
    policy: BurnPolicy | None


class Quote(NamedTuple):
    """`why` are codes with their figures; `parts` are the lines' basis and points, in the cart's order."""

    earn: int
    max_points: int
    max_worth_cents: int
    points: int
    worth_cents: int
    parts: Sequence[tuple[Line, int, int]]
    why: Sequence[dict[str, Any]]
    token: str
    policy: rules.Policy


def burn_policy() -> BurnPolicy | None:
    """The burn policy in force; None where none was published: the defaults of `rules.Policy`. Held in the process for a moment."""
    [newest] = held(BurnPolicy, lambda: (BurnPolicy.objects.order_by("-number").first(),))
    return newest


def policy_rules(policy: BurnPolicy | None) -> rules.Policy:
    digits = minor_digits(programme.programme().currency or "CNY")
    if policy is None:
        return rules.Policy(minor_digits=digits)
    return rules.Policy(policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps, digits)


def quote(
    *,
    member_id: UUID | None,
    lines: Sequence[Line],
    shipping_cents: int = 0,
    discounts: Sequence[dict[str, Any]] = (),
    points: int | None = None,
    channel: str = "",
    now: datetime,
) -> Quote:
    """What a cart would earn, and the points it may use. Without a member: what a new one would get. Writes nothing.

    More `points` than the policy or the balance allows are clamped, and `why` says so.
    """
    currency = programme.programme().currency or "CNY"
    row = burn_policy()
    policy = policy_rules(row)
    cart = Purchase("", now, currency, 0, tuple(lines), shipping_cents, tuple(discounts))
    total = max(0, rules.expected_paid(cart, worth_cents=0))
    why: list[dict[str, Any]] = []

    available, frozen = 0, False
    if member_id is not None:
        available = ledger.balance(member_id=member_id, now=now).available
        frozen = ledger.frozen(member_id=member_id)
    usable = available
    if frozen:
        usable, why = 0, [{"code": "account_frozen"}]
    elif member_id is not None and available:
        verdict = screening.assess(member_id=member_id, action="hold", points=available, now=now)
        if not verdict.allowed:
            usable, why = 0, [{"code": "screened"}]
    most = policy.most(total_cents=total, available=usable)
    if not most and usable and usable < policy.threshold:
        why.append({"code": "below_threshold", "threshold": policy.threshold})
    elif most < usable and policy.max_share_bps < 10_000:
        why.append({"code": "share_of_order", "percent": f"{policy.max_share_bps / 100:g}"})
    used = 0
    if points:
        used = min(points, most) - min(points, most) % policy.step
        used = used if used >= policy.threshold else 0
        if used < points:
            why.append({"code": "fewer_points", "wanted": points, "used": used})

    worth = policy.worth(used)
    bought = Purchase("", now, currency, max(0, total - worth), tuple(lines), shipping_cents, channel=channel)
    basis = earning_rules.basis(bought)
    decision, at_most = earning.for_quote(member_id=member_id, fact=earning.purchase_fact(bought, lines=basis), now=now)
    earn = decision.points
    if earn and member_id is not None and not screening.assess(member_id=member_id, action="earn", points=earn, now=now).allowed:
        earn = at_most = 0
        why.append({"code": "earning_screened"})
    if not decision.considered:
        why.append({"code": "no_rule"})
    if at_most > earn:
        why.append({"code": "surprise", "points": at_most})
    why.insert(0, {"code": "basis", "cents": sum(part.cents for part in basis), "currency": currency})
    parts = [(line, part.cents, n if earn else 0) for line, part, n in zip(lines, basis, decision.lines, strict=False)]
    token = signing.dumps([str(member_id), total, row.number if row else 0], salt="quote", compress=True) if member_id else ""
    return Quote(earn, most, policy.worth(most), used, worth, parts, why, token, policy)


def quoted(*, token: str, member_id: UUID) -> Quoted:
    """What the quote promised. Refuses: QuoteInvalid."""
    try:
        member, total, number = signing.loads(token, salt="quote", max_age=QUOTE_SECONDS)
    except signing.BadSignature as error:
        raise QuoteInvalid from error
    if member != str(member_id):
        raise QuoteInvalid
    return Quoted(total, BurnPolicy.objects.filter(number=number).first())


def checkout_hold(*, member_id: UUID, hold_id: UUID) -> CheckoutHold | None:
    return CheckoutHold.objects.select_related("hold").filter(member_id=member_id, hold_id=hold_id).first()


def checkout_hold_by_id(*, hold_id: UUID) -> CheckoutHold:
    """A hold of the till's whose member is not known: for a storefront that names only the hold. Refuses: HoldUnknown."""
    found = CheckoutHold.objects.select_related("hold", "member").filter(hold_id=hold_id).first()
    if found is None:
        raise ledger.HoldUnknown
    return found


def settlement(*, member_id: UUID, purchase_id: UUID) -> Settlement:
    return Settlement.objects.select_related("spend_entry", "earn_entry").get(member_id=member_id, purchase_id=purchase_id)


def entries(settled: Settlement, *, purchase_ref: str) -> list[Entry]:
    """What an order spent, then what it earned at once: several entries where rules grant on terms of their own."""
    spent = [settled.spend_entry] if settled.spend_entry else []
    if settled.earn_entry is None or settled.earn_entry.points == settled.earned:
        return [*spent, *([settled.earn_entry] if settled.earn_entry else [])]
    earned = earning.entries_of(member_id=settled.member_id, subject=f"purchase/{purchase_ref}", at_once=True)
    return [*spent, *(ledger.entry_of(member_id=settled.member_id, entry_id=entry_id) for entry_id in earned)]


def settlements(*, member_id: UUID, purchase_ids: Sequence[UUID]) -> dict[UUID, Settlement]:
    """What points did with each of these purchases."""
    return {row.purchase_id: row for row in Settlement.objects.filter(member_id=member_id, purchase_id__in=purchase_ids)}


def refund_settlement(*, member_id: UUID, refund_id: UUID) -> RefundSettlement:
    return RefundSettlement.objects.get(member_id=member_id, refund_id=refund_id)


def status_at(hold: Hold, *, now: datetime) -> str:
    """A hold past its deadline has lapsed, booked or not."""
    return Hold.Status.LAPSED if hold.status == Hold.Status.OPEN and hold.expires_at <= now else hold.status
