"""What facts earn. Pure: a fact, its member and the rules in; what each rule gives, and why, out.

Exact integers throughout: money in minor units, rates and factors in ten-thousandths, one floor at the very end. While a decision is
under way points are counted at a **scale**: so many of its units are one point.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from math import gcd
from typing import Any, Literal

from accounts.activity import rules as activity
from loyalty.lib.money import share
from points.rulebook.rules import CERTAIN, ONE, THINGS, Conditions, Definition, Effect, Limit, Period, SharedLimit

PURCHASE = "purchase"
# A roll is a whole number below this.
ROLLS = 1 << 64
EVER = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """What of a line was paid in money for goods. `margin_cents`: of that, what exceeds the line's cost; None where it is not known."""

    category: str
    cents: int
    brand: str = ""
    sku: str = ""
    quantity: int = 1
    margin_cents: int | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened: when, by the programme's clock, and about what. `key` names it among all facts."""

    kind: str
    key: str
    day: date
    hour: int = 0
    lines: Sequence[Line] = ()
    channel: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    minor_digits: int = 2

    @property
    def amount_cents(self) -> int:
        if self.kind == PURCHASE:
            return sum(line.cents for line in self.lines)
        given = self.data.get("amount_cents", 0)
        return given if isinstance(given, int) else 0


