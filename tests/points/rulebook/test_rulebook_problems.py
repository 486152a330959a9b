"""What keeps a rule from being published: each fault at its field, and the nearest rule without it, which is good."""

from dataclasses import replace
from datetime import date

import pytest
from django.utils.translation import override

from points.rulebook import rules, selectors
from points.rulebook.rules import CERTAIN, ONE, Band, Conditions, Definition, Effect, Known, Limit, Release, problems

KNOWN = Known(
    kinds={
        "checked_in": [{"name": "streak", "type": "number"}],
        "reviewed": [{"name": "purchase", "type": "text"}, {"name": "pictures", "type": "number"}, {"name": "good", "type": "flag"}],
        "referral_completed": [{"name": "amount_cents", "type": "number"}],
        "product_viewed": [{"name": name, "type": "text"} for name in ("sku", "brand", "category", "channel")],
    },
    tiers={"gold"},
    segments={"staff", "vip"},
    festivals={"singles"},
    things={"card": {"double"}, "badge": {"star"}},
)
BASE = Definition(effect=Effect("fixed", points=10))
DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE))
RATE = Definition(effect=Effect("per_unit", rate=ONE))


def faults(said: Definition, fact: str = "purchase", **others: Definition) -> list[tuple[str, str]]:
    return [(one.place, one.code) for one in problems(said, fact=fact, known=KNOWN, others=others)]


def on(**conditions) -> Definition:
    return replace(BASE, conditions=Conditions(**conditions))


def giving(kind: str, **effect) -> Definition:
    return Definition(effect=Effect(kind, **effect))


def bands(*given: Band, measure: str = "amount") -> Definition:
    return giving("bands", measure=measure, bands=given)


def limited(*limits: Limit, said: Definition = BASE) -> Definition:
    return replace(said, limits=limits)


