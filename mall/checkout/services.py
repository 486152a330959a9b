import itertools
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.activity import rules as facts_rules
from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.activity.models import GuestPurchase, Purchase, UnmatchedRefund
from accounts.members import selectors as members_seen
from accounts.members import services as members
from accounts.members.models import Member
from accounts.referrals import services as referrals
from loyalty.audit import services as audit
from loyalty.lib import spreadsheets
from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError
from loyalty.programme import services as programme
from mall.coupons import services as coupons
from points.batches import services as batches
from points.batches.models import Batch
from points.earning import rules as earning_rules
from points.earning import selectors as earning
from points.earning import services as granting
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry, Hold
from points.merging import services as merging
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening
from tiers.evaluation import services as tiers
from tiers.standing import selectors as standings

from . import rules, selectors
from .models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement


class AmountsDisagree(BusinessError):
    code, status, title = "amounts_disagree", 422, _("The amounts do not add up: lines + shipping − discounts − worth of the points is not what was paid.")


class GuestCoupon(BusinessError):
    code, status, title = "coupon_refused", 422, _("A guest has no coupons: name the member whose coupon it is, or say what it took off.")


class PointsExceedPolicy(BusinessError):
    code, status, title = "points_exceed_policy", 422, _("The order may not use that many points.")


class HoldUsed(BusinessError):
    code, status, title = "hold_used", 409, _("This hold was captured for another purchase.")


class HoldNotMembers(BusinessError):
    code, status, title = "hold_unknown", 422, _("The member has no such hold.")


class RefundExceedsPaid(BusinessError):
    code, status, title = "refund_exceeds_paid", 422, _("More money than was paid cannot be given back.")


class RefundNotMembers(BusinessError):
    code, status, title = "refund_not_members", 422, _("The purchase is another member's.")


class LineUnknown(BusinessError):
    code, status, title = "line_unknown", 422, _("The purchase has no such line.")


class LineExceeded(BusinessError):
    code, status, title = "line_exceeded", 422, _("More of the line than was bought cannot come back.")


class RestoreExceedsSpend(BusinessError):
    code, status, title = "restore_exceeds_spend", 422, _("More points than the order spent cannot be given back.")


class PolicyInvalid(BusinessError):
    code, status, title = "policy_invalid", 422, _("This burn policy cannot work.")


class PolicyRetroactive(BusinessError):
    code, status, title = "policy_retroactive", 422, _("A burn policy comes into force now or later, never in the past.")


class NobodyLoses(BusinessError):
    code, status, title = "nobody_loses", 409, _("Nobody holds points that lose worth by this version.")


class NoticeTooShort(BusinessError):
    code, status, title = "notice_too_short", 422, _("What points are worth changes at least seven days after it is announced. Give the reason why not.")


_COLUMNS = [field.attname for field in Settlement._meta.concrete_fields]
_SETTLE = f"INSERT INTO {Settlement._meta.db_table} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"  # noqa: S608 (our own names)

_NOT_POSSIBLE = {refusal.code: refusal for refusal in (RefundExceedsPaid, LineUnknown, LineExceeded, RestoreExceedsSpend)}


class Paid(NamedTuple):
    purchase: Purchase
    settlement: Settlement
    replayed: bool


class Refunded(NamedTuple):
    """`waiting` instead of a settlement where the purchase is not known yet, or an operator has to decide."""

    settlement: RefundSettlement | None
    waiting: UnmatchedRefund | None = None
    replayed: bool = False


