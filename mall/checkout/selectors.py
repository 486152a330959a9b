from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from mall.coupons import selectors as coupons
from mall.coupons.selectors import Applied
from points.earning import rules as earning_rules
from points.earning import selectors as earning
from points.ledger import selectors as ledger
from points.ledger.models import Entry, Hold
from riskcontrol.screening import services as screening
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules
from .models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement

QUOTE_SECONDS = 3600


class QuoteInvalid(BusinessError):
    code, status, title = "quote_invalid", 422, _("This quote is not ours, is another member's, or is too old. Ask for a new one.")


class CouponRefused(BusinessError):
    code, status, title = "coupon_refused", 422, _("A coupon of the order takes nothing off.")


class Quoted(NamedTuple):
    """What a quote promised: for whom, on what total, under which version of the burn policy; what points may pay of it, by whose tier."""

    total_cents: int
    policy: BurnPolicy | None
    most_cents: int
    tier: str


class Quote(NamedTuple):
    """`why` are codes with their figures; `parts` are the lines' basis and points, in the cart's order; `how` and `allowed` go by the same order.

    `coupons` are ours, as they take off. `number` is the version of the burn policy, 0 where none was published.
    """

    earn: int
    max_points: int
    max_worth_cents: int
    points: int
    worth_cents: int
    parts: Sequence[tuple[Line, int, int]]
    why: Sequence[dict[str, Any]]
    token: str
    policy: rules.Policy
    number: int
    total_cents: int
    shipping_cents: int
    how: rules.Split
    allowed: rules.Allowance
    coupons: Applied


def policies() -> Sequence[BurnPolicy]:
    """Every version that was published, by their numbers. Held in the process for a moment."""
    return held(BurnPolicy, lambda: list(BurnPolicy.objects.order_by("number"))) or ()  # type: ignore[arg-type, return-value]


def burn_policy(*, now: datetime) -> BurnPolicy | None:
    """The burn policy in force; None where none was published: the defaults of `rules.Policy`."""
    found = rules.in_force([one.starts_at for one in policies()], now)
    return None if found is None else policies()[found]


def coming(*, now: datetime) -> BurnPolicy | None:
    """The version that was announced to come into force next."""
    ahead = sorted({one.starts_at for one in policies() if one.starts_at > now})
    return burn_policy(now=ahead[0]) if ahead else None


def version_before(policy: BurnPolicy) -> BurnPolicy | None:
    """The version whose place it takes: what was in force, or announced, when it comes into force."""
    others = [one for one in policies() if one.number < policy.number]
    found = rules.in_force([one.starts_at for one in others], policy.starts_at)
    return None if found is None else others[found]


class MakeGood(NamedTuple):
    """How many members hold points that lose worth by a version, the points that make it good to them, and what those cost."""

    members: int
    points: int
    cost_cents: int


def losers(policy: BurnPolicy, *, now: datetime) -> Iterator[tuple[str, int]]:
    """Who holds points that lose worth by a version, by the storefront's id, and how many points make it good."""
    before = version_before(policy)
    old = before.points_per_unit if before else policy.points_per_unit
    for member, available in ledger.balances_at(as_of=now):
        more = rules.make_good(available, old_per_unit=old, new_per_unit=policy.points_per_unit)
        if more:
            yield member, more


def make_good(policy: BurnPolicy, *, now: datetime) -> MakeGood:
    members, points = 0, 0
    for _member, more in losers(policy, now=now):
        members, points = members + 1, points + more
    return MakeGood(members, points, policy_rules(policy).worth(points))


class Tried(NamedTuple):
    points: int
    worth_cents: int
    allowed: rules.Allowance
    how: rules.Split


def tried(policy: rules.Policy, cart: Purchase, *, member_id: UUID | None, available: int, now: datetime) -> Tried:
    """What a policy lets a cart use: of the member's points by their tier, else of so many available ones."""
    whose = ""
    if member_id is not None:
        available = ledger.balance(member_id=member_id, now=now).available
        whose = standings.standing(member_id=member_id, now=now).code
    parts = rules.due(cart)
    allowed = rules.allowance(policy, cart.lines, parts, tier=whose)
    beside = WithCoupons(cart, NO_COUPONS).goes_with_points(policy)
    points = policy.within(worth_cents=allowed.worth_cents, available=available) if beside else 0
    worth = policy.worth(points)
    return Tried(points, worth, allowed, rules.split(parts, allowed, (), worth_cents=worth, points=points))


def points_per_unit(*, now: datetime) -> int:
    """What points are worth: so many pay one unit of money."""
    policy = burn_policy(now=now)
    return policy.points_per_unit if policy else rules.Policy().points_per_unit


def policy_rules(policy: BurnPolicy | None) -> rules.Policy:
    plain = policy.plain if policy else rules.Policy()
    digits = minor_digits(programme.programme().currency or "CNY")
    return plain if plain.minor_digits == digits else replace(plain, minor_digits=digits)


NO_COUPONS = Applied((), (), 0, ())


class WithCoupons(NamedTuple):
    """An order whose coupons of ours say what they take off, and what they do."""

    purchase: Purchase
    coupons: Applied

    @property
    def off(self) -> list[rules.CouponOff]:
        return [rules.CouponOff(one.code, one.lines, one.shipping_cents) for one in self.coupons.coupons]

    def goes_with_points(self, policy: rules.Policy) -> bool:
        """Whether points can be used beside its coupons, be they the storefront's own."""
        any_coupon = bool(self.coupons.coupons) or any(one["kind"] == "coupon" for one in self.purchase.discounts)
        return not any_coupon or (policy.with_coupons and self.coupons.with_points)


