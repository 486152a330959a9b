"""The verbs: the only writers of the books. See the package's essay for how each of them goes."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from points.terms import selectors as terms
from points.terms.rules import ExpiryPolicy

from . import events, rules, selectors
from .models import Account, Allocation, Entry, Hold, Lot, Source
from .rules import Shortage

logger = logging.getLogger(__name__)


class KeyConflict(BusinessError):
    code, status, title = "key_conflict", 409, _("This was already booked with other content. Use another id for another thing.")


class InsufficientPoints(BusinessError):
    code, status, title = "insufficient_points", 409, _("There are not enough points available.")


class AccountFrozen(BusinessError):
    code, status, title = "account_frozen", 403, _("This account is frozen: its points cannot be used now.")


class NotFrozen(BusinessError):
    code, status, title = "not_frozen", 409, _("This account is not frozen.")


class PointsNotPositive(BusinessError):
    code, status, title = "points_not_positive", 422, _("The number of points must be above zero.")


class HoldSettled(BusinessError):
    code, status, title = "hold_settled", 409, _("This hold was captured or released before.")


class HoldLapsed(BusinessError):
    code, status, title = "hold_lapsed", 409, _("This hold is past its deadline. Make a new one.")


class CaptureExceedsHold(BusinessError):
    code, status, title = "capture_exceeds_hold", 422, _("More points than are held cannot be captured.")


class RestoreExceedsSpend(BusinessError):
    code, status, title = "restore_exceeds_spend", 422, _("More points than were spent cannot be given back.")


class NotSpent(BusinessError):
    code, status, title = "not_spent", 422, _("Only spent points can be given back.")


class NotEarned(BusinessError):
    code, status, title = "not_earned", 422, _("Only earned points can be taken back.")


class ClawbackExceedsEarning(BusinessError):
    code, status, title = "clawback_exceeds_earning", 422, _("More points than were earned cannot be taken back.")


class DeadlinePassed(BusinessError):
    code, status, title = "deadline_passed", 422, _("The deadline of a hold must lie ahead.")


class ExpiryPassed(BusinessError):
    code, status, title = "expiry_passed", 422, _("The new expiry must lie ahead.")


class SelfTransfer(BusinessError):
    code, status, title = "self_transfer", 422, _("Points cannot be transferred to oneself.")


_UPDATE_LOTS = """
UPDATE points_lot l SET remaining = n.remaining, held = n.held, is_open = n.remaining > 0, is_pending = n.is_pending,
       available_at = coalesce(n.available_at, l.available_at), expires_at = n.expires_at
  FROM (VALUES {}) n (id, remaining, held, is_pending, available_at, expires_at) WHERE l.id = n.id AND l.member_id = %s"""


class _Act:
    """One act on one member's locked books: opened, decided on by the verb, then written with one round trip."""

    def __init__(
        self, member_id: UUID, *, key: str, content: tuple[Any, ...] = (), need: int = 0, subject: str = "", actor: str, reason: str = "", now: datetime
    ):
        assert not key.startswith("#"), "keys with # are the ledger's own"
        self.member_id, self.key, self.subject, self.actor, self.reason, self.now = member_id, key, subject, actor, reason, now
        self.digest = hashlib.blake2b(json.dumps(content, default=str).encode(), digest_size=16).hexdigest() if key else ""
        seen = selectors.look(member_id=member_id, key=key, need=need, now=now)
        if seen is None:
            lock(member_id=member_id)
            seen = selectors.look(member_id=member_id, key=key, need=need, now=now)
            assert seen is not None
        self.book = seen.book
        self.hold_rows: list[str] = []
        self.hold_values: list[Any] = []
        self.answer: Entry | None = None
        if seen.answer is not None:
            if seen.digest != self.digest:
                raise KeyConflict(key=key)
            self.answer = Entry.objects.get(member_id=member_id, id=seen.answer)
            return
        self.book.expire_due()
        if seen.overdue:
            self._release_overdue()

    def _release_overdue(self) -> None:
        for hold in selectors.overdue_holds(member_id=self.member_id, now=self.now):
            held = self.bring_held(hold)
            self.book.release(held, occurred_at=hold.expires_at, refers_to=hold.entry_id, main=False)
            self.settle_hold(hold, Hold.Status.LAPSED)

    def bring_held(self, hold: Hold) -> list[tuple[UUID, int]]:
        held = selectors.held_by(member_id=self.member_id, entry_id=hold.entry_id)
        self.book.bring(lot for lot, _ in held)
        return [(lot.id, points) for lot, points in held]

    def settle_hold(self, hold: Hold, status: Hold.Status, captured: int = 0) -> None:
        assert status in Hold.ARROWS[Hold.Status(hold.status)], f"a hold does not go from {hold.status} to {status}"
        hold.status, hold.captured, hold.settled_at = status, captured, self.now
        self.hold_rows.append("UPDATE points_hold SET status = %s, captured = %s, settled_at = %s WHERE id = %s AND member_id = %s AND status = 'open'")
        self.hold_values += [status, captured, self.now, hold.id, self.member_id]

    def refuse_if_frozen(self) -> None:
        if self.book.frozen:
            raise AccountFrozen

    def write(self, *, hold: Hold | None = None) -> Entry | None:
        """Write the journal down; the act's own entry, where it has one."""
        book, member = self.book, self.member_id
        if not book.journal:
            return None
        sql = ["UPDATE points_account SET available = %s, held = %s, pending = %s, debt = %s, last_seq = %s, frozen = %s WHERE member_id = %s"]
        values: list[Any] = [book.available, book.held, book.pending, book.debt, book.last_seq, book.frozen, member]

        entries, own = [], None
        for draft in book.journal:
            assert self.key or not draft.main, "an act has a key"
            entry = Entry(
                id=new_id(),
                member_id=member,
                seq=draft.seq,
                kind=draft.kind,
                points=draft.points,
                available_change=draft.available,
                held_change=draft.held,
                pending_change=draft.pending,
                debt_change=draft.debt,
                balance_after=draft.balance_after,
                waived=draft.waived,
                expires_at=draft.expires_at,
                key=self.key if draft.main else f"#{draft.seq}",
                digest=self.digest if draft.main else "",
                subject="" if draft.kind == "expire" else self.subject,
                refers_to_id=draft.refers_to,
                actor=self.actor,
                reason=self.reason,
                occurred_at=draft.occurred_at,
                recorded_at=self.now,
            )
            entry._state.adding = False
            entries.append(entry)
            own = entry if draft.main else own
        columns = [field.attname for field in Entry._meta.concrete_fields]
        sql.append(_insert(Entry, columns, len(entries)))
        values += [getattr(entry, column) for entry in entries for column in columns]

        fresh = [lot for lot in book.lots.values() if lot.fresh is not None and lot.original]
        if fresh:
            assert own is not None, "a lot is made by the act's own entry"
            columns = [field.attname for field in Lot._meta.concrete_fields]
            sql.append(_insert(Lot, columns, len(fresh)))
            for lot in fresh:
                row = {
                    **lot.fresh,
                    "id": lot.id,
                    "member_id": member,
                    "entry_id": own.id,
                    "original": lot.original,
                    "remaining": lot.remaining,
                    "held": lot.held,
                    "is_open": lot.remaining > 0,
                    "is_pending": lot.is_pending,
                    "earned_at": lot.earned_at,
                    "available_at": lot.available_at,
                    "expires_at": lot.expires_at,
                }
                values += [row[column] for column in columns]
        changed = [lot for lot in book.lots.values() if lot.fresh is None and lot.state() != lot.before]
        if changed:
            sql.append(_UPDATE_LOTS.format(", ".join(["(%s, %s, %s, %s, %s::timestamptz, %s::timestamptz)"] * len(changed))))
            for lot in changed:
                values += [lot.id, lot.remaining, lot.held, lot.is_pending, lot.available_at, lot.expires_at]
            values.append(member)

        takes = [(entry, take) for entry, draft in zip(entries, book.journal, strict=True) for take in draft.takes]
        if takes:
            sql.append(_insert(Allocation, ["member_id", "entry_id", "lot_id", "points", "held"], len(takes)))
            for entry, take in takes:
                values += [member, entry.id, take.lot, take.points, take.held]

        if hold is not None:
            assert own is not None
            hold.entry_id = own.id
            columns = [field.attname for field in Hold._meta.concrete_fields]
            sql.append(_insert(Hold, columns, 1))
            values += [getattr(hold, column) for column in columns]
        sql += self.hold_rows
        values += self.hold_values

        told = [
            outbox.Event(topic=events.TOPICS[entry.kind], member_id=member, now=self.now, payload=_told(entry))
            for entry in entries
            if entry.kind in events.TOPICS and outbox.heard(events.TOPICS[entry.kind])
        ]
        if told:
            # Empty where those who listen do not want it.
            insertion, more = outbox.insertion(told)
            sql += [insertion] if insertion else []
            values += more
        with connection.cursor() as cursor:
            cursor.execute(";\n".join(sql), values)
        return own