@transaction.atomic(savepoint=False)
def publish_policy(
    *,
    points_per_unit: int,
    threshold: int,
    step: int,
    max_share_bps: int,
    bands: Sequence[rules.Band] = (),
    dear_cents: int | None = None,
    dear_share_bps: int = rules.ONE,
    categories: Sequence[rules.CategoryShare] = (),
    tiers: Sequence[rules.TierShare] = (),
    with_coupons: bool = True,
    in_force_from: datetime | None = None,
    reason: str = "",
    actor: str,
    now: datetime,
) -> BurnPolicy:
    """A new version of the burn policy, in force from now on or from a later time; quotes, holds and purchases before keep theirs.

    What points are worth changes `rules.NOTICE` ahead, or says the `reason` why not.
    Refuses: PolicyInvalid, PolicyRetroactive, NoticeTooShort.
    """
    bands = sorted(bands, key=lambda one: one.from_cents)
    new = rules.Policy(
        points_per_unit, threshold, step, max_share_bps, bands=bands, dear_cents=dear_cents, dear_share_bps=dear_share_bps, categories=categories,
        tiers=tiers, with_coupons=with_coupons,
    )  # fmt: skip
    if found := rules.faults(new):
        raise PolicyInvalid(faults=found)
    if in_force_from is not None and in_force_from < now:
        raise PolicyRetroactive
    starts_at = in_force_from or now
    forget(BurnPolicy)
    replaced = selectors.burn_policy(now=starts_at)
    if rules.too_soon(old=replaced.plain if replaced else None, new=new, starts_at=starts_at, now=now) and not reason.strip():
        raise NoticeTooShort(days=rules.NOTICE.days)
    newest = BurnPolicy.objects.order_by("-number").values_list("number", flat=True).first() or 0
    made = BurnPolicy.objects.create(
        number=newest + 1,
        points_per_unit=points_per_unit,
        threshold=threshold,
        step=step,
        max_share_bps=max_share_bps,
        dear_cents=dear_cents,
        dear_share_bps=dear_share_bps,
        with_coupons=with_coupons,
        **rules.as_json(new),
        in_force_from=in_force_from,
        published_at=now,
        published_by=actor,
        reason=reason.strip(),
    )
    forget(BurnPolicy)
    figures = {"points_per_unit": points_per_unit, "in_force_from": starts_at.isoformat()}
    audit.record(actor=actor, verb="burn_policy.published", subject=f"burn-policy/{made.number}", reason=made.reason, figures=figures, now=now)
    return made


@transaction.atomic(savepoint=False)
def propose_make_good(*, policy_id: int, reason: str, cost_centre: str = "", operator_id: int, key: UUID, now: datetime) -> Batch:
    """Make a batch of grants that keep what members hold worth what it was before a version of the burn policy. A second person decides on it.

    Refuses: NobodyLoses, and what `batches.upload` refuses.
    """
    policy = BurnPolicy.objects.get(id=policy_id)
    listed = selectors.losers(policy, now=now)
    first = next(listed, None)
    if first is None:
        raise NobodyLoses
    lines = spreadsheets.lines(("member", "points"), itertools.chain([first], listed))
    return batches.upload(
        kind=Batch.Kind.GRANT,
        content=(line.encode() for line in lines),
        file_name=f"burn-policy-{policy.number}.csv",
        reason=reason,
        cost_centre=cost_centre,
        operator_id=operator_id,
        key=key,
        now=now,
    )


def quote(*, member_id: UUID | None, now: datetime, **cart: Any) -> selectors.Quote:
    """What `selectors.quote` says of a cart. Where the term of the member's tier is over that is decided on first, as the payment would."""
    if member_id is not None and standings.standing(member_id=member_id, now=now).due:
        tiers.look_again(member_ids=[member_id], now=now)
    return selectors.quote(member_id=member_id, now=now, **cart)


