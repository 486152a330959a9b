"""The verbs, and what the apps declare: each names in its `personal.py` what it keeps of members. Verbs need nothing else of an app."""

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.members import selectors as members_seen
from accounts.members import services as members
from accounts.members.models import Member
from accounts.notifications.models import Address
from loyalty.approvals import services as approvals
from loyalty.audit import services as audit
from loyalty.idempotency import services as idempotency
from loyalty.lib.ids import new_id
from loyalty.lib.redaction import replace, text_pattern
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox

from . import selectors
from .models import Copy, CopyPart, Erasure
from .rules import Kept, Portable

Status = Erasure.Status
ACTOR = "erasure"
SLICE = 512 * 1024
ROWS_AT_ONCE = 500


class AlreadyErased(BusinessError):
    code, status, title = "already_erased", 409, _("This member is erased, or was merged into another: erase that one.")


class ErasureAsked(BusinessError):
    code, status, title = "erasure_asked", 409, _("The erasure of this member was asked for already.")


class ErasureDecided(BusinessError):
    code, status, title = "erasure_decided", 409, _("This erasure was decided before, or carried out.")


class OwnErasure(BusinessError):
    code, status, title = "own_erasure", 403, _("Nobody approves their own erasure. A second person has to.")


class Erasing(NamedTuple):
    """An erasure under way. `names`: by what others' rows call the member; `token` takes their place. `key` is thrown away."""

    member_ids: list[UUID]
    names: list[str]
    token: str
    key: str
    now: datetime


Settle = Callable[..., dict[str, int]]
Erase = Callable[[Erasing], int]

KEPT: dict[str, Kept] = {}
PORTABLE: dict[str, Portable] = {}
SETTLES: dict[str, Settle] = {}
ERASES: dict[str, Erase] = {}


def erasable(model: str, **said: Any) -> None:
    """Declare what becomes of a table's rows when their member is erased: the arguments are those of `rules.Kept`."""
    assert model not in KEPT, f"{model} is declared twice"
    KEPT[model] = Kept(model, **said)


def portable(name: str, model: str, **said: Any) -> None:
    """Declare a part of the copy that a member gets: a file `name`.json with the rows of a table, as `rules.Portable` says."""
    assert name not in PORTABLE, f"{name} is declared twice"
    PORTABLE[name] = Portable(name, model, **said)


def before_erasure(function: Settle) -> Settle:
    """Register what settles a member's affairs before anything is cleared: `(member_ids, actor, now)`, gives figures for the record."""
    SETTLES[f"{function.__module__}.{function.__qualname__}"] = function
    return function


def erases(function: Erase) -> Erase:
    """Register what is to be cleared where the member is only mentioned, or by a way of its own. Gives in how many rows."""
    ERASES[f"{function.__module__}.{function.__qualname__}"] = function
    return function


# Closing.


@transaction.atomic(savepoint=False)
def close(*, member_id: UUID, reason: str = "", actor: str, now: datetime) -> bool:
    """The member takes part no more, until opened again; whether that is new. Refuses: MemberUnknown, MemberClosed (merged or erased)."""
    new = members.close(member_id=member_id)
    if new:
        audit.record(actor=actor, verb="member.closed", subject=f"member/{member_id}", reason=reason, now=now)
    return new


