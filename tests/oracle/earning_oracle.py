"""What facts must earn under rules, worked out a second time: no engine, no database, nothing imported from the project.

    python3 tests/oracle/earning_oracle.py FILE.csv[.gz] PROGRAMME.json

prints `customer,points`: what each customer's purchases have earned, less what their refunds took back. It reads the file that
`manage.py replay` reads, and follows docs/EARNING.md on paper, one fact after the other: exact fractions, a number for every limit, and
each fact decided from nothing but what came before it. The programme is JSON:

    {"zone": "America/New_York", "unit_cents": 100, "point_cost_cents": "1", "festivals": {"singles": [["2017-11-11", "2017-11-12"]]},
     "members": {"registered_on": "2017-01-01", "birthday": "by id"},
     "rules": [{"code": "base", "fact": "purchase", "from": null, "until": null, "definition": {…as it is kept…}}],
     "shared_limits": [{"code": "a-day", "over": ["purchases"], "per": "day", "points": 1000}],
     "budgets": [{"code": "spring", "rule": "base", "points": 5000, "when_full": "cut"}]}

A budget is for a `rule`, a `campaign` or a `cost_centre`, between `from` and `until` where they are given, and `when_full` it cuts, stops or
alarms. Members are all the same here, apart from their birthdays, for which the file has no column: `by id` is `birthday_of`.

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


@dataclass
class Line:
    """`amount` and `cost`, of all of `quantity`, in minor units."""

    amount: int = 0
    category: str = ""
    brand: str = ""
    sku: str = ""
    quantity: int = 1
    cost: int | None = None


@dataclass
class Member:
    """`tier_factor` is in ten-thousandths."""

    id: str = ""
    tier: str = ""
    tier_factor: int = ONE
    segments: tuple = ()
    registered_on: date | None = None
    birthday: date | None = None
    cards: dict = field(default_factory=dict)  # code → how many


@dataclass
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


@dataclass
class Past:
    """What a purchase found: the earlier ones of its member, by what the conditions ask of them."""

    nth: int = 1
    last: date | None = None
    last_with: dict = field(default_factory=dict)  # category → day


@dataclass
class Decision:
    """`rules` and `places` (lines by number, and the whole) each add up to `points`; `exact`: each rule's part before rounding."""

    points: int = 0
    rules: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)
    exact: dict = field(default_factory=dict)


