"""What holds for any cart under any rules."""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import floor, prod

from hypothesis import given, settings
from hypothesis import strategies as st

from points.earning import rules as engine
from points.earning.rules import PURCHASE, Fact, History, Line, Member, Room, decide, rate_of, rolls
from points.rulebook.rules import ONE, Band, Limit, SharedLimit

from . import world
from .world import DAY, assert_adds_up

CATEGORIES = ("", "FOOD", "FOOD/FISH", "TOYS", "LUXURY/BAGS")
SHARED = (SharedLimit("daily", ("everything",), "day", points=300), SharedLimit("once", ("purchases",), "fact", points=5_000))

lines = st.builds(
    Line,
    category=st.sampled_from(CATEGORIES),
    cents=st.integers(0, 30_000),
    brand=st.sampled_from(["", "Sample"]),
    margin_cents=st.none() | st.integers(-500, 10_000),
)
carts = st.lists(lines, max_size=6)
members = st.builds(
    Member,
    key=st.sampled_from(["M-1", "M-2"]),
    tier=st.sampled_from(["", "gold"]),
    tier_factor=st.sampled_from([ONE, 12_000, 5_000]),
    birthday=st.none() | st.sampled_from([DAY, DAY - timedelta(days=3), DAY - timedelta(days=40)]),
    registered_on=st.none() | st.just(DAY - timedelta(days=5)),
    birthday_factor=st.sampled_from([ONE, 20_000]),
    sprint=st.booleans(),
)
factors = st.sampled_from([0, 5_000, 9_999, ONE, 12_345, 20_000, 50_000])
rates = st.sampled_from([0, 1, 3_333, ONE, 25_000])
few = st.integers(0, 200)


@st.composite
def effects(draw, *, plain=False):
    kinds = ["per_unit", "fixed", "multiplier", "tier_multiplier"] + ([] if plain else ["tier_birthday_multiplier", "bands", "random", "stated", "coupon"])
    kind = draw(st.sampled_from(kinds))
    match kind:
        case "per_unit":
            return kind, {"rate": draw(rates), "by_category": draw(st.dictionaries(st.sampled_from(CATEGORIES[1:]), rates, max_size=2))}
        case "fixed":
            return kind, {"points": draw(few)}
        case "multiplier":
            return kind, {"factor": draw(factors)}
        case "bands":
            return kind, {"measure": "amount", "bands": (Band(0, 5_000, draw(few)), Band(5_000, None, draw(few), draw(rates)))}
        case "random":
            return kind, {"minimum": 1, "maximum": draw(st.integers(1, 50)), "chance": draw(st.sampled_from([0, 500_000, 1_000_000]))}
        case "stated":
            return kind, {"measure": "points", "minimum": draw(few)}
        case "coupon":
            return kind, {"item": "X"}
    return kind, {}


limits = st.lists(
    st.builds(
        Limit,
        per=st.sampled_from(["fact", "day", "life"]),
        points=st.none() | st.integers(0, 150),
        times=st.none() | st.integers(0, 2),
        by=st.sampled_from(["member", "rule"]),
    ),
    max_size=2,
)


@st.composite
def rulebooks(draw, *, plain=False):
    """Rules that may add up, compete, multiply and be bounded; plain ones are about lines and nothing else."""
    found = []
    for number in range(draw(st.integers(1, 7))):
        kind, worth = draw(effects(plain=plain))
        # What is given for the order as such and what is given for lines do not compete in these groups.
        group = draw(st.sampled_from(["", "best", "first", "product"] if "multiplier" in kind else ["", "best", "first"]))
        said = {"group": f"{kind[-5:]}/{group}" if group else "", "combine": group, "priority": draw(st.integers(0, 2))}
        said["categories"] = draw(st.sampled_from([(), ("FOOD",), ("TOYS", "LUXURY")]))
        if not plain:
            said["multiplied"] = draw(st.booleans())
            said["limits"] = tuple(draw(limits))
            said["margin_percent"] = draw(st.none() | st.sampled_from([0, 10, 100]))
            said["min_cents"] = draw(st.none() | st.integers(0, 20_000))
            said["birthday"] = draw(st.sampled_from(["", "", "day", "month"]))
            said["sprint"] = draw(st.sampled_from([False, False, True]))
            said["nth_purchase"] = draw(st.sampled_from([(), (), (1, 2)]))
        found.append(world.rule(f"r{number}", kind, **worth, **said))
    return found


@st.composite
def situations(draw):
    rules = draw(rulebooks())
    budgets = [
        Room(
            f"budget/{n}",
            draw(st.none() | st.integers(0, 300)),
            None,
            frozenset(draw(st.sets(st.sampled_from([one.code for one in rules]), min_size=1))),
            at_end,
        )
        for n, at_end in enumerate(draw(st.lists(st.sampled_from(["cut", "stop"]), max_size=2)))
    ]
    fact = Fact(PURCHASE, "purchase/1", DAY, 12, draw(carts), minor_digits=draw(st.sampled_from([0, 2, 2, 3])))
    used = {f"{code}/{per}": (draw(st.integers(0, 160)), draw(st.integers(0, 2))) for code in ("r0", "*r0", "r1", "*r1") for per in ("day", "life")}
    used["=daily"] = (draw(st.integers(0, 310)), 1)
    history = History(draw(st.integers(0, 2)))
    shared = draw(st.sampled_from([(), SHARED]))
    return world.given(fact, *rules, member=draw(members), history=history, limits=shared, used=used, more_rooms=budgets), rules


