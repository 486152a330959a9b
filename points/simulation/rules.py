"""Both sides of a simulation, fact by fact, and what is told of them in the end. Pure."""

import heapq
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Self

from accounts.activity import rules as activity
from points.budgets import rules as budgets
from points.earning import rules as earning
from points.rulebook.rules import SharedLimit

LARGEST = 10
# Changes of a member's points, from … to, both included; None is without end.
BINS: Sequence[tuple[int | None, int | None]] = (
    (None, -1001), (-1000, -501), (-500, -101), (-100, -11), (-10, -1), (0, 0), (1, 10), (11, 100), (101, 500), (501, 1000), (1001, None),
)  # fmt: skip
# The shortest span, in days, whose figure counts at the gate.
GATE_DAYS = 28
# Counts the forms in which what is known is kept between two slices: what was begun in another one begins anew.
KEPT_AS = 2


class Happened(NamedTuple):
    """A fact of history as the rules see it. `purchase` and its refunds, when each counts and by which id, where it was refunded."""

    at: datetime
    id: str
    member: str
    fact: earning.Fact
    purchase: activity.Purchase | None = None
    refunds: Sequence[tuple[datetime, str, activity.Refund]] = ()


class Plan(NamedTuple):
    """By what one side decides: its rules by kind of fact, the shared limits and the budgets."""

    chosen: Mapping[str, Sequence[earning.Rule]]
    limits: Sequence[SharedLimit]
    budgets: Sequence[budgets.Budget]


class Plans(NamedTuple):
    """Both sides' plans, and what they have in common: the rolls, and what points cost.

    `asks`: what of a member any rule looks at; `window`: how many days back any asks for what was bought of a category.
    """

    old: Plan
    new: Plan
    roll: Callable[[str], int]
    points_per_unit: int
    asks: frozenset[str]
    window: int

    @classmethod
    def of(cls, old: Plan, new: Plan, roll: Callable[[str], int], points_per_unit: int = 100) -> Self:
        chosen = [one for plan in (old, new) for rules in plan.chosen.values() for one in rules]
        asks = frozenset[str]().union(*(one.asks for one in chosen))
        days = [one.said.conditions.again_days or 0 for one in chosen if "history_by_category" in one.asks]
        return cls(old, new, roll, points_per_unit, asks, max(days, default=0))


class Refunded(NamedTuple):
    """A purchase with its refunds in the order in which they count."""

    purchase: activity.Purchase
    refunds: Sequence[activity.Refund]


class Bought(NamedTuple):
    """A purchase that may not count among a later one's earlier purchases, as it is refunded."""

    day: date
    categories: Sequence[str]


@dataclass(slots=True)
class Past:
    """A member's purchases so far: how many, on which day the last, the last of each category; those that are refunded later, apart."""

    count: int = 0
    last_on: date | None = None
    by_category: dict[str, date] = field(default_factory=dict)
    unsure: dict[str, Bought] = field(default_factory=dict)

    def history(self, categories: Sequence[str]) -> earning.History:
        earlier = self.unsure.values()
        last_on = max((day for day in (self.last_on, *(one.day for one in earlier)) if day), default=None)
        last = {}
        for category in categories:
            seen = [one.day for one in earlier if category in one.categories]
            if day := max((day for day in (self.by_category.get(category), *seen) if day), default=None):
                last[category] = day
        return earning.History(self.count + len(earlier), last_on, last)

    def settle(self, one: Bought) -> None:
        """This one counts for good."""
        self.count, self.last_on = self.count + 1, max(one.day, self.last_on or one.day)
        for category in one.categories:
            self.by_category[category] = max(one.day, self.by_category.get(category, one.day))


@dataclass(slots=True)
class Own:
    """What a side has given a member, what the member's limits have had, and what was given for purchases that are refunded later."""

    points: int = 0
    used: dict[str, list[int]] = field(default_factory=dict)
    refundable: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Known:
    """A member on both sides. `bought`: the purchases that are refunded later; `waiting`: of which, when and by which id, how many refunds."""

    old: Own = field(default_factory=Own)
    new: Own = field(default_factory=Own)
    past: Past = field(default_factory=Past)
    bought: dict[str, Refunded] = field(default_factory=dict)
    waiting: list[tuple[datetime, str, str, int]] = field(default_factory=list)

    @property
    def due(self) -> datetime | None:
        """When the next refund counts."""
        return min((at for at, _id, _key, _number in self.waiting), default=None)


@dataclass(slots=True)
class Side:
    """What a side has given to all members together, and what rule-wide limits and budgets have had of it."""

    points: int = 0
    spent: dict[str, list[int]] = field(default_factory=dict)
    by_rule: dict[str, int] = field(default_factory=dict)
    by_month: dict[str, int] = field(default_factory=dict)
    won: dict[str, int] = field(default_factory=dict)

    def decide(self, plan: Plan, given: earning.Given, own: Own, *, refundable: bool) -> None:
        """Decide a fact and count what it takes."""
        fact = given.fact
        chosen = plan.chosen.get(fact.kind, ())
        counters = earning.counters(chosen, plan.limits, fact)
        had = {key: self._had(counter, own) for key, counter in counters.items()}
        rooms = earning.rooms(chosen, plan.limits, fact, had)
        for budget in plan.budgets:
            if budget.runs_on(fact.day) and (covered := covers(budget, chosen)):
                key = budgets.counter_of(budget.id)
                counters[key] = earning.Counter(key, budgets.period_start(budget.period, fact.day), shared=True)
                left = None if budget.at_end == "go_on" else max(0, budget.points - self._had(counters[key], own)[0])
                rooms.append(earning.Room(key, left, None, covered, "stop" if budget.at_end == "stop" else "cut"))
        given = earning.Given(fact, given.roll, given.member, given.history, given.festivals, rooms, given.points_per_unit)
        decision = earning.decide(given, chosen)
        self._charge(own, decision.charges, counters, +1)
        self._grant(own, fact.day, decision.points, decision.granted)
        won = [[one.code, one.effect, one.item, one.count] for one in decision.won]
        self._win(won, +1)
        if refundable and (decision.points or won):
            kept = earning.given_as_json(given, [], decision.charges, counters)
            own.refundable[fact.key] = {"given": kept, "points": decision.points, "granted": decision.granted, "won": won}

    def refund(self, plan: Plan, own: Own, fact: earning.Fact, roll: Callable[[str], int], member: str, *, void: bool) -> None:
        """Decide a purchase again, on what is left of it. It never gives more."""
        kept = own.refundable.get(fact.key)
        if kept is None:
            return
        given = earning.given_from_json(kept["given"], fact=fact, member_key=member, roll=roll)
        decision = earning.decide(given, [] if void else plan.chosen.get(fact.kind, ()))
        less, charges = earning.given_back(earning.charges_from_json(kept["given"]), decision.charges)
        self._charge(own, less, earning.counters_from_json(kept["given"]), -1)
        kept["given"]["charges"] = [[charge.key, charge.points, charge.times] for charge in charges]
        if decision.points < kept["points"]:
            day, before = given.fact.day, kept["granted"]
            granted = {code: decision.granted.get(code, 0) - before.get(code, 0) for code in before.keys() | decision.granted.keys()}
            self._grant(own, day, decision.points - kept["points"], granted)
            kept["points"], kept["granted"] = decision.points, decision.granted
        still = {(one.code, one.effect, one.item): one.count for one in decision.won}
        left = [[code, effect, item, min(count, still.get((code, effect, item), 0))] for code, effect, item, count in kept["won"]]
        self._win(kept["won"], -1)
        self._win(left, +1)
        kept["won"] = left

    def _had(self, counter: earning.Counter, own: Own) -> tuple[int, int]:
        points, times = (self.spent if counter.shared else own.used).get(_name(counter), (0, 0))
        return points, times

    def _charge(self, own: Own, charges: Sequence[earning.Charge], counters: Mapping[str, earning.Counter], sign: int) -> None:
        for charge in charges:
            if (counter := counters.get(charge.key)) is not None:
                had = (self.spent if counter.shared else own.used).setdefault(_name(counter), [0, 0])
                had[0] += sign * charge.points
                had[1] += sign * charge.times

    def _grant(self, own: Own, day: date, points: int, granted: Mapping[str, int]) -> None:
        if not points:
            return
        month = day.isoformat()[:7]
        own.points += points
        self.points += points
        self.by_month[month] = self.by_month.get(month, 0) + points
        for code, of_rule in granted.items():
            self.by_rule[code] = self.by_rule.get(code, 0) + of_rule

    def _win(self, won: Sequence[Sequence[Any]], sign: int) -> None:
        for _code, effect, item, count in won:
            self.won[f"{effect}/{item}"] = self.won.get(f"{effect}/{item}", 0) + sign * count


