"""What two years of a programme come to, worked out a second time: no ledger, no database, nothing imported from the project.

    python3 tests/oracle/life_oracle.py FILE

FILE holds purchases, refunds and spends in the order in which they happen; the programme stands beside this script. Rules, on paper:

Points. A purchase earns a point for each unit of money, times the multiplier of the tier that its member has at that instant, one floor; they
are a lot, good through the same day six months later (the last day of a shorter month), by local days. A spend takes half of what is
there, where that half is at least 50, from what expires first. Due is gone at its instant. A refund makes the purchase's points what is left
of its money gives by the same multiplier; the difference is taken back: from what remains of its own lot; what of it was spent, from other
lots, then as debt; what of it expired is waived. What is earned settles debt first, and what it settled counts as spent.

Tiers. A purchase grows a point for each whole unit of money, dated to it; a refund makes that what is left of the money gives. After each
act, what grew in the three months that end now (from the beginning of the local day) is looked at: whoever reaches a higher tier has it
from that instant, for a term through the same local day three months later. At a term's end, before anything else at that instant or later: what
grew in the term keeps the tier, for another term through the same last day; else it is lost to the highest one that what grew in the three months before
reaches; if that is the same one, it is kept. After a refund, a tier that was risen to, and that neither what is left of the growth of then
nor the growth of now reaches, is undone: back to the tier and term of before, and so on; a term that ended meanwhile is then ended.

Reminders. Each day at nine o'clock, what is left of each lot whose last good day is 30, 7, 3 or 1 days ahead is told, and what has
expired since nine o'clock of the day before; all of one member's in one message.
"""

import calendar
import csv
import gzip
import json
import sys
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

csv.field_size_limit(2**31 - 1)
PROGRAMME = Path(__file__).with_name("life_programme.json")
DAY = timedelta(days=1)


