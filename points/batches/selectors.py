import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet, Sum
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.rulebook import selectors as rulebook
from points.rulebook.models import RuleVersion
from points.terms import selectors as terms
from tiers.standing import selectors as standings

from . import rules
from .models import Batch, BatchLine, BatchPart

Status, LineStatus = Batch.Status, BatchLine.Status

# A list of victims, and the facts looked at for it, are no longer than a file may be; and the database is asked for no longer than this.
MOST_VICTIMS = rules.MOST_LINES
SECONDS = 20
PAGE = 5000
LARGEST_SHOWN = 10


class BatchUnknown(BusinessError):
    code, status, title = "batch_unknown", 404, _("There is no such batch.")


class TooManyVictims(BusinessError):
    code, status, title = (
        "too_many_victims",
        422,
        _("That is more than can be looked through at once. Choose a shorter time."),
    )


# A sentence for each fault of a line.
FAULTS = {
    "member_missing": _("No member is named."),
    "member_unknown": _("Nobody has the id “%(member)s”."),
    "member_closed": _("This member is closed."),
    "points_missing": _("The points are missing."),
    "points_not_whole": _("“%(text)s” is not a whole number. Write plain digits, like 500 or -500."),
    "points_zero": _("0 points change nothing."),
    "points_below_zero": _("%(points)s is below zero. Only a correction takes points."),
    "points_too_many": _("More than %(most)s points in one line are surely a mistake."),
    "earned_missing": _("The day on which the points were earned is missing."),
    "earned_later": _("%(day)s lies ahead: nothing was earned on that day yet."),
    "expired": _("These points were good through %(day)s only: they are gone already."),
    "expired_by_terms": _("By the programme’s terms, what was earned on %(day)s has expired. Give the last day in expires_on if it is still good."),
    "expiry_of_nothing": _("Points that are taken do not expire. Leave expires_on empty."),
    "no_day": _("“%(text)s” is not a day that we can read. Write it like 2026-03-31."),
    "cells_too_many": _("The line has %(cells)s cells, its header %(columns)s. Is a comma inside a cell without quotation marks?"),
    "text_too_long": _("“%(text)s…” is longer than %(most)s characters."),
    "unreadable": _("The line cannot be read. Are all quotation marks closed?"),
    "not_covered": _("It takes %(points)s points, but only %(available)s are there."),
    "not_booked": _("The books refused it: %(sentence)s"),
}
# A sentence for why a file cannot be read at all.
FILE_FAULTS = {
    "no_header": _("The first line must name the columns: %(columns)s."),
    "column_unknown": _("“%(column)s” is not a column of such a file. It has these: %(columns)s."),
    "column_twice": _("The column “%(column)s” stands there twice."),
    "column_missing": _("The column “%(column)s” is missing. The file has these: %(columns)s."),
}


def called(column: str) -> str:
    """What a column is called in the reader's language."""
    chinese = (get_language() or "").startswith("zh")
    return next((name for name in rules.NAMES[column] if not name.isascii()), column) if chinese else column


def why_unread(fault: rules.FileFault, *, kind: str) -> str:
    """Why a file cannot be read, in the reader's language."""
    said = {**fault.figures, "columns": ", ".join(called(column) for column in rules.COLUMNS[kind])}
    if fault.code == "column_missing":
        said["column"] = called(said["column"])
    return str(FILE_FAULTS[fault.code]) % said


def sentences(faults: Iterable[Sequence[Any]]) -> list[str]:
    """The faults of a line, in the reader's language."""
    return [str(FAULTS[code]) % figures for code, figures in faults]


