"""The till's arithmetic. Pure; money in minor units, points whole, shares in basis points: 10,000 is all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from accounts.activity.rules import Left, Line, Purchase, Refund, RefundNotPossible
from loyalty.lib.money import share

ONE = 10_000
# How long ahead a change of what points are worth is announced.
NOTICE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Band:
    """From this total of an order on, points may pay that share of it."""

    from_cents: int
    share_bps: int


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """What points may pay of goods of a category and all below it; 0: nothing."""

    category: str
    share_bps: int


@dataclass(frozen=True, slots=True)
class TierShare:
    """For members of a tier: a share of their own (`share_bps`), else so many times what the order's total gives (`factor_bps`), at most all."""

    tier: str
    share_bps: int | None = None
    factor_bps: int = ONE


@dataclass(frozen=True, slots=True)
class Policy:
    """How points may be used: so many are worth one unit of money; from `threshold` on, in steps, up to a share of the order.

    The share of an order: of the highest of the `bands` that its total reaches, below all of them `max_share_bps`; a tier may have its own.
    Goods may have their own in its place: those of a category, else those whose unit price is at least `dear_cents`. `with_coupons`: an order
    that uses a coupon may use points as well.
    """

    points_per_unit: int = 100
    threshold: int = 0
    step: int = 1
    max_share_bps: int = ONE
    minor_digits: int = 2
    bands: Sequence[Band] = ()
    dear_cents: int | None = None
    dear_share_bps: int = ONE
    categories: Sequence[CategoryShare] = ()
    tiers: Sequence[TierShare] = ()
    with_coupons: bool = True

    def worth(self, points: int) -> int:
        """What so many points pay, in minor units, rounded down."""
        return points * int(10**self.minor_digits) // self.points_per_unit

    def within(self, *, worth_cents: int, available: int) -> int:
        """The most points that can be used of those available: a multiple of the step that is never worth more than that."""
        points = min(available, worth_cents * self.points_per_unit // 10**self.minor_digits)
        points -= points % self.step
        return points if points >= max(self.threshold, 1) else 0

    @property
    def closed(self) -> bool:
        """Whether no order whatever may use points."""
        shares = [self.max_share_bps, *(one.share_bps for one in self.bands), *(one.share_bps for one in self.categories)]
        return not any([*shares, *(one.share_bps for one in self.tiers)]) and (self.dear_cents is None or not self.dear_share_bps)

    def share_of(self, total_cents: int, *, tier: str = "") -> int:
        """What points may pay of an order of that total, where its goods have no share of their own."""
        reached = [band for band in self.bands if band.from_cents <= total_cents]
        of_total = max(reached, key=lambda band: band.from_cents).share_bps if reached else self.max_share_bps
        own = next((one for one in self.tiers if one.tier == tier), None)
        if own is None:
            return of_total
        return min(ONE, of_total * own.factor_bps // ONE) if own.share_bps is None else own.share_bps

    def share_of_line(self, line: Line) -> tuple[int, str] | None:
        """The share that goods have of their own, and by what: `category` or `unit_price`; None: that of the order."""
        of_category = [one for one in self.categories if line.category == one.category or line.category.startswith(f"{one.category}/")]
        if of_category:
            return max(of_category, key=lambda one: len(one.category)).share_bps, "category"
        if self.dear_cents is not None and line.amount_cents >= self.dear_cents * max(1, line.quantity) > 0:
            return self.dear_share_bps, "unit_price"
        return None


def as_json(policy: Policy) -> dict[str, list[dict[str, Any]]]:
    """The rows of a policy, as they are kept."""
    return {name: [{field: getattr(row, field) for field in row.__slots__} for row in getattr(policy, name)] for name in ("bands", "categories", "tiers")}


def faults(policy: Policy) -> list[str]:
    """What is wrong with a policy, as codes."""
    shares = [policy.max_share_bps, policy.dear_share_bps, *(one.share_bps for one in policy.bands), *(one.share_bps for one in policy.categories)]
    shares += [one.share_bps for one in policy.tiers if one.share_bps is not None]
    wrong = {
        "figures": policy.points_per_unit < 1 or policy.step < 1 or policy.threshold < 0,
        "share": any(not 0 <= one <= ONE for one in shares) or any(one.factor_bps < 0 for one in policy.tiers),
        "band": any(one.from_cents < 1 for one in policy.bands),
        "unit_price": policy.dear_cents is not None and policy.dear_cents < 1,
        "category": any(not one.category or one.category.strip("/ ") != one.category for one in policy.categories),
        "band_twice": len({one.from_cents for one in policy.bands}) < len(policy.bands),
        "category_twice": len({one.category for one in policy.categories}) < len(policy.categories),
        "tier_twice": len({one.tier for one in policy.tiers}) < len(policy.tiers),
    }
    return [code for code, is_wrong in wrong.items() if is_wrong]


def in_force(starts: Sequence[datetime], now: datetime) -> int | None:
    """Of versions by when they come into force, in the order of their numbers: the index of the one that is. The later one, where two begin at once."""
    begun = [(start, number) for number, start in enumerate(starts) if start <= now]
    return max(begun)[1] if begun else None


def too_soon(*, old: Policy | None, new: Policy, starts_at: datetime, now: datetime) -> bool:
    """Whether a change of what points are worth comes sooner than it is announced."""
    return old is not None and old.points_per_unit != new.points_per_unit and starts_at < now + NOTICE


def make_good(available: int, *, old_per_unit: int, new_per_unit: int) -> int:
    """The points that keep a member's balance worth what it was when points come to be worth less; rounded up."""
    return max(0, -(available * (old_per_unit - new_per_unit) // old_per_unit))


def expected_paid(purchase: Purchase, *, worth_cents: int) -> int:
    """What an order must have cost in money: Σ lines + shipping − discounts − worth of the points. Discounts take off no more than there is."""
    priced = purchase.lines_cents + purchase.shipping_cents
    return priced - min(purchase.discount_cents, max(0, priced)) - worth_cents


# What is due for which goods, what of it points may pay, and what pays it in the end


@dataclass(frozen=True, slots=True)
class CouponOff:
    """What a coupon of ours takes off: of each line in the order's order, and of shipping."""

    code: str
    lines: Sequence[int]
    shipping: int = 0

    @property
    def cents(self) -> int:
        return sum(self.lines) + self.shipping


class Due(NamedTuple):
    """What is due for each line and for shipping after every discount, before points; nothing is below zero."""

    lines: tuple[int, ...]
    shipping: int

    @property
    def total(self) -> int:
        return sum(self.lines) + self.shipping


def due(purchase: Purchase, coupons: Sequence[CouponOff] = ()) -> Due:
    """Coupons take off what they say. All else that lowers the total (the storefront's own discounts, lines below zero) is shared over the
    lines by what is left of them, and takes off shipping only what the lines cannot carry. `purchase.discounts` count the coupons in.
    """
    left = [line.amount_cents - sum(coupon.lines[i] for coupon in coupons) for i, line in enumerate(purchase.lines)]
    goods = [max(0, cents) for cents in left]
    others = purchase.discount_cents - sum(coupon.cents for coupon in coupons) - sum(min(0, cents) for cents in left)
    from_goods = min(others, sum(goods))
    shipping = purchase.shipping_cents - sum(coupon.shipping for coupon in coupons) - (others - from_goods)
    return Due(tuple(share(sum(goods) - from_goods, goods)), max(0, shipping))


class Allowance(NamedTuple):
    """What points may pay of an order: `worth_cents` in all, of each line that share and by what (`order`, `category`, `unit_price`)."""

    worth_cents: int
    share_bps: int
    lines: tuple[tuple[int, str], ...]

    @property
    def plain(self) -> bool:
        """Whether one share holds for all of the order."""
        return all(share_bps == self.share_bps for share_bps, _by in self.lines)


def allowance(policy: Policy, lines: Sequence[Line], parts: Due, *, tier: str = "") -> Allowance:
    """What points may pay: of each line its share, of shipping the order's; one floor at the end."""
    of_order = policy.share_of(parts.total, tier=tier)
    shares = tuple(policy.share_of_line(line) or (of_order, "order") for line in lines)
    exact = sum(cents * bps for cents, (bps, _by) in zip(parts.lines, shares, strict=True)) + parts.shipping * of_order
    return Allowance(exact // ONE, of_order, shares)


@dataclass(frozen=True, slots=True)
class Part:
    """Of a line, or of shipping: what was due, how much of that points paid (`worth_cents`, `points`), what each coupon took off before."""

    due_cents: int = 0
    worth_cents: int = 0
    points: int = 0
    coupons: Mapping[str, int] | None = None

    @property
    def paid_cents(self) -> int:
        return self.due_cents - self.worth_cents


@dataclass(frozen=True, slots=True)
class Split:
    """How an order was paid, over its lines and its shipping. The parts add up to what was paid, used and taken off, to the cent and the point."""

    lines: Sequence[Part]
    shipping: Part

    @property
    def parts(self) -> list[Part]:
        return [*self.lines, self.shipping]

    @property
    def points(self) -> list[int]:
        """Of each line, and last of shipping."""
        return [part.points for part in self.parts]

    @property
    def coupons(self) -> list[str]:
        """The coupons of ours that the order used."""
        return sorted({code for part in self.parts for code in part.coupons or {}})

    def as_json(self) -> dict[str, Any]:
        def said(part: Part) -> dict[str, Any]:
            return {"due_cents": part.due_cents, "worth_cents": part.worth_cents, "points": part.points, "coupons": dict(part.coupons or {})}

        return {"lines": [said(part) for part in self.lines], "shipping": said(self.shipping)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Split":
        return cls([Part(**part) for part in kept["lines"]], Part(**kept["shipping"]))


def split(parts: Due, allowed: Allowance, coupons: Sequence[CouponOff], *, worth_cents: int, points: int) -> Split:
    """Share what points pay, and the points themselves, by largest remainder: goods within their shares first, then goods that points may pay
    at all, then shipping. What a hold pays beyond all that, be it that the order became another, goods and shipping carry as they can.
    """
    shares = [bps for bps, _by in allowed.lines]
    within = [cents * bps for cents, bps in zip(parts.lines, shares, strict=True)]
    worth = share(min(worth_cents, sum(within) // ONE), within)
    worth = _filled(worth, [cents if bps else 0 for cents, bps in zip(parts.lines, shares, strict=True)], worth_cents - sum(worth))
    shipping = min(worth_cents - sum(worth), parts.shipping)
    worth = _filled(worth, parts.lines, worth_cents - sum(worth) - shipping)
    by = [*worth, shipping]
    by = by if any(by) else [*parts.lines, parts.shipping]
    of_points = share(points, by if any(by) else [*[0] * len(parts.lines), 1])
    made = [
        Part(cents, pays, used, {one.code: one.lines[i] for one in coupons if one.lines[i]} or None)
        for i, (cents, pays, used) in enumerate(zip(parts.lines, worth, of_points[:-1], strict=True))
    ]
    return Split(made, Part(parts.shipping, shipping, of_points[-1], {one.code: one.shipping for one in coupons if one.shipping} or None))


def _filled(parts: Sequence[int], most: Sequence[int], more: int) -> list[int]:
    """So much more, shared by what of `most` each part is short of, as far as that goes."""
    room = [max(0, full - had) for full, had in zip(most, parts, strict=True)]
    return [had + gets for had, gets in zip(parts, share(min(more, sum(room)), room), strict=True)]


def with_split(purchase: Purchase, how: Split | None) -> Purchase:
    """The purchase, its lines saying what of them was paid in money."""
    if how is None or not any(line.amount_cents > 0 for line in purchase.lines):
        return purchase
    return replace(purchase, lines=tuple(replace(line, paid_cents=part.paid_cents) for line, part in zip(purchase.lines, how.lines, strict=True)))


def to_restore(refund: Refund, left: Left, *, spent: int, restored: int) -> int:
    """How many of the spent points come back with this refund; `left` counts it in, `restored` came back before it.

    In all, floor(spent × the part of the order given back): by money the refunded of the paid, by lines their share. As many as
    asked for, where the refund says so. The refund that completes the order restores the rest.
    """
    if refund.points is not None:
        if refund.points > spent - restored:
            raise RefundNotPossible("restore_exceeds_spend", left=spent - restored)
        return refund.points
    if left.complete:
        return spent - restored
    return max(0, int(spent * left.given_back) - restored)
