"""The till's arithmetic. Pure; money in minor units, points whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from accounts.activity.rules import Line, Purchase, Refund
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


class RefundNotPossible(Exception):
    """The refund cannot be what was meant: `code` and `figures` say why."""

    def __init__(self, code: str, **figures: int | str) -> None:
        super().__init__(code)
        self.code, self.figures = code, figures


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of an order after refunds, in whatever order they came.

    Money refunded in all, and by the last of them; of each line the part that is still kept; `given_back`, the part of the order
    that all refunds gave back. Parts are from 0 to 1.
    """

    refunded_cents: int
    last_cents: int
    kept: Sequence[Fraction]
    given_back: Fraction
    complete: bool


def _part(line: Line, quantity: int | None) -> Fraction:
    if quantity is None or line.quantity <= 0:
        return Fraction(quantity != 0)
    return Fraction(quantity, line.quantity)


def left_after(purchase: Purchase, refunds: Sequence[Refund]) -> Left:
    """What is left of an order after these refunds. Raises RefundNotPossible: more money, more of a line, or a line it has not.

    A refund gives back what it says, or what its lines say; a line without an amount, its share of what was paid for goods: the
    parts of a line add up to it.
    """
    index = {line.id: i for i, line in enumerate(purchase.lines)}
    weights = [max(0, line.amount_cents) for line in purchase.lines]
    shares = share(max(0, purchase.paid_cents - purchase.shipping_cents), weights)
    kept = [Fraction(1)] * len(purchase.lines)
    refunded, money, given_back = 0, 0, Fraction(0)
    for refund in refunds:
        by_lines, returned = 0, Fraction(0)
        for part in refund.lines:
            if part.id not in index:
                raise RefundNotPossible("line_unknown", line=part.id)
            i = index[part.id]
            before, of_line = kept[i], _part(purchase.lines[i], part.quantity)
            kept[i] -= of_line
            if kept[i] < 0:
                raise RefundNotPossible("line_exceeded", line=part.id)
            returned += weights[i] * of_line
            by_lines += int(shares[i] * (1 - kept[i])) - int(shares[i] * (1 - before)) if part.amount_cents is None else part.amount_cents
        money = by_lines if refund.amount_cents is None else refund.amount_cents
        refunded += money
        if refunded > purchase.paid_cents:
            raise RefundNotPossible("refund_exceeds_paid", paid_cents=purchase.paid_cents, refunded_cents=refunded)
        if refund.lines and any(weights):
            given_back += returned / sum(weights)
        elif purchase.paid_cents:
            given_back += Fraction(money, purchase.paid_cents)
    all_money = refunded == purchase.paid_cents > 0
    all_lines = any(weights) and not any(part for part, weight in zip(kept, weights, strict=True) if weight)
    return Left(refunded, money, kept, min(given_back, Fraction(1)), all_money or all_lines)


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
