import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.rewards import services as shelf
from points.budgets import selectors as counters_seen
from points.budgets import services as counters
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from tiers.evaluation import services as tiers
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import events, rules, selectors
from .models import Coupon, CouponBatch, CouponTemplate

Status = Coupon.Status
Source = Coupon.Source
MOST_AT_ONCE = 100


class TemplateInvalid(BusinessError):
    code, status, title = "coupon_template_invalid", 422, _("The coupon template cannot be kept as it is.")


class TemplateInactive(BusinessError):
    code, status, title = "coupon_template_inactive", 409, _("Coupons of this template cannot be had any more.")


class TemplateOver(BusinessError):
    code, status, title = "coupon_template_over", 409, _("The last day of this coupon template is past.")


class CountInvalid(BusinessError):
    code, status, title = "coupon_count_invalid", 422, _("Between 1 and 100 coupons are issued at a time.")


class CouponsOut(BusinessError):
    code, status, title = "coupons_out", 409, _("All coupons of this template are gone.")


class MemberLimit(BusinessError):
    code, status, title = "coupon_member_limit", 409, _("One member may not have so many of this coupon.")
    sentence = _("One member may have at most %(limit)s of this coupon; had %(had)s.")


class NotClaimable(BusinessError):
    code, status, title = "coupon_not_claimable", 409, _("This coupon cannot be claimed.")


class TierTooLow(BusinessError):
    code, status, title = "tier_too_low", 403, _("This coupon is for members of a higher tier.")

    def __init__(self, *, tier: str) -> None:
        super().__init__(gettext("This coupon is for members from %(tier)s on.") % {"tier": ladder.name(tier)}, tier=tier)


class NotUsable(BusinessError):
    """`why` among the figures: coupon_used, coupon_withdrawn, coupon_expired, coupon_not_yet or coupon_not_members."""

    code, status, title = "coupon_not_usable", 409, _("This coupon cannot be used.")

    def __init__(self, why: str, **figures: Any) -> None:
        super().__init__(str(selectors.SENTENCES[why]), why=why, **figures)


class TookTooMuch(BusinessError):
    code, status, title = "coupon_discount_too_large", 422, _("The coupon does not take off so much.")

    def __init__(self, terms: rules.Terms, **figures: Any) -> None:
        most = rules.most_off(terms)
        said = gettext("The coupon takes no more than %(most)s off.") % {"most": selectors.amount(most)}
        super().__init__(said, most_cents=most, **figures)


class UseConflict(BusinessError):
    code, status, title = "coupon_use_conflict", 409, _("This coupon's use for that purchase was told with another discount.")


class NotUsedFor(BusinessError):
    code, status, title = "coupon_not_used_for", 409, _("This coupon was not used for that purchase.")


class UsedWithOrder(BusinessError):
    code, status, title = "coupon_used_with_order", 409, _("This coupon was used in an order recorded here. It comes back when that is refunded in full.")


class NotAvailable(BusinessError):
    code, status, title = "coupon_not_available", 409, _("Only a coupon that can still be used can be withdrawn.")


class CouponsUsed(BusinessError):
    code, status, title = "coupons_used", 409, _("So many of its coupons cannot come back: they were used.")


class NobodyThere(BusinessError):
    code, status, title = "coupon_batch_empty", 422, _("There is no member to issue to.")


class BatchOver(BusinessError):
    code, status, title = "coupon_batch_over", 409, _("This issue of coupons is over.")


class NothingUnused(BusinessError):
    code, status, title = "coupon_batch_used_up", 409, _("No coupon of this issue is left that could be withdrawn.")


# Issuing


