"""What is stored, read for the auditor: sums in SQL, and each member's books for the replay. Never writes, never repairs."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from . import rules
from .models import Finding, ReconciliationRound
from .rules import AccountRow, AllocationRow, Books, EntryRow, HoldRow, LotRow

# Every member's id lies between them.
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)


class Breach(NamedTuple):
    """One breach of one member, named by the storefront's id (ours, where there is no such member)."""

    invariant: int
    member: str
    what: str
    expected: Any
    found: Any
    member_id: Any = None

    def __str__(self) -> str:
        return f"invariant {self.invariant}: member {self.member}: {self.what}: expected {_said(self.expected)}, found {_said(self.found)}"


class Part(NamedTuple):
    """A part of an audit: how many accounts, lots, entries, allocations and holds were checked, how many accounts there are, what is broken."""

    checked: Counter[str]
    accounts: int
    breaches: list[Breach]


# Each gives member, what, expected, found. `{of}` narrows a table to the members asked about. These hold sums by member beside what is stored.
_BY_MEMBER: list[tuple[int, str]] = [
    (
        1,
        """
        SELECT a.member_id, 'account, ' || b.bucket || ', against its entries', b.entries, b.stored
          FROM (SELECT * FROM points_account {of}) a
          LEFT JOIN (SELECT member_id, sum(available_change) AS available, sum(held_change) AS held, sum(pending_change) AS pending, sum(debt_change) AS debt
                       FROM points_entry {of} GROUP BY member_id) e ON e.member_id = a.member_id
         CROSS JOIN LATERAL (VALUES ('available', a.available, e.available), ('held', a.held, e.held),
                                    ('pending', a.pending, e.pending), ('debt', a.debt, e.debt)) AS b (bucket, stored, entries)
         WHERE b.stored <> coalesce(b.entries, 0)""",
    ),
    (
        1,
        """
        SELECT a.member_id, 'account, ' || b.bucket || ', against its ' || b.whose, coalesce(b.said, 0), b.stored
          FROM (SELECT * FROM points_account {of}) a
          LEFT JOIN (SELECT member_id, sum(held) AS held,
                            sum(remaining) FILTER (WHERE NOT is_pending) AS available, sum(remaining) FILTER (WHERE is_pending) AS pending
                       FROM points_lot {of} GROUP BY member_id) l ON l.member_id = a.member_id
          LEFT JOIN (SELECT member_id, sum(points) AS held FROM points_hold WHERE status = 'open' {and_of} GROUP BY member_id) h ON h.member_id = a.member_id
         CROSS JOIN LATERAL (VALUES ('available', 'lots', a.available, l.available), ('held', 'lots', a.held, l.held), ('held', 'holds', a.held, h.held),
                                    ('pending', 'lots', a.pending, l.pending)) AS b (bucket, whose, stored, said)
         WHERE b.stored <> coalesce(b.said, 0)""",
    ),
    (
        2,
        """
        SELECT l.member_id, 'lot ' || l.id || ', ' || b.what, b.expected, b.found
          FROM (SELECT * FROM points_lot {of}) l
          LEFT JOIN (SELECT member_id, lot_id, sum(points) AS points, sum(held) AS held FROM points_allocation {of} GROUP BY member_id, lot_id) a
                 ON a.lot_id = l.id AND a.member_id = l.member_id
         CROSS JOIN LATERAL (VALUES
                ('what is missing of it, against its allocations', coalesce(a.points, 0)::text, (l.original - l.remaining - l.held)::text),
                ('held, against its allocations', coalesce(a.held, 0)::text, l.held::text),
                ('remaining and held within its original', 'true', (l.remaining >= 0 AND l.held >= 0 AND l.remaining + l.held <= l.original)::text),
                ('open', (l.remaining > 0)::text, l.is_open::text)) AS b (what, expected, found)
         WHERE b.expected <> b.found""",
    ),
]
_ROWS: list[tuple[int, str]] = [
    (
        2,
        """
        SELECT a.member_id, 'allocation of entry ' || a.entry_id || ' to lot ' || a.lot_id || ', whose they are',
               a.member_id::text, 'entry of ' || coalesce(e.member_id::text, 'nobody') || ', lot of ' || coalesce(l.member_id::text, 'nobody')
          FROM (SELECT * FROM points_allocation {of}) a LEFT JOIN points_entry e ON e.id = a.entry_id LEFT JOIN points_lot l ON l.id = a.lot_id
         WHERE e.member_id IS DISTINCT FROM a.member_id OR l.member_id IS DISTINCT FROM a.member_id""",
    ),
    *(
        (
            2,
            f"""
        SELECT r.member_id, '{name} ' || r.id || ', whose entry made it', r.member_id::text, coalesce(e.member_id::text, 'nobody')
          FROM (SELECT * FROM {table} {{of}}) r LEFT JOIN points_entry e ON e.id = r.entry_id WHERE e.member_id IS DISTINCT FROM r.member_id""",  # noqa: S608 (our own names)
        )
        for name, table in (("lot", "points_lot"), ("hold", "points_hold"))
    ),
    *(
        (
            9,
            f"""
        SELECT r.member_id, 'rows in {table} without an account', 0, count(*)
          FROM (SELECT * FROM {table} {{of}}) r WHERE NOT EXISTS (SELECT FROM points_account a WHERE a.member_id = r.member_id) GROUP BY r.member_id""",  # noqa: S608 (our own names)
        )
        for table in ("points_entry", "points_lot", "points_allocation", "points_hold")
    ),
]

