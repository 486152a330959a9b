"""How an order is paid: what points may pay of which goods, what of each line was paid with what, and what refunds bring back. No database."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.activity.rules import Line, Purchase, Refund, RefundLine, RefundNotPossible, left_after
from mall.checkout.rules import (
    Band,
    CategoryShare,
    CouponOff,
    Policy,
    Split,
    TierShare,
    allowance,
    as_json,
    due,
    expected_paid,
    faults,
    in_force,
    make_good,
    split,
    to_restore,
    too_soon,
    with_split,
)
from points.earning.rules import basis

AT = datetime(2026, 3, 1, 4, tzinfo=UTC)
BANDS = (Band(10_000, 5_000), Band(30_000, 8_000))
DEAR = {"dear_cents": 20_000, "dear_share_bps": 7_000}


def cart(*lines, shipping=0, off=0, coupons=()):
    """Lines are amounts, or (amount, category, quantity); `off` is the storefront's own discount."""
    rows = [line if isinstance(line, tuple) else (line,) for line in lines]
    rows = [(*row, *("", 1)[len(row) - 1 :]) for row in rows]
    made = tuple(Line(str(n), category=category, quantity=quantity, amount_cents=cents) for n, (cents, category, quantity) in enumerate(rows, 1))
    discounts = [{"kind": "offer", "discount_cents": off}, *({"kind": "coupon", "code": one.code, "discount_cents": one.cents} for one in coupons)]
    return Purchase("1", AT, "CNY", 0, made, shipping, tuple(discounts))


def may_pay(policy, *lines, tier="", **more):
    order = cart(*lines, **more)
    return allowance(policy, order.lines, due(order), tier=tier).worth_cents


# Which share


@pytest.mark.parametrize(("total", "share"), [(0, 1_000), (9_999, 1_000), (10_000, 5_000), (29_999, 5_000), (30_000, 8_000), (10**9, 8_000)])
@pytest.mark.parametrize("bands", [BANDS, BANDS[::-1]])
def test_the_highest_band_that_the_total_reaches_holds(total, share, bands):
    assert Policy(max_share_bps=1_000, bands=bands).share_of(total) == share


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        (TierShare("gold", 9_000), 9_000),
        (TierShare("gold", 0), 0),
        (TierShare("gold", factor_bps=12_000), 6_000),
        (TierShare("gold", factor_bps=30_000), 10_000),
        (TierShare("gold", factor_bps=0), 0),
        (TierShare("silver", 9_000), 5_000),
    ],
)
def test_a_tier_has_a_share_of_its_own_or_so_many_times_the_orders(rule, share):
    assert Policy(bands=BANDS, tiers=[rule]).share_of(10_000, tier="gold") == share


@pytest.mark.parametrize(
    ("line", "share"),
    [
        (Line("1", category="GOLD", amount_cents=100), (0, "category")),
        (Line("1", category="GOLD/RINGS", amount_cents=100), (2_000, "category")),
        (Line("1", category="GOLD/RINGS/X", amount_cents=99_999), (2_000, "category")),  # before the unit price
        (Line("1", category="GOLDEN", amount_cents=100), None),
        (Line("1", amount_cents=19_999), None),
        (Line("1", amount_cents=20_000), (7_000, "unit_price")),
        (Line("1", quantity=3, amount_cents=59_999), None),
        (Line("1", quantity=3, amount_cents=60_000), (7_000, "unit_price")),
        (Line("1", quantity=0, amount_cents=20_000), (7_000, "unit_price")),
        (Line("1", amount_cents=-20_000), None),
    ],
)
def test_goods_of_a_category_or_from_a_unit_price_on_have_a_share_of_their_own(line, share):
    assert Policy(categories=[CategoryShare("GOLD", 0), CategoryShare("GOLD/RINGS", 2_000)], **DEAR).share_of_line(line) == share