@transaction.atomic(savepoint=False)
def issue(
    *,
    member_id: UUID,
    template: str,
    count: int = 1,
    source: Source = Source.OPERATOR,
    subject: str = "",
    reason: str = "",
    reserved_until: datetime | None = None,
    actor: str,
    key: str,
    now: datetime,
) -> list[Coupon]:
    """Give the member so many coupons of a template; their time runs from `now`. An operator says why: `reason` goes to the audit trail.

    `reserved_until`: they wait that long for payment, unseen, and will still be good then. The same key again gives the same coupons.
    Refuses: TemplateUnknown, TemplateInactive, TemplateOver, CountInvalid, MemberLimit, CouponsOut, KeyConflict.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise CountInvalid(most=MOST_AT_ONCE)
    of = selectors.template(template)
    ledger.lock(member_id=member_id)
    if earlier := _earlier(member_id, key, (of.code, count, subject)):
        return earlier
    if not of.active:
        raise TemplateInactive(template=of.code)
    if reason:
        figures = {"template": of.code, "count": count, "key": key}
        audit.record(actor=actor, verb="coupon.issued", subject=f"member/{member_id}", reason=reason, figures=figures, now=now)
    return _issue([member_id], of, count, source=source, subject=subject, reserved_until=reserved_until, actor=actor, key=key, now=now)


@transaction.atomic(savepoint=False)
def claim(*, member_id: UUID, template: str, actor: str, key: str, now: datetime) -> Coupon:
    """The member takes one for themselves. The same key again gives the same coupon.

    Refuses: TemplateUnknown, NotClaimable, Screened, TierTooLow, MemberLimit, TemplateOver, CouponsOut, KeyConflict.
    """
    of = selectors.template(template)
    ledger.lock(member_id=member_id)
    if earlier := _earlier(member_id, key, (of.code, 1, "")):
        return earlier[0]
    if not (of.active and of.claimable) or (of.segment_id is not None and of.segment_id not in segments.segments_of(member_id)):
        raise NotClaimable(template=of.code)
    screening.demand(member_id=member_id, action="redeem", points=0, now=now)
    if of.least_tier is not None:
        _decide_tier(member_id, now)
        if standings.standing(member_id=member_id, now=now).rank < of.least_tier.rank:
            raise TierTooLow(tier=of.least_tier_id)
    return _issue([member_id], of, 1, source=Source.CLAIM, subject="", actor=actor, key=key, now=now)[0]


def not_claimed(one: selectors.Claimable) -> BusinessError | None:
    """What a claim of it would be refused with now; None: it would not."""
    refusals = {
        "tier_too_low": lambda: TierTooLow(tier=one.template.least_tier_id or ""),
        "coupon_member_limit": lambda: MemberLimit(limit=one.template.per_member, had=one.had),
        "coupons_out": CouponsOut,
    }
    return refusals[one.why_not]() if one.why_not else None


def claimable(*, member_id: UUID, now: datetime) -> list[selectors.Claimable]:
    """What the member may claim, as `selectors.claimable` says; where their tier's term is over it is decided on first, as a claim would."""
    _decide_tier(member_id, now)
    return selectors.claimable(member_id=member_id, now=now)


def _decide_tier(member_id: UUID, now: datetime) -> None:
    """Nobody claims by a tier that they no longer have."""
    if standings.standing(member_id=member_id, now=now).due:
        tiers.look_again(member_ids=[member_id], now=now)


@transaction.atomic(savepoint=False)
def issue_won(*, member_id: UUID, template: str, count: int, subject: str, key: str, now: datetime) -> list[Coupon]:
    """A rule, a check-in or a tier gave these. Fewer, or none, where the template, its days or its limits allow no more: the audit trail says so.

    The same key again issues no more.
    """
    ledger.lock(member_id=member_id)
    if earlier := list(Coupon.objects.filter(member_id=member_id, key=key).order_by("number")):
        return earlier
    of = selectors.templates().get(template)
    may, why = _may_win(member_id, of, count, now=now)
    if why:
        figures = {"template": template, "count": count, "issued": may, "why": why, "subject": subject}
        audit.record(actor="rule", verb="coupon.withheld", subject=f"member/{member_id}", figures=figures, now=now)
    if of is None or not may:
        return []
    source = _SOURCES.get(subject.partition("/")[0], Source.RULE)
    return _issue([member_id], of, may, source=source, subject=subject, actor="rule", key=key, now=now)


_SOURCES = {"checked_in": Source.CHECK_IN, "streak_reached": Source.CHECK_IN, "tier_reached": Source.TIER}