@transaction.atomic(savepoint=False)
def hold(
    *, member_id: UUID, points: int, quote: str = "", purchase_ref: str = "", expires_in: timedelta = timedelta(minutes=30), actor: str, key: str, now: datetime
) -> CheckoutHold:
    """Set points aside for an order. From a quote it carries the order's total; in any case it pins the policy and the points' worth.

    Refuses: Screened, QuoteInvalid, PointsExceedPolicy, and what `ledger.hold` refuses.
    """
    screening.demand(member_id=member_id, action="hold", points=points, now=now)
    promised = selectors.quoted(token=quote, member_id=member_id) if quote else None
    row = promised.policy if promised else selectors.burn_policy(now=now)
    policy = selectors.policy_rules(row)
    if points % policy.step or points < policy.threshold:
        raise PointsExceedPolicy(threshold=policy.threshold, step=policy.step)
    if promised and points > (most := policy.within(worth_cents=promised.most_cents, available=points)):
        raise PointsExceedPolicy(max_points=most, total_cents=promised.total_cents)
    if policy.closed:
        raise PointsExceedPolicy(max_points=0)
    held = ledger.hold(
        member_id=member_id,
        points=points,
        expires_at=now + expires_in,
        subject=f"purchase/{purchase_ref}" if purchase_ref else "",
        actor=actor,
        key=key,
        now=now,
    )
    made = selectors.checkout_hold(member_id=member_id, hold_id=held.id)
    return made or CheckoutHold.objects.create(
        hold=held,
        member_id=member_id,
        burn_policy=row,
        tier=promised.tier if promised else selectors.tier(policy=policy, member_id=member_id, now=now),
        total_cents=promised.total_cents if promised else None,
        worth_cents=policy.worth(points),
        purchase_ref=purchase_ref,
    )


@transaction.atomic(savepoint=False)
def pay(*, member_id: UUID, facts: facts_rules.Purchase, policy: ExpiryPolicy | None = None, by_guest: bool = False, actor: str, now: datetime) -> Paid:
    """A purchase was paid: capture its hold, record it, grant what it earns, apply the refunds that came before it.

    The same purchase again is a replay. `policy` takes the place of the programme's expiry. A lapsed hold does not refuse a paid
    purchase. `by_guest`: what it says of its coupons was taken as it was said, and stands where they do not take off as much.
    Refuses: PurchaseConflict, PurchaseGone, CurrencyMismatch, AmountsDisagree, HoldNotMembers, HoldUsed, CouponRefused.
    """
    merged_into = ledger.lock(member_id=member_id)
    digest = facts_rules.digest(facts)
    number = activity.number(external_id=facts.id)
    activity.refuse_gone(number)
    if number is not None and number.purchase_id is not None:
        return _paid_before(number.purchase_id, member_id=member_id, owner_id=number.member_id, digest=digest)
    programme.fix_currency(currency=facts.currency)

    subject = f"purchase/{facts.id}"
    held, worth, policy_of_hold, tier = _hold_of(member_id, facts.hold)
    # By the time at which it was paid: the message may be late.
    order = selectors.with_coupons(facts, member_id=member_id, now=min(now, facts.occurred_at))
    if by_guest and (order.coupons.refusals or order.purchase.discount_cents != facts.discount_cents):
        order = selectors.WithCoupons(facts, selectors.NO_COUPONS)
    facts = order.purchase
    if order.coupons.refusals:
        no = order.coupons.refusals[0]
        raise selectors.CouponRefused(no.text, coupon=no.code, why=no.why)
    if facts.paid_cents != (expected := rules.expected_paid(facts, worth_cents=worth)):
        raise AmountsDisagree(expected_paid_cents=expected, paid_cents=facts.paid_cents, worth_cents=worth)
    spend, why = _spend_hold(held, member_id=member_id, subject=subject, actor=actor, now=now) if held else (None, [])
    how = None
    if spend or order.off:
        parts = rules.due(facts, order.off)
        allowed = rules.allowance(policy_of_hold, facts.lines, parts, tier=tier)
        how = rules.split(parts, allowed, order.off, worth_cents=worth, points=spend.points if spend else 0)
        facts = rules.with_split(facts, how)
        if worth > allowed.worth_cents:
            why.append({**selectors.share_reached(allowed), "code": "over_share" if allowed.plain else "over_goods"})
    purchase, heard_of, delivered_at = recording.record_purchase(member_id=member_id, facts=facts, digest=digest, now=now)
    if order.off:
        discounts = {one.code: one.cents for one in order.off}
        coupons.use_all(member_id=member_id, codes=list(discounts), purchase_ref=facts.id, discounts=discounts, now=min(now, facts.occurred_at))
        why += [{"code": "coupon_used", "coupon": code, "cents": cents, "currency": facts.currency} for code, cents in discounts.items()]

    granted = granting.award_purchase(member_id=member_id, facts_of=facts, policy=policy, actor=actor, now=now)
    basis_cents = sum(line.cents for line in earning_rules.basis(facts))
    settlement = Settlement(
        purchase=purchase,
        member_id=member_id,
        spend_entry=spend,
        earn_entry=granted.entry,
        rule_version_id=granted.grants[0].rule_version_id if granted.grants else None,
        paid_cents=facts.paid_cents,
        basis_cents=basis_cents,
        worth_cents=worth,
        spent=spend.points if spend else 0,
        earned=granted.points,
        explanation=[*why, *_why_earned(granted, basis_cents, facts.currency, delivered=delivered_at is not None)],
        split=how.as_json() if how else None,
    )
    _insert(settlement)
    referrals.purchase_paid(member_id=member_id, purchase_ref=facts.id, net_cents=basis_cents, occurred_at=facts.occurred_at, now=now)
    if delivered_at:
        _deliver(settlement, subject=subject, occurred_at=delivered_at, actor=actor, now=now)
    if heard_of:
        for waiting in activity.waiting_for(purchase_ref=facts.id):
            _apply_waiting(waiting, purchase, actor=actor, now=now)
    if merged_into is not None:
        # Merged between the question whose purchase it is and the lock.
        merging.forward(member_id=member_id, actor=actor, now=now)
        survivor_id = members_seen.survivor_id(member_id)
        tiers.count_purchase(member_id=survivor_id, purchase=facts.id, net_cents=basis_cents, occurred_at=facts.occurred_at, now=now)
    return Paid(purchase, settlement, False)


