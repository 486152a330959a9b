"""The replay: one member's books rebuilt from their entries. Plain rows in, breaches out; no Django, no clock, nothing of the ledger's."""

import heapq
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


class Breach(NamedTuple):
    invariant: int
    what: str
    expected: Any
    found: Any


class AccountRow(NamedTuple):
    available: int
    held: int
    pending: int
    debt: int
    last_seq: int
    frozen: bool


class EntryRow(NamedTuple):
    id: str
    seq: int
    kind: str
    points: int
    available: int
    held: int
    pending: int
    debt: int
    balance_after: int
    waived: int
    expires_at: datetime | None
    key: str
    refers_to: str | None
    occurred_at: datetime
    recorded_at: datetime


class LotRow(NamedTuple):
    id: str
    entry_id: str
    original: int
    remaining: int
    held: int
    is_open: bool
    is_pending: bool
    earned_at: datetime
    matures_at: datetime | None
    available_at: datetime | None
    expires_at: datetime | None


class AllocationRow(NamedTuple):
    lot_id: str
    points: int
    held: int


class HoldRow(NamedTuple):
    id: str
    entry_id: str
    points: int
    captured: int
    status: str
    created_at: datetime
    expires_at: datetime
    settled_at: datetime | None


class Books(NamedTuple):
    """All that is stored of one member. `allocations` by their entry's id; `entries` by number."""

    account: AccountRow
    entries: Sequence[EntryRow]
    allocations: Mapping[str, Sequence[AllocationRow]]
    lots: Sequence[LotRow]
    holds: Sequence[HoldRow]


@dataclass(slots=True)
class _Lot:
    row: LotRow
    remaining: int
    pending: bool
    available_at: datetime | None
    expires_at: datetime | None
    held: int = 0
    gone: int = 0
    clawed: int = 0
    returned: bool = False

    def place(self) -> tuple[bool, datetime, datetime, str]:
        return self.expires_at is None, self.expires_at or self.row.earned_at, self.row.earned_at, self.row.id


@dataclass(slots=True)
class _Hold:
    row: HoldRow
    parts: dict[str, int]
    status: str = "open"
    captured: int = 0
    settled_at: datetime | None = None


@dataclass(slots=True)
class _Spent:
    lots: dict[str, int]
    owed: int


@dataclass(slots=True)
class _Earned:
    lot: str
    clawed: int = 0
    waived: int = 0


def first_of(parts: Iterable[tuple[str, int]], points: int) -> dict[str, int]:
    """The first `points` of parts (lot, how many it has), by lot."""
    found: dict[str, int] = {}
    for lot, has in parts:
        if points <= 0:
            break
        found[lot] = min(has, points)
        points -= found[lot]
    return found


def replay(books: Books) -> list[Breach]:
    """Every breach that the entries of one member, replayed from nothing, bring to light."""
    return _Replay(books).run()