@pytest.mark.parametrize(
    ("policy", "lines", "more", "worth"),
    [
        (Policy(bands=BANDS, max_share_bps=0), (9_999,), {}, 0),
        (Policy(bands=BANDS, max_share_bps=0), (10_000,), {}, 5_000),
        (Policy(bands=BANDS, max_share_bps=0), (29_999, 1), {}, 24_000),
        (Policy(bands=BANDS, max_share_bps=0), (30_000,), {"off": 1}, 14_999),  # the band is that of what is left to pay
        (Policy(bands=BANDS, **DEAR), (20_000, 10_000), {}, 14_000 + 8_000),
        (Policy(categories=[CategoryShare("GOLD", 0)]), ((6_000, "GOLD"), 4_000), {}, 4_000),
        (Policy(categories=[CategoryShare("GOLD", 0)]), ((6_000, "GOLD"), 4_000), {"shipping": 500}, 4_500),
        (Policy(categories=[CategoryShare("GOLD", 0)]), ((6_000, "GOLD"), 4_000), {"off": 1_000}, 3_600),
        (Policy(categories=[CategoryShare("GOLD", 0)]), ((6_000, "GOLD"), 4_000, -1_000), {}, 3_600),
        (Policy(max_share_bps=3_333), (100, 100, 100), {}, 99),  # one floor for the order
        (Policy(max_share_bps=5_000), (1_000,), {"shipping": 1}, 500),
        (Policy(max_share_bps=5_000), (), {"shipping": 600}, 300),
        (Policy(), (1_000, -2_000), {}, 0),
    ],
)
def test_points_may_pay_of_each_line_its_share(policy, lines, more, worth):
    assert may_pay(policy, *lines, **more) == worth


@pytest.mark.parametrize(
    ("policy", "closed"),
    [
        (Policy(max_share_bps=0), True),
        (Policy(max_share_bps=0, bands=[Band(1, 0)], categories=[CategoryShare("A", 0)], tiers=[TierShare("gold", 0)]), True),
        (Policy(max_share_bps=0, bands=[Band(1, 1)]), False),
        (Policy(max_share_bps=0, categories=[CategoryShare("A", 1)]), False),
        (Policy(max_share_bps=0, tiers=[TierShare("gold", 1)]), False),
        (Policy(max_share_bps=0, **DEAR), False),
        (Policy(max_share_bps=0, dear_share_bps=7_000), True),
    ],
)
def test_a_policy_is_closed_when_no_order_whatever_may_use_points(policy, closed):
    assert policy.closed is closed


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (Policy(bands=BANDS, categories=[CategoryShare("A/B", 0)], tiers=[TierShare("gold", factor_bps=12_000)], **DEAR), []),
        (Policy(bands=[Band(0, 1)]), ["band"]),
        (Policy(bands=[Band(1, 10_001)]), ["share"]),
        (Policy(bands=[Band(1, 1), Band(1, 2)]), ["band_twice"]),
        (Policy(dear_cents=0), ["unit_price"]),
        (Policy(dear_share_bps=-1), ["share"]),
        (Policy(categories=[CategoryShare("A/", 1)]), ["category"]),
        (Policy(categories=[CategoryShare("A", 1), CategoryShare("A", 2)]), ["category_twice"]),
        (Policy(tiers=[TierShare("gold", 10_001)]), ["share"]),
        (Policy(tiers=[TierShare("gold", factor_bps=-1)]), ["share"]),
        (Policy(tiers=[TierShare("gold", 1), TierShare("gold", 2)]), ["tier_twice"]),
        (Policy(step=0), ["figures"]),
    ],
)
def test_what_is_wrong_with_a_policy_is_found(policy, found):
    assert faults(policy) == found


# Which version


def test_the_version_in_force_is_the_one_that_began_last_and_of_two_at_once_the_newer():
    day = [AT.replace(day=n) for n in range(1, 6)]
    assert in_force([], day[0]) is None
    assert in_force([day[1]], day[0]) is None
    assert in_force([day[0], day[3], day[1]], day[1]) == 2
    assert in_force([day[0], day[3], day[1]], day[3]) == 1
    assert in_force([day[0], day[3], day[3]], day[4]) == 2