def _name(counter: earning.Counter) -> str:
    return f"{counter.key}@{counter.starts}"


def covers(budget: budgets.Budget, chosen: Sequence[earning.Rule]) -> frozenset[str]:
    """Which of these rules the budget pays for."""
    return frozenset(one.code for one in chosen if budgets.matches(budget, rule_code=one.code, campaign=one.said.campaign, cost_centre=one.said.cost_centre))


@dataclass(slots=True)
class World:
    """Both sides, and the members that are looked at just now."""

    old: Side = field(default_factory=Side)
    new: Side = field(default_factory=Side)
    facts: int = 0
    day: date = date.min
    members: dict[str, Known] = field(default_factory=dict)
    waiting: list[tuple[datetime, str, str, str, int]] = field(default_factory=list)

    def bring(self, member: str, known: Known) -> None:
        """Look at a member from now on."""
        self.members[member] = known
        for at, refund, key, number in known.waiting:
            heapq.heappush(self.waiting, (at, refund, member, key, number))


def feed(world: World, plans: Plans, happened: Happened, given: earning.Given) -> None:
    """Decide one fact on both sides, after what of refunds comes before it. Its member is looked at, and so is whoever has such a refund.

    `given` is what both sides look at, but for the history and the rooms.
    """
    refund_due(world, plans, until=(happened.at, happened.id))
    fact, known = happened.fact, world.members[happened.member]
    world.day = max(world.day, fact.day)
    history = earning.History()
    if fact.kind == earning.PURCHASE and "history" in plans.asks:
        categorical = "history_by_category" in plans.asks
        categories = _categories(fact.lines) if categorical else []
        history = known.past.history(categories)
        # What was bought is all of its lines, those for nothing, too, of which a fact without any other has none.
        bought = Bought(fact.day, _categories(happened.purchase.lines if happened.purchase else fact.lines) if categorical else [])
        if happened.refunds:
            known.past.unsure[fact.key] = bought
        else:
            known.past.settle(bought)
    given = earning.Given(fact, given.roll, given.member, history, given.festivals, (), given.points_per_unit)
    for side, plan, own in ((world.old, plans.old, known.old), (world.new, plans.new, known.new)):
        side.decide(plan, given, own, refundable=bool(happened.refunds))
    world.facts += 1
    if happened.refunds and happened.purchase is not None:
        refunds = sorted(happened.refunds, key=lambda one: one[0])
        known.bought[fact.key] = Refunded(happened.purchase, [refund for _at, _id, refund in refunds])
        for number, (at, refund_id, _refund) in enumerate(refunds, 1):
            known.waiting.append((at, refund_id, fact.key, number))
            heapq.heappush(world.waiting, (at, refund_id, happened.member, fact.key, number))


def _categories(lines: Iterable[activity.Line | earning.Line]) -> list[str]:
    return sorted({line.category for line in lines if line.category})


