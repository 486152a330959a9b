"""Who would move under a plan, and what is drawn of it."""

import json
from dataclasses import replace

import pytest

from tiers.evaluation.rules import Policy
from tiers.ladder.rules import Step
from tiers.ladder_plans import rules
from tiers.ladder_plans.rules import Cell, Rules, Seen, Tally

LADDER = (Step("bronze", 10), Step("silver", 20, threshold=1_000), Step("gold", 30, threshold=5_000), Step("black", 40, invited_only=True))
TODAY = Rules(LADDER, Policy())


def plan(policy=None, **thresholds):
    return Rules(rules.with_thresholds(LADDER, thresholds), policy or Policy())


DEARER = plan(silver=2_000, gold=8_000)
STEPWISE = replace(DEARER, policy=Policy(at_end="one_step"))


def seen(figure, code=None, **more):
    return Seen("m", code, now=figure, then=figure, **more)


@pytest.mark.parametrize(
    ("member", "by", "moved"),
    [
        (seen(0), DEARER, ("stays", "bronze", "bronze", False)),
        (seen(1_999), DEARER, ("stays", "bronze", "bronze", False)),
        (seen(2_000), DEARER, ("up", "bronze", "silver", False)),
        (seen(8_000), DEARER, ("up", "bronze", "gold", False)),
        (seen(1_999, "silver"), DEARER, ("down", "silver", "bronze", False)),
        (seen(2_000, "silver"), DEARER, ("stays", "silver", "silver", False)),
        (seen(7_999, "silver"), DEARER, ("stays", "silver", "silver", False)),
        (seen(8_000, "silver"), DEARER, ("up", "silver", "gold", False)),
        (seen(7_999, "gold"), DEARER, ("down", "gold", "silver", False)),
        (seen(1_500, "gold"), DEARER, ("down", "gold", "bronze", True)),
        (seen(1_500, "gold"), STEPWISE, ("down", "gold", "silver", True)),
        (seen(7_999, "gold"), STEPWISE, ("down", "gold", "silver", False)),
        (seen(999, "silver"), DEARER, ("down", "silver", "bronze", True)),
        (seen(999, "silver"), TODAY, ("down", "silver", "bronze", True)),
        (seen(1_000, "silver"), TODAY, ("stays", "silver", "silver", False)),
    ],
)
def test_figures_lead_up_at_once_and_down_at_the_end_of_the_term(member, by, moved):
    assert rules.move(member, TODAY, by) == moved


@pytest.mark.parametrize(
    ("member", "moved"),
    [
        (seen(0, "gold", held=True), ("held", "gold", "bronze", False)),
        (seen(5_000, "gold", held=True), ("held", "gold", "silver", False)),
        (seen(8_000, "gold", held=True), ("stays", "gold", "gold", False)),
        (seen(8_000, "silver", held=True), ("up", "silver", "gold", False)),
        (seen(0, "gold", floor="silver"), ("down", "gold", "silver", True)),
        (seen(0, "silver", floor="silver"), ("stays", "silver", "silver", False)),
        (seen(0, "black", held=True), ("held", "black", "bronze", False)),
        (seen(8_000, "black"), ("down", "black", "gold", True)),
        (seen(99_000, "black"), ("down", "black", "gold", True)),
    ],
    ids=[
        "by hand, far below",
        "by hand, below",
        "by hand, as high",
        "by hand, above",
        "no lower than by hand",
        "by hand below it",
        "invited for good",
        "invited for a term",
        "no figure leads to an invitation",
    ],
)
def test_who_was_put_somewhere_by_hand_is_held_there_and_no_figure_leads_to_invited_tiers(member, moved):
    assert rules.move(member, TODAY, DEARER) == moved


def test_what_counts_today_and_under_the_plan_are_two_figures():
    by_spend = Rules(LADDER, Policy(mode="spend"))
    assert rules.move(Seen("m", "silver", now=900, then=5_000), TODAY, by_spend) == ("up", "silver", "gold", False)
    assert rules.move(Seen("m", "silver", now=1_000, then=0), TODAY, by_spend) == ("down", "silver", "bronze", False)


def test_where_a_tier_is_not_in_use_the_one_that_counts_is_told():
    ladder = tuple(replace(step, active=step.code != "gold") for step in LADDER)
    today = Rules(ladder, Policy())
    assert rules.move(seen(6_000, "gold"), today, today) == ("stays", "silver", "silver", False)
    assert rules.move(seen(0, "gold"), today, today) == ("down", "silver", "bronze", True)


def test_without_tiers_nobody_moves():
    assert rules.move(seen(100), Rules((), Policy()), Rules((), Policy())) == ("stays", "", "", False)


