"""Both sides of a simulation, fact by fact, and what is told of them in the end. Pure."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from accounts.activity import rules as activity
from points.budgets import rules as budgets
from points.earning import rules as earning
from points.rulebook.rules import SharedLimit

LARGEST = 10
# Changes of a member's points, from … to, both included; None is without end.
BINS: Sequence[tuple[int | None, int | None]] = (
    (None, -1001), (-1000, -501), (-500, -101), (-100, -11), (-10, -1), (0, 0), (1, 10), (11, 100), (101, 500), (501, 1000), (1001, None),
)  # fmt: skip


class Happened(NamedTuple):
    """A fact of history as the rules see it. `purchase` and its refunds, when they count and by which id, where it was refunded."""

    at: datetime
    id: str
    member: str
    fact: earning.Fact
    purchase: activity.Purchase | None = None
    refunds: Sequence[tuple[datetime, str, activity.Refund]] = ()
    cards: frozenset[str] = frozenset()


@dataclass(slots=True)
class Past:
    """A member's purchases so far: how many, on which day the last, the last of each category; those that are refunded later, apart."""

    count: int = 0
    last_on: date | None = None
    by_category: dict[str, date] = field(default_factory=dict)
    unsure: dict[str, tuple[date, list[str]]] = field(default_factory=dict)

    def history(self, categories: Sequence[str]) -> earning.History:
        days = [day for day, _categories in self.unsure.values()]
        last_on = max([day for day in (self.last_on, *days) if day], default=None)
        last = {}
        for category in categories:
            seen = [day for day, bought in self.unsure.values() if category in bought]
            if day := max([day for day in (self.by_category.get(category), *seen) if day], default=None):
                last[category] = day
        return earning.History(self.count + len(self.unsure), last_on, last)

    def buy(self, key: str, day: date, categories: Sequence[str], *, unsure: bool) -> None:
        if unsure:
            self.unsure[key] = (day, list(categories))
            return
        self.count, self.last_on = self.count + 1, max(day, self.last_on or day)
        for category in categories:
            self.by_category[category] = max(day, self.by_category.get(category, day))


class Plan(NamedTuple):
    """By what one side decides: its rules by kind of fact, the shared limits and the budgets."""

    chosen: Mapping[str, Sequence[earning.Rule]]
    limits: Sequence[SharedLimit]
    budgets: Sequence[budgets.Budget]