def refund_due(world: World, plans: Plans, *, until: tuple[datetime, str] | None) -> None:
    """Apply the refunds that come before that instant and id (None: all) of the members that are looked at."""
    while world.waiting and (until is None or world.waiting[0][:2] < until):
        at, refund, member, key, number = heapq.heappop(world.waiting)
        known = world.members[member]
        known.waiting.remove((at, refund, key, number))
        purchase, refunds = known.bought[key]
        left = activity.left_after(purchase, refunds[:number])
        # The day and all else of it are kept with what was given.
        fact = earning.Fact(earning.PURCHASE, key, earning.EVER, lines=earning.still_earned(purchase, left))
        for side, plan, own in ((world.old, plans.old, known.old), (world.new, plans.new, known.new)):
            side.refund(plan, own, fact, plans.roll, member, void=left.goods_gone)
        over = number == len(refunds)
        if key in known.past.unsure:
            if left.goods_gone:
                del known.past.unsure[key]
            elif over:
                known.past.settle(known.past.unsure.pop(key))
        if over:
            del known.bought[key]
            for own in (known.old, known.new):
                own.refundable.pop(key, None)


def presets(today: date) -> dict[str, tuple[date, date]]:
    """Spans that are over, by name, each from its first through its last day; quarters, months and years are whole ones."""
    yesterday, month = today - timedelta(days=1), today.replace(day=1)
    last_of_quarter = month.replace(month=(month.month - 1) // 3 * 3 + 1) - timedelta(days=1)
    return {
        "quarter": (last_of_quarter.replace(month=last_of_quarter.month - 2, day=1), last_of_quarter),
        "month": ((month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)),
        "days_30": (today - timedelta(days=30), yesterday),
        "days_90": (today - timedelta(days=90), yesterday),
        "year": (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31)),
        "days_365": (today - timedelta(days=365), yesterday),
    }


