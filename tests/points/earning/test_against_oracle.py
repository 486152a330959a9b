"""Random rules, random facts: what the engine gives is what an independent reckoning from docs/EARNING.md gives.

Each set of rules sees its facts one after the other, with refunds between them, and both sides keep their own account of what limits and
budgets have had. More of both: EARNING_SETS=200 EARNING_FACTS=10000.
"""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from accounts.activity import rules as activity
from points.budgets import rules as budgets
from points.earning import rules as engine
from points.rulebook.rules import PURCHASE, SharedLimit, as_json, from_json
from tests.oracle import earning_oracle as oracle

SETS, FACTS = int(os.environ.get("EARNING_SETS", "100")), int(os.environ.get("EARNING_FACTS", "60"))
ZONE = ZoneInfo("America/New_York")
START = datetime(2024, 2, 20, 3, tzinfo=UTC)
SURVEY = "survey"
CATEGORIES = ("HOME", "HOME/KITCHEN", "HOME/KITCHEN/KNIVES", "HOMEWARE", "BEAUTY", "BEAUTY/LIPS", "")
BRANDS, SKUS, SEGMENTS = ("acme", "zenith", ""), ("s1", "s2", "s3"), ("vip", "staff", "press")
TIERS = {"bronze": 10_000, "silver": 12_000, "wood": 7_500, "gold": 15_000}
FESTIVALS = {"leap": [["2024-02-28", "2024-03-02"]], "spring": [["2024-03-10", "2024-03-10"], ["2024-03-20", "2024-03-25"]]}
ROLL = engine.rolls("a key for tests")

# What an expression says: to the engine, of its variables; to the oracle, of the fact as it knows it.
EXPRESSIONS = {
    "amount_cents > 3000": (
        lambda v: v["amount_cents"] > 3000,
        lambda _fact, goods, *_: goods > 3000,
    ),
    "nth_purchase > 2 && !registered": (
        lambda v: v["nth_purchase"] > 2 and not v["registered"],
        lambda fact, _goods, _lines, member, past: fact.kind == PURCHASE and past.nth > 2 and member.registered_on is None,
    ),
    "'BEAUTY' in categories": (
        lambda v: "BEAUTY" in v["categories"],
        lambda _fact, _goods, lines, _member, _past: any(line.category == "BEAUTY" for line in lines),
    ),
    "1 / 0 > 1": (lambda _values: None, lambda *_: None),
}


def some(chance, among):
    return chance.sample(list(among), chance.randint(1, 2))


def conditions(chance, fact):
    said = {}
    ways = {
        "categories": lambda: some(chance, CATEGORIES[:-1]),
        "brands": lambda: some(chance, BRANDS[:-1]),
        "skus": lambda: some(chance, SKUS),
        "min_cents": lambda: chance.choice((0, 1, 1000, 5000)),
        "max_cents": lambda: chance.choice((0, 1000, 9999, 20_000)),
        "tiers": lambda: some(chance, TIERS),
        "sprint": lambda: True,
        "segments": lambda: some(chance, SEGMENTS),
        "new_member_days": lambda: chance.choice((0, 7, 60)),
        "channels": lambda: some(chance, ("app", "web", "shop")),
        "weekdays": lambda: some(chance, range(1, 8)),
        "hour_from": lambda: chance.randrange(1, 24),
        "date_from": lambda: str(date(2024, 2, 20) + timedelta(days=chance.randrange(20))),
        "date_until": lambda: str(date(2024, 3, 12) + timedelta(days=chance.randrange(30))),
        "birthday": lambda: chance.choice(("day", "month", "month")),
        "festival": lambda: chance.choice(list(FESTIVALS)),
        "card": lambda: chance.choice(("double", "triple")),
        "expression": lambda: chance.choice(list(EXPRESSIONS)),
    }
    if fact == PURCHASE:
        ways |= {"nth_purchase": lambda: some(chance, range(1, 6)), "again_days": lambda: chance.choice((0, 1, 7, 30))}
    for name in chance.sample(list(ways), chance.choice((0, 0, 0, 0, 1, 1, 2))):
        said[name] = ways[name]()
    if "hour_from" in said:
        said["hour_until"] = chance.choice([hour for hour in range(25) if hour != said["hour_from"]])
    if "again_days" in said and chance.random() < 0.6:
        said["again_scope"] = "category"
    return said


