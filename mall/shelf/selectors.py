from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from loyalty.lib.refusals import BusinessError
from mall.redemptions import selectors as redemptions
from mall.redemptions import services as redeeming
from mall.rewards import rules as pricing
from mall.rewards import selectors as rewards
from mall.rewards.rules import Offer, Price, Viewer
from points.budgets import rules as budget_rules
from points.budgets import selectors as counters
from points.ledger import selectors as ledger
from points.ledger.services import AccountFrozen
from riskcontrol.screening.rules import Verdict
from riskcontrol.screening.services import Screened
from tiers.ladder import selectors as ladder

# Any of these may come back from `pricing.refused`.
REFUSALS = {
    one.code: one for one in (redeeming.RewardUnavailable, redeeming.RewardNotYet, redeeming.TierTooLow, redeeming.MemberLimit, redeeming.MemberDayLimit)
}


@dataclass(frozen=True, slots=True)
class Who:
    """Who looks. `member_id` None: nobody in particular. `term_over`: their tier is to be decided on before prices are theirs."""

    viewer: Viewer
    member_id: UUID | None = None
    stopped: BusinessError | None = None
    term_over: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A reward as one who looks finds it. `left` None: not counted. `why_not`: what a click would be refused with now, points apart.

    `missing`: so many points more would pay for one; None: nobody's points were asked for.
    """

    offer: Offer
    price: Price
    left: int | None
    why_not: BusinessError | None
    missing: int | None

    @property
    def affordable(self) -> bool | None:
        return None if self.missing is None else not self.missing


NOBODY = Who(Viewer())


def as_member(*, member_id: UUID, now: datetime) -> Who:
    """Three statements, however many rewards there are."""
    limited = [offer.id for offer in rewards.catalogue().by_id.values() if offer.per_member is not None or offer.per_member_day is not None]
    balance = ledger.balance(member_id=member_id, now=now).available
    known = redemptions.known(member_id=member_id, reward_ids=limited, available=balance, now=now)
    stopped: BusinessError | None = None
    if known.blocked:
        stopped = Screened(Verdict(allowed=False, code="blocked"))
    elif ledger.frozen(member_id=member_id):
        stopped = AccountFrozen()
    return Who(known.viewer, member_id, stopped, known.term_over)


def as_tier(code: str) -> Who:
    """Somebody of that tier who has redeemed nothing yet, and is in no segment."""
    rank = next((step.rank for step in ladder.ladder() if step.code == code), 0)
    early = timedelta(minutes=ladder.benefit_value(code, "early_access"))
    return Who(Viewer(code, rank, ladder.benefit_value(code, "redemption_discount"), early))


def shelf(*, who: Who, category: str = "", kind: str = "", affordable: bool | None = None, now: datetime) -> list[Item]:
    """What they find, cheapest first. `affordable`: only what their points pay for, or only what they do not."""
    offers = [
        offer
        for offer in rewards.catalogue().by_id.values()
        if pricing.visible(offer, who.viewer, now=now) and category in ("", offer.category) and kind in ("", offer.kind)
    ]
    return [one for one in items(offers, who=who, now=now) if affordable is None or one.affordable is affordable]


def item(*, code: str, who: Who, now: datetime) -> Item:
    """One that hangs on their shelf. Refuses: RewardUnknown."""
    offer = rewards.offer(code)
    if not pricing.visible(offer, who.viewer, now=now):
        raise rewards.RewardUnknown(reward=code)
    return items([offer], who=who, now=now)[0]


def items(offers: Sequence[Offer], *, who: Who, now: datetime) -> list[Item]:
    """These as they find them, cheapest first, whether they are to see them or not. Two statements at most."""
    on_hand = rewards.stocks(reward_ids=[offer.id for offer in offers if offer.counted])
    stock = {offer.id: on_hand.get(offer.id, 0) if offer.counted else None for offer in offers}
    shared = _shared(offers, day=redemptions.day_of(now))
    priced = pricing.cheapest_first([(offer, redemptions.price_of(offer, who.viewer, left=stock[offer.id], now=now)) for offer in offers])
    found = []
    for offer, price in priced:
        today, in_all = shared.get((offer.id, "day")), shared.get((offer.id, "all"))
        left = min((one for one in (stock[offer.id], in_all) if one is not None), default=None)
        why_not = _why_not(offer, who, stock=stock[offer.id], today=today, in_all=in_all, now=now)
        found.append(Item(offer, price, left, why_not, max(0, price.points - who.viewer.available) if who.member_id else None))
    return found


def _shared(offers: Sequence[Offer], *, day: date) -> dict[tuple[int, str], int]:
    """What is left of the limits that members share, by reward and limit; those without have none."""
    asked = {
        (offer.id, name): budget_rules.Charge(counter=f"reward/{offer.id}/{name}", starts=starts, limit_times=limit)
        for offer in offers
        for name, starts, limit in (("day", day, offer.per_day), ("all", budget_rules.BEGINNING, offer.in_all))
        if limit is not None
    }
    left = counters.left(charges=list(asked.values()))
    return {which: left[charge.name].times or 0 for which, charge in asked.items()}


def _why_not(offer: Offer, who: Who, *, stock: int | None, today: int | None, in_all: int | None, now: datetime) -> BusinessError | None:
    if no := pricing.refused(offer, who.viewer, quantity=1, now=now):
        return REFUSALS[no.code](**no.figures)
    if who.stopped is not None:
        return who.stopped
    gone = ((stock, redeeming.SoldOut), (in_all, redeeming.TotalLimit), (today, redeeming.DayLimit))
    return next((refusal() for left, refusal in gone if left == 0), None)