def _insert(settlement: Settlement) -> None:
    # Not save(), which takes several times as long as the database to write one row.
    written = {"explanation": json.dumps(settlement.explanation), "split": settlement.split and json.dumps(settlement.split)}
    values = [written[name] if name in written else getattr(settlement, name) for name in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, values)
    settlement._state.adding = False


def _paid_before(purchase_id: UUID, *, member_id: UUID, owner_id: UUID | None, digest: str) -> Paid:
    if owner_id is None or (owner_id != member_id and members_seen.survivor_id(owner_id) != members_seen.survivor_id(member_id)):
        raise recording.PurchaseConflict
    purchase = activity.purchase_of(member_id=owner_id, purchase_id=purchase_id)
    if purchase.digest != digest:
        raise recording.PurchaseConflict(purchase=purchase.external_id)
    return Paid(purchase, selectors.settlement(member_id=owner_id, purchase_id=purchase_id), True)


def _hold_of(member_id: UUID, hold_ref: str) -> tuple[Hold | None, int, rules.Policy, str]:
    """The hold that a purchase names, what its points are worth, under which policy, for whose tier. Holds not for checkout are none of the till's."""
    if not hold_ref:
        return None, 0, rules.Policy(), ""
    pinned = selectors.checkout_hold(member_id=member_id, hold_id=UUID(hold_ref))
    if pinned is None:
        # Made before the member was merged.
        pinned = next(filter(None, (selectors.checkout_hold(member_id=one, hold_id=UUID(hold_ref)) for one in members_seen.with_merged(member_id)[1:])), None)
    if pinned is None:
        raise HoldNotMembers(hold=hold_ref)
    if any(activity.names_hold(member_id=one, hold_ref=hold_ref) for one in {member_id, pinned.member_id}):
        raise HoldUsed(hold=hold_ref)
    policy = selectors.policy_rules(pinned.burn_policy)
    captured = pinned.hold.status == Hold.Status.CAPTURED
    return pinned.hold, policy.worth(pinned.hold.captured) if captured else pinned.worth_cents, policy, pinned.tier