def base_effect(chance, fact):
    points = lambda: chance.choice((1, 3, 7, 10, 100))  # noqa: E731
    rate = lambda: chance.choice((1, 3333, 5000, 10_000, 10_000, 12_345, 30_000))  # noqa: E731
    ends = sorted(chance.sample((0, 999, 1000, 5000, 12_000), 3))
    if fact == PURCHASE:
        kinds = ["fixed", "per_unit", "per_unit", "per_unit", "table", "table", "bands", "random"]
    else:
        kinds = ["fixed", "ladder", "stated", "numbers", "random"]
    match chance.choice(kinds):
        case "per_unit":
            return {"kind": "per_unit", "rate": rate()}
        case "table":
            return {
                "kind": "per_unit",
                "rate": chance.choice((0, rate())),
                "by_category": {one: chance.choice((0, rate())) for one in some(chance, CATEGORIES[:-1])},
            }
        case "bands":
            last = chance.choice((None, 30_000))
            what = [{"points": points()} if chance.random() < 0.5 else {"rate": rate()} for _ in ends]
            return {
                "kind": "bands",
                "measure": "amount",
                "bands": [{"start": a, "end": b, **said} for a, b, said in zip(ends, [*ends[1:], last], what, strict=True)],
            }
        case "numbers":
            return {"kind": "bands", "measure": "length", "bands": [{"start": 0, "end": 3, "points": points()}, {"start": 3, "end": 8, "points": points()}]}
        case "ladder":
            return {"kind": "ladder", "measure": "length", "ladder": [points() for _ in range(chance.randint(1, 7))], "cycles": chance.random() < 0.5}
        case "stated":
            return {"kind": "stated", "measure": "length", "minimum": chance.choice((0, 2)), "maximum": chance.choice((None, 5))}
        case "random":
            return {"kind": "random", "minimum": chance.randint(0, 5), "maximum": chance.choice((6, 50)), "chance": chance.choice((1_000_000, 400_000))}
    return {"kind": "fixed", "points": points()}


def definition(chance, fact, groups):
    said = {"conditions": conditions(chance, fact), "priority": chance.choice((0, 0, 0, -10, 5, 5, 10))}
    if chance.random() < 0.55:
        said["effect"] = base_effect(chance, fact)
    elif chance.random() < 0.2:
        said["effect"] = {"kind": "tier_multiplier"}
    elif chance.random() < 0.1:
        said["effect"] = {"kind": "tier_birthday_multiplier"}
        said["conditions"].setdefault("birthday", chance.choice(("day", "month")))
    else:
        said["effect"] = {"kind": "multiplier", "factor": chance.choice((20_000, 30_000, 15_000, 12_500, 5000, 3333, 10_000, 1, 40_000))}
    said["multiplied"] = chance.random() < 0.85
    multiplies = "multiplier" in said["effect"]["kind"]
    if chance.random() < 0.6:
        said["group"] = chance.choice(["x", "x", "y"]) + ("*" if multiplies else "+")
        said["combine"] = groups.setdefault(said["group"], chance.choice(["best", "first", "product"] if multiplies else ["best", "first"]))
    said["limits"] = [limit for _ in range(chance.choice((0, 0, 0, 1, 2))) if (limit := one_limit(chance))]
    if chance.random() < 0.2:
        said["margin_percent"] = chance.choice((1, 10, 50, 100))
    said["campaign"], said["cost_centre"] = chance.choice(("", "", "drop")), chance.choice(("", "", "shop", "brand"))
    if chance.random() < 0.1:
        said["release"] = chance.choice(({"to": "percent", "percent": 40}, {"to": "segment", "segment": "press"}, {"to": "staff"}))
    return as_json(from_json(said))


