"""Every condition on both sides of its boundary."""

from datetime import date, timedelta

import pytest

from points.earning.rules import History, Line, Member, below, birthday_in
from points.rulebook.rules import Release

from .world import DAY, bought, decided, did, of, points, rule


def holds(fact, **said):
    """Whether a rule with these conditions gives its one point."""
    more = {name: said.pop(name) for name in ("member", "history", "festivals", "roll") if name in said}
    return points(fact, rule("bonus", "fixed", points=1, **said), **more) == 1


YUAN = bought(10_000)


@pytest.mark.parametrize(
    ("said", "cents", "outcome"),
    [
        ({"min_cents": 10_000}, 9_999, False),
        ({"min_cents": 10_000}, 10_000, True),
        ({"max_cents": 10_000}, 10_000, True),
        ({"max_cents": 10_000}, 10_001, False),
        ({"min_cents": 0}, 0, True),
        ({"min_cents": 5, "max_cents": 5}, 5, True),
        ({"min_cents": 5, "max_cents": 5}, 6, False),
    ],
)
def test_an_amount_is_within_its_bounds_both_included(said, cents, outcome):
    assert holds(bought(cents), **said) is outcome


def test_the_amount_is_that_of_all_goods_whatever_lines_the_rule_is_about():
    assert holds(bought((6_000, "TOYS"), (4_000, "FOOD")), categories=("FOOD",), min_cents=10_000)


def test_the_amount_of_a_behaviour_is_what_it_says():
    assert holds(did("referral_completed", amount_cents=10_000), min_cents=10_000)
    assert not holds(did("referral_completed", amount_cents=9_999), min_cents=10_000)
    assert not holds(did("shared"), min_cents=1)


@pytest.mark.parametrize(("tier", "outcome"), [("gold", True), ("platinum", True), ("silver", False), ("", False)])
def test_one_of_the_tiers(tier, outcome):
    assert holds(YUAN, tiers=("gold", "platinum"), member=Member("M", tier)) is outcome


@pytest.mark.parametrize(("segments", "outcome"), [({"vip"}, True), ({"vip", "new"}, True), ({"other"}, False), (set(), False)])
def test_any_of_the_segments(segments, outcome):
    assert holds(YUAN, segments=("vip", "staff"), member=Member("M", segments=frozenset(segments))) is outcome


@pytest.mark.parametrize(("days", "age", "outcome"), [(30, 0, True), (30, 30, True), (30, 31, False), (0, 0, True), (0, 1, False), (30, -1, False)])
def test_a_new_member_is_one_of_at_most_so_many_days(days, age, outcome):
    assert holds(YUAN, new_member_days=days, member=Member("M", registered_on=DAY - timedelta(days=age))) is outcome


def test_who_never_registered_is_no_new_member():
    assert not holds(YUAN, new_member_days=9999, member=Member("M"))


@pytest.mark.parametrize(("before", "outcome"), [(0, False), (1, True), (2, False), (4, True)])
def test_the_nth_purchase_counts_this_one(before, outcome):
    assert holds(YUAN, nth_purchase=(2, 5), history=History(before)) is outcome


@pytest.mark.parametrize(("days", "ago", "outcome"), [(30, 0, True), (30, 30, True), (30, 31, False), (0, 0, True), (0, 1, False), (30, None, False)])
def test_bought_again_within_so_many_days(days, ago, outcome):
    last = None if ago is None else DAY - timedelta(days=ago)
    assert holds(YUAN, again_days=days, history=History(1, last)) is outcome


@pytest.mark.parametrize(("ago", "outcome"), [(30, True), (31, False)])
def test_bought_again_from_the_same_category(ago, outcome):
    history = History(3, DAY, {"FOOD/FISH": DAY - timedelta(days=ago)})
    assert holds(bought((100, "FOOD/FISH")), again_days=30, again_scope="category", history=history) is outcome
    assert not holds(bought((100, "FOOD")), again_days=30, again_scope="category", history=history)
    assert not holds(bought(100), again_days=30, again_scope="category", history=history)


@pytest.mark.parametrize(("channel", "outcome"), [("app", True), ("web", False), ("", False), ("APP", False)])
def test_one_of_the_channels(channel, outcome):
    assert holds(bought(100, channel=channel), channels=("app", "store")) is outcome


@pytest.mark.parametrize(("day", "outcome"), [(date(2026, 11, 9), True), (date(2026, 11, 8), False), (date(2026, 11, 15), False), (date(2026, 11, 14), True)])
def test_weekdays_count_from_monday_as_one(day, outcome):
    assert holds(bought(100, day=day), weekdays=(1, 6)) is outcome