@dataclass(frozen=True, slots=True)
class Member:
    """Who did it, as they stood then. `key` names the member among all. `birthday_factor`: what their tier multiplies by for birthdays."""

    key: str = ""
    tier: str = ""
    tier_factor: int = ONE
    segments: frozenset[str] = frozenset()
    registered_on: date | None = None
    birthday: date | None = None
    cards: frozenset[str] = frozenset()
    birthday_factor: int = ONE
    sprint: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The member's purchases before this one: how many, on which day the last, and the last with each category of this one's lines."""

    purchases: int = 0
    last_on: date | None = None
    last_by_category: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Room:
    """What a limit or a budget has left: points, times; None is without end. `covers`: the rules whose points it bounds, None all.

    At its end it cuts what does not fit, or stops: then a rule gives nothing that does not fit whole.
    """

    key: str
    points: int | None = None
    times: int | None = None
    covers: frozenset[str] | None = None
    at_end: Literal["cut", "stop"] = "cut"

    def bounds(self, code: str) -> bool:
        return self.covers is None or code in self.covers


@dataclass(frozen=True, slots=True)
class Given:
    """All that a decision looks at. `roll` gives, for a text, always the same number below ROLLS. `points_per_unit`: what points cost."""

    fact: Fact
    roll: Callable[[str], int]
    member: Member = Member()
    history: History = History()
    festivals: frozenset[str] = frozenset()
    rooms: Sequence[Room] = ()
    points_per_unit: int = 100


Test = Callable[[Given], bool | None]
Scope = Callable[[Line, Given], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """A published version, made ready: its conditions as tests by name, and which lines it is about (none: all, and the order as such).

    `asks`: what it must know of the member besides who they are: tier, segments, profile, cards, history, history_by_category.
    `limits`: by the key of their room; of several for the same, the strictest.
    """

    id: int
    code: str
    said: Definition
    tests: Sequence[tuple[str, Test]]
    scopes: Sequence[tuple[str, Scope]]
    asks: frozenset[str]
    limits: Mapping[str, Limit]


def birthday_in(birthday: date, year: int) -> date:
    """The day it is celebrated: who was born on 29 February celebrates on the 28th in other years."""
    try:
        return birthday.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def below(category: str, parents: Iterable[str]) -> bool:
    """Whether a category is one of these, or stands below one: `HOME/KITCHEN` is below `HOME`."""
    return any(category == parent or category.startswith(f"{parent}/") for parent in parents)


def ready(version_id: int, code: str, said: Definition, expression: Callable[[Mapping[str, Any]], bool | None] | None = None) -> Rule:
    """A version as `decide` takes it. `expression` is what its text was compiled to."""
    c = said.conditions
    tests: list[tuple[str, Test]] = []

    def test(name: str, holds: Test) -> None:
        tests.append((name, holds))

    if said.release.to != "all":
        test("release", lambda g: _released(said, code, g))
    if c.min_cents is not None:
        test("min_cents", lambda g: g.fact.amount_cents >= c.min_cents)  # type: ignore[operator]
    if c.max_cents is not None:
        test("max_cents", lambda g: g.fact.amount_cents <= c.max_cents)  # type: ignore[operator]
    if c.tiers:
        test("tiers", lambda g: g.member.tier in c.tiers)
    if c.sprint:
        test("sprint", lambda g: g.member.sprint)
    if c.segments:
        test("segments", lambda g: not g.member.segments.isdisjoint(c.segments))
    if c.new_member_days is not None:
        test("new_member_days", lambda g: _age(g) is not None and 0 <= _age(g) <= c.new_member_days)  # type: ignore[operator]
    if c.nth_purchase:
        test("nth_purchase", lambda g: g.history.purchases + 1 in c.nth_purchase)
    if c.again_days is not None and c.again_scope == "member":
        test("again_days", lambda g: _again(g.history.last_on, g.fact.day, c.again_days))
    if c.channels:
        test("channels", lambda g: g.fact.channel in c.channels)
    if c.weekdays:
        test("weekdays", lambda g: g.fact.day.isoweekday() in c.weekdays)
    if c.hour_from is not None or c.hour_until is not None:
        test("hours", lambda g: _within_hours(g.fact.hour, c))
    if c.date_from is not None or c.date_until is not None:
        test("dates", lambda g: (c.date_from or g.fact.day) <= g.fact.day <= (c.date_until or g.fact.day))
    if c.birthday:
        test("birthday", lambda g: _celebrates(g, c.birthday))
    if c.festival:
        test("festival", lambda g: c.festival in g.festivals)
    if c.card:
        test("card", lambda g: c.card in g.member.cards)
    if expression is not None:
        test("expression", lambda g: expression(_values(g)))

    scopes: list[tuple[str, Scope]] = []
    if c.categories:
        scopes.append(("categories", lambda line, _g: below(line.category, c.categories)))
    if c.brands:
        scopes.append(("brands", lambda line, _g: line.brand in c.brands))
    if c.skus:
        scopes.append(("skus", lambda line, _g: line.sku in c.skus))
    if c.again_days is not None and c.again_scope == "category":
        scopes.append(("again_days", lambda line, g: _again(g.history.last_by_category.get(line.category), g.fact.day, c.again_days)))
    return Rule(version_id, code, said, tuple(tests), tuple(scopes), _asks(said), _limits(code, said))


def _asks(said: Definition) -> frozenset[str]:
    c = said.conditions
    asked = {
        "tier": bool(c.tiers) or c.sprint or said.effect.kind in ("tier_multiplier", "tier_birthday_multiplier"),
        "segments": bool(c.segments) or said.release.to in ("staff", "segment"),
        "profile": bool(c.birthday) or c.new_member_days is not None,
        "history": bool(c.nth_purchase) or c.again_days is not None,
    }
    if c.expression:
        asked = dict.fromkeys(asked, True)
    asked |= {"cards": bool(c.card), "history_by_category": c.again_days is not None and c.again_scope == "category"}
    return frozenset(name for name, wanted in asked.items() if wanted)


def _limits(code: str, said: Definition) -> dict[str, Limit]:
    found: dict[str, Limit] = {}
    for limit in said.limits:
        key = f"{'*' if limit.by == 'rule' else ''}{code}/{limit.per}"
        if (other := found.get(key)) is not None:
            limit = replace(limit, points=_stricter(limit.points, other.points), times=_stricter(limit.times, other.times))
        found[key] = limit
    return found


def _stricter(one: int | None, other: int | None) -> int | None:
    return min((n for n in (one, other) if n is not None), default=None)


def _released(said: Definition, code: str, given: Given) -> bool:
    release = said.release
    if release.to == "staff":
        return "staff" in given.member.segments
    if release.to == "segment":
        return release.segment in given.member.segments
    return given.roll(f"release/{code}/{given.member.key}") * 100 // ROLLS < release.percent


def _age(given: Given) -> int | None:
    """For how many days the member has been registered."""
    since = given.member.registered_on
    return None if since is None else (given.fact.day - since).days


def _again(last_on: date | None, day: date, days: int | None) -> bool:
    return last_on is not None and days is not None and 0 <= (day - last_on).days <= days


def _within_hours(hour: int, c: Conditions) -> bool:
    """From the first hour up to, not with, the last; over midnight where the first is the later one."""
    begin, end = c.hour_from or 0, 24 if c.hour_until is None else c.hour_until
    return begin <= hour < end if begin < end else hour >= begin or hour < end


def _celebrates(given: Given, what: str) -> bool:
    birthday, day = given.member.birthday, given.fact.day
    if birthday is None:
        return False
    return birthday.month == day.month if what == "month" else birthday_in(birthday, day.year) == day


def _values(given: Given) -> dict[str, Any]:
    """The variables of an expression."""
    fact, member = given.fact, given.member
    last_on, age = given.history.last_on, _age(given)
    return {
        "amount_cents": fact.amount_cents,
        "categories": [line.category for line in fact.lines],
        "brands": [line.brand for line in fact.lines],
        "skus": [line.sku for line in fact.lines],
        "quantity": sum(line.quantity for line in fact.lines),
        "channel": fact.channel,
        "nth_purchase": given.history.purchases + 1 if fact.kind == PURCHASE else 0,
        "days_since_last": (fact.day - last_on).days if last_on else -1,
        "tier": member.tier,
        "sprint": member.sprint,
        "segments": sorted(member.segments),
        "member_days": -1 if age is None else age,
        "registered": member.registered_on is not None,
        "weekday": fact.day.isoweekday(),
        "hour": fact.hour,
        "day": fact.day.day,
        "month": fact.day.month,
        "festivals": sorted(given.festivals),
        "birthday": _celebrates(given, "day"),
        "birthday_month": _celebrates(given, "month"),
        **{f"data.{name}": value for name, value in fact.data.items()},
    }


@dataclass(slots=True)
class Considered:
    """A rule that was looked at: how each condition came out, and what became of what it wanted.

    `wanted` in hundredths of a point, before limits; `cuts` are the rooms that took from it, and how much, in hundredths.
    """

    rule: Rule
    outcomes: Sequence[tuple[str, bool | None]]
    holds: bool
    beaten_by: str = ""
    factor: int | None = None
    wanted: int = 0
    granted: int = 0
    cuts: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Won:
    """Something else than points that a rule gives: `count` of `item`."""

    code: str
    effect: str
    item: str
    count: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What a decision takes from a room."""

    key: str
    points: int
    times: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`lines` are the lines' shares of `points`, the last what belongs to the order as such; they and what the rules granted add up to it."""

    points: int
    considered: Sequence[Considered]
    lines: Sequence[int]
    charges: Sequence[Charge]
    won: Sequence[Won]
    cards: Sequence[str]

    @property
    def granted(self) -> dict[str, int]:
        return {one.rule.code: one.granted for one in self.considered if one.granted}


