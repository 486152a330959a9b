"""Questions about coupons. What is past its expiry is gone, though no row says so."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.activity.rules import Line
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.lib import money
from loyalty.lib.configuration import held
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.budgets import rules as budget_rules
from points.budgets import selectors as counters
from points.rulebook import selectors as rulebook
from tiers.standing import selectors as standings

from . import rules
from .models import Coupon, CouponBatch, CouponTemplate
from .rules import No

Status = Coupon.Status

# Why a coupon takes nothing off a cart, for people.
SENTENCES = {
    "coupon_unknown": _("There is no such coupon."),
    "coupon_used": _("This coupon was used already."),
    "coupon_withdrawn": _("This coupon was withdrawn."),
    "coupon_expired": _("This coupon has expired."),
    "coupon_not_yet": _("This coupon is good from a later day on."),
    "coupon_no_line": _("Nothing in the cart is of what this coupon is for."),
    "coupon_threshold": _("This coupon is for %(threshold)s and more; %(missing)s are missing."),
    "coupon_nothing_off": _("There is nothing left that this coupon could take off."),
    "coupon_one_of_a_kind": _("Only one coupon of a kind can be used for an order."),
    "coupon_not_with_others": _("This coupon does not go with the others, which take off more."),
    "coupon_not_members": _("This coupon is another member's."),
}


class TemplateUnknown(BusinessError):
    code, status, title = "coupon_template_unknown", 404, _("There is no such coupon template.")


class CouponUnknown(BusinessError):
    code, status, title = "coupon_unknown", 404, _("There is no such coupon.")


class CouponBatchUnknown(BusinessError):
    code, status, title = "coupon_batch_unknown", 404, _("There is no such issue of coupons.")


class AppliedCoupon(NamedTuple):
    """What a coupon takes off: of each line of the cart, and of its shipping. `discount_cents` is their sum."""

    code: str
    template: str
    name: str
    kind: str
    lines: tuple[int, ...]
    shipping_cents: int
    with_points: bool

    @property
    def discount_cents(self) -> int:
        return sum(self.lines) + self.shipping_cents


class Refusal(NamedTuple):
    """A coupon that takes nothing off, why (a code of `SENTENCES`), and the sentence."""

    code: str
    why: str
    text: str


class Applied(NamedTuple):
    """What coupons take off a cart: together, of each line in the cart's order, and of its shipping.

    `with_points`: whether the order may use points as well.
    """

    coupons: tuple[AppliedCoupon, ...]
    lines: tuple[int, ...]
    shipping_cents: int
    refusals: tuple[Refusal, ...]

    @property
    def discount_cents(self) -> int:
        return sum(self.lines) + self.shipping_cents

    @property
    def free_shipping(self) -> bool:
        return any(one.kind == "free_shipping" for one in self.coupons)

    @property
    def with_points(self) -> bool:
        return all(one.with_points for one in self.coupons)


class Claimable(NamedTuple):
    """A template that a member may claim: how many they had, how many are left in all (None: no limit), why not now (a code, or empty)."""

    template: CouponTemplate
    had: int
    left: int | None
    why_not: str


def templates() -> Mapping[str, CouponTemplate]:
    """All of them by code. Held in the process: a change made elsewhere is in force here within CONFIGURATION_SECONDS."""
    return held(CouponTemplate, lambda: {row.code: row for row in CouponTemplate.objects.select_related("least_tier")})  # type: ignore[arg-type,return-value]


def template(code: str) -> CouponTemplate:
    """Refuses: TemplateUnknown."""
    found = templates().get(code)
    if found is None:
        raise TemplateUnknown(template=code)
    return found


def active_templates() -> list[CouponTemplate]:
    """Those of which coupons can be had."""
    return [one for one in templates().values() if one.active]


def item_fault(code: str) -> str | None:
    """What is wrong with it as the coupon that a reward hands out, or a tier; None: nothing."""
    found = templates().get(code)
    if found is None:
        return gettext("There is no coupon template of that code.")
    return None if found.active else gettext("Coupons of this template cannot be had any more.")


def validity(of: CouponTemplate, *, now: datetime) -> rules.Validity | None:
    """When a coupon issued now is good; None: never any more."""
    return rules.validity(now, days=of.valid_days, starts_on=of.starts_on, ends_on=of.ends_on, zone=programme.zone(now=now))


def coupon(*, code: str) -> Coupon:
    """Refuses: CouponUnknown."""
    found = Coupon.objects.select_related("template", "member").filter(code=rules.as_written(code)).first()
    if found is None:
        raise CouponUnknown
    return found


def coupons(*, member_id: UUID, status: str = "", now: datetime) -> QuerySet[Coupon]:
    """A member's, the newest first; those that stand so at `now`, or all. What waits for payment is not theirs yet."""
    rows = Coupon.objects.filter(~Q(status=Status.RESERVED), member_id=member_id).select_related("template").order_by("-id")
    return rows.filter(standing(status, now=now)) if status else rows