@dataclass(slots=True)
class _Replay:
    books: Books
    breaches: list[Breach] = field(default_factory=list)
    available: int = 0
    held: int = 0
    pending: int = 0
    debt: int = 0
    seq: int = 0
    frozen: bool = False
    keys: set[str] = field(default_factory=set)
    made: dict[str, list[LotRow]] = field(default_factory=dict)
    lots: dict[str, _Lot] = field(default_factory=dict)
    holds: dict[str, _Hold] = field(default_factory=dict)
    hold_rows: dict[str, HoldRow] = field(default_factory=dict)
    spent: dict[str, _Spent] = field(default_factory=dict)
    earned: dict[str, _Earned] = field(default_factory=dict)
    # The lots that can be spent, in order; those with an end, by it; those whose place in the order is not known.
    live: list[tuple[bool, datetime, datetime, str]] = field(default_factory=list)
    ends: list[tuple[datetime, str]] = field(default_factory=list)
    unplaced: set[str] = field(default_factory=set)
    returned_over: set[str] = field(default_factory=set)
    unreleased: str | None = None

    def breach(self, invariant: int, what: str, expected: Any, found: Any) -> None:
        self.breaches.append(Breach(invariant, what, expected, found))

    def expect(self, invariant: int, entry: EntryRow, what: str, expected: Any, found: Any) -> None:
        if expected != found:
            self.breach(invariant, f"entry {entry.seq} ({entry.kind}), {what}", expected, found)

    def run(self) -> list[Breach]:
        for lot in self.books.lots:
            self.made.setdefault(lot.entry_id, []).append(lot)
        postponed = {a.lot_id for e in self.books.entries if e.kind == "postpone" for a in self.books.allocations.get(e.id, ())}
        if postponed:
            self.unplaced = {lot.id for lots in self.made.values() if len(lots) > 1 for lot in lots} & postponed
        self.hold_rows = {hold.entry_id: hold for hold in self.books.holds}
        for entry in self.books.entries:
            self.enter(entry)
        self.close(None)
        self.compare()
        return self.breaches

    def enter(self, entry: EntryRow) -> None:
        """One entry: what must be true before it, what it must be, and what it changes."""
        allocations = self.books.allocations.get(entry.id, ())
        self.seq += 1
        if entry.seq != self.seq:
            self.breach(9, "numbers without a gap", self.seq, entry.seq)
            self.seq = entry.seq
        if entry.key in self.keys:
            self.breach(5, f"entry {entry.seq} ({entry.kind}), its key", "a new one", entry.key)
        self.keys.add(entry.key)
        if not entry.key.startswith("#"):
            self.close(entry)
        self.expect(1, entry, "available after it", self.available + entry.available, entry.balance_after)
        check = _KINDS.get(entry.kind)
        if check is None:
            self.breach(9, f"entry {entry.seq}, its kind", "a known one", entry.kind)
        else:
            check(self, entry, allocations)
        self.apply(entry, allocations)

    def close(self, entry: EntryRow | None) -> None:
        """What every act leaves behind, asked before the next one begins (or, without one, at the end)."""
        before = f"before entry {entry.seq}" if entry else "after the last entry"
        if self.available and self.debt:
            self.breach(8, f"{before}, debt while {self.available} are available", 0, self.debt)
        if self.unreleased is not None:
            self.breach(8, f"{before}, what is left of captured hold {self.holds[self.unreleased].row.id}", {}, self.holds[self.unreleased].parts)
            self.unreleased = None
        for lot_id in self.returned_over:
            if lot_id in self.lots:
                self.breach(7, f"{before}, lot {lot_id}, which had expired when points came back to it", "expired again, or postponed", "neither")
        self.returned_over.clear()
        if entry is not None:
            while self.ends and self.ends[0][0] <= entry.recorded_at:
                instant, lot_id = heapq.heappop(self.ends)
                lot = self.lots[lot_id]
                if lot.remaining > 0 and not lot.pending and lot.expires_at == instant and lot_id not in self.unplaced:
                    self.breach(4, f"{before}, lot {lot_id}, which was due {instant}, is booked as expired with", 0, lot.remaining)

    def apply(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        made = sum(lot.original for lot in self.made.get(entry.id, ()))
        moved = held = 0
        for allocation in allocations:
            moved += allocation.points + allocation.held
            held += allocation.held
            lot = self.lots.get(allocation.lot_id)
            if lot is None:
                self.breach(2, f"entry {entry.seq} ({entry.kind}), its lot", "one of the member's, made before", allocation.lot_id)
                continue
            self.leave(lot)
            lot.remaining -= allocation.points + allocation.held
            lot.held += allocation.held
            if lot.remaining < 0 or lot.held < 0 or lot.remaining + lot.held > lot.row.original:
                self.breach(2, f"entry {entry.seq} ({entry.kind}), lot {allocation.lot_id} keeps", f"0 to {lot.row.original}", (lot.remaining, lot.held))
            self.join(lot)
        self.expect(3, entry, "allocations against available and pending", made - moved, entry.available + entry.pending)
        self.expect(3, entry, "allocations against held", held, entry.held)
        self.available += entry.available
        self.held += entry.held
        self.pending += entry.pending
        self.debt += entry.debt
        if min(self.available, self.held, self.pending, self.debt) < 0:
            self.breach(1, f"entry {entry.seq} ({entry.kind}), buckets after it", "none below 0", (self.available, self.held, self.pending, self.debt))
        rows = self.made.get(entry.id)
        if rows:
            self.earned[entry.id] = _Earned(min(row.id for row in rows))
            for row in rows:
                self.make(entry, row)

    def make(self, entry: EntryRow, row: LotRow) -> None:
        if entry.kind not in ("earn", "adjust", "transfer_in", "restore"):
            self.breach(9, f"entry {entry.seq} ({entry.kind}), lots made by it", "none", row.id)
        pending = entry.pending > 0
        expires_at = entry.expires_at if len(self.made[entry.id]) == 1 else row.expires_at
        available_at = None if pending else row.matures_at or entry.occurred_at
        self.expect(9, entry, f"lot {row.id}, earned at", entry.occurred_at, row.earned_at)
        lot = self.lots[row.id] = _Lot(row, row.original, pending, available_at, None if pending else expires_at)
        self.join(lot)

    def leave(self, lot: _Lot) -> None:
        if lot.remaining > 0 and not lot.pending:
            at = bisect_left(self.live, lot.place())
            if at < len(self.live) and self.live[at] == lot.place():
                del self.live[at]

    def join(self, lot: _Lot) -> None:
        if lot.remaining > 0 and not lot.pending:
            insort(self.live, lot.place())
            if lot.expires_at is not None:
                heapq.heappush(self.ends, (lot.expires_at, lot.row.id))

    # What each kind of entry must be.

    def order(self, entry: EntryRow, taken: Mapping[str, int], *, but: str = "") -> None:
        """`taken`, by lot, is what a spending of as many points takes from the lots as they were."""
        unplaced = self.unplaced & taken.keys() if self.unplaced else ()
        loose = sum(taken[lot] for lot in unplaced)
        parts = ((place[3], self.lots[place[3]].remaining) for place in self.live if place[3] != but and place[3] not in self.unplaced)
        expected = first_of(parts, sum(taken.values()) - loose)
        found = {lot: points for lot, points in taken.items() if points and lot not in unplaced}
        self.expect(4, entry, "lots in the order in which they expire", expected, found)
        for lot_id in taken:
            lot = self.lots.get(lot_id)
            if lot is not None and lot.expires_at is not None and lot.expires_at <= entry.recorded_at and lot_id not in self.unplaced:
                self.breach(4, f"entry {entry.seq} ({entry.kind}) takes from lot {lot_id}, whose end is", f"later than {entry.recorded_at}", lot.expires_at)

    def buckets(self, entry: EntryRow, *, available: int = 0, held: int = 0, pending: int = 0, debt: int = 0, invariant: int = 3) -> None:
        expected = (available, held, pending, debt)
        self.expect(invariant, entry, "change of available, held, pending, debt", expected, (entry.available, entry.held, entry.pending, entry.debt))

    def earn(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        pending = entry.points if entry.pending else 0
        self.buckets(entry, available=entry.points - pending, pending=pending)
        self.expect(3, entry, "points of the lots made", entry.points, sum(lot.original for lot in self.made.get(entry.id, ())))

    def mature(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, available=entry.points, pending=-entry.points)
        for allocation in allocations:
            lot = self.lots.get(allocation.lot_id)
            if lot is None:
                continue
            self.expect(9, entry, "points of a lot that was pending", (True, lot.remaining), (lot.pending, entry.points))
            self.expect(9, entry, "the earning whose lot it is", lot.row.entry_id, entry.refers_to)
            lot.pending, lot.available_at, lot.expires_at = False, entry.occurred_at, entry.expires_at
        self.expect(9, entry, "number of lots", 1, len(allocations))

    def take(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        taken = {a.lot_id: a.points for a in allocations}
        owed = max(0, entry.points - self.available) if entry.kind in ("spend", "adjust", "transfer_out") else 0
        self.buckets(entry, available=-(entry.points - owed), debt=owed)
        self.expect(3, entry, "allocations", entry.points - owed, sum(taken.values()))
        self.order(entry, taken)
        if entry.kind == "spend":
            self.spent[entry.id] = _Spent(taken, owed)
        if entry.kind == "forfeit":
            self.go(allocations)

    def go(self, allocations: Iterable[AllocationRow]) -> None:
        for allocation in allocations:
            if allocation.lot_id in self.lots:
                self.lots[allocation.lot_id].gone += allocation.points

    def adjust(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        (self.take if entry.available < 0 or entry.debt > 0 else self.earn)(entry, allocations)

    def settle(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        pays = min(self.available, self.debt)
        self.expect(6, entry, "what is paid of the debt", pays, entry.points)
        self.buckets(entry, available=-entry.points, debt=-entry.points, invariant=6)
        self.order(entry, {a.lot_id: a.points for a in allocations})

    def expire(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, available=-entry.points)
        for allocation in allocations:
            lot = self.lots.get(allocation.lot_id)
            if lot is None:
                continue
            self.expect(4, entry, f"all that remains of lot {lot.row.id}", lot.remaining, allocation.points)
            if lot.row.id in self.unplaced:
                pass
            elif lot.expires_at is None or lot.expires_at > entry.recorded_at or lot.expires_at > entry.occurred_at:
                self.breach(4, f"entry {entry.seq} expires lot {lot.row.id}, whose end is", f"{entry.occurred_at} or before", lot.expires_at)
            self.returned_over.discard(lot.row.id)
        self.go(allocations)

    def postpone(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, invariant=7)
        if not allocations:
            self.breach(7, f"entry {entry.seq} (postpone), its lots", "one at least", "none")
        lots = [self.lots[allocation.lot_id] for allocation in allocations if allocation.lot_id in self.lots]
        self.expect(7, entry, "points it is about", sum(lot.remaining + lot.held for lot in lots), entry.points)
        for lot in lots:
            if entry.expires_at is None or lot.expires_at is None or (entry.expires_at <= lot.expires_at and lot.row.id not in self.unplaced):
                self.breach(7, f"entry {entry.seq} postpones lot {lot.row.id} to", f"later than {lot.expires_at}", entry.expires_at)
            if entry.expires_at is not None and entry.expires_at <= entry.recorded_at:
                self.breach(7, f"entry {entry.seq} postpones lot {lot.row.id} to", f"later than {entry.recorded_at}", entry.expires_at)
            self.leave(lot)
            lot.expires_at = entry.expires_at
            self.unplaced.discard(lot.row.id)
            self.returned_over.discard(lot.row.id)

    def hold(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, available=-entry.points, held=entry.points, invariant=8)
        parts = {a.lot_id: a.held for a in allocations}
        self.expect(8, entry, "allocations", entry.points, sum(parts.values()))
        self.order(entry, parts)
        row = self.hold_rows.get(entry.id)
        if row is None:
            self.breach(9, f"entry {entry.seq} (hold), its hold", "one", "none")
            return
        self.expect(9, entry, "points and start of its hold", (entry.points, entry.recorded_at), (row.points, row.created_at))
        self.holds[entry.id] = _Hold(row, parts)

    def capture(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, held=-entry.points, invariant=8)
        taken = {a.lot_id: a.points for a in allocations}
        self.spent[entry.id] = _Spent(taken, 0)
        hold = self.holds.get(entry.refers_to or "")
        if hold is None:
            self.breach(8, f"entry {entry.seq} (capture), the hold that it settles", "one made before", entry.refers_to)
            return
        self.expect(8, entry, "status of the hold until then", "open", hold.status)
        if entry.recorded_at >= hold.row.expires_at:
            self.breach(8, f"entry {entry.seq} captures hold {hold.row.id}, whose deadline is", f"later than {entry.recorded_at}", hold.row.expires_at)
        lots = sorted((lot for lot in hold.parts if lot in self.lots), key=lambda lot: self.lots[lot].place())
        self.expect(8, entry, "its lots", first_of(((lot, hold.parts[lot]) for lot in lots), entry.points), taken)
        self.expect(8, entry, "what it takes out of held", {lot: -points for lot, points in taken.items()}, {a.lot_id: a.held for a in allocations})
        for lot, points in taken.items():
            hold.parts[lot] = hold.parts.get(lot, 0) - points
        hold.parts = {lot: points for lot, points in hold.parts.items() if points}
        hold.status, hold.captured, hold.settled_at = "captured", entry.points, entry.recorded_at
        self.unreleased = entry.refers_to if hold.parts else None

    def release(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, available=entry.points, held=-entry.points, invariant=8)
        hold = self.holds.get(entry.refers_to or "")
        if hold is None:
            self.breach(8, f"entry {entry.seq} (release), the hold that it settles", "one made before", entry.refers_to)
            return
        self.expect(8, entry, "all that was held", hold.parts, {a.lot_id: -a.held for a in allocations})
        self.expect(8, entry, "points that it takes for good", 0, sum(a.points for a in allocations))
        if self.unreleased == entry.refers_to:
            self.unreleased = None
        else:
            self.expect(8, entry, "status of the hold until then", "open", hold.status)
            hold.status = "lapsed" if entry.recorded_at >= hold.row.expires_at else "released"
            hold.settled_at = entry.recorded_at
        hold.parts = {}

    def restore(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        spent = self.spent.get(entry.refers_to or "")
        if spent is None:
            self.breach(3, f"entry {entry.seq} (restore), the spend that it gives back", "one made before", entry.refers_to)
            return
        credit = min(entry.points, spent.owed)
        forgiven = min(credit, self.debt)
        self.buckets(entry, available=entry.points - forgiven, debt=-forgiven)
        self.expect(3, entry, "points of the lots made", credit - forgiven, sum(lot.original for lot in self.made.get(entry.id, ())))
        back = {a.lot_id: -a.points for a in allocations}
        for lot, points in back.items():
            if points > spent.lots.get(lot, 0):
                self.breach(3, f"entry {entry.seq} gives back to lot {lot}, of which that spend had taken", f"{points} at least", spent.lots.get(lot, 0))
        known = [lot for lot, points in spent.lots.items() if points > 0 and lot in self.lots]
        if not self.unplaced.intersection(known):
            latest = sorted(known, key=lambda lot: self.lots[lot].place(), reverse=True)
            expected = first_of(((lot, spent.lots[lot]) for lot in latest), entry.points - credit)
            self.expect(3, entry, "the very lots, the one that expires last first", expected, back)
        spent.owed -= credit
        for lot, points in back.items():
            spent.lots[lot] = spent.lots.get(lot, 0) - points
            if lot in self.lots:
                self.lots[lot].returned = True
                expires_at = self.lots[lot].expires_at
                if expires_at is not None and expires_at <= entry.recorded_at and lot not in self.unplaced:
                    self.returned_over.add(lot)

    def clawback(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        earned = self.earned.get(entry.refers_to or "")
        taken = {a.lot_id: a.points for a in allocations}
        if earned is None or earned.lot not in self.lots:
            self.breach(6, f"entry {entry.seq} (clawback), the earning that it takes back", "one made before", entry.refers_to)
            return
        lot = self.lots[earned.lot]
        if earned.clawed + entry.points > lot.row.original:
            self.breach(3, f"entry {entry.seq}, taken back of the earning", f"{lot.row.original} at most", earned.clawed + entry.points)
        own = min(entry.points, lot.remaining)
        used = lot.row.original - lot.remaining - lot.gone - lot.clawed
        charged = earned.clawed - earned.waived - lot.clawed
        owed = min(entry.points - own, max(0, used - charged))
        others = min(owed, self.available - (0 if lot.pending else own))
        self.expect(6, entry, "what remains of its own lot", own, taken.get(earned.lot, 0))
        self.expect(6, entry, "what other lots pay", others, sum(taken.values()) - taken.get(earned.lot, 0))
        self.expect(6, entry, "what becomes debt", owed - others, entry.debt)
        self.expect(6, entry, "what is waived", entry.points - own - owed, entry.waived)
        self.buckets(entry, available=-(0 if lot.pending else own) - others, pending=-own if lot.pending else 0, debt=owed - others, invariant=6)
        self.order(entry, {lot_id: points for lot_id, points in taken.items() if lot_id != earned.lot}, but=earned.lot)
        lot.clawed += taken.get(earned.lot, 0)
        earned.clawed += entry.points
        earned.waived += entry.waived

    def freeze(self, entry: EntryRow, allocations: Sequence[AllocationRow]) -> None:
        self.buckets(entry, invariant=9)
        frozen = entry.kind == "freeze"
        self.expect(9, entry, "whether it was frozen before", not frozen, self.frozen)
        self.frozen = frozen

    def compare(self) -> None:
        """What the entries rebuilt, against what is stored."""
        rebuilt = AccountRow(self.available, self.held, self.pending, self.debt, self.seq, self.frozen)
        for name, expected, found in zip(AccountRow._fields, rebuilt, self.books.account, strict=True):
            if expected != found:
                self.breach(9, f"account, {name}", expected, found)
        for row in self.books.lots:
            lot = self.lots.get(row.id)
            if lot is None:
                self.breach(9, f"lot {row.id}, the entry that made it", "one of the member's", row.entry_id)
                continue
            values = (lot.remaining, lot.held, lot.remaining > 0, lot.pending, lot.available_at, lot.expires_at)
            stored = (row.remaining, row.held, row.is_open, row.is_pending, row.available_at, row.expires_at)
            for name, right, kept in zip(("remaining", "held", "is_open", "is_pending", "available_at", "expires_at"), values, stored, strict=True):
                if right != kept:
                    self.breach(7 if name == "expires_at" and lot.returned else 9, f"lot {row.id}, {name}", right, kept)
        for held in self.books.holds:
            hold = self.holds.get(held.entry_id)
            if hold is None or hold.row is not held:
                self.breach(9, f"hold {held.id}, the entry that made it", "one of its own", held.entry_id)
                continue
            settled = (held.status, held.captured, held.settled_at)
            if settled != (hold.status, hold.captured, hold.settled_at):
                self.breach(8, f"hold {held.id}, status, captured, settled at", (hold.status, hold.captured, hold.settled_at), settled)


_KINDS: dict[str, Callable[[_Replay, EntryRow, Sequence[AllocationRow]], None]] = {
    "earn": _Replay.earn,
    "mature": _Replay.mature,
    "spend": _Replay.take,
    "hold": _Replay.hold,
    "capture": _Replay.capture,
    "release": _Replay.release,
    "restore": _Replay.restore,
    "clawback": _Replay.clawback,
    "expire": _Replay.expire,
    "postpone": _Replay.postpone,
    "settle": _Replay.settle,
    "adjust": _Replay.adjust,
    "forfeit": _Replay.take,
    "transfer_out": _Replay.take,
    "transfer_in": _Replay.earn,
    "freeze": _Replay.freeze,
    "unfreeze": _Replay.freeze,
}