def _spend_hold(held: Hold, *, member_id: UUID, subject: str, actor: str, now: datetime) -> tuple[Entry, list[dict[str, Any]]]:
    """Capture the whole hold; where it has lapsed, spend as many points from what is available, the rest on credit.

    A hold that the storefront has captured by itself was spent for this purchase.
    """
    if held.status == Hold.Status.CAPTURED:
        entry = books.capture_of(hold=held)
        return entry, [{"code": "spent", "points": entry.points}]
    if held.status == Hold.Status.OPEN and held.expires_at > now:
        entry = ledger.capture(member_id=held.member_id, hold_id=held.id, subject=subject, actor=actor, key=f"{subject}/capture", now=now)
        return entry, [{"code": "spent", "points": entry.points}]
    entry = ledger.spend(member_id=member_id, points=held.points, subject=subject, overdraw=True, actor=actor, key=f"{subject}/spend", now=now)
    why = [{"code": "hold_lapsed", "points": entry.points}]
    return entry, [*why, {"code": "owed", "points": entry.debt_change}] if entry.debt_change else why


def _why_earned(granted: granting.Granted, basis_cents: int, currency: str, *, delivered: bool) -> list[dict[str, Any]]:
    why: list[dict[str, Any]] = [{"code": "basis", "cents": basis_cents, "currency": currency}]
    if granted.decision.screened:
        return [*why, {"code": "earning_screened"}]
    if not granted.decision.given.get("versions"):
        return [{"code": "no_rule"}]
    why += [{"code": "rule_gave", **figures} for figures in earning.givers(granted.decision)]
    why.append({"code": "earned_in_all", "points": granted.points})
    if granted.offered:
        why.append({"code": "claimable", "points": granted.offered})
    if not delivered and any(grant.entry.pending_change for grant in granted.grants if grant.entry is not None):
        why.append({"code": "pending"})
    return why


@transaction.atomic(savepoint=False)
def refund(*, purchase_ref: str, facts: facts_rules.Refund, member_ref: str = "", actor: str, now: datetime) -> Refunded:
    """Money of a purchase was given back: spent points come back first, then what is no longer earned is taken back.

    A refund of a purchase that nobody has paid yet is kept waiting and applied with it. The same refund again is a replay, also of
    one that an operator has to decide on, or has decided on. `member_ref`: whose purchase it must be, where the message says so.
    Of a member who was merged, what comes back or is owed goes on to who answers for them.
    Refuses: PurchaseGone, RefundConflict, RefundNotMembers, RefundExceedsPaid, LineUnknown, LineExceeded, RestoreExceedsSpend.
    """
    number = activity.number(external_id=purchase_ref)
    activity.refuse_gone(number)
    if number is None or number.purchase_id is None:
        number = recording.hold_number(external_id=purchase_ref)
    if number.purchase_id is None:
        return Refunded(None, recording.keep_refund(purchase_ref=purchase_ref, member_ref=member_ref, facts=facts, why="", now=now))
    kept = activity.unmatched(purchase_ref=purchase_ref, external_id=facts.id)
    if kept is not None and not activity.has_refund(number=number, external_id=facts.id):
        return Refunded(None, recording.keep_refund(purchase_ref=purchase_ref, member_ref=member_ref, facts=facts, why="", now=now), replayed=True)
    assert number.member is not None
    _refuse_others(member_ref, number.member)
    ledger.lock(member_id=number.member.id)
    purchase = activity.purchase_of(member_id=number.member.id, purchase_id=number.purchase_id)
    return _refund(purchase, facts, actor=actor, now=now)


def _refuse_others(member_ref: str, member: Member) -> None:
    if not member_ref or member_ref == member.external_id:
        return
    if members_seen.id_of(external_id=member_ref) != members_seen.survivor(member).id:
        raise RefundNotMembers(member=member_ref)


