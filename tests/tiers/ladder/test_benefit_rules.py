"""What a benefit may be, and how people write it: tables."""

from dataclasses import replace

import pytest

from tiers.ladder import rules
from tiers.ladder.models import TierBenefit
from tiers.ladder.rules import Band, Benefit

GIFT = Benefit("birthday_gift", 100, bands=(Band(3, 200), Band(6, 300)))


def test_every_kind_that_is_decided_about_can_be_kept():
    assert set(TierBenefit.Kind.values) == set(rules.BENEFITS)


@pytest.mark.parametrize(("orders", "points"), [(0, 100), (2, 100), (3, 200), (5, 200), (6, 300), (1000, 300)])
def test_a_gift_grows_with_the_orders_of_twelve_months(orders, points):
    assert GIFT.value_for(orders) == points


@pytest.mark.parametrize(
    ("benefit", "found"),
    [
        (GIFT, []),
        (Benefit("birthday_gift", 0), ["value out_of_range"]),
        (Benefit("birthday_gift", 1), []),
        (Benefit("birthday_gift", 10**9), []),
        (Benefit("birthday_gift", 10**9 + 1), ["value out_of_range"]),
        (Benefit("birthday_multiplier", 9_999), ["value out_of_range"]),
        (Benefit("birthday_multiplier", 10_000), []),
        (Benefit("birthday_multiplier", 1_000_001), ["value out_of_range"]),
        (Benefit("redemption_discount", 10_000), []),
        (Benefit("redemption_discount", 10_001), ["value out_of_range"]),
        (Benefit("free_shipping"), []),
        (Benefit("free_shipping", bands=(Band(3, 1),)), ["bands bands_without_number"]),
        (Benefit("level_up_coupon"), ["value item_missing"]),
        (Benefit("level_up_coupon", item="welcome"), []),
        (Benefit("level_up_coupon", item="x" * 61), ["value item_missing"]),
        (Benefit("level_up_gift", 5, bands=(Band(3, 6),)), ["bands bands_not_for_this"]),
        (Benefit("flying"), ["kind kind_unknown"]),
        (replace(GIFT, bands=(Band(3, 200), Band(3, 300))), ["bands bands_do_not_grow"]),
        (replace(GIFT, bands=(Band(3, 200), Band(6, 200))), ["bands bands_do_not_grow"]),
        (replace(GIFT, bands=(Band(3, 100),)), ["bands bands_do_not_grow"]),
        (replace(GIFT, bands=(Band(0, 200),)), ["bands orders_out_of_range"]),
        (replace(GIFT, bands=(Band(1001, 200),)), ["bands orders_out_of_range"]),
        (replace(GIFT, bands=tuple(Band(n, 100 + n) for n in range(1, 12))), ["bands orders_out_of_range"]),
        (replace(GIFT, bands=(Band(3, 10**9 + 1),)), ["bands out_of_range"]),
    ],
)
def test_what_is_wrong_is_said_at_its_field(benefit, found):
    assert [f"{fault.field} {fault.code}" for fault in rules.faults(benefit)] == found


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("factor", "2", 20_000),
        ("factor", "1.25 ×", 12_500),
        ("factor", "1.00001", None),
        ("percent", "5", 500),
        ("percent", "7.5%", 750),
        ("percent", "7.505", None),
        ("points", "1,000", 1000),
        ("points", "1.5", None),
        ("points", "-1", None),
        ("points", "１００", None),
        ("points", "", None),
        ("minutes", "60", 60),
    ],
)
def test_values_are_read_as_people_write_them(unit, text, value):
    assert rules.read(unit, text) == value
    if value is not None:
        assert rules.read(unit, rules.shown(unit, value)) == value


@pytest.mark.parametrize(
    ("text", "bands"),
    [
        ("", []),
        ("3: 200, 6: 300", [Band(3, 200), Band(6, 300)]),
        ("3：200，6：300", [Band(3, 200), Band(6, 300)]),
        ("3:200; 6:1,300", [Band(3, 200), Band(6, 1300)]),
        ("3: 1,200, 6: 1,300", [Band(3, 1200), Band(6, 1300)]),
        ("3", None),
        ("three: 200", None),
        ("3: many", None),
    ],
)
def test_bands_are_read_as_people_write_them(text, bands):
    assert rules.read_bands("points", text) == bands
    if bands:
        assert rules.read_bands("points", rules.bands_shown("points", bands)) == bands