def _may_win(member_id: UUID, of: CouponTemplate | None, count: int, *, now: datetime) -> tuple[int, str]:
    """How many of them can be issued, and why not all."""
    if of is None:
        return 0, selectors.TemplateUnknown.code
    if selectors.validity(of, now=now) is None:
        return 0, TemplateOver.code
    may, why = min(count, MOST_AT_ONCE), ""
    if of.per_member is not None:
        had = selectors.had(member_ids=[member_id], template=of.code).get(member_id, 0)
        if may > of.per_member - had:
            may, why = max(0, of.per_member - had), MemberLimit.code
    if of.in_all is not None and may:
        left = _left_locked(of, now=now)
        may, why = (left, CouponsOut.code) if left < may else (may, why)
    return may, why


def _left_locked(of: CouponTemplate, *, now: datetime) -> int:
    """How many are left in all: nobody else takes of them until this transaction is over."""
    counters.take(charges=[selectors.charge(of.code, 0)], now=now)
    [left] = counters_seen.left(charges=[selectors.charge(of.code, 0, limit=of.in_all)], lock=True).values()
    return left.times or 0


def _earlier(member_id: UUID, key: str, content: tuple[str, int, str]) -> list[Coupon]:
    earlier = list(Coupon.objects.filter(member_id=member_id, key=key).select_related("template").order_by("number"))
    if earlier and (earlier[0].template_id, len(earlier), earlier[0].subject) != content:
        raise ledger.KeyConflict(key=key)
    return earlier


def _issue(
    member_ids: Sequence[UUID], of: CouponTemplate, count: int, *, source: Source, subject: str, reserved_until: datetime | None = None, actor: str, key: str,
    now: datetime,
) -> list[Coupon]:  # fmt: skip
    """To each of them so many, all or none; their locks are held. The counter of the limit in all is the last thing that is locked."""
    good = selectors.validity(of, now=reserved_until or now)
    if good is None:
        raise TemplateOver(template=of.code)
    if of.per_member is not None:
        had = selectors.had(member_ids=member_ids, template=of.code)
        if too_many := [had.get(one, 0) for one in member_ids if had.get(one, 0) + count > of.per_member]:
            raise MemberLimit(limit=of.per_member, had=too_many[0])
    about = {
        "template": of, "terms": of.terms.as_json(), "source": source, "subject": subject, "actor": actor, "key": key,
        "counted": of.in_all is not None, "issued_at": now, "status": Status.RESERVED if reserved_until else Status.AVAILABLE, **good._asdict(),
    }  # fmt: skip
    made = [Coupon(**about, member_id=one, code=rules.code(secrets.token_bytes(16)), number=n) for one in member_ids for n in range(1, count + 1)]
    Coupon.objects.bulk_create(made)
    if not reserved_until and outbox.heard(events.COUPON_CHANGED):
        for row in made:
            _tell(row, before="", now=now)
    if of.in_all is not None and counters.take(charges=[selectors.charge(of.code, len(made), limit=of.in_all)], now=now):
        raise CouponsOut(template=of.code)
    return made


def _tell(row: Coupon, *, before: str, purchase: str = "", now: datetime) -> None:
    payload = {
        "coupon": str(row.id), "code": row.code, "template": row.template_id, "status": str(row.status), "before": str(before), "source": row.source,
        "subject": row.subject, "purchase": purchase or row.used_by, "expires_at": row.expires_at.isoformat(),
    }  # fmt: skip
    outbox.publish(topic=events.COUPON_CHANGED, member_id=row.member_id, payload=payload, now=now)


# Using


def use_all(*, member_id: UUID, codes: Sequence[str], purchase_ref: str, discounts: Mapping[str, int] | None = None, now: datetime) -> list[Coupon]:
    """Use these coupons of the member's in an order that is being recorded, all or none; `discounts`: what each took off, where it is known.

    They come back with the order only. Those used for this very purchase already stay so. Part of the caller's transaction, which holds the member's account.
    Refuses: CouponUnknown, NotUsable.
    """
    theirs = members.with_merged(members.survivor_id(member_id))
    told = {rules.as_written(code): cents for code, cents in (discounts or {}).items()}
    wanted = dict.fromkeys(map(rules.as_written, codes))
    found = {row.code: row for row in Coupon.objects.filter(code__in=wanted, member_id__in=theirs).select_related("template").order_by("id")}
    if missing := [code for code in wanted if code not in found]:
        raise selectors.CouponUnknown(coupon=missing[0])
    return [_use(found[code], purchase_ref, discount_cents=told.get(code), with_order=True, now=now) for code in sorted(wanted)]


