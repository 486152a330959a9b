from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.translation import get_language, gettext

from loyalty.lib import localtime
from loyalty.lib.ids import first_id_at
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from mall.checkout import selectors as checkout
from mall.codes import selectors as codes
from mall.codes.services import CodesOut
from mall.coupons import selectors as coupons
from mall.coupons import services as issuing
from mall.markdowns import selectors as markdowns
from mall.privileges import selectors as privileges
from mall.privileges.services import already_held
from mall.redemptions import selectors as redemptions
from mall.redemptions import services as redeeming
from mall.redemptions.models import Redemption
from mall.rewards import rules as pricing
from mall.rewards import selectors as rewards
from mall.rewards.models import Reward
from mall.rewards.rules import Margin, Offer, Price, Shipping, Viewer
from points.budgets import rules as budget_rules
from points.budgets import selectors as counters
from points.ledger import selectors as ledger
from points.ledger.services import AccountFrozen
from riskcontrol.screening.rules import Verdict
from riskcontrol.screening.services import Screened
from tiers.ladder import selectors as ladder

# Any of these may come back from `pricing.refused`, or from `coupons.why_not_issued`.
REFUSALS: dict[str, type[BusinessError]] = {
    one.code: one
    for one in (
        redeeming.RewardUnavailable,
        redeeming.RewardNotYet,
        redeeming.TierTooLow,
        redeeming.MemberLimit,
        redeeming.MemberDayLimit,
        coupons.TemplateUnknown,
        issuing.TemplateInactive,
        issuing.TemplateOver,
        issuing.MemberLimit,
    )
}
_EMPTY: dict[str, type[BusinessError]] = {"code": CodesOut, "coupon": issuing.CouponsOut}


@dataclass(frozen=True, slots=True)
class Who:
    """Who looks. `member_id` None: nobody in particular. `term_over`: their tier is to be decided on before prices are theirs."""

    viewer: Viewer
    member_id: UUID | None = None
    stopped: BusinessError | None = None
    term_over: bool = False


class Found(NamedTuple):
    """A reward at the price that it has for who looks. `stock` None: not counted."""

    offer: Offer
    price: Price
    stock: int | None


@dataclass(frozen=True, slots=True)
class Item:
    """A reward as one who looks finds it. `left` None: not counted. `why_not`: what a click would be refused with now, points apart.

    `opens_at`: from when on they may have it, sooner than others where that is before `offer.starts_at`; None: there is no such time.
    `missing`: so many points more would pay for one; None: nobody's points were asked for.
    """

    offer: Offer
    price: Price
    shipping: Shipping
    opens_at: datetime | None
    left: int | None
    why_not: BusinessError | None
    missing: int | None

    @property
    def affordable(self) -> bool | None:
        return None if self.missing is None else not self.missing

    @property
    def total_cents(self) -> int:
        """All the money due for one, with its parcel."""
        return self.price.cents + self.shipping.cents


NOBODY = Who(Viewer())


def as_member(*, member_id: UUID, now: datetime) -> Who:
    """Two statements, however many rewards there are."""
    account = ledger.state(member_id=member_id, now=now)
    known = redemptions.known(member_id=member_id, offers=rewards.catalogue().by_id.values(), available=account.balance.available, now=now)
    stopped: BusinessError | None = None
    if known.blocked:
        stopped = Screened(Verdict(allowed=False, code="blocked"))
    elif account.frozen:
        stopped = AccountFrozen()
    return Who(known.viewer, member_id, stopped, known.term_over)


def as_tier(code: str) -> Who:
    """Somebody of that tier who has redeemed nothing yet, and is in no segment."""
    rank = next((step.rank for step in ladder.ladder() if step.code == code), 0)
    early = timedelta(minutes=ladder.benefit_value(code, "early_access"))
    return Who(Viewer(code, rank, ladder.benefit_value(code, "redemption_discount"), early, ladder.benefit(code, "free_shipping") is not None))


def shelf(*, who: Who, category: str = "", kind: str = "", affordable: bool | None = None, now: datetime) -> list[Found]:
    """What hangs there for them, cheapest first. `affordable`: only what their points pay for, or only what they do not. One statement."""
    offers = [
        offer
        for offer in rewards.catalogue().by_id.values()
        if pricing.visible(offer, who.viewer, now=now) and category in ("", offer.category) and kind in ("", offer.kind)
    ]
    found = at_price(offers, who=who, now=now)
    if affordable is None:
        return found
    return [one for one in found if who.member_id and (one.price.points <= who.viewer.available) is affordable]


def item(*, code: str, who: Who, now: datetime) -> Item:
    """One that hangs on their shelf. Refuses: RewardUnknown."""
    offer = rewards.offer(code)
    if not pricing.visible(offer, who.viewer, now=now):
        raise rewards.RewardUnknown(reward=code)
    return items(at_price([offer], who=who, now=now), who=who, now=now)[0]