@pytest.mark.parametrize(("per_unit", "days", "soon"), [(100, 0, False), (101, 6, True), (101, 7, False), (99, 0, True)])
def test_what_points_are_worth_changes_a_week_ahead(per_unit, days, soon):
    assert too_soon(old=Policy(), new=Policy(per_unit), starts_at=AT.replace(day=1 + days), now=AT) is soon
    assert not too_soon(old=None, new=Policy(per_unit), starts_at=AT, now=AT)


@pytest.mark.parametrize(
    ("available", "old", "new", "more"), [(1_000, 100, 125, 250), (1_001, 100, 125, 251), (1, 100, 101, 1), (0, 100, 200, 0), (999, 100, 80, 0)]
)
def test_who_holds_points_that_lose_worth_is_made_good_in_points_rounded_up(available, old, new, more):
    assert make_good(available, old_per_unit=old, new_per_unit=new) == more


# What is due, and what pays it


@pytest.mark.parametrize(
    ("order", "coupons", "lines", "shipping"),
    [
        (cart(4_000, 6_000, shipping=500), (), (4_000, 6_000), 500),
        (cart(4_000, 6_000, shipping=500, off=1_000), (), (3_600, 5_400), 500),
        (cart(4_000, 6_000, -1_000, shipping=500), (), (3_600, 5_400, 0), 500),
        (cart(100, 100, 100, off=100), (), (67, 67, 66), 0),
        (cart(1_000, shipping=500, off=1_200), (), (0,), 300),
        (cart(1_000, off=1_500), (), (0,), 0),
    ],
)
def test_what_is_due_for_each_line_is_its_amount_less_its_part_of_what_lowers_the_order(order, coupons, lines, shipping):
    assert due(order, coupons) == (lines, shipping)


def test_a_coupon_takes_off_where_it_says_and_other_discounts_what_is_left():
    coupons = [CouponOff("A", (1_000, 0)), CouponOff("B", (0, 0), 500)]
    assert due(cart(4_000, 6_000, shipping=500, off=900, coupons=coupons), coupons) == ((2_700, 5_400), 0)


def paid_with(policy, order, *, coupons=(), points=0, tier=""):
    parts = due(order, coupons)
    return split(parts, allowance(policy, order.lines, parts, tier=tier), coupons, worth_cents=policy.worth(points), points=points)


@pytest.mark.parametrize(
    ("policy", "order", "points", "by_line", "by_shipping"),
    [
        (Policy(), cart(4_000, 6_000), 1_000, [400, 600], 0),
        (Policy(), cart(100, 100, 100), 100, [34, 33, 33], 0),
        (Policy(), cart(4_000, 6_000, shipping=500), 10_300, [4_000, 6_000], 300),
        (Policy(categories=[CategoryShare("GOLD", 0)]), cart((6_000, "GOLD"), 4_000, shipping=500), 4_500, [0, 4_000], 500),
        (Policy(categories=[CategoryShare("GOLD", 5_000)]), cart((6_000, "GOLD"), 4_000), 3_500, [1_500, 2_000], 0),
        (Policy(max_share_bps=5_000), cart(1_000, shipping=100), 550, [550], 0),  # goods before shipping
        (Policy(categories=[CategoryShare("GOLD", 0)]), cart((6_000, "GOLD"), 4_000), 5_000, [1_000, 4_000], 0),  # the cart became another
        (Policy(points_per_unit=200), cart(300, 700), 1_000, [300, 700], 0),
        (Policy(points_per_unit=10**6), cart(300, 700), 9, [3, 6], 0),  # worth nothing, but spent
        (Policy(), cart(), 5, [], 5),
    ],
)
def test_points_pay_goods_within_their_shares_before_anything_else(policy, order, points, by_line, by_shipping):
    how = paid_with(policy, order, points=points)
    assert [part.points for part in how.lines] == by_line
    assert how.shipping.points == by_shipping