def told(decision):
    return decision.points, decision.granted, list(decision.lines), list(decision.charges), list(decision.won)


@settings(max_examples=400)
@given(case=situations())
def test_the_explanation_adds_up_and_no_room_is_exceeded(case):
    seen, rules = case
    decision = decide(seen, rules)
    assert_adds_up(decision)
    for one in decision.considered:
        assert one.wanted >= 0
        assert min([cut for _room, cut in one.cuts], default=0) >= 0
        assert one.holds or not one.granted
    won = {one.code for one in decision.won}
    charged = {charge.key: charge for charge in decision.charges}
    for room in seen.rooms:
        givers = {code for code in [*decision.granted, *won] if room.bounds(code)}
        points = sum(decision.granted.get(code, 0) for code in givers)
        assert room.points is None or points <= max(0, room.points)
        assert room.times is None or room.times > 0 or not givers
        assert (room.key in charged) == bool(givers)
        assert not givers or (charged[room.key].points, charged[room.key].times) == (points, 1)


@settings(max_examples=200)
@given(case=situations(), data=st.data())
def test_the_same_is_decided_the_same_in_whatever_order_the_rules_come(case, data):
    seen, rules = case
    first = told(decide(seen, rules))
    assert told(decide(seen, rules)) == first
    again = decide(seen, data.draw(st.permutations(rules)))
    assert (again.points, again.granted, again.lines) == first[:3]


@settings(max_examples=200)
@given(case=situations())
def test_what_is_kept_of_a_decision_decides_the_same_again(case):
    seen, rules = case
    first = decide(seen, rules)
    kept = json.loads(json.dumps(engine.given_as_json(seen, [one.id for one in rules], first.charges, {})))
    blank = replace(seen.fact, day=DAY + timedelta(days=9), hour=0)
    again = engine.given_from_json(kept, fact=blank, member_key=seen.member.key, roll=seen.roll)
    assert told(decide(again, rules)) == told(first)
    assert engine.charges_from_json(kept) == list(first.charges)
    assert kept.get("birthday") in (None, "day", "month")


@settings(max_examples=300)
@given(cart=carts, rules=rulebooks(plain=True), member=members, data=st.data())
def test_fewer_goods_never_earn_more_where_no_limit_band_or_condition_says_so(cart, rules, member, data):
    fact = Fact(PURCHASE, "purchase/1", DAY, lines=cart)
    fewer = replace(fact, lines=[replace(line, cents=data.draw(st.integers(0, line.cents))) for line in cart])
    some = [one for one in rules if one.said.effect.kind != "fixed" or not one.scopes]
    assert world.points(fewer, *some, member=member) <= world.points(fact, *some, member=member)


@settings(max_examples=300)
@given(cart=carts, rules=rulebooks(plain=True), member=members)
def test_without_limits_the_points_are_the_floor_of_the_exact_sum(cart, rules, member):
    assert world.points(Fact(PURCHASE, "purchase/1", DAY, lines=cart), *rules, member=member) == in_fractions(cart, rules, member)


def in_fractions(cart, rules, member):
    """The same, reckoned otherwise: part by part, in fractions."""
    order = sorted(rules, key=lambda one: (-one.said.priority, one.code))

    def about(one, line):
        wanted = one.said.conditions.categories
        return not wanted or any(line.category == c or line.category.startswith(c + "/") for c in wanted)

    holding = [one for one in order if not one.said.conditions.categories or any(about(one, line) for line in cart)]
    exact = Fraction(0)
    for line in [*cart, None]:
        gifts, multipliers = [], []
        for one in holding:
            effect = one.said.effect
            if effect.kind == "per_unit" and line and about(one, line):
                gifts.append((one, Fraction(line.cents * rate_of(effect, line.category), 100 * ONE)))
            elif effect.kind == "fixed" and line is None:
                gifts.append((one, Fraction(effect.points)))
            elif effect.multiplies and (about(one, line) if line else not one.said.conditions.categories):
                multipliers.append((one, Fraction(effect.factor if effect.kind == "multiplier" else member.tier_factor, ONE)))
        exact += sum(chosen([gift for gift in gifts if gift[1]])) * prod(chosen(multipliers))
    return floor(exact)


def chosen(values):
    """Of each group the best or the first; of none, and of a product, all."""
    groups = {}
    for one, value in values:
        alone = not one.said.group or one.said.combine == "product"
        groups.setdefault(one.code if alone else one.said.group, []).append((one.said.combine, value))
    return [max(value for _how, value in group) if group[0][0] == "best" else group[0][1] for group in groups.values()]


def test_a_percentage_of_members_is_fair_whatever_the_rule():
    for code in ("a", "another"):
        roll = rolls("secret")
        assert 450 < sum(roll(f"release/{code}/{n}") * 100 // engine.ROLLS < 50 for n in range(1_000)) < 550