@dataclass
class Taken:
    """A fact that was decided, with all that decided it."""

    fact: Fact
    past: Past
    used: dict
    member: Member  # as it was
    decision: Decision
    refunded: int = 0
    kept: list = field(default_factory=list)
    complete: bool = False


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
    return {"day": day, "month": (day.year, day.month), "life": None}[per]


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
        self.multiplies = self.kind in ("multiplier", "tier_multiplier")
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

    `roll(rule code, effect, fact)` gives what a random effect rolls, None for nothing. `says(expression, fact, member)` gives what an expression
    says. `released(release, member)` tells whether a rule that is not out for all is out for that member.
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
        self.used = {}  # key → [points, times]
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
        self._count(fact, decision, +1)
        for code in self._cards_of(decision):
            member.cards[code] -= 1
        for refund in self.waiting.pop(fact.id, []):
            self.refund(fact.id, *refund)
        return decision

    def refund(self, purchase_id, amount, quantities=None):
        """Money of a purchase given back, and of some lines (by number) so many pieces → points taken back, None while the purchase is unknown."""
        taken = self.taken.get(purchase_id)
        if taken is None:
            self.waiting.setdefault(purchase_id, []).append((amount, quantities))
            return None
        fact = taken.fact
        if taken.refunded + amount > fact.paid:
            raise ValueError("more given back than was paid")
        taken.refunded += amount
        for number, pieces in (quantities or {}).items():
            taken.kept[number] -= Fraction(pieces, fact.lines[number].quantity)
        sold = [kept for line, kept in zip(fact.lines, taken.kept, strict=True) if line.amount > 0]
        taken.complete = taken.refunded == fact.paid > 0 or (bool(sold) and not any(sold))
        before = taken.decision
        after = self.decide(fact, taken.member, taken.past, taken.used, taken.refunded, taken.kept) if not taken.complete else Decision()
        if after.points > before.points:
            after = before
        self._count(fact, before, -1)
        self._count(fact, after, +1)
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
        for earlier in self.purchases.get(fact.member, []):
            if earlier.complete or not earlier.fact.at < fact.at:
                continue
            day = self._local(earlier.fact.at).date()
            past.nth += 1
            past.last = max(day, past.last or day)
            for line in earlier.fact.lines:
                past.last_with[line.category] = max(day, past.last_with.get(line.category, day))
        return past

    def _local(self, at):
        return at.astimezone(self.zone)

    # What was used of limits and budgets

    def _keys(self, fact, rule):
        """Everything that counts what a rule gives for a fact: (kind, code of whose it is, whose use, in which period)."""
        day = self._local(fact.at).date()
        for limit in rule.limits:
            if limit["per"] != "fact":
                whose = fact.member if limit.get("by", "member") == "member" else "*"
                yield "own", rule.code, whose, limit["per"], period(day, limit["per"])
        for limit in self._shared_over(fact):
            if limit["per"] != "fact":
                yield "shared", limit["code"], fact.member, limit["per"], period(day, limit["per"])
        for budget in self._budgets_of(rule, fact):
            yield "budget", budget["code"], "*", "life", None

    def _shared_over(self, fact):
        words = {"everything", fact.kind, "purchases" if fact.kind == "purchase" else "behaviours"}
        return [limit for limit in self.shared if words & set(limit["over"])]

    def _budgets_of(self, rule, fact):
        day = self._local(fact.at).date()
        for budget in self.budgets:
            mine = (
                budget.get("rule") == rule.code
                or (rule.campaign and budget.get("campaign") == rule.campaign)
                or (rule.cost_centre and budget.get("cost_centre") == rule.cost_centre)
            )
            first, last = (date.fromisoformat(budget[name]) if budget.get(name) else day for name in ("from", "until"))
            if mine and first <= day <= last:
                yield budget

    def _used_before(self, fact):
        """As it is now, to be kept with the fact: a refund needs the very same."""
        rules = [rule for rule in self.rules if rule.fact == fact.kind and rule.in_force(fact.at)]
        return {key: tuple(self.used.get(key, (0, 0))) for rule in rules for key in self._keys(fact, rule)}

    def _count(self, fact, decision, sign):
        """Books what was granted, after rounding. A limit's times count facts, so each key is counted once for a fact."""
        counted = {}
        for rule in self.rules:
            if rule.fact != fact.kind or not rule.in_force(fact.at) or not decision.rules.get(rule.code):
                continue
            for key in self._keys(fact, rule):
                counted[key] = counted.get(key, 0) + decision.rules[rule.code]
        for key, points in counted.items():
            before = self.used.setdefault(key, [0, 0])
            before[0] += sign * points
            before[1] += sign

    # A decision

    def decide(self, fact, member, past, used, refunded=0, kept=None):
        """What a fact gives: `past` and `used` are as they were, `refunded` and `kept` say what is left of a purchase → Decision."""
        lines, bases = self._lines(fact, refunded, kept)
        rules = sorted((rule for rule in self.rules if rule.fact == fact.kind and rule.in_force(fact.at)), key=lambda rule: rule.place)
        about = {}  # rule code → the places it is about
        for rule in rules:
            places = self._about(rule, fact, member, past, lines, sum(bases))
            if places:
                about[rule.code] = places
        holding = [rule for rule in rules if rule.code in about]

        given = {}  # rule code → {place: exact points}, in the order in which they were given
        self._base_rules(given, [rule for rule in holding if not rule.multiplies], about, fact, lines, bases, used)
        self._multipliers(given, [rule for rule in holding if rule.multiplies], about, fact, member, lines, bases, used)
        return self._rounded(given, rules, len(lines))

    def _lines(self, fact, refunded, kept):
        """The lines of a purchase that are left, and the basis of each."""
        if fact.kind != "purchase":
            return [], []
        lines, goods, parts = fact.lines, fact.goods, kept or [Fraction(1)] * len(fact.lines)
        if all(line.amount <= 0 for line in lines):
            lines, parts = [Line(amount=goods)], [Fraction(1)]
        bases = share(goods, [max(0, line.amount) for line in lines])
        bases = [floor(basis * part) for basis, part in zip(bases, parts, strict=True)]
        money = max(0, goods - refunded)
        if sum(bases) > money:
            bases = share(money, bases)
        there = [i for i, part in enumerate(parts) if part > 0]
        return [lines[i] for i in there], [bases[i] for i in there]

    def _about(self, rule, fact, member, past, lines, amount):
        """The places that a rule is about; none where it does not hold."""
        said, local = rule.conditions, self._local(fact.at)
        day = local.date()
        release = rule.release.get("to", "all")
        if release != "all" and not self.released(rule.release, member):
            return []

        if fact.kind != "purchase":
            amount = fact.data.get("amount_cents", 0)
        if said.get("min_cents") is not None and amount < said["min_cents"]:
            return []
        if said.get("max_cents") is not None and amount > said["max_cents"]:
            return []
        if said.get("tiers") and member.tier not in said["tiers"]:
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
        if said.get("festival") and not any(first <= day <= last for first, last in self.festivals.get(said["festival"], [])):
            return []
        if said.get("hour_from") is not None or said.get("hour_until") is not None:
            first = 0 if said.get("hour_from") is None else said["hour_from"]
            until = 24 if said.get("hour_until") is None else said["hour_until"]
            if first < until and not first <= local.hour < until:
                return []
            if first > until and until <= local.hour < first:
                return []
        if said.get("birthday") and not self._celebrates(member.birthday, day, said["birthday"]):
            return []
        if said.get("card") and member.cards.get(said["card"], 0) < 1:
            return []
        if said.get("expression") and self.says(said["expression"], fact, member) is not True:
            return []

        if fact.kind != "purchase":
            data = fact.data
            return [WHOLE] if self._line_holds(said, data.get("category", ""), data.get("brand", ""), data.get("sku", "")) else []
        numbers = [i for i, line in enumerate(lines) if self._line_holds(said, line.category, line.brand, line.sku)]
        if rule.by_category_again():
            numbers = [i for i in numbers if lines[i].category in past.last_with and (day - past.last_with[lines[i].category]).days <= again]
        if rule.on_lines():
            return numbers
        return [*numbers, WHOLE]

    def _line_holds(self, said, category, brand, sku):
        if said.get("categories") and not any(covers(above, category) for above in said["categories"]):
            return False
        if said.get("brands") and brand not in said["brands"]:
            return False
        return not said.get("skus") or sku in said["skus"]

    def _celebrates(self, birthday, day, what):
        if birthday is None:
            return False
        if what == "month":
            return birthday.month == day.month
        leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
        if (birthday.month, birthday.day) == (2, 29) and not leap:
            return (day.month, day.day) == (2, 28)
        return (birthday.month, birthday.day) == (day.month, day.day)

    # Base rules

    def _base_rules(self, given, rules, about, fact, lines, bases, used):
        wanted = {}
        for rule in rules:
            gives = self._gives(rule, about[rule.code], fact, lines, bases)
            if gives:
                wanted[rule.code] = self._within_margin(rule, gives, lines, bases)
        for group in {rule.group for rule in rules if rule.group}:
            rivals = [rule for rule in rules if rule.group == group and rule.code in wanted]
            for place in [*range(len(lines)), WHOLE]:
                there = [rule for rule in rivals if place in wanted[rule.code]]
                if not there:
                    continue
                if rivals[0].combine == "best":
                    giver = min(there, key=lambda rule: (-wanted[rule.code][place], rule.place))
                else:
                    giver = min(there, key=lambda rule: rule.place)
                for rule in there:
                    if rule is not giver:
                        del wanted[rule.code][place]
        for rule in rules:
            if rule.code in wanted:
                given[rule.code] = self._cut(given, rule, wanted[rule.code], fact, used)

    def _gives(self, rule, places, fact, lines, bases):
        """{place: exact points} that a base rule gives by itself."""
        effect = rule.effect
        numbers = [place for place in places if place != WHOLE]
        if rule.kind == "fixed":
            return {WHOLE: Fraction(effect.get("points", 0))}
        if rule.kind == "per_unit":
            return {i: self._rate(effect, lines[i].category) * bases[i] / self.unit for i in numbers}
        if rule.kind == "bands":
            value = self._amount(fact, bases) if effect["measure"] == "amount" else fact.data.get(effect["measure"])
            for band in effect["bands"]:
                if value is not None and band["start"] <= value and (band.get("end") is None or value < band["end"]):
                    gives = {WHOLE: Fraction(band["points"])} if band.get("points") else {}
                    if band.get("rate"):
                        gives |= {i: Fraction(band["rate"], ONE) * bases[i] / self.unit for i in numbers}
                    return gives
            return {}
        if rule.kind == "ladder":
            step, ladder = fact.data.get(effect["measure"]), effect["ladder"]
            if step is None or step < 1:
                return {}
            if effect.get("cycles", True):
                return {WHOLE: Fraction(ladder[(step - 1) % len(ladder)])}
            return {WHOLE: Fraction(ladder[min(step, len(ladder)) - 1])}
        if rule.kind == "stated":
            stated = fact.data.get(effect["measure"])
            if stated is None:
                return {}
            stated = max(stated, effect.get("minimum", 0))
            if effect.get("maximum") is not None:
                stated = min(stated, effect["maximum"])
            return {WHOLE: Fraction(stated)}
        if rule.kind == "random":
            rolled = self.roll(rule.code, effect, fact)
            return {} if rolled is None else {WHOLE: Fraction(rolled)}
        return {}

    def _amount(self, fact, bases):
        return sum(bases) if fact.kind == "purchase" else fact.data.get("amount_cents")

    def _rate(self, effect, category):
        table = effect.get("by_category", {})
        longest = max((above for above in table if covers(above, category)), key=len, default=None)
        return Fraction(effect.get("rate", 0) if longest is None else table[longest], ONE)

    def _within_margin(self, rule, gives, lines, bases):
        if rule.margin_percent is None:
            return gives
        bounded = {}
        for place, points in gives.items():
            if place != WHOLE and lines[place].cost is not None and lines[place].amount > 0:
                cost = Fraction(lines[place].cost * bases[place], lines[place].amount)
                margin = max(Fraction(0), bases[place] - cost)
                points = min(points, margin * rule.margin_percent / 100 / self.point_cost)
            bounded[place] = points
        return bounded

    # Multipliers

    def _multipliers(self, given, rules, about, fact, member, lines, bases, used):
        apart = {rule.code for rule in self.rules if not rule.multiplied}
        groups = []  # in the order of their first rules; one without a group is one by itself
        for rule in rules:
            mates = next((group for group in groups if rule.group and group[0].group == rule.group), None)
            if mates:
                mates.append(rule)
            else:
                groups.append([rule])
        for group in groups:
            for rule, places in self._winners(group, about, member):
                self._multiply(given, rule, places, self._factor(rule, member), apart, fact, lines, bases, used)

    def _winners(self, group, about, member):
        """(rule, the places where it is the one that multiplies), in order."""
        if len(group) == 1 or group[0].combine == "product":
            return [(rule, about[rule.code]) for rule in group]
        won = {rule.code: [] for rule in group}
        for place in sorted({place for rule in group for place in about[rule.code]}, key=str):
            there = [rule for rule in group if place in about[rule.code]]
            if group[0].combine == "best":
                winner = min(there, key=lambda rule: (-self._factor(rule, member), rule.place))
            else:
                winner = min(there, key=lambda rule: rule.place)
            won[winner.code].append(place)
        return [(rule, won[rule.code]) for rule in group]

    def _factor(self, rule, member):
        return Fraction(member.tier_factor if rule.kind == "tier_multiplier" else rule.effect.get("factor", ONE), ONE)

    def _multiply(self, given, rule, places, factor, apart, fact, lines, bases, used):
        if factor < 1:
            for code in given:
                if code not in apart:
                    given[code] = {place: points * factor if place in places else points for place, points in given[code].items()}
            return
        adds = {}
        for place in places:
            there = sum(points.get(place, 0) for code, points in given.items() if code not in apart)
            if there:
                adds[place] = there * (factor - 1)
        given[rule.code] = self._cut(given, rule, self._within_margin(rule, adds, lines, bases), fact, used)

    # Limits and rounding

    def _cut(self, given, rule, wanted, fact, used):
        """What is left of a contribution after limits and budgets, each place in proportion."""
        total = sum(wanted.values())
        allowed = total
        for limit in rule.limits:
            whose = fact.member if limit.get("by", "member") == "member" else "*"
            allowed = min(allowed, self._left(limit, ("own", rule.code, whose), Fraction(0), fact, used))
        so_far = sum(sum(points.values()) for points in given.values())
        for limit in self._shared_over(fact):
            allowed = min(allowed, self._left(limit, ("shared", limit["code"], fact.member), so_far, fact, used))
        for budget in self._budgets_of(rule, fact):
            of_budget = [one.code for one in self.rules if budget in list(self._budgets_of(one, fact))]
            so_far = sum(sum(given[code].values()) for code in of_budget if code in given)
            left = max(Fraction(0), budget["points"] - used["budget", budget["code"], "*", "life", None][0] - so_far)
            if budget["when_full"] == "cut":
                allowed = min(allowed, left)
            elif budget["when_full"] == "stop" and allowed > left:
                allowed = Fraction(0)
        if allowed == total:
            return wanted
        return {place: points * allowed / total for place, points in wanted.items()}

    def _left(self, limit, whose, so_far, fact, used):
        """How many points a limit leaves, of which so many were given for this very fact."""
        points = times = 0
        if limit["per"] != "fact":
            points, times = used[*whose, limit["per"], period(self._local(fact.at).date(), limit["per"])]
        if limit.get("times") is not None and times >= limit["times"]:
            return Fraction(0)
        return Fraction(10**15) if limit.get("points") is None else max(Fraction(0), limit["points"] - points - so_far)

    def _rounded(self, given, rules, number_of_lines):
        """One floor for all; what each rule and each place has of it."""
        exact = {code: sum(places.values(), Fraction(0)) for code, places in given.items()}
        points = floor(sum(exact.values()))
        of_places = {place: sum((places.get(place, Fraction(0)) for places in given.values()), Fraction(0)) for place in [*range(number_of_lines), WHOLE]}
        return Decision(points, _by_remainder(points, exact), _by_remainder(points, of_places), exact)


def _by_remainder(total, exact):
    parts = {name: floor(value) for name, value in exact.items()}
    names = sorted(exact, key=lambda name: parts[name] - exact[name])  # stable: the earlier first among equals
    for name in names[: total - sum(parts.values())]:
        parts[name] += 1
    return {name: part for name, part in parts.items() if part}


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