def test_a_split_is_read_as_it_was_written():
    coupons = [CouponOff("A", (100, 0), 50)]
    how = paid_with(Policy(), cart(1_000, 2_000, shipping=500, coupons=coupons), coupons=coupons, points=777)
    assert Split.from_json(how.as_json()).as_json() == how.as_json()
    assert how.coupons == ["A"]


# Refunds over carts of several lines, in a row: each (what comes back, money given back, points restored)

GOLD = Policy(bands=BANDS, categories=[CategoryShare("GOLD", 0), CategoryShare("FOOD", 2_500)], max_share_bps=0, **DEAR)


def by_amount(cents, points=None):
    return Refund("R", AT, cents, points=points)


def by_lines(*lines, amount=None, points=None):
    return Refund("R", AT, amount, tuple(RefundLine(*line) for line in lines), points)


TEN_OFF = CouponOff("TEN", (0, 600, 400))
SHIP = CouponOff("SHIP", (0, 0, 0), 800)


@pytest.mark.parametrize(
    ("policy", "order", "coupons", "points", "refunds"),
    [
        # One share for all: the parts of the lines.
        (Policy(), cart(4_000, 6_000), (), 1_000, [(by_lines(("1",)), 3_600, 400), (by_lines(("2",)), 5_400, 600)]),
        # 200.00 of gold, which points pay nothing of: its return brings back money alone.
        (GOLD, cart((20_000, "GOLD"), 10_000), (), 8_000, [(by_lines(("1",)), 20_000, 0), (by_lines(("2",)), 2_000, 8_000)]),
        (GOLD, cart((20_000, "GOLD"), 10_000), (), 8_000, [(by_lines(("2",)), 2_000, 8_000), (by_lines(("1",)), 20_000, 0)]),
        # By amount, points come back as money does, whatever it was for.
        (GOLD, cart((20_000, "GOLD"), 10_000), (), 8_000, [(by_amount(11_000), 11_000, 4_000), (by_amount(11_000), 11_000, 4_000)]),
        # A part of a line, its rest, then money for what was kept.
        (
            GOLD,
            cart((9_000, "FOOD", 3), 12_000),
            (),
            8_250,
            [(by_lines(("1", 1)), 2_250, 750), (by_lines(("1", 2)), 4_500, 1_500), (by_amount(3_000), 3_000, 1_941), (by_amount(3_000), 3_000, 4_059)],
        ),
        # Of goods at 200.00 a piece points pay 70 %; two of three come back.
        (GOLD, cart((60_000, "", 3), 1_000), (), 42_000 + 800, [(by_lines(("1", 2)), 12_000, 28_000), (by_lines(("1", 1), ("2",)), 6_200, 14_800)]),
        # A coupon lowers the lines that it is for; another takes off shipping.
        (
            Policy(max_share_bps=5_000),
            cart(4_000, 6_000, 4_000, shipping=800, coupons=[TEN_OFF, SHIP]),
            (TEN_OFF, SHIP),
            6_500,
            [(by_lines(("2",)), 2_700, 2_700), (by_lines(("1",)), 2_000, 2_000), (by_lines(("3",)), 1_800, 1_800)],
        ),
        # Points asked for, then what is left.
        (Policy(), cart(4_000, 6_000), (), 1_000, [(by_lines(("1",), points=10), 3_600, 10), (by_lines(("2",)), 5_400, 990)]),
        # Nothing paid in money: by the lines.
        (Policy(), cart(3_333, 3_333, 3_334), (), 10_000, [(by_lines(("1",)), 0, 3_333), (by_lines(("3",)), 0, 3_334), (by_lines(("2",)), 0, 3_333)]),
        # Shipping is kept when goods go, and what points paid of it comes back with the last of them.
        (Policy(), cart(1_000, 1_000, shipping=500), (), 2_200, [(by_lines(("1",)), 0, 1_000), (by_lines(("2",)), 0, 1_200)]),
        # In cents that do not divide.
        (Policy(), cart((100, "", 3), 1), (), 50, [(by_lines(("1", 1)), 16, 16), (by_lines(("1", 1)), 17, 17), (by_lines(("1", 1), ("2",)), 18, 17)]),
    ],
)
def test_each_refund_brings_back_its_part_to_the_cent_and_the_point(policy, order, coupons, points, refunds):
    how = paid_with(policy, order, coupons=coupons, points=points)
    bought = with_split(paid(order, policy.worth(points)), how)
    told = [(by.last_cents, restored) for by, restored in refunded(bought, how, [one for one, _cents, _points in refunds], spent=points)]
    assert told == [(cents, back) for _refund, cents, back in refunds]


