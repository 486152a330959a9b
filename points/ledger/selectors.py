"""Questions to the books. Reads treat as gone what is due, swept or not; `look` is what the verbs begin with and holds the lock."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, Case, Count, F, OuterRef, Q, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError

from . import rules
from .models import Account, Allocation, Entry, Hold, Lot


class HoldUnknown(BusinessError):
    code, status, title = "hold_unknown", 404, _("There is no such hold.")


class EntryUnknown(BusinessError):
    code, status, title = "entry_unknown", 404, _("There is no such entry.")


class LotUnknown(BusinessError):
    code, status, title = "lot_unknown", 404, _("There is no such lot.")


class Balance(NamedTuple):
    available: int
    held: int
    pending: int
    debt: int


class State(NamedTuple):
    balance: Balance
    frozen: bool


class Seen(NamedTuple):
    """What `look` saw: the books, whether a hold is past its deadline, and the entry that answered the key before, if any."""

    book: rules.Book
    overdue: bool
    answer: UUID | None
    digest: str | None


_LOCK = "SELECT FROM points_account WHERE member_id = %s AND merged_into IS NULL FOR NO KEY UPDATE"
_LOCK_MERGED = """
WITH RECURSIVE answering AS (
    SELECT member_id, merged_into FROM points_account WHERE member_id = %s
     UNION ALL
    SELECT a.member_id, a.merged_into FROM points_account a JOIN answering m ON m.merged_into = a.member_id)
SELECT member_id, merged_into FROM points_account WHERE member_id IN (SELECT member_id FROM answering) ORDER BY member_id FOR NO KEY UPDATE"""


def locked(*, member_id: UUID) -> bool:
    """Lock the account, unless its member was merged; whether there is one."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [member_id])
        return bool(cursor.rowcount)


def locked_with_survivors(*, member_id: UUID) -> UUID | None:
    """Lock the account and those of who answers for its member, by member id; into whom they were merged."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_MERGED, [member_id])
        merged_into: UUID | None = dict(cursor.fetchall())[member_id]
        return merged_into


def with_account(*, member_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them who have an account. Locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT member_id FROM points_account WHERE member_id = ANY(%s::uuid[])", [list(member_ids)])
        return {row[0] for row in cursor.fetchall()}


def lock_accounts(*, member_ids: Sequence[UUID]) -> None:
    """Lock those of the accounts that exist, by member id."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM points_account WHERE member_id = ANY(%s::uuid[]) ORDER BY member_id FOR NO KEY UPDATE", [list(member_ids)])


def look(*, member_id: UUID, key: str, need: int, now: datetime) -> Seen | None:
    """Lock the account and read what an act needs, in one round trip; None where the account does not exist yet.

    Must run in a transaction. Brings every lot that is due at `now`, and of the others the first that give `need` points.
    """
    with connection.cursor() as cursor:
        # Our own function (migration 0004): the server plans it once for a connection, not anew for each act.
        cursor.execute("SELECT * FROM points_look(%s, %s, %s, %s)", [member_id, key, need, now])
        rows = cursor.fetchall()
    if not rows:
        return None
    account, (overdue, answer, digest) = rows[0][:6], rows[0][6:9]
    book = rules.Book(now, *account)
    book.bring(rules.Lot(*row[9:]) for row in rows if row[9] is not None)
    return Seen(book, overdue, answer, digest)


def lots_for_booking(*, member_id: UUID, ids: Iterable[UUID]) -> list[rules.Lot]:
    """Lots by their ids, as the booking core knows them."""
    return [_plain(lot) for lot in Lot.objects.filter(member_id=member_id, id__in=list(ids))]


def lot_of(*, member_id: UUID, entry_id: UUID) -> rules.Lot:
    """The lot that an earning made. EntryUnknown where it made none."""
    lot = Lot.objects.filter(member_id=member_id, entry_id=entry_id).order_by("id").first()
    if lot is None:
        raise EntryUnknown
    return _plain(lot)


def waits_for_act(*, member_id: UUID, entry_id: UUID) -> bool:
    """Whether what that earning gave waits for an act, such as the delivery, and not for a time."""
    return Lot.objects.filter(member_id=member_id, entry_id=entry_id, is_open=True, is_pending=True, matures_at=None).exists()


def _plain(lot: Lot) -> rules.Lot:
    return rules.Lot(lot.id, lot.remaining, lot.held, lot.expires_at, lot.earned_at, lot.original, lot.is_pending, lot.available_at)


def hold_of(*, member_id: UUID, hold_id: UUID) -> Hold:
    # By hand, as below: each capture and release asks, and to put the question together takes longer than to answer it.
    for hold in Hold.objects.raw("SELECT * FROM points_hold WHERE member_id = %s AND id = %s", [member_id, hold_id]):
        return hold
    raise HoldUnknown