@dataclass(slots=True)
class Side:
    """One side as far as it has come: what limits and budgets have had, and who was given how much by which rule."""

    used: dict[str, list[int]] = field(default_factory=dict)
    spent: dict[str, list[int]] = field(default_factory=dict)
    by_member: dict[str, int] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    by_month: dict[str, int] = field(default_factory=dict)
    refundable: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def points(self) -> int:
        return sum(self.by_member.values())

    def decide(self, plan: Plan, given: earning.Given, member: str, *, refundable: bool) -> earning.Decision:
        """Decide a fact and count what it takes."""
        fact = given.fact
        chosen = plan.chosen.get(fact.kind, ())
        counters = earning.counters(chosen, plan.limits, fact)
        had = {key: self._had(counter, member) for key, counter in counters.items()}
        rooms = earning.rooms(chosen, plan.limits, fact, had)
        for budget in plan.budgets:
            if budget.runs_on(fact.day) and (covered := covers(budget, chosen)):
                key = budgets.counter_of(budget.id)
                counters[key] = earning.Counter(key, budgets.period_start(budget.period, fact.day), shared=True)
                spent = self.spent.get(f"{key}@{counters[key].starts}", [0, 0])[0]
                left = None if budget.at_end == "go_on" else max(0, budget.points - spent)
                rooms.append(earning.Room(key, left, None, covered, "stop" if budget.at_end == "stop" else "cut"))
        given = earning.Given(fact, given.roll, given.member, given.history, given.festivals, rooms, given.points_per_unit)
        decision = earning.decide(given, chosen)
        self._charge(decision.charges, counters, member, +1)
        self._count(decision, fact.day, member, +1)
        if refundable:
            kept = earning.given_as_json(given, [], decision.charges, counters)
            self.refundable[fact.key] = {"given": kept, "points": decision.points, "granted": decision.granted}
        return decision

    def refund(self, plan: Plan, fact: earning.Fact, roll: Any, member: str, *, void: bool) -> None:
        """Decide a purchase again, on what is left of it; it never gives more."""
        kept = self.refundable[fact.key]
        given = earning.given_from_json(kept["given"], fact=fact, member_key=member, roll=roll)
        decision = earning.decide(given, [] if void else plan.chosen.get(fact.kind, ()))
        counters = earning.counters_from_json(kept["given"])
        still = {charge.key: charge for charge in decision.charges}
        less = []
        for charge in earning.charges_from_json(kept["given"]):
            now = still.get(charge.key, earning.Charge(charge.key, 0, 0))
            less.append(earning.Charge(charge.key, max(0, charge.points - now.points), max(0, charge.times - now.times)))
        self._charge(less, counters, member, -1)
        taken = max(0, kept["points"] - decision.points)
        self.by_member[member] = self.by_member.get(member, 0) - taken
        month = given.fact.day.isoformat()[:7]
        self.by_month[month] = self.by_month.get(month, 0) - taken
        for code, points in kept["granted"].items():
            self.by_rule[code] = self.by_rule.get(code, 0) - points
        for code, points in (kept["granted"] if not taken else decision.granted).items():
            self.by_rule[code] = self.by_rule.get(code, 0) + points
        kept["points"] -= taken
        if taken:
            kept["granted"] = decision.granted
        kept["given"]["charges"] = [[charge.key, charge.points, charge.times] for charge in decision.charges]

    def forget_before(self, day: date) -> None:
        """Periods that are over will not be asked for again."""
        starts = {earning.period_start(per, day).isoformat() for per in ("day", "week", "month", "life")}
        self.used = {name: had for name, had in self.used.items() if name.rpartition("@")[2] in starts}

    def _had(self, counter: earning.Counter, member: str) -> tuple[int, int]:
        points, times = (self.spent if counter.shared else self.used).get(_name(counter, member), (0, 0))
        return points, times

    def _charge(self, charges: Sequence[earning.Charge], counters: Mapping[str, earning.Counter], member: str, sign: int) -> None:
        for charge in charges:
            if (counter := counters.get(charge.key)) is not None:
                had = (self.spent if counter.shared else self.used).setdefault(_name(counter, member), [0, 0])
                had[0] += sign * charge.points
                had[1] += sign * charge.times

    def _count(self, decision: earning.Decision, day: date, member: str, sign: int) -> None:
        if not decision.points:
            return
        month = day.isoformat()[:7]
        self.by_member[member] = self.by_member.get(member, 0) + sign * decision.points
        self.by_month[month] = self.by_month.get(month, 0) + sign * decision.points
        for code, points in decision.granted.items():
            self.by_rule[code] = self.by_rule.get(code, 0) + sign * points


def _name(counter: earning.Counter, member: str) -> str:
    return f"{counter.key}@{counter.starts}" if counter.shared else f"{member}|{counter.key}@{counter.starts}"


def covers(budget: budgets.Budget, chosen: Sequence[earning.Rule]) -> frozenset[str]:
    """Which of these rules the budget pays for."""
    return frozenset(one.code for one in chosen if budgets.matches(budget, rule_code=one.code, campaign=one.said.campaign, cost_centre=one.said.cost_centre))


