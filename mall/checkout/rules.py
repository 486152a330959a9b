"""The till's arithmetic. Pure; money in minor units, points whole."""

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.activity.rules import Left, Line, Purchase, Refund, RefundNotPossible
from loyalty.lib.money import share
from points.earning.rules import Basis


@dataclass(frozen=True, slots=True)
class Policy:
    """How points may be used: so many are worth one unit of money; from `threshold` on, in steps, up to a share of the order."""

    points_per_unit: int = 100
    threshold: int = 0
    step: int = 1
    max_share_bps: int = 10_000
    minor_digits: int = 2

    def worth(self, points: int) -> int:
        """What so many points pay, in minor units, rounded down."""
        return points * int(10**self.minor_digits) // self.points_per_unit

    def most_worth(self, *, total_cents: int) -> int:
        """The share of an order of that total that points may pay, in minor units."""
        return max(0, total_cents) * self.max_share_bps // 10_000

    def most(self, *, total_cents: int, available: int) -> int:
        """The most points that an order of that total may use: a multiple of the step that is never worth more than its share."""
        payable = self.most_worth(total_cents=total_cents)
        points = min(available, payable * self.points_per_unit // 10**self.minor_digits)
        points -= points % self.step
        return points if points >= max(self.threshold, 1) else 0


def expected_paid(purchase: Purchase, *, worth_cents: int) -> int:
    """What an order must have cost in money: Σ lines + shipping − discounts − worth of the points."""
    return purchase.lines_cents + purchase.shipping_cents - purchase.discount_cents - worth_cents


def basis(lines: Sequence[Line], *, paid_cents: int, shipping_cents: int) -> list[Basis]:
    """What was paid in money for goods, shared over the lines by their amounts. Lines below zero carry none.

    An order without any line above zero is one basis without a category.
    """
    goods = max(0, paid_cents - shipping_cents)
    weights = [max(0, line.amount_cents) for line in lines]
    if not any(weights):
        return [Basis("", goods)]
    return [Basis(line.category, cents) for line, cents in zip(lines, share(goods, weights), strict=True)]


def still_earned(purchase: Purchase, left: Left) -> list[Basis]:
    """The basis of what is left: no line beyond the part that was kept, all together no more than the money that was."""
    original = basis(purchase.lines, paid_cents=purchase.paid_cents, shipping_cents=purchase.shipping_cents)
    money = max(0, purchase.paid_cents - left.refunded_cents - purchase.shipping_cents)
    if len(original) != len(left.kept):
        return [Basis("", min(money, original[0].cents))]
    capped = [part.cents * kept.numerator // kept.denominator for part, kept in zip(original, left.kept, strict=True)]
    return [Basis(part.category, cents) for part, cents in zip(original, share(min(money, sum(capped)), capped), strict=True)]


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
