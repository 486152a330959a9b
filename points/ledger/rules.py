"""The booking core: one member's books while they are locked. Plain values in, a journal of entries out; no Django, no clock.

A `Book` starts from the buckets and the lots that matter, and every method appends drafts to its `journal`. `services.py` writes the
journal down. Assertions guard what no input may bring about; a shortage is a named exception for the verb to refuse with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID


class Shortage(Exception):
    """Fewer points can be taken than were asked for."""

    def __init__(self, *, wanted: int, available: int) -> None:
        super().__init__(f"{wanted} wanted, {available} available")
        self.wanted, self.available = wanted, available


@dataclass(slots=True)
class Lot:
    """Points earned together. `fresh` is the row to be made, for a lot that this book makes."""

    id: UUID
    remaining: int
    held: int
    expires_at: datetime | None
    earned_at: datetime
    original: int = 0
    is_pending: bool = False
    available_at: datetime | None = None
    fresh: dict[str, Any] | None = None
    before: tuple[Any, ...] = ()

    def state(self) -> tuple[Any, ...]:
        return self.remaining, self.held, self.is_pending, self.available_at, self.expires_at

    def due(self, now: datetime) -> bool:
        return not self.is_pending and self.remaining > 0 and self.expires_at is not None and self.expires_at <= now


class Take(NamedTuple):
    """What an entry does to a lot: `points` leave it for good (below zero: come back), `held` are set aside in it (below zero: no more)."""

    lot: UUID
    points: int
    held: int = 0


@dataclass(slots=True)
class Draft:
    """An entry to be written."""

    kind: str
    points: int
    seq: int
    balance_after: int
    occurred_at: datetime
    available: int = 0
    held: int = 0
    pending: int = 0
    debt: int = 0
    waived: int = 0
    expires_at: datetime | None = None
    refers_to: UUID | None = None
    takes: Sequence[Take] = ()
    main: bool = True


def fifo(lot: Lot) -> tuple[bool, datetime, datetime, UUID]:
    """The order in which lots are spent: the one that expires first; never last; then the older."""
    return lot.expires_at is None, lot.expires_at or lot.earned_at, lot.earned_at, lot.id


def pick(parts: Iterable[tuple[UUID, int]], points: int) -> list[tuple[UUID, int]]:
    """The first `points` of `parts` (lot, how many it has), in their order. Gives fewer where there are fewer."""
    picked = []
    for lot, has in parts:
        if points <= 0:
            break
        if has > 0:
            picked.append((lot, min(has, points)))
            points -= picked[-1][1]
    return picked


@dataclass(frozen=True, slots=True)
class ClawbackSplit:
    """How a clawback is borne: by what remains of the earning's own lots, by the member (held or spent), or waived (expired)."""

    own: int
    owed: int
    waived: int


def split_clawback(*, points: int, remaining: int, used: int, charged: int) -> ClawbackSplit:
    """`used` of the earning's points are held or were spent, net of restores; `charged` were claimed for those by earlier clawbacks."""
    own = min(points, remaining)
    owed = min(points - own, max(0, used - charged))
    return ClawbackSplit(own, owed, points - own - owed)