def hold_by_id(*, hold_id: UUID) -> Hold:
    """A hold whose member is not known: for a storefront that names only the hold."""
    hold = Hold.objects.select_related("member").filter(id=hold_id).first()
    if hold is None:
        raise HoldUnknown
    return hold


def overdue_holds(*, member_id: UUID, now: datetime) -> list[Hold]:
    return list(Hold.objects.filter(member_id=member_id, status=Hold.Status.OPEN, expires_at__lte=now).order_by("expires_at", "id"))


_ANYTHING_DUE = """
SELECT EXISTS (SELECT FROM points_lot WHERE is_open AND NOT is_pending AND expires_at <= %(now)s)
    OR EXISTS (SELECT FROM points_lot WHERE is_open AND is_pending AND matures_at <= %(now)s)
    OR EXISTS (SELECT FROM points_hold WHERE status = 'open' AND expires_at <= %(now)s)"""


def capture_of(*, hold: Hold) -> Entry:
    """The entry by which a captured hold was spent."""
    return Entry.objects.get(member_id=hold.member_id, refers_to_id=hold.entry_id, kind=Entry.Kind.CAPTURE)


def anything_due(*, now: datetime) -> bool:
    """Whether the jobs have anything to do at `now`: points to expire or to mature, holds to release."""
    with connection.cursor() as cursor:
        cursor.execute(_ANYTHING_DUE, {"now": now})
        return bool(cursor.fetchone()[0])


def would_expire(*, now: datetime) -> dict[str, int]:
    """What the sweep at `now` would book: members, lots, points."""
    due = Lot.objects.filter(is_open=True, is_pending=False, expires_at__lte=now)
    return due.order_by().aggregate(members=Count("member_id", distinct=True), lots=Count("id"), points=Sum("remaining", default=0))


def would_mature(*, now: datetime) -> dict[str, int]:
    """What pending points would become available at `now`: members, lots, points."""
    due = Lot.objects.filter(is_open=True, is_pending=True, matures_at__lte=now)
    return due.order_by().aggregate(members=Count("member_id", distinct=True), lots=Count("id"), points=Sum("remaining", default=0))


def would_release(*, now: datetime) -> dict[str, int]:
    """What holds past their deadline would be released at `now`: members, holds, points."""
    due = Hold.objects.filter(status=Hold.Status.OPEN, expires_at__lte=now)
    return due.order_by().aggregate(members=Count("member_id", distinct=True), holds=Count("id"), points=Sum("points", default=0))


def unbooked_since(deadline: datetime) -> datetime | None:
    """The earliest deadline before `deadline` of a hold that is still open; None where there is none."""
    return Hold.objects.filter(status=Hold.Status.OPEN, expires_at__lte=deadline).order_by("expires_at").values_list("expires_at", flat=True).first()


_HELD_BY = """
SELECT t.held, l.id, l.remaining, l.held, l.expires_at, l.earned_at, l.original, l.is_pending, l.available_at
  FROM points_allocation t JOIN points_lot l ON l.id = t.lot_id AND l.member_id = t.member_id
 WHERE t.member_id = %s AND t.entry_id = %s
 ORDER BY l.expires_at NULLS LAST, l.earned_at, l.id"""


def held_by(*, member_id: UUID, entry_id: UUID) -> list[tuple[rules.Lot, int]]:
    """What a hold's entry set aside in which lots, in the order in which lots are spent."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD_BY, [member_id, entry_id])
        return [(rules.Lot(*lot), held) for held, *lot in cursor.fetchall()]


class Spent(NamedTuple):
    """What is left to restore of a spend: points in all, of these on credit, and what each lot still lacks."""

    points: int
    owed: int
    lots: list[tuple[UUID, int]]


def unrestored(*, member_id: UUID, entry: Entry) -> Spent:
    restores = Entry.objects.filter(member_id=member_id, refers_to=entry, kind=Entry.Kind.RESTORE)
    restored = restores.aggregate(n=Sum("points"))["n"] or 0
    parts = (
        Allocation.objects.filter(Q(entry=entry) | Q(entry__in=restores), member_id=member_id)
        .values("lot_id")
        .annotate(lacks=Sum("points"))
        .filter(lacks__gt=0)
        .values_list("lot_id", "lacks")
    )
    lots = list(parts)
    left = entry.points - restored
    return Spent(left, left - sum(lacks for _lot, lacks in lots), lots)


class Earned(NamedTuple):
    """What has become of an earning: still to claw back at most, how much of it is held or was spent, and claimed for those already."""

    left: int
    used: int
    charged: int


def fate(*, member_id: UUID, entry: Entry, lot: rules.Lot, remaining: int, just_expired: int) -> Earned:
    """`lot` is the earning's, as stored; `remaining` and `just_expired` say what the act that asks has done to it so far."""
    clawbacks = Entry.objects.filter(member_id=member_id, refers_to=entry, kind=Entry.Kind.CLAWBACK)
    clawed, waived = clawbacks.aggregate(p=Sum("points"), w=Sum("waived")).values()
    from_lot = Allocation.objects.filter(member_id=member_id, lot_id=lot.id)
    own = from_lot.filter(entry__in=clawbacks).aggregate(n=Sum("points"))["n"] or 0
    expired = from_lot.filter(entry__kind__in=[Entry.Kind.EXPIRE, Entry.Kind.FORFEIT]).aggregate(n=Sum("points"))["n"] or 0
    used = lot.original - remaining - expired - just_expired - own
    return Earned(lot.original - (clawed or 0), used, (clawed or 0) - (waived or 0) - own)