DAY = date(2026, 11, 11)
CONDITIONS = [
    # what is conditioned, of which fact, the fault (none: good)
    ({"categories": ("HOME/KITCHEN",)}, "purchase", None),
    ({"categories": ("HOME/",)}, "purchase", "conditions.categories category_malformed"),
    ({"categories": ("/HOME",)}, "purchase", "conditions.categories category_malformed"),
    ({"categories": ("HOME",), "brands": ("B",), "skus": ("1",), "channels": ("app",)}, "product_viewed", None),
    ({"categories": ("HOME",)}, "checked_in", "conditions.categories field_missing"),
    ({"brands": ("B",)}, "checked_in", "conditions.brands field_missing"),
    ({"skus": ("1",)}, "checked_in", "conditions.skus field_missing"),
    ({"channels": ("app",)}, "checked_in", "conditions.channels field_missing"),
    ({"tiers": ("gold",)}, "checked_in", None),
    ({"tiers": ("gold", "iron")}, "purchase", "conditions.tiers tier_unknown"),
    ({"segments": ("vip",)}, "purchase", None),
    ({"segments": ("vpi",)}, "purchase", "conditions.segments segment_unknown"),
    ({"festival": "singles"}, "purchase", None),
    ({"festival": "easter"}, "purchase", "conditions.festival festival_unknown"),
    ({"card": "double"}, "purchase", None),
    ({"card": "triple"}, "purchase", "conditions.card card_unknown"),
    ({"min_cents": 0, "max_cents": 0}, "purchase", None),
    ({"min_cents": 100, "max_cents": 100}, "referral_completed", None),
    ({"min_cents": 101, "max_cents": 100}, "purchase", "conditions.max_cents amounts_contradict"),
    ({"min_cents": -1}, "purchase", "conditions.min_cents negative"),
    ({"max_cents": -1}, "purchase", "conditions.max_cents negative"),
    ({"min_cents": 10**12}, "purchase", None),
    ({"min_cents": 10**12 + 1}, "purchase", "conditions.min_cents too_large"),
    ({"max_cents": 10**12 + 1}, "purchase", "conditions.max_cents too_large"),
    ({"min_cents": 1}, "checked_in", "conditions.min_cents no_amount"),
    ({"max_cents": 1}, "reviewed", "conditions.max_cents no_amount"),
    ({"nth_purchase": (1, 2)}, "purchase", None),
    ({"nth_purchase": (0,)}, "purchase", "conditions.nth_purchase nth_below_one"),
    ({"nth_purchase": (2,)}, "referral_completed", "conditions.nth_purchase only_purchases"),
    ({"again_days": 0}, "purchase", None),
    ({"again_days": -1}, "purchase", "conditions.again_days negative"),
    ({"again_days": 3650}, "purchase", None),
    ({"again_days": 3651}, "purchase", "conditions.again_days too_large"),
    ({"again_days": 30, "again_scope": "category"}, "reviewed", "conditions.again_days only_purchases"),
    ({"again_scope": "brand"}, "purchase", "conditions.again_scope choice_unknown"),
    ({"new_member_days": 0}, "checked_in", None),
    ({"new_member_days": -1}, "checked_in", "conditions.new_member_days negative"),
    ({"new_member_days": 3651}, "checked_in", "conditions.new_member_days too_large"),
    ({"weekdays": (1, 7)}, "purchase", None),
    ({"weekdays": (0,)}, "purchase", "conditions.weekdays weekday_unknown"),
    ({"weekdays": (8,)}, "purchase", "conditions.weekdays weekday_unknown"),
    ({"hour_from": 8, "hour_until": 9}, "purchase", None),
    ({"hour_from": 22, "hour_until": 6}, "purchase", None),
    ({"hour_from": 22, "hour_until": 0}, "purchase", None),
    ({"hour_from": 23, "hour_until": 24}, "purchase", None),
    ({"hour_from": 8, "hour_until": 8}, "purchase", "conditions.hour_until hours_empty"),
    ({"hour_until": 0}, "purchase", "conditions.hour_until hours_empty"),
    ({"hour_from": 24, "hour_until": 1}, "purchase", "conditions.hour_from hour_unknown"),
    ({"hour_from": -1}, "purchase", "conditions.hour_from hour_unknown"),
    ({"hour_until": 25}, "purchase", "conditions.hour_until hour_unknown"),
    ({"date_from": DAY, "date_until": DAY}, "purchase", None),
    ({"date_from": DAY, "date_until": date(2026, 11, 10)}, "purchase", "conditions.date_until dates_contradict"),
    ({"birthday": "week"}, "purchase", "conditions.birthday choice_unknown"),
    ({"expression": "amount_cents > 100 && 'HOME' in categories"}, "purchase", None),
    ({"expression": "data.pictures >= 1 && data.good"}, "reviewed", None),
    ({"expression": "data.pictures >= 1"}, "purchase", "conditions.expression expression_wrong_at"),
    ({"expression": "amount_cents > 'a'"}, "purchase", "conditions.expression expression_wrong_at"),
    ({"expression": "amount_cents"}, "purchase", "conditions.expression expression_wrong"),
    ({"expression": "amount_cents >"}, "purchase", "conditions.expression expression_wrong_at"),
    ({"expression": "true" + " " * 997}, "purchase", "conditions.expression expression_wrong"),
]


@pytest.mark.parametrize(("conditions", "fact", "fault"), CONDITIONS)
def test_conditions_that_nothing_could_meet_are_named_at_their_field(conditions, fact, fault):
    assert faults(on(**conditions), fact) == ([tuple(fault.split())] if fault else [])


def test_a_rule_about_facts_that_do_not_exist_is_not_looked_at_any_further():
    assert faults(on(weekdays=(9,)), "danced") == [("fact", "fact_unknown")]


