"""The till's arithmetic as tables, and what no sequence of refunds may bring about."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from accounts.activity.rules import Line, Purchase, Refund, RefundLine, RefundNotPossible, left_after
from loyalty.lib.money import minor_digits
from mall.checkout.rules import Policy, allowance, due, expected_paid, to_restore
from points.earning.rules import PURCHASE, Fact, Given, basis, decide, ready, rolls, still_earned
from points.rulebook.rules import ONE, Definition, Effect

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)


def order(*lines, paid=None, shipping=0, discounts=()):
    """An order of lines given as (amount, category, quantity); paid in full unless said otherwise."""
    filled = [(*line, *("", 1)[len(line) - 1 :]) for line in lines]
    made = tuple(Line(str(number), category=category, quantity=quantity, amount_cents=amount) for number, (amount, category, quantity) in enumerate(filled, 1))
    total = sum(line.amount_cents for line in made) + shipping
    return Purchase("1", AT, "CNY", total if paid is None else paid, made, shipping, discounts)


def by_amount(cents, points=None):
    return Refund("R", AT, cents, points=points)


def by_lines(*lines, amount=None, points=None):
    return Refund("R", AT, amount, tuple(RefundLine(*line) for line in lines), points)


def most_of(policy, total, available, *, lines=(), tier=""):
    """The most points that an order of one line, or of these, may use."""
    cart = order(*lines or [(total,)])
    return policy.within(worth_cents=allowance(policy, cart.lines, due(cart), tier=tier).worth_cents, available=available)


# How many points an order may use


@pytest.mark.parametrize(
    ("points_per_unit", "digits", "points", "worth"),
    [
        (100, 2, 100, 100),
        (100, 2, 1, 1),
        (100, 2, 0, 0),
        (1, 2, 3, 300),
        (150, 2, 1, 0),
        (150, 2, 3, 2),
        (100, 0, 99, 0),
        (100, 0, 100, 1),
        (100, 0, 199, 1),
        (100, 3, 1, 10),
        (1000, 3, 7, 7),
    ],
)
def test_points_are_worth_whole_minor_units_rounded_down(points_per_unit, digits, points, worth):
    assert Policy(points_per_unit=points_per_unit, minor_digits=digits).worth(points) == worth


@pytest.mark.parametrize(("available", "most"), [(99, 0), (100, 100), (101, 101)])
def test_points_can_be_used_from_the_threshold_on(available, most):
    assert most_of(Policy(threshold=100), 100_000, available) == most


@pytest.mark.parametrize(("total", "most"), [(99, 0), (100, 100), (101, 101)])
def test_an_order_too_small_for_the_threshold_uses_none(total, most):
    assert most_of(Policy(threshold=100), total, 500) == most


@pytest.mark.parametrize(("available", "most"), [(0, 0), (99, 0), (100, 100), (101, 100), (199, 100), (200, 200), (201, 200)])
def test_points_are_used_in_steps(available, most):
    assert most_of(Policy(step=100), 100_000, available) == most


@pytest.mark.parametrize(("available", "most"), [(149, 0), (150, 0), (199, 0), (200, 200), (250, 200)])
def test_a_threshold_between_two_steps_begins_at_the_next_step(available, most):
    assert most_of(Policy(threshold=150, step=100), 100_000, available) == most


@pytest.mark.parametrize(
    ("share", "total", "most"),
    [
        (5000, 1000, 500),
        (5000, 1001, 500),
        (5000, 999, 499),
        (3333, 100, 33),
        (0, 1000, 0),
        (10_000, 1000, 1000),
        (1, 9999, 0),
        (1, 10_000, 1),
        (10_000, 0, 0),
        (10_000, -5, 0),
    ],
)
def test_points_pay_at_most_a_share_of_the_order(share, total, most):
    assert most_of(Policy(max_share_bps=share), total, 10**6) == most


@pytest.mark.parametrize(
    ("policy", "total", "most"),
    [
        (Policy(minor_digits=0), 50, 5000),  # 50 yen, 100 points a yen
        (Policy(minor_digits=0, max_share_bps=5000), 5, 200),  # half of 5 yen is 2 yen
        (Policy(minor_digits=3), 1000, 100),  # one dinar of 1,000 fils
        (Policy(minor_digits=3, points_per_unit=3), 1000, 3),
        (Policy(points_per_unit=150), 99, 148),  # 148 points are worth 98 cents, 149 worth 99; never more than is due
    ],
)
def test_the_currencys_own_minor_unit_counts(policy, total, most):
    assert most_of(policy, total, 10**6) == most


policies = st.builds(
    Policy,
    points_per_unit=st.integers(1, 2000),
    threshold=st.integers(0, 500),
    step=st.integers(1, 300),
    max_share_bps=st.integers(0, 10_000),
    minor_digits=st.sampled_from([0, 2, 3]),
)


@given(policy=policies, total=st.integers(-100, 10**6), available=st.integers(0, 10**6))
def test_whatever_the_policy_the_most_is_a_step_within_the_share_and_never_below_the_threshold(policy, total, available):
    most = most_of(policy, total, available)
    assert 0 <= most <= available
    assert most % policy.step == 0
    assert most == 0 or most >= policy.threshold
    assert policy.worth(most) * 10_000 <= max(0, total) * policy.max_share_bps
    assert policy.worth(most) <= max(0, total)


# What an order costs, and what of it earns


@pytest.mark.parametrize(
    ("lines", "shipping", "discount", "worth", "paid"),
    [
        ([(1000,), (2000,)], 0, 0, 0, 3000),
        ([(1000,), (-300,)], 500, 200, 100, 900),
        ([], 0, 0, 0, 0),
        ([(1000,)], 0, 0, 1000, 0),
        ([(1000,)], 200, 1500, 0, 0),
        ([(1000,)], 0, 1500, 300, -300),
        ([(-1000,)], 0, 500, 0, -1000),
    ],
)
def test_lines_and_shipping_less_discounts_and_worth_of_the_points_is_what_was_paid(lines, shipping, discount, worth, paid):
    discounts = ({"kind": "coupon", "discount_cents": discount},)
    assert expected_paid(order(*lines, shipping=shipping, discounts=discounts), worth_cents=worth) == paid


@pytest.mark.parametrize(
    ("amounts", "paid", "shipping", "shares"),
    [
        ([1000, 3000], 4000, 0, [1000, 3000]),
        ([1000, 3000], 4500, 500, [1000, 3000]),  # shipping earns nothing
        ([1000, 3000], 2000, 0, [500, 1500]),  # half was paid with points
        ([100, 100, 100], 100, 0, [34, 33, 33]),  # the remainder goes somewhere, once
        ([1000, -200], 800, 0, [800, 0]),  # a deposit returned carries nothing
        ([1000, 0], 1000, 0, [1000, 0]),
        ([1000], 300, 500, [0]),  # less was paid than shipping costs
        ([0, 0], 700, 0, [700]),  # nothing says what the money was for
        ([], 700, 200, [500]),
        ([-100], 0, 0, [0]),
    ],
)
def test_the_basis_is_what_was_paid_in_money_for_goods(amounts, paid, shipping, shares):
    purchase = order(*[(amount,) for amount in amounts], paid=paid, shipping=shipping)
    assert [part.cents for part in basis(purchase)] == shares


# What is still earned after refunds


@pytest.mark.parametrize(
    ("refunds", "left"),
    [
        ([], [5000, 3000, 2000]),
        ([by_amount(5000)], [2500, 1500, 1000]),
        ([by_lines(("1",))], [3000, 2000]),
        ([by_lines(("1",)), by_amount(2500)], [1500, 1000]),
        ([by_lines(("1", None, 4000))], [3000, 2000]),  # the shop kept a fee: no goods, no points
        ([by_lines(("1", None, 6000))], [2400, 1600]),  # more was given back than the line had cost
        ([by_amount(10_000)], [0, 0, 0]),
    ],
)
def test_what_is_still_earned_is_for_goods_that_were_kept_and_money_that_was(refunds, left):
    purchase = order((5000, "A"), (3000, "B"), (2000, "C"))
    assert [part.cents for part in still_earned(purchase, left_after(purchase, refunds))] == left


def test_a_line_of_which_nothing_was_kept_is_none_of_the_order_any_more():
    purchase = order((5000, "A", 2), (3000, "B", 3))
    left = still_earned(purchase, left_after(purchase, [by_lines(("1",), ("2", 1))]))
    assert [(line.category, line.cents, line.quantity) for line in left] == [("B", 2000, 2)]


def test_the_margin_of_what_is_left_is_what_it_exceeds_its_part_of_the_cost_by():
    purchase = order((5000, "A", 2))
    purchase = replace(purchase, lines=[replace(purchase.lines[0], cost_cents=2001)])
    assert [line.margin_cents for line in basis(purchase)] == [2999]
    assert [(line.cents, line.margin_cents) for line in still_earned(purchase, left_after(purchase, [by_lines(("1", 1))]))] == [(2500, 1500)]


@pytest.mark.parametrize("lines", [[], [(0,)], [(0,), (-5,)]])
def test_what_is_left_of_an_order_without_priced_goods_is_the_money(lines):
    purchase = order(*lines, paid=700)
    assert [line.cents for line in still_earned(purchase, left_after(purchase, [by_amount(300)]))] == [400]


def test_money_given_back_is_taken_from_the_goods_before_shipping():
    purchase = order((5000, "A"), shipping=1000)
    assert [part.cents for part in still_earned(purchase, left_after(purchase, [by_amount(5000)]))] == [0]
    assert [part.cents for part in still_earned(purchase, left_after(purchase, [by_amount(600)]))] == [4400]


# How many spent points come back


@pytest.mark.parametrize(
    ("refunds", "restored"),
    [
        ([by_amount(3333), by_amount(3333), by_amount(3334)], [33, 33, 34]),
        ([by_amount(1)] * 3, [0, 0, 0]),
        ([by_amount(9999), by_amount(1)], [99, 1]),
        ([by_lines(("1", 1)), by_lines(("1", 1)), by_lines(("2",))], [20, 20, 60]),
        ([by_lines(("1",)), by_amount(3000), by_amount(3000)], [40, 30, 30]),
        ([by_amount(3000), by_lines(("1",)), by_amount(3000)], [30, 40, 30]),
        ([by_amount(5000, points=10), by_amount(5000)], [10, 90]),
        ([by_amount(5000, points=10), by_amount(2500)], [10, 65]),
        ([by_amount(5000, points=0), by_amount(5000, points=0)], [0, 0]),
        ([by_amount(1000, points=100), by_amount(5000), by_amount(4000)], [100, 0, 0]),
    ],
)
def test_spent_points_come_back_by_the_part_given_back_and_the_last_brings_the_rest(refunds, restored):
    purchase = order((4000, "", 2), (6000, "", 3))
    so_far = []
    for n, refund in enumerate(refunds, 1):
        so_far.append(to_restore(refund, left_after(purchase, refunds[:n]), spent=100, restored=sum(so_far)))
    assert so_far == restored


@pytest.mark.parametrize(("refunds", "restored"), [([by_lines(("1", 1))], [25]), ([by_lines(("1", 1)), by_lines(("1", 1)), by_lines(("2",))], [25, 25, 50])])
def test_an_order_paid_with_points_alone_is_given_back_by_its_lines(refunds, restored):
    purchase = order((5000, "", 2), (5000, "", 1), paid=0)
    so_far = []
    for n, refund in enumerate(refunds, 1):
        so_far.append(to_restore(refund, left_after(purchase, refunds[:n]), spent=100, restored=sum(so_far)))
    assert so_far == restored


def test_no_more_points_than_were_spent_can_be_asked_for():
    purchase = order((4000,))
    with pytest.raises(RefundNotPossible) as refused:
        to_restore(by_amount(1, points=61), left_after(purchase, [by_amount(1)]), spent=100, restored=40)
    assert (refused.value.code, refused.value.figures) == ("restore_exceeds_spend", {"left": 60})


# Any order, any refunds

FORMULAS = {
    "plain": Effect("per_unit", rate=ONE),
    "generous": Effect("per_unit", rate=37 * ONE),
    "mixed": Effect("per_unit", rate=ONE, by_category={"A": 0, "B": 5 * ONE, "C": 15_000}),
}
categories = st.sampled_from(["", "A", "B/X", "C"])


@st.composite
def orders(draw):
    lines = draw(st.lists(st.tuples(st.integers(-500, 20_000), categories, st.integers(0, 4)), min_size=1, max_size=5))
    goods, shipping = sum(line[0] for line in lines), draw(st.sampled_from([0, 0, 999]))
    assume(goods + shipping >= 0)
    worth = draw(st.integers(0, goods + shipping))
    return order(*lines, shipping=shipping, paid=goods + shipping - worth), worth


@st.composite
def refunds_of(draw, purchase, *, explicit=False, points=False):
    """Refunds that are possible in the order in which they stand, of all kinds, often up to the last cent or the last line."""
    chosen = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["amount", "rest", "line", "all lines"]))
        left = left_after(purchase, chosen)
        rest = purchase.paid_cents - left.refunded_cents
        asked = draw(st.none() | st.integers(0, 200)) if points else None
        if kind == "amount":
            refund = by_amount(draw(st.integers(0, rest)), asked)
        elif kind == "rest":
            refund = by_amount(rest, asked)
        else:
            some = range(len(purchase.lines)) if kind == "all lines" else [draw(st.integers(0, len(purchase.lines) - 1))]
            lines = []
            for i in some:
                quantity = int(left.kept[i] * purchase.lines[i].quantity)
                quantity = quantity if kind == "all lines" else draw(st.integers(0, quantity))
                lines.append((purchase.lines[i].id, quantity, draw(st.none() | st.integers(0, rest)) if explicit else None))
            refund = by_lines(*lines, amount=draw(st.none() | st.integers(0, rest)) if explicit else None, points=asked)
        try:
            left_after(purchase, [*chosen, refund])
        except RefundNotPossible:
            continue
        chosen.append(refund)
    return chosen


def earns(lines, formula):
    fact = Fact(PURCHASE, "purchase/1", AT.date(), lines=lines, minor_digits=minor_digits("CNY"))
    return decide(Given(fact, rolls("")), [ready(1, "purchase", Definition(effect=formula))]).points


def settle(purchase, refunds, *, formula, spent):
    """What the till does with an order and its refunds one after the other: (restored, clawed back) by each."""
    earned = earns(basis(purchase), formula)
    restored, clawed = [], []
    for n, refund in enumerate(refunds, 1):
        left = left_after(purchase, refunds[:n])
        try:
            restored.append(to_restore(refund, left, spent=spent, restored=sum(restored)))
        except RefundNotPossible:
            restored.append(0)
        clawed.append(max(0, earned - sum(clawed) - earns(still_earned(purchase, left), formula)))
    return earned, restored, clawed


@given(data=st.data(), case=orders(), formula=st.sampled_from(list(FORMULAS.values())))
def test_any_refunds_restore_at_most_what_was_spent_and_take_back_at_most_what_was_earned(data, case, formula):
    purchase, spent = case
    refunds = data.draw(refunds_of(purchase, explicit=True, points=True))
    earned, restored, clawed = settle(purchase, refunds, formula=formula, spent=spent)
    assert min(restored + clawed, default=0) >= 0
    assert sum(restored) <= spent
    assert sum(clawed) <= earned
    left = left_after(purchase, refunds)
    assert left.refunded_cents <= purchase.paid_cents
    if left.complete:
        assert sum(clawed) == earned
        if refunds[-1].points is None:
            assert sum(restored) == spent


@given(data=st.data(), case=orders(), formula=st.sampled_from(list(FORMULAS.values())))
def test_the_order_in_which_partial_refunds_come_changes_nothing_in_the_end(data, case, formula):
    purchase, spent = case
    refunds = data.draw(refunds_of(purchase))
    ends = set()
    for shuffled in list(permutations(refunds))[:: max(1, len(refunds) ** 2)]:
        _earned, restored, clawed = settle(purchase, shuffled, formula=formula, spent=spent)
        ends.add((sum(restored), sum(clawed)))
    assert len(ends) == 1


@given(data=st.data(), case=orders())
def test_money_that_lines_name_changes_nothing_of_that_where_all_goods_earn_alike(data, case):
    purchase, spent = case
    assert_same_turned_around(purchase, data.draw(refunds_of(purchase, explicit=True)), spent=spent)


@pytest.mark.parametrize(
    ("cents", "quantity", "refunds"),
    [
        # What a part of a line gives back by its share is a matter of the parts that came back so, not of those that said their amount.
        (1, 2, [by_lines(("1", 1)), by_lines(("1", 1), amount=1)]),
        (985, 4, [by_lines(("1", 3)), by_amount(739 - 493), by_amount(0), by_lines(("1", 1), amount=0)]),
        (985, 4, [by_lines(("1", 3)), by_lines(("1", 1, 247))]),
    ],
)
def test_refunds_that_are_possible_are_so_in_any_order_also_where_some_say_their_amount(cents, quantity, refunds):
    purchase = order((cents, "", quantity))
    assert_same_turned_around(purchase, refunds, spent=0)
    assert left_after(purchase, refunds).refunded_cents == left_after(purchase, refunds[::-1]).refunded_cents


def assert_same_turned_around(purchase, refunds, *, spent):
    ends = {tuple(map(sum, settle(purchase, turned, formula=FORMULAS["plain"], spent=spent)[1:])) for turned in (refunds, refunds[::-1])}
    assert len(ends) == 1


@given(parts=st.lists(st.integers(1, 5000), min_size=1, max_size=12), spent=st.integers(0, 10_000))
@example(parts=[1] * 9, spent=10_000)
def test_in_however_many_parts_money_comes_back_the_points_are_the_same_as_at_once(parts, spent):
    purchase = order((sum(parts) + 77,))
    refunds = [by_amount(part) for part in parts]
    _earned, many, clawed = settle(purchase, refunds, formula=FORMULAS["mixed"], spent=spent)
    _earned, once, clawed_once = settle(purchase, [by_amount(sum(parts))], formula=FORMULAS["mixed"], spent=spent)
    assert (sum(many), sum(clawed)) == (sum(once), sum(clawed_once))


@settings(max_examples=50)
@given(case=orders())
def test_what_is_left_after_no_refund_is_the_order(case):
    purchase, _worth = case
    assert still_earned(purchase, left_after(purchase, [])) == basis(purchase)
    assert all(part.cents >= 0 for part in basis(purchase))