@transaction.atomic(savepoint=False)
def use(*, code: str, purchase_ref: str, member_id: UUID | None = None, discount_cents: int | None = None, now: datetime) -> Coupon:
    """Use a coupon for a purchase of a storefront's own till. For the same purchase again: nothing happens. `member_id`: whose it must be.

    `discount_cents`: what it took off there, where the storefront says so; again, it may be left out.
    Refuses: CouponUnknown, NotUsable, TookTooMuch, UseConflict.
    """
    found = selectors.coupon(code=code)
    if member_id is not None and members.survivor_id(found.member_id) != members.survivor_id(member_id):
        raise NotUsable("coupon_not_members", coupon=found.code)
    ledger.lock(member_id=found.member_id)
    row = _again(found)
    if discount_cents is not None:
        _check_discount(row, purchase_ref, discount_cents)
    return _use(row, purchase_ref, discount_cents=discount_cents, now=now)


def _check_discount(row: Coupon, purchase_ref: str, discount_cents: int) -> None:
    if row.status == Status.USED and row.used_by == purchase_ref and row.discount_cents != discount_cents:
        raise UseConflict(coupon=row.code, discount_cents=row.discount_cents)
    terms = rules.Terms.from_json(row.terms)
    if discount_cents > rules.most_off(terms):
        raise TookTooMuch(terms, coupon=row.code)


def _again(row: Coupon) -> Coupon:
    """As it is under the lock."""
    return Coupon.objects.select_related("template", "member").get(id=row.id)


def _use(row: Coupon, purchase_ref: str, *, discount_cents: int | None, with_order: bool = False, now: datetime) -> Coupon:
    assert purchase_ref, "a used coupon says for what"
    if why := selectors.why_not(row, purchase_ref=purchase_ref, now=now):
        raise NotUsable(why, coupon=row.code)
    if row.status == Status.USED:
        if with_order and not row.with_order:
            row.with_order = True
            row.save(update_fields=["with_order"])
        return row
    return _move(row, Status.USED, used_by=purchase_ref, used_at=now, discount_cents=discount_cents, with_order=with_order, now=now)


class GivenBack(NamedTuple):
    """A coupon of a purchase that is undone. `why_not`: why it stays used (coupon_expired), or is withdrawn; empty: it is good again."""

    coupon: Coupon
    why_not: str


def give_back_of(*, member_id: UUID, purchase_ref: str, now: datetime) -> list[GivenBack]:
    """A purchase is undone as a whole: its coupons are good again, where they still are. What has expired stays used; none the second time.

    Of a member who was merged, they are the survivor's then. Part of the caller's transaction, which holds the member's account.
    """
    theirs = members.with_merged(members.survivor_id(member_id))
    rows = Coupon.objects.filter(member_id__in=theirs, status=Status.USED, used_by=purchase_ref).select_related("template").order_by("id")
    return [_give_back(row, now=now) for row in rows]


@transaction.atomic(savepoint=False)
def give_back(*, code: str, purchase_ref: str, now: datetime) -> GivenBack:
    """The purchase of a storefront's own till came to nothing: the coupon is good again, if it still is. Good again already: nothing happens.

    Refuses: CouponUnknown, NotUsedFor, UsedWithOrder.
    """
    found = selectors.coupon(code=code)
    ledger.lock(member_id=found.member_id)
    row = _again(found)
    if row.status != Status.USED:
        return GivenBack(row, selectors.why_not(row, now=now))
    if row.used_by != purchase_ref:
        raise NotUsedFor(coupon=row.code)
    if row.with_order:
        raise UsedWithOrder(coupon=row.code)
    return _give_back(row, now=now)


def _give_back(row: Coupon, *, now: datetime) -> GivenBack:
    unused: dict[str, Any] = {"used_by": "", "used_at": None, "discount_cents": None, "with_order": False}
    purchase = row.used_by
    if row.withdrawn_for:
        _move(row, Status.WITHDRAWN, **unused, purchase=purchase, now=now)
        _uncount([row], now=now)
        return GivenBack(row, "coupon_withdrawn")
    if row.expires_at <= now:
        return GivenBack(row, "coupon_expired")
    owner = members.survivor_id(row.member_id)
    if owner != row.member_id and Coupon.objects.filter(member_id=owner, key=row.key, number=row.number).exists():
        unused["key"] = f"{_MOVED}{row.id}"
    return GivenBack(_move(row, Status.AVAILABLE, **unused, owner=owner, purchase=purchase, now=now), "")