_EXPIRED_LOTS = """
WITH gone AS (
    SELECT a.lot_id, e.occurred_at AS at, a.points
      FROM points_entry e JOIN points_allocation a ON a.member_id = e.member_id AND a.entry_id = e.id
     WHERE e.member_id = %(member)s AND e.kind = 'expire' AND e.occurred_at >= %(since)s AND e.occurred_at < %(until)s
     UNION ALL
    SELECT l.id, l.expires_at, l.remaining FROM points_lot l
     WHERE l.member_id = %(member)s AND l.is_open AND NOT l.is_pending AND l.expires_at >= %(since)s AND l.expires_at < %(until)s
     UNION ALL
    SELECT l.id, greatest(l.expires_at, h.expires_at), t.held
      FROM points_hold h JOIN points_allocation t ON t.member_id = h.member_id AND t.entry_id = h.entry_id
      JOIN points_lot l ON l.member_id = h.member_id AND l.id = t.lot_id
     WHERE h.member_id = %(member)s AND h.status = 'open' AND greatest(l.expires_at, h.expires_at) >= %(since)s
       AND h.expires_at < %(until)s AND l.expires_at < %(until)s)
SELECT g.lot_id, max(g.at), sum(g.points)::bigint - coalesce((
           SELECT sum(c.waived) FROM points_entry c WHERE c.member_id = %(member)s AND c.refers_to_id = l.entry_id AND c.kind = 'clawback'), 0)::bigint
  FROM gone g JOIN points_lot l ON l.member_id = %(member)s AND l.id = g.lot_id
 GROUP BY g.lot_id, l.entry_id"""


