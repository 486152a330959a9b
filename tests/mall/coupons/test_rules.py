"""What coupons take off, as tables, and what holds for every cart."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.activity.rules import Line
from mall.coupons import rules
from mall.coupons.rules import Given, No, Off, Terms

SHANGHAI = ZoneInfo("Asia/Shanghai")


def cart(*amounts, categories=()):
    return [Line(str(n), "", categories[n - 1] if categories else "", "", 1, amount) for n, amount in enumerate(amounts, 1)]


def amount(cents, **more):
    return Terms("amount", amount_cents=cents, **more)


def percent(bps, **more):
    return Terms("percent", percent_bps=bps, **more)


SHIPPING = Terms("free_shipping")


@pytest.mark.parametrize(
    ("terms", "amounts", "shares"),
    [
        (amount(1000), (10_000,), (1000,)),
        (amount(1000), (700,), (700,)),
        (amount(100), (1, 1, 1), (1, 1, 1)),
        (amount(100), (500, 300, 200), (50, 30, 20)),
        (amount(100), (100, 100, 100), (34, 33, 33)),
        (amount(1000), (2000, 0), (1000, 0)),
        (amount(1000), (2000, -500), (1000, 0)),
        (amount(2000), (2000, -500), (1500, 0)),
        (percent(1500), (10_000,), (1500,)),
        (percent(1500), (333,), (49,)),
        (percent(1500, cap_cents=1000), (10_000,), (1000,)),
        (percent(1500, cap_cents=2000), (10_000,), (1500,)),
        (percent(10_000), (99, 1), (99, 1)),
        (percent(5000), (1, 2), (0, 1)),
    ],
)
def test_a_discount_is_split_over_the_lines_by_largest_remainder(terms, amounts, shares):
    assert rules.apply(terms, cart(*amounts), 0) == Off(shares, 0)


@pytest.mark.parametrize(
    ("threshold", "amounts", "missing"),
    [(10_000, (9_999,), 1), (10_000, (10_000,), None), (10_000, (5_000, 5_000), None), (10_000, (10_500, -501), 1), (1, (-500,), 1), (0, (1,), None)],
)
def test_the_threshold_is_met_exactly_or_says_what_is_missing(threshold, amounts, missing):
    found = rules.apply(amount(1, threshold_cents=threshold), cart(*amounts), 0)
    if missing is None:
        assert found.cents == 1
    else:
        assert found == No("coupon_threshold", {"threshold_cents": threshold, "missing_cents": missing})


@pytest.mark.parametrize(
    ("terms", "off"),
    [
        (amount(100, categories=("HOME",)), (100, 0)),
        (amount(100, categories=("HOME/KITCHEN",)), (100, 0)),
        (amount(100, categories=("HOM",)), None),
        (amount(100, excluded=("HOME",)), (0, 100)),
        (amount(100, categories=("HOME", "BOOKS"), excluded=("HOME/KITCHEN",)), (0, 100)),
        (amount(100, excluded=("HOME", "BOOKS")), None),
        (amount(100, categories=("HOME",), threshold_cents=1001), "coupon_threshold"),
    ],
)
def test_categories_stand_for_all_that_is_below_them(terms, off):
    found = rules.apply(terms, cart(1000, 2000, categories=("HOME/KITCHEN", "BOOKS")), 0)
    assert found == Off(off, 0) if isinstance(off, tuple) else found.why == (off or "coupon_no_line")


def test_free_shipping_takes_the_shipping_off_and_nothing_where_there_is_none():
    assert rules.apply(SHIPPING, cart(1000), 800) == Off((0,), 800)
    assert rules.apply(SHIPPING, cart(1000), 0) == No("coupon_nothing_off")


def test_free_shipping_for_a_category_asks_for_a_line_of_it():
    home_only = Terms("free_shipping", categories=("HOME",))
    assert rules.apply(home_only, cart(1000, categories=("BOOKS",)), 800) == No("coupon_no_line")
    assert rules.apply(home_only, cart(1000, 1, categories=("BOOKS", "HOME")), 800).cents == 800


def test_nothing_comes_off_a_cart_that_costs_nothing():
    assert rules.apply(amount(1000), cart(0), 0) == rules.apply(amount(1000), cart(), 0) == No("coupon_nothing_off")


def of(code, terms, template=""):
    return Given(code, template or code, terms)


FRIENDLY = {"with_coupons": True}


@pytest.mark.parametrize(
    ("given", "off", "refused"),
    [
        # Alone on the order: the one that takes off more.
        ([of("a", amount(100)), of("b", amount(200))], {"b": 200}, {"a": "coupon_not_with_others"}),
        ([of("a", amount(200)), of("b", amount(200))], {"a": 200}, {"b": "coupon_not_with_others"}),
        # Together, percentages first.
        ([of("a", amount(1000, **FRIENDLY)), of("b", percent(1000, **FRIENDLY))], {"b": 1000, "a": 1000}, {}),
        ([of("a", amount(1000, **FRIENDLY)), of("s", Terms("free_shipping", **FRIENDLY))], {"a": 1000, "s": 800}, {}),
        # One that goes alone against those that go together.
        ([of("x", amount(2500)), of("a", amount(1000, **FRIENDLY)), of("b", amount(1000, **FRIENDLY))], {"x": 2500},
         {"a": "coupon_not_with_others", "b": "coupon_not_with_others"}),
        ([of("x", amount(1500)), of("a", amount(1000, **FRIENDLY)), of("b", amount(1000, **FRIENDLY))], {"a": 1000, "b": 1000},
         {"x": "coupon_not_with_others"}),
        # As much by one as by two: one stays for another time.
        ([of("a", amount(1000, **FRIENDLY)), of("b", amount(1000, **FRIENDLY)), of("x", amount(2000))], {"x": 2000},
         {"a": "coupon_not_with_others", "b": "coupon_not_with_others"}),
        # One of a template.
        ([of("a", amount(1000, **FRIENDLY), "t"), of("b", amount(1000, **FRIENDLY), "t")], {"a": 1000}, {"b": "coupon_one_of_a_kind"}),
        # Named twice.
        ([of("a", amount(1000)), of("a", amount(1000))], {"a": 1000}, {}),
        # What finds nothing left is not used up.
        ([of("a", percent(10_000, **FRIENDLY)), of("b", amount(1000, **FRIENDLY))], {"a": 10_000}, {"b": "coupon_nothing_off"}),
        ([of("a", amount(1000, threshold_cents=20_000)), of("b", amount(100))], {"b": 100}, {"a": "coupon_threshold"}),
        ([], {}, {}),
        ([of("a", amount(1000, threshold_cents=20_000))], {}, {"a": "coupon_threshold"}),
    ],
)  # fmt: skip
def test_which_coupons_go_together(given, off, refused):
    found = rules.best(given, cart(10_000), 800)
    assert {one.code: what.cents for one, what in found.applied} == off
    assert {code: no.why for code, no in found.refused} == refused


def test_the_threshold_looks_at_the_cart_before_any_coupon():
    given = [of("a", amount(5000, **FRIENDLY)), of("b", amount(100, threshold_cents=10_000, **FRIENDLY))]
    assert rules.best(given, cart(10_000), 0).cents == 5100


def test_the_order_in_which_coupons_of_different_kinds_are_named_does_not_matter():
    a, b, c = of("a", amount(1000, **FRIENDLY)), of("b", percent(1000, **FRIENDLY)), of("c", Terms("free_shipping", **FRIENDLY))
    sums = {rules.best(order, cart(10_000, 500), 800).cents for order in ([a, b, c], [c, b, a], [b, a, c])}
    assert sums == {1050 + 1000 + 800}


CATEGORIES = ("", "HOME", "HOME/KITCHEN", "BOOKS")
cents = st.integers(0, 30_000)
lines = st.lists(st.builds(Line, id=st.uuids().map(str), category=st.sampled_from(CATEGORIES), amount_cents=st.integers(-3_000, 50_000)), max_size=6)
some_categories = st.lists(st.sampled_from(CATEGORIES[1:]), max_size=2).map(tuple)
common = {"threshold_cents": cents, "categories": some_categories, "excluded": some_categories, "with_coupons": st.booleans()}
terms = st.one_of(
    st.builds(Terms, kind=st.just("amount"), amount_cents=st.integers(1, 40_000), **common),
    st.builds(Terms, kind=st.just("percent"), percent_bps=st.integers(1, 10_000), cap_cents=st.none() | st.integers(1, 20_000), **common),
    st.builds(Terms, kind=st.just("free_shipping"), **common),
)
hands = st.lists(st.builds(Given, code=st.sampled_from("abcdefgh"), template=st.sampled_from("xyz"), terms=terms), max_size=6)


@given(hand=hands, lines=lines, shipping=st.integers(0, 2_000))
@settings(max_examples=1_000)
def test_whatever_the_cart_every_cent_of_the_discounts_is_accounted_for(hand, lines, shipping):
    found = rules.best(hand, lines, shipping)
    off = [sum(what.lines[i] for _one, what in found.applied) for i in range(len(lines))]
    assert found.cents == sum(off) + sum(what.shipping for _one, what in found.applied)
    for line, share in zip(lines, off, strict=True):
        assert 0 <= share <= max(0, line.amount_cents)
    assert sum(what.shipping for _one, what in found.applied) <= shipping
    total = sum(line.amount_cents for line in lines)
    assert total - sum(off) >= min(total, 0)
    for one, what in found.applied:
        assert what.cents > 0
        assert all(not share or one.terms.takes(line) for share, line in zip(what.lines, lines, strict=True))
        if one.terms.kind == "amount":
            assert what.cents <= one.terms.amount_cents
        if one.terms.cap_cents is not None:
            assert what.cents <= one.terms.cap_cents


@given(hand=hands, lines=lines, shipping=st.integers(0, 2_000))
@settings(max_examples=500)
def test_whatever_the_hand_each_coupon_is_used_or_refused_and_none_that_goes_alone_goes_with_another(hand, lines, shipping):
    found = rules.best(hand, lines, shipping)
    used, refused = [one.code for one, _what in found.applied], [code for code, _no in found.refused]
    assert sorted(used + refused) == sorted({one.code for one in hand})
    if len(used) > 1:
        assert all(one.terms.with_coupons for one, _what in found.applied)
        assert len({one.template for one, _what in found.applied}) == len(used)


@given(hand=hands, lines=lines, shipping=st.integers(0, 2_000))
@settings(max_examples=500)
def test_whatever_the_hand_no_coupon_alone_would_have_taken_off_more(hand, lines, shipping):
    first = {one.code: one for one in reversed(hand)}
    kinds = {}
    for one in hand:
        if first[one.code] is one and isinstance(rules.apply(one.terms, lines, shipping), Off):
            kinds.setdefault(one.template, one)
    alone = [rules.apply(one.terms, lines, shipping).cents for one in kinds.values() if not one.terms.with_coupons]
    assert rules.best(hand, lines, shipping).cents >= max(alone, default=0)


@pytest.mark.parametrize(
    ("said", "starts", "expires"),
    [
        ({"days": 1}, None, "2026-03-03"),
        ({"days": 30}, None, "2026-04-01"),
        ({"ends_on": date(2026, 3, 5)}, None, "2026-03-06"),
        ({"days": 30, "ends_on": date(2026, 3, 5)}, None, "2026-03-06"),
        ({"days": 2, "ends_on": date(2026, 3, 5)}, None, "2026-03-04"),
        ({"days": 2, "starts_on": date(2026, 3, 10)}, "2026-03-10", "2026-03-13"),
        ({"starts_on": date(2026, 2, 1), "ends_on": date(2026, 3, 1)}, None, "2026-03-02"),
        ({"ends_on": date(2026, 2, 28)}, None, None),
    ],
)
def test_a_coupon_is_good_through_the_end_of_its_last_day_in_the_programmes_zone(said, starts, expires):
    """Issued on 1 March 2026, shortly before midnight in Shanghai."""
    issued = datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC)
    good = rules.validity(issued, **{"days": None, "starts_on": None, "ends_on": None, **said}, zone=SHANGHAI)
    if expires is None:
        assert good is None
    else:
        assert (good.starts_at, good.expires_at) == (starts and local(starts), local(expires))


def local(day):
    return datetime.fromisoformat(day).replace(tzinfo=SHANGHAI).astimezone(UTC)


def test_terms_are_kept_and_read_back_as_they_were():
    kept = percent(1500, cap_cents=2000, categories=("HOME",), excluded=("BOOKS",))
    assert Terms.from_json(kept.as_json()) == kept


def test_codes_are_of_twelve_signs_that_are_not_mistaken_and_differ():
    codes = {rules.code(n.to_bytes(16)) for n in range(2_000)}
    assert len(codes) == 2_000
    assert {len(code) for code in codes} == {12}
    assert not set("".join(codes)) & set("01OILU")