# Withdrawing


@transaction.atomic(savepoint=False)
def withdraw(*, coupon_id: UUID, reason: str, actor: str, now: datetime) -> Coupon:
    """An operator takes a coupon away that was not used yet. Refuses: CouponUnknown, ReasonMissing, NotAvailable."""
    if not reason.strip():
        raise ReasonMissing
    found = Coupon.objects.filter(id=coupon_id).first()
    if found is None:
        raise selectors.CouponUnknown
    ledger.lock(member_id=found.member_id)
    row = _again(found)
    if selectors.status_at(row, now=now) != Status.AVAILABLE:
        raise NotAvailable(coupon_status=selectors.status_at(row, now=now))
    _move(row, Status.WITHDRAWN, withdrawn_for=reason.strip()[:300], now=now)
    figures = {"template": row.template_id, "coupon": str(row.id)}
    audit.record(actor=actor, verb="coupon.withdrawn", subject=f"member/{row.member_id}", reason=reason.strip(), figures=figures, now=now)
    _uncount([row], now=now)
    return row


@transaction.atomic(savepoint=False)
def withdraw_all(*, member_ids: Sequence[UUID], reason: str, now: datetime) -> int:
    """What these members, who take part no more, could still use is withdrawn; how many. The caller holds their locks."""
    rows = list(Coupon.objects.filter(member_id__in=member_ids, status=Status.AVAILABLE, expires_at__gt=now).select_related("template"))
    for row in rows:
        _move(row, Status.WITHDRAWN, withdrawn_for=reason, now=now)
    _uncount(rows, now=now)
    return len(rows)


@transaction.atomic(savepoint=False)
def withdraw_won(*, member_id: UUID, template: str, count: int, subject: str, key: str, now: datetime) -> list[Coupon]:
    """What `subject` had won falls: so many of its coupons go, those not used first. A used one stays used and is not given back later.

    What members merged into this one had of it falls as well. The same key again takes no more. The coupons that are withdrawn, or will be.
    """
    theirs = members.with_merged(member_id)
    # What was used before a merge stayed where it was. In the order in which what comes back to a merged member is forwarded.
    for one in [*theirs[1:], member_id]:
        ledger.lock(member_id=one)
    won = [one for one in selectors.of_subject(member_ids=theirs, subject=subject) if one.template_id == template]
    left = count - sum(one.withdrawn_for == key for one in won)
    standing = sorted((one for one in won if not one.withdrawn_for), key=lambda one: one.status != Status.AVAILABLE)
    taken = standing[: max(left, 0)]
    for one in taken:
        if one.status == Status.AVAILABLE:
            _move(one, Status.WITHDRAWN, withdrawn_for=key, now=now)
        else:
            one.withdrawn_for = key
            one.save(update_fields=["withdrawn_for"])
    _uncount([one for one in taken if one.status == Status.WITHDRAWN], now=now)
    return taken


def _uncount(rows: Sequence[Coupon], *, now: datetime) -> None:
    """What was withdrawn unused can be issued again."""
    counts = Counter(row.template_id for row in rows if row.counted)
    counters.give_back(charges=[selectors.charge(template, count) for template, count in counts.items()], now=now)


def _move(row: Coupon, status: Status, *, owner: UUID | None = None, purchase: str = "", now: datetime, **changes: Any) -> Coupon:
    """Go an arrow, and tell it. `owner`: whose it is from then on. Refuses: NotUsable where somebody was quicker."""
    before = Status(row.status)
    assert status in Coupon.ARROWS[before], f"a coupon does not go from {before} to {status}"
    changes |= {"status": status} | ({"member_id": owner} if owner else {})
    # Conditional, as a coupon of a member who was merged is used under the survivor's lock.
    if not Coupon.objects.filter(id=row.id, member_id=row.member_id, status=before).update(**changes):
        raise NotUsable("coupon_used", coupon=row.code)
    for name, value in changes.items():
        setattr(row, name, value)
    _tell(row, before=before, purchase=purchase, now=now)
    return row


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID) -> int:
    """The coupons that a member who was merged can still use are the survivor's from now on; how many. Used ones stay where they were used."""
    # In the order in which what comes back to a merged member is forwarded.
    ledger.lock(member_id=from_id)
    ledger.lock(member_id=into_id)
    there = Coupon.objects.filter(member_id=into_id, key=OuterRef("key"), number=OuterRef("number"))
    moving = Coupon.objects.filter(member_id=from_id, status=Status.AVAILABLE)
    moving.filter(Exists(there)).update(key=Concat(Value(_MOVED), Cast("id", TextField())))
    return moving.update(member_id=into_id)


