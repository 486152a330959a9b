"""What a reward costs whom, and who may have it. Pure; points whole, money in minor units, percents in basis points."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

ONE = 10_000


@dataclass(frozen=True, slots=True)
class SetPrice:
    """A price in the place of the list price: for a `tier`, for a time (clearance), or while no more than so many are left (scarcity)."""

    kind: str
    points: int
    cents: int = 0
    tier: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    left_at_most: int | None = None


class PriceChange(NamedTuple):
    """A price that was changed; without `before` it was set, without `after` removed."""

    before: SetPrice | None
    after: SetPrice | None


def price_changes(before: Collection[SetPrice], after: Collection[SetPrice]) -> list[PriceChange]:
    """What became of set prices: one of the same kind and tier is taken for the same price, changed."""
    old, new = list(before), list(after)
    for one in before:
        if one in new:
            old.remove(one)
            new.remove(one)
    changes = []
    for one in old:
        same = next((other for other in new if (other.kind, other.tier) == (one.kind, one.tier)), None)
        if same is not None:
            new.remove(same)
        changes.append(PriceChange(one, same))
    return [*changes, *(PriceChange(None, one) for one in new)]


@dataclass(frozen=True, slots=True)
class Offer:
    """A reward as the shelf knows it. `counted`: it has a stock; limits of None are none."""

    id: int
    code: str
    kind: str
    points: int
    cents: int = 0
    item: str = ""
    name_zh: str = ""
    name_en: str = ""
    text_zh: str = ""
    text_en: str = ""
    category: str = ""
    pictures: tuple[str, ...] = ()
    counted: bool = True
    active: bool = True
    least_rank: int | None = None
    least_tier: str = ""
    segment: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    per_member: int | None = None
    per_member_day: int | None = None
    per_day: int | None = None
    in_all: int | None = None
    shipping_cents: int = 0
    cost_cents: int = 0
    sponsor: str = ""
    sponsor_bps: int = 0
    prices: tuple[SetPrice, ...] = ()

    @property
    def counts_before(self) -> bool:
        """Whether it matters what a member has had of it before."""
        return self.per_member is not None or self.per_member_day is not None

    def name(self, language: str) -> str:
        return self.name_zh if language.startswith("zh") else self.name_en

    def text(self, language: str) -> str:
        return self.text_zh if language.startswith("zh") else self.text_en


@dataclass(frozen=True, slots=True)
class Viewer:
    """For whom a price is decided. `early`: by how much they may come before others; `had`: of a reward, by its id, in all and today."""

    tier: str = ""
    rank: int = 0
    discount_bps: int = 0
    early: timedelta = timedelta()
    ships_free: bool = False
    segments: Collection[str] = frozenset()
    available: int = 0
    had: dict[int, tuple[int, int]] = field(default_factory=dict)


class Price(NamedTuple):
    """What one costs. `why`: list, clearance, scarcity, tier, tier_discount or markdown; `list_points` and `list_cents` are what it would be without.

    `base`: which price that comes off: list, or the clearance or scarcity price in its place.
    """

    points: int
    cents: int
    why: str
    list_points: int
    list_cents: int
    base: str = "list"

    @property
    def is_less(self) -> bool:
        """Less than the list price: of points, of money or of both, and more of neither."""
        return self.points <= self.list_points and self.cents <= self.list_cents and self[:2] != self[3:5]

    @property
    def is_more(self) -> bool:
        return self.points >= self.list_points and self.cents >= self.list_cents and self[:2] != self[3:5]


class Shipping(NamedTuple):
    """What a parcel costs, and what is not charged for it because the tier ships free."""

    cents: int
    waived_cents: int


class Refused(NamedTuple):
    code: str
    figures: dict[str, Any]


def price(offer: Offer, viewer: Viewer, *, left: int | None, markdown_bps: int = 0, points_per_unit: int, minor_digits: int = 2, now: datetime) -> Price:
    """What one of it costs the viewer now. `left`: the stock; None where it is not counted. `markdown_bps` is off the whole shelf."""

    def worth(points: int, cents: int) -> int:
        return points * int(10**minor_digits) + cents * points_per_unit

    standard = (offer.points, offer.cents)
    off = max(viewer.discount_bps, markdown_bps)
    if not offer.prices and not off:
        return Price(*standard, "list", *standard)
    base, why = standard, "list"
    set_now = [one for one in offer.prices if _in_force(one, left=left, now=now)]
    for kind in ("clearance", "scarcity"):
        if found := [one for one in set_now if one.kind == kind]:
            cheapest = min(found, key=lambda one: worth(one.points, one.cents))
            base, why = (cheapest.points, cheapest.cents), kind
            break
    candidates = [Price(*base, why, *standard, why)]
    if off:
        candidates.append(Price(less(base[0], off), base[1], "markdown" if markdown_bps > viewer.discount_bps else "tier_discount", *standard, why))
    candidates += [Price(one.points, one.cents, "tier", *standard) for one in set_now if one.kind == "tier" and one.tier == viewer.tier]
    return min(candidates, key=lambda one: worth(one.points, one.cents))


def shipping(offer: Offer, viewer: Viewer) -> Shipping:
    """Of one parcel, however many are in it."""
    return Shipping(0, offer.shipping_cents) if viewer.ships_free else Shipping(offer.shipping_cents, 0)


def opens_at(offer: Offer, viewer: Viewer) -> datetime | None:
    """From when on the viewer may have it; None: there is no such time."""
    return offer.starts_at and offer.starts_at - viewer.early


def less(points: int, off_bps: int) -> int:
    """So many points with that much off, rounded down; something that costs points always costs one."""
    return max(min(points, 1), points * (ONE - off_bps) // ONE)


def _in_force(one: SetPrice, *, left: int | None, now: datetime) -> bool:
    if one.starts_at is not None and now < one.starts_at:
        return False
    if one.ends_at is not None and one.ends_at <= now:
        return False
    return one.left_at_most is None or (left is not None and left <= one.left_at_most)


def visible(offer: Offer, viewer: Viewer, *, now: datetime) -> bool:
    """Whether it hangs on the viewer's shelf: theirs to have, or to have one day by a higher tier. Others' segments are not shown."""
    if not offer.active or (offer.ends_at is not None and offer.ends_at <= now):
        return False
    return not offer.segment or offer.segment in viewer.segments


def refused(offer: Offer, viewer: Viewer, *, quantity: int, now: datetime) -> Refused | None:
    """Why the viewer may not have so many of it now; None: they may, as far as points and stock go."""
    if not visible(offer, viewer, now=now):
        return Refused("reward_unavailable", {})
    opens = opens_at(offer, viewer)
    if opens is not None and now < opens:
        return Refused("reward_not_yet", {"starts_at": opens.isoformat()})
    if offer.least_rank is not None and viewer.rank < offer.least_rank:
        return Refused("tier_too_low", {"tier": offer.least_tier})
    in_all, today = viewer.had.get(offer.id, (0, 0))
    for limit, had, code in ((offer.per_member, in_all, "member_limit"), (offer.per_member_day, today, "member_day_limit")):
        if limit is not None and had + quantity > limit:
            return Refused(code, {"limit": limit, "had": had})
    return None


class Margin(NamedTuple):
    """What one redemption brings the shop in minor units: the worth of its points, its money and its sponsor's share, against its cost."""

    worth_cents: int
    paid_cents: int
    sponsored_cents: int
    cost_cents: int

    @property
    def income_cents(self) -> int:
        return self.worth_cents + self.paid_cents + self.sponsored_cents

    @property
    def margin_cents(self) -> int:
        return self.income_cents - self.cost_cents


def margin(*, points: int, cents: int, cost_cents: int, sponsor_bps: int, points_per_unit: int, minor_digits: int = 2) -> Margin:
    """Points are worth what they would pay at checkout, rounded down; the sponsor pays a share of the cost, rounded down."""
    return Margin(points * 10**minor_digits // points_per_unit, cents, cost_cents * sponsor_bps // ONE, cost_cents)


def place(offer: Offer, price: Price) -> tuple[int, int, str]:
    """Where it hangs: by points, then money, then code; the least first. No two have the same, so pages can go by it."""
    return (price.points, price.cents, offer.code)