MOST = rules.MOST_POINTS
EFFECTS = [
    (giving("fixed", points=1), "purchase", None),
    (giving("fixed", points=MOST), "purchase", None),
    (giving("fixed", points=MOST + 1), "purchase", "effect.points too_large"),
    (giving("fixed"), "purchase", "effect.points not_positive"),
    (giving("fixed", points=-1), "purchase", "effect.points not_positive"),
    (giving("gift", points=1), "purchase", "effect.kind choice_unknown"),
    (giving("per_unit", rate=ONE, by_category={"HOME": 0}), "purchase", None),
    (giving("per_unit"), "purchase", None),
    (giving("per_unit", rate=9999 * ONE), "purchase", None),
    (giving("per_unit", rate=9999 * ONE + 1), "purchase", "effect.rate rate_out_of_range"),
    (giving("per_unit", rate=-1), "purchase", "effect.rate rate_out_of_range"),
    (giving("per_unit", rate=1, by_category={"A": 1, "B": -1}), "purchase", "effect.by_category.1.rate rate_out_of_range"),
    (giving("per_unit", rate=1, by_category={"A/": 1}), "purchase", "effect.by_category.0.category category_malformed"),
    (giving("per_unit", rate=1), "checked_in", "effect.kind only_purchases"),
    (bands(Band(0, 100, points=1), Band(100, None, rate=ONE)), "purchase", None),
    (bands(Band(0, 100, points=1), Band(100, 200, points=2)), "purchase", None),
    (bands(Band(0, None, points=1)), "referral_completed", None),
    (bands(Band(1, 2, points=30), measure="pictures"), "reviewed", None),
    (bands(), "purchase", "effect.bands bands_missing"),
    (bands(Band(100, 101, points=1)), "purchase", None),
    (bands(Band(100, 100, points=1)), "purchase", "effect.bands.0.end band_empty"),
    (bands(Band(101, 100, points=1)), "purchase", "effect.bands.0.end band_empty"),
    (bands(Band(-1, 100, points=1)), "purchase", "effect.bands.0.start negative"),
    (bands(Band(0, 10**12, points=1)), "purchase", None),
    (bands(Band(0, 10**12 + 1, points=1)), "purchase", "effect.bands.0.end too_large"),
    (bands(Band(10**12 + 1, None, points=1)), "purchase", "effect.bands.0.start too_large"),
    (bands(Band(0, 100, points=1), Band(99, 200, points=2)), "purchase", "effect.bands.1.start bands_overlap"),
    (bands(Band(0, 100, points=1), Band(101, 200, points=2)), "purchase", "effect.bands.1.start bands_gap"),
    (bands(Band(100, 200, points=1), Band(0, 100, points=2)), "purchase", "effect.bands.1.start bands_overlap"),
    (bands(Band(0, None, points=1), Band(100, None, points=2)), "purchase", "effect.bands.1.start bands_overlap"),
    (bands(Band(0, None)), "purchase", "effect.bands.0.points band_gives_nothing"),
    (bands(Band(0, None, points=-1)), "purchase", "effect.bands.0.points negative"),
    (bands(Band(0, None, points=MOST + 1)), "purchase", "effect.bands.0.points too_large"),
    (bands(Band(0, None, points=1, rate=-1)), "purchase", "effect.bands.0.rate rate_out_of_range"),
    (bands(Band(0, None, rate=1)), "referral_completed", "effect.bands.0.rate only_purchases"),
    (bands(Band(0, None, points=1), measure=""), "purchase", "effect.measure measure_missing"),
    (bands(Band(0, None, points=1)), "reviewed", "effect.measure no_amount"),
    (bands(Band(0, None, points=1), measure="grade"), "reviewed", "effect.measure measure_unknown"),
    (bands(Band(0, None, points=1), measure="purchase"), "reviewed", "effect.measure measure_no_number"),
    (bands(Band(0, None, points=1), measure="streak"), "purchase", "effect.measure measure_unknown"),
    (giving("ladder", measure="streak", ladder=(0, 1)), "checked_in", None),
    (giving("ladder", measure="streak"), "checked_in", "effect.ladder ladder_missing"),
    (giving("ladder", measure="streak", ladder=(1, -1)), "checked_in", "effect.ladder negative"),
    (giving("ladder", measure="streak", ladder=(0, 0)), "checked_in", "effect.ladder gives_nothing"),
    (giving("ladder", measure="streak", ladder=(MOST + 1,)), "checked_in", "effect.ladder too_large"),
    (giving("ladder", ladder=(1,)), "checked_in", "effect.measure measure_missing"),
    (giving("ladder", measure="amount", ladder=(1,)), "purchase", "effect.measure measure_unknown"),
    (giving("stated", measure="pictures", minimum=5, maximum=5), "reviewed", None),
    (giving("stated", measure="pictures"), "reviewed", None),
    (giving("stated", minimum=5, maximum=9), "reviewed", "effect.measure measure_missing"),
    (giving("stated", measure="good"), "reviewed", "effect.measure measure_no_number"),
    (giving("stated", measure="pictures", minimum=5, maximum=4), "reviewed", "effect.maximum bounds_contradict"),
    (giving("stated", measure="pictures", minimum=-1), "reviewed", "effect.minimum negative"),
    (giving("stated", measure="pictures", maximum=0), "reviewed", "effect.maximum gives_nothing"),
    (giving("random", minimum=0, maximum=1), "purchase", None),
    (giving("random", minimum=1), "purchase", None),
    (giving("random", minimum=0), "purchase", "effect.maximum gives_nothing"),
    (giving("random", minimum=3, maximum=2), "purchase", "effect.maximum bounds_contradict"),
    (giving("random", minimum=1, maximum=MOST + 1), "purchase", "effect.maximum too_large"),
    (giving("random", minimum=1, chance=1), "purchase", None),
    (giving("random", minimum=1, chance=0), "purchase", "effect.chance chance_out_of_range"),
    (giving("random", minimum=1, chance=CERTAIN), "purchase", None),
    (giving("random", minimum=1, chance=CERTAIN + 1), "purchase", "effect.chance chance_out_of_range"),
    (giving("multiplier", factor=1), "purchase", None),
    (giving("multiplier", factor=0), "purchase", "effect.factor factor_out_of_range"),
    (giving("multiplier", factor=100 * ONE), "checked_in", None),
    (giving("multiplier", factor=100 * ONE + 1), "purchase", "effect.factor factor_out_of_range"),
    (giving("tier_multiplier"), "purchase", None),
    (giving("tier_birthday_multiplier"), "purchase", "conditions.birthday birthday_missing"),
    (replace(giving("tier_birthday_multiplier"), conditions=Conditions(birthday="month")), "purchase", None),
    (giving("card", item="double"), "purchase", None),
    (giving("card", item="triple"), "purchase", "effect.item item_unknown"),
    (giving("badge", item="moon"), "purchase", "effect.item item_unknown"),
    (giving("coupon", item="ten-off", count=1), "checked_in", None),
    (giving("coupon", item="ten-off", count=100), "checked_in", None),
    (giving("coupon", item="ten-off", count=101), "checked_in", "effect.count too_large"),
    (giving("coupon", item="ten-off", count=0), "checked_in", "effect.count not_positive"),
    (giving("coupon"), "purchase", "effect.item item_missing"),
    (giving("coupon", item="x" * 61), "purchase", "effect.item too_long"),
]


