"""The till's arithmetic. Pure; money in minor units, points whole."""

from dataclasses import dataclass

from accounts.activity.rules import Left, Purchase, Refund, RefundNotPossible


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
