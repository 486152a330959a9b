"""What facts must earn under rules, worked out a second time: no engine, no database, nothing imported from the project.

    python3 tests/oracle/earning_oracle.py FILE.csv[.gz] PROGRAMME.json

prints `customer,points`: what each customer's purchases have earned, less what their refunds took back. It reads the file that
`manage.py replay` reads, and follows docs/EARNING.md on paper, one fact after the other: exact fractions, a number for every limit, and
each fact decided from nothing but what came before it. The programme is JSON:

    {"zone": "America/New_York", "unit_cents": 100, "point_cost_cents": "1", "festivals": {"singles": [["2017-11-11", "2017-11-12"]]},
     "members": {"registered_on": "2017-01-01", "birthday": "by id"},
     "rules": [{"code": "base", "fact": "purchase", "from": null, "until": null, "definition": {…as it is kept…}}],
     "shared_limits": [{"code": "a-day", "over": ["purchases"], "per": "day", "points": 1000}],
     "budgets": [{"code": "spring", "scope": "rule", "of": "base", "period": "total", "points": 5000, "at_end": "cut"}]}

A budget is for a rule, a campaign, a cost centre or `all`, in each day, week, month or year or in `total`; `at_end` it cuts, stops or lets go on.
Members are all the same here, apart from their birthdays, for which the file has no column: `by id` is `birthday_of`.

What is left to the caller: what an expression says, what a random rule rolls, and to whom a rule is out that is not out for all. Things to win
(coupons, badges) are left out.
"""

import argparse
import csv
import gzip
import json
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from math import floor
from pathlib import Path
from zoneinfo import ZoneInfo

csv.field_size_limit(2**31 - 1)

WHOLE = "whole"  # where what is given to a fact as a whole stands, beside its lines 0, 1, 2, …
ONE = 10_000


@dataclass(slots=True)
class Line:
    """`amount` and `cost`, of all of `quantity`, in minor units."""

    amount: int = 0
    category: str = ""
    brand: str = ""
    sku: str = ""
    quantity: int = 1
    cost: int | None = None


@dataclass(slots=True)
class Member:
    """`tier_factor`, and `birthday_factor`, the tier's for birthdays, are in ten-thousandths. `sprint`: the tier's term is in its last days."""

    id: str = ""
    tier: str = ""
    tier_factor: int = ONE
    segments: tuple = ()
    registered_on: date | None = None
    birthday: date | None = None
    cards: dict = field(default_factory=dict)  # code → how many
    birthday_factor: int = ONE
    sprint: bool = False


@dataclass(slots=True)
class Fact:
    """A purchase with its lines and money, or a behaviour with its data."""

    id: str
    member: str
    at: datetime
    kind: str = "purchase"
    lines: list = field(default_factory=list)
    paid: int = 0
    shipping: int = 0
    channel: str = ""
    data: dict = field(default_factory=dict)

    @property
    def goods(self):
        return max(0, self.paid - self.shipping)


@dataclass(slots=True)
class Past:
    """What a purchase found: the earlier ones of its member, by what the conditions ask of them."""

    nth: int = 1
    last: date | None = None
    last_with: dict = field(default_factory=dict)  # category → day


@dataclass(slots=True)
class Decision:
    """`rules` and `places` (lines by number, and the whole) each add up to `points`; `exact`: each rule's part before rounding."""

    points: int = 0
    rules: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)
    exact: dict = field(default_factory=dict)


@dataclass(slots=True)
class Taken:
    """A fact that was decided, with all that decided it."""

    fact: Fact
    past: Past
    used: dict
    member: Member  # as it was
    decision: Decision
    charged: dict = field(default_factory=dict)
    refunded: int = 0
    kept: list = field(default_factory=list)
    gone: bool = False  # nothing of the goods is left


def share(total, weights):
    """A whole number over weights: each its floor, what remains to the largest remainders, the earlier first among equals."""
    whole = sum(weights)
    if not whole:
        return [0] * len(weights)
    exact = [Fraction(total) * weight / whole for weight in weights]
    parts = [floor(one) for one in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (parts[i] - exact[i], i))
    for i in by_remainder[: total - sum(parts)]:
        parts[i] += 1
    return parts


def covers(above, category):
    return category == above or category.startswith(above + "/")


def period(day, per):
    """A name for the day, the week, the month of that day, or for all time."""
    if per == "week":
        return day.isocalendar()[:2]
    return {"day": day, "month": (day.year, day.month), "year": day.year, "life": None, "total": None}[per]


def birthday_of(customer):
    """The data has none: any day from the 1st to the 28th, by the customer's number."""
    number = int(customer)
    return date(1950 + number % 50, 1 + number % 12, 1 + number % 28)


class Rule:
    """A rule as it is kept, read where it is asked."""

    def __init__(self, said):
        self.code, self.fact = said["code"], said.get("fact", "purchase")
        self.since, self.until = (datetime.fromisoformat(said[name]) if said.get(name) else None for name in ("from", "until"))
        definition = said["definition"]
        self.conditions, self.effect = definition.get("conditions", {}), definition.get("effect", {})
        self.kind = self.effect.get("kind", "fixed")
        self.multiplies = self.kind in ("multiplier", "tier_multiplier", "tier_birthday_multiplier")
        self.group, self.combine = definition.get("group", ""), definition.get("combine", "")
        self.priority = definition.get("priority", 0)
        self.multiplied = definition.get("multiplied", True)
        self.limits = definition.get("limits", [])
        self.margin_percent = definition.get("margin_percent")
        self.campaign, self.cost_centre = definition.get("campaign", ""), definition.get("cost_centre", "")
        self.release = definition.get("release", {})

    @property
    def place(self):
        """The higher priority first, then by the alphabet."""
        return -self.priority, self.code

    def in_force(self, at):
        return (self.since is None or self.since <= at) and (self.until is None or at < self.until)

    def by_category_again(self):
        return "again_days" in self.conditions and self.conditions.get("again_scope", "member") == "category"

    def on_lines(self):
        """Whether one of its conditions is about lines."""
        return any(self.conditions.get(name) for name in ("categories", "brands", "skus")) or self.by_category_again()