def one_limit(chance):
    limit = {"per": chance.choice(("fact", "day", "week", "month", "life")), "by": chance.choice(("member", "member", "rule"))}
    limit["points"] = chance.choice((None, 5, 20, 50, 200, 1000))
    limit["times"] = None if limit["per"] == "fact" else chance.choice((None, None, 1, 3, 10))
    return limit if limit["points"] or limit["times"] else None


def one_programme(chance):
    groups = {}
    rules = []
    for n in range(chance.randint(1, 12)):
        fact = chance.choice((PURCHASE,) * 5 + (SURVEY,))
        code = f"{chance.choice('abcdefgh')}-{n}"
        rules.append({"code": code, "fact": fact, "definition": definition(chance, fact, groups if fact == PURCHASE else {})})
        if fact != PURCHASE:
            rules[-1]["definition"].pop("group", None)
            rules[-1]["definition"].pop("combine", None)
    limits = []
    for n, over in enumerate(some(chance, ([PURCHASE + "s"], ["behaviours"], ["everything"], [SURVEY])) if chance.random() < 0.5 else ()):
        limit = one_limit(chance)
        if limit:
            limits.append({"code": f"shared-{n}", "over": over, "per": limit["per"], "points": limit["points"], "times": limit["times"]})
    plans = []
    for n in range(chance.choice((0, 0, 0, 1, 2, 3))):
        scope, of = chance.choice((("all", ""), ("campaign", "drop"), ("cost_centre", "shop"), ("rule", chance.choice(rules)["code"])))
        period = chance.choice(("total", "year", "month", "week", "day", "day", "day"))
        at_end, most = chance.choice(("cut", "cut", "stop", "go_on")), chance.choice((30, 77, 300, 3000))
        plans.append({"code": f"budget-{n}", "scope": scope, "of": of, "period": period, "points": most, "at_end": at_end})
    cost = chance.choice((50, 100, 200))
    return {
        "zone": str(ZONE), "unit_cents": 100, "point_cost_cents": str(Fraction(100, cost)), "festivals": FESTIVALS,
        "rules": rules, "shared_limits": limits, "budgets": plans,
    }  # fmt: skip


def one_member(chance, name):
    tier = chance.choice(list(TIERS))
    return oracle.Member(
        name,
        tier,
        TIERS[tier],
        tuple(chance.sample(SEGMENTS, chance.randint(0, 2))),
        chance.choice((None, date(2024, 2, 1) + timedelta(days=chance.randrange(45)))),
        chance.choice((None, date(2000, 2, 29), date(1990, 3, chance.randint(1, 31)))),
        {"double": chance.randint(0, 3), "triple": chance.randint(0, 1)},
        birthday_factor=chance.choice((10_000, 20_000)),
        sprint=chance.random() < 0.4,
    )