@pytest.mark.parametrize(("said", "fact", "fault"), EFFECTS)
def test_effects_that_could_not_work_are_named_at_their_field(said, fact, fault):
    assert faults(said, fact) == ([tuple(fault.split())] if fault else [])


BEST = {"group": "promotion", "combine": "best"}
GROUPS = [
    (replace(DOUBLE, **BEST), {}, None),
    (replace(DOUBLE, **BEST), {"Other": replace(DOUBLE, **BEST)}, None),
    (replace(BASE, **BEST), {}, None),
    (replace(DOUBLE, group="promotion"), {}, "combine combine_missing"),
    (replace(DOUBLE, combine="best"), {}, "group group_missing"),
    (replace(DOUBLE, group="promotion", combine="sum"), {}, "combine choice_unknown"),
    (replace(DOUBLE, group="x" * 60, combine="best"), {}, None),
    (replace(DOUBLE, group="x" * 61, combine="best"), {}, "group too_long"),
    (replace(DOUBLE, group="promotion", combine="product"), {}, None),
    (replace(BASE, group="promotion", combine="product"), {}, "combine product_of_points"),
    (replace(giving("coupon", item="x"), **BEST), {}, "group things_do_not_compete"),
    (replace(DOUBLE, **BEST), {"Other": replace(DOUBLE, group="promotion", combine="first")}, "combine combine_differs"),
    (replace(DOUBLE, **BEST), {"Other": replace(BASE, **BEST)}, "group group_mixed"),
    (replace(BASE, **BEST), {"Other": replace(giving("tier_multiplier"), **BEST)}, "group group_mixed"),
]


@pytest.mark.parametrize(("said", "others", "fault"), GROUPS)
def test_rules_of_a_group_agree(said, others, fault):
    assert faults(said, **others) == ([tuple(fault.split())] if fault else [])


LADDER = giving("ladder", measure="streak", ladder=(10, 50, 20))
LIMITS = [
    (limited(Limit("day", points=10)), "purchase", None),
    (limited(Limit("day", points=9)), "purchase", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=9, by="rule")), "purchase", "limits.0.points limit_below_grant"),
    (limited(Limit("day", times=1), Limit("day", times=5, by="rule"), Limit("week", points=10)), "purchase", None),
    (limited(Limit("day", times=1), Limit("week", times=2), Limit("day", points=10)), "purchase", "limits.2.per limit_twice"),
    (limited(Limit("day")), "purchase", "limits.0.points limit_missing"),
    (limited(Limit("day", points=0)), "purchase", "limits.0.points not_positive"),
    (limited(Limit("day", times=0)), "purchase", "limits.0.times not_positive"),
    (limited(Limit("life", points=10**12, times=10**9)), "purchase", None),
    (limited(Limit("life", points=10**12 + 1)), "purchase", "limits.0.points too_large"),
    (limited(Limit("life", times=10**9 + 1)), "purchase", "limits.0.times too_large"),
    (limited(Limit("fact", times=1)), "purchase", "limits.0.times limit_always_kept"),
    (limited(Limit("fact", points=10)), "purchase", None),
    (limited(Limit("year", points=10)), "purchase", "limits.0.per choice_unknown"),
    (limited(Limit("day", points=50), said=LADDER), "checked_in", None),
    (limited(Limit("day", points=49), said=LADDER), "checked_in", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=7), said=giving("random", minimum=1, maximum=7)), "purchase", None),
    (limited(Limit("day", points=6), said=giving("random", minimum=1, maximum=7)), "purchase", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=6), said=giving("random", minimum=7)), "purchase", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=5), said=giving("stated", measure="streak", minimum=1, maximum=5)), "checked_in", None),
    (limited(Limit("day", points=4), said=giving("stated", measure="streak", minimum=1, maximum=5)), "checked_in", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=2), said=bands(Band(0, 9, points=1), Band(9, None, points=2))), "purchase", None),
    (limited(Limit("day", points=1), said=bands(Band(0, 9, points=1), Band(9, None, points=2))), "purchase", "limits.0.points limit_below_grant"),
    (limited(Limit("day", points=1), said=RATE), "purchase", None),
    (limited(Limit("day", points=1), said=DOUBLE), "purchase", None),
    (limited(Limit("day", times=1), said=giving("badge", item="star")), "purchase", None),
    (limited(Limit("day", points=1), said=giving("badge", item="star")), "purchase", "limits.0.points limit_without_points"),
]


@pytest.mark.parametrize(("said", "fact", "fault"), LIMITS)
def test_limits_that_contradict_the_rule_are_named_at_their_row(said, fact, fault):
    assert faults(said, fact) == ([tuple(fault.split())] if fault else [])