# What a kind of fault is called where it is counted.
IN_GENERAL = {
    "member_missing": _("no member named"),
    "member_unknown": _("nobody has this id"),
    "member_closed": _("member closed"),
    "points_missing": _("points missing"),
    "points_not_whole": _("points are not a whole number"),
    "points_zero": _("0 points"),
    "points_below_zero": _("points below zero"),
    "points_too_many": _("too many points"),
    "earned_missing": _("day of earning missing"),
    "earned_later": _("earned on a day that lies ahead"),
    "expired": _("expired already"),
    "expired_by_terms": _("expired already by the programme’s terms"),
    "expiry_of_nothing": _("expiry of points that are taken"),
    "no_day": _("a day that cannot be read"),
    "cells_too_many": _("more cells than columns"),
    "text_too_long": _("text too long"),
    "unreadable": _("line cannot be read"),
    "not_covered": _("more points than the member has"),
    "not_booked": _("refused by the books"),
}


def said_in_general(code: str) -> str:
    return str(IN_GENERAL[code])


def batch(batch_id: UUID) -> Batch:
    """Refuses: BatchUnknown."""
    found = Batch.objects.select_related("made_by", "decided_by", "reversal_by", "reversal_decided_by").filter(id=batch_id).first()
    if found is None:
        raise BatchUnknown
    return found


def waiting() -> QuerySet[Batch]:
    """What a second person has to decide on, the oldest first."""
    return Batch.objects.filter(status__in=[Status.SUBMITTED, Status.REVERSAL_ASKED]).order_by("submitted_at")


def to_work_on() -> list[UUID]:
    """What the job has something to do with, the oldest first."""
    rows = Batch.objects.filter(status__in=Batch.WORKED_ON, paused_at=None).order_by("made_at")
    return list(rows.values_list("id", flat=True)[:50])


def same_file(row: Batch) -> list[Batch]:
    """Other batches made of a file with the very same content, as far as they were applied, or may still be; the newest first."""
    gone = [Status.REFUSED, Status.WITHDRAWN, Status.REVERSED]
    return list(Batch.objects.filter(digest=row.digest).exclude(id=row.id).exclude(status__in=gone).order_by("-id")[:5])


def next_lines(row: Batch, limit: int, *, line_id: UUID | None = None) -> QuerySet[BatchLine]:
    """The first lines that are still to be applied, or reversed; or that one, if it still is."""
    wanted = LineStatus.READY if row.status == Status.APPLYING else LineStatus.APPLIED
    lines = BatchLine.objects.filter(batch=row, status=wanted)
    return lines.filter(id=line_id) if line_id else lines.order_by("number")[:limit]


def come_to(*, member_ids: Collection[UUID], batch_id: UUID) -> dict[UUID, int]:
    """What the lines of a batch that can be applied come to so far, for those of these members who have any."""
    lines = BatchLine.objects.filter(member_id__in=member_ids, batch_id=batch_id, status=LineStatus.READY)
    return dict(lines.order_by().values_list("member_id").annotate(Sum("points")))


class _Content(io.RawIOBase):
    """The parts of a file as one stream, one of them in memory at a time."""

    def __init__(self, batch_id: UUID) -> None:
        self._parts = BatchPart.objects.filter(batch_id=batch_id).order_by("number")
        self._number, self._rest = 0, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            part = self._parts.filter(number=self._number).first()
            if part is None:
                return 0
            self._number, self._rest = self._number + 1, bytes(part.content)
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def rows(row: Batch) -> Iterator[tuple[int, list[str] | None]]:
    """The lines of a batch's file with their numbers, the header first; None for one that cannot be read, none for an empty one."""
    text = io.TextIOWrapper(io.BufferedReader(_Content(row.id), 1 << 20), encoding=row.encoding, newline="")
    reader = csv.reader(text, delimiter=row.separator)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, None
        else:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells


def judged_by(*, now: datetime) -> rules.Terms:
    zone = programme.zone(now=now)
    return rules.Terms(terms.terms().policy, zone, local_date(now, zone), now)


_MEMBERS = """
SELECT count(*), count(*) FILTER (WHERE points_after < 0), count(*) FILTER (WHERE points_after < 0 AND before >= 0), count(*) FILTER (WHERE lines > 1),
       coalesce(sum(lines) FILTER (WHERE lines > 1), 0)
  FROM (SELECT (array_agg(before ORDER BY number))[1] AS before, (array_agg(before ORDER BY number))[1] + sum(points) AS points_after, count(*) AS lines
          FROM points_batchline WHERE batch_id = %s AND status = 'ready' GROUP BY member_id) m"""