def report(world: World, plans: Plans, members: Iterable[tuple[str, int, int]], *, minor_digits: int) -> dict[str, Any]:
    """What is told in the end; `members` are all, with their points on both sides. Money is what the points cost, in minor units."""
    old, new = world.old, world.new
    counts, bins, largest = {-1: 0, 0: 0, 1: 0}, [0] * len(BINS), []
    for member, before, after in members:
        change = after - before
        counts[(change > 0) - (change < 0)] += 1
        bins[bin_of(change)] += 1
        if change:
            largest.append((-abs(change), member, before, after))
            if len(largest) > 100 * LARGEST:
                largest = heapq.nsmallest(LARGEST, largest)
    unit = 10**minor_digits

    def both(name: str) -> dict[str, list[int]]:
        one, other = getattr(old, name), getattr(new, name)
        found = {key: [one.get(key, 0), other.get(key, 0)] for key in sorted(one.keys() | other.keys())}
        return {key: pair for key, pair in found.items() if any(pair)}

    spent = {}
    for budget in plans.new.budgets:
        prefix = f"{budgets.counter_of(budget.id)}@"
        used = {name.removeprefix(prefix): had[0] for name, had in new.spent.items() if name.startswith(prefix)}
        spent[budget.code] = {"limit": budget.points, "by_period": dict(sorted(used.items()))}
    return {
        "facts": world.facts,
        "points": [old.points, new.points],
        "cents": [old.points * unit // plans.points_per_unit, new.points * unit // plans.points_per_unit],
        "percent": percent(old.points, new.points),
        "gaining": counts[1],
        "losing": counts[-1],
        "same": counts[0],
        "largest": [[member, before, after] for _change, member, before, after in heapq.nsmallest(LARGEST, largest)],
        "histogram": [[low, high, count] for (low, high), count in zip(BINS, bins, strict=True)],
        "by_rule": both("by_rule"),
        "by_month": both("by_month"),
        "won": both("won"),
        "budgets": spent,
    }


def percent(old: int, new: int) -> float:
    """By how much points cost more than before, in percent, rounded up to two decimals; where there was nothing before, 100 for anything."""
    if not old:
        return 100.0 if new else 0.0
    return -(-(new - old) * 10_000 // old) / 100


def bin_of(change: int) -> int:
    """Into which of the BINS a change falls."""
    return next(n for n, (_low, high) in enumerate(BINS) if high is None or change <= high)


def why_no_figure(*, tried: Sequence[str], days: int, by_rule: Mapping[str, Sequence[int]]) -> str:
    """Why what a simulation shows is no figure for the gate: several, short, silent; empty where it is one.

    It is silent where no fact came out differently and the rule that was tried gave nothing: then it says nothing about the rule.
    """
    if len(tried) != 1:
        return "several"
    if days < GATE_DAYS:
        return "short"
    if tried[0] not in by_rule and all(old == new for old, new in by_rule.values()):
        return "silent"
    return ""


def side_as_json(side: Side) -> dict[str, Any]:
    return {slot: getattr(side, slot) for slot in Side.__slots__}


def world_as_json(world: World) -> dict[str, Any]:
    """What is kept between two slices, but for the members."""
    return {"old": side_as_json(world.old), "new": side_as_json(world.new), "facts": world.facts, "day": world.day.isoformat()}


def world_from_json(kept: Mapping[str, Any]) -> World:
    return World(Side(**kept["old"]), Side(**kept["new"]), kept["facts"], date.fromisoformat(kept["day"])) if kept else World()


def known_as_text(known: Known, plans: Plans, day: date) -> str:
    """What must be remembered of a member after that day, besides the points; empty where that is nothing."""
    # The day before, too: where the programme's zone changed, facts told before it have the days of the old one.
    starts = {earning.period_start(per, one).isoformat() for per in ("day", "week", "month", "life") for one in (day, day - timedelta(days=1))}
    oldest = day - timedelta(days=plans.window + 1)
    past = known.past
    kept = {
        "used": [{name: had for name, had in own.used.items() if name.rpartition("@")[2] in starts and any(had)} for own in (known.old, known.new)],
        "refundable": [known.old.refundable, known.new.refundable],
        "past": [past.count, past.last_on.isoformat() if past.last_on else None],
        "last": {category: last.isoformat() for category, last in past.by_category.items() if last >= oldest},
        "unsure": {key: [one.day.isoformat(), one.categories] for key, one in past.unsure.items()},
        "bought": {
            key: [activity.purchase_as_json(one.purchase), [activity.refund_as_json(refund) for refund in one.refunds]] for key, one in known.bought.items()
        },
        "waiting": [[at.isoformat(), refund, key, number] for at, refund, key, number in known.waiting],
    }
    kept = {name: value for name, value in kept.items() if value not in ({}, [], [{}, {}], [0, None])}
    return json.dumps(kept, separators=(",", ":")) if kept else ""


def known_from_text(text: str, *, old: int, new: int) -> Known:
    kept = json.loads(text) if text else {}
    used, refundable = kept.get("used", ({}, {})), kept.get("refundable", ({}, {}))
    count, last_on = kept.get("past", (0, None))
    past = Past(
        count,
        date.fromisoformat(last_on) if last_on else None,
        {category: date.fromisoformat(day) for category, day in kept.get("last", {}).items()},
        {key: Bought(date.fromisoformat(day), categories) for key, (day, categories) in kept.get("unsure", {}).items()},
    )
    waiting = [(datetime.fromisoformat(at), refund, key, number) for at, refund, key, number in kept.get("waiting", ())]
    bought = {
        key: Refunded(activity.purchase_from_json(purchase), [activity.refund_from_json(refund) for refund in refunds])
        for key, (purchase, refunds) in kept.get("bought", {}).items()
    }
    return Known(Own(old, used[0], refundable[0]), Own(new, used[1], refundable[1]), past, bought, waiting)