def with_coupons(purchase: Purchase, *, member_id: UUID | None, now: datetime) -> WithCoupons:
    """Discounts that name a coupon of the member's take off what the coupon does, whatever they say; others are the storefront's own.

    What says no amount must be such a coupon: where it is not, or takes nothing off, `coupons.refusals` says why, and it takes nothing off.
    """
    codes = [one["code"] for one in purchase.discounts if one.get("code")]
    if not codes:
        return WithCoupons(purchase, NO_COUPONS)
    if member_id is None:
        found = Applied((), (), 0, tuple(coupons.Refusal(code, "coupon_unknown", str(coupons.SENTENCES["coupon_unknown"])) for code in codes))
    else:
        found = coupons.applied(
            member_id=member_id, codes=codes, lines=purchase.lines, shipping_cents=purchase.shipping_cents, purchase_ref=purchase.id, now=now
        )
    strangers = {one.code for one in found.refusals if one.why == "coupon_unknown"}
    own = [one for one in purchase.discounts if "discount_cents" in one and (not one.get("code") or one["code"] in strangers)]
    told = [{"code": one.code, "kind": "coupon", "template": one.template, "discount_cents": one.discount_cents} for one in found.coupons]
    named = {one["code"] for one in own if one.get("code")}
    refusals = tuple(one for one in found.refusals if one.code not in named)
    return WithCoupons(replace(purchase, discounts=(*own, *told)), found._replace(refusals=refusals))


def tier(*, policy: rules.Policy, member_id: UUID | None, now: datetime) -> str:
    """The member's tier, where anything at the till depends on it."""
    if member_id is None or not (policy.tiers or any(ladder.benefit(step.code, "free_shipping") for step in ladder.ladder())):
        return ""
    return standings.standing(member_id=member_id, now=now).code


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
    row = burn_policy(now=now)
    policy = policy_rules(row)
    why: list[dict[str, Any]] = []
    whose = tier(policy=policy, member_id=member_id, now=now)
    if shipping_cents and whose and ladder.benefit(whose, "free_shipping"):
        shipping_cents, why = 0, [{"code": "free_shipping"}]
    cart = with_coupons(Purchase("", now, currency, 0, tuple(lines), shipping_cents, tuple(discounts), channel=channel), member_id=member_id, now=now)
    parts = rules.due(cart.purchase, cart.off)
    allowed = rules.allowance(policy, lines, parts, tier=whose)
    most, whys = _most(policy, cart, parts, allowed, member_id=member_id, now=now)
    why += whys
    used = 0
    if points:
        used = min(points, most) - min(points, most) % policy.step
        used = used if used >= policy.threshold else 0
        if used < points:
            why.append({"code": "fewer_points", "wanted": points, "used": used})

    worth = policy.worth(used)
    how = rules.split(parts, allowed, cart.off, worth_cents=worth, points=used)
    bought = replace(cart.purchase, paid_cents=parts.total - worth)
    if used or cart.off:
        bought = rules.with_split(bought, how)
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
    given = [(line, part.cents, n if earn else 0) for line, part, n in zip(lines, basis, decision.lines, strict=False)]
    number = row.number if row else 0
    may_pay = allowed.worth_cents if cart.goes_with_points(policy) else 0
    token = signing.dumps([str(member_id), parts.total, number, may_pay, whose], salt="quote", compress=True) if member_id else ""
    return Quote(earn, most, policy.worth(most), used, worth, given, why, token, policy, number, parts.total, shipping_cents, how, allowed, cart.coupons)


def _most(
    policy: rules.Policy, cart: WithCoupons, parts: rules.Due, allowed: rules.Allowance, *, member_id: UUID | None, now: datetime
) -> tuple[int, list[dict[str, Any]]]:
    """The most points that the cart may use, and why no more."""
    if member_id is None:
        return 0, []
    account = ledger.state(member_id=member_id, now=now)
    available = account.balance.available
    if account.frozen:
        return 0, [{"code": "account_frozen"}]
    if available and not screening.assess(member_id=member_id, action="hold", points=available, now=now).allowed:
        return 0, [{"code": "screened"}]
    if available and not cart.goes_with_points(policy):
        return 0, [{"code": "not_with_coupon"}]
    most = policy.within(worth_cents=allowed.worth_cents, available=available)
    if not most and available and available < policy.threshold:
        return 0, [{"code": "below_threshold", "threshold": policy.threshold}]
    if most < available and allowed.worth_cents < parts.total:
        return most, [share_reached(allowed)]
    return most, []


def share_reached(allowed: rules.Allowance) -> dict[str, Any]:
    """Why points pay no more: the share of the order, or what the shares of its goods come to."""
    if allowed.plain:
        return {"code": "share_of_order", "percent": f"{allowed.share_bps / 100:g}"}
    return {"code": "share_of_goods", "cents": allowed.worth_cents, "currency": programme.programme().currency or "CNY"}


def quoted(*, token: str, member_id: UUID) -> Quoted:
    """What the quote promised. Refuses: QuoteInvalid."""
    try:
        member, total, number, most, tier = signing.loads(token, salt="quote", max_age=QUOTE_SECONDS)
    except (signing.BadSignature, ValueError) as error:
        raise QuoteInvalid from error
    if member != str(member_id):
        raise QuoteInvalid
    return Quoted(total, BurnPolicy.objects.filter(number=number).first(), most, tier)


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