_ENTRIES = """
SELECT member_id::text, id::text, seq, kind, points, available_change, held_change, pending_change, debt_change, balance_after, waived, expires_at,
       key, refers_to_id::text, occurred_at, recorded_at
  FROM points_entry WHERE member_id BETWEEN %(first)s AND %(last)s ORDER BY member_id, seq"""
_LOTS = """
SELECT member_id::text, id::text, entry_id::text, original, remaining, held, is_open, is_pending, earned_at, matures_at, available_at, expires_at
  FROM points_lot WHERE member_id BETWEEN %(first)s AND %(last)s"""
_ALLOCATIONS = "SELECT member_id::text, entry_id::text, lot_id::text, points, held FROM points_allocation WHERE member_id BETWEEN %(first)s AND %(last)s"
_HOLDS = """
SELECT member_id::text, id::text, entry_id::text, points, captured, status, created_at, expires_at, settled_at
  FROM points_hold WHERE member_id BETWEEN %(first)s AND %(last)s"""
_ACCOUNTS = """
SELECT a.member_id::text, coalesce(m.external_id, a.member_id::text), a.available, a.held, a.pending, a.debt, a.last_seq, a.frozen
  FROM points_account a LEFT JOIN accounts_member m ON m.id = a.member_id {of} ORDER BY a.member_id"""


