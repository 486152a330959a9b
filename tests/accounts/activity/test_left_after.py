"""What is left of an order after refunds by amount and by lines."""

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from accounts.activity.rules import Line, Purchase, Refund, RefundLine, RefundNotPossible, left_after

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)


def order(*lines, shipping=0):
    """An order of lines given as (amount, quantity), paid in full with money."""
    made = tuple(Line(str(number), quantity=quantity, amount_cents=amount) for number, (amount, quantity) in enumerate(lines, 1))
    return Purchase("1", AT, "CNY", sum(line.amount_cents for line in made) + shipping, made, shipping)


def by_amount(cents):
    return Refund("R", AT, cents)


def by_lines(*lines, amount=None):
    return Refund("R", AT, amount, tuple(RefundLine(*line) for line in lines))


@pytest.mark.parametrize(
    ("refund", "money", "kept", "given_back"),
    [
        (by_amount(2500), 2500, [1, 1], Fraction(1, 4)),
        (by_lines(("1",)), 4000, [0, 1], Fraction(2, 5)),
        (by_lines(("1", 1)), 2000, [Fraction(1, 2), 1], Fraction(1, 5)),
        (by_lines(("1", 1, 1500)), 1500, [Fraction(1, 2), 1], Fraction(1, 5)),
        (by_lines(("1", 1, 1500), ("2", 0, 100)), 1600, [Fraction(1, 2), 1], Fraction(1, 5)),
        (by_lines(("1", 0)), 0, [1, 1], 0),
        (by_lines(("2", 3), amount=7), 7, [1, 0], Fraction(3, 5)),
    ],
)
def test_a_refund_by_amount_or_by_lines_leaves_the_rest(refund, money, kept, given_back):
    left = left_after(order((4000, 2), (6000, 3)), [refund])
    assert (left.refunded_cents, left.last_cents, list(left.kept), left.given_back) == (money, money, kept, given_back)


@pytest.mark.parametrize(
    ("refunds", "code"),
    [
        ([by_amount(10_001)], "refund_exceeds_paid"),
        ([by_amount(5000), by_amount(5001)], "refund_exceeds_paid"),
        ([by_lines(("1", 1, 10_001))], "refund_exceeds_paid"),
        ([by_lines(("3",))], "line_unknown"),
        ([by_lines(("1", 3))], "line_exceeded"),
        ([by_lines(("1", 1)), by_lines(("1", 2))], "line_exceeded"),
        ([by_lines(("1", 1)), by_lines(("1",))], "line_exceeded"),
    ],
)
def test_what_is_not_possible_is_named(refunds, code):
    purchase = order((4000, 2), (6000, 3))
    left_after(purchase, refunds[:-1])
    with pytest.raises(RefundNotPossible) as refused:
        left_after(purchase, refunds)
    assert refused.value.code == code


def test_a_line_comes_back_without_its_shipping():
    left = left_after(order((4000, 2), (6000, 3), shipping=500), [by_lines(("1",))])
    assert (left.last_cents, left.complete) == (4000, False)


def test_the_parts_of_a_line_add_up_to_its_share_of_what_was_paid():
    purchase = order((100, 3), (0, 1))
    money = [left_after(purchase, [by_lines(("1", 1))] * n).last_cents for n in (1, 2, 3)]
    assert money == [33, 33, 34]
    assert left_after(purchase, [by_lines(("1", 1))] * 3).complete


@pytest.mark.parametrize(
    ("refunds", "complete"),
    [
        ([by_amount(9_999)], False),
        ([by_amount(10_000)], True),
        ([by_lines(("1",)), by_lines(("2", 2))], False),
        ([by_lines(("1", 2, 0)), by_lines(("2", 3, 0))], True),  # all came back, for however little money
        ([by_lines(("1",)), by_amount(6000)], True),
    ],
)
def test_an_order_is_complete_when_all_money_or_all_goods_came_back(refunds, complete):
    left = left_after(order((4000, 2), (6000, 3)), refunds)
    assert (left.complete, left.goods_gone) == (complete, complete)


@pytest.mark.parametrize(
    ("paid", "refunded", "gone", "complete"),
    [
        (10_700, 9_999, False, False),
        (10_700, 10_000, True, False),
        (10_700, 10_699, True, False),
        (10_700, 10_700, True, True),
        (700, 0, False, False),
        (700, 699, False, False),
        (700, 700, True, True),
        (0, 0, False, False),
    ],
)
def test_of_the_goods_nothing_is_left_when_the_money_for_them_came_back_though_shipping_was_kept(paid, refunded, gone, complete):
    left = left_after(replace(order((4000, 2), (6000, 3)), shipping_cents=700, paid_cents=paid), [by_amount(refunded)])
    assert (left.goods_gone, left.complete) == (gone, complete)


@pytest.mark.parametrize(("quantity", "kept"), [(None, 0), (0, 1), (1, 0), (5, 0)])
def test_a_line_without_a_quantity_comes_back_whole_or_not_at_all(quantity, kept):
    left = left_after(order((4000, 0), (1000, 1)), [by_lines(("1", quantity, 0))])
    assert left.kept[0] == kept


def test_an_order_of_nothing_can_only_be_refunded_nothing():
    empty = order()
    assert left_after(empty, [by_amount(0)]) == left_after(empty, [by_amount(0), by_amount(0)])
    assert not left_after(empty, [by_amount(0)]).complete
