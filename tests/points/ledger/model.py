"""What the books should say, told a second way: every point of a lot is in exactly one place, and the buckets are counted from there.

Written from the specification, not from the ledger; nothing of it is imported. Instants are datetimes, members are names.
"""

from collections import Counter
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

FREE, PENDING, GONE = "free", "pending", "gone"


class Refused(Exception):
    """With the code of the refusal as its only argument."""


@dataclass
class Lot:
    number: int
    original: int
    earned_at: datetime
    expires_at: datetime | None
    days: int | None = None
    matures_at: datetime | None = None
    # How many of its points are free, pending, gone, or in ("held", …), ("spent", …), ("clawed", …), ("paid", …).
    where: Counter = field(default_factory=Counter)

    def move(self, points: int, source, target) -> None:
        assert 0 <= points <= self.where[source]
        self.where[source] -= points
        self.where[target] += points
        assert sum(self.where.values()) == self.original

    def over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def order(self):
        return (self.expires_at is None, self.expires_at or datetime.max.replace(tzinfo=self.earned_at.tzinfo), self.earned_at, self.number)


@dataclass
class Hold:
    points: int
    deadline: datetime
    status: str = "open"


@dataclass
class Spend:
    points: int
    owed: int
    restored: int = 0


@dataclass
class Earning:
    lot: int
    clawed: int = 0
    charged: int = 0


@dataclass
class Books:
    """One member's."""

    lots: list[Lot] = field(default_factory=list)
    holds: dict[int, Hold] = field(default_factory=dict)
    spends: dict[int, Spend] = field(default_factory=dict)
    earnings: dict[int, Earning] = field(default_factory=dict)
    debt: int = 0
    frozen: bool = False

    def copy(self) -> "Books":
        return Books(
            [replace(lot, where=Counter(lot.where)) for lot in self.lots],
            *({number: copy(one) for number, one in rows.items()} for rows in (self.holds, self.spends, self.earnings)),
            self.debt,
            self.frozen,
        )

    def count(self, place) -> int:
        return sum(lot.where[place] for lot in self.lots)

    def buckets(self) -> tuple[int, int, int, int]:
        held = sum(points for lot in self.lots for place, points in lot.where.items() if isinstance(place, tuple) and place[0] == "held")
        return self.count(FREE), held, self.count(PENDING), self.debt

    def seen(self, now: datetime) -> tuple[int, int, int, int]:
        """The buckets as a read at `now` must show them: what is due is gone."""
        ahead = self.copy()
        ahead.begin(now)
        return ahead.buckets()

    def begin(self, now: datetime) -> None:
        self.end_due(now)
        for number, hold in sorted(self.holds.items(), key=lambda item: (item[1].deadline, item[0])):
            if hold.status == "open" and hold.deadline <= now:
                self.free_hold(number, now, "lapsed")

    def end_due(self, now: datetime) -> None:
        for lot in self.lots:
            if lot.over(now):
                lot.move(lot.where[FREE], FREE, GONE)

    def come_in(self, now: datetime) -> None:
        self.end_due(now)
        pays = min(self.debt, self.count(FREE))
        self.take(pays, ("paid",))
        self.debt -= pays

    def take(self, points: int, target, *, but: Lot | None = None) -> None:
        for lot in sorted(self.lots, key=Lot.order):
            if lot is not but:
                part = min(points, lot.where[FREE])
                lot.move(part, FREE, target)
                points -= part
        assert points == 0

    def free_hold(self, number: int, now: datetime, status: str) -> None:
        for lot in self.lots:
            lot.move(lot.where["held", number], ("held", number), FREE)
        self.holds[number].status = status
        self.come_in(now)

    def new_lot(self, points: int, *, earned_at: datetime, expires_at: datetime | None, place=FREE) -> Lot:
        lot = Lot(len(self.lots), points, earned_at, expires_at, where=Counter({place: points}))
        self.lots.append(lot)
        return lot

    def need(self, points: int) -> None:
        if points > self.count(FREE):
            raise Refused("insufficient_points")

    def thaw(self) -> None:
        if self.frozen:
            raise Refused("account_frozen")


def end_of_term(start: datetime, days: int | None, offset: timedelta) -> datetime | None:
    """The first instant after the local day `days` after that of `start`, in a zone that is always `offset` from UTC."""
    if days is None:
        return None
    local = start + offset
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=days + 1) - offset