@contextmanager
def snapshot() -> Iterator[None]:
    """What is asked inside sees the database as it was at the first question, whatever is written meanwhile.

    Within a transaction that is open already, that transaction decides what is seen.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def audit(*, member_id: UUID | None = None, batch: int = 20_000) -> Iterator[Part]:
    """Check the books of one member, or of everybody, part by part. Read all parts within one `snapshot`.

    `batch` is how many entries are held in memory at a time; a member's are never split.
    """
    values = {"member": member_id}
    of = "WHERE member_id = %(member)s" if member_id else ""
    with connection.cursor() as cursor:
        for found in _summed(cursor, of, values):
            yield Part(Counter(), 0, found)
        cursor.execute(f"SELECT count(*) FROM points_account {of}", values)  # noqa: S608 (our own names)
        total = cursor.fetchone()[0]
        with connection.chunked_cursor() as accounts:
            accounts.execute(_ACCOUNTS.format(of=of.replace("member_id", "a.member_id", 1)), values)
            for members in _ranges(iter(lambda: accounts.fetchmany(1000), []), batch):
                yield _replayed(cursor, members, total)


class Slice(NamedTuple):
    """What an audit of the members up to and with `reached` brought to light."""

    checked: Counter[str]
    breaches: list[Breach]
    reached: UUID
    is_last: bool


def audit_slice(*, after: UUID | None, accounts: int = 1000, entries: int = 20_000) -> Slice:
    """Check the books of the next members behind `after`, in one snapshot of their own: so many at most, with about so many entries.

    Rows that hang on no account belong to the slice in whose range their member's id lies.
    """
    with snapshot(), connection.cursor() as cursor:
        values: dict[str, Any] = {"after": after or FIRST, "most": accounts}
        cursor.execute(_ACCOUNTS.format(of="WHERE a.member_id > %(after)s") + " LIMIT %(most)s", values)
        found = cursor.fetchall()
        part = next(_ranges(iter([found]), entries), [])
        is_last = len(part) == len(found) < accounts
        values["last"] = reached = LAST if is_last else UUID(part[-1][0])
        broken = [breach for some in _summed(cursor, "WHERE member_id > %(after)s AND member_id <= %(last)s", values) for breach in some]
        checked: Counter[str] = Counter()
        if part:
            replayed = _replayed(cursor, part, len(part))
            checked, broken = replayed.checked, broken + replayed.breaches
    return Slice(checked, broken, reached, is_last)


def _summed(cursor: Any, of: str, values: dict[str, Any]) -> Iterator[list[Breach]]:
    # Nobody can estimate how many rows a range of ids holds. Taken for one, the sums would be made anew for each member of the slice.
    for questions, nested in ((_BY_MEMBER, "off"), (_ROWS, "DEFAULT")):
        cursor.execute(f"SET LOCAL enable_nestloop TO {nested}")
        for invariant, sql in questions:
            cursor.execute(sql.format(of=of, and_of=of.replace("WHERE", "AND")), values)
            rows = cursor.fetchall()
            if rows:
                names = _names(cursor, {row[0] for row in rows})
                yield [Breach(invariant, names[row[0]], *row[1:], row[0]) for row in rows]


def open_findings() -> QuerySet[Finding]:
    return Finding.objects.filter(status=Finding.Status.OPEN)


def to_check(*, now: datetime) -> dict[str, int]:
    """What a round that begins now goes over; of a round that was interrupted, what is left."""
    unfinished = ReconciliationRound.objects.filter(finished_at=None).order_by("-id").first()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM points_account WHERE member_id > %s", [(unfinished and unfinished.reached) or FIRST])
        return {"accounts": cursor.fetchone()[0]}


def breaches(*, member_id: UUID | None = None) -> list[Breach]:
    """All that is broken; an empty list where the books balance."""
    return [breach for part in audit(member_id=member_id) for breach in part.breaches]


def _names(cursor: Any, ids: Iterable[UUID]) -> dict[UUID, str]:
    cursor.execute("SELECT id, external_id FROM accounts_member WHERE id = ANY(%s)", [list(ids)])
    return {id_: str(id_) for id_ in ids} | dict(cursor.fetchall())


def _ranges(chunks: Iterable[list[tuple[Any, ...]]], batch: int) -> Iterator[list[tuple[Any, ...]]]:
    """Accounts, in their order, in parts of about `batch` entries."""
    part: list[tuple[Any, ...]] = []
    entries = 0
    for account in chain.from_iterable(chunks):
        part.append(account)
        entries += account[6] + 1
        if entries >= batch:
            yield part
            part, entries = [], 0
    if part:
        yield part


def _replayed(cursor: Any, accounts: list[tuple[Any, ...]], total: int) -> Part:
    span = {"first": accounts[0][0], "last": accounts[-1][0]}
    checked: Counter[str] = Counter(accounts=len(accounts))

    def grouped(name: str, sql: str, row: type) -> dict[str, list[Any]]:
        cursor.execute(sql, span)
        groups: dict[str, list[Any]] = {}
        for member, *columns in cursor:
            groups.setdefault(member, []).append(row(*columns))
        checked[name] = cursor.rowcount
        return groups

    entries = grouped("entries", _ENTRIES, EntryRow)
    lots = grouped("lots", _LOTS, LotRow)
    holds = grouped("holds", _HOLDS, HoldRow)
    cursor.execute(_ALLOCATIONS, span)
    allocations: dict[str, dict[str, list[AllocationRow]]] = {}
    for member, entry, *columns in cursor:
        allocations.setdefault(member, {}).setdefault(entry, []).append(AllocationRow(*columns))
    checked["allocations"] = cursor.rowcount

    found = []
    for member, name, *buckets in accounts:
        books = Books(AccountRow(*buckets), entries.pop(member, []), allocations.pop(member, {}), lots.pop(member, []), holds.pop(member, []))
        found += [Breach(breach.invariant, name, *breach[1:], member) for breach in rules.replay(books)]
    return Part(checked, total, found)


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