_REPEATED = """
SELECT (array_agg(number ORDER BY number))[:5] FROM points_batchline WHERE batch_id = %s AND status = 'ready'
 GROUP BY member_id HAVING count(*) > 1 ORDER BY count(*) DESC, min(number) LIMIT %s"""
# Who got an opening balance by another batch that stands.
_IMPORTED = """
SELECT count(DISTINCT l.member_id) FROM points_batchline l WHERE l.batch_id = %s AND l.status = 'ready'
   AND EXISTS (SELECT FROM points_batchline o JOIN points_batch b ON b.id = o.batch_id
                WHERE o.member_id = l.member_id AND o.batch_id <> l.batch_id AND o.status = 'applied' AND b.kind = 'import')"""
_FAULTS = """
SELECT f->>0, count(*) FROM points_batchline l, jsonb_array_elements(l.faults) f
 WHERE l.batch_id = %s AND l.status = 'faulty' GROUP BY 1 ORDER BY 2 DESC, 1"""


def found_by_check(row: Batch) -> dict[str, Any]:
    """What the dry run comes to, as JSON: counts, sums, faults by kind, the largest lines."""
    lines = BatchLine.objects.filter(batch=row)
    ready = lines.filter(status=LineStatus.READY)
    sums = ready.aggregate(ready=Count("id"), given=Sum("points", filter=Q(points__gt=0), default=0), taken=-Sum("points", filter=Q(points__lt=0), default=0))
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, [row.id])
        named = ("members", "below_zero", "into_debt", "several", "several_lines")
        who = dict(zip(named, map(int, cursor.fetchone()), strict=True))
        cursor.execute(_FAULTS, [row.id])
        faults = dict(cursor.fetchall())
        cursor.execute(_REPEATED, [row.id, LARGEST_SHOWN])
        repeated = [numbers for (numbers,) in cursor.fetchall()]
        cursor.execute(_IMPORTED, [row.id])
        imported = cursor.fetchone()[0] if row.kind == Batch.Kind.IMPORT else 0
    largest = ready.extra(select={"size": "abs(points)"}, order_by=["-size", "number"])[:LARGEST_SHOWN]
    return {
        **sums,
        **who,
        "faulty": lines.filter(status=LineStatus.FAULTY).count(),
        "faults": faults,
        "repeated": repeated,
        "imported_before": imported,
        "largest": [one.number for one in largest],
        "points_per_unit": rulebook.rulebook().points_per_unit,
    }


def lines_of(row: Batch, numbers: Collection[int]) -> list[BatchLine]:
    """These lines, in that order."""
    found = {one.number: one for one in BatchLine.objects.select_related("member").filter(batch=row, number__in=numbers)}
    return [found[number] for number in numbers if number in found]


class Reversal(NamedTuple):
    """What reversing a batch now would do: points given by it that remain in its lots, that expired, that are held or were spent, of these
    what becomes debt of how many members; and the points taken by it that are given back."""

    lines: int
    remain: int
    expired: int
    used: int
    debt: int
    owing: int
    back: int