def paid(order, worth):
    return Purchase(order.id, AT, "CNY", expected_paid(order, worth_cents=worth), order.lines, order.shipping_cents, order.discounts)


def refunded(bought, how, refunds, *, spent):
    """What the till does with refunds one after the other: (what is left, points restored) of each."""
    restored, told = 0, []
    for n, one in enumerate(refunds, 1):
        left = left_after(bought, refunds[:n], parts=how.points)
        back = to_restore(one, left, spent=spent, restored=restored)
        restored += back
        told.append((left, back))
    return told


# Ten thousand carts

PATHS = ["", "GOLD", "GOLD/RINGS", "FOOD", "HOME/KITCHEN"]
BPS = [0, 1, 2_500, 3_333, 5_000, 8_000, 10_000]


def story(chance):
    """A policy, an order under it with coupons, discounts and points, and refunds of it in a row."""
    bps = lambda: chance.choice(BPS)  # noqa: E731
    number = chance.randint(0, 5)
    policy = Policy(
        points_per_unit=chance.choice([1, 7, 70, 100, 333]),
        max_share_bps=bps(),
        bands=[Band(10_000, bps()), Band(30_000, bps())][: number % 3],
        dear_cents=chance.choice([None, 500, 5_000]),
        dear_share_bps=bps(),
        categories=[CategoryShare("GOLD", bps()), CategoryShare("FOOD", bps())][: number % 3],
        tiers=[TierShare("gold", chance.choice([None, bps()]), 12_000)],
    )
    rows = [(chance.randint(-300, chance.choice([9, 500, 20_000])), chance.choice(PATHS), chance.randint(0, 4)) for _line in range(chance.randint(0, 5))]
    shipping = chance.choice([0, 800])
    coupons = []
    if number > 2:
        off = [chance.randint(0, max(0, cents)) if chance.choice([True, False]) else 0 for cents, _category, _quantity in rows]
        coupons = [CouponOff("A", off, chance.randint(0, shipping))]
    order = cart(*rows, shipping=shipping, off=chance.choice([0, 0, 1, 999]), coupons=coupons)
    tier = chance.choice(["", "gold"])
    parts = due(order, coupons)
    allowed = allowance(policy, order.lines, parts, tier=tier)
    most = policy.within(worth_cents=chance.choice([allowed.worth_cents, parts.total]), available=10**9)
    points = chance.choice([most, chance.randint(0, most)])
    refunds = [(chance.randint(0, 5), chance.randint(0, 4), chance.randint(0, 100)) for _refund in range(chance.randint(0, 5))]
    return policy, order, coupons, tier, points, refunds