def _refund(purchase: Purchase, facts: facts_rules.Refund, *, actor: str, now: datetime) -> Refunded:
    """Apply a refund to a purchase whose member is locked."""
    member_id = purchase.member_id
    digest = facts_rules.digest(facts)
    before = activity.refunds_of(member_id=member_id, purchase_id=purchase.id)
    for earlier in before:
        if earlier.external_id == facts.id:
            if earlier.digest != digest:
                raise recording.RefundConflict(refund=facts.id)
            return Refunded(selectors.refund_settlement(member_id=member_id, refund_id=earlier.id), replayed=True)

    settlement = selectors.settlement(member_id=member_id, purchase_id=purchase.id)
    bought = activity.facts_of(purchase)
    left, restore = _planned(bought, settlement, [facts_rules.refund_from_json(earlier.facts) for earlier in before], facts)
    basis = earning_rules.still_earned(bought, left)

    row = recording.record_refund(purchase=purchase, facts=facts, amount_cents=left.last_cents, digest=digest, now=now)
    if left.goods_gone:
        recording.mark_refunded(purchase=purchase)
    about = f"purchase/{purchase.external_id}/refund/{facts.id}"
    # One that came before its purchase is booked with it, not before it.
    occurred_at = max(facts.occurred_at, purchase.occurred_at)
    common = {"member_id": member_id, "subject": about, "occurred_at": occurred_at, "actor": actor, "now": now}
    spender_id = settlement.spend_entry.member_id if settlement.spend_entry else member_id
    if restore:
        # A hold that was captured before the member was merged was spent from the account of then.
        ledger.restore(entry_id=settlement.spend_entry_id, points=restore, key=f"{about}/restore", **{**common, "member_id": spender_id})
    back = _no_longer_earned(settlement, earning.purchase_fact(bought, lines=basis), void=left.goods_gone, about=about, common=common)
    settlement.restored += restore
    # What was claimed later is no part of what the order earned at once.
    settlement.clawed_back += back.points - back.claimed
    settlement.refunded_cents = left.refunded_cents
    settlement.save(update_fields=["restored", "clawed_back", "refunded_cents"])
    referrals.purchase_refunded(member_id=member_id, purchase_ref=purchase.external_id, net_cents_left=sum(part.cents for part in basis), now=now)
    answers_id = members_seen.survivor_id(member_id)
    for one in {member_id, spender_id} - {answers_id}:
        merging.forward(member_id=one, actor=actor, now=now)
    if answers_id != member_id:
        # The growth that came with the merge lessens as well.
        tiers.recount_purchase(member_id=answers_id, purchase=purchase.external_id, net_cents=sum(part.cents for part in basis), now=now)
    debt = books.balance(member_id=answers_id, now=now).debt
    returned = []
    if left.complete and settlement.how and settlement.how.coupons:
        given_back = coupons.give_back_of(member_id=member_id, purchase_ref=purchase.external_id, now=now)
        returned = [{"code": one.coupon.code, "why_not": one.why_not} for one in given_back]
    made = RefundSettlement.objects.create(
        refund=row, member_id=member_id, restored=restore, clawed_back=back.points, waived=back.waived, debt=debt, coupons=returned
    )
    return Refunded(made)


def _no_longer_earned(settlement: Settlement, fact: earning_rules.Fact, *, void: bool, about: str, common: dict[str, Any]) -> granting.TakenBack:
    """Take back what the purchase earns no longer; one from before decisions were kept is decided again by its version alone."""
    key = f"{about}/clawback"
    decided = earning.decision(member_id=settlement.member_id, subject=fact.key)
    if decided is not None:
        return granting.decide_again(fact=fact, void=void, about=about, key=key, **{name: value for name, value in common.items() if name != "subject"})
    granting.grow_again(member_id=settlement.member_id, fact=fact, void=void, now=common["now"])
    keeps = 0 if void else earning.by_version(settlement.rule_version, fact)
    points = max(0, settlement.earned - settlement.clawed_back - keeps)
    if not points:
        return granting.TakenBack()
    return granting.TakenBack(points, ledger.clawback(entry_id=settlement.earn_entry_id, points=points, key=key, **common).waived)


