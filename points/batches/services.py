import codecs
import csv
import hashlib
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.approvals import services as approvals
from loyalty.audit import services as audit
from loyalty.lib import spreadsheets
from loyalty.lib.localtime import start_of_day
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.programme import selectors as programme
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry, Source
from points.terms import selectors as terms
from points.terms.rules import ExpiryPolicy

from . import rules, selectors
from .models import Batch, BatchLine, BatchPart

# What is done with a line: the batch, the line, who is behind it, when.
Act = Callable[[Batch, BatchLine, str, datetime], Entry]
Kind, Status, LineStatus = Batch.Kind, Batch.Status, BatchLine.Status
ACTOR = "job"
PART_BYTES = 1 << 20
# Lines read at a time; a slice of checking is as many of these as fit into its seconds.
PAGE = 2000
SLICE_SECONDS = 4.0
# Lines booked in one transaction: a commit costs more than a line, and a member's checkout may have to wait for it.
CHUNK = 50


class FileEmpty(BusinessError):
    code, status, title = "file_empty", 422, _("The file has no lines besides its header.")


class FileTooLarge(BusinessError):
    code, status, title = "file_too_large", 422, _("The file is too large: at most 200,000 lines and 20 MB. Split it.")


class FileNoText(BusinessError):
    code, status, title = "file_no_text", 422, _("This is no text file in UTF-8 or GB18030. Save the table as CSV and try again.")


class FileIsWorkbook(BusinessError):
    code, status, title = "file_is_workbook", 422, _("This is a workbook, not a CSV file. Save the table as “CSV UTF-8” and try again.")


class FileUnread(BusinessError):
    """`message` says what is wrong with its header."""

    code, status, title = "file_unread", 422, _("The columns of this file cannot be read.")


class OwnBatch(BusinessError):
    code, status, title = "own_batch", 403, _("Nobody decides on their own batch. A second person has to.")


class NotYours(BusinessError):
    code, status, title = "not_your_batch", 403, _("Only who made a batch can submit or withdraw it.")


class BatchMovedOn(BusinessError):
    code, status, title = "batch_moved_on", 409, _("This batch has moved on meanwhile. Look at it again.")


class NothingToApply(BusinessError):
    code, status, title = "nothing_to_apply", 422, _("No line of this batch can be applied.")


class NobodyHit(BusinessError):
    code, status, title = "nobody_hit", 422, _("Nobody would get any points by this.")


class _Interrupted(Exception):
    """The batch was paused or stopped while a chunk of it was being booked."""


# Making one.


@transaction.atomic(savepoint=False)
def upload(
    *, kind: str, content: Iterable[bytes], file_name: str, reason: str, cost_centre: str = "", shortfall: str = Batch.Shortfall.REFUSE,
    found_by: dict[str, Any] | None = None, operator_id: int, key: UUID, now: datetime,
) -> Batch:  # fmt: skip
    """Take a file in; a job then checks it. `key` becomes the batch's id: the same again is the same batch.

    Refuses: ReasonMissing, FileEmpty, FileTooLarge, FileNoText, FileIsWorkbook, FileUnread.
    """
    if not reason.strip():
        raise ReasonMissing
    said = {"kind": kind, "file_name": file_name[:200], "reason": reason.strip(), "cost_centre": cost_centre, "shortfall": shortfall, "found_by": found_by}
    row, made = Batch.objects.get_or_create(id=key, defaults={**said, "made_by_id": operator_id, "made_at": now})
    if not made:
        return row
    beginning = _keep(row, content)
    if not beginning.strip():
        raise FileEmpty
    first_line = next(iter(io.StringIO(beginning.decode(row.encoding, errors="ignore"))), "")
    row.separator = rules.separator(first_line)
    try:
        rules.columns(next(csv.reader([first_line], delimiter=row.separator), []), row.kind)
    except rules.FileFault as fault:
        raise FileUnread(selectors.why_unread(fault, kind=row.kind)) from fault
    except csv.Error as error:
        raise FileUnread from error
    if row.lines < 1:
        raise FileEmpty
    row.save()
    _record("uploaded", row, by=operator_id, reason=row.reason, now=now)
    return row