def later(day, months):
    """The same day so many months later (or earlier), or the last of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@dataclass
class Lot:
    """Points of one purchase. `spent`: what of it others have used, spends and debts alike."""

    order: int
    at: datetime
    gone_at: datetime
    left: int
    spent: int = 0
    expired: int = 0


@dataclass
class Bought:
    at: datetime
    cents: int
    multiplier: int
    lot: Lot | None
    earned: int


@dataclass
class Place:
    """A tier that somebody has: from when, until when. `below` is the place that it was risen from; None where it was not risen to."""

    tier: dict
    since: datetime | None = None
    until: datetime | None = None
    risen: bool = False
    below: "Place | None" = None


@dataclass
class Member:
    place: Place
    lots: list = field(default_factory=list)
    debt: int = 0
    bought: dict = field(default_factory=dict)
    grown: list = field(default_factory=list)  # (instant, order's number), sorted
    growth: dict = field(default_factory=dict)  # by order's number, what is left of it
    expired: list = field(default_factory=list)  # (instant, points)
    counts: Counter = field(default_factory=Counter)


class Life:
    def __init__(self, programme):
        self.said = programme
        self.zone = ZoneInfo(programme["zone"])
        self.tiers = sorted(programme["tiers"], key=lambda tier: tier["threshold"])
        self.members = defaultdict(lambda: Member(Place(self.tiers[0])))
        self.months = defaultdict(Counter)
        self.orders = 0
        self.day = date.fromisoformat(programme["registered_on"])

    # Days

    def local(self, moment):
        return moment.astimezone(self.zone).date()

    def begins(self, day):
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    def month(self, moment):
        return f"{self.local(moment):%Y-%m}"

    # Points

    def expire(self, member, at):
        """Book what is due of a member's lots at that instant."""
        for lot in [lot for lot in member.lots if lot.gone_at <= at]:
            if lot.left:
                member.expired.append((lot.gone_at, lot.left))
                self.months[self.month(lot.gone_at)]["expired"] += lot.left
                member.counts["expired"] += lot.left
            lot.expired, lot.left = lot.left, 0
            member.lots.remove(lot)

    def take(self, member, points):
        """From what expires first; what is missing."""
        for lot in member.lots:
            part = min(points, lot.left)
            lot.left, lot.spent, points = lot.left - part, lot.spent + part, points - part
        return points

    def purchase(self, member, number, at, cents):
        multiplier = member.place.tier["multiplier_bps"]
        earned, lot = cents * multiplier // 1_000_000, None
        if earned:
            gone_at = self.begins(later(self.local(at), self.said["expire_months"]) + DAY)
            lot = Lot(self.orders, at, gone_at, earned)
            settled = min(earned, member.debt)
            member.debt -= settled
            lot.left, lot.spent = earned - settled, settled
            insort(member.lots, lot, key=lambda one: (one.gone_at, one.at, one.order))
        self.orders += 1
        member.bought[number] = Bought(at, cents, multiplier, lot, earned)
        member.growth[number] = cents // 100
        insort(member.grown, (at, number))

    def spend(self, member):
        half = sum(lot.left for lot in member.lots) // 2
        if half >= self.said["spend_from"]:
            assert self.take(member, half) == 0

    def refund(self, member, number, cents):
        bought = member.bought[number]
        bought.cents -= cents
        assert bought.cents >= 0
        member.growth[number] = bought.cents // 100
        keeps = bought.cents * bought.multiplier // 1_000_000
        back, bought.earned = bought.earned - keeps, keeps
        if not back:
            return
        lot = bought.lot
        own = min(back, lot.left)
        lot.left, back = lot.left - own, back - own
        charged = min(back, lot.spent)
        lot.spent, back = lot.spent - charged, back - charged
        assert back <= lot.expired
        lot.expired -= back
        member.debt += self.take(member, charged)

    # Tiers

    def grew(self, member, since, until):
        """Growth dated from `since` up to, not with, `until`."""
        first, last = bisect_left(member.grown, (since, "")), bisect_left(member.grown, (until, ""))
        return sum(member.growth[number] for _at, number in member.grown[first:last])

    def before(self, day):
        return self.begins(later(day, -self.said["term_months"]))

    def reached(self, value):
        return [tier for tier in self.tiers if tier["threshold"] <= value][-1]

    def term(self, since):
        return self.begins(later(self.local(since), self.said["term_months"]) + DAY)

    def rising(self, member, at):
        return self.grew(member, self.before(self.local(at)), at + timedelta(microseconds=1))

    def note(self, member, what, at):
        self.months[self.month(at)][what] += 1
        member.counts[what] += 1

    def end_terms(self, member, at):
        while member.place.until is not None and member.place.until <= at:
            place, end = member.place, member.place.until
            aim = self.reached(self.grew(member, self.before(self.local(end)), end))
            if self.grew(member, place.since, end) >= place.tier["threshold"] or aim["rank"] >= place.tier["rank"]:
                last = self.local(end - timedelta(microseconds=1))
                member.place = Place(place.tier, end, self.begins(later(last, self.said["term_months"]) + DAY))
                self.note(member, "kept", end)
            else:
                member.place = Place(aim) if aim is self.tiers[0] else Place(aim, end, self.term(end))
                self.note(member, "fell", end)

    def rise(self, member, at):
        aim = self.reached(self.rising(member, at))
        if aim["rank"] > member.place.tier["rank"]:
            member.place = Place(aim, at, self.term(at), True, member.place)
            self.note(member, "reached", at)

    def undo(self, member, at):
        while member.place.risen:
            place, needed = member.place, member.place.tier["threshold"]
            if self.rising(member, place.since) >= needed or self.rising(member, at) >= needed:
                return
            member.place = place.below
            self.note(member, "undone", at)

    # What happens

    def act(self, row, at):
        member, cents = self.members[row["customer_id"]], round(float(row["amount"]) * 100)
        self.expire(member, at)
        self.end_terms(member, at)
        if row["kind"] == "refund":
            self.refund(member, row["refers_to"], cents)
            self.undo(member, at)
            self.end_terms(member, at)
        else:
            self.purchase(member, row["order_id"], at, cents)
        self.rise(member, at)
        if row["kind"] == "purchase" and int(row["order_id"]) % self.said["spend_every"] == 0:
            self.spend(member)

    def remind(self, day):
        """The round of that day: everybody's messages."""
        now = datetime.combine(day, time(self.said["reminder_hour"]), self.zone).astimezone(UTC)
        ends = {self.begins(day + (ahead + 1) * DAY) for ahead in self.said["reminder_days"]}
        for member in self.members.values():
            self.expire(member, now)
            self.end_terms(member, now)
            ahead = sum(lot.left for lot in member.lots if lot.gone_at in ends)
            gone, member.expired = sum(points for _at, points in member.expired), []
            if ahead or gone:
                month = self.months[f"{day:%Y-%m}"]
                month["messages"] += 1
                member.counts["messages"] += 1
                month["told"] += ahead
                month["told_gone"] += gone

    def run(self, rows):
        """`rows` in the order in which they happen."""
        for row in rows:
            at = datetime.fromisoformat(row["occurred_at"])
            self.pass_days(at)
            self.act(row, at)
        self.pass_days(self.begins(date.fromisoformat(self.said["until"]) + DAY))
        return self

    def pass_days(self, until):
        while datetime.combine(self.day, time(self.said["reminder_hour"]), self.zone) <= until:
            self.remind(self.day)
            self.day += DAY

    def totals(self):
        """For each member: tier, points there, debt, and how often what has happened."""
        return {
            name: {"tier": one.place.tier["code"], "available": sum(lot.left for lot in one.lots), "debt": one.debt, **one.counts}
            for name, one in self.members.items()
        }


KINDS = ("reached", "kept", "fell", "undone", "messages", "told", "told_gone", "expired")


def main():
    with gzip.open(sys.argv[1], "rt", newline="") as file:
        life = Life(json.loads(PROGRAMME.read_text())).run(csv.DictReader(file))
    writer = csv.writer(sys.stdout)
    writer.writerow(["month", *KINDS])
    for month in sorted(life.months):
        writer.writerow([month, *(life.months[month][kind] for kind in KINDS)])


if __name__ == "__main__":
    main()