@transaction.atomic(savepoint=False)
def reopen(*, member_id: UUID, reason: str, actor: str, now: datetime) -> bool:
    """A closed member takes part again; whether that is new. Refuses: MemberUnknown, MemberClosed (merged or erased), ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    new = members.reopen(member_id=member_id)
    if new:
        audit.record(actor=actor, verb="member.reopened", subject=f"member/{member_id}", reason=reason.strip(), now=now)
    return new


# Copies.


@transaction.atomic(savepoint=False)
def ask_copy(*, member_id: UUID, actor: str, now: datetime) -> Copy:
    """Ask for a copy of all that is kept of the member; a job writes it. One that is being made is the answer. Refuses: AlreadyErased."""
    if not Member.objects.filter(id=member_id).exclude(status__in=[Member.Status.MERGED, Member.Status.ERASED]).exists():
        raise AlreadyErased
    made = Copy(id=new_id(), member_id=member_id, asked_by=actor, asked_at=now)
    Copy.objects.bulk_create([made], ignore_conflicts=True)
    found = Copy.objects.get(member_id=member_id, status=Copy.Status.WAITING)
    if found.id == made.id:
        audit.record(actor=actor, verb="copy.asked", subject=f"member/{member_id}", figures={"copy": str(found.id)}, now=now)
        audit.wake(job="accounts.write_copies")
    return found


@transaction.atomic(savepoint=False)
def write_copy(*, now: datetime) -> int:
    """Write one copy that was asked for; 0 where there is none. Safe in several workers at once; killed, it is begun anew."""
    copy = Copy.objects.select_for_update(skip_locked=True).filter(status=Copy.Status.WAITING).order_by("asked_at").first()
    if copy is None:
        return 0
    out = _Parts(copy)
    ids = members_seen.with_merged(copy.member_id)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        counted = {part.name: _write_part(archive, part, ids) for part in PORTABLE.values()}
        archive.writestr("README.md", _readme(counted, now=now))
    out.finish()
    copy.status, copy.made_at, copy.until = Copy.Status.READY, now, now + timedelta(days=selectors.terms().copy_days)
    copy.bytes, copy.rows = out.bytes, sum(counted.values())
    copy.save(update_fields=["status", "made_at", "until", "bytes", "rows"])
    return 1


class _Parts(io.RawIOBase):
    """A file that is only ever appended to: kept in slices, so that none is held whole."""

    def __init__(self, copy: Copy) -> None:
        self.copy, self.held, self.number, self.bytes = copy, bytearray(), 0, 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.held += data
        if len(self.held) >= SLICE:
            self.finish()
        return len(data)

    def finish(self) -> None:
        if self.held:
            CopyPart.objects.create(copy=self.copy, number=self.number, content=bytes(self.held))
            self.bytes, self.number = self.bytes + len(self.held), self.number + 1
            self.held.clear()


def _write_part(archive: zipfile.ZipFile, part: Portable, ids: list[UUID]) -> int:
    """One file: a JSON list with a line for each row. How many there were."""
    rows = 0
    with archive.open(f"{part.name}.json", "w") as file:
        file.write(b"[")
        for row in _rows(part, ids):
            said = json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
            file.write((",\n" if rows else "\n").encode() + said.encode())
            rows += 1
        file.write(b"\n]\n")
    return rows


def _rows(part: Portable, ids: list[UUID]) -> Iterator[dict[str, Any]]:
    model = apps.get_model(part.model)
    shown = [field for field in model._meta.concrete_fields if field.name not in part.without and field.related_model is not Member]
    if model is Member:
        shown = [field for field in shown if field.name != "id"]
    rows = model._default_manager.filter(_whose(model, part.members, ids)).order_by("pk")
    for row in rows.only(*(field.name for field in shown)).iterator(chunk_size=ROWS_AT_ONCE):
        yield {field.name: getattr(row, field.attname) for field in shown}


def _whose(model: type[models.Model], columns: tuple[str, ...], ids: list[UUID]) -> Q:
    whose = Q()
    for column in columns:
        whose |= Q(**{f"{column}__in": ids})
    return whose


_ABOUT = _("This is all that is kept of you in the loyalty programme, as of %(day)s. Each file is a list in JSON; how many entries it has:")


def _readme(counted: dict[str, int], *, now: datetime) -> str:
    parts = [f"- `{name}.json`: {count}" for name, count in counted.items()]
    said = []
    for language in ("zh-hans", "en"):
        with translation.override(language):
            said += [str(_ABOUT) % {"day": now.date().isoformat()}, ""]
    return "\n".join([*said, *parts, ""])


@transaction.atomic(savepoint=False)
def note_download(*, copy: Copy, actor: str, now: datetime) -> Copy:
    """Somebody is about to download a copy: that is in the audit trail. Refuses: CopyNotReady."""
    if copy.status != Copy.Status.READY or copy.until is None or copy.until <= now:
        raise selectors.CopyNotReady
    audit.record(actor=actor, verb="copy.downloaded", subject=f"member/{copy.member_id}", figures={"copy": str(copy.id), "bytes": copy.bytes}, now=now)
    return copy


@transaction.atomic(savepoint=False)
def delete_copies(*, limit: int, now: datetime) -> int:
    """Delete the files of at most `limit` copies whose time is over; how many it was."""
    over = Copy.objects.select_for_update(skip_locked=True).filter(status=Copy.Status.READY, until__lte=now).order_by("until")
    return _delete_files(list(over.values_list("id", flat=True)[:limit]))


def _delete_files(ids: list[UUID]) -> int:
    CopyPart.objects.filter(copy_id__in=ids).delete()
    return Copy.objects.filter(id__in=ids).update(status=Copy.Status.DELETED, bytes=0)


# Erasures.


@transaction.atomic(savepoint=False)
def request_erasure(*, member_id: UUID, reason: str, operator_id: int, key: UUID, now: datetime) -> Erasure:
    """Ask for a member to be erased; it waits for a second person. `key` becomes its id, and the same again is the same request.

    Refuses: ReasonMissing, AlreadyErased, ErasureAsked.
    """
    if not reason.strip():
        raise ReasonMissing
    member = Member.objects.select_for_update(no_key=True).get(id=member_id)
    earlier = Erasure.objects.filter(id=key, member_id=member_id).first()
    if earlier is not None:
        return earlier
    if member.status in (Member.Status.ERASED, Member.Status.MERGED):
        raise AlreadyErased
    if selectors.open_erasure(member_id=member_id):
        raise ErasureAsked
    made = Erasure.objects.create(id=key, member=member, reason=reason.strip(), requested_by_id=operator_id, requested_at=now)
    return _record("requested", made, by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def approve_erasure(*, erasure_id: UUID, operator_id: int, now: datetime) -> Erasure:
    """Agree, as the second person: it is carried out after the days of `LeavingTerms`. Refuses: ErasureUnknown, ErasureDecided, OwnErasure."""
    erasure = _locked(erasure_id, Status.WAITING)
    approvals.by_another(erasure, operator_id=operator_id, own=OwnErasure)
    due_at = now + timedelta(days=selectors.terms().erasure_days)
    approvals.decide(erasure, Status.APPROVED, by=operator_id, now=now, due_at=due_at)
    return _record("approved", erasure, by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def refuse_erasure(*, erasure_id: UUID, operator_id: int, reason: str, now: datetime) -> Erasure:
    """Decline, as the second person. Refuses: ErasureUnknown, ErasureDecided, OwnErasure, ReasonMissing."""
    erasure = _locked(erasure_id, Status.WAITING)
    approvals.refuse(erasure, operator_id=operator_id, reason=reason, own=OwnErasure, now=now)
    return _record("refused", erasure, by=operator_id, now=now)


@transaction.atomic(savepoint=False)
def call_off_erasure(*, erasure_id: UUID, operator_id: int, reason: str, now: datetime) -> Erasure:
    """Do not carry it out, approved or not. Anybody who may ask for one may. Refuses: ErasureUnknown, ErasureDecided, ReasonMissing."""
    erasure = _locked(erasure_id, *Erasure.OPEN)
    if not reason.strip():
        raise ReasonMissing
    approvals.decide(erasure, Status.CALLED_OFF, by=operator_id, reason=reason.strip(), now=now, due_at=None)
    return _record("called_off", erasure, by=operator_id, now=now)


def _locked(erasure_id: UUID, *statuses: Status) -> Erasure:
    return approvals.undecided(Erasure, selectors.erasure(erasure_id).id, statuses=statuses, decided=ErasureDecided)


def _record(what: str, erasure: Erasure, *, by: int, now: datetime) -> Erasure:
    about = {"figures": {"erasure": str(erasure.id)}, "reason": erasure.decision_reason or erasure.reason}
    audit.record(actor=approvals.name_of(by), verb=f"erasure.{what}", subject=f"member/{erasure.member_id}", **about, now=now)
    return erasure


@transaction.atomic(savepoint=False)
def carry_out(*, seed: bytes, now: datetime) -> int:
    """Erase one member whose time to call it off is over; 0 where there is none. `seed` is random, and nobody keeps it.

    What is open is settled, then everything is cleared that says who the member was, in one transaction. Reads the tables in which a member
    may be mentioned once, however large they are.
    """
    erasure = selectors.due(now=now).select_for_update(skip_locked=True, of=("self",)).first()
    if erasure is None:
        return 0
    ids = members_seen.with_merged(erasure.member_id)
    figures: Counter[str] = Counter()
    for settle in SETTLES.values():
        figures.update(settle(member_ids=ids, actor=ACTOR, now=now))
    _turn(erasure, Status.UNDER_WAY)
    people = list(Member.objects.filter(id__in=ids))
    reached = Address.objects.filter(member_id__in=ids).values_list("value", flat=True)
    names = sorted({said for one in people for said in (one.external_id, one.phone, one.email, one.email.lower()) if said} | set(reached))
    about = Erasing(ids, names, "erased-" + _mixed(seed, "token"), _mixed(seed, "key") * 2, now)
    figures["stored answers"] = idempotency.forget(member_ids=ids, names=names, ids=activity.told_ids(member_ids=ids, names=names))
    figures["events"] = outbox.forget(member_ids=ids, names=names, token=about.token, now=now)
    called = [*names, *(one.name for one in people if one.name)]
    figures["audit entries"] = audit.forget(member_ids=ids, names=called, others=names, token=about.token)
    about_them = {"where": "object_repr ~ %(them)s OR change_message ~ %(them)s", "values": {"them": text_pattern(names)}}
    figures["operators' log"] = replace(LogEntry, "object_repr", "change_message", names=called, token=about.token, **about_them)
    figures["sessions"] = _end_sessions(names)
    for erase in ERASES.values():
        figures[erase.__name__] += erase(about)
    _delete_files(list(Copy.objects.filter(member_id__in=ids).exclude(status=Copy.Status.DELETED).values_list("id", flat=True)))
    for kept in KEPT.values():
        figures[kept.model] += _clear(kept, about)
    for one in people:
        members.erase(member_id=one.id, external_id=f"erased-{_mixed(seed, str(one.id))}")
    erasure.figures, erasure.done_at = {name: count for name, count in figures.items() if count}, now
    erasure.save(update_fields=["figures"])
    _turn(erasure, Status.DONE)
    audit.record(actor=ACTOR, verb="erasure.done", subject=f"member/{erasure.member_id}", figures={"erasure": str(erasure.id), **erasure.figures}, now=now)
    return 1


def _turn(erasure: Erasure, status: Status) -> None:
    assert status in Erasure.ARROWS[Status(erasure.status)], f"an erasure does not go from {erasure.status} to {status}"
    erasure.status = status
    told = {"done_at": erasure.done_at} if status == Status.DONE else {}
    Erasure.objects.filter(id=erasure.id).update(status=status, **told)


def _mixed(seed: bytes, what: str) -> str:
    return hashlib.blake2b(what.encode(), key=seed[:64], digest_size=16).hexdigest()


def _end_sessions(names: list[str]) -> int:
    """Operators' sessions that speak of the member end: they log in again."""
    speaking = [row.pk for row in Session.objects.iterator(chunk_size=ROWS_AT_ONCE) if any(name in json.dumps(row.get_decoded()) for name in names)]
    return Session.objects.filter(pk__in=speaking).delete()[0]