def at_price(offers: Sequence[Offer], *, who: Who, now: datetime) -> list[Found]:
    """These at the prices that they have for who looks, cheapest first, whether they are to see them or not. One statement."""
    on_hand = rewards.stocks(reward_ids=[offer.id for offer in offers if offer.counted])
    terms = redemptions.price_terms(now=now)
    found = []
    for offer in offers:
        stock = on_hand.get(offer.id, 0) if offer.counted else None
        found.append(Found(offer, pricing.price(offer, who.viewer, left=stock, **terms, now=now), stock))
    return sorted(found, key=lambda one: pricing.place(one.offer, one.price))


def items(found: Sequence[Found], *, who: Who, now: datetime) -> list[Item]:
    """All about these, in their order. Six statements at most."""
    offers = [one.offer for one in found]
    shared = _shared(offers, day=redemptions.day_of(now))
    behind = {which: left for which, left in _behind(offers, now=now).items() if which[0] != "code" or left <= codes.COUNTED}
    by_kind = _by_kind(offers, who, now=now)
    made = []
    for offer, price, stock in found:
        today, in_all = shared.get((offer.id, "day")), shared.get((offer.id, "all"))
        last = behind.get((offer.kind, offer.item))
        left = min((one for one in (stock, last, in_all) if one is not None), default=None)
        # In the order in which a redemption comes to them.
        limits = ((in_all, redeeming.TotalLimit), (today, redeeming.DayLimit), (stock, redeeming.SoldOut))
        why_not = _why_not(offer, who, limits=limits, by_kind=by_kind, behind=last, now=now)
        missing = max(0, price.points - who.viewer.available) if who.member_id else None
        made.append(Item(offer, price, pricing.shipping(offer, who.viewer), pricing.opens_at(offer, who.viewer), left, why_not, missing))
    return made


def left(offers: Sequence[Offer | Reward], *, now: datetime) -> dict[int, int]:
    """How many can be had of each that its stock, its pool, its coupons or its limit in all ends; of codes, COUNTED + 1 stands for more.

    Four statements at most.
    """
    on_hand = rewards.stocks(reward_ids=[offer.id for offer in offers if offer.counted])
    stock = {offer.id: on_hand.get(offer.id, 0) for offer in offers if offer.counted}
    shared, behind = _shared(offers, day=redemptions.day_of(now)), _behind(offers, now=now)
    limits = {offer.id: (stock.get(offer.id), behind.get((offer.kind, offer.item)), shared.get((offer.id, "all"))) for offer in offers}
    return {which: min(one for one in found if one is not None) for which, found in limits.items() if any(one is not None for one in found)}


def _shared(offers: Sequence[Offer | Reward], *, day: date) -> dict[tuple[int, str], int]:
    """What is left of the limits that members share, by reward and limit; those without have none."""
    asked = {
        (offer.id, name): budget_rules.Charge(counter=f"reward/{offer.id}/{name}", starts=starts, limit_times=limit)
        for offer in offers
        for name, starts, limit in (("day", day, offer.per_day), ("all", budget_rules.BEGINNING, offer.in_all))
        if limit is not None
    }
    left = counters.left(charges=list(asked.values()))
    return {which: left[charge.name].times or 0 for which, charge in asked.items()}


def _behind(offers: Sequence[Offer | Reward], *, now: datetime) -> dict[tuple[str, str], int]:
    """How many are left of the pools of codes and the coupons that these hand out, by kind and item; those that are not limited are left out."""
    pools = {offer.item for offer in offers if offer.kind == "code"}
    given = {offer.item for offer in offers if offer.kind == "coupon"}
    templates = [one for code, one in coupons.templates().items() if code in given] if given else []
    found = {("code", code): left for code, left in (codes.left(codes=pools, now=now) if pools else {}).items()}
    return found | {("coupon", code): left for code, left in coupons.left(templates).items()}


def _by_kind(offers: Sequence[Offer], who: Who, *, now: datetime) -> dict[tuple[str, str], BusinessError]:
    """What these hand out and the member, or nobody, can have none of now, by kind and item, and why. Three statements at most."""
    given = {offer.item for offer in offers if offer.kind == "coupon"}
    terms = {offer.item for offer in offers if offer.kind == "privilege"}
    gone = coupons.why_not_issued(given, member_id=who.member_id, now=now) if given else {}
    held = privileges.held(kinds=terms, member_id=who.member_id, now=now) if terms and who.member_id else {}
    found: dict[tuple[str, str], BusinessError] = {("coupon", code): REFUSALS[no.why](**no.figures) for code, no in gone.items()}
    return found | {("privilege", kind): already_held(kind, until) for kind, until in held.items()}


def _why_not(
    offer: Offer,
    who: Who,
    *,
    limits: Sequence[tuple[int | None, type[BusinessError]]],
    by_kind: Mapping[tuple[str, str], BusinessError],
    behind: int | None,
    now: datetime,
) -> BusinessError | None:
    if no := pricing.refused(offer, who.viewer, quantity=1, now=now):
        return REFUSALS[no.code](**no.figures)
    if who.stopped is not None:
        return who.stopped
    if gone := next((refusal for left, refusal in limits if left == 0), None):
        return gone()
    if (no_more := by_kind.get((offer.kind, offer.item))) is not None:
        return no_more
    return _EMPTY[offer.kind]() if behind == 0 else None