def standing(status: str, *, now: datetime) -> Q:
    """Those that stand so at `now`, expired among them."""
    good = Q(status=Status.AVAILABLE, expires_at__gt=now)
    return good if status == Status.AVAILABLE else Q(status=Status.AVAILABLE, expires_at__lte=now) if status == Coupon.EXPIRED else Q(status=status)


def usable(*, member_id: UUID, now: datetime) -> list[tuple[str, int]]:
    """What the member can use at `now`, or later: what it is called, and how many of it. One statement."""
    held = templates()
    rows = Coupon.objects.filter(standing(Status.AVAILABLE, now=now), member_id=member_id).values_list("template_id").annotate(count=Count("id"))
    return [(held[code].name if code in held else code, count) for code, count in rows.order_by("template_id")]


def status_at(row: Coupon, *, now: datetime) -> str:
    return Coupon.EXPIRED if row.status == Status.AVAILABLE and row.expires_at <= now else row.status


def of_subject(*, member_ids: Collection[UUID], subject: str) -> QuerySet[Coupon]:
    """Those issued to the members for it, the first first."""
    return Coupon.objects.filter(member_id__in=member_ids, subject=subject).select_related("template").order_by("issued_at", "number", "id")


def had(*, member_ids: Collection[UUID], template: str) -> dict[UUID, int]:
    """How many of a template each of these members has had, those withdrawn apart. What members merged into them had counts."""
    survivors = members.with_all_merged(member_ids)
    rows = Coupon.objects.filter(~Q(status=Status.WITHDRAWN), member_id__in=survivors, template_id=template)
    counts: Counter[UUID] = Counter()
    for member_id, count in rows.values_list("member_id").annotate(count=Count("id")):
        counts[survivors[member_id]] += count
    return counts


def had_of(*, member_id: UUID, templates: Collection[str]) -> dict[str, int]:
    """How many the member has had of each of these templates, counted as `had` does; those without any are left out. Two statements."""
    rows = Coupon.objects.filter(~Q(status=Status.WITHDRAWN), member_id__in=members.with_merged(member_id), template_id__in=templates)
    return dict(rows.values_list("template_id").annotate(count=Count("id")))


def why_not_issued(codes: Collection[str], *, member_id: UUID | None, now: datetime) -> dict[str, No]:
    """Of these templates those of which none can be issued now, to that member or to anybody, and why. Limits in all apart.

    Two statements at most.
    """
    found, limited = {}, {}
    for code in codes:
        of = templates().get(code)
        if of is None or not of.active:
            found[code] = No("coupon_template_inactive" if of else TemplateUnknown.code, {"template": code})
        elif validity(of, now=now) is None:
            found[code] = No("coupon_template_over", {"template": code})
        elif of.per_member is not None:
            limited[code] = of.per_member
    had_before = had_of(member_id=member_id, templates=limited) if member_id and limited else {}
    gone = {code: No("coupon_member_limit", {"limit": limited[code], "had": count}) for code, count in had_before.items() if count >= limited[code]}
    return found | gone


def charge(template: str, times: int, *, limit: int | None = None) -> budget_rules.Charge:
    """So many, of what is issued of the template in all."""
    return budget_rules.Charge(counter=f"coupon/{template}", starts=budget_rules.BEGINNING, times=times, limit_times=limit)


def left(of: Collection[CouponTemplate]) -> dict[str, int]:
    """How many are left of each of these templates that has a limit in all."""
    charges = [charge(one.code, 0, limit=one.in_all) for one in of if one.in_all is not None]
    return {name.removeprefix("coupon/"): one.times or 0 for name, one in counters.left(charges=charges).items()}