def _told(entry: Entry) -> dict[str, Any]:
    # A row counts its points from zero up; what an adjustment took away is in what it changed.
    points = -entry.points if entry.kind == Entry.Kind.ADJUST and entry.available_change <= 0 else entry.points
    said = _payload(entry.id, points, entry.subject, entry.occurred_at)
    return said | {"waived": entry.waived} if entry.kind == Entry.Kind.CLAWBACK else said


def _payload(entry_id: UUID | str, points: int, subject: str, occurred_at: datetime) -> dict[str, Any]:
    return {"entry": str(entry_id), "points": points, "subject": subject, "occurred_at": occurred_at.isoformat()}


def _insert(model: type, columns: Sequence[str], rows: int) -> str:
    return f"INSERT INTO {model._meta.db_table} ({', '.join(columns)}) VALUES " + ", ".join([f"({', '.join(['%s'] * len(columns))})"] * rows)  # noqa: S608 (our own names)


def _positive(points: int) -> None:
    if points <= 0:
        raise PointsNotPositive


def _fresh_lot(
    points: int,
    *,
    source: str,
    policy: ExpiryPolicy | None,
    available_at: datetime | None,
    matures_at: datetime | None = None,
    expires_at: datetime | None = None,
    rule_version_id: int | None = None,
    cost_centre: str = "",
    occurred_at: datetime,
    now: datetime,
) -> rules.Lot:
    """A lot to be made. Without `available_at` it waits. Without a policy it keeps the `expires_at` that it is given."""
    if policy is not None and available_at is not None:
        expires_at = policy.expires_at(available_at, programme.zone(now=now))
    terms_kept = str(policy) if policy else "as_received"
    row = {"source": source, "matures_at": matures_at, "terms": terms_kept, "rule_version_id": rule_version_id, "cost_centre": cost_centre}
    return rules.Lot(new_id(), points, 0, expires_at, occurred_at, points, available_at is None, available_at, row)