_REVERSAL = """
WITH own AS (
    SELECT b.member_id, b.points, l.id IS NOT NULL AS given, l.original,
           CASE WHEN l.expires_at <= %(now)s AND NOT l.is_pending THEN 0 ELSE l.remaining END AS remain,
           CASE WHEN l.expires_at <= %(now)s AND NOT l.is_pending THEN l.remaining ELSE 0 END
             + coalesce((SELECT sum(a.points) FROM points_allocation a JOIN points_entry e ON e.id = a.entry_id AND e.member_id = a.member_id
                          WHERE a.member_id = l.member_id AND a.lot_id = l.id AND e.kind IN ('expire', 'forfeit')), 0) AS expired
      FROM points_batchline b LEFT JOIN points_lot l ON l.member_id = b.member_id AND l.entry_id = b.entry_id
     WHERE b.batch_id = %(batch)s AND b.status = 'applied'),
each AS (
    SELECT o.member_id, sum(o.remain) AS remain, sum(o.original - o.remain - o.expired) AS used
      FROM own o WHERE o.given GROUP BY o.member_id),
owed AS (
    SELECT greatest(0, m.used - greatest(0, a.available - m.remain
             - coalesce((SELECT sum(d.remaining) FROM points_lot d
                          WHERE d.member_id = m.member_id AND d.is_open AND NOT d.is_pending AND d.expires_at <= %(now)s), 0))) AS debt
      FROM each m JOIN points_account a ON a.member_id = m.member_id WHERE m.used > 0)
SELECT (SELECT count(*) FROM own), coalesce(sum(remain), 0), coalesce(sum(expired), 0), coalesce(sum(original - remain - expired), 0),
       (SELECT coalesce(sum(debt), 0) FROM owed), (SELECT count(*) FROM owed WHERE debt > 0),
       coalesce(-sum(points) FILTER (WHERE points < 0), 0) FROM own"""


def reversal(row: Batch, *, now: datetime) -> Reversal:
    with connection.cursor() as cursor:
        cursor.execute(_REVERSAL, {"batch": row.id, "now": now})
        return Reversal(*map(int, cursor.fetchone()))


# Whom a fault has hit.


class Query(NamedTuple):
    """`about`: `facts` of a `kind`, `decisions` by the rule of a version (`version`), `entries` of a `kind`; from `since` to before `until`.

    Facts count when they happened, decisions and entries when they were made. `granted`: `any`, `some` (points were given) or `none`.
    """

    about: str
    kind: str
    version: int | None
    since: datetime
    until: datetime
    granted: str = "any"
    category: str = ""
    tier: str = ""
    segment: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**self._asdict(), "since": self.since.isoformat(), "until": self.until.isoformat()}


class Victim(NamedTuple):
    """A member, how often it happened to them, and the points that they got by it."""

    member: UUID
    times: int
    got: int


_DECISIONS = """
SELECT d.member_id, count(*), coalesce(sum(g.points - g.taken_back), 0)
  FROM points_decision d LEFT JOIN points_grant g ON g.member_id = d.member_id AND g.decision_id = d.id AND g.rule_version_id = %(version)s
 WHERE d.decided_at >= %(since)s AND d.decided_at < %(until)s AND d.fact = %(kind)s AND {granted}
 GROUP BY d.member_id LIMIT %(limit)s"""
_GRANTED = {"some": "g.id IS NOT NULL", "none": "g.id IS NULL", "any": "TRUE"}
_ENTRIES = """
SELECT member_id, count(*), sum(points) FROM points_entry
 WHERE recorded_at >= %(since)s AND recorded_at < %(until)s AND kind = %(kind)s GROUP BY member_id LIMIT %(limit)s"""
_DECIDED = """
SELECT d.member_id, d.subject, d.points - d.taken_back FROM points_decision d
  JOIN unnest(%s::uuid[], %s::text[]) AS f (member_id, subject) ON d.member_id = f.member_id AND d.subject = f.subject"""


def victims(query: Query, *, now: datetime) -> list[Victim]:
    """Whom it happened to, each once, by their ids. Refuses: TooManyVictims."""
    with _bounded():
        if query.about == "facts":
            found = _by_facts(query)
        else:
            values = {"since": query.since, "until": query.until, "kind": query.kind, "version": query.version, "limit": MOST_VICTIMS + 1}
            sql = _ENTRIES
            if query.about == "decisions":
                values["kind"] = RuleVersion.objects.values_list("rule__fact", flat=True).get(id=query.version)
                sql = _DECISIONS.format(granted=_GRANTED[query.granted])
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                found = [Victim(member, times, int(got)) for member, times, got in cursor.fetchall()]
        if len(found) > MOST_VICTIMS:
            raise TooManyVictims
        return sorted(_of_those(found, query, now=now))


