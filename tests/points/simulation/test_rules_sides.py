"""What both sides of a simulation give, take back and have left: tables, without a database."""

import pytest

from points.budgets.rules import Budget
from points.rulebook.rules import ONE, Conditions, Effect, Limit, SharedLimit
from points.simulation import rules
from tests.points.simulation.history import History, day_of, plan, plans, points, rule, told

BASE = rule("base", Effect("per_unit", rate=ONE))


def limited(*limits):
    return plans(plan(BASE), plan(rule("base", Effect("per_unit", rate=ONE), limits=limits)))


def test_both_sides_decide_every_fact_by_their_own_rules():
    by = plans(plan(BASE), plan(rule("base", Effect("per_unit", rate=2 * ONE)), rule("extra", Effect("fixed", points=5))))
    world = History().buys("ann", 1000).buys("bob", 300).played(by)
    assert points(world, "old") == {"ann": 10, "bob": 3}
    assert points(world, "new") == {"ann": 25, "bob": 11}


@pytest.mark.parametrize(
    ("limit", "given"),
    [
        (Limit("fact", points=8), 8 + 8 + 8 + 8 + 8),
        (Limit("day", points=15), 15 + 10 + 10 + 10),
        (Limit("day", times=1), 10 + 10 + 10 + 10),
        (Limit("week", points=25), 25 + 20),
        (Limit("week", times=2), 20 + 20),
        (Limit("month", points=35), 35 + 10),
        (Limit("life", points=12), 12),
        (Limit("life", times=3), 30),
        (Limit("month", points=0), 0),
    ],
)
def test_a_members_limit_counts_in_its_period(limit, given):
    # Twice on the first Monday, on its Sunday, on the Monday after, and in the next month.
    history = History().buys("ann", 1000).buys("ann", 1000, hour=1).buys("ann", 1000, day=6).buys("ann", 1000, day=7).buys("ann", 1000, day=30)
    world = history.played(limited(limit))
    assert points(world, "old") == {"ann": 50}
    assert points(world) == {"ann": given}


def test_a_members_limit_is_each_members_own():
    world = History().buys("ann", 1000).buys("bob", 1000).buys("ann", 1000).played(limited(Limit("day", points=12)))
    assert points(world) == {"ann": 12, "bob": 10}


def test_a_limit_of_the_rule_is_all_members_together():
    history = History().buys("ann", 1000).buys("bob", 1000).buys("cid", 1000).buys("ann", 1000, day=1)
    world = history.played(limited(Limit("day", points=15, by="rule")))
    assert points(world) == {"ann": 20, "bob": 5, "cid": 0}


def test_times_of_the_rule_count_facts_that_were_granted_something():
    history = History().buys("ann", 0).buys("ann", 1000).buys("bob", 1000).buys("cid", 1000)
    world = history.played(limited(Limit("day", times=2, by="rule")))
    assert points(world) == {"ann": 10, "bob": 10, "cid": 0}


def test_several_rules_share_a_limit_and_kinds_of_facts_do():
    shared = SharedLimit("behaviours-day", ("behaviours",), "day", points=12)
    chosen = {kind: [rule(f"for-{kind}", Effect("fixed", points=5))] for kind in ("liked", "shared", "purchase")}
    by = plans(rules.Plan(chosen, (), ()), rules.Plan(chosen, (shared,), ()))
    history = History().does("ann").does("ann", kind="shared").does("ann").buys("ann", 100).does("bob").does("ann", day=1)
    world = history.played(by)
    assert points(world, "old") == {"ann": 25, "bob": 5}
    assert points(world) == {"ann": 5 + 5 + 2 + 5 + 5, "bob": 5}


def budgeted(at_end, **more):
    budget = Budget(id=7, code="crm", points=25, at_end=at_end, **{"period": "week", **more})
    return plans(plan(BASE), plan(BASE, budgets=[budget]))


@pytest.mark.parametrize(
    ("at_end", "ann", "bob", "cid"),
    [("cut", 10, 10, 5), ("stop", 10, 10, 0), ("go_on", 10, 10, 10)],
)
def test_at_its_end_a_budget_cuts_stops_or_goes_on(at_end, ann, bob, cid):
    by = budgeted(at_end)
    world = History().buys("ann", 1000).buys("bob", 1000).buys("cid", 1000).buys("cid", 1000, day=7).played(by)
    assert points(world) == {"ann": ann, "bob": bob, "cid": cid + 10}
    spent = told(world, by)["budgets"]["crm"]
    assert spent == {"limit": 25, "by_period": {"2026-03-02": ann + bob + cid, "2026-03-09": 10}}


def test_what_does_not_fit_a_budget_that_stops_leaves_its_rest_to_smaller_facts():
    world = History().buys("ann", 2000).buys("bob", 1000).buys("cid", 500).played(budgeted("stop"))
    assert points(world) == {"ann": 20, "bob": 0, "cid": 5}


@pytest.mark.parametrize(
    ("day", "given"),
    [(0, 100), (1, 25), (3, 25), (4, 100)],
)
def test_a_budget_counts_from_its_first_day_through_its_last(day, given):
    world = History().buys("ann", 10_000, day=day).played(budgeted("cut", starts_on=day_of(1), ends_on=day_of(3)))
    assert points(world) == {"ann": given}


@pytest.mark.parametrize(
    ("scope", "of", "given"),
    [
        ("all", "", 25),
        ("rule", "base", 25),
        ("rule", "other", 100),
        ("cost_centre", "shop", 25),
        ("cost_centre", "", 100),
        ("campaign", "spring", 25),
        ("campaign", "fall", 100),
    ],
)
def test_a_budget_pays_for_its_own_rules_only(scope, of, given):
    base = rule("base", Effect("per_unit", rate=ONE), campaign="spring", cost_centre="shop")
    by = plans(plan(base), plan(base, budgets=[Budget(id=1, code="b", scope=scope, of=of, points=25, at_end="cut")]))
    assert points(History().buys("ann", 10_000).played(by)) == {"ann": given}


@pytest.mark.parametrize(
    ("period", "spent"),
    [("total", {"1970-01-01": 40}), ("year", {"2026-01-01": 40}), ("month", {"2026-03-01": 30, "2026-04-01": 10}),
     ("week", {"2026-03-02": 20, "2026-03-09": 10, "2026-03-30": 10}), ("day", {"2026-03-02": 10, "2026-03-03": 10, "2026-03-09": 10, "2026-04-01": 10})],
)  # fmt: skip
def test_a_budget_is_filled_anew_in_each_period(period, spent):
    by = plans(plan(BASE), plan(BASE, budgets=[Budget(id=1, code="b", period=period, points=1000, at_end="cut")]))
    history = History()
    for day in (0, 1, 7, 30):
        history.buys("ann", 1000, day=day)
    assert told(history.played(by), by)["budgets"]["b"]["by_period"] == spent


@pytest.mark.parametrize(
    ("refunds", "old", "new"),
    [
        ([], 100, 307),
        ([(2, 1)], 99, 306),
        ([(2, 5000)], 50, 157),
        ([(2, 5000), (4, 2500)], 25, 82),
        ([(2, 5000), (4, 5000)], 0, 0),
        ([(2, 10_000)], 0, 0),
        ([(400, 10_000)], 0, 0),
    ],
)
def test_what_a_refunded_purchase_earns_no_longer_is_taken_back(refunds, old, new):
    by = plans(plan(BASE), plan(rule("base", Effect("per_unit", rate=3 * ONE)), rule("fix", Effect("fixed", points=7))))
    world = History().buys("ann", 10_000, refunds=refunds).played(by)
    assert (points(world, "old"), points(world)) == ({"ann": old}, {"ann": new})
    assert not world.waiting
    assert not world.members["ann"].bought
    assert not world.members["ann"].new.refundable


def test_a_refund_never_gives_more():
    # What is left falls into a band that gives more than the whole did.
    dear = rule("band", Effect("fixed", points=10), conditions=Conditions(min_cents=5000))
    cheap = rule("less", Effect("fixed", points=90), conditions=Conditions(max_cents=4999))
    world = History().buys("ann", 6000, refunds=[(1, 2000)]).played(plans(plan(dear), plan(dear, cheap)))
    assert points(world) == {"ann": 10}