def decide(given: Given, rules: Sequence[Rule]) -> Decision:
    """What the fact earns under these rules, within the rooms.

    What the rules give by themselves is first lessened by the multipliers below 1, then bounded by the rooms, rule by rule in the order of
    their priority; what the multipliers above 1 give on top of what is left of that is bounded likewise.
    """
    considered, masks, lines = [], {}, _lines_of(given.fact)
    for rule in rules:
        one, masks[rule.code] = _consider(rule, given, lines)
        considered.append(one)
    holding = sorted((one for one in considered if one.holds), key=lambda one: place(one.rule))
    books = _Books(given, masks)
    giving = [one for one in holding if one.rule.said.effect.gives_points]
    factors = _factors([one for one in holding if one.rule.said.effect.multiplies], given, books)
    lessened = books.lessened(giving, _base(giving, given, books), factors)
    scale = books.scale
    for one, values in zip(giving, lessened, strict=True):
        books.put(one, values, scale)
    for by_part in factors:
        books.add(by_part)
    things = [one for one in holding if one.rule.said.effect.kind in THINGS]
    return books.close(considered, _things(things, books))


def place(rule: Rule) -> tuple[int, str]:
    """Where a rule stands among others: the higher priority first, then by code."""
    return -rule.said.priority, rule.code


def _consider(rule: Rule, given: Given, lines: Sequence[Line]) -> tuple[Considered, Sequence[bool] | None]:
    """How its conditions come out, and which lines it is about."""
    outcomes = [(name, test(given)) for name, test in rule.tests]
    mask: list[bool] | None = None
    for name, scope in rule.scopes:
        here = [scope(line, given) for line in lines]
        mask = here if mask is None else [a and b for a, b in zip(mask, here, strict=True)]
        outcomes.append((name, any(here)))
    holds = all(outcome for _name, outcome in outcomes) and (mask is None or any(mask))
    return Considered(rule, outcomes, holds), mask


def _lines_of(fact: Fact) -> Sequence[Line]:
    """A behaviour about goods is looked at as one line without an amount."""
    if fact.lines or fact.kind == PURCHASE:
        return fact.lines
    category, brand, sku = (str(fact.data.get(name, "")) for name in ("category", "brand", "sku"))
    return (Line(category, 0, brand, sku),)