@dataclass(slots=True)
class World:
    """Both sides, and what they have in common."""

    old: Side = field(default_factory=Side)
    new: Side = field(default_factory=Side)
    past: dict[str, Past] = field(default_factory=dict)
    waiting: list[tuple[str, str, str, dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)
    facts: int = 0
    day: str = ""


def feed(world: World, plans: tuple[Plan, Plan], happened: Happened, given: earning.Given, *, with_history: bool) -> None:
    """One fact for both sides; `given` is what they have in common to look at, its history left to be filled in."""
    fact, member = happened.fact, happened.member
    if fact.day.isoformat() > world.day:
        world.day = fact.day.isoformat()
        for side in (world.old, world.new):
            side.forget_before(fact.day)
    history = earning.History()
    if fact.kind == earning.PURCHASE and with_history:
        categories = sorted({line.category for line in fact.lines if line.category})
        past = world.past.setdefault(member, Past())
        history = past.history(categories)
        past.buy(fact.key, fact.day, categories, unsure=bool(happened.refunds))
    seen = earning.Given(fact, given.roll, given.member, history, given.festivals, (), given.points_per_unit)
    for side, plan in zip((world.old, world.new), plans, strict=True):
        side.decide(plan, seen, member, refundable=bool(happened.refunds))
    world.facts += 1
    if happened.refunds and happened.purchase is not None:
        bought = activity.purchase_as_json(happened.purchase)
        refunds = [activity.refund_as_json(refund) for _at, _id, refund in happened.refunds]
        for number, (at, key, _refund) in enumerate(happened.refunds, 1):
            heapq.heappush(world.waiting, (at.isoformat(), key, member, bought, refunds[:number]))


def refund_due(world: World, plans: tuple[Plan, Plan], fact_of: Any, roll: Any, *, until: tuple[datetime, str] | None) -> int:
    """Apply the refunds that come before `until` (None: all that are left); how many. `fact_of` gives the fact for a basis."""
    done = 0
    while world.waiting and (until is None or (datetime.fromisoformat(world.waiting[0][0]), world.waiting[0][1]) < until):
        _at, _id, member, bought, refunds = heapq.heappop(world.waiting)
        purchase = activity.purchase_from_json(bought)
        left = activity.left_after(purchase, [activity.refund_from_json(one) for one in refunds])
        fact = fact_of(purchase, earning.still_earned(purchase, left))
        for side, plan in zip((world.old, world.new), plans, strict=True):
            side.refund(plan, fact, roll, member, void=left.complete)
        past = world.past.get(member)
        if past is not None and left.complete:
            past.unsure.pop(fact.key, None)
        done += 1
    return done


def report(world: World, *, points_per_unit: int, minor_digits: int, plans: tuple[Plan, Plan]) -> dict[str, Any]:
    """What is told in the end. Money is what the points cost, in minor units."""
    old, new = world.old, world.new
    members = old.by_member.keys() | new.by_member.keys()
    changes = {member: new.by_member.get(member, 0) - old.by_member.get(member, 0) for member in members}
    largest = sorted((member for member in changes if changes[member]), key=lambda member: (-abs(changes[member]), member))[:LARGEST]
    unit = 10**minor_digits

    def both(name: str) -> dict[str, list[int]]:
        one, other = getattr(old, name), getattr(new, name)
        return {key: [one.get(key, 0), other.get(key, 0)] for key in sorted(one.keys() | other.keys())}

    spent = {}
    for budget in {plan.id: plan for side in plans for plan in side.budgets}.values():
        prefix = f"{budgets.counter_of(budget.id)}@"
        used = {name.removeprefix(prefix): had[0] for name, had in new.spent.items() if name.startswith(prefix)}
        spent[budget.code] = {"limit": budget.points, "by_period": dict(sorted(used.items()))}
    return {
        "facts": world.facts,
        "points": [old.points, new.points],
        "cents": [old.points * unit // points_per_unit, new.points * unit // points_per_unit],
        "percent": percent(old.points, new.points),
        "gaining": sum(change > 0 for change in changes.values()),
        "losing": sum(change < 0 for change in changes.values()),
        "same": sum(change == 0 for change in changes.values()),
        "largest": [[member, old.by_member.get(member, 0), new.by_member.get(member, 0)] for member in largest],
        "histogram": histogram(list(changes.values())),
        "by_rule": both("by_rule"),
        "by_month": both("by_month"),
        "budgets": spent,
    }


def percent(old: int, new: int) -> float:
    """By how much points cost more than before, in percent with two decimals; where there was nothing before, 100 for anything."""
    if not old:
        return 100.0 if new else 0.0
    return round((new - old) * 10_000 / old) / 100


def histogram(changes: Sequence[int]) -> list[list[int | None]]:
    """How many members' points change by how much: [from, to (None: without end), members], both bounds included."""
    return [[low, high, sum((low is None or change >= low) and (high is None or change <= high) for change in changes)] for low, high in BINS]


def as_json(world: World) -> dict[str, Any]:
    """The state as it is kept between two slices."""
    sides = {name: {slot: getattr(getattr(world, name), slot) for slot in Side.__slots__} for name in ("old", "new")}
    past = {
        member: [
            one.count,
            one.last_on.isoformat() if one.last_on else None,
            {category: day.isoformat() for category, day in one.by_category.items()},
            {key: [day.isoformat(), categories] for key, (day, categories) in one.unsure.items()},
        ]
        for member, one in world.past.items()
    }
    return {**sides, "past": past, "waiting": world.waiting, "facts": world.facts, "day": world.day}


def from_json(kept: Mapping[str, Any]) -> World:
    past = {
        member: Past(
            count,
            date.fromisoformat(last) if last else None,
            {category: date.fromisoformat(day) for category, day in by_category.items()},
            {key: (date.fromisoformat(day), categories) for key, (day, categories) in unsure.items()},
        )
        for member, (count, last, by_category, unsure) in kept["past"].items()
    }
    waiting = [(at, key, member, bought, refunds) for at, key, member, bought, refunds in kept["waiting"]]
    return World(Side(**kept["old"]), Side(**kept["new"]), past, waiting, kept["facts"], kept["day"])