class Model:
    """Members by name. Every verb takes `now`, raises Refused or gives the number by which its act is spoken of later."""

    def __init__(self, members, offset: timedelta) -> None:
        self.books = {member: Books() for member in members}
        self.offset = offset
        self.acts = 0

    def open(self, member: str, now: datetime) -> Books:
        self.acts += 1
        self.books[member].begin(now)
        return self.books[member]

    def earn(self, member, points, *, days, matures_at, waits, occurred_at, now) -> int:
        books = self.open(member, now)
        if waits or (matures_at and matures_at > now):
            lot = books.new_lot(points, earned_at=occurred_at, expires_at=None, place=PENDING)
            lot.matures_at, lot.days = matures_at, days
        else:
            lot = books.new_lot(points, earned_at=occurred_at, expires_at=end_of_term(matures_at or occurred_at, days, self.offset))
        books.earnings[self.acts] = Earning(lot.number)
        books.come_in(now)
        return self.acts

    def mature(self, member, earning, *, now) -> bool:
        books = self.open(member, now)
        lot = books.lots[books.earnings[earning].lot]
        if not lot.where[PENDING]:
            return False
        start = lot.matures_at if lot.matures_at and lot.matures_at <= now else now
        lot.expires_at = end_of_term(start, lot.days, self.offset)
        lot.move(lot.where[PENDING], PENDING, FREE)
        books.come_in(now)
        return True

    def spend(self, member, points, *, overdraw, now) -> int:
        books = self.open(member, now)
        taken = points
        if overdraw:
            taken = min(points, books.count(FREE))
        else:
            books.thaw()
            books.need(points)
        books.take(taken, ("spent", self.acts))
        books.debt += points - taken
        books.spends[self.acts] = Spend(points, points - taken)
        return self.acts

    def hold(self, member, points, *, deadline, now) -> int:
        books = self.open(member, now)
        if deadline <= now:
            raise Refused("deadline_passed")
        books.thaw()
        books.need(points)
        books.take(points, ("held", self.acts))
        books.holds[self.acts] = Hold(points, deadline)
        return self.acts

    def settleable(self, books: Books, hold: int) -> Hold:
        status = books.holds[hold].status
        if status == "lapsed":
            raise Refused("hold_lapsed")
        if status != "open":
            raise Refused("hold_settled")
        return books.holds[hold]

    def capture(self, member, hold, points, *, now) -> int:
        books = self.open(member, now)
        held = self.settleable(books, hold)
        points = points or held.points
        if points > held.points:
            raise Refused("capture_exceeds_hold")
        left = points
        for lot in sorted(books.lots, key=Lot.order):
            part = min(left, lot.where["held", hold])
            lot.move(part, ("held", hold), ("spent", self.acts))
            left -= part
        books.spends[self.acts] = Spend(points, 0)
        books.free_hold(hold, now, "captured")
        return self.acts

    def release(self, member, hold, *, now) -> None:
        books = self.open(member, now)
        self.settleable(books, hold)
        books.free_hold(hold, now, "released")

    def restore(self, member, spend, points, *, grace, term, now) -> None:
        books = self.open(member, now)
        spent = books.spends[spend]
        if points > spent.points - spent.restored:
            raise Refused("restore_exceeds_spend")
        spent.restored += points
        credit = min(points, spent.owed)
        spent.owed -= credit
        forgiven = min(credit, books.debt)
        books.debt -= forgiven
        back = points - credit
        for lot in sorted(books.lots, key=Lot.order, reverse=True):
            part = min(back, lot.where["spent", spend])
            back -= part
            if part:
                lot.move(part, ("spent", spend), FREE)
                if grace and lot.over(now):
                    lot.expires_at = now + grace
        assert back == 0
        if credit > forgiven:
            books.new_lot(credit - forgiven, earned_at=now, expires_at=end_of_term(now, term, self.offset))
        books.come_in(now)

    def clawback(self, member, earning, points, *, now) -> tuple[int, int]:
        """What of it became debt, and what was waived."""
        books = self.open(member, now)
        earned = books.earnings[earning]
        lot = books.lots[earned.lot]
        if points > lot.original - earned.clawed:
            raise Refused("clawback_exceeds_earning")
        earned.clawed += points
        own = 0
        for place in (FREE, PENDING):
            part = min(points - own, lot.where[place])
            lot.move(part, place, ("clawed", earning))
            own += part
        elsewhere = lot.original - lot.where[FREE] - lot.where[PENDING] - lot.where[GONE] - lot.where["clawed", earning]
        owed = min(points - own, max(0, elsewhere - earned.charged))
        earned.charged += owed
        others = min(owed, books.count(FREE) - lot.where[FREE])
        books.take(others, ("clawed for", earning), but=lot)
        books.debt += owed - others
        return owed - others, points - own - owed

    def adjust(self, member, points, *, days, now) -> int:
        books = self.open(member, now)
        if points > 0:
            lot = books.new_lot(points, earned_at=now, expires_at=end_of_term(now, days, self.offset))
            books.earnings[self.acts] = Earning(lot.number)
            books.come_in(now)
        else:
            books.need(-points)
            books.take(-points, ("adjusted",))
        return self.acts

    def postpone(self, member, earnings, expires_at, *, now) -> bool:
        """Whether any of the lots of these earnings is good for longer now."""
        books = self.open(member, now)
        if expires_at <= now:
            raise Refused("expiry_passed")
        later = False
        for lot in {books.earnings[earning].lot: books.lots[books.earnings[earning].lot] for earning in earnings}.values():
            kept = sum(points for place, points in lot.where.items() if place == FREE or place[0] == "held")
            if kept and lot.expires_at is not None and lot.expires_at < expires_at:
                lot.expires_at, later = expires_at, True
        return later

    def forfeit(self, member, points, *, now) -> None:
        books = self.open(member, now)
        books.need(points)
        books.take(points, GONE)

    def transfer(self, member, to, points, *, now) -> None:
        if member == to:
            raise Refused("self_transfer")
        books, theirs = self.open(member, now), self.open(to, now)
        books.thaw()
        books.need(points)
        before = {lot.number: lot.where[FREE] for lot in books.lots}
        books.take(points, ("away", self.acts))
        for lot in sorted(books.lots, key=Lot.order):
            if lot.where[FREE] < before[lot.number]:
                theirs.new_lot(before[lot.number] - lot.where[FREE], earned_at=now, expires_at=lot.expires_at)
        theirs.come_in(now)

    def freeze(self, member, *, now) -> None:
        books = self.open(member, now)
        books.thaw()
        books.frozen = True

    def unfreeze(self, member, *, now) -> None:
        books = self.open(member, now)
        if not books.frozen:
            raise Refused("not_frozen")
        books.frozen = False

    def sweep(self, member, *, now) -> None:
        self.open(member, now)