EXPIRIES = ("months:1", "days:36500", "calendar_year:0", "fiscal_year:1:4", "never", "days:1@Asia/Tokyo")
NO_EXPIRIES = ("soon", "months", "months:x", "months:-1", "fiscal_year:1:13", "days:1@Moon")
TERMS = [
    (replace(RATE, margin_percent=1), "purchase", None),
    (replace(RATE, margin_percent=100), "purchase", None),
    (replace(DOUBLE, margin_percent=50), "purchase", None),
    (replace(RATE, margin_percent=0), "purchase", "margin_percent percent_out_of_range"),
    (replace(RATE, margin_percent=101), "purchase", "margin_percent percent_out_of_range"),
    (replace(BASE, margin_percent=50), "purchase", "margin_percent margin_without_lines"),
    (replace(BASE, margin_percent=50), "checked_in", "margin_percent only_purchases"),
    *(
        (replace(BASE, expiry=good), "purchase", None)
        for good in ("months:1", "days:36500", "calendar_year:0", "fiscal_year:1:4", "never", "days:1@Asia/Tokyo")
    ),
    *(
        (replace(BASE, expiry=bad), "purchase", "expiry expiry_unknown")
        for bad in ("soon", "months", "months:x", "months:-1", "fiscal_year:1:13", "days:1@Moon")
    ),
    (replace(BASE, expiry="days:0"), "purchase", "expiry expiry_at_once"),
    (replace(BASE, expiry="days:36501"), "purchase", "expiry expiry_too_long"),
    (replace(BASE, expiry="months:1200"), "purchase", None),
    (replace(BASE, expiry="months:1201"), "purchase", "expiry expiry_too_long"),
    *((replace(BASE, pending=good), "purchase", None) for good in ("none", "days:1", "days:3650", "delivered")),
    *((replace(BASE, pending=bad), "purchase", "pending pending_unknown") for bad in ("days:0", "days:3651", "days:", "weeks:1", "later")),
    (replace(BASE, pending="days:7"), "checked_in", None),
    (replace(BASE, pending="delivered"), "checked_in", "pending only_purchases"),
    (replace(BASE, claim_days=365), "purchase", None),
    (replace(BASE, claim_days=366), "purchase", "claim_days claim_days_out_of_range"),
    (replace(BASE, claim_days=-1), "purchase", "claim_days claim_days_out_of_range"),
    (replace(BASE, release=Release("staff")), "purchase", None),
    (replace(BASE, release=Release("segment", segment="vip")), "purchase", None),
    (replace(BASE, release=Release("segment")), "purchase", "release.segment segment_missing"),
    (replace(BASE, release=Release("segment", segment="gone")), "purchase", "release.segment segment_unknown"),
    (replace(BASE, release=Release("percent", percent=1)), "purchase", None),
    (replace(BASE, release=Release("percent", percent=0)), "purchase", "release.percent percent_out_of_range"),
    (replace(BASE, release=Release("percent", percent=101)), "purchase", "release.percent percent_out_of_range"),
    (replace(BASE, release=Release("friends")), "purchase", "release.to choice_unknown"),
    (replace(BASE, cost_centre="x" * 50, campaign="x" * 100), "purchase", None),
    (replace(BASE, cost_centre="x" * 51), "purchase", "cost_centre too_long"),
    (replace(BASE, campaign="x" * 101), "purchase", "campaign too_long"),
]


@pytest.mark.parametrize(("said", "fact", "fault"), TERMS)
def test_terms_that_could_not_be_kept_are_named_at_their_field(said, fact, fault):
    assert faults(said, fact) == ([tuple(fault.split())] if fault else [])


def test_what_is_wrong_is_told_all_at_once_in_the_order_of_the_form():
    said = replace(on(weekdays=(9,)), effect=Effect("fixed"), limits=(Limit("day"),), claim_days=-1)
    assert [place for place, _code in faults(said)] == ["conditions.weekdays", "effect.points", "limits.0.points", "claim_days"]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_fault_has_a_sentence_with_its_figures_and_no_sentence_is_idle(language):
    cases = [(on(**conditions), fact, {}) for conditions, fact, _fault in CONDITIONS]
    cases += [(said, fact, {}) for said, fact, _fault in (*EFFECTS, *LIMITS, *TERMS)] + [(said, "purchase", others) for said, others, _fault in GROUPS]
    cases.append((BASE, "danced", {}))
    found = [problem for said, fact, others in cases for problem in problems(said, fact=fact, known=KNOWN, others=others)]
    with override(language):
        said = {problem.code: selectors.sentence(problem) for problem in found}
    assert said.keys() == selectors.SENTENCES.keys()
    assert not [text for text in said.values() if "%(" in text or "%%" in text]