class Oracle:
    """Feed it facts and refunds in their order and ask.

    `roll(rule code, effect, fact)` gives what a random effect rolls, None for nothing. `says(expression, fact, lines, bases, member, past)` gives
    what an expression says of a fact of which these lines are left. `released(rule code, release, member)` tells whether a rule that is not out for all is
    out for that member.
    """

    def __init__(self, programme, *, members=None, roll=None, says=None, released=None):
        self.zone = ZoneInfo(programme.get("zone", "UTC"))
        self.unit = programme.get("unit_cents", 100)
        self.point_cost = Fraction(programme.get("point_cost_cents", "1"))
        self.festivals = {
            code: [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans] for code, spans in programme.get("festivals", {}).items()
        }
        self.rules = [Rule(said) for said in programme["rules"]]
        self.shared = programme.get("shared_limits", [])
        self.budgets = programme.get("budgets", [])
        self.everybody = programme.get("members", {})
        self.members = members or {}
        self.roll, self.says, self.released = roll, says, released
        self.taken = {}  # fact id → Taken
        self.purchases = {}  # member id → [Taken], in the order they were told
        self.used = {}  # key → (points, times)
        self.waiting = {}  # purchase id → [refunds]

    # Facts and refunds

    def take(self, fact):
        """Decides a fact, remembers it, and applies refunds that waited for it → Decision."""
        member = self._member(fact.member)
        past, used, as_it_was = self._past(fact), self._used_before(fact), replace(member, cards=dict(member.cards))
        decision = self.decide(fact, as_it_was, past, used)
        taken = Taken(fact, past, used, as_it_was, decision, kept=[Fraction(1)] * len(fact.lines))
        self.taken[fact.id] = taken
        if fact.kind == "purchase":
            self.purchases.setdefault(fact.member, []).append(taken)
        taken.charged = self._charges(fact, decision)
        for key, (points, times) in taken.charged.items():
            self._use(key, points, times)
        for code in self._cards_of(decision):
            member.cards[code] -= 1
        for refund in self.waiting.pop(fact.id, []):
            self.refund(fact.id, *refund)
        return decision

    def refund(self, purchase_id, amount, quantities=None):
        """Money of a purchase given back, and of some lines (by number) so many pieces, None for all → points taken back.

        None while the purchase is unknown: then it waits.
        """
        taken = self.taken.get(purchase_id)
        if taken is None:
            self.waiting.setdefault(purchase_id, []).append((amount, quantities))
            return None
        fact = taken.fact
        if taken.refunded + amount > fact.paid:
            raise ValueError("more given back than was paid")
        taken.refunded += amount
        for number, pieces in (quantities or {}).items():
            taken.kept[number] = Fraction(0) if pieces is None else taken.kept[number] - Fraction(pieces, fact.lines[number].quantity)
        sold = [kept for line, kept in zip(fact.lines, taken.kept, strict=True) if line.amount > 0]
        taken.gone = taken.refunded == fact.paid > 0 or taken.refunded >= fact.goods > 0 or (bool(sold) and not any(sold))
        before = taken.decision
        after = self.decide(fact, taken.member, taken.past, taken.used, taken.refunded, taken.kept) if not taken.gone else Decision()
        charged, charges = taken.charged, self._charges(fact, after)
        taken.charged = {key: tuple(map(min, had, charges.get(key, (0, 0)))) for key, had in charged.items()}
        for key, (points, times) in charged.items():
            self._use(key, taken.charged[key][0] - points, taken.charged[key][1] - times)
        if after.points > before.points:
            after = before
        for code in self._cards_of(before) - self._cards_of(after):
            self._member(fact.member).cards[code] += 1
        taken.decision = after
        return before.points - after.points

    def _cards_of(self, decision):
        """The cards that a fact uses: one of each code."""
        return {rule.conditions["card"] for rule in self.rules if rule.conditions.get("card") and decision.rules.get(rule.code)}

    def totals(self):
        """{member: points}, for everybody of whom there is a purchase."""
        return {member: sum(one.decision.points for one in all_of_them) for member, all_of_them in self.purchases.items()}

    def _member(self, member_id):
        if member_id not in self.members:
            said = self.everybody
            registered_on = date.fromisoformat(said["registered_on"]) if said.get("registered_on") else None
            birthday = birthday_of(member_id) if said.get("birthday") == "by id" else None
            self.members[member_id] = Member(member_id, registered_on=registered_on, birthday=birthday)
        return self.members[member_id]

    def _past(self, fact):
        past = Past()
        if fact.kind != "purchase":
            return past
        categories = {line.category for line in fact.lines if line.category}
        for earlier in self.purchases.get(fact.member, []):
            if earlier.gone or earlier.fact.at > fact.at:
                continue
            day = self.local(earlier.fact.at).date()
            past.nth += 1
            past.last = max(day, past.last or day)
            for category in categories & {line.category for line in earlier.fact.lines}:
                past.last_with[category] = max(day, past.last_with.get(category, day))
        return past

    def local(self, at):
        return at.astimezone(self.zone)

    # What was used of limits and budgets

    def _keys(self, fact, rule):
        """Everything that counts what a rule gives for a fact: (kind, code of whose it is, whose use, in which period)."""
        day = self.local(fact.at).date()
        for limit in rule.limits:
            if limit["per"] != "fact":
                whose = fact.member if limit.get("by", "member") == "member" else "*"
                yield "own", rule.code, whose, limit["per"], period(day, limit["per"])
        for limit in self.shared_over(fact):
            if limit["per"] != "fact":
                yield "shared", limit["code"], fact.member, limit["per"], period(day, limit["per"])
        for budget in self.budgets_of(rule):
            yield self.key_of(budget, day)

    def shared_over(self, fact):
        words = {"everything", fact.kind, "purchases" if fact.kind == "purchase" else "behaviours"}
        return [limit for limit in self.shared if words & set(limit["over"])]

    def budgets_of(self, rule):
        """The budgets that pay for what a rule gives for a fact, by code."""
        of = {"rule": rule.code, "campaign": rule.campaign, "cost_centre": rule.cost_centre}
        return [one for one in sorted(self.budgets, key=lambda one: one["code"]) if one["scope"] == "all" or one["of"] == of[one["scope"]]]

    def key_of(self, budget, day):
        return "budget", budget["code"], "*", budget["period"], period(day, budget["period"])

    def _used_before(self, fact):
        """As it is now, to be kept with the fact: a refund needs the very same."""
        rules = [rule for rule in self.rules if rule.fact == fact.kind and rule.in_force(fact.at)]
        return {key: self.used.get(key, (0, 0)) for rule in rules for key in self._keys(fact, rule)}

    def _charges(self, fact, decision):
        """What was granted, after rounding, by what counts it: {key: (points, times)}. Times count facts, so each key is counted once for a fact."""
        charges = {}
        for rule in self.rules:
            if rule.fact != fact.kind or not rule.in_force(fact.at) or not decision.rules.get(rule.code):
                continue
            for key in dict.fromkeys(self._keys(fact, rule)):
                points, _times = charges.get(key, (0, 1))
                charges[key] = points + decision.rules[rule.code], 1
        return charges

    def _use(self, key, points, times):
        before = self.used.get(key, (0, 0))
        self.used[key] = before[0] + points, before[1] + times

    def decide(self, fact, member, past, used, refunded=0, kept=None):
        """What a fact gives: `past` and `used` are as they were, `refunded` and `kept` say what is left of a purchase → Decision."""
        lines, bases = lines_left(fact, refunded, kept or [Fraction(1)] * len(fact.lines))
        return Sheet(self, fact, member, past, used, lines, bases).decide()


