"""What a reward costs whom, and who may have it: tables around every boundary."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mall.rewards import rules
from mall.rewards.rules import Margin, Offer, Price, Refused, SetPrice, Viewer, less

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
MUG = {"id": 1, "code": "mug", "kind": "goods", "points": 1_000}


def cost(offer, viewer=None, *, left=None, off=0, rate=100, digits=2, now=NOON):
    return rules.price(offer, viewer or Viewer(), left=left, markdown_bps=off, points_per_unit=rate, minor_digits=digits, now=now)


def mug(*prices, **more):
    return Offer(**{**MUG, "prices": prices, **more})


def test_without_more_the_list_price_holds():
    assert cost(mug(cents=990)) == Price(1_000, 990, "list", 1_000, 990)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (NOON - INSTANT, "list"),
        (NOON, "clearance"),
        (NOON + HOUR - INSTANT, "clearance"),
        (NOON + HOUR, "list"),
    ],
    ids=["before", "first instant", "last instant", "over"],
)
def test_a_clearance_price_is_in_force_from_its_first_to_its_last_instant(now, why):
    offer = mug(SetPrice("clearance", 600, starts_at=NOON, ends_at=NOON + HOUR))
    assert cost(offer, now=now)[:5] == (600 if why == "clearance" else 1_000, 0, why, 1_000, 0)


@pytest.mark.parametrize(("left", "points", "why"), [(0, 1_500, "scarcity"), (3, 1_500, "scarcity"), (4, 1_000, "list"), (None, 1_000, "list")])
def test_a_scarcity_price_holds_at_exactly_so_many_left_and_never_where_nothing_is_counted(left, points, why):
    assert cost(mug(SetPrice("scarcity", 1_500, left_at_most=3)), left=left)[:3] == (points, 0, why)


def test_of_two_steps_of_scarcity_the_one_worth_less_holds():
    offer = mug(SetPrice("scarcity", 900, left_at_most=10), SetPrice("scarcity", 700, left_at_most=3))
    assert [cost(offer, left=left).points for left in (11, 10, 4, 3)] == [1_000, 900, 900, 700]


def test_a_clearance_price_comes_before_one_of_scarcity():
    offer = mug(SetPrice("scarcity", 500, left_at_most=3), SetPrice("clearance", 800, ends_at=NOON + HOUR))
    assert cost(offer, left=1)[:3] == (800, 0, "clearance")


@pytest.mark.parametrize(
    ("points", "off", "left"),
    [
        (1_000, 1_000, 900),
        (999, 1_000, 899),
        (1_001, 1_000, 900),
        (5, 1_000, 4),
        (1, 1_000, 1),
        (1, 9_999, 1),
        (3, 10_000, 1),
        (0, 1_000, 0),
        (10**9, 1, 999_900_000),
        (333, 3_333, 222),
    ],
)
def test_percents_come_off_rounded_down_in_the_members_favour_and_never_all_of_it(points, off, left):
    assert less(points, off) == left


@given(points=st.integers(1, 10**9), off=st.integers(0, 10_000))
def test_what_is_left_after_a_percent_is_the_exact_share_less_than_one_point_off(points, off):
    exact = Fraction(points * (10_000 - off), 10_000)
    assert less(points, off) == max(1, exact.__floor__())


GOLD = Viewer(tier="gold", rank=30, discount_bps=1_000)
FOR_GOLD = SetPrice("tier", 880, tier="gold")
FEW = SetPrice("scarcity", 1_500, left_at_most=3)
CLEARANCE = SetPrice("clearance", 600, ends_at=NOON + HOUR)


@pytest.mark.parametrize(
    ("viewer", "prices", "off", "points", "why"),
    [
        (Viewer(), (), 0, 1_000, "list"),
        (GOLD, (), 0, 900, "tier_discount"),
        (GOLD, (FOR_GOLD,), 0, 880, "tier"),
        (GOLD, (SetPrice("tier", 920, tier="gold"),), 0, 900, "tier_discount"),
        (GOLD, (SetPrice("tier", 900, tier="gold"),), 0, 900, "tier_discount"),
        (GOLD, (SetPrice("tier", 10, tier="silver"),), 0, 900, "tier_discount"),
        (Viewer(), (FOR_GOLD,), 0, 1_000, "list"),
        (Viewer(), (), 3_000, 700, "markdown"),
        (GOLD, (), 3_000, 700, "markdown"),
        (GOLD, (), 1_000, 900, "tier_discount"),
        (GOLD, (), 999, 900, "tier_discount"),
        (GOLD, (), 1_001, 899, "markdown"),
        (GOLD, (FOR_GOLD,), 3_000, 700, "markdown"),
        (GOLD, (SetPrice("tier", 700, tier="gold"),), 3_000, 700, "markdown"),
        (GOLD, (SetPrice("tier", 699, tier="gold"),), 3_000, 699, "tier"),
        (GOLD, (SetPrice("clearance", 600, ends_at=NOON + HOUR),), 0, 540, "tier_discount"),
        (GOLD, (SetPrice("clearance", 600, ends_at=NOON + HOUR), SetPrice("tier", 530, tier="gold")), 0, 530, "tier"),
        (Viewer(), (SetPrice("clearance", 600, ends_at=NOON + HOUR),), 3_000, 420, "markdown"),
        (Viewer(), (SetPrice("clearance", 1_200, ends_at=NOON + HOUR),), 0, 1_200, "clearance"),
    ],
)
def test_a_viewer_pays_the_best_of_what_applies_and_discounts_do_not_add_up(viewer, prices, off, points, why):
    assert cost(mug(*prices), viewer, off=off)[:5] == (points, 0, why, 1_000, 0)


@pytest.mark.parametrize(
    ("viewer", "prices", "off", "why", "base"),
    [
        (Viewer(), (), 0, "list", "list"),
        (GOLD, (), 0, "tier_discount", "list"),
        (Viewer(), (FEW,), 0, "scarcity", "scarcity"),
        (GOLD, (FEW,), 0, "tier_discount", "scarcity"),
        (GOLD, (FEW,), 3_000, "markdown", "scarcity"),
        (GOLD, (CLEARANCE,), 0, "tier_discount", "clearance"),
        (GOLD, (CLEARANCE, FEW), 0, "tier_discount", "clearance"),
        (Viewer(), (CLEARANCE,), 3_000, "markdown", "clearance"),
        (GOLD, (FEW, FOR_GOLD), 0, "tier", "list"),
    ],
)
def test_a_price_says_what_its_discount_came_off(viewer, prices, off, why, base):
    found = cost(mug(*prices), viewer, off=off, left=2)
    assert (found.why, found.base) == (why, base)


@pytest.mark.parametrize(
    ("price", "is_less", "is_more"),
    [((900, 0), True, False), ((1_000, 0), False, False), ((1_100, 0), False, True), ((900, 100), False, False), ((1_000, 100), False, True)],
)
def test_a_price_is_less_or_more_than_the_list_price_only_where_nothing_speaks_against_it(price, is_less, is_more):
    found = Price(*price, "list", 1_000, 0)
    assert (found.is_less, found.is_more) == (is_less, is_more)


@pytest.mark.parametrize(("now", "points"), [(NOON - INSTANT, 900), (NOON, 880), (NOON + HOUR - INSTANT, 880), (NOON + HOUR, 900)])
def test_a_tier_price_may_have_a_time_too(now, points):
    assert cost(mug(SetPrice("tier", 880, tier="gold", starts_at=NOON, ends_at=NOON + HOUR)), GOLD, now=now).points == points


def test_percents_come_off_the_points_never_off_the_money():
    assert cost(mug(points=1_999, cents=100), GOLD) == Price(1_799, 100, "tier_discount", 1_999, 100)


@pytest.mark.parametrize(
    ("price", "rate", "why"),
    [
        # 800 points and 1.00 are worth 9.00 at 100 a unit, more than 899 points and less than 901.
        ((800, 100), 100, "tier_discount"),
        ((799, 100), 100, "tier"),
        # At 1,000 a unit money weighs ten times as much.
        ((799, 100), 1_000, "tier_discount"),
        ((1, 50), 1_000, "tier"),
    ],
)
def test_prices_of_points_and_money_are_compared_by_what_they_are_worth(price, rate, why):
    offer = mug(SetPrice("tier", price[0], price[1], tier="gold"))
    assert cost(offer, GOLD, rate=rate).why == why


def test_a_currency_without_cents_compares_by_its_own_units():
    offer = mug(SetPrice("tier", 400, 5, tier="gold"))
    assert cost(offer, GOLD, rate=100, digits=0).why == "tier_discount"
    assert cost(offer, GOLD, rate=99, digits=0).why == "tier"


@given(
    points=st.integers(1, 10**6), discount=st.integers(0, 10_000), off=st.integers(0, 10_000), left=st.integers(0, 20),
    prices=st.lists(st.builds(SetPrice, st.just("tier"), st.integers(1, 10**6), st.integers(0, 10**5), st.just("gold")), max_size=3),
)  # fmt: skip
def test_a_discount_or_a_price_for_a_tier_never_makes_anything_dearer(points, discount, off, left, prices):
    offer = mug(*prices, points=points)
    found = cost(offer, Viewer(tier="gold", discount_bps=discount), off=off, left=left)
    assert found.points * 100 + found.cents * 100 <= points * 100
    assert found.points >= 1


@pytest.mark.parametrize(
    ("offer", "viewer", "seen"),
    [
        ({}, {}, True),
        ({"active": False}, {}, False),
        ({"ends_at": NOON}, {}, False),
        ({"ends_at": NOON + INSTANT}, {}, True),
        ({"starts_at": NOON + HOUR}, {}, True),
        ({"least_rank": 30}, {"rank": 0}, True),
        ({"segment": "vip"}, {}, False),
        ({"segment": "vip"}, {"segments": {"vip"}}, True),
    ],
)
def test_who_sees_a_reward(offer, viewer, seen):
    assert rules.visible(mug(**offer), Viewer(**viewer), now=NOON) is seen


@pytest.mark.parametrize(
    ("offer", "viewer", "quantity", "code"),
    [
        ({}, {}, 1, None),
        ({"active": False}, {}, 1, "reward_unavailable"),
        ({"ends_at": NOON}, {}, 1, "reward_unavailable"),
        ({"segment": "vip"}, {}, 1, "reward_unavailable"),
        ({"starts_at": NOON}, {}, 1, None),
        ({"starts_at": NOON + INSTANT}, {}, 1, "reward_not_yet"),
        ({"starts_at": NOON + HOUR}, {"early": HOUR}, 1, None),
        ({"starts_at": NOON + HOUR + INSTANT}, {"early": HOUR}, 1, "reward_not_yet"),
        ({"least_rank": 30, "least_tier": "gold"}, {"rank": 29}, 1, "tier_too_low"),
        ({"least_rank": 30}, {"rank": 30}, 1, None),
        ({"per_member": 2}, {"had": {1: (1, 0)}}, 1, None),
        ({"per_member": 2}, {"had": {1: (1, 0)}}, 2, "member_limit"),
        ({"per_member": 2}, {"had": {1: (2, 0)}}, 1, "member_limit"),
        ({"per_member": 2}, {"had": {2: (2, 2)}}, 2, None),
        ({"per_member_day": 1}, {"had": {1: (5, 0)}}, 1, None),
        ({"per_member_day": 1}, {"had": {1: (5, 1)}}, 1, "member_day_limit"),
    ],
)
def test_why_somebody_may_not_have_it_now(offer, viewer, quantity, code):
    no = rules.refused(mug(**offer), Viewer(**viewer), quantity=quantity, now=NOON)
    assert (no.code if no else None) == code


def test_a_refusal_says_the_figures_behind_it():
    assert rules.refused(mug(least_rank=30, least_tier="gold"), Viewer(), quantity=1, now=NOON) == Refused("tier_too_low", {"tier": "gold"})
    assert rules.refused(mug(per_member=2), Viewer(had={1: (2, 0)}), quantity=1, now=NOON) == Refused("member_limit", {"limit": 2, "had": 2})
    early = rules.refused(mug(starts_at=NOON + HOUR), Viewer(early=timedelta(minutes=30)), quantity=1, now=NOON)
    assert early == Refused("reward_not_yet", {"starts_at": (NOON + timedelta(minutes=30)).isoformat()})


@pytest.mark.parametrize(
    ("asked", "parts", "left"),
    [
        ({"points": 500, "cents": 1_000, "cost_cents": 1_200, "sponsor_bps": 0}, (500, 1_000, 0, 1_200), 300),
        ({"points": 500, "cents": 0, "cost_cents": 999, "sponsor_bps": 5_000}, (500, 0, 499, 999), 0),
        ({"points": 333, "cents": 0, "cost_cents": 400, "sponsor_bps": 0, "points_per_unit": 1_000}, (33, 0, 0, 400), -367),
        ({"points": 1_000, "cents": 0, "cost_cents": 0, "sponsor_bps": 10_000}, (1_000, 0, 0, 0), 1_000),
        ({"points": 1_000, "cents": 7, "cost_cents": 5, "sponsor_bps": 0, "minor_digits": 0}, (10, 7, 0, 5), 12),
    ],
)
def test_a_margin_is_what_points_money_and_sponsor_bring_less_the_cost(asked, parts, left):
    found = rules.margin(**{"points_per_unit": 100, **asked})
    assert (found, found.margin_cents) == (Margin(*parts), left)


def test_the_cheapest_stands_first_by_points_then_money_then_code():
    prices = {"d": (200, 0), "b": (100, 50), "a": (100, 50), "c": (100, 0)}
    offers = [(Offer(n, code, "goods", *price), Price(*price, "list", *price)) for n, (code, price) in enumerate(prices.items())]
    assert [offer.code for offer, _price in sorted(offers, key=lambda one: rules.place(*one))] == ["c", "a", "b", "d"]


SILVER = SetPrice("tier", 950, tier="silver")


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ((), (), []),
        ((FEW, FOR_GOLD), (FOR_GOLD, FEW), []),
        ((), (FEW,), [(None, FEW)]),
        ((FEW,), (), [(FEW, None)]),
        ((FOR_GOLD,), (SILVER,), [(FOR_GOLD, None), (None, SILVER)]),
        ((FOR_GOLD, FEW), (SetPrice("tier", 870, tier="gold"), FEW), [(FOR_GOLD, SetPrice("tier", 870, tier="gold"))]),
        ((FEW, FEW), (FEW,), [(FEW, None)]),
    ],
)
def test_a_price_of_the_same_kind_and_tier_is_the_same_one_changed(before, after, changes):
    assert rules.price_changes(before, after) == changes