@pytest.mark.parametrize(
    ("begin", "end", "good", "bad"),
    [
        (9, 12, (9, 11), (8, 12)),
        (22, 6, (22, 23, 0, 5), (6, 21)),
        (22, None, (22, 23), (21, 0)),
        (None, 6, (0, 5), (6, 23)),
        (22, 24, (22, 23), (21, 0)),
        (22, 0, (22, 23), (21, 0)),
        (0, 24, (0, 23), ()),
        (23, 1, (23, 0), (1, 22)),
    ],
)
def test_hours_begin_with_the_first_end_before_the_last_and_may_pass_midnight(begin, end, good, bad):
    for hour in good:
        assert holds(bought(100, hour=hour), hour_from=begin, hour_until=end)
    for hour in bad:
        assert not holds(bought(100, hour=hour), hour_from=begin, hour_until=end)


@pytest.mark.parametrize(
    ("said", "day", "outcome"),
    [
        ({"date_from": DAY}, DAY, True),
        ({"date_from": DAY}, DAY - timedelta(days=1), False),
        ({"date_until": DAY}, DAY, True),
        ({"date_until": DAY}, DAY + timedelta(days=1), False),
        ({"date_from": DAY, "date_until": DAY}, DAY, True),
    ],
)
def test_dates_include_both_ends(said, day, outcome):
    assert holds(bought(100, day=day), **said) is outcome


@pytest.mark.parametrize(
    ("what", "birthday", "day", "outcome"),
    [
        ("day", date(1990, 11, 11), DAY, True),
        ("day", date(1990, 11, 12), DAY, False),
        ("day", date(1990, 10, 11), DAY, False),
        ("day", date(1992, 2, 29), date(2024, 2, 29), True),
        ("day", date(1992, 2, 29), date(2024, 2, 28), False),
        ("day", date(1992, 2, 29), date(2026, 2, 28), True),
        ("day", date(1992, 2, 29), date(2026, 3, 1), False),
        ("day", date(1992, 2, 29), date(2100, 2, 28), True),
        ("month", date(1990, 11, 30), date(2026, 11, 1), True),
        ("month", date(1990, 11, 30), date(2026, 10, 31), False),
        ("month", date(1992, 2, 29), date(2026, 2, 1), True),
        ("month", date(1992, 2, 29), date(2026, 3, 1), False),
        ("day", None, DAY, False),
        ("month", None, DAY, False),
    ],
)
def test_the_birthday_and_its_month(what, birthday, day, outcome):
    assert holds(bought(100, day=day), birthday=what, member=Member("M", birthday=birthday)) is outcome


def test_every_birthday_is_celebrated_once_a_year():
    for birthday in (date(1992, 2, 29), date(1990, 2, 28), date(1990, 12, 31)):
        for year in (2023, 2024, 2100):
            days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
            assert [day for day in days if day.year == year and birthday_in(birthday, year) == day] == [birthday_in(birthday, year)]


def test_a_festival_is_named_by_its_code():
    assert holds(YUAN, festival="singles", festivals=["singles", "other"])
    assert not holds(YUAN, festival="singles", festivals=["other"])


def test_a_card_must_be_in_hand():
    assert holds(YUAN, card="double", member=Member("M", cards=frozenset(["double"])))
    assert not holds(YUAN, card="double", member=Member("M", cards=frozenset(["triple"])))


@pytest.mark.parametrize(("answer", "outcome"), [(True, True), (False, False), (None, False)])
def test_an_expression_must_be_true_and_one_without_an_answer_is_not(answer, outcome):
    decision = decided(YUAN, rule("bonus", "fixed", points=1, holds=lambda _values: answer))
    assert (decision.points, of(decision, "bonus").outcomes) == (int(outcome), [("expression", answer)])


@pytest.mark.parametrize("sprint", [True, False])
def test_a_rule_may_be_for_the_last_days_of_a_term(sprint):
    member = Member("M", "gold", sprint=sprint)
    assert holds(YUAN, sprint=True, member=member) is sprint
    assert holds(YUAN, sprint=False, member=member) is True


