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

    def most(self, *, total_cents: int, available: int) -> int:
        """The most points that an order of that total may use: a multiple of the step that is never worth more than its share."""
        payable = max(0, total_cents) * self.max_share_bps // 10_000
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
class Settled:
    """What points did with an order so far."""

    spent: int = 0
    restored: int = 0
    earned: int = 0
    clawed_back: int = 0
    refunded_cents: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of an order after refunds: money refunded in all, and of each line the part that is still kept (0 to 1)."""

    refunded_cents: int
    kept: Sequence[Fraction]
    complete: bool


def money_of(purchase: Purchase, refund: Refund) -> int:
    """How much money a refund gives back: as it says, or what its lines say, a line without an amount at its share of what was paid."""
    if refund.amount_cents is not None:
        return refund.amount_cents
    shares = dict(zip((line.id for line in purchase.lines), share(purchase.paid_cents, [max(0, line.amount_cents) for line in purchase.lines]), strict=True))
    by_id = {line.id: line for line in purchase.lines}
    money = 0
    for part in refund.lines:
        if part.amount_cents is not None:
            money += part.amount_cents
        elif part.id in by_id:
            returned = _part(by_id[part.id], part.quantity)
            money += shares[part.id] * returned.numerator // returned.denominator
    return money


def _part(line: Line, quantity: int | None) -> Fraction:
    return Fraction(1) if quantity is None or line.quantity <= 0 else Fraction(quantity, line.quantity)


def left_after(purchase: Purchase, refunds: Sequence[Refund]) -> Left:
    """What is left of an order after these refunds. Raises RefundNotPossible: more money, more of a line, or a line it has not."""
    index = {line.id: i for i, line in enumerate(purchase.lines)}
    kept = [Fraction(1)] * len(purchase.lines)
    refunded = 0
    for refund in refunds:
        refunded += money_of(purchase, refund)
        if refunded > purchase.paid_cents:
            raise RefundNotPossible("refund_exceeds_paid", paid_cents=purchase.paid_cents, refunded_cents=refunded)
        for part in refund.lines:
            if part.id not in index:
                raise RefundNotPossible("line_unknown", line=part.id)
            kept[index[part.id]] -= _part(purchase.lines[index[part.id]], part.quantity)
            if kept[index[part.id]] < 0:
                raise RefundNotPossible("line_exceeded", line=part.id)
    sold = [i for i, line in enumerate(purchase.lines) if line.amount_cents > 0]
    all_money = refunded == purchase.paid_cents and purchase.paid_cents > 0
    all_lines = bool(sold) and not any(kept[i] for i in sold)
    return Left(refunded, kept, all_money or all_lines)


def still_earned(purchase: Purchase, left: Left) -> list[Basis]:
    """The basis of what is left: no line beyond the part that was kept, all together no more than the money that was."""
    original = basis(purchase.lines, paid_cents=purchase.paid_cents, shipping_cents=purchase.shipping_cents)
    money = max(0, purchase.paid_cents - left.refunded_cents - purchase.shipping_cents)
    if len(original) != len(left.kept):
        return [Basis("", min(money, original[0].cents))]
    capped = [part.cents * kept.numerator // kept.denominator for part, kept in zip(original, left.kept, strict=True)]
    return [Basis(part.category, cents) for part, cents in zip(original, share(min(money, sum(capped)), capped), strict=True)]


def to_restore(purchase: Purchase, settled: Settled, left: Left, refund: Refund) -> int:
    """How many of the spent points come back with this refund. `left` counts this refund in.

    By money: floor(spent × refunded ÷ paid) in all, less what came back before. By lines, or where nothing was paid in money: by the
    share of the lines. As many as asked for, where the refund says so. The refund that completes the order restores the rest.
    """
    open_points = settled.spent - settled.restored
    if refund.points is not None:
        if refund.points > open_points:
            raise RefundNotPossible("restore_exceeds_spend", left=open_points)
        return refund.points
    if left.complete:
        return open_points
    if refund.lines or not purchase.paid_cents:
        weights = [max(0, line.amount_cents) for line in purchase.lines]
        returned = sum((weight * (1 - kept) for weight, kept in zip(weights, left.kept, strict=True)), Fraction(0))
        part = returned / sum(weights) if any(weights) else Fraction(0)
    else:
        part = Fraction(left.refunded_cents, purchase.paid_cents)
    return max(0, int(settled.spent * part) - settled.restored)