@dataclass(slots=True)
class Book:
    now: datetime
    available: int = 0
    held: int = 0
    pending: int = 0
    debt: int = 0
    last_seq: int = 0
    frozen: bool = False
    lots: dict[UUID, Lot] = field(default_factory=dict)
    journal: list[Draft] = field(default_factory=list)

    def bring(self, lots: Iterable[Lot]) -> None:
        """Lots that this act may touch. One that is already here stays as it is."""
        for lot in lots:
            if lot.id not in self.lots:
                lot.before = lot.state()
                self.lots[lot.id] = lot

    def live(self) -> list[Lot]:
        """The lots that can be spent now, in the order in which they are."""
        return sorted((lot for lot in self.lots.values() if lot.remaining and not lot.is_pending and not lot.due(self.now)), key=fifo)

    def enter(
        self,
        kind: str,
        points: int,
        *,
        occurred_at: datetime,
        available: int = 0,
        held: int = 0,
        pending: int = 0,
        debt: int = 0,
        takes: Sequence[Take] = (),
        waived: int = 0,
        expires_at: datetime | None = None,
        refers_to: UUID | None = None,
        main: bool = True,
    ) -> Draft:
        """Append an entry and apply it to buckets and lots."""
        for take in takes:
            lot = self.lots[take.lot]
            lot.remaining -= take.points + take.held
            lot.held += take.held
            assert lot.remaining >= 0, "a lot gave more than it had"
            assert lot.held >= 0, "a lot released more than it held"
        self.available += available
        self.held += held
        self.pending += pending
        self.debt += debt
        assert min(self.available, self.held, self.pending, self.debt) >= 0, "a bucket went below zero"
        self.last_seq += 1
        draft = Draft(kind, points, self.last_seq, self.available, occurred_at, available, held, pending, debt, waived, expires_at, refers_to, takes, main)
        self.journal.append(draft)
        return draft

    def expire_due(self, *, not_before: datetime | None = None) -> None:
        """Book what is due as expired, one entry for each instant at which points ended.

        `occurred_at` is that instant, or `not_before` where the points came back only later.
        """
        due: dict[datetime, list[Lot]] = {}
        for lot in self.lots.values():
            if lot.due(self.now):
                assert lot.expires_at is not None
                due.setdefault(lot.expires_at if not_before is None else max(lot.expires_at, not_before), []).append(lot)
        for instant in sorted(due):
            lots = sorted(due[instant], key=fifo)
            gone = sum(lot.remaining for lot in lots)
            self.enter("expire", gone, occurred_at=instant, available=-gone, takes=[Take(lot.id, lot.remaining) for lot in lots], main=False)

    def just_expired(self, lot: UUID) -> int:
        """What of a lot this act has booked as expired."""
        return sum(take.points for draft in self.journal if draft.kind == "expire" for take in draft.takes if take.lot == lot)

    def settle(self, *, occurred_at: datetime) -> None:
        """What has just come in pays what is owed."""
        if self.debt and self.available:
            pays = min(self.debt, self.available)
            takes = [Take(lot, n) for lot, n in pick(((lot.id, lot.remaining) for lot in self.live()), pays)]
            assert sum(take.points for take in takes) == pays, "available points without lots"
            self.enter("settle", pays, occurred_at=occurred_at, available=-pays, debt=-pays, takes=takes, main=False)

    def from_lots(self, points: int) -> list[tuple[UUID, int]]:
        """Which lots `points` are spent from. Raises Shortage."""
        if points > self.available:
            raise Shortage(wanted=points, available=self.available)
        picked = pick(((lot.id, lot.remaining) for lot in self.live()), points)
        assert sum(n for _, n in picked) == points, "available points without lots"
        return picked

    def take(self, kind: str, points: int, *, occurred_at: datetime, overdraw: bool = False, refers_to: UUID | None = None) -> Draft:
        """Points leave for good, from the lots that expire first. With `overdraw` what is missing becomes debt."""
        taken = min(points, self.available) if overdraw else points
        takes = [Take(lot, n) for lot, n in self.from_lots(taken)]
        return self.enter(kind, points, occurred_at=occurred_at, available=-taken, debt=points - taken, takes=takes, refers_to=refers_to)

    def give(self, kind: str, lots: Sequence[Lot], *, occurred_at: datetime, refers_to: UUID | None = None) -> Draft:
        """New lots come in, available or pending. Lots whose term is over already are booked as expired at once; debt is settled."""
        self.bring(lots)
        pending = sum(lot.original for lot in lots if lot.is_pending)
        available = sum(lot.original for lot in lots) - pending
        # A lot's expiry can move later; what it began with stands on the entry that made it.
        expires_at = lots[0].expires_at if len(lots) == 1 else None
        draft = self.enter(kind, available + pending, occurred_at=occurred_at, available=available, pending=pending, expires_at=expires_at, refers_to=refers_to)
        self.came_in(occurred_at=occurred_at)
        return draft

    def mature(self, lot: Lot, *, available_at: datetime, expires_at: datetime | None, refers_to: UUID) -> Draft:
        """A pending lot becomes available; from now on its term runs."""
        lot.is_pending, lot.available_at, lot.expires_at = False, available_at, expires_at
        draft = self.enter(
            "mature",
            lot.remaining,
            occurred_at=available_at,
            available=lot.remaining,
            pending=-lot.remaining,
            takes=[Take(lot.id, 0)],
            expires_at=expires_at,
            refers_to=refers_to,
        )
        self.came_in(occurred_at=available_at)
        return draft

    def came_in(self, *, occurred_at: datetime) -> None:
        self.expire_due(not_before=occurred_at)
        self.settle(occurred_at=occurred_at)

    def hold(self, points: int, *, occurred_at: datetime) -> Draft:
        """Points are set aside in the lots that expire first."""
        takes = [Take(lot, 0, n) for lot, n in self.from_lots(points)]
        return self.enter("hold", points, occurred_at=occurred_at, available=-points, held=points, takes=takes)

    def capture(self, held: Sequence[tuple[UUID, int]], points: int, *, occurred_at: datetime, refers_to: UUID) -> Draft:
        """`points` of a hold (its lots, in the order of spending) are spent; what is left of it is released."""
        taken = pick(held, points)
        draft = self.enter("capture", points, occurred_at=occurred_at, held=-points, takes=[Take(lot, n, -n) for lot, n in taken], refers_to=refers_to)
        spent = dict(taken)
        rest = [(lot, n - spent.get(lot, 0)) for lot, n in held if n > spent.get(lot, 0)]
        if rest:
            self.release(rest, occurred_at=occurred_at, refers_to=refers_to, main=False)
        return draft

    def release(self, held: Sequence[tuple[UUID, int]], *, occurred_at: datetime, refers_to: UUID, main: bool = True) -> Draft:
        """Held points are available again; those whose lot has expired meanwhile expire at once."""
        points = sum(n for _, n in held)
        takes = [Take(lot, 0, -n) for lot, n in held]
        draft = self.enter("release", points, occurred_at=occurred_at, available=points, held=-points, takes=takes, refers_to=refers_to, main=main)
        self.came_in(occurred_at=occurred_at)
        return draft

    def restore(
        self, points: int, *, spent: Sequence[tuple[UUID, int]], owed: int, grace: timedelta, occurred_at: datetime, refers_to: UUID, fresh: Lot | None = None
    ) -> Draft:
        """Spent points come back: first what was spent on credit (`owed`), then to the very lots, latest-expiring first.

        `spent` is what each lot still lacks from that spend. Credit that later points have settled meanwhile comes back as the lot
        `fresh`, made for it. A lot that has expired meanwhile takes its points and expires at once, or lives on for `grace`.
        """
        credit = min(points, owed)
        forgiven = min(credit, self.debt)
        back = pick(sorted(spent, key=lambda part: fifo(self.lots[part[0]]), reverse=True), points - credit)
        assert sum(n for _, n in back) == points - credit, "a restore gave more than was taken"
        if credit > forgiven:
            assert fresh is not None, "settled credit comes back as a lot"
            fresh.original = fresh.remaining = credit - forgiven
            self.bring([fresh])
        was_over = [lot for lot, _ in back if self.lots[lot].expires_at is not None and self.lots[lot].expires_at <= self.now]  # type: ignore[operator]
        draft = self.enter(
            "restore",
            points,
            occurred_at=occurred_at,
            available=points - forgiven,
            debt=-forgiven,
            takes=[Take(lot, -n) for lot, n in back],
            expires_at=fresh.expires_at if fresh is not None and credit > forgiven else None,
            refers_to=refers_to,
        )
        if grace:
            for lot_id in was_over:
                self.postpone([self.lots[lot_id]], self.now + grace, occurred_at=occurred_at, refers_to=refers_to, main=False)
        self.came_in(occurred_at=occurred_at)
        return draft

    def postpone(self, lots: Sequence[Lot], expires_at: datetime, *, occurred_at: datetime, refers_to: UUID | None = None, main: bool = True) -> Draft:
        """What these lots have, held points as well, is good until `expires_at`, which is later than before. No bucket changes."""
        for lot in lots:
            assert lot.expires_at is not None, "what never expires is not postponed"
            assert lot.expires_at < expires_at, "an expiry moves later only"
            lot.expires_at = expires_at
        points = sum(lot.remaining + lot.held for lot in lots)
        takes = [Take(lot.id, 0) for lot in lots]
        return self.enter("postpone", points, occurred_at=occurred_at, takes=takes, expires_at=expires_at, refers_to=refers_to, main=main)

    def clawback(self, points: int, *, own: Lot, used: int, charged: int, occurred_at: datetime, refers_to: UUID) -> Draft:
        """An earning is taken back. See invariant 6: its own lot, then other lots, then debt; what had expired is waived."""
        split = split_clawback(points=points, remaining=own.remaining, used=used, charged=charged)
        from_pending = split.own if own.is_pending else 0
        from_available = split.own - from_pending
        others = min(split.owed, self.available - from_available)
        takes = [Take(own.id, split.own)] if split.own else []
        # Points are owed only once nothing remains in the own lot, so the other lots are other than it.
        takes += [Take(lot, n) for lot, n in pick(((lot.id, lot.remaining) for lot in self.live() if lot.id != own.id), others)]
        assert sum(take.points for take in takes) == split.own + others, "available points without lots"
        return self.enter(
            "clawback",
            points,
            occurred_at=occurred_at,
            available=-from_available - others,
            pending=-from_pending,
            debt=split.owed - others,
            takes=takes,
            waived=split.waived,
            refers_to=refers_to,
        )