def expired_lots(*, member_id: UUID, since: datetime, until: datetime) -> list[tuple[UUID, datetime, int]]:
    """Lots of which something expired between the two, booked or not: when, and how much, less what was taken back and waived since.

    What a hold kept past its lot's expiry has expired when the hold lapsed. What is below zero then (more was waived than expired in that span) is
    the caller's to leave out. `until` lies not ahead. One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRED_LOTS, {"member": member_id, "since": since, "until": until})
        return cursor.fetchall()


def live_lots(*, member_id: UUID, now: datetime) -> QuerySet[Lot]:
    """The lots that can be spent at `now`, in the order in which they are."""
    return Lot.objects.filter(Q(expires_at__gt=now) | Q(expires_at=None), member_id=member_id, is_open=True, is_pending=False).order_by(*Lot._meta.ordering)


def lots_as_seen(*, member_id: UUID, now: datetime) -> QuerySet[Lot]:
    """All lots with `left`: what remains of each at `now`, nothing once it has expired, swept or not."""
    gone = When(expires_at__lte=now, is_pending=False, then=0)
    return (
        Lot.objects.filter(member_id=member_id).select_related("rule_version").annotate(left=Case(gone, default=F("remaining"), output_field=BigIntegerField()))
    )


def frozen(*, member_id: UUID) -> bool:
    return Account.objects.filter(member_id=member_id, frozen=True).exists()


# One statement, one snapshot: read apart, a sweep in between would show what is due twice or not at all.
_BALANCE = """
SELECT a.member_id, a.frozen, a.available, a.held, a.pending + coming.points, a.debt, due.points, lapsed.held, lapsed.good
  FROM points_account a,
       LATERAL (SELECT coalesce(sum(o.pending), 0)::bigint AS points
                  FROM accounts_member m JOIN points_account o ON o.member_id = m.id WHERE m.merged_into_id = a.member_id) coming,
       LATERAL (SELECT coalesce(sum(l.remaining), 0)::bigint AS points
                  FROM points_lot l WHERE l.member_id = a.member_id AND l.is_open AND NOT l.is_pending AND l.expires_at <= %(now)s) due,
       LATERAL (SELECT coalesce(sum(t.held), 0)::bigint AS held,
                       coalesce(sum(t.held) FILTER (WHERE l.expires_at IS NULL OR l.expires_at > %(now)s), 0)::bigint AS good
                  FROM points_hold h
                  JOIN points_allocation t ON t.member_id = h.member_id AND t.entry_id = h.entry_id
                  JOIN points_lot l ON l.id = t.lot_id AND l.member_id = h.member_id
                 WHERE h.member_id = a.member_id AND h.status = 'open' AND h.expires_at <= %(now)s) lapsed
 WHERE a.member_id = ANY(%(members)s::uuid[])"""


def balance(*, member_id: UUID, now: datetime) -> Balance:
    """The four buckets as they are at `now`: what is due is gone, what a lapsed hold held is available again, unless it owes."""
    return state(member_id=member_id, now=now).balance


def balances(*, member_ids: Collection[UUID], now: datetime) -> dict[UUID, Balance]:
    """The same for many members at once; whoever has no account is left out. One statement."""
    return {member: found.balance for member, found in _states(member_ids, now).items()}


def state(*, member_id: UUID, now: datetime) -> State:
    """The balance, and whether the account is frozen, in one statement."""
    return _states([member_id], now).get(member_id, State(Balance(0, 0, 0, 0), frozen=False))


def _states(member_ids: Collection[UUID], now: datetime) -> dict[UUID, State]:
    with connection.cursor() as cursor:
        cursor.execute(_BALANCE, {"members": list(member_ids), "now": now})
        rows = cursor.fetchall()
    found = {}
    for member, frozen, available, held, pending, debt, due, lapsed, back in rows:
        settles = min(back, debt)
        found[member] = State(Balance(available - due + back - settles, held - lapsed, pending, debt - settles), frozen)
    return found


def balances_at(*, as_of: datetime) -> Iterator[tuple[str, int]]:
    """The storefront's id and the available points of every account at that instant, by when things happened, by id.

    What had expired by then is gone, swept or not. Reads a batch at a time, however many there are.
    """
    came = Entry.objects.filter(member_id=OuterRef("member_id"), occurred_at__lte=as_of).order_by().values("member_id")
    due = Lot.objects.filter(member_id=OuterRef("member_id"), is_open=True, is_pending=False, expires_at__lte=as_of).order_by().values("member_id")
    points = Coalesce(Subquery(came.annotate(n=Sum("available_change")).values("n")), 0) - Coalesce(Subquery(due.annotate(n=Sum("remaining")).values("n")), 0)
    accounts = Account.objects.order_by("member__external_id").annotate(points=points)
    yield from accounts.values_list("member__external_id", "points").iterator(chunk_size=2000)


class Sums(NamedTuple):
    """Everything ever booked: `clawed_back` without what was `waived`, `left` is what is available."""

    earned: int
    clawed_back: int
    waived: int
    expired: int
    left: int


def sums() -> Sums:
    """What all books come to. Reads every entry: for a report, never for a decision."""
    kinds = Entry.Kind
    clawback = Q(kind=kinds.CLAWBACK)
    booked = Entry.objects.aggregate(
        earned=Sum("points", filter=Q(kind=kinds.EARN), default=0),
        clawed_back=Sum(F("points") - F("waived"), filter=clawback, default=0),
        waived=Sum("waived", filter=clawback, default=0),
        expired=Sum("points", filter=Q(kind=kinds.EXPIRE), default=0),
    )
    return Sums(**booked, left=Account.objects.aggregate(n=Sum("available", default=0))["n"])


def expiring(*, member_id: UUID, now: datetime, limit: int = 12) -> list[dict]:
    """The next instants at which points expire, the earliest first: `{at, points}`."""
    dated = Lot.objects.filter(member_id=member_id, is_open=True, is_pending=False, expires_at__gt=now)
    return list(dated.order_by("expires_at").values(at=F("expires_at")).annotate(points=Sum("remaining"))[:limit])


def by_source(*, member_id: UUID, now: datetime) -> dict[str, int]:
    """The member's sub-accounts: points that can be spent, by where they came from."""
    return dict(live_lots(member_id=member_id, now=now).order_by().values_list("source").annotate(n=Sum("remaining")))


def entry_of(*, member_id: UUID, entry_id: UUID) -> Entry:
    entry = Entry.objects.filter(member_id=member_id, id=entry_id).first()
    if entry is None:
        raise EntryUnknown
    return entry


def freeze_in_force(*, member_id: UUID) -> str | None:
    """The key under which the account was frozen; None where it is not."""
    if not Account.objects.filter(member_id=member_id, frozen=True).exists():
        return None
    return Entry.objects.filter(member_id=member_id, kind="freeze").order_by("-seq").values_list("key", flat=True).first()