def in_words(one: Item, *, now: datetime) -> list[tuple[str, str]]:
    """What a member is told beside the price, in the reader's language: codes and sentences."""
    said, price = [], one.price
    if price.base == "scarcity":
        more = gettext("Few are left: it costs more than usual at the moment.")
        said.append(("few_left", more if price.is_more else gettext("Few are left: they have a price of their own.")))
    elif price.base == "clearance":
        less = gettext("Clearance: it costs less than usual for a time.")
        said.append(("clearance", less if price.is_less else gettext("Clearance: it has a price of its own for a time.")))
    if one.shipping.waived_cents:
        said.append(("free_shipping", gettext("Shipping is free for your tier.")))
    starts_at = one.offer.starts_at
    if starts_at is not None and one.opens_at is not None and now < starts_at:
        zone, language = programme.zone(now=now), get_language() or "zh"
        figures = {"opens": localtime.in_words(one.opens_at, zone, language), "until": localtime.in_words(starts_at, zone, language)}
        if one.opens_at == starts_at:
            said.append(("opens", gettext("It can be redeemed from %(opens)s on.") % figures))
        elif one.opens_at <= now:
            said.append(("early_access", gettext("Early access until %(until)s; then it opens for everybody.") % figures))
        else:
            said.append(("early_access_coming", gettext("Early access from %(opens)s; for everybody from %(until)s.") % figures))
    return said


# What rewards bring


class Priced(NamedTuple):
    """What one brings at a price. `why` as `rules.Price` says it; `tier`: for whom it is."""

    why: str
    tier: str
    points: int
    cents: int
    margin: Margin


class Sold(NamedTuple):
    """What so many brought and cost together, at the prices, costs and worth of their days. `why`: which price it was, as redemptions say it."""

    why: str
    count: int
    margin: Margin


def margins(offer: Offer, *, now: datetime) -> list[Priced]:
    """At the list price, at each other price that is set, and less each discount there is now."""
    found = [("list", "", offer.points, offer.cents)]
    found += [(one.kind, one.tier, one.points, one.cents) for one in offer.prices]
    for step in ladder.ladder():
        if off := ladder.benefit_value(step.code, "redemption_discount"):
            found.append(("tier_discount", step.code, pricing.less(offer.points, off), offer.cents))
    if off := markdowns.off_bps(now=now):
        found.append(("markdown", "", pricing.less(offer.points, off), offer.cents))
    return [Priced(*one, _margin(offer, one[2], one[3], now=now)) for one in found]


def least_margins(*, limit: int, now: datetime) -> tuple[list[tuple[Offer, Priced]], int]:
    """What rewards that are on the shelf bring at their list price, the least first, so many at most; and how many there are besides."""
    found = [
        (offer, Priced("list", "", offer.points, offer.cents, _margin(offer, offer.points, offer.cents, now=now)))
        for offer in rewards.catalogue().by_id.values()
        if offer.active
    ]
    found.sort(key=lambda one: (one[1].margin.margin_cents, one[0].code))
    return found[:limit], max(0, len(found) - limit)


def _margin(offer: Offer, points: int, cents: int, *, now: datetime) -> Margin:
    worth = {"points_per_unit": checkout.points_per_unit(now=now), "minor_digits": redemptions.digits()}
    return pricing.margin(points=points, cents=cents, cost_cents=offer.cost_cents, sponsor_bps=offer.sponsor_bps, **worth)


# Each unit's worth and its sponsor's share are rounded down, as `rules.margin` does.
_SOLD = """
SELECT price, sum(count), sum(count * (unit_points * %(unit)s / points_per_unit)), sum(count * unit_cents),
       sum(count * (unit_cost_cents * sponsor_bps / %(one)s)), sum(count * unit_cost_cents)
  FROM (SELECT *, quantity - returned AS count FROM mall_redemption
         WHERE reward_id = %(reward)s AND id >= %(first_id)s AND created_at >= %(begin)s AND created_at < %(end)s AND status <> ALL(%(without)s)) sold
 GROUP BY price ORDER BY sum(count) DESC, price"""


def sold(*, reward_id: int, begin: datetime, end: datetime) -> list[Sold]:
    """What was redeemed from `begin` until just before `end`, and did not come back, by the price it was; what most were redeemed at first.

    One statement, over the redemptions of these days alone.
    """
    values = {
        "reward": reward_id, "begin": begin, "end": end, "without": [Redemption.Status.HELD.value, *(one.value for one in Redemption.VOID)],
        "unit": 10 ** redemptions.digits(), "one": pricing.ONE,
        # Ids tell when they were made, by clocks that may differ a little.
        "first_id": first_id_at(begin - timedelta(days=1)),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SOLD, values)
        return [Sold(price, int(count), Margin(*map(int, sums))) for price, count, *sums in cursor.fetchall()]


def ever_sold(*, reward_id: int) -> bool:
    """Whether anybody has ever redeemed it."""
    return Redemption.objects.filter(reward_id=reward_id).exists()
