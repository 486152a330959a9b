"""What facts earn: tables, and shares that add up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.lib.money import share
from points.earning.rules import RATE, Basis, Formula, decide

RATES = {"COSMETICS": 2 * RATE, "COSMETICS/FRAGRANCES": 0, "FOOD": RATE // 2}


@pytest.mark.parametrize(
    ("category", "rate"),
    [
        ("", RATE),
        ("TOYS", RATE),
        ("COSMETICS", 2 * RATE),
        ("COSMETICS/LIPS", 2 * RATE),
        ("COSMETICS/LIPS/RED", 2 * RATE),
        ("COSMETICS/FRAGRANCES", 0),
        ("COSMETICS/FRAGRANCES/EAU", 0),
        ("COSMETICS/FRAGRANCES2", 2 * RATE),  # a name that only begins alike
        ("COSMETICSX", RATE),
        ("TOYS/COSMETICS", RATE),
        ("cosmetics", RATE),
        ("/FOOD", RATE),
        ("FOOD/", RATE // 2),
    ],
)
def test_the_longest_part_of_the_category_that_has_a_rate_decides(category, rate):
    assert Formula(categories=RATES).rate_of(category) == rate


@pytest.mark.parametrize(
    ("cents", "rate", "digits", "points"),
    [
        (0, RATE, 2, 0),
        (99, RATE, 2, 0),
        (100, RATE, 2, 1),
        (199, RATE, 2, 1),
        (200, RATE, 2, 2),
        (100, RATE // 2, 2, 0),
        (1, 100 * RATE, 2, 1),
        (66, 15_000, 2, 0),
        (67, 15_000, 2, 1),
        (1, RATE, 0, 1),
        (999, RATE, 3, 0),
        (1000, RATE, 3, 1),
        (10**12, 9999 * RATE, 2, 9999 * 10**10),
    ],
)
def test_points_are_for_whole_units_floored(cents, rate, digits, points):
    assert decide(Formula(rate=rate, minor_digits=digits), [Basis("", cents)]).points == points


def test_an_order_is_floored_once_and_not_line_by_line():
    assert decide(Formula(), [Basis("", 50), Basis("", 50), Basis("", 99)]).points == 1


def test_an_empty_order_earns_nothing():
    assert decide(Formula(), []).points == 0


lines = st.lists(st.builds(Basis, category=st.sampled_from(["", "COSMETICS", "COSMETICS/FRAGRANCES", "FOOD/FISH"]), cents=st.integers(0, 10**6)), max_size=8)


@given(basis=lines, rate=st.integers(0, 100_000), digits=st.sampled_from([0, 2, 3]))
def test_the_shares_of_the_lines_add_up_and_none_is_far_from_exact(basis, rate, digits):
    formula = Formula(rate, RATES, digits)
    award = decide(formula, basis)
    assert sum(award.parts) == award.points
    for line, points in zip(basis, award.parts, strict=True):
        exact = Fraction(line.cents * formula.rate_of(line.category), RATE * 10**digits)
        assert exact - 2 < points < exact + 1  # less than a point for the order's floor, less than one for the share's


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (0, [1, 2], [0, 0]),
        (5, [], []),
        (5, [0, 0], [0, 0]),
        (5, [0, 3], [0, 5]),
        (100, [1, 2, 3], [17, 33, 50]),
        (1, [5, 5], [1, 0]),
        (7, [10**18, 10**18], [4, 3]),
    ],
)
def test_a_total_is_shared_by_largest_remainder_ties_to_the_earlier(total, weights, parts):
    assert share(total, weights) == parts


@given(total=st.integers(0, 10**9), weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_whatever_the_weights_the_parts_are_the_total_and_within_one_of_exact(total, weights):
    parts = share(total, weights)
    whole = sum(weights)
    assert sum(parts) == (total if whole else 0)
    assert all(abs(part * whole - total * weight) < whole for part, weight in zip(parts, weights, strict=True) if whole)