@contextmanager
def _bounded() -> Iterator[None]:
    """What is asked inside takes only so long. Refuses: TooManyVictims."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(SECONDS * 1000)])
            yield
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", "") != "57014":
            raise
        raise TooManyVictims from error


def _by_facts(query: Query) -> list[Victim]:
    """Facts page by page, each with what its decision gave."""
    found: dict[UUID, tuple[int, int]] = {}
    looked, after = 0, None
    while page := facts.happened(kind=query.kind, since=query.since, until=query.until, category=query.category, after=after, limit=PAGE):
        looked, after = looked + len(page), (page[-1].at, page[-1].id)
        if looked > MOST_VICTIMS:
            raise TooManyVictims
        subjects = [f"{query.kind}/{one.external_id}" for one in page]
        with connection.cursor() as cursor:
            cursor.execute(_DECIDED, [[one.member for one in page], subjects])
            got = {(member, subject): points for member, subject, points in cursor.fetchall()}
        for one, subject in zip(page, subjects, strict=True):
            points = got.get((one.member, subject), 0)
            if query.granted == "any" or (points > 0) == (query.granted == "some"):
                times, sum_of = found.get(one.member, (0, 0))
                found[one.member] = times + 1, sum_of + points
    return [Victim(member, *so_far) for member, so_far in found.items()]


def _of_those(found: list[Victim], query: Query, *, now: datetime) -> list[Victim]:
    """Who is in the tier and the segment asked for today."""
    for start in range(0, len(found) if query.tier or query.segment else 0, PAGE):
        page = found[start : start + PAGE]
        ids = [one.member for one in page]
        places = standings.standings(member_ids=ids, now=now) if query.tier else {}
        parts = segments.segments_of_all(ids) if query.segment else {}
        out = {one for one in ids if (query.tier and places[one].code != query.tier) or (query.segment and query.segment not in parts.get(one, ()))}
        found[start : start + PAGE] = [one if one.member not in out else Victim(one.member, 0, 0) for one in page]
    return [one for one in found if one.times]


def as_rows(found: Sequence[Victim]) -> Iterator[tuple[str, int, int]]:
    """Victims by the storefront's ids, with how often and what they got."""
    for start in range(0, len(found), PAGE):
        page = found[start : start + PAGE]
        called = members.external_ids_of([one.member for one in page])
        for one in page:
            yield called[one.member], one.times, one.got


def downloaded(row: Batch, *, faulty: bool) -> Iterator[Sequence[Any]]:
    """The lines of a batch for a file: those that are faulty as they stood there, or all of them with what became of them."""
    lines = BatchLine.objects.filter(batch=row).order_by("number")
    if faulty:
        lines = lines.filter(status__in=[LineStatus.FAULTY, LineStatus.REFUSED])
    lines = lines.select_related("member")
    for one in lines.iterator(chunk_size=2000):
        why = " ".join(sentences(one.faults))
        if faulty:
            yield [*_cells(row, one), one.number, why]
        else:
            who = one.member.external_id if one.member else ""
            yield [one.number, who, one.points, one.before, one.after, one.get_status_display(), why]


def header(row: Batch, *, faulty: bool) -> list[str]:
    if faulty:
        return [*(called(column) for column in rules.COLUMNS[row.kind]), *rules.BESIDES["zh" if (get_language() or "").startswith("zh") else "en"]]
    return [str(name) for name in (_("line"), _("member"), _("points"), _("before"), _("afterwards"), _("status"), _("faults"))]


def _cells(row: Batch, line: BatchLine) -> list[Any]:
    """A line again as the columns of its kind, to be corrected and uploaded."""
    if line.cells is not None:
        return [line.cells.get(column, "") for column in rules.COLUMNS[row.kind]]
    day = rules.last_day(line.expiry)
    said: Mapping[str, Any] = {
        "member": line.member.external_id if line.member else "", "points": line.points, "earned_on": line.earned_on,
        "expires_on": day or line.expiry, "reason": line.reason, "cost_centre": line.cost_centre,
    }  # fmt: skip
    return [said[column] for column in rules.COLUMNS[row.kind]]