def _keep(row: Batch, content: Iterable[bytes]) -> bytes:
    """Write the file down in parts; its first part. Sets what is known of it as a whole: digest, encoding, about how many lines."""
    digest, size, lines, begun, part = hashlib.sha256(), 0, 0, b"", b""
    decoders: dict[str, codecs.IncrementalDecoder] = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8-sig", "gb18030")}
    for number, part in enumerate(_parts(content)):
        if not number:
            begun = part
            if part.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
                raise FileIsWorkbook
        size += len(part)
        lines += max(part.count(b"\n"), part.count(b"\r"))
        if size > rules.MOST_BYTES or lines > rules.MOST_LINES + 1:
            raise FileTooLarge
        if b"\0" in part:
            raise FileNoText
        digest.update(part)
        _decode(decoders, part, final=False)
        BatchPart.objects.create(batch=row, number=number, content=part)
    _decode(decoders, b"", final=True)
    row.digest, row.encoding = digest.hexdigest(), next(iter(decoders))
    row.lines = lines - 1 if part.endswith((b"\n", b"\r")) else lines
    return begun


def _parts(content: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for piece in content:
        gathered += piece
        while len(gathered) >= PART_BYTES:
            yield bytes(gathered[:PART_BYTES])
            del gathered[:PART_BYTES]
    if gathered:
        yield bytes(gathered)


def _decode(decoders: dict[str, codecs.IncrementalDecoder], part: bytes, *, final: bool) -> None:
    for name, decoder in list(decoders.items()):
        try:
            decoder.decode(part, final)
        except UnicodeDecodeError:
            del decoders[name]
    if not decoders:
        raise FileNoText


@transaction.atomic(savepoint=False)
def compensate(
    *, found: Sequence[selectors.Victim], query: selectors.Query, suggestion: rules.Suggestion, shortfall: str = Batch.Shortfall.REFUSE, reason: str,
    cost_centre: str = "", operator_id: int, key: UUID, now: datetime,
) -> Batch:  # fmt: skip
    """Make a batch of the victims of a fault, as if their list had been uploaded: a grant, or a correction where the suggestion takes points.

    Refuses: NobodyHit, and what `upload` refuses.
    """
    kind = Kind.CORRECTION if suggestion.number < 0 else Kind.GRANT
    lines = ((ref, suggestion.points(times=times, got=got)) for ref, times, got in selectors.as_rows(found))
    listed = [(ref, points) for ref, points in lines if points]
    if not listed:
        raise NobodyHit
    text = spreadsheets.lines(("member", "points"), listed)
    said = {**query.as_json(), "way": suggestion.way, "number": suggestion.number}
    name = f"victims-{query.about}-{query.since:%Y%m%d%H%M}-{query.until:%Y%m%d%H%M}.csv"
    return upload(
        kind=kind, content=(line.encode() for line in text), file_name=name, reason=reason, cost_centre=cost_centre, shortfall=shortfall, found_by=said,
        operator_id=operator_id, key=key, now=now,
    )  # fmt: skip


# Deciding.


@transaction.atomic(savepoint=False)
def submit(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Ask a second person to decide on it. Refuses: BatchUnknown, BatchMovedOn, NotYours, NothingToApply."""
    row = _locked(batch_id, Status.CHECKED)
    if row.made_by_id != operator_id:
        raise NotYours
    if not row.ready:
        raise NothingToApply
    row.submitted_at = now
    return _turned(row, Status.SUBMITTED, "submitted", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def withdraw(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Take one's own batch back before it is decided. Refuses: BatchUnknown, BatchMovedOn, NotYours."""
    row = _locked(batch_id, Status.UPLOADED, Status.CHECKING, Status.CHECKED, Status.SUBMITTED)
    if row.made_by_id != operator_id:
        raise NotYours
    BatchPart.objects.filter(batch=row).delete()
    return _turned(row, Status.WITHDRAWN, "withdrawn", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def approve(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Have it applied, as the second person. Refuses: BatchUnknown, BatchMovedOn, OwnBatch."""
    row = _locked(batch_id, Status.SUBMITTED)
    _decide(row, operator_id, now)
    return _turned(row, Status.APPLYING, "approved", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def refuse(*, batch_id: UUID, operator_id: int, reason: str, now: datetime) -> Batch:
    """Decline it, as the second person. Refuses: BatchUnknown, BatchMovedOn, OwnBatch, ReasonMissing."""
    row = _locked(batch_id, Status.SUBMITTED)
    _decide(row, operator_id, now)
    row.decision_reason = _said(reason)
    return _turned(row, Status.REFUSED, "refused", by=operator_id, reason=row.decision_reason, now=now)


def _decide(row: Batch, operator_id: int, now: datetime) -> None:
    if row.made_by_id == operator_id:
        raise OwnBatch
    row.decided_by_id, row.decided_at = operator_id, now


@transaction.atomic(savepoint=False)
def pause(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Let what is being applied or reversed rest. Once this is done, nothing more of it is booked. Refuses: BatchUnknown, BatchMovedOn."""
    row = _locked(batch_id, Status.APPLYING, Status.REVERSING, paused=False)
    row.paused_at = now
    return _kept(row, "paused", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def resume(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Go on with what was paused, by somebody or by an error. Refuses: BatchUnknown, BatchMovedOn."""
    row = _locked(batch_id, *Batch.WORKED_ON, paused=True)
    row.paused_at, row.error = None, ""
    return _kept(row, "resumed", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def stop(*, batch_id: UUID, operator_id: int, reason: str, now: datetime) -> Batch:
    """Apply no more of it, for good. What was applied stays, and can be reversed. Refuses: BatchUnknown, BatchMovedOn, ReasonMissing."""
    row = _locked(batch_id, Status.APPLYING)
    row.paused_at, row.finished_at = None, now
    return _turned(row, Status.STOPPED, "stopped", by=operator_id, reason=_said(reason), now=now)


@transaction.atomic(savepoint=False)
def ask_reversal(*, batch_id: UUID, operator_id: int, reason: str, now: datetime) -> Batch:
    """Ask a second person to have it undone. Refuses: BatchUnknown, BatchMovedOn, ReasonMissing."""
    row = _locked(batch_id, Status.APPLIED, Status.STOPPED)
    row.reversal_by_id, row.reversal_at, row.reversal_reason = operator_id, now, _said(reason)
    return _turned(row, Status.REVERSAL_ASKED, "reversal_asked", by=operator_id, reason=row.reversal_reason, now=now)


@transaction.atomic(savepoint=False)
def approve_reversal(*, batch_id: UUID, operator_id: int, now: datetime) -> Batch:
    """Have it undone, as the second person. Refuses: BatchUnknown, BatchMovedOn, OwnBatch."""
    row = _locked(batch_id, Status.REVERSAL_ASKED)
    if row.reversal_by_id == operator_id:
        raise OwnBatch
    row.reversal_decided_by_id, row.reversal_decided_at = operator_id, now
    return _turned(row, Status.REVERSING, "reversal_approved", by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def drop_reversal(*, batch_id: UUID, operator_id: int, reason: str, now: datetime) -> Batch:
    """Leave it as it is: decline the reversal as another person, or take one's own request back. Refuses: BatchUnknown, BatchMovedOn, ReasonMissing."""
    row = _locked(batch_id, Status.REVERSAL_ASKED)
    said = _said(reason)
    row.reversal_by, row.reversal_at, row.reversal_reason = None, None, ""
    whole = row.applied_lines + row.refused_lines == row.ready
    return _turned(row, Status.APPLIED if whole else Status.STOPPED, "reversal_dropped", by=operator_id, reason=said, now=now)


def _locked(batch_id: UUID, *expected: Status, paused: bool | None = None) -> Batch:
    row = Batch.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise selectors.BatchUnknown
    if row.status not in expected or (paused is not None and (row.paused_at is not None) != paused):
        raise BatchMovedOn(batch_status=row.status)
    return row


def _said(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing
    return reason.strip()[:300]


def _turn(row: Batch, status: Status) -> None:
    assert status in Batch.ARROWS[Status(row.status)], f"a batch does not go from {row.status} to {status}"
    row.status = status
    row.save()


def _turned(row: Batch, status: Status, what: str, *, by: int, reason: str = "", now: datetime) -> Batch:
    _turn(row, status)
    _record(what, row, by=by, reason=reason, now=now)
    return row


def _kept(row: Batch, what: str, *, by: int, now: datetime) -> Batch:
    row.save()
    _record(what, row, by=by, now=now)
    return row


def _record(what: str, row: Batch, *, by: int | None, reason: str = "", now: datetime) -> None:
    figures = {"kind": row.kind, "lines": row.lines, "file": row.file_name}
    if row.result:
        figures |= {name: row.result[name] for name in ("members", "given", "taken")}
    audit.record(actor=approvals.name_of(by) if by else ACTOR, verb=f"batch.{what}", subject=f"batch/{row.id}", reason=reason, figures=figures, now=now)


# What the job does.


def work(*, now: datetime) -> int:
    """Do a slice of each batch that there is something to do with; how many lines it was. Zero: there is nothing to do now.

    A batch that cannot go on is paused, and says why; it stops no other.
    """
    return sum(_work_on(batch_id, now=now) for batch_id in selectors.to_work_on())


def _work_on(batch_id: UUID, *, now: datetime) -> int:
    try:
        status = Batch.objects.values_list("status", flat=True).get(id=batch_id)
        if status in (Status.UPLOADED, Status.CHECKING):
            return check(batch_id=batch_id, now=now)
        if status in (Status.APPLYING, Status.REVERSING):
            return book(batch_id=batch_id, now=now)
    except (OperationalError, InterfaceError):
        # The database's trouble, not the batch's: the next run goes on with it.
        raise
    except Exception as error:  # noqa: BLE001 (a batch that cannot go on must not be tried for ever; its row says why)
        said = error.message if isinstance(error, BusinessError) else f"{type(error).__name__}: {error}"
        Batch.objects.filter(id=batch_id, status__in=Batch.WORKED_ON, paused_at=None).update(paused_at=now, error=said[:500])
        return 1
    return 0


@transaction.atomic
def check(*, batch_id: UUID, now: datetime) -> int:
    """Check a slice of a batch's lines; how many, at least one. Zero: another worker does so, or there is nothing to check."""
    row = Batch.objects.select_for_update(skip_locked=True).filter(id=batch_id, status__in=[Status.UPLOADED, Status.CHECKING], paused_at=None).first()
    if row is None:
        return 0
    started = time.monotonic()
    if row.status == Status.UPLOADED:
        _turn(row, Status.CHECKING)
    before, lines = row.checked, selectors.rows(row)
    _number, header = next(lines)
    columns = rules.columns(header or [], row.kind)
    terms_now = selectors.judged_by(now=now)
    lines = (line for line in lines if line[0] > row.cursor)
    while page := list(islice(lines, PAGE)):
        BatchLine.objects.bulk_create(_checked(row, page, columns, terms_now), batch_size=PAGE)
        row.cursor, row.checked = page[-1][0], row.checked + len(page)
        if row.checked > rules.MOST_LINES:
            raise FileTooLarge
        if time.monotonic() - started >= SLICE_SECONDS:
            row.save()
            return row.checked - before
    row.lines, row.result = row.checked, selectors.found_by_check(row)
    BatchPart.objects.filter(batch=row).delete()
    _turn(row, Status.CHECKED)
    _record("checked", row, by=None, now=now)
    return max(1, row.checked - before)


def _checked(row: Batch, page: Sequence[tuple[int, list[str] | None]], columns: Sequence[str], by: rules.Terms) -> list[BatchLine]:
    """A page of lines as they are written down; what only the database knows of them is asked for all of them at once."""
    read = [(number, cells, rules.read(cells, columns, row.kind, by) if cells is not None else None) for number, cells in page]
    known = members.ids_of({one.member for _number, _cells, one in read if one is not None and one.member})
    ids = list(known.values())
    gone, earlier = members.not_active(ids), selectors.come_to(member_ids=ids, batch_id=row.id)
    stand = {member: one.available - one.debt for member, one in books.balances(member_ids=ids, now=by.now).items()}
    stand = {member: stand.get(member, 0) + earlier.get(member, 0) for member in ids}
    made = []
    for number, cells, one in read:
        line = BatchLine(batch=row, number=number, status=LineStatus.FAULTY)
        faults = [rules.Fault("unreadable")] if one is None else list(one.faults)
        if one is not None:
            member = known.get(one.member)
            line.member_id, line.points, line.earned_on, line.expiry = member, one.points, one.earned_on, one.expiry
            line.reason, line.cost_centre = one.reason, one.cost_centre
            if one.member and member is None:
                faults.append(rules.Fault("member_unknown", {"member": one.member}))
            elif member in gone:
                faults.append(rules.Fault("member_closed"))
            if member is not None:
                line.before = stand[member]
                if one.points is not None and one.points < 0 and stand[member] + one.points < 0 and row.shortfall == Batch.Shortfall.REFUSE:
                    faults.append(rules.Fault("not_covered", {"points": f"{-one.points:,}", "available": f"{max(0, stand[member]):,}"}))
        if faults:
            line.faults = [[fault.code, dict(fault.figures)] for fault in faults]
            line.cells = {column: rules.plain(cell) for column, cell in zip(columns, cells or (), strict=False) if column}
        else:
            assert line.member_id is not None
            line.status = LineStatus.READY
            stand[line.member_id] += line.points or 0
        made.append(line)
    return made


def book(*, batch_id: UUID, now: datetime) -> int:
    """Apply, or reverse, a chunk of lines that nobody else works on, in one transaction; how many, at least one while there is any.

    If one of them is refused, none of the chunk is booked, and they are booked one by one.
    """
    row = Batch.objects.filter(id=batch_id, paused_at=None, status__in=[Status.APPLYING, Status.REVERSING]).first()
    if row is None:
        return 0
    act = _apply if row.status == Status.APPLYING else _reverse
    actor = approvals.name_of(row.made_by_id if row.status == Status.APPLYING else row.reversal_by_id)
    chunk = selectors.next_lines(row, CHUNK)
    try:
        done = _book(row, chunk, act, actor, now=now)
    except _Interrupted:
        return 0
    except BusinessError:
        done = _book_each(row, chunk, act, actor, now=now)
    return done or _finish(row, now=now)


def _book(row: Batch, chunk: QuerySet[BatchLine], act: Act, actor: str, *, now: datetime) -> int:
    with transaction.atomic():
        lines = list(chunk.select_for_update(skip_locked=True))
        ids = [line.member_id for line in lines if line.member_id]
        ledger.lock_all(member_ids=ids)
        # Who has left since it was checked gets nothing; what they got is taken back as from anybody.
        left = members.not_active(ids) if row.status == Status.APPLYING else set()
        for line in lines:
            if line.member_id in left:
                _line_turns(line, LineStatus.REFUSED)
                line.faults = [["member_closed", {}]]
                continue
            entry = act(row, line, actor, now)
            if row.status == Status.APPLYING:
                _line_turns(line, LineStatus.APPLIED)
                line.entry = entry
            else:
                _line_turns(line, LineStatus.REVERSED)
                line.undone_by = entry
        if lines:
            _write(row, lines)
    return len(lines)


def _book_each(row: Batch, chunk: QuerySet[BatchLine], act: Act, actor: str, *, now: datetime) -> int:
    ids = list(chunk.values_list("id", flat=True))
    for line_id in ids:
        alone = selectors.next_lines(row, 1, line_id=line_id)
        try:
            _book(row, alone, act, actor, now=now)
        except _Interrupted:
            break
        except BusinessError as refusal:
            with suppress(_Interrupted), transaction.atomic():
                for line in alone.select_for_update(skip_locked=True):
                    _refuse_line(row, line, refusal)
    return len(ids)


def _line_turns(line: BatchLine, status: LineStatus) -> None:
    assert status in BatchLine.ARROWS[LineStatus(line.status)], f"a line does not go from {line.status} to {status}"
    line.status = status


def _refuse_line(row: Batch, line: BatchLine, refusal: BusinessError) -> None:
    if isinstance(refusal, ledger.InsufficientPoints):
        fault = ["not_covered", {"points": f"{refusal.figures['wanted']:,}", "available": f"{refusal.figures['available']:,}"}]
    else:
        fault = ["not_booked", {"sentence": refusal.message}]
    line.faults = [fault]
    _line_turns(line, LineStatus.REFUSED if row.status == Status.APPLYING else LineStatus.KEPT)
    _write(row, [line])


def _apply(row: Batch, line: BatchLine, actor: str, now: datetime) -> Entry:
    policy = ExpiryPolicy.parse(line.expiry) if line.expiry else terms.terms().policy
    said: dict[str, Any] = {
        "member_id": line.member_id, "points": line.points, "subject": f"batch/{row.id}", "policy": policy, "cost_centre": line.cost_centre or row.cost_centre,
        "actor": actor, "reason": line.reason or row.reason, "key": f"batch/{row.id}/{line.number}", "now": now,
    }  # fmt: skip
    if row.kind == Kind.IMPORT:
        assert line.earned_on is not None
        return ledger.earn(**said, source=Source.IMPORT, occurred_at=start_of_day(line.earned_on, programme.zone(now=now)))
    return ledger.adjust(**said, overdraw=row.shortfall == Batch.Shortfall.DEBT)


def _reverse(row: Batch, line: BatchLine, actor: str, now: datetime) -> Entry:
    said: dict[str, Any] = {
        "member_id": line.member_id, "subject": f"batch/{row.id}", "actor": actor, "reason": row.reversal_reason,
        "key": f"batch/{row.id}/{line.number}/reverse", "now": now,
    }  # fmt: skip
    assert line.points is not None
    if line.points > 0:
        return ledger.clawback(**said, entry_id=line.entry_id, points=line.points)
    return ledger.adjust(**said, points=-line.points)


_LINES = """
UPDATE points_batchline l SET status = n.status, entry_id = n.entry, undone_by_id = n.undone_by, faults = n.faults::jsonb
  FROM unnest(%s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[]) AS n (id, status, entry, undone_by, faults)
 WHERE l.id = n.id AND l.batch_id = %s AND l.status = %s"""


def _write(row: Batch, lines: Sequence[BatchLine]) -> None:
    """Write down what has become of these lines, and add them to what has become of the batch.

    Raises _Interrupted where it was paused or stopped meanwhile, or a line was somebody else's after all.
    """
    before = LineStatus.READY if row.status == Status.APPLYING else LineStatus.APPLIED
    values = [(line.id, line.status, line.entry_id, line.undone_by_id, json.dumps(line.faults)) for line in lines]
    with connection.cursor() as cursor:
        cursor.execute(_LINES, [*map(list, zip(*values, strict=True)), row.id, before])
        if cursor.rowcount != len(lines):
            raise _Interrupted
    of = {status: [line for line in lines if line.status == status] for status in LineStatus}
    applied, undone = of[LineStatus.APPLIED], of[LineStatus.REVERSED]
    more = {
        "applied_lines": len(applied),
        "refused_lines": len(of[LineStatus.REFUSED]),
        "given": sum(max(line.points or 0, 0) for line in applied),
        "taken": sum(max(-(line.points or 0), 0) for line in applied),
        "reversed_lines": len(undone),
        "kept_lines": len(of[LineStatus.KEPT]),
        "owed": sum(max(0, line.undone_by.debt_change) for line in undone if line.undone_by),
        "waived": sum(line.undone_by.waived for line in undone if line.undone_by),
    }
    open_one = Batch.objects.filter(id=row.id, status=row.status, paused_at=None)
    if not open_one.update(**{name: F(name) + number for name, number in more.items()}):
        raise _Interrupted


@transaction.atomic
def _finish(row: Batch, *, now: datetime) -> int:
    """Close the batch if no line is left, not even one that another worker has in hand."""
    status = Status(row.status)
    wanted = LineStatus.READY if status == Status.APPLYING else LineStatus.APPLIED
    found = Batch.objects.select_for_update().filter(id=row.id, status=status, paused_at=None).first()
    if found is None or BatchLine.objects.filter(batch=row, status=wanted).exists():
        return 0
    if status == Status.APPLYING:
        found.finished_at = now
        _turn(found, Status.APPLIED)
        _record("applied", found, by=None, now=now)
    else:
        found.reversed_at = now
        _turn(found, Status.REVERSED)
        _record("reversed", found, by=None, now=now)
    return 1