def _planned(
    bought: facts_rules.Purchase, settlement: Settlement, before: Sequence[facts_rules.Refund], facts: facts_rules.Refund
) -> tuple[facts_rules.Left, int]:
    """What a refund comes to: what is left of the order, how many points come back. Refuses what is not possible."""
    try:
        left = facts_rules.left_after(bought, [*before, facts], parts=settlement.how.points if settlement.how else ())
        return left, rules.to_restore(facts, left, spent=settlement.spent, restored=settlement.restored)
    except facts_rules.RefundNotPossible as no:
        raise _NOT_POSSIBLE[no.code](**no.figures) from no


def _apply_waiting(waiting: UnmatchedRefund, purchase: Purchase, *, actor: str, now: datetime) -> None:
    """A refund that came before its purchase; what is not possible is parked for an operator instead of refusing the purchase."""
    facts = facts_rules.refund_from_json(waiting.facts)
    settlement = selectors.settlement(member_id=purchase.member_id, purchase_id=purchase.id)
    before = [facts_rules.refund_from_json(one.facts) for one in activity.refunds_of(member_id=purchase.member_id, purchase_id=purchase.id)]
    try:
        _refuse_others(waiting.member_ref, purchase.member)
        _planned(activity.facts_of(purchase), settlement, before, facts)
    except BusinessError as refusal:
        # Nothing was written yet: planning only computes.
        recording.park(refund=waiting, why=_untranslated(refusal.title), actor=actor, now=now)
        return
    _refund(purchase, facts, actor=actor, now=now)
    recording.mark_applied(refund=waiting, actor=actor, now=now)


def _untranslated(sentence: Any) -> str:
    """As it is kept, for readers of any language: translated when it is shown."""
    with translation.override(None):
        return str(sentence)


@transaction.atomic(savepoint=False)
def park_refund(*, facts: facts_rules.Refund, member_ref: str = "", actor: str, now: datetime) -> UnmatchedRefund:
    """Keep a refund that names no purchase for an operator. The same again changes nothing. Refuses: RefundConflict."""
    return recording.keep_refund(purchase_ref="", member_ref=member_ref, facts=facts, why=_untranslated(_("The message named no purchase.")), now=now)


@transaction.atomic(savepoint=False)
def link_refund(*, unmatched_id: UUID, purchase_ref: str, actor: str, reason: str, now: datetime) -> Refunded:
    """Apply a waiting or parked refund to a purchase, by hand. Refuses: PurchaseUnknown, RefundDecided, and what `refund` refuses."""
    number = activity.number(external_id=purchase_ref)
    if number is None or number.purchase_id is None or number.member_id is None:
        raise activity.PurchaseUnknown(purchase=purchase_ref)
    ledger.lock(member_id=number.member_id)
    unmatched = UnmatchedRefund.objects.get(id=unmatched_id)
    recording.mark_applied(refund=unmatched, actor=actor, reason=reason, now=now)
    purchase = activity.purchase_of(member_id=number.member_id, purchase_id=number.purchase_id)
    applied = _refund(purchase, facts_rules.refund_from_json(unmatched.facts), actor=actor, now=now)
    _audit("refund.linked", unmatched, actor=actor, reason=reason, figures={"purchase": purchase_ref}, now=now)
    return applied


@transaction.atomic(savepoint=False)
def retry_refund(*, unmatched_id: UUID, actor: str, reason: str, now: datetime) -> Refunded:
    """Try a refund that waits, or could not be applied, with the purchase it names. Refuses as `link_refund` does."""
    unmatched = UnmatchedRefund.objects.get(id=unmatched_id)
    return link_refund(unmatched_id=unmatched_id, purchase_ref=unmatched.purchase_ref, actor=actor, reason=reason, now=now)


@transaction.atomic(savepoint=False)
def close_refund(*, unmatched_id: UUID, actor: str, reason: str, now: datetime) -> UnmatchedRefund:
    """A waiting or parked refund will never be applied. Refuses: RefundDecided."""
    closed = recording.close(refund=UnmatchedRefund.objects.get(id=unmatched_id), actor=actor, reason=reason, now=now)
    _audit("refund.closed", closed, actor=actor, reason=reason, now=now)
    return closed


def _audit(verb: str, refund: UnmatchedRefund, *, actor: str, reason: str, figures: dict[str, Any] | None = None, now: datetime) -> None:
    audit.record(actor=actor, verb=verb, subject=f"refund/{refund.external_id}", reason=reason, figures=figures, now=now)


@transaction.atomic(savepoint=False)
def delivered(*, purchase_ref: str, occurred_at: datetime, actor: str, now: datetime) -> datetime:
    """The order was received: what waits for that becomes available. When it was, as it was told first.

    A guest's order keeps it until it is claimed. Again: a replay. Refuses: PurchaseUnknown.
    """
    number = activity.number(external_id=purchase_ref)
    if number is None:
        raise activity.PurchaseUnknown
    activity.refuse_gone(number)
    if number.purchase_id is None:
        number = recording.keep_delivery(external_id=purchase_ref, occurred_at=occurred_at)
    if number.purchase_id is None:
        assert number.delivered_at is not None
        return number.delivered_at
    assert number.member_id is not None
    merged_into = ledger.lock(member_id=number.member_id)
    settlement = selectors.settlement(member_id=number.member_id, purchase_id=number.purchase_id)
    if settlement.delivered_at is None:
        _deliver(settlement, subject=f"purchase/{purchase_ref}", occurred_at=occurred_at, actor=actor, now=now)
        if merged_into is not None:
            merging.forward(member_id=number.member_id, actor=actor, now=now)
    return settlement.delivered_at or occurred_at


def _deliver(settlement: Settlement, *, subject: str, occurred_at: datetime, actor: str, now: datetime) -> None:
    member_id = settlement.member_id
    earned = earning.entries_of(member_id=member_id, subject=subject) or [entry for entry in [settlement.earn_entry_id] if entry]
    for number, entry_id in enumerate(earned):
        if books.waits_for_act(member_id=member_id, entry_id=entry_id):
            key = f"{subject}/mature/{number}" if number else f"{subject}/mature"
            ledger.mature(member_id=member_id, entry_id=entry_id, actor=actor, key=key, now=now)
    granting.note_delivery(member_id=member_id, subject=subject)
    settlement.delivered_at = occurred_at
    settlement.save(update_fields=["delivered_at"])


@transaction.atomic(savepoint=False)
def keep_guest(*, facts: facts_rules.Purchase, now: datetime) -> GuestPurchase:
    """A purchase that names no member was paid: kept until somebody claims it. The same again changes nothing.

    Refuses: PurchaseConflict, CurrencyMismatch, AmountsDisagree, GuestCoupon: what is wrong with it is said to whoever can still put it right.
    """
    if unsaid := [one["code"] for one in facts.discounts if "discount_cents" not in one]:
        raise GuestCoupon(coupon=unsaid[0])
    if facts.paid_cents != (expected := rules.expected_paid(facts, worth_cents=0)):
        raise AmountsDisagree(expected_paid_cents=expected, paid_cents=facts.paid_cents, worth_cents=0)
    programme.fix_currency(currency=facts.currency)
    return recording.keep_guest_purchase(facts=facts, now=now)


@transaction.atomic(savepoint=False)
def claim(*, purchase_ref: str, member_ref: str, actor: str, now: datetime) -> Paid:
    """A guest's purchase is claimed by a member: settled as if it had been theirs from the start. Once.

    Refuses: PurchaseUnknown, AlreadyClaimed, and what `pay` refuses.
    """
    member = members.ensure(external_id=member_ref, now=now)
    ledger.lock(member_id=member.id)
    if activity.guest_purchase(external_id=purchase_ref) is None:
        raise activity.PurchaseUnknown
    facts = recording.claim_guest_purchase(external_id=purchase_ref, member_id=member.id, now=now)
    return pay(member_id=member.id, facts=facts, by_guest=True, actor=actor, now=now)