@pytest.mark.parametrize(
    ("thresholds", "mode", "faults"),
    [
        ({}, "growth", {}),
        ({"silver": 1, "gold": 2}, "growth", {}),
        ({"silver": 5_000}, "growth", {"gold": ("not_rising", {"below": "silver", "least": 5_001})}),
        ({"gold": 1_000}, "growth", {"gold": ("not_rising", {"below": "silver", "least": 1_001})}),
        ({"gold": 1_001}, "growth", {}),
        ({"silver": 0, "gold": 1}, "growth", {}),
        ({"silver": -1}, "growth", {"silver": ("negative", {})}),
        ({"gold": 10**12}, "spend", {}),
        ({"gold": 10**12 + 1}, "spend", {"gold": ("too_large", {"most": 10**12})}),
        ({"gold": 10_000}, "two_dimensions", {}),
        ({"gold": 10_001}, "two_dimensions", {"gold": ("too_large", {"most": 10_000})}),
        ({"silver": 300, "gold": 500}, "rfm_ltv", {}),
        ({"silver": 300, "gold": 501}, "rfm_ltv", {"gold": ("too_large", {"most": 500})}),
        ({"bronze": 7, "black": 7}, "growth", {}),
    ],
)
def test_thresholds_rise_with_the_ladder_and_stay_within_what_a_figure_can_be(thresholds, mode, faults):
    assert rules.faults(LADDER, thresholds, mode) == faults


def test_a_plan_says_nothing_of_the_lowest_tier_nor_of_invited_ones_nor_of_those_out_of_use():
    assert [step.code for step in rules.settable(LADDER)] == ["silver", "gold"]
    assert [step.code for step in rules.settable((replace(LADDER[0], active=False), *LADDER[1:]))] == ["gold"]
    assert rules.settable(()) == []


MEMBERS = [
    *[Seen(f"u{n}", None, now=0, then=2_000, spent_cents=100) for n in range(7)],
    Seen("top", "silver", now=9_000, then=9_000, spent_cents=50_000),
    *[Seen(f"d{n}", "gold", now=1_500 + 4_000 * n, then=1_500 + 4_000 * n, spent_cents=10) for n in range(2)],
    Seen("d-low", "gold", now=100, then=100),
    Seen("held", "gold", held=True),
    *[Seen(f"s{n}") for n in range(20)],
]


@pytest.fixture
def tally():
    made = Tally()
    for one in MEMBERS:
        made.add(one, rules.move(one, TODAY, DEARER))
    return made


def test_everybody_is_counted_once(tally):
    assert tally.members == len(MEMBERS) == sum(cell.members for cell in tally.cells.values())
    assert (tally.count("up"), tally.count("down"), tally.count("held"), tally.count("stays")) == (8, 3, 1, 20)
    assert tally.anyway == 2
    assert tally.cells["up", "bronze", "silver"] == Cell(7, 700, 0, ["u0", "u1", "u2", "u3", "u4"])
    assert tally.cells["down", "gold", "bronze"] == Cell(2, 10, 2, ["d0", "d-low"])
    assert tally.cells["stays", "bronze", "bronze"].samples == []


def test_what_was_counted_is_written_down_and_read_again(tally):
    again = rules.tally_from_json(json.loads(json.dumps(rules.tally_as_json(tally))))
    assert again == tally
    again.add(MEMBERS[0], rules.move(MEMBERS[0], TODAY, DEARER))
    assert again.count("up") == 9
    assert rules.tally_from_json({}) == Tally()


def test_the_matrix_has_the_best_tier_first_and_those_held_where_they_are(tally):
    drawn = {before.code: [tuple(square) for square in squares] for before, squares, _all in rules.matrix(tally, LADDER)}
    assert list(drawn) == ["black", "gold", "silver", "bronze"]
    assert drawn["bronze"] == [("stays", 20, 0, 0), ("up", 7, 0, 100), ("up", 0, 0, 0), ("up", 0, 0, 0)]
    assert drawn["silver"] == [("down", 0, 0, 0), ("stays", 0, 0, 0), ("up", 1, 0, 100), ("up", 0, 0, 0)]
    assert drawn["gold"] == [("down", 2, 0, 66), ("down", 1, 0, 33), ("stays", 1, 1, 0), ("up", 0, 0, 0)]
    assert [total for _before, _squares, total in rules.matrix(tally, LADDER)] == [0, 4, 1, 27]


def test_what_moving_costs_is_told_up_before_down_and_the_best_first(tally):
    told = rules.pulls(tally, LADDER, gifts={"silver": 100, "gold": 300}, allowances={"gold": 500})
    assert [(one.way, one.before.code, one.after.code, one.members, one.spent_cents, one.anyway, one.gift, one.allowance) for one in told] == [
        ("up", "silver", "gold", 1, 50_000, 0, 300, 500),
        ("up", "bronze", "silver", 7, 700, 0, 700, 0),
        ("down", "gold", "silver", 1, 10, 0, 0, -500),
        ("down", "gold", "bronze", 2, 10, 2, 0, -1_000),
        ("held", "gold", "bronze", 1, 0, 0, 0, 0),
    ]


def test_what_changes_is_named():
    assert rules.changes({"a": 1, "b": 2}, {"b": 3, "a": 1, "c": None, "d": 0}) == [("b", 2, 3), ("d", None, 0)]