def test_what_an_expression_may_read():
    seen = {}
    fact = bought(Line("FOOD", 5_000, "Sample", "SKU-1", 2), (2_500, "TOYS"), hour=21, channel="app")
    member = Member("M", "gold", segments=frozenset(["vip", "new"]), registered_on=DAY - timedelta(days=3), birthday=date(1990, 11, 11))
    history = History(4, DAY - timedelta(days=7))
    decided(fact, rule("bonus", "fixed", points=1, holds=lambda values: seen.update(values) or True), member=member, history=history, festivals=["singles"])
    assert seen == {
        "amount_cents": 7_500,
        "categories": ["FOOD", "TOYS"],
        "brands": ["Sample", ""],
        "skus": ["SKU-1", ""],
        "quantity": 3,
        "channel": "app",
        "nth_purchase": 5,
        "days_since_last": 7,
        "tier": "gold",
        "sprint": False,
        "segments": ["new", "vip"],
        "member_days": 3,
        "registered": True,
        "weekday": 3,
        "hour": 21,
        "day": 11,
        "month": 11,
        "festivals": ["singles"],
        "birthday": True,
        "birthday_month": True,
    }


def test_what_an_expression_reads_of_somebody_nothing_is_known_of():
    seen = {}
    decided(did("reviewed", pictures=3), rule("bonus", "fixed", points=1, holds=lambda values: seen.update(values) or True))
    assert (seen["data.pictures"], seen["member_days"], seen["days_since_last"], seen["nth_purchase"], seen["registered"]) == (3, -1, -1, 0, False)


@pytest.mark.parametrize(
    ("category", "outcome"),
    [("FOOD", True), ("FOOD/FISH", True), ("FOOD/FISH/COD", True), ("FOODS", False), ("FOO", False), ("TOYS/FOOD", False), ("food", False), ("", False)],
)
def test_a_category_covers_what_is_below_it(category, outcome):
    assert below(category, ["TOY", "FOOD"]) is outcome
    assert holds(bought((100, category)), categories=("FOOD",)) is outcome


@pytest.mark.parametrize(("said", "line", "outcome"), [
    ({"brands": ("Sample",)}, Line("", 1, brand="Sample"), True),
    ({"brands": ("Sample",)}, Line("", 1, brand="Sampler"), False),
    ({"skus": ("A", "B")}, Line("", 1, sku="B"), True),
    ({"skus": ("A", "B")}, Line("", 1, sku="C"), False),
])  # fmt: skip
def test_brands_and_skus_are_named_exactly(said, line, outcome):
    assert holds(bought(line), **said) is outcome


def test_what_a_rule_says_of_lines_must_hold_for_one_and_the_same_line():
    said = {"categories": ("FOOD",), "brands": ("Sample",)}
    assert holds(bought(Line("FOOD", 1, "Sample")), **said)
    assert not holds(bought(Line("FOOD", 1, "Other"), Line("TOYS", 1, "Sample")), **said)


def test_a_behaviour_about_goods_is_looked_at_like_a_line():
    assert holds(did("reviewed", category="FOOD/FISH", sku="A"), categories=("FOOD",), skus=("A",))
    assert not holds(did("reviewed", category="TOYS"), categories=("FOOD",))
    assert not holds(did("shared"), skus=("A",))


@pytest.mark.parametrize(
    ("release", "segments", "outcome"),
    [
        (Release("staff"), {"staff"}, True),
        (Release("staff"), {"vip"}, False),
        (Release("segment", "vip"), {"vip"}, True),
        (Release("segment", "vip"), {"staff"}, False),
        (Release("all"), set(), True),
        (Release("percent", percent=100), set(), True),
        (Release("percent", percent=0), set(), False),
    ],
)
def test_a_staged_release_is_out_for_some(release, segments, outcome):
    assert holds(YUAN, release=release, member=Member("M", segments=frozenset(segments))) is outcome


def test_a_percentage_is_always_the_same_members_and_grows_with_them():
    def reached(percent):
        return {n for n in range(2000) if holds(YUAN, release=Release("percent", percent=percent), member=Member(str(n)))}

    tenth, third, all_of_them = reached(10), reached(30), reached(100)
    assert 140 < len(tenth) < 260
    assert 520 < len(third) < 680
    assert tenth < third < all_of_them
    assert len(all_of_them) == 2000
    assert reached(10) == tenth


def test_all_conditions_must_hold_and_each_outcome_is_told():
    decision = decided(YUAN, rule("bonus", "fixed", points=1, min_cents=1, tiers=("gold",), channels=("app",)), member=Member("M", "gold"))
    one = of(decision, "bonus")
    assert (one.outcomes, one.holds, decision.points) == ([("min_cents", True), ("tiers", True), ("channels", False)], False, 0)


def test_a_rule_without_conditions_holds_for_every_fact():
    assert holds(did("shared"))
    assert holds(bought(0))