def one_line(chance):
    amount = chance.choice((0, -100, 1, 333, 999, 1000, 1999, chance.randrange(20_000), chance.randrange(20_000)))
    cost = chance.choice((None, None, amount // 2, amount * 2 // 3, amount + 100))
    return oracle.Line(
        amount, chance.choice(CATEGORIES), chance.choice(BRANDS), chance.choice(SKUS), chance.choice((0, 1, 1, 2, 3)), cost if amount > 0 else None
    )


def one_fact(chance, n, at, members):
    member = chance.choice(members)
    if chance.random() < 0.15:
        data = {"length": chance.randrange(10)} if chance.random() < 0.9 else {}
        data |= {"category": chance.choice(CATEGORIES), "channel": chance.choice(("app", "web", ""))}
        return oracle.Fact(f"f{n}", member, at, SURVEY, data=data)
    lines = [one_line(chance) for _ in range(chance.choice((0, 1, 1, 2, 3, 5)))]
    total = sum(max(0, line.amount) for line in lines)
    shipping = chance.choice((0, 0, 500))
    paid = chance.choice((total + shipping, total + shipping, total * 2 // 3, total // 7, 0, 1234))
    return oracle.Fact(f"f{n}", member, at, lines=lines, paid=paid, shipping=shipping, channel=chance.choice(("app", "web", "")))


class Decided(NamedTuple):
    """A fact that the engine has decided, and how many of its points stand."""

    given: engine.Given
    rules: list
    charges: list
    counters: dict
    stands: int


class Engine:
    """The engine with the accounts that the database keeps for it: what limits and budgets have had."""

    def __init__(self, programme):
        self.rules = {PURCHASE: [], SURVEY: []}
        for number, one in enumerate(programme["rules"]):
            said = from_json(one["definition"])
            expression = EXPRESSIONS[said.conditions.expression][0] if said.conditions.expression else None
            self.rules[one["fact"]].append(engine.ready(number, one["code"], said, expression))
        self.limits = [SharedLimit(**one) for one in programme["shared_limits"]]
        self.plans = [budgets.Budget(id=n, **one) for n, one in enumerate(programme["budgets"])]
        self.cost = int(100 / Fraction(programme["point_cost_cents"]))
        self.festivals = [(code, date.fromisoformat(first), date.fromisoformat(last)) for code, spans in FESTIVALS.items() for first, last in spans]
        self.used = {}  # (counter, its period, whose) → (points, times)
        self.decided = {}  # fact id → Decided

    def take(self, fact, member, past):
        """Decides a fact that the oracle has decided: who did it and their history are as given → Decision."""
        local = fact.at.astimezone(ZONE)
        lines = engine.basis(self.purchase(fact)) if fact.kind == PURCHASE else ()
        seen = engine.Fact(fact.kind, f"{fact.kind}/{fact.id}", local.date(), local.hour, lines, fact.channel or fact.data.get("channel", ""), fact.data)
        rules = self.rules[fact.kind]
        counters = {key: (counter.starts, "*" if counter.shared else fact.member) for key, counter in engine.counters(rules, self.limits, seen).items()}
        rooms = engine.rooms(rules, self.limits, seen, {key: self.used.get((key, *where), (0, 0)) for key, where in counters.items()})
        for plan in self.plans:
            covers = [one.code for one in rules if budgets.matches(plan, rule_code=one.code, campaign=one.said.campaign, cost_centre=one.said.cost_centre)]
            if covers:
                charge = plan.charge(0, day=seen.day)
                counters[charge.name] = charge.starts, "*"
                points, times = self.used.get((charge.name, charge.starts, "*"), (0, 0))
                left = budgets.left(charge, points=points, times=times)
                rooms.append(engine.Room(charge.name, left.points, left.times, frozenset(covers), "stop" if plan.at_end == "stop" else "cut"))
        given = engine.Given(
            seen,
            ROLL,
            engine.Member(
                member.id, member.tier, member.tier_factor, frozenset(member.segments), member.registered_on, member.birthday,
                frozenset(code for code, left in member.cards.items() if left), member.birthday_factor, member.sprint,
            ),
            engine.History(past.nth - 1, past.last, {category: day for category, day in past.last_with.items() if category}),
            frozenset(code for code, first, last in self.festivals if first <= seen.day <= last),
            rooms,
            self.cost,
        )  # fmt: skip
        decision = engine.decide(given, rules)
        self.decided[fact.id] = Decided(given, rules, decision.charges, counters, decision.points)
        self.charge(decision.charges, counters, 1)
        return decision

    def refund(self, fact, refunds):
        """What is taken back by the last of all refunds of a purchase."""
        before, purchase = self.decided[fact.id], self.purchase(fact)
        left = activity.left_after(purchase, refunds)
        again = replace(before.given, fact=replace(before.given.fact, lines=engine.still_earned(purchase, left)))
        decision = engine.decide(again, [] if left.goods_gone else before.rules)
        less, charges = engine.given_back(before.charges, decision.charges)
        self.charge(less, before.counters, -1)
        stands = min(before.stands, decision.points)
        self.decided[fact.id] = before._replace(charges=charges, stands=stands)
        return before.stands - stands

    def charge(self, charges, counters, sign):
        for charge in charges:
            if charge.key in counters:
                key = (charge.key, *counters[charge.key])
                points, times = self.used.get(key, (0, 0))
                self.used[key] = points + sign * charge.points, times + sign * charge.times

    @staticmethod
    def purchase(fact):
        lines = [activity.Line(str(n), one.sku, one.category, one.brand, one.quantity, one.amount, one.cost) for n, one in enumerate(fact.lines)]
        return activity.Purchase(fact.id, fact.at, "USD", fact.paid, lines, fact.shipping, channel=fact.channel)


def rolled(code, effect, fact):
    """The text that is rolled for is the engine's; what comes of a roll is the text's: a chance in a million, both bounds included."""
    here = Fraction(ROLL(f"chance/{code}/{fact.kind}/{fact.id}"), engine.ROLLS)
    if here * 1_000_000 >= effect.get("chance", 1_000_000):
        return None
    least, most = effect.get("minimum", 0), effect["maximum"]
    return least + int(Fraction(ROLL(f"points/{code}/{fact.kind}/{fact.id}"), engine.ROLLS) * (most - least + 1))


def released(code, release, member):
    if release["to"] == "percent":
        return Fraction(ROLL(f"release/{code}/{member.id}"), engine.ROLLS) * 100 < release["percent"]
    return release.get("segment", "staff") in member.segments


def says(text, fact, lines, bases, member, past):
    return EXPRESSIONS[text][1](fact, sum(bases), lines, member, past)


def agree(decision, expected, lines):
    """The same points, by rule and by line, and the explanation adds up."""
    assert (decision.points, decision.granted) == (expected.points, expected.rules)
    assert list(decision.lines) == [expected.places.get(place, 0) for place in (*range(len(lines)), oracle.WHOLE)]
    assert decision.points == sum(decision.granted.values()) == sum(decision.lines)


@pytest.mark.parametrize("seed", range(SETS))
def test_random_facts_under_random_rules_come_to_what_the_oracle_says(seed):
    chance = random.Random(f"rules and facts {seed}")
    programme = one_programme(chance)
    names = [f"m{n}" for n in range(max(4, FACTS // 40))]
    on_paper = oracle.Oracle(programme, members={name: one_member(chance, name) for name in names}, roll=rolled, says=says, released=released)
    machine = Engine(programme)
    facts, at = [], START
    for n in range(FACTS):
        # Two months of facts; some at the same instant.
        at += timedelta(minutes=chance.choice((0, 7, 2 * 60 * 24 * 60 // FACTS)))
        fact = one_fact(chance, n, at, names)
        expected, taken = on_paper.take(fact), on_paper.taken[fact.id]
        agree(machine.take(fact, taken.member, taken.past), expected, machine.decided[fact.id].given.fact.lines)
        facts.append((fact, []))
        if chance.random() < 0.3:
            give_back(chance, *chance.choice(facts[-30:]), on_paper, machine)
    assert {key[-1] for key in machine.used} <= {*names, "*"}
    assert all(points >= 0 and times >= 0 for used in (machine.used, on_paper.used) for points, times in used.values())


def give_back(chance, fact, before, on_paper, machine):
    """Refund some of a purchase: money, and now and then pieces of its lines; both sides take back the same."""
    taken = on_paper.taken[fact.id]
    if fact.kind != PURCHASE or taken.gone:
        return
    left = fact.paid - taken.refunded
    money = chance.choice((0, left // 3, left // 2, left, min(left, max(0, fact.goods - taken.refunded))))
    pieces = {}
    for i, line in enumerate(fact.lines):
        if taken.kept[i] == 1 and chance.random() < 0.3:
            pieces[i] = chance.choice((None, *range(1, line.quantity + 1)))
    before.append(activity.Refund(f"r{len(before)}", fact.at, money, [activity.RefundLine(str(i), n) for i, n in pieces.items()]))
    taken_back = on_paper.refund(fact.id, money, pieces)
    assert machine.refund(fact, before) == taken_back
