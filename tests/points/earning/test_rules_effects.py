"""Every effect, by itself."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from points.earning.rules import Fact, Line, Member, rolls
from points.rulebook.rules import CERTAIN, ONE, Band

from .world import DAY, assert_adds_up, bought, decided, did, goods, of, points, rule

RATES = {"COSMETICS": 2 * ONE, "COSMETICS/FRAGRANCES": 0, "FOOD": ONE // 2}


@pytest.mark.parametrize(
    ("cents", "rate", "digits", "expected"),
    [
        (0, ONE, 2, 0),
        (99, ONE, 2, 0),
        (100, ONE, 2, 1),
        (199, ONE, 2, 1),
        (200, ONE, 2, 2),
        (100, ONE // 2, 2, 0),
        (1, 100 * ONE, 2, 1),
        (66, 15_000, 2, 0),
        (67, 15_000, 2, 1),
        (1, ONE, 0, 1),
        (999, ONE, 3, 0),
        (1000, ONE, 3, 1),
        (10**12, 9999 * ONE, 2, 9999 * 10**10),
        (100, 0, 2, 0),
    ],
)
def test_points_per_unit_are_for_whole_units_floored(cents, rate, digits, expected):
    assert points(bought(cents, minor_digits=digits), rule(rate=rate)) == expected


@pytest.mark.parametrize(
    ("category", "rate"),
    [
        ("", ONE),
        ("TOYS", ONE),
        ("COSMETICS", 2 * ONE),
        ("COSMETICS/LIPS", 2 * ONE),
        ("COSMETICS/LIPS/RED", 2 * ONE),
        ("COSMETICS/FRAGRANCES", 0),
        ("COSMETICS/FRAGRANCES/EAU", 0),
        ("COSMETICS/FRAGRANCES2", 2 * ONE),  # a name that only begins alike
        ("COSMETICSX", ONE),
        ("TOYS/COSMETICS", ONE),
        ("cosmetics", ONE),
        ("/FOOD", ONE),
        ("FOOD/", ONE // 2),
    ],
)
def test_the_longest_part_of_the_category_that_has_a_rate_decides(category, rate):
    assert points(bought((10_000, category)), rule(by_category=RATES)) * ONE == 100 * rate


def test_an_order_is_floored_once_and_not_line_by_line():
    decision = decided(bought(50, 50, 99), rule())
    assert (decision.points, decision.lines) == (1, [0, 0, 1, 0])


def test_a_line_below_zero_earns_nothing_and_costs_nothing():
    assert points(bought(Line("", 1_000), Line("", -400)), rule()) == 10


def test_an_order_without_lines_and_one_without_rules_earn_nothing():
    assert decided(bought(), rule()).points == 0
    assert decided(bought(100)).lines == [0, 0]


def test_a_rule_about_some_lines_gives_for_those_alone():
    decision = decided(bought((10_000, "FOOD"), (5_000, "TOYS")), rule(categories=("TOYS",)))
    assert (decision.points, decision.lines) == (50, [0, 50, 0])


def test_fixed_points_are_for_the_fact_as_such():
    decision = decided(bought(10, 20), rule("bonus", "fixed", points=100))
    assert (decision.points, decision.lines) == (100, [0, 0, 100])


BANDS = (Band(0, 10_000, points=50), Band(10_000, 50_000, points=200), Band(50_000, None, points=200, rate=ONE))


@pytest.mark.parametrize(("cents", "expected"), [(0, 50), (9_999, 50), (10_000, 200), (49_999, 200), (50_000, 700), (50_099, 700), (50_100, 701)])
def test_a_band_begins_with_its_start_and_ends_before_its_end(cents, expected):
    assert points(bought(cents), rule("bonus", "bands", measure="amount", bands=BANDS)) == expected
    flat = tuple(replace(band, rate=0) for band in BANDS)
    assert points(did("referral_completed", amount_cents=cents), rule("bonus", "bands", measure="amount", bands=flat)) == min(expected, 200)


@pytest.mark.parametrize(("grade", "expected"), [(0, 0), (1, 30), (2, 60), (3, 100), (4, 0)])
def test_bands_by_a_field_of_the_fact_and_outside_of_all_nothing(grade, expected):
    bands = (Band(1, 2, 30), Band(2, 3, 60), Band(3, 4, 100))
    assert points(did("review_featured", grade=grade), rule("bonus", "bands", measure="grade", bands=bands)) == expected


def test_a_bands_rate_is_for_the_lines_the_rule_is_about():
    fact = bought((30_000, "FOOD"), (20_000, "TOYS"))
    assert points(fact, rule("bonus", "bands", measure="amount", bands=BANDS, categories=("TOYS",))) == 200 + 200


LADDER = (10, 15, 20, 25, 30, 40, 50)


@pytest.mark.parametrize(("day", "expected"), [(-1, 0), (0, 0), (1, 10), (2, 15), (7, 50), (8, 10), (14, 50), (15, 10)])
def test_a_ladder_goes_up_with_the_streak_and_starts_again(day, expected):
    assert points(did("checked_in", streak=day), rule("bonus", "ladder", measure="streak", ladder=LADDER)) == expected


@pytest.mark.parametrize(("day", "expected"), [(0, 0), (1, 10), (7, 50), (8, 50), (99, 50)])
def test_a_ladder_may_stay_on_its_last_step(day, expected):
    assert points(did("checked_in", streak=day), rule("bonus", "ladder", measure="streak", ladder=LADDER, cycles=False)) == expected


def test_a_ladder_without_steps_or_a_fact_without_the_field_gives_nothing():
    assert points(did("checked_in", streak=1), rule("bonus", "ladder", measure="streak")) == 0
    assert points(did("checked_in"), rule("bonus", "ladder", measure="streak", ladder=LADDER)) == 0
    assert points(did("checked_in", streak="1"), rule("bonus", "ladder", measure="streak", ladder=LADDER)) == 0


@pytest.mark.parametrize(("stated", "expected"), [(9, 10), (10, 10), (11, 11), (49, 49), (50, 50), (51, 50)])
def test_stated_points_keep_within_their_bounds(stated, expected):
    assert points(did("survey_completed", points=stated), rule("bonus", "stated", measure="points", minimum=10, maximum=50)) == expected


def test_stated_points_without_a_maximum_are_as_stated_and_never_below_zero():
    assert points(did("mission_completed", points=10**6), rule("bonus", "stated", measure="points")) == 10**6
    assert points(did("mission_completed", points=-5), rule("bonus", "stated", measure="points")) == 0
    assert points(did("mission_completed"), rule("bonus", "stated", measure="points", minimum=7)) == 7


# Random


def lucky(minimum, maximum, chance=CERTAIN):
    return rule("luck", "random", minimum=minimum, maximum=maximum, chance=chance)


def drawn(one, n=20_000):
    roll = rolls("a secret")
    return Counter(points(did("shared", key=f"shared/{i}"), one, roll=roll) for i in range(n))


def test_both_bounds_can_be_rolled_and_nothing_outside_of_them():
    found = drawn(lucky(3, 7))
    assert sorted(found) == [3, 4, 5, 6, 7]
    assert all(3_700 < n < 4_300 for n in found.values())


@pytest.mark.parametrize(("chance", "n"), [(0, 0), (CERTAIN, 2_000)])
def test_no_chance_never_wins_and_certainty_always(chance, n):
    assert drawn(lucky(5, 5, chance), 2_000)[5] == n


def test_a_chance_is_in_a_million():
    assert 800 < drawn(lucky(5, 5, 50_000))[5] < 1_200


@pytest.mark.parametrize(("rolled", "wins"), [(0, True), (1, False)])
def test_one_in_a_million_is_the_first_of_a_million_equal_parts(rolled, wins):
    part = (1 << 64) // CERTAIN
    assert points(did(), lucky(5, 5, 1), roll=lambda _text: rolled * (part + 1)) == (5 if wins else 0)
    assert points(did(), lucky(5, 5, 1), roll=lambda _text: part) == 5


@pytest.mark.parametrize(("rolled", "expected"), [(0, 3), ((1 << 64) - 1, 7), ((1 << 64) // 5, 3), ((1 << 64) // 5 + 1, 4)])
def test_the_bounds_are_the_first_and_the_last_of_equal_parts(rolled, expected):
    assert points(did(), lucky(3, 7), roll=lambda _text: rolled) == expected


def test_the_same_fact_rolls_the_same_and_another_one_for_itself():
    one, roll = lucky(1, 10**9), rolls("a secret")
    facts = [did(key=f"shared/{n}") for n in range(50)]
    first = [points(fact, one, roll=roll) for fact in facts]
    assert [points(fact, one, roll=rolls("a secret")) for fact in facts] == first
    assert len(set(first)) == 50
    assert first != [points(fact, one, roll=rolls("another")) for fact in facts]
    assert first != [points(fact, rule("other", "random", minimum=1, maximum=10**9), roll=roll) for fact in facts]


def test_without_a_maximum_the_minimum_is_what_is_won():
    assert points(did(), lucky(5, None)) == 5


# Multipliers and things


def test_a_multiplier_alone_gives_nothing():
    decision = decided(bought(10_000), rule("double", "multiplier", factor=2 * ONE))
    assert (decision.points, decision.granted) == (0, {})


def test_the_tiers_multiplier_is_the_members():
    tiered = rule("tier", "tier_multiplier")
    for factor, expected in ((10_000, 100), (12_000, 120), (15_000, 150), (20_000, 200)):
        decision = decided(bought(10_000), rule(), tiered, member=Member("M", "gold", factor))
        assert (decision.points, of(decision, "tier").factor) == (expected, factor)
        assert_adds_up(decision)


def test_on_birthdays_the_tiers_own_multiplier_counts():
    born = rule("birthday", "tier_birthday_multiplier", birthday="day")
    for birthday, factor, expected in ((DAY, 20_000, 200), (DAY, ONE, 100), (DAY - timedelta(days=1), 20_000, 100)):
        decision = decided(bought(10_000), rule(), born, member=Member("M", "gold", 15_000, birthday=birthday, birthday_factor=factor))
        assert decision.points == expected
        assert_adds_up(decision)


@pytest.mark.parametrize("kind", ["coupon", "badge", "chance", "card", "benefit"])
def test_other_things_are_won_as_they_are_and_give_no_points(kind):
    decision = decided(bought(*goods(100)), rule("prize", kind, item="X", count=2, min_cents=100))
    assert [(one.code, one.effect, one.item, one.count) for one in decision.won] == [("prize", kind, "X", 2)]
    assert decision.points == 0
    assert decided(bought(99), rule("prize", kind, item="X", min_cents=100)).won == []


def test_a_fact_without_anything_is_decided_too():
    decision = decided(Fact("shared", "shared/1", DAY))
    assert (decision.points, decision.lines, decision.considered, decision.charges) == (0, [0], [], [])