def claimable(*, member_id: UUID, now: datetime) -> list[Claimable]:
    """What the member may claim, now or once their tier allows, what they have already among it; in the order of codes."""
    today = local_date(now, programme.zone(now=now))
    open_ones = [one for one in active_templates() if one.claimable and (one.ends_on is None or today <= one.ends_on)]
    theirs = segments.segments_of(member_id) if any(one.segment_id for one in open_ones) else frozenset()
    open_ones = sorted((one for one in open_ones if not one.segment_id or one.segment_id in theirs), key=lambda one: one.code)
    if not open_ones:
        return []
    rank = standings.standing(member_id=member_id, now=now).rank
    counts = had_of(member_id=member_id, templates=[one.code for one in open_ones])
    lefts = left(open_ones)
    return [
        Claimable(one, counts.get(one.code, 0), lefts.get(one.code), why_not_claimed(one, rank=rank, had=counts.get(one.code, 0), left=lefts.get(one.code)))
        for one in open_ones
    ]


def why_not_claimed(of: CouponTemplate, *, rank: int, had: int, left: int | None) -> str:
    """Why a member cannot claim one now: a code, or empty."""
    if of.least_tier is not None and rank < of.least_tier.rank:
        return "tier_too_low"
    if of.per_member is not None and had >= of.per_member:
        return "coupon_member_limit"
    return "coupons_out" if left == 0 else ""


def applied(*, member_id: UUID, codes: Sequence[str], lines: Sequence[Line], shipping_cents: int = 0, purchase_ref: str = "", now: datetime) -> Applied:
    """What the member's coupons of these codes take off a cart, in the best of the combinations that are allowed, and why others take nothing.

    One that is used for the purchase `purchase_ref` counts as if it were not. Two statements, whatever the number of codes.
    """
    theirs = members.with_merged(members.survivor_id(member_id))
    wanted: dict[str, str] = {}
    for code in codes:
        wanted.setdefault(rules.as_written(code), code)
    found = {row.code: row for row in Coupon.objects.filter(code__in=wanted, member_id__in=theirs).select_related("template")}
    return _applied([(code, found.get(as_kept)) for as_kept, code in wanted.items()], lines, shipping_cents, purchase_ref=purchase_ref, now=now)


def applied_by_code(*, code: str, lines: Sequence[Line], shipping_cents: int = 0, now: datetime) -> Applied:
    """What a coupon takes off a cart, whosever it is."""
    found = Coupon.objects.select_related("template").filter(code=rules.as_written(code)).first()
    return _applied([(code, found)], lines, shipping_cents, purchase_ref="", now=now)


def _applied(found: Sequence[tuple[str, Coupon | None]], lines: Sequence[Line], shipping_cents: int, *, purchase_ref: str, now: datetime) -> Applied:
    usable: dict[str, tuple[Coupon, rules.Terms]] = {}
    refused: dict[str, No] = {}
    for code, row in found:
        if row is None:
            refused[code] = No("coupon_unknown")
        elif no := why_not(row, purchase_ref=purchase_ref, now=now):
            refused[code] = No(no)
        else:
            usable[code] = (row, rules.Terms.from_json(row.terms))
    together = rules.best([rules.Given(code, row.template_id, terms) for code, (row, terms) in usable.items()], lines, shipping_cents)
    refused.update(together.refused)
    coupons = tuple(
        AppliedCoupon(usable[one.code][0].code, one.template, usable[one.code][0].template.name, one.terms.kind, off.lines, off.shipping, one.terms.with_points)
        for one, off in together.applied
    )
    sums = tuple(sum(one.lines[i] for one in coupons) for i in range(len(lines)))
    refusals = tuple(Refusal(code, refused[code].why, sentence(refused[code])) for code, _row in found if code in refused)
    return Applied(coupons, sums, sum(one.shipping_cents for one in coupons), refusals)


def why_not(row: Coupon, *, purchase_ref: str = "", now: datetime) -> str:
    """Why the coupon cannot be used now, whatever the cart: a code of `SENTENCES`, or empty. Used for this very purchase, it can."""
    if row.status == Status.USED:
        return "" if purchase_ref and row.used_by == purchase_ref else "coupon_used"
    if row.status == Status.WITHDRAWN:
        return "coupon_withdrawn"
    if row.status == Status.RESERVED:
        return "coupon_unknown"
    if row.expires_at <= now:
        return "coupon_expired"
    return "coupon_not_yet" if row.starts_at is not None and now < row.starts_at else ""