@pytest.mark.parametrize("limit", [Limit("month", points=100), Limit("month", points=100, by="rule")], ids=["member", "rule"])
@pytest.mark.parametrize(
    ("refunded", "second"),
    [(0, 0), (2500, 25), (10_000, 80)],
)
def test_room_that_a_refund_gives_back_is_there_for_the_next_purchase(limit, refunded, second):
    history = History().buys("ann", 10_000, refunds=[(1, refunded)] if refunded else []).buys("ann", 8000, day=2)
    assert points(history.played(limited(limit))) == {"ann": 100 - refunded // 100 + second}


def test_room_is_not_there_before_the_refund():
    history = History().buys("ann", 10_000, refunds=[(2, 10_000)]).buys("ann", 8000, day=1).buys("ann", 8000, day=3)
    assert points(history.played(limited(Limit("month", points=100)))) == {"ann": 0 + 0 + 80}


def test_times_are_given_back_by_a_refund_of_all_only():
    history = History().buys("ann", 1000, refunds=[(1, 500)]).buys("ann", 1000, day=2).buys("bob", 1000, refunds=[(1, 1000)]).buys("bob", 1000, day=2)
    assert points(history.played(limited(Limit("life", times=1)))) == {"ann": 5, "bob": 10}


def test_a_refund_gives_back_to_the_period_that_paid():
    by = budgeted("cut")
    history = History().buys("ann", 2500, refunds=[(8, 2500)]).buys("bob", 2500, day=7).buys("bob", 2500, day=9)
    world = history.played(by)
    assert points(world) == {"ann": 0, "bob": 25}
    assert told(world, by)["budgets"]["crm"]["by_period"] == {"2026-03-02": 0, "2026-03-09": 25}


@pytest.mark.parametrize(
    ("history", "left"),
    [
        (History().buys("ann", 10_000, refunds=[(1, 10_000)]).buys("ann", 8000, day=1), 80),
        (History().buys("ann", 8000, day=1).buys("ann", 10_000, refunds=[(1, 10_000)]), 0),
    ],
    ids=["the refund", "the purchase"],
)
def test_at_one_instant_what_was_recorded_first_comes_first(history, left):
    assert points(history.played(limited(Limit("month", points=100)))) == {"ann": left}


def nth(*numbers):
    return rule("nth", Effect("fixed", points=10), conditions=Conditions(nth_purchase=numbers))


def again(days, scope="member"):
    return rule("again", Effect("fixed", points=10), conditions=Conditions(again_days=days, again_scope=scope))


@pytest.mark.parametrize(
    ("history", "given"),
    [
        (History().buys("ann", 100).buys("ann", 100, day=1), 10),
        (History().buys("ann", 100).buys("bob", 100, day=1), 0),
        (History().buys("ann", 100, refunds=[(1, 50)]).buys("ann", 100, day=2), 10),
        (History().buys("ann", 100, refunds=[(1, 100)]).buys("ann", 100, day=2), 0),
        (History().buys("ann", 100, refunds=[(3, 100)]).buys("ann", 100, day=2), 10),
        (History().buys("ann", 100, refunds=[(1, 100)]).buys("ann", 100, day=2).buys("ann", 100, day=3), 10),
        (History().buys("ann", 100, refunds=[(1, 50), (3, 50)]).buys("ann", 100, day=2).buys("ann", 100, day=4), 20),
        (History().buys("ann", 100).buys("ann", 100), 10),
        (History().buys("ann", 100).buys("ann", 100).buys("ann", 100), 10),
        (History().buys("ann", 100, refunds=[(0, 100)]).buys("ann", 100), 0),
        (History().buys("ann", 100).buys("ann", 100).buys("ann", 100, day=1), 10),
        (History().buys("ann", 100, shipping=40, refunds=[(1, 100)]).buys("ann", 100, day=2), 0),
        (History().buys("ann", 100, shipping=40, refunds=[(1, 99)]).buys("ann", 100, day=2), 10),
    ],
    ids=[
        "second",
        "another's",
        "partly refunded",
        "refunded",
        "refunded later",
        "second after one refunded",
        "refunded in two steps",
        "at one instant",
        "three at one instant",
        "refunded at once",
        "third",
        "all but shipping refunded",
        "nearly all refunded",
    ],
)
def test_the_nth_purchase_counts_those_before_that_were_not_refunded_completely(history, given):
    assert sum(points(history.played(plans(plan(), plan(nth(2))))).values()) == given


@pytest.mark.parametrize(
    ("rule_", "history", "given"),
    [
        (again(30), History().buys("ann", 100).buys("ann", 100, day=30), 10),
        (again(30), History().buys("ann", 100).buys("ann", 100, day=31), 0),
        (again(0), History().buys("ann", 100).buys("ann", 100), 10),
        (again(0, "category"), History().buys("ann", 100, category="A").buys("ann", 100, category="B").buys("ann", 100, category="A"), 10),
        (again(30), History().buys("ann", 100, refunds=[(1, 100)]).buys("ann", 100, day=2), 0),
        (again(30), History().buys("ann", 100, refunds=[(5, 100)]).buys("ann", 100, day=2).buys("ann", 100, day=33), 10),
        (again(30), History().buys("ann", 100, refunds=[(5, 50)]).buys("ann", 100, day=30), 10),
        (again(30, "category"), History().buys("ann", 100, category="A").buys("ann", 100, day=30, category="A"), 10),
        (again(30, "category"), History().buys("ann", 100, category="A").buys("ann", 100, day=31, category="A"), 0),
        (again(30, "category"), History().buys("ann", 0, category="A").buys("ann", 100, day=30, category="A"), 10),
        (again(30, "category"), History().buys("ann", 100, category="A").buys("ann", 0, day=30, category="A"), 0),
        (again(30, "category"), History().buys("ann", 100, category="A").buys("ann", 100, day=1, category="A/B"), 0),
        (again(30, "category"), History().buys("ann", 100, category="A").buys("ann", 100, day=3, category="B").buys("ann", 100, day=4, category="A"), 10),
        (again(30, "category"), History().buys("ann", 100, category="A", refunds=[(1, 100)]).buys("ann", 100, day=2, category="A"), 0),
        (again(30, "category"), History().buys("ann", 100, category="A", refunds=[(3, 100)]).buys("ann", 100, day=2, category="A"), 10),
    ],
)
def test_bought_again_looks_at_what_was_bought_before_and_not_refunded_completely(rule_, history, given):
    assert sum(points(history.played(plans(plan(), plan(rule_)))).values()) == given


def test_history_before_the_span_counts_and_earns_nothing():
    by = plans(plan(), plan(again(30), nth(3)))
    world = rules.World()
    world.bring("ann", rules.Known(past=rules.Past(2, day_of(-30), {"A": day_of(-30)})))
    [happened] = History().buys("ann", 100).told
    rules.feed(world, by, happened, rules.earning.Given(happened.fact, by.roll))
    assert points(world) == {"ann": 20}


def test_a_card_counts_where_it_was_used_then():
    double = rule("double", Effect("multiplier", factor=2 * ONE), conditions=Conditions(card="double"))
    world = History().buys("ann", 1000, card="double").buys("ann", 1000, day=1).played(plans(plan(BASE), plan(BASE, double)))
    assert points(world) == {"ann": 30}


def test_things_that_are_won_are_counted_and_those_of_refunded_purchases_are_not():
    coupon = rule("coupon", Effect("coupon", item="ten-off", count=2), conditions=Conditions(min_cents=1000))
    by = plans(plan(BASE), plan(BASE, coupon))
    history = History().buys("ann", 1000).buys("bob", 1000, refunds=[(1, 100)]).buys("cid", 3000, refunds=[(1, 100)]).buys("cid", 999)
    world = history.played(by)
    assert told(world, by)["won"] == {"coupon/ten-off": [0, 4]}
    assert told(world, by)["points"] == [10 + 9 + 29 + 9, 10 + 9 + 29 + 9]