# The key of a coupon whose new owner has one of the same issue.
_MOVED = "moved/"

# To many at once

PAGE = 200


@transaction.atomic(savepoint=False)
def issue_to_many(*, template: str, segment: str = "", member_ids: Sequence[UUID] = (), reason: str, actor: str, key: UUID, now: datetime) -> CouponBatch:
    """Have one coupon issued to each member of a segment, or of a list; the job does so, a page at a time. `key` becomes the issue's id.

    The same again is the same issue. Refuses: TemplateUnknown, TemplateInactive, TemplateOver, SegmentUnknown, NobodyThere, ReasonMissing, KeyConflict.
    """
    if not reason.strip():
        raise ReasonMissing
    of = selectors.template(template)
    earlier = CouponBatch.objects.filter(id=key).first()
    if earlier is not None:
        if (earlier.template_id, earlier.segment_id or "", earlier.made_by) != (of.code, segment, actor):
            raise ledger.KeyConflict(key=str(key))
        return earlier
    if not of.active:
        raise TemplateInactive(template=of.code)
    if selectors.validity(of, now=now) is None:
        raise TemplateOver(template=of.code)
    listed = [] if segment else [str(one) for one in sorted(set(member_ids))]
    count = segments.size(segment=segments.segment(segment).code) if segment else len(listed)
    if not count:
        raise NobodyThere
    made = CouponBatch.objects.create(
        id=key, template=of, segment_id=segment or None, listed=listed, members=count, reason=reason.strip(), made_by=actor, made_at=now
    )
    figures = {"template": of.code, "segment": segment, "members": count}
    audit.record(actor=actor, verb="coupon_batch.made", subject=made.subject, reason=reason.strip(), figures=figures, now=now)
    return made


@transaction.atomic(savepoint=False)
def stop(*, batch_id: UUID, reason: str, actor: str, now: datetime) -> CouponBatch:
    """Issue no more of it; what was issued stays. Refuses: CouponBatchUnknown, ReasonMissing, BatchOver."""
    if not reason.strip():
        raise ReasonMissing
    row = CouponBatch.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise selectors.CouponBatchUnknown
    if row.status != CouponBatch.Status.ISSUING:
        raise BatchOver
    _end(row, CouponBatch.Status.STOPPED, why=reason.strip(), now=now)
    audit.record(actor=actor, verb="coupon_batch.stopped", subject=row.subject, reason=reason.strip(), figures={"issued": row.issued}, now=now)
    return row


def issue_due(*, now: datetime) -> int:
    """Issue a page of each issue to many that is under way; to how many members. Safe in several workers at once, and after a kill."""
    return sum(_issue_page(batch_id, now=now) for batch_id in selectors.batches(CouponBatch.Status.ISSUING))


@transaction.atomic
def _issue_page(batch_id: UUID, *, now: datetime) -> int:
    row = CouponBatch.objects.select_for_update(of=("self",), skip_locked=True).select_related("template")
    row = row.filter(id=batch_id, status=CouponBatch.Status.ISSUING).first()
    if row is None:
        return 0
    after, page = selectors.next_members(row, limit=PAGE)
    if after is None:
        _end(row, CouponBatch.Status.DONE, now=now)
        return 0
    ledger.lock_all(member_ids=page)
    able = _able(row, page)
    may, why = len(able), ""
    if selectors.validity(row.template, now=now) is None:
        may, why = 0, TemplateOver.title
    elif row.template.in_all is not None:
        may = min(may, _left_locked(row.template, now=now))
        why = CouponsOut.title if may < len(able) else ""
    about = {"source": Source.OPERATOR, "subject": row.subject, "actor": row.made_by, "key": row.subject, "now": now}
    if may:
        _issue(able[:may], row.template, 1, **about)
    row.issued, row.left_out, row.after = row.issued + may, row.left_out + len(page) - len(able), after
    row.save(update_fields=["issued", "left_out", "after"])
    if why:
        with translation.override(None):
            _end(row, CouponBatch.Status.STOPPED, why=str(why), now=now)
    return len(page)