class _Books:
    """What every rule gives to every part while a decision is under way. The parts are the lines and, last, the order as such."""

    def __init__(self, given: Given, masks: Mapping[str, Sequence[bool] | None]) -> None:
        self.given = given
        self.unit = int(10**given.fact.minor_digits)
        self.scale = ONE * self.unit
        self.parts = len(given.fact.lines) + 1
        self.gives: dict[str, list[int]] = {}
        self.multiplied: set[str] = set()
        self.left = {room.key: room.points * self.scale for room in given.rooms if room.points is not None}
        # By the rule's code: which parts it is about; the order as such only where it is about no lines, or there is nothing but lines of data.
        whole = [True] * self.parts
        self.about = {code: whole if mask is None or given.fact.kind != PURCHASE else [*mask, False] for code, mask in masks.items()}
        # And the rooms that bound it.
        self.rooms: dict[str, list[Room]] = {code: [] for code in masks}
        for room in given.rooms:
            for code in masks if room.covers is None else room.covers & masks.keys():
                self.rooms[code].append(room)

    def put(self, one: Considered, values: list[int], scale: int) -> None:
        """Book what a rule gives to each part, counted at that scale, as far as the rooms allow."""
        code = one.rule.code
        values = [value * (self.scale // scale) for value in values]
        before, values = sum(values), self.within_margin(one, values)
        if cut := before - sum(values):
            one.cuts.append(("margin", -(-cut * 100 // self.scale)))
        for room in self.rooms[code]:
            if not (total := sum(values)):
                continue
            fits = total
            if room.times is not None and room.times <= 0:
                fits = 0
            elif room.points is not None and total > self.left[room.key]:
                fits = 0 if room.at_end == "stop" else max(0, self.left[room.key])
            if fits < total:
                one.cuts.append((room.key, -(-(total - fits) * 100 // self.scale)))
                # All parts in proportion, counted so finely that each is exact.
                divisor = gcd(fits, total)
                self.finer(total // divisor)
                values = [value * (fits // divisor) for value in values]
        for room in self.rooms[code]:
            if room.points is not None:
                self.left[room.key] -= sum(values)
        self.gives[code] = values
        if one.rule.said.multiplied:
            self.multiplied.add(code)

    def within_margin(self, one: Considered, values: Sequence[int]) -> list[int]:
        """What a rule gives to each part, at most its share of the line's margin."""
        percent = one.rule.said.margin_percent
        kept = list(values)
        if percent is not None:
            for i, line in enumerate(self.given.fact.lines):
                if line.margin_cents is not None:
                    most = max(0, line.margin_cents) * percent * self.given.points_per_unit * self.scale // (100 * self.unit)
                    kept[i] = min(kept[i], most)
        return kept

    def full(self, one: Considered) -> Room | None:
        """A room that had nothing left for the rule before this fact."""
        return next((room for room in self.rooms[one.rule.code] if _over(room.times) or _over(room.points)), None)

    def finer(self, times: int) -> None:
        """Count in units that are so many times smaller than they were."""
        self.scale *= times
        self.gives = {code: [value * times for value in values] for code, values in self.gives.items()}
        self.left = {key: left * times for key, left in self.left.items()}

    def lessened(self, giving: Sequence[Considered], values: Sequence[list[int]], factors: Sequence["ByPart"]) -> Sequence[list[int]]:
        """What rules give by themselves, where multipliers below 1 make it less. Before anything is booked."""
        for by_part in factors:
            lower = [min(chosen[1], ONE) if chosen else ONE for chosen in by_part]
            if min(lower) < ONE:
                self.finer(ONE)
                values = [
                    [value * (factor if one.rule.said.multiplied else ONE) for value, factor in zip(of_one, lower, strict=True)]
                    for one, of_one in zip(giving, values, strict=True)
                ]
        return values

    def add(self, by_part: "ByPart") -> None:
        """Book what multipliers above 1 give on top of what the others give."""
        if not any(chosen and chosen[1] > ONE for chosen in by_part):
            return
        multiplied = [values for code, values in self.gives.items() if code in self.multiplied]
        sums = [sum(values[part] for values in multiplied) for part in range(self.parts)]
        self.finer(ONE)
        scale = self.scale
        more: dict[str, tuple[Considered, list[int]]] = {}
        for part, chosen in enumerate(by_part):
            if chosen and chosen[1] > ONE:
                one, factor = chosen
                more.setdefault(one.rule.code, (one, [0] * self.parts))[1][part] = sums[part] * (factor - ONE)
        for one, values in sorted(more.values(), key=lambda pair: place(pair[0].rule)):
            one.wanted = sum(values) * 100 // scale
            self.put(one, values, scale)

    def hundredths(self, values: Sequence[int]) -> int:
        return sum(values) * 100 // self.scale

    def close(self, considered: Sequence[Considered], won: Sequence[Won]) -> Decision:
        """One floor; the rules' and the lines' shares by largest remainder."""
        granted = self._whole({code: sum(values) for code, values in self.gives.items()})
        points = sum(granted.values())
        sums = [sum(values[part] for values in self.gives.values()) for part in range(self.parts)]
        for one in considered:
            one.granted = granted.get(one.rule.code, 0)
        gave = {code for code, n in granted.items() if n} | {one.code for one in won}
        taken = ((room.key, [granted.get(code, 0) for code in gave if room.bounds(code)]) for room in self.given.rooms)
        charges = [Charge(key, sum(points_of_room), 1) for key, points_of_room in taken if points_of_room]
        cards = {one.rule.said.conditions.card: None for one in considered if one.rule.said.conditions.card and one.rule.code in gave}
        lines = self._rounded(sums)
        if sum(lines) != points:
            # A point that fitted into no rule's rooms was not given.
            lines = share(points, sums)
        return Decision(points, considered, lines, charges, won, list(cards))

    def _whole(self, exact: Mapping[str, int]) -> dict[str, int]:
        """Whole points of each rule; none is rounded up into a room that is full."""
        codes = list(exact)

        def fits(place: int, parts: Sequence[int]) -> bool:
            return self._fits(codes[place], dict(zip(codes, parts, strict=True)))

        return dict(zip(codes, self._rounded(list(exact.values()), fits), strict=True))

    def _rounded(self, exact: Sequence[int], fits: Callable[[int, Sequence[int]], bool] | None = None) -> list[int]:
        """Whole parts of the floor of all: each its floor, what remains by largest remainder, ties to the earlier, where it fits."""
        parts = [value // self.scale for value in exact]
        left = sum(exact) // self.scale - sum(parts)
        for i in sorted(range(len(exact)), key=lambda i: -(exact[i] % self.scale)):
            if left and exact[i] % self.scale and (fits is None or fits(i, parts)):
                parts[i], left = parts[i] + 1, left - 1
        return parts

    def _fits(self, code: str, granted: Mapping[str, int]) -> bool:
        """Whether one more point of a rule's fits all its rooms."""
        bound = (room for room in self.rooms[code] if room.points is not None)
        return all(sum(n for other, n in granted.items() if room.bounds(other)) < room.points for room in bound)  # type: ignore[operator]


# For each part the multiplier that counts there, and its factor; None: none does.
ByPart = Sequence[tuple[Considered, int] | None]


def _over(left: int | None) -> bool:
    return left is not None and left <= 0


def _base(holding: Sequence[Considered], given: Given, books: _Books) -> Sequence[list[int]]:
    """What the rules give to each part by themselves: they add up, except within a group, where each part has one giver."""
    values = {one.rule.code: _worth(one.rule.said.effect, one.rule, given, books) for one in holding}
    worth = {one.rule.code: books.within_margin(one, values[one.rule.code]) for one in holding}
    groups: dict[str, list[Considered]] = {}
    for one in holding:
        one.wanted = books.hundredths(values[one.rule.code])
        if one.rule.said.group:
            groups.setdefault(one.rule.said.group, []).append(one)
    for members in groups.values():
        best = members[0].rule.said.combine == "best"
        for part in range(books.parts):
            here = [one for one in members if worth[one.rule.code][part]]
            if len(here) > 1:
                open_ones = _open(here, books)
                first = max(open_ones, key=lambda one: worth[one.rule.code][part]) if best else open_ones[0]
                for one in here:
                    if one is not first:
                        values[one.rule.code][part] = 0
                        if not any(values[one.rule.code]):
                            one.beaten_by = first.rule.code
    return [values[one.rule.code] for one in holding]


def _open(here: Sequence[Considered], books: _Books) -> Sequence[Considered]:
    """Of rules that compete, those that can give at all: what is used up gives way, and its room is noted."""
    if len(here) < 2:
        return here
    full = {one.rule.code: room for one in here if (room := books.full(one)) is not None}
    if not full or len(full) == len(here):
        return here
    for one in here:
        if (room := full.get(one.rule.code)) and (room.key, 0) not in one.cuts:
            one.cuts.append((room.key, 0))
    return [one for one in here if one.rule.code not in full]


def _worth(effect: Effect, rule: Rule, given: Given, books: _Books) -> list[int]:
    """What a rule would give to each part, at the scale of the books."""
    parts, fact = [0] * books.parts, given.fact

    def by_rate(rate: Callable[[str], int]) -> None:
        for i, line in enumerate(fact.lines):
            if books.about[rule.code][i]:
                parts[i] = max(0, line.cents) * rate(line.category)

    match effect.kind:
        case "per_unit":
            by_rate(lambda category: rate_of(effect, category))
        case "bands":
            amount = fact.amount_cents if effect.measure == "amount" else _number(fact, effect.measure)
            band = next((one for one in effect.bands if one.start <= amount and (one.end is None or amount < one.end)), None)
            if band is not None:
                parts[-1] = band.points * books.scale
                by_rate(lambda _category: band.rate)
        case _:
            parts[-1] = points_of(effect, rule.code, given) * books.scale
    return parts


def rate_of(effect: Effect, category: str) -> int:
    """The rate for a category: that of the longest part of it that has one."""
    while category and effect.by_category:
        if category in effect.by_category:
            return effect.by_category[category]
        category = category.rpartition("/")[0]
    return effect.rate


def points_of(effect: Effect, code: str, given: Given) -> int:
    """The points of an effect that is about the fact as a whole."""
    match effect.kind:
        case "fixed":
            return effect.points
        case "ladder":
            day = _number(given.fact, effect.measure)
            if day < 1 or not effect.ladder:
                return 0
            place = (day - 1) % len(effect.ladder) if effect.cycles else min(day, len(effect.ladder)) - 1
            return effect.ladder[place]
        case "stated":
            stated = _number(given.fact, effect.measure)
            return max(effect.minimum, stated if effect.maximum is None else min(stated, effect.maximum))
        case "random":
            if given.roll(f"chance/{code}/{given.fact.key}") * CERTAIN // ROLLS >= effect.chance:
                return 0
            maximum = effect.minimum if effect.maximum is None else effect.maximum
            return effect.minimum + given.roll(f"points/{code}/{given.fact.key}") * (maximum - effect.minimum + 1) // ROLLS
    raise AssertionError(f"{effect.kind} gives no points")


def _number(fact: Fact, name: str) -> int:
    given = fact.data.get(name, 0)
    return given if isinstance(given, int) else 0


def _factors(holding: Sequence[Considered], given: Given, books: _Books) -> Sequence[ByPart]:
    """What multiplies each part, group by group: within one the best or the first counts, or they multiply; groups multiply."""
    groups: dict[str, list[Considered]] = {}
    for one in holding:
        said = one.rule.said
        one.factor = _factor(one, given)
        groups.setdefault(said.group or f"\0{one.rule.code}", []).append(one)
    found: list[ByPart] = []
    for members in groups.values():
        if members[0].rule.said.combine == "product":
            found += [[(one, one.factor or 0) if books.about[one.rule.code][part] else None for part in range(books.parts)] for one in members]
            continue
        best = members[0].rule.said.combine == "best"
        by_part: list[tuple[Considered, int] | None] = []
        for part in range(books.parts):
            here = [one for one in members if books.about[one.rule.code][part]]
            open_ones = _open(here, books)
            chosen = max(open_ones, key=lambda one: one.factor or 0) if best and here else next(iter(open_ones), None)
            by_part.append(None if chosen is None else (chosen, chosen.factor or 0))
        counted = {chosen[0].rule.code for chosen in by_part if chosen}
        for one in members:
            if one.rule.code not in counted:
                rivals = (chosen[0].rule.code for part, chosen in enumerate(by_part) if chosen and books.about[one.rule.code][part])
                one.beaten_by = next(rivals, "")
        found.append(by_part)
    return found


def _factor(one: Considered, given: Given) -> int:
    effect, member = one.rule.said.effect, given.member
    return {"tier_multiplier": member.tier_factor, "tier_birthday_multiplier": member.birthday_factor}.get(effect.kind, effect.factor)


def _things(holding: Sequence[Considered], books: _Books) -> list[Won]:
    won = []
    for one in holding:
        full = next((room for room in books.rooms[one.rule.code] if _over(room.times)), None)
        if full is not None:
            one.cuts.append((full.key, 0))
            continue
        effect = one.rule.said.effect
        won.append(Won(one.rule.code, effect.kind, effect.item, effect.count))
    return won


def period_start(per: Period, day: date) -> date:
    """The first day of the period that a business day lies in. Weeks begin on Monday."""
    match per:
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "life":
            return EVER
    return day


@dataclass(frozen=True, slots=True)
class Counter:
    """Where the use of a limit is counted: by which name, from which day on, for one member or for all."""

    key: str
    starts: date
    shared: bool = False


def counters(rules: Sequence[Rule], limits: Sequence[SharedLimit], fact: Fact) -> dict[str, Counter]:
    """The counters that deciding the fact under these rules needs to know, by the key of their room."""
    found = {}
    for rule in rules:
        for key, limit in rule.limits.items():
            if limit.per != "fact":
                found[key] = Counter(key, period_start(limit.per, fact.day), limit.by == "rule")
    for shared in limits:
        if shared.covers(fact.kind) and shared.per != "fact":
            found[f"={shared.code}"] = Counter(f"={shared.code}", period_start(shared.per, fact.day))
    return found


def rooms(rules: Sequence[Rule], limits: Sequence[SharedLimit], fact: Fact, used: Mapping[str, tuple[int, int]]) -> list[Room]:
    """What the limits leave, where `used` says how many points and times each counter has had."""

    def room(key: str, points: int | None, times: int | None, covers: frozenset[str] | None, counted: bool) -> Room:
        had = used.get(key, (0, 0)) if counted else (0, 0)
        return Room(key, None if points is None else points - had[0], None if times is None else times - had[1], covers)

    found = []
    for rule in rules:
        for key, limit in rule.limits.items():
            found.append(room(key, limit.points, limit.times, frozenset([rule.code]), limit.per != "fact"))
    found += [room(f"={one.code}", one.points, one.times, None, one.per != "fact") for one in limits if one.covers(fact.kind)]
    return found


def given_back(before: Sequence[Charge], now: Sequence[Charge]) -> tuple[list[Charge], list[Charge]]:
    """What of the charges of a decision is free again after the fact was decided anew, and what of them stays. Nothing is charged more."""
    still = {charge.key: charge for charge in now}
    less, kept = [], []
    for charge in before:
        after = still.get(charge.key, Charge(charge.key, 0, 0))
        stays = Charge(charge.key, min(charge.points, after.points), min(charge.times, after.times))
        if stays != charge:
            less.append(Charge(charge.key, charge.points - stays.points, charge.times - stays.times))
        if stays.points or stays.times:
            kept.append(stays)
    return less, kept


def basis(purchase: activity.Purchase) -> list[Line]:
    """What was paid in money for goods: of each line as the till has split it, else shared by their amounts. Lines below zero carry none.

    An order without any line above zero is one line without a category.
    """
    if not any(line.amount_cents > 0 for line in purchase.lines):
        return [Line("", purchase.goods_cents)]
    shares = share(purchase.goods_cents, [line.weight for line in purchase.lines])
    return [_line(line, cents) for line, cents in zip(purchase.lines, shares, strict=True)]


def _line(line: activity.Line, cents: int, part: Fraction = Fraction(1)) -> Line:
    """A line of which that part is there, and so much of it was paid in money."""
    margin = None
    if line.cost_cents is not None and line.amount_cents > 0:
        # The part of the line that was paid in money carries that part of its cost.
        margin = cents - line.cost_cents * cents // line.amount_cents
    return Line(line.category, cents, line.brand, line.sku, line.quantity * part.numerator // part.denominator, margin)


def still_earned(purchase: activity.Purchase, left: activity.Left) -> list[Line]:
    """The basis of what is left: the lines of which something was kept, none beyond that part, all together no more than the money that was."""
    original = basis(purchase)
    money = max(0, purchase.goods_cents - left.refunded_cents)
    if not any(line.amount_cents > 0 for line in purchase.lines):
        return [replace(original[0], cents=min(money, original[0].cents))]
    kept = [(line, whole.cents, part) for line, whole, part in zip(purchase.lines, original, left.kept, strict=True) if part]
    capped = [cents * part.numerator // part.denominator for _whole, cents, part in kept]
    shares = share(min(money, sum(capped)), capped)
    return [_line(line, cents, part) for (line, _cents, part), cents in zip(kept, shares, strict=True)]


def rolls(key: str) -> Callable[[str], int]:
    """Rolls by a keyed hash: for one text and key always the same number, and no number tells of another."""
    secret = key.encode()

    def roll(text: str) -> int:
        return int.from_bytes(hashlib.blake2b(text.encode(), key=secret, digest_size=8).digest(), "big")

    return roll


def given_as_json(given: Given, versions: Sequence[int], charges: Sequence[Charge], counters: Mapping[str, Counter]) -> dict[str, Any]:
    """What a decision saw, as it is kept to decide again; the lines and the data are the fact's own and are not in it."""
    fact, member, history = given.fact, given.member, given.history
    last = {category: day.isoformat() for category, day in history.last_by_category.items()}
    kept = {
        "day": fact.day.isoformat(),
        "hour": fact.hour,
        "channel": fact.channel,
        "digits": fact.minor_digits,
        "cost": given.points_per_unit,
        "versions": list(versions),
        "tier": member.tier,
        "factor": member.tier_factor,
        "birthday_factor": member.birthday_factor if member.birthday_factor != ONE else None,
        "sprint": member.sprint or None,
        "segments": sorted(member.segments),
        "registered": _iso(member.registered_on),
        # Not the date: nobody's birthday stays behind where their profile is cleared.
        "birthday": next((what for what in ("day", "month") if _celebrates(given, what)), None),
        "cards": sorted(member.cards),
        "purchases": history.purchases,
        "last": _iso(history.last_on),
        "last_by": last,
        "festivals": sorted(given.festivals),
        "rooms": [[room.key, room.points, room.times, sorted(room.covers) if room.covers is not None else None, room.at_end] for room in given.rooms],
        "charges": [[charge.key, charge.points, charge.times] for charge in charges],
        "counters": {key: [counters[key].starts.isoformat(), counters[key].shared] for key in (charge.key for charge in charges) if key in counters},
    }
    return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


def given_from_json(kept: Mapping[str, Any], *, fact: Fact, member_key: str, roll: Callable[[str], int]) -> Given:
    """What that decision saw, about the fact as it is now."""
    fact = replace(fact, day=date.fromisoformat(kept["day"]), hour=kept["hour"], channel=kept.get("channel", ""), minor_digits=kept["digits"])
    member = Member(
        member_key,
        kept.get("tier", ""),
        kept.get("factor", ONE),
        frozenset(kept.get("segments", ())),
        _day(kept.get("registered")),
        _birthday_like(kept.get("birthday", ""), fact.day),
        frozenset(kept.get("cards", ())),
        kept.get("birthday_factor", ONE),
        kept.get("sprint", False),
    )
    last = {category: date.fromisoformat(day) for category, day in kept.get("last_by", {}).items()}
    rooms = [
        Room(key, points, times, frozenset(covers) if covers is not None else None, at_end) for key, points, times, covers, at_end in kept.get("rooms", ())
    ]
    history = History(kept.get("purchases", 0), _day(kept.get("last")), last)
    return Given(fact, roll, member, history, frozenset(kept.get("festivals", ())), rooms, kept["cost"])


def _birthday_like(what: str, day: date) -> date | None:
    """Some birthday that is celebrated on that day, or in its month only."""
    if what == "month":
        return day.replace(day=2 if day.day == 1 else 1)
    return day if what == "day" else None


def charges_from_json(kept: Mapping[str, Any]) -> list[Charge]:
    return [Charge(key, points, times) for key, points, times in kept.get("charges", ())]


def counters_from_json(kept: Mapping[str, Any]) -> dict[str, Counter]:
    return {key: Counter(key, date.fromisoformat(starts), shared) for key, (starts, shared) in kept.get("counters", {}).items()}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def trace_as_json(decision: Decision, fact: Fact) -> dict[str, Any]:
    """The explanation as it is kept: every rule that was considered, by its version's id."""
    considered = []
    for one in decision.considered:
        said: dict[str, Any] = {"v": one.rule.id, "c": one.rule.code, "if": [list(outcome) for outcome in one.outcomes], "holds": one.holds}
        told = {"by": one.beaten_by, "x": one.factor, "want": one.wanted, "got": one.granted, "cut": [list(cut) for cut in one.cuts]}
        considered.append(said | {name: value for name, value in told.items() if value not in (None, "", 0, [])})
    lines = [[line.category, line.cents, points] for line, points in zip(fact.lines, decision.lines, strict=False)]
    won = [[one.code, one.effect, one.item, one.count] for one in decision.won]
    whole = {"rules": considered, "lines": lines, "order": decision.lines[-1], "won": won}
    return {name: value for name, value in whole.items() if value not in (0, [])}