def possible(bought, how, wanted):
    """Refunds that can be made one after the other, of all kinds, up to the last cent and line."""
    made, left = [], left_after(bought, [], parts=how.points)
    for kind, which, percent in wanted:
        rest = bought.paid_cents - left.refunded_cents
        if kind == 0:
            one = by_amount(rest * percent // 100)
        elif kind == 1:
            one = by_amount(rest)
        elif kind == 2:
            one = by_lines(*[(line.id, None) for line, part in zip(bought.lines, left.kept, strict=True) if part == 1], amount=None)
        elif bought.lines:
            line = bought.lines[which % len(bought.lines)]
            some = line.quantity * percent // 100 if kind < 5 else None
            one = by_lines((line.id, some, rest * percent // 100 if kind == 4 else None))
        else:
            continue
        try:
            left = left_after(bought, [*made, one], parts=how.points)
        except RefundNotPossible:
            continue
        made.append(one)
    return made


@settings(max_examples=10_000)
@given(chance=st.randoms(use_true_random=True))
def test_every_cent_and_point_of_ten_thousand_carts_is_accounted_for(chance):
    account_for(*story(chance))


@settings(max_examples=200)
@given(chance=st.randoms(use_true_random=False))
def test_what_cannot_be_accounted_for_is_found_in_its_smallest_cart(chance):
    account_for(*story(chance))


def account_for(policy, order, coupons, tier, points, wanted):
    total = expected_paid(order, worth_cents=0)
    if total < 0:
        return
    parts = due(order, coupons)
    allowed = allowance(policy, order.lines, parts, tier=tier)
    worth = policy.worth(points)
    how = split(parts, allowed, coupons, worth_cents=worth, points=points)
    # The parts are the whole.
    assert parts.total == total
    assert sum(how.points) == points
    assert sum(part.worth_cents for part in how.parts) == worth
    assert sum(part.paid_cents for part in how.parts) == total - worth
    assert {one.code: one.cents for one in coupons if one.cents} == {code: sum((part.coupons or {}).get(code, 0) for part in how.parts) for code in how.coupons}
    assert min([part.paid_cents for part in how.parts] + [part.worth_cents for part in how.parts] + how.points) >= 0
    # Nobody pays with points what points may not pay.
    assert 0 <= allowed.worth_cents <= total
    if worth <= allowed.worth_cents:
        assert all(part.worth_cents == 0 for part, (share, _by) in zip(how.lines, allowed.lines, strict=True) if not share)
    # What was earned on is what was paid in money for goods.
    bought = with_split(paid(order, worth), how)
    assert sum(line.cents for line in basis(bought)) == bought.goods_cents
    if any(line.amount_cents > 0 for line in bought.lines):
        assert [line.cents for line in basis(bought)] == [part.paid_cents for part in how.lines]
    # Refunds.
    refunds = possible(bought, how, wanted)
    told = refunded(bought, how, refunds, spent=points)
    assert all(back >= 0 for _left, back in told)
    assert sum(back for _left, back in told) <= points
    assert sum(left.last_cents for left, _back in told) <= bought.paid_cents
    if told and told[-1][0].complete:
        assert sum(back for _left, back in told) == points
    # Turned around they come to the same.
    if not any(left.complete for left, _back in told[:-1]):
        again = refunded(bought, how, refunds[::-1], spent=points)
        assert sum(left.last_cents for left, _back in again) == sum(left.last_cents for left, _back in told)


@settings(max_examples=500)
@given(chance=st.randoms(use_true_random=True))
def test_lines_that_all_come_back_bring_back_all_they_were_paid_with_in_whatever_order(chance):
    policy, order, coupons, tier, points, _refunds = story(chance)
    if expected_paid(order, worth_cents=0) < 0 or not any(line.amount_cents > 0 for line in order.lines):
        return
    parts = due(order, coupons)
    how = split(parts, allowance(policy, order.lines, parts, tier=tier), coupons, worth_cents=policy.worth(points), points=points)
    bought = with_split(paid(order, policy.worth(points)), how)
    pieces = [(line.id, 1) if line.quantity else (line.id,) for line in bought.lines for _one in range(line.quantity or 1)]
    chance.shuffle(pieces)
    told = refunded(bought, how, [by_lines(piece) for piece in pieces], spent=points)
    assert sum(left.last_cents for left, _back in told) == bought.goods_cents
    assert sum(back for _left, back in told) == points


def test_the_rows_of_a_policy_are_kept_as_plain_values():
    assert as_json(Policy(bands=BANDS[:1], categories=[CategoryShare("A", 0)], tiers=[TierShare("gold")])) == {
        "bands": [{"from_cents": 10_000, "share_bps": 5_000}],
        "categories": [{"category": "A", "share_bps": 0}],
        "tiers": [{"tier": "gold", "share_bps": None, "factor_bps": 10_000}],
    }