def _able(row: CouponBatch, page: Sequence[UUID]) -> list[UUID]:
    """Who of a page gets one: takes part, has not had as many as one may have, nor one of this issue (merged on the way)."""
    gone = members.not_active(page)
    gone |= set(Coupon.objects.filter(member_id__in=page, key=row.subject).values_list("member_id", flat=True))
    if row.template.per_member is not None:
        had = selectors.had(member_ids=page, template=row.template_id)
        gone |= {one for one, count in had.items() if count >= row.template.per_member}
    return [one for one in page if one not in gone]


@transaction.atomic(savepoint=False)
def withdraw_batch(*, batch_id: UUID, reason: str, actor: str, now: datetime) -> CouponBatch:
    """Withdraw all of an issue to many that was not used; the job does so, a page at a time. One that is still being issued ends with it.

    What was used stays so, but is not good again where its order is undone. Being withdrawn already: nothing happens.
    Refuses: CouponBatchUnknown, ReasonMissing, NothingUnused.
    """
    if not reason.strip():
        raise ReasonMissing
    row = CouponBatch.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise selectors.CouponBatchUnknown
    if row.status in (CouponBatch.Status.WITHDRAWING, CouponBatch.Status.WITHDRAWN):
        return row
    counts = selectors.issued(row, now=now)
    if not counts.unused:
        raise NothingUnused
    row.to_withdraw, row.withdrawn_for, row.withdrawn_by = counts.unused, reason.strip()[:300], actor
    row.save(update_fields=["to_withdraw", "withdrawn_for", "withdrawn_by"])
    _end(row, CouponBatch.Status.WITHDRAWING, why=row.why_stopped, now=row.finished_at or now)
    audit.record(actor=actor, verb="coupon_batch.withdrawn", subject=row.subject, reason=reason.strip(), figures=counts._asdict(), now=now)
    return row


def withdraw_due(*, now: datetime) -> int:
    """Withdraw a page of each issue to many that is to be; how many coupons it looked at. Safe in several workers at once, and after a kill."""
    return sum(_withdraw_page(batch_id, now=now) for batch_id in selectors.batches(CouponBatch.Status.WITHDRAWING))


@transaction.atomic
def _withdraw_page(batch_id: UUID, *, now: datetime) -> int:
    row = CouponBatch.objects.select_for_update(skip_locked=True).filter(id=batch_id, status=CouponBatch.Status.WITHDRAWING).first()
    if row is None:
        return 0
    further = selectors.of_batch(row).filter(id__gt=row.withdrawn_up_to) if row.withdrawn_up_to else selectors.of_batch(row)
    page = dict(further.values_list("id", "member_id")[:PAGE])
    if not page:
        row.status, row.withdrawn_at = CouponBatch.Status.WITHDRAWN, now
        row.save(update_fields=["status", "withdrawn_at"])
        return 0
    ledger.lock_all(member_ids=set(page.values()))
    coupons = list(Coupon.objects.filter(id__in=page, member_id__in=set(page.values())).select_related("template").order_by("id"))
    if len(coupons) < len(page):
        # Somebody was merged on the way to the locks: the next run comes to the same page.
        return 0
    gone = [one for one in coupons if _withdraw_of_batch(one, row.withdrawn_for, now=now)]
    _uncount(gone, now=now)
    row.withdrawn, row.withdrawn_up_to = row.withdrawn + len(gone), coupons[-1].id
    row.save(update_fields=["withdrawn", "withdrawn_up_to"])
    return len(page)


def _withdraw_of_batch(coupon: Coupon, reason: str, *, now: datetime) -> bool:
    """Whether it is withdrawn now; a used one is to be, once its order is undone."""
    if selectors.status_at(coupon, now=now) == Status.AVAILABLE:
        # Under its survivor's lock it may be used this moment: then it stays so.
        with suppress(NotUsable):
            _move(coupon, Status.WITHDRAWN, withdrawn_for=reason, now=now)
            return True
    elif coupon.status == Status.USED and not coupon.withdrawn_for:
        coupon.withdrawn_for = reason
        coupon.save(update_fields=["withdrawn_for"])
    return False