def sentence(no: No) -> str:
    """Why a coupon takes nothing off, in the reader's language."""
    figures = {name.removesuffix("_cents"): amount(cents) for name, cents in no.figures.items()}
    return str(SENTENCES[no.why]) % figures


def amount(cents: int) -> str:
    """Money of the programme's currency, as the reader writes it."""
    return money.show(cents, programme.programme().currency or "CNY", get_language() or "zh-hans")


def what_it_does(terms: rules.Terms) -> str:
    """In one sentence, in the reader's language: 10.00 off from 100.00 on, only HOME."""
    match terms.kind:
        case "amount":
            said = gettext("%(amount)s off") % {"amount": amount(terms.amount_cents)}
        case "percent":
            said = gettext("%(percent)s %% off") % {"percent": f"{terms.percent_bps / 100:g}"}
            if terms.cap_cents is not None:
                said = gettext("%(off)s, at most %(cap)s") % {"off": said, "cap": amount(terms.cap_cents)}
        case _:
            said = gettext("Free shipping")
    if terms.threshold_cents:
        said = gettext("%(off)s from %(threshold)s on") % {"off": said, "threshold": amount(terms.threshold_cents)}
    if terms.categories:
        said = gettext("%(off)s; only on %(categories)s") % {"off": said, "categories": ", ".join(terms.categories)}
    if terms.excluded:
        said = gettext("%(off)s; not on %(categories)s") % {"off": said, "categories": ", ".join(terms.excluded)}
    return said


def until(of: CouponTemplate) -> str:
    """How long a template's coupons are good, in the reader's language."""
    if of.valid_days is None:
        return gettext("good through %(day)s") % {"day": of.ends_on}
    days = ngettext("good for %(days)s day", "good for %(days)s days", of.valid_days) % {"days": of.valid_days}
    return gettext("%(days)s, at most through %(day)s") % {"days": days, "day": of.ends_on} if of.ends_on else days


def batch(batch_id: UUID) -> CouponBatch:
    """Refuses: CouponBatchUnknown."""
    found = CouponBatch.objects.filter(id=batch_id).first()
    if found is None:
        raise CouponBatchUnknown
    return found


def batches(status: CouponBatch.Status) -> list[UUID]:
    """Issues to many that stand so, the first first."""
    return list(CouponBatch.objects.filter(status=status).order_by("id").values_list("id", flat=True))


def of_batch(row: CouponBatch) -> QuerySet[Coupon]:
    """What was issued by an issue to many, whosever it is now."""
    return Coupon.objects.filter(source=Coupon.Source.OPERATOR, subject=row.subject).order_by("id")


class Issued(NamedTuple):
    """How many coupons of an issue to many stand how."""

    unused: int
    used: int
    over: int
    withdrawn: int


def issued(row: CouponBatch, *, now: datetime) -> Issued:
    """Reads all that was issued: for the page of one issue only."""
    states = {"unused": Status.AVAILABLE, "used": Status.USED, "over": Coupon.EXPIRED, "withdrawn": Status.WITHDRAWN}
    return Issued(**of_batch(row).aggregate(**{name: Count("id", filter=standing(state, now=now)) for name, state in states.items()}))


def would_withdraw(*, now: datetime) -> dict[str, int]:
    """What the job that withdraws issues to many has before it."""
    rows = CouponBatch.objects.filter(status=CouponBatch.Status.WITHDRAWING)
    return {"coupons": sum(max(0, to_withdraw - withdrawn) for to_withdraw, withdrawn in rows.values_list("to_withdraw", "withdrawn"))}


def next_members(row: CouponBatch, *, limit: int) -> tuple[UUID | None, list[UUID]]:
    """Whom an issue to many comes to next, and its `after` once it has come to them; None: it has come to all."""
    if row.segment_id is None:
        page = [UUID(one) for one in row.listed if row.after is None or one > str(row.after)][:limit]
        return (page[-1] if page else None), page
    rows = segments.page(segment=row.segment_id, after=row.after, limit=limit)
    return (rows[-1][0] if rows else None), [member for _row, member in rows]


def as_shown(row: Coupon) -> dict[str, Any]:
    """What a member reads of one that a redemption handed out."""
    return {"coupon": row.code, "name": row.template.name, "text": what_it_does(rules.Terms.from_json(row.terms)), "expires_at": row.expires_at}


rulebook.keep("coupon", lambda: {one.code: one.name for one in active_templates()})