def lines_left(fact, refunded, kept):
    """The lines of a purchase that are left where so much money was given back and that part of each was kept, and the basis of each."""
    if fact.kind != "purchase":
        return [], []
    lines = fact.lines
    if all(line.amount <= 0 for line in lines):
        lines, kept = [Line(amount=fact.goods)], [Fraction(1)]
    bases = share(fact.goods, [max(0, line.amount) for line in lines])
    bases = [floor(basis * part) for basis, part in zip(bases, kept, strict=True)]
    money = max(0, fact.goods - refunded)
    if sum(bases) > money:
        bases = share(money, bases)
    there = [i for i, part in enumerate(kept) if part > 0]
    return [lines[i] for i in there], [bases[i] for i in there]


class Sheet:
    """One decision: what each rule gives to each place, written down in the order of docs/EARNING.md."""

    def __init__(self, oracle, fact, member, past, used, lines, bases):
        self.oracle, self.fact, self.member, self.past, self.used, self.lines, self.bases = oracle, fact, member, past, used, lines, bases
        self.local = oracle.local(fact.at)
        self.places = [*range(len(lines)), WHOLE]
        self.rules = sorted((rule for rule in oracle.rules if rule.fact == fact.kind and rule.in_force(fact.at)), key=lambda rule: rule.place)
        self.about = {rule.code: self.places_of(rule) for rule in self.rules}
        self.given = {}  # rule code → {place: exact points}, in the order in which they were given

    def decide(self):
        holding = [rule for rule in self.rules if self.about[rule.code]]
        base, chosen = [rule for rule in holding if not rule.multiplies], self.chosen([rule for rule in holding if rule.multiplies])
        wanted = self.wanted(base)
        for rule, places in chosen:
            if self.factor(rule) < 1:
                for giver in base:
                    if giver.multiplied:
                        wanted[giver.code] |= {place: points * self.factor(rule) for place, points in wanted[giver.code].items() if place in places}
        for rule in base:
            self.give(rule, wanted[rule.code])
        multiplied = {rule.code for rule in self.rules if rule.multiplied}
        for rule, places in chosen:
            if self.factor(rule) > 1:
                before = {place: sum(gives.get(place, 0) for code, gives in self.given.items() if code in multiplied) for place in places}
                self.give(rule, {place: points * (self.factor(rule) - 1) for place, points in before.items()})
        return self.rounded()

    # Conditions

    def places_of(self, rule):
        """The places that a rule is about; none where it does not hold."""
        said, fact, member, past, day = rule.conditions, self.fact, self.member, self.past, self.local.date()
        if rule.release.get("to", "all") != "all" and not self.oracle.released(rule.code, rule.release, member):
            return []
        if said.get("min_cents") is not None and self.amount() < said["min_cents"]:
            return []
        if said.get("max_cents") is not None and self.amount() > said["max_cents"]:
            return []
        if said.get("tiers") and member.tier not in said["tiers"]:
            return []
        if said.get("sprint") and not member.sprint:
            return []
        if said.get("segments") and not set(said["segments"]) & set(member.segments):
            return []
        new = said.get("new_member_days")
        if new is not None and (member.registered_on is None or not 0 <= (day - member.registered_on).days <= new):
            return []
        if said.get("nth_purchase") and past.nth not in said["nth_purchase"]:
            return []
        again = said.get("again_days")
        if again is not None and not rule.by_category_again() and (past.last is None or (day - past.last).days > again):
            return []
        if said.get("channels") and (fact.channel or fact.data.get("channel", "")) not in said["channels"]:
            return []
        if said.get("weekdays") and day.isoweekday() not in said["weekdays"]:
            return []
        if said.get("date_from") and day < date.fromisoformat(said["date_from"]):
            return []
        if said.get("date_until") and day > date.fromisoformat(said["date_until"]):
            return []
        if said.get("festival") and not any(first <= day <= last for first, last in self.oracle.festivals.get(said["festival"], [])):
            return []
        if not self.within_hours(said.get("hour_from"), said.get("hour_until")):
            return []
        if said.get("birthday") and not self.celebrates(said["birthday"]):
            return []
        if said.get("card") and member.cards.get(said["card"], 0) < 1:
            return []
        if said.get("expression") and self.oracle.says(said["expression"], fact, self.lines, self.bases, member, past) is not True:
            return []

        if fact.kind != "purchase":
            return [WHOLE] if in_line(said, *(fact.data.get(name, "") for name in ("category", "brand", "sku"))) else []
        numbers = [i for i, line in enumerate(self.lines) if in_line(said, line.category, line.brand, line.sku)]
        if rule.by_category_again():
            last_with = {i: past.last_with.get(self.lines[i].category) for i in numbers}
            numbers = [i for i, last in last_with.items() if last and (day - last).days <= again]
        return numbers if rule.on_lines() else [*numbers, WHOLE]

    def within_hours(self, first, until):
        first, until = first or 0, 24 if until is None else until
        if first > until:
            return self.local.hour >= first or self.local.hour < until
        return first <= self.local.hour < until

    def celebrates(self, what):
        birthday, day = self.member.birthday, self.local.date()
        if birthday is None:
            return False
        if what == "month":
            return birthday.month == day.month
        leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
        if (birthday.month, birthday.day) == (2, 29) and not leap:
            return (day.month, day.day) == (2, 28)
        return (birthday.month, birthday.day) == (day.month, day.day)

    def amount(self):
        return sum(self.bases) if self.fact.kind == "purchase" else self.number("amount_cents")

    def number(self, name):
        """A number in the fact; what it does not state is 0."""
        return self.fact.data.get(name, 0)

    # What rules give by themselves

    def wanted(self, rules):
        """{rule code: {place: exact points}} of base rules: they add up, but within a group each place has one giver."""
        wanted = {rule.code: self.gives(rule) for rule in rules}
        bounded = {rule.code: self.within_margin(rule, wanted[rule.code]) for rule in rules}
        for group in {rule.group for rule in rules if rule.group}:
            for place in self.places:
                rivals = [rule for rule in rules if rule.group == group and bounded[rule.code].get(place)]
                if rivals:
                    giver = self.best(rivals, lambda rule, place=place: bounded[rule.code][place])
                    for rule in rivals:
                        if rule is not giver:
                            del wanted[rule.code][place]
        return wanted

    def best(self, rivals, worth):
        """The one that counts of the rules of a group, which come in their order. Those that are used up give way, where others are not."""
        rivals = [rule for rule in rivals if not self.used_up(rule)] or rivals
        return max(rivals, key=worth) if rivals[0].combine == "best" else rivals[0]

    def gives(self, rule):
        """{place: exact points} of one base rule."""
        effect = rule.effect
        if rule.kind == "per_unit":
            return {i: self.rate(effect, i) * self.bases[i] / self.oracle.unit for i in self.about[rule.code] if i != WHOLE}
        if rule.kind == "bands":
            value = self.amount() if effect["measure"] == "amount" else self.number(effect["measure"])
            for band in effect["bands"]:
                if band["start"] <= value and (band.get("end") is None or value < band["end"]):
                    rate = Fraction(band.get("rate", 0), ONE) / self.oracle.unit
                    return {WHOLE: Fraction(band.get("points", 0))} | {i: rate * self.bases[i] for i in self.about[rule.code] if i != WHOLE}
            return {}
        if rule.kind == "fixed":
            points = effect.get("points", 0)
        elif rule.kind == "ladder":
            step, ladder = self.number(effect["measure"]), effect["ladder"]
            cycles = effect.get("cycles", True)
            points = 0 if step < 1 else ladder[(step - 1) % len(ladder)] if cycles else ladder[min(step, len(ladder)) - 1]
        elif rule.kind == "stated":
            points = max(self.number(effect["measure"]), effect.get("minimum", 0))
            if effect.get("maximum") is not None:
                points = min(points, effect["maximum"])
        elif rule.kind == "random":
            points = self.oracle.roll(rule.code, effect, self.fact) or 0
        else:
            points = 0  # something to win
        return {WHOLE: Fraction(points)}

    def rate(self, effect, place):
        table = effect.get("by_category", {})
        longest = max((above for above in table if covers(above, self.lines[place].category)), key=len, default=None)
        return Fraction(effect.get("rate", 0) if longest is None else table[longest], ONE)

    def within_margin(self, rule, gives):
        """At most that share of what a line's basis exceeds its cost by, in points at what points cost."""
        bounded = dict(gives)
        for place in gives:
            line = self.lines[place] if place != WHOLE else Line()
            if rule.margin_percent is not None and line.cost is not None and line.amount > 0:
                margin = max(0, self.bases[place] - line.cost * self.bases[place] // line.amount)
                bounded[place] = min(gives[place], Fraction(margin * rule.margin_percent, 100) / self.oracle.point_cost)
        return bounded

    # Multipliers

    def chosen(self, rules):
        """(rule, the places where it is the one that multiplies), group by group, a group's place being that of its first rule."""
        groups = {}
        for rule in rules:
            groups.setdefault(rule.group or (rule.code,), []).append(rule)
        found = []
        for group in groups.values():
            if len(group) == 1 or group[0].combine == "product":
                found += [(rule, self.about[rule.code]) for rule in group]
                continue
            winners = {}
            for place in self.places:
                there = [rule for rule in group if place in self.about[rule.code]]
                if there:
                    winners[place] = self.best(there, self.factor)
            found += [(rule, [place for place, winner in winners.items() if winner is rule]) for rule in group]
        return found

    def factor(self, rule):
        tiers = {"tier_multiplier": self.member.tier_factor, "tier_birthday_multiplier": self.member.birthday_factor}
        return Fraction(tiers.get(rule.kind, rule.effect.get("factor", ONE)), ONE)

    # Limits and rounding

    def rooms(self, rule):
        """(points left before this fact, or None without end; times left or None; rules it bounds; whether it stops) of all that bounds a rule."""
        for limit in rule.limits:
            whose = self.fact.member if limit.get("by", "member") == "member" else "*"
            yield *self.left(limit, "own", rule.code, whose), {rule.code}, False
        for limit in self.oracle.shared_over(self.fact):
            yield *self.left(limit, "shared", limit["code"], self.fact.member), {one.code for one in self.rules}, False
        for budget in self.oracle.budgets_of(rule):
            if budget["at_end"] != "go_on":
                points, _times = self.used[self.oracle.key_of(budget, self.local.date())]
                covers = {one.code for one in self.rules if budget in self.oracle.budgets_of(one)}
                yield budget["points"] - points, None, covers, budget["at_end"] == "stop"

    def left(self, limit, *whose):
        points, times = (0, 0) if limit["per"] == "fact" else self.used[*whose, limit["per"], period(self.local.date(), limit["per"])]
        return (None if limit.get(name) is None else limit[name] - had for name, had in (("points", points), ("times", times)))

    def used_up(self, rule):
        return any((points is not None and points <= 0) or (times is not None and times <= 0) for points, times, _covers, _stops in self.rooms(rule))

    def give(self, rule, wanted):
        """Write down what a rule gives, as far as its limits and budgets reach; what is cut is cut from all places in proportion."""
        wanted = self.within_margin(rule, wanted)
        total = allowed = sum(wanted.values())
        for points, times, covers, stops in self.rooms(rule):
            if times is not None and times <= 0:
                allowed = Fraction(0)
            if points is not None:
                left = max(0, points - sum(sum(gives.values()) for code, gives in self.given.items() if code in covers))
                if allowed > left:
                    allowed = Fraction(0) if stops else left
        self.given[rule.code] = {place: points * allowed / total if total else points for place, points in wanted.items()}

    def rounded(self):
        """One floor for all; what each rule and each place has of it."""
        exact = {code: sum(gives.values(), Fraction(0)) for code, gives in self.given.items()}
        parts = {code: floor(value) for code, value in exact.items()}
        missing = floor(sum(exact.values())) - sum(parts.values())
        for code in sorted(exact, key=lambda code: parts[code] - exact[code]):  # stable: the earlier first among equals
            if missing and parts[code] < exact[code] and self.fits_one_more(code, parts):
                parts[code], missing = parts[code] + 1, missing - 1
        points = sum(parts.values())

        of_places = {place: sum((gives.get(place, Fraction(0)) for gives in self.given.values()), Fraction(0)) for place in self.places}
        places = {place: floor(value) for place, value in of_places.items()}
        missing = points - sum(places.values())
        for place in sorted(of_places, key=lambda place: places[place] - of_places[place])[:missing]:
            places[place] += 1
        return Decision(points, {code: part for code, part in parts.items() if part}, places, exact)

    def fits_one_more(self, code, parts):
        rule = next(rule for rule in self.rules if rule.code == code)
        rooms = [(points, covers) for points, _times, covers, _stops in self.rooms(rule) if points is not None]
        return all(sum(part for other, part in parts.items() if other in covers) < points for points, covers in rooms)


def in_line(said, category, brand, sku):
    if said.get("categories") and not any(covers(above, category) for above in said["categories"]):
        return False
    if said.get("brands") and brand not in said["brands"]:
        return False
    return not said.get("skus") or sku in said["skus"]


# The file


def read(path):
    """The rows of a CSV file, plain or gzip."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def cents(text):
    amount = Fraction(text) * 100
    if amount.denominator != 1:
        raise ValueError(f"amount {text!r}")
    return int(amount)


def feed(oracle, rows):
    """Every row of a file, in its order; guests are left out → the oracle."""
    for row in rows:
        if not row["customer_id"]:
            continue
        at = datetime.fromisoformat(row["occurred_at"]).astimezone(UTC)
        if row["kind"] == "refund":
            if row["refers_to"]:
                oracle.refund(row["refers_to"], cents(row["amount"]))
            continue
        said = json.loads(row["lines"])
        lines = [Line(cents(one["amount"]), one.get("category", ""), sku=one.get("sku", ""), quantity=one.get("quantity", 1)) for one in said]
        oracle.take(Fact(row["order_id"], row["customer_id"], at, lines=lines, paid=cents(row["amount"])))
    return oracle


def main(argv=None):
    parser = argparse.ArgumentParser(description="What the purchases in FILE must earn under the rules of PROGRAMME.")
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("programme", metavar="PROGRAMME")
    options = parser.parse_args(argv)
    programme = json.loads(Path(options.programme).read_text(encoding="utf-8"))
    totals = feed(Oracle(programme), read(options.file)).totals()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["customer", "points"])
    writer.writerows(sorted(totals.items()))


if __name__ == "__main__":
    main()