def lock(*, member_id: UUID) -> UUID | None:
    """Take the member's lock for the rest of the caller's transaction, before it looks at anything of theirs.

    Into whom the member was merged, where that has happened: what the caller books is then to be forwarded (`points/merging`), and whoever answers
    for the member is locked as well.
    """
    if selectors.locked(member_id=member_id):
        return None
    Account.objects.bulk_create([Account(member_id=member_id)], ignore_conflicts=True)
    return selectors.locked_with_survivors(member_id=member_id)


def lock_all(*, member_ids: Iterable[UUID]) -> None:
    """Take the locks of many members, in the one order, for a transaction that will write to all of them."""
    wanted = sorted(set(member_ids))
    # All are there before any is locked: who waits for an account that another makes has no lock for which that one may wait.
    if missing := sorted(set(wanted) - selectors.with_account(member_ids=wanted)):
        Account.objects.bulk_create([Account(member_id=member_id) for member_id in missing], ignore_conflicts=True)
    selectors.lock_accounts(member_ids=wanted)


@transaction.atomic(savepoint=False)
def earn(
    *,
    member_id: UUID,
    points: int,
    source: str,
    subject: str = "",
    policy: ExpiryPolicy | None = None,
    matures_at: datetime | None = None,
    waits: bool = False,
    rule_version_id: int | None = None,
    cost_centre: str = "",
    occurred_at: datetime | None = None,
    actor: str,
    reason: str = "",
    key: str,
    now: datetime,
) -> Entry:
    """Grant `points` as one lot. They can be spent at once, or from `matures_at` on, or, where the grant `waits`, after `mature`.

    `policy` (default: the programme's) is pinned to the lot; its term runs from when the points become available, else from
    `occurred_at` (default: `now`). A grant whose term is over on arrival is booked as earned and expired.
    Refuses: PointsNotPositive, KeyConflict.
    """
    _positive(points)
    occurred_at = occurred_at or now
    act = _Act(member_id, key=key, content=("earn", points, source, subject), subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    pending = waits or (matures_at is not None and matures_at > now)
    lot = _fresh_lot(
        points,
        source=source,
        policy=policy or terms.terms().policy,
        available_at=None if pending else matures_at or occurred_at,
        matures_at=matures_at,
        rule_version_id=rule_version_id,
        cost_centre=cost_centre,
        occurred_at=occurred_at,
        now=now,
    )
    act.book.give("earn", [lot], occurred_at=occurred_at)
    return act.write()


@transaction.atomic(savepoint=False)
def mature(*, member_id: UUID, entry_id: UUID, actor: str, reason: str = "", key: str, now: datetime) -> Entry | None:
    """The pending points of the earning `entry_id` become available: as of their time where they have one that has come, else now.

    None where nothing of them is left to mature. Refuses: EntryUnknown, KeyConflict.
    """
    act = _Act(member_id, key=key, content=("mature", entry_id), actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    row = Lot.objects.filter(member_id=member_id, entry_id=entry_id).first()
    if row is None:
        raise selectors.EntryUnknown
    if not row.is_pending or not row.is_open:
        act.write()
        return None
    lot = selectors.lot_of(member_id=member_id, entry_id=entry_id)
    act.book.bring([lot])
    available_at = row.matures_at if row.matures_at is not None and row.matures_at <= now else now
    expires_at = ExpiryPolicy.parse(row.terms).expires_at(available_at, programme.zone(now=now))
    act.subject = Entry.objects.values_list("subject", flat=True).get(member_id=member_id, id=entry_id)
    act.book.mature(lot, available_at=available_at, expires_at=expires_at, refers_to=entry_id)
    return act.write()


@transaction.atomic(savepoint=False)
def spend(
    *,
    member_id: UUID,
    points: int,
    subject: str = "",
    overdraw: bool = False,
    occurred_at: datetime | None = None,
    actor: str,
    reason: str = "",
    key: str,
    now: datetime,
) -> Entry:
    """Take `points` for good, from the lots that expire first.

    With `overdraw` (a purchase that was already paid) neither a shortage nor a freeze refuses: what is missing becomes debt.
    Refuses: PointsNotPositive, InsufficientPoints, AccountFrozen, KeyConflict.
    """
    _positive(points)
    act = _Act(member_id, key=key, content=("spend", points, subject), need=points, subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    if not overdraw:
        act.refuse_if_frozen()
    _take(act, "spend", points, occurred_at=occurred_at or now, overdraw=overdraw)
    return act.write()


def _take(act: _Act, kind: str, points: int, *, occurred_at: datetime, overdraw: bool = False) -> rules.Draft:
    try:
        return act.book.take(kind, points, occurred_at=occurred_at, overdraw=overdraw)
    except Shortage as short:
        raise InsufficientPoints(wanted=short.wanted, available=short.available) from short


@transaction.atomic(savepoint=False)
def hold(*, member_id: UUID, points: int, expires_at: datetime, subject: str = "", actor: str, reason: str = "", key: str, now: datetime) -> Hold:
    """Set `points` aside until they are captured or released, or `expires_at` passes.

    Refuses: PointsNotPositive, DeadlinePassed, InsufficientPoints, AccountFrozen, KeyConflict.
    """
    _positive(points)
    act = _Act(member_id, key=key, content=("hold", points, subject), need=points, subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return Hold.objects.get(member_id=member_id, entry_id=act.answer.id)
    if expires_at <= now:
        raise DeadlinePassed
    act.refuse_if_frozen()
    try:
        act.book.hold(points, occurred_at=now)
    except Shortage as short:
        raise InsufficientPoints(wanted=short.wanted, available=short.available) from short
    made = Hold(member_id=member_id, points=points, subject=subject, created_at=now, expires_at=expires_at)
    act.write(hold=made)
    made._state.adding = False
    return made


@transaction.atomic(savepoint=False)
def capture(*, member_id: UUID, hold_id: UUID, points: int | None = None, subject: str = "", actor: str, reason: str = "", key: str, now: datetime) -> Entry:
    """Spend `points` of a hold (default: all of it) and release what is left. A freeze does not stop it.

    Refuses: HoldUnknown, HoldSettled, HoldLapsed, CaptureExceedsHold, PointsNotPositive, KeyConflict.
    """
    if points is not None:
        _positive(points)
    act = _Act(member_id, key=key, content=("capture", hold_id, points, subject), subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    held = _open_hold(act, hold_id)
    points = held.points if points is None else points
    if points > held.points:
        raise CaptureExceedsHold(held=held.points)
    act.book.capture(act.bring_held(held), points, occurred_at=now, refers_to=held.entry_id)
    act.settle_hold(held, Hold.Status.CAPTURED, points)
    return act.write()


def _open_hold(act: _Act, hold_id: UUID) -> Hold:
    held = selectors.hold_of(member_id=act.member_id, hold_id=hold_id)
    if held.status == Hold.Status.LAPSED or (held.status == Hold.Status.OPEN and held.expires_at <= act.now):
        raise HoldLapsed(deadline=held.expires_at.isoformat())
    if held.status != Hold.Status.OPEN:
        raise HoldSettled(hold_status=held.status)
    return held


@transaction.atomic(savepoint=False)
def release(*, member_id: UUID, hold_id: UUID, actor: str, reason: str = "", key: str, now: datetime) -> Entry:
    """Give up a hold: its points are available again; those whose lot has expired meanwhile expire at once.

    Refuses: HoldUnknown, HoldSettled, HoldLapsed (past its deadline it is released anyway), KeyConflict.
    """
    act = _Act(member_id, key=key, content=("release", hold_id), actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    held = _open_hold(act, hold_id)
    act.subject = held.subject
    act.book.release(act.bring_held(held), occurred_at=now, refers_to=held.entry_id)
    act.settle_hold(held, Hold.Status.RELEASED)
    return act.write()


@transaction.atomic(savepoint=False)
def restore(
    *,
    member_id: UUID,
    entry_id: UUID,
    points: int,
    subject: str = "",
    grace: timedelta | None = None,
    occurred_at: datetime | None = None,
    actor: str,
    reason: str = "",
    key: str,
    now: datetime,
) -> Entry:
    """Give back `points` of the spend or capture `entry_id`, to the very lots, latest-expiring first.

    A lot that has expired meanwhile expires again at once, or lives on for `grace` (default: the programme's). What the spend had
    left as debt is forgiven first; if later points have settled it, it comes back as a new lot.
    Refuses: PointsNotPositive, EntryUnknown, NotSpent, RestoreExceedsSpend, KeyConflict.
    """
    _positive(points)
    act = _Act(member_id, key=key, content=("restore", entry_id, points, subject), subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    entry = selectors.entry_of(member_id=member_id, entry_id=entry_id)
    if entry.kind not in (Entry.Kind.SPEND, Entry.Kind.CAPTURE):
        raise NotSpent
    spent = selectors.unrestored(member_id=member_id, entry=entry)
    if points > spent.points:
        raise RestoreExceedsSpend(left=spent.points)
    act.book.bring(selectors.lots_for_booking(member_id=member_id, ids=[lot for lot, _ in spent.lots]))
    occurred_at = occurred_at or now
    fresh = _fresh_lot(
        0,
        source=Source.RESTORED,
        policy=terms.terms().policy,
        available_at=occurred_at,
        matures_at=None,
        rule_version_id=None,
        cost_centre="",
        occurred_at=occurred_at,
        now=now,
    )
    grace = terms.restore_grace() if grace is None else grace
    act.book.restore(points, spent=spent.lots, owed=spent.owed, grace=grace, occurred_at=occurred_at, refers_to=entry_id, fresh=fresh)
    return act.write()


@transaction.atomic(savepoint=False)
def clawback(
    *,
    member_id: UUID,
    entry_id: UUID,
    points: int,
    subject: str = "",
    occurred_at: datetime | None = None,
    actor: str,
    reason: str = "",
    key: str,
    now: datetime,
) -> Entry:
    """Take back `points` of the earning `entry_id`: from its lot; what of it is held or was spent, from other lots, then as debt.

    What of it had expired is waived, and the entry says so. Refuses: PointsNotPositive, EntryUnknown, NotEarned,
    ClawbackExceedsEarning, KeyConflict.
    """
    _positive(points)
    act = _Act(member_id, key=key, content=("clawback", entry_id, points, subject), need=points, subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    entry = selectors.entry_of(member_id=member_id, entry_id=entry_id)
    if entry.kind not in (Entry.Kind.EARN, Entry.Kind.ADJUST) or entry.available_change < 0:
        raise NotEarned
    lot = selectors.lot_of(member_id=member_id, entry_id=entry_id)
    act.book.bring([lot])
    own = act.book.lots[lot.id]
    earned = selectors.fate(member_id=member_id, entry=entry, lot=lot, remaining=own.remaining, just_expired=act.book.just_expired(lot.id))
    if points > earned.left:
        raise ClawbackExceedsEarning(left=earned.left)
    act.book.clawback(points, own=own, used=earned.used, charged=earned.charged, occurred_at=occurred_at or now, refers_to=entry_id)
    return act.write()


@transaction.atomic(savepoint=False)
def expire(*, member_id: UUID, actor: str, now: datetime) -> None:
    """Book what is due of one member: expired lots, holds past their deadline. Every other verb does so before its own work."""
    _Act(member_id, key="", actor=actor, now=now).write()


@transaction.atomic(savepoint=False)
def postpone(
    *, member_id: UUID, lot_ids: Iterable[UUID], expires_at: datetime, subject: str = "", actor: str, reason: str, key: str, now: datetime
) -> Entry | None:
    """Let these lots, what of them is held included, expire at `expires_at` instead. One entry that names them; no bucket changes.

    Lots that are empty, pending, gone by now, or good for as long anyway are left out; None where no other is left.
    Refuses: ExpiryPassed, LotUnknown, KeyConflict.
    """
    wanted = sorted(set(lot_ids))
    act = _Act(member_id, key=key, content=("postpone", wanted, expires_at, subject), subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    if expires_at <= now:
        raise ExpiryPassed
    act.book.bring(selectors.lots_for_booking(member_id=member_id, ids=wanted))
    if any(lot not in act.book.lots for lot in wanted):
        raise selectors.LotUnknown
    lots = [act.book.lots[lot] for lot in wanted]
    later = [lot for lot in lots if not lot.is_pending and lot.remaining + lot.held and lot.expires_at is not None and lot.expires_at < expires_at]
    if later:
        act.book.postpone(later, expires_at, occurred_at=now)
    return act.write()


@transaction.atomic(savepoint=False)
def adjust(
    *,
    member_id: UUID,
    points: int,
    policy: ExpiryPolicy | None = None,
    source: str = Source.ADJUSTMENT,
    overdraw: bool = False,
    subject: str = "",
    cost_centre: str = "",
    actor: str,
    reason: str,
    key: str,
    now: datetime,
) -> Entry:
    """Correct by hand: above zero a new lot, below zero points from the lots that expire first; with `overdraw` what is missing becomes debt.

    Refuses: PointsNotPositive (zero), InsufficientPoints, KeyConflict. Who may do so, and how much, is `points.adjustments`.
    """
    _positive(abs(points))
    act = _Act(member_id, key=key, content=("adjust", points, subject), need=max(-points, 0), subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    if points > 0:
        lot = _fresh_lot(
            points,
            source=source,
            policy=policy or terms.terms().policy,
            available_at=now,
            matures_at=None,
            rule_version_id=None,
            cost_centre=cost_centre,
            occurred_at=now,
            now=now,
        )
        act.book.give("adjust", [lot], occurred_at=now)
    else:
        _take(act, "adjust", -points, occurred_at=now, overdraw=overdraw)
    return act.write()


@transaction.atomic(savepoint=False)
def forfeit(*, member_id: UUID, points: int, subject: str = "", actor: str, reason: str, key: str, now: datetime) -> Entry:
    """Void `points`, from the lots that expire first: gone like expired ones, so a later clawback waives them.

    Refuses: PointsNotPositive, InsufficientPoints, KeyConflict.
    """
    _positive(points)
    act = _Act(member_id, key=key, content=("forfeit", points, subject), need=points, subject=subject, actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    _take(act, "forfeit", points, occurred_at=now)
    return act.write()


@transaction.atomic(savepoint=False)
def transfer(
    *, member_id: UUID, to_member_id: UUID, points: int, subject: str = "", actor: str, reason: str = "", key: str, now: datetime
) -> tuple[Entry, Entry]:
    """Move `points` to another member. Each part keeps the expiry of the lot that it comes from: a transfer refreshes nothing.

    Gives the two entries, away and received. Refuses: PointsNotPositive, SelfTransfer, InsufficientPoints, AccountFrozen, KeyConflict.
    """
    _positive(points)
    if member_id == to_member_id:
        raise SelfTransfer
    content = ("transfer", member_id, to_member_id, points, subject)
    acts = {
        one: _Act(one, key=key, content=content, need=points if one == member_id else 0, subject=subject, actor=actor, reason=reason, now=now)
        for one in sorted((member_id, to_member_id))
    }
    away, received = acts[member_id], acts[to_member_id]
    if away.answer and received.answer:
        return away.answer, received.answer
    away.refuse_if_frozen()
    draft = _take(away, "transfer_out", points, occurred_at=now)
    lots = [
        _fresh_lot(
            take.points,
            source=Source.TRANSFER,
            policy=None,
            available_at=now,
            expires_at=away.book.lots[take.lot].expires_at,
            occurred_at=now,
            now=now,
        )
        for take in draft.takes
    ]
    received.book.give("transfer_in", lots, occurred_at=now)
    return away.write(), received.write()


@transaction.atomic(savepoint=False)
def hand_over(*, member_id: UUID, to_member_id: UUID, subject: str = "", actor: str, reason: str = "", key: str, now: datetime) -> int:
    """All that is available to the member goes to another, lot by lot with its expiry; or all that the member owes, which the other then owes.

    Gives the points, below zero where they are owed. Neither a shortage nor a freeze refuses. Locks the member before the other; who needs
    the other order has both already. Refuses: SelfTransfer.
    """
    if member_id == to_member_id:
        raise SelfTransfer
    about = {"key": key, "subject": subject, "actor": actor, "reason": reason, "now": now}
    away = _Act(member_id, content=("hand_over", member_id, to_member_id), need=_ALL, **about)
    debt, points = away.book.debt, away.book.available
    if away.answer:
        return 0
    if not (debt or points):
        away.write()
        return 0
    received = _Act(to_member_id, content=("hand_over", member_id, to_member_id), need=debt, **about)
    giver, taker, moved = (away, received, points) if points else (received, away, debt)
    draft = giver.book.take("transfer_out", moved, occurred_at=now, overdraw=True)
    parts = [(take.points, giver.book.lots[take.lot].expires_at) for take in draft.takes]
    if draft.debt:
        # The part that the giver now owes instead: used up at once by what it settles.
        parts.append((draft.debt, None))
    lots = [
        _fresh_lot(part, source=Source.TRANSFER, policy=None, available_at=now, expires_at=expires_at, occurred_at=now, now=now) for part, expires_at in parts
    ]
    taker.book.give("transfer_in", lots, occurred_at=now)
    away.write()
    received.write()
    return points or -debt


# More than anybody has.
_ALL = 2**62


@transaction.atomic(savepoint=False)
def void_all(*, member_id: UUID, actor: str, reason: str, key: str, now: datetime) -> int:
    """Leave nothing to spend: open holds are released, pending points taken back, all that is then available is forfeited. What is owed stays.

    How many points it was. Again: nothing more, unless more has come.
    """
    expire(member_id=member_id, actor=actor, now=now)
    about = {"member_id": member_id, "actor": actor, "reason": reason, "now": now}
    for hold_id in Hold.objects.filter(member_id=member_id, status=Hold.Status.OPEN).order_by("id").values_list("id", flat=True):
        release(**about, hold_id=hold_id, key=f"{key}/release/{hold_id}")
    pending = list(Lot.objects.filter(member_id=member_id, is_open=True, is_pending=True).order_by("id").values_list("id", "entry_id", "remaining"))
    for lot_id, entry_id, points in pending:
        clawback(**about, entry_id=entry_id, points=points, key=f"{key}/pending/{lot_id}")
    available, seq = Account.objects.filter(member_id=member_id).values_list("available", "last_seq").first() or (0, 0)
    if available:
        forfeit(**about, points=available, key=f"{key}/points/{seq}")
    return available + sum(points for _lot, _entry, points in pending)


@transaction.atomic(savepoint=False)
def freeze(*, member_id: UUID, actor: str, reason: str, key: str, now: datetime) -> Entry:
    """Stop what the member does with points (hold, spend, transfer, redeem). Refuses: AccountFrozen, KeyConflict."""
    act = _Act(member_id, key=key, content=("freeze",), actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    act.refuse_if_frozen()
    act.book.frozen = True
    act.book.enter("freeze", 0, occurred_at=now)
    return act.write()


@transaction.atomic(savepoint=False)
def unfreeze(*, member_id: UUID, actor: str, reason: str, key: str, now: datetime) -> Entry:
    """Let the member use points again. Refuses: NotFrozen, KeyConflict."""
    act = _Act(member_id, key=key, content=("unfreeze",), actor=actor, reason=reason, now=now)
    if act.answer:
        return act.answer
    if not act.book.frozen:
        raise NotFrozen
    act.book.frozen = False
    act.book.enter("unfreeze", 0, occurred_at=now)
    return act.write()


class Swept(NamedTuple):
    """What a batch of the sweep booked."""

    members: int
    lots: int
    points: int


# Members who are being written to right now are skipped: their own verb books what is due before anything else.
_DUE_ACCOUNTS = """
SELECT member_id, available, last_seq FROM points_account
 WHERE member_id IN (SELECT member_id FROM points_lot WHERE is_open AND NOT is_pending AND expires_at <= %(now)s ORDER BY expires_at LIMIT %(lots)s)
 ORDER BY member_id LIMIT %(members)s FOR NO KEY UPDATE SKIP LOCKED"""
_DUE_LOTS = """
SELECT member_id, expires_at, sum(remaining)::bigint FROM points_lot
 WHERE member_id = ANY(%(members)s::uuid[]) AND is_open AND NOT is_pending AND expires_at <= %(now)s
 GROUP BY member_id, expires_at ORDER BY member_id, expires_at"""
_BOOK_EXPIRED = """
WITH e AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(members)s::uuid[], %(seqs)s::bigint[], %(instants)s::timestamptz[], %(points)s::bigint[], %(balances)s::bigint[])
               AS e(id, member_id, seq, instant, points, balance)),
d AS MATERIALIZED (
    SELECT l.id, l.member_id, l.remaining, e.id AS entry_id FROM e JOIN points_lot l ON l.member_id = e.member_id AND l.expires_at = e.instant
     WHERE l.is_open AND NOT l.is_pending),
lots AS (UPDATE points_lot l SET remaining = 0, is_open = false FROM d WHERE l.id = d.id AND l.member_id = d.member_id),
entries AS (
    INSERT INTO points_entry (id, member_id, seq, kind, points, available_change, held_change, pending_change, debt_change, balance_after,
                              waived, key, digest, subject, actor, reason, occurred_at, recorded_at)
    SELECT id, member_id, seq, 'expire', points, -points, 0, 0, 0, balance, 0, '#' || seq, '', '', %(actor)s, '', instant, %(now)s FROM e),
allocations AS (INSERT INTO points_allocation (member_id, entry_id, lot_id, points, held) SELECT member_id, entry_id, id, remaining, 0 FROM d),
accounts AS (
    UPDATE points_account a SET available = a.available - s.points, last_seq = s.seq
      FROM (SELECT member_id, sum(points) AS points, max(seq) AS seq FROM e GROUP BY member_id) s WHERE a.member_id = s.member_id)
SELECT count(*) FROM d"""


@transaction.atomic(savepoint=False)
def expire_due(*, members: int = 1000, actor: str, now: datetime) -> Swept | None:
    """Book what is due at `now` for at most so many members, one transaction; None when nothing that is due can be had now.

    Any number of workers may do so at once. Entries and their numbers are as if `expire` had been called for each member.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DUE_ACCOUNTS, {"now": now, "members": members, "lots": members * 8})
        accounts = {str(member_id): (available, seq) for member_id, available, seq in cursor.fetchall()}
        if not accounts:
            return None
        cursor.execute(_DUE_LOTS, {"members": list(accounts), "now": now})
        groups = [(str(member_id), instant, points) for member_id, instant, points in cursor.fetchall()]
        seqs, balances = [], []
        for member_id, _instant, points in groups:
            available, seq = accounts[member_id]
            accounts[member_id] = (available - points, seq + 1)
            balances.append(available - points)
            seqs.append(seq + 1)
        ids = [str(new_id()) for _ in groups]
        values = {
            "ids": ids,
            "members": [g[0] for g in groups],
            "instants": [g[1] for g in groups],
            "points": [g[2] for g in groups],
            "seqs": seqs,
            "balances": balances,
            "actor": actor,
            "now": now,
        }
        cursor.execute(_BOOK_EXPIRED, values)
        lots = cursor.fetchone()[0]
        if outbox.heard(events.EXPIRED):
            told = [
                outbox.Event(topic=events.EXPIRED, member_id=UUID(member_id), now=now, payload=_payload(entry_id, points, "", instant))
                for entry_id, (member_id, instant, points) in zip(ids, groups, strict=True)
            ]
            insertion, more = outbox.insertion(told)
            if insertion:
                cursor.execute(insertion, more)
    return Swept(len(accounts), lots, sum(g[2] for g in groups))


def mature_due(*, limit: int = 500, actor: str, now: datetime) -> Counter[str]:
    """Mature the pending lots whose time has come, at most `limit`, each in a transaction of its own: how many `lots`, how many `failed`.

    One that fails stops none of the others.
    """
    due = Lot.objects.filter(is_open=True, is_pending=True, matures_at__lte=now).order_by("matures_at", "member_id")[:limit]
    lots = list(due.values_list("member_id", "entry_id", "id"))
    return _each("lots", lots, lambda lot: mature(member_id=lot[0], entry_id=lot[1], actor=actor, key=f"mature/{lot[2]}", now=now))


def release_overdue(*, limit: int = 500, actor: str, now: datetime) -> Counter[str]:
    """Book the release of holds past their deadline, of at most `limit` holds' members: how many `members`, how many `failed`.

    One that fails stops none of the others.
    """
    overdue = Hold.objects.filter(status=Hold.Status.OPEN, expires_at__lte=now).order_by("expires_at", "member_id")[:limit]
    members = list(overdue.values_list("member_id", flat=True))
    return _each("members", dict.fromkeys(members), lambda member_id: expire(member_id=member_id, actor=actor, now=now))


def _each(name: str, rows: Iterable[Any], act: Callable[[Any], Any]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for row in rows:
        try:
            act(row)
            outcomes[name] += 1
        except Exception:
            logger.exception("%s could not be booked.", row)
            outcomes["failed"] += 1
    return outcomes