def _end(row: CouponBatch, status: CouponBatch.Status, *, why: str = "", now: datetime) -> None:
    assert status in CouponBatch.ARROWS[CouponBatch.Status(row.status)], f"an issue does not go from {row.status} to {status}"
    row.status, row.finished_at, row.why_stopped, row.listed = status, now, why[:300], []
    row.save(update_fields=["status", "finished_at", "why_stopped", "listed"])


# Templates


@transaction.atomic(savepoint=False)
def keep(*, template: CouponTemplate, actor: str, now: datetime) -> CouponTemplate:
    """Write a template as it stands in hand. Coupons issued before keep their terms. Refuses: TemplateInvalid, with a sentence for each field."""
    try:
        template.full_clean(validate_unique=template._state.adding)
    except ValidationError as error:
        raise TemplateInvalid(fields=error.message_dict) from error
    template.save()
    forget(CouponTemplate)
    audit.record(actor=actor, verb="coupon_template.kept", subject=f"coupon-template/{template.code}", figures=template.terms.as_json(), now=now)
    return template


# Rewards that are coupons


def _give(row: Redemption, now: datetime) -> Redemption.Status:
    """The coupons are the member's: those set aside, whatever became of their template meanwhile, or fresh ones."""
    reserved = _reserved(row) if row.hold_id else []
    for one in reserved:
        good = selectors.validity(one.template, now=now)
        one.status, one.issued_at = Status.AVAILABLE, now
        one.starts_at, one.expires_at = good or (one.starts_at, one.expires_at)
        one.save(update_fields=["status", "issued_at", "starts_at", "expires_at"])
        _tell(one, before="", now=now)
    if not reserved:
        _issue_for(row, now=now)
    return Redemption.Status.DELIVERED


def _reserve(row: Redemption, now: datetime) -> None:
    """While it waits for payment its coupons are set aside, unseen, and count for every limit; none that will be over before it must be paid."""
    assert row.pay_until is not None, "what waits for payment has a deadline"
    _issue_for(row, reserved_until=row.pay_until, now=now)


def _issue_for(row: Redemption, *, reserved_until: datetime | None = None, now: datetime) -> None:
    issue(
        member_id=row.member_id, template=row.item, count=row.quantity, source=Source.REDEMPTION, subject=_subject(row), reserved_until=reserved_until,
        actor=row.actor, key=_subject(row), now=now,
    )  # fmt: skip


def _reserved(row: Redemption) -> list[Coupon]:
    return [one for one in _handed(row) if one.status == Status.RESERVED]


def _let_go(row: Redemption, now: datetime) -> None:
    """It was not paid: nobody has seen its coupons, so there were none, and others may have as many."""
    reserved = _reserved(row)
    Coupon.objects.filter(id__in=[one.id for one in reserved], member_id=row.member_id).delete()
    _uncount(reserved, now=now)


def _take_back(row: Redemption, quantity: int, now: datetime) -> None:
    unused = [one for one in _handed(row) if one.status == Status.AVAILABLE and not one.withdrawn_for]
    if len(unused) < quantity:
        raise CouponsUsed(unused=len(unused))
    for one in unused[-quantity:]:
        _move(one, Status.WITHDRAWN, withdrawn_for=_subject(row), now=now)
    _uncount(unused[-quantity:], now=now)


def _show(row: Redemption) -> list[dict[str, Any]]:
    return [selectors.as_shown(one) for one in _handed(row) if one.status in (Status.AVAILABLE, Status.USED)]


def _handed(row: Redemption) -> list[Coupon]:
    return list(selectors.of_subject(member_ids=members.with_merged(members.survivor_id(row.member_id)), subject=_subject(row)))


def _subject(row: Redemption) -> str:
    return f"redemption/{row.id}"


redemptions.hands_out("coupon", redemptions.HandOut(_give, _take_back, _show, _reserve, _let_go))
shelf.item_checked_by("coupon", selectors.item_fault, among=lambda: CouponTemplate.objects.filter(active=True))
ladder.item_checked_by("level_up_coupon", selectors.item_fault)