def _clear(kept: Kept, about: Erasing) -> int:
    """What is declared of one table, done; how many rows it was."""
    model = apps.get_model(kept.model)
    column = {field.name: connection.ops.quote_name(field.column) for field in model._meta.concrete_fields}
    where = " OR ".join(f"{column[name]} = ANY(%(ids)s::uuid[])" for name in kept.members)
    values: dict[str, Any] = {"ids": about.member_ids, "key": about.key, "spared": kept.spared or "^$"}
    sets = []
    for name in kept.hashed:
        length = min(model._meta.get_field(name).max_length or 40, 40)
        mixed = f"left(encode(sha256(convert_to(%(key)s || {column[name]}, 'UTF8')), 'hex'), {length})"
        sets.append(f"{column[name]} = CASE WHEN {column[name]} ~ %(spared)s OR {column[name]} = '' THEN {column[name]} ELSE {mixed} END")
    for number, (name, value) in enumerate(kept.cleared.items()):
        values[f"value{number}"] = model._meta.get_field(name).get_db_prep_save(value, connection)
        sets.append(f"{column[name]} = %(value{number})s")
    sets += [f"{column[name]} = {expression}" for name, expression in kept.said.items()]
    if not kept.deleted and not sets:
        return 0
    table = model._meta.db_table
    statement = f"DELETE FROM {table} WHERE {where}" if kept.deleted else f"UPDATE {table} SET {', '.join(sets)} WHERE {where}"  # noqa: S608 (our own names)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount
