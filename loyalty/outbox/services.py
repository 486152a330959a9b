import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.redaction import replace
from loyalty.lib.refusals import BusinessError

from . import selectors
from .models import OutboxRow
from .rules import Event, next_attempt

logger = logging.getLogger(__name__)

Subscriber = Callable[[Event], None]
Status = OutboxRow.Status

# By topic, then by dotted path.
SUBSCRIBERS: dict[str, dict[str, Subscriber]] = {}
# By dotted path: which of its topic's events a subscriber wants.
WANTED: dict[str, Callable[[Event], bool]] = {}

# A transaction that wrote to more lines than this is a batch: its events are left to the job.
LINES_AT_ONCE = 20
# What a request delivers of one line at most; a longer backlog is the job's.
ROWS_AT_ONCE = 50

_COLUMNS = "subscriber, topic, member_id, payload, status, created_at, due_at, attempts, last_error"


class NotFailed(BusinessError):
    code, status, title = "event_not_failed", 409, _("Only an event that has failed can be retried or dropped.")


def subscribe(topic: str, *, wants: Callable[[Event], bool] | None = None) -> Callable[[Subscriber], Subscriber]:
    """Register a subscriber of `topic`. Its dotted path is stored in rows under way: rename it only when none are.

    An event that it does not want is not written for it. `wants` is asked on the hot path, within the transaction of the fact.
    """

    def register(function: Subscriber) -> Subscriber:
        path = f"{function.__module__}.{function.__qualname__}"
        SUBSCRIBERS.setdefault(topic, {})[path] = function
        if wants is not None:
            WANTED[path] = wants
        return function

    return register


def heard(topic: str) -> bool:
    """Whether anybody listens to `topic`; an event that nobody hears need not be put together."""
    return bool(SUBSCRIBERS.get(topic))


def insertion(events: Sequence[Event]) -> tuple[str, list[Any]]:
    """The INSERT that publishes `events`, as SQL text and its parameters, to be run within the transaction of their facts.

    For a verb that writes everything in one statement (`WITH …, told AS (INSERT …)`). Empty text where nobody listens: append nothing.
    The events are delivered after that transaction's commit.
    """
    rows = [(subscriber, event) for event in events for subscriber in SUBSCRIBERS.get(event.topic, ()) if subscriber not in WANTED or WANTED[subscriber](event)]
    if not rows:
        return "", []
    assert connection.in_atomic_block, "an event belongs to the transaction of its fact"
    params: list[Any] = []
    for subscriber, event in rows:
        payload = json.dumps(event.payload, cls=DjangoJSONEncoder)
        params += [subscriber, event.topic, event.member_id, payload, Status.WAITING.value, event.now, event.now]
    lines = {(subscriber, event.member_id) for subscriber, event in rows}
    if len(lines) <= LINES_AT_ONCE:
        now = max(event.now for event in events)
        transaction.on_commit(partial(_deliver_lines, lines=lines, now=now), robust=True)
    values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, 0, '')"] * len(rows))
    return f"INSERT INTO {OutboxRow._meta.db_table} ({_COLUMNS}) VALUES {values}", params  # noqa: S608 (our own names)


def publish(*, topic: str, member_id: UUID | None, payload: dict[str, Any], now: datetime) -> None:
    """Tell whoever listens to `topic`, after the commit of the transaction that the caller is in. `payload`: plain JSON values."""
    sql, params = insertion([Event(topic=topic, member_id=member_id, payload=payload, now=now)])
    if sql:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)


def deliver_line(*, subscriber: str, member_id: UUID | None, limit: int, now: datetime) -> Counter[str]:
    """Deliver what is due of one line, at most `limit` rows. Gives how many were delivered, failed, gave up."""
    outcomes: Counter[str] = Counter()
    while outcomes.total() < limit and (outcome := _deliver_first(subscriber, member_id, now)):
        outcomes[outcome] += 1
    return outcomes


def deliver_due(*, limit: int, now: datetime) -> Counter[str]:
    """Deliver what is due of at most `limit` lines. Safe in several workers at once."""
    due = selectors.claimable(now=now).order_by("due_at").values_list("subscriber", "member_id")[:limit]
    outcomes: Counter[str] = Counter()
    for subscriber, member_id in dict.fromkeys(due):
        outcomes += deliver_line(subscriber=subscriber, member_id=member_id, limit=ROWS_AT_ONCE, now=now)
    return outcomes


def _deliver_lines(*, lines: set[tuple[str, UUID | None]], now: datetime) -> None:
    for subscriber, member_id in lines:
        deliver_line(subscriber=subscriber, member_id=member_id, limit=ROWS_AT_ONCE, now=now)


def _deliver_first(subscriber: str, member_id: UUID | None, now: datetime) -> str:
    """What became of the line's first row; empty when there is none to be delivered now, or another deliverer has it."""
    row = None
    try:
        with transaction.atomic():
            row = _claim(subscriber, member_id, now)
            if row is None:
                return ""
            SUBSCRIBERS[row.topic][row.subscriber](row.event)
            settled = OutboxRow.objects.filter(id=row.id, status=Status.WAITING).update(status=Status.DELIVERED, settled_at=now)
            assert settled == 1, "the claimed row is ours"
    except Exception as error:
        if row is None:
            raise
        logger.exception("Event %s could not be delivered.", row.id)
        return _put_off(row, error, now)
    return "delivered"


def _claim(subscriber: str, member_id: UUID | None, now: datetime) -> OutboxRow | None:
    due = OutboxRow.objects.filter(subscriber=subscriber, member_id=member_id, status=Status.WAITING, due_at__lte=now)
    if member_id is not None:
        # The first open row or none: whoever finds it locked must not take the one behind it.
        due = due.filter(id=selectors.line(subscriber=subscriber, member_id=member_id).values("id")[:1])
    return due.select_for_update(skip_locked=True).order_by("id").first()


def _put_off(row: OutboxRow, error: Exception, now: datetime) -> str:
    failures = row.attempts + 1
    again = next_attempt(failures=failures, now=now)
    # Between the rollback and this line another deliverer may have tried, too: only one of the two failures counts.
    OutboxRow.objects.filter(id=row.id, status=Status.WAITING, attempts=row.attempts).update(
        attempts=failures, last_error=f"{type(error).__name__}: {error}"[:2000], due_at=again or now, status=Status.WAITING if again else Status.FAILED
    )
    return "failed" if again else "given_up"


@transaction.atomic(savepoint=False)
def retry(*, row_id: int, actor: str, reason: str, now: datetime) -> OutboxRow:
    """Let a row that has failed be tried again from `now`, with all its attempts before it. Refuses: NotFailed."""
    return _decide(row_id, Status.WAITING, verb="outbox.retry", actor=actor, reason=reason, now=now)


@transaction.atomic(savepoint=False)
def drop(*, row_id: int, actor: str, reason: str, now: datetime) -> OutboxRow:
    """Give up a row that has failed: its subscriber never hears of that event, and the rows behind it go on. Refuses: NotFailed."""
    return _decide(row_id, Status.DROPPED, verb="outbox.drop", actor=actor, reason=reason, now=now)


@transaction.atomic(savepoint=False)
def retry_all(*, limit: int, actor: str, reason: str, now: datetime) -> int:
    """Let the oldest `limit` dead letters be tried again by the job; how many there were."""
    ids = list(OutboxRow.objects.select_for_update(skip_locked=True).filter(status=Status.FAILED).order_by("id").values_list("id", flat=True)[:limit])
    OutboxRow.objects.filter(id__in=ids).update(status=Status.WAITING, attempts=0, due_at=now)
    if ids:
        audit.record(actor=actor, verb="outbox.retry_all", subject=f"outbox/{ids[0]}…{ids[-1]}", reason=reason, figures={"rows": len(ids)}, now=now)
    return len(ids)


def _decide(row_id: int, status: Status, *, verb: str, actor: str, reason: str, now: datetime) -> OutboxRow:
    row = OutboxRow.objects.select_for_update().get(id=row_id)
    if row.status not in OutboxRow.OPEN or not row.attempts:
        raise NotFailed(status=row.status)
    assert status in OutboxRow.ARROWS[Status(row.status)], f"a row does not go from {row.status} to {status}"
    row.status, row.attempts = status, 0 if status == Status.WAITING else row.attempts
    row.due_at, row.settled_at = now, None if status == Status.WAITING else now
    row.save(update_fields=["status", "attempts", "due_at", "settled_at"])
    audit.record(actor=actor, verb=verb, subject=f"outbox/{row.id}", reason=reason, figures={"event": row.topic, "subscriber": row.subscriber}, now=now)
    transaction.on_commit(partial(_deliver_lines, lines={(row.subscriber, row.member_id)}, now=now), robust=True)
    return row


@transaction.atomic(savepoint=False)
def forget(*, member_ids: Collection[UUID], names: Collection[str], token: str, now: datetime) -> int:
    """Empty the events of members who are erased, those not yet delivered are dropped; elsewhere `token` takes the place of their names. How many rows."""
    own = OutboxRow.objects.filter(member_id__in=member_ids)
    own.filter(status__in=OutboxRow.OPEN).update(status=Status.DROPPED, settled_at=now)
    emptied = own.update(payload={}, last_error="")
    return emptied + replace(OutboxRow, "payload", "last_error", names=names, token=token)


def forget_names(*, member_ids: Collection[UUID], names: Collection[str], token: str) -> int:
    """Put `token` in the place of these names in the events of other members; in how many rows."""
    return replace(OutboxRow, "payload", names=names, token=token, where="member_id = ANY(%(members)s::uuid[])", values={"members": list(member_ids)})


@transaction.atomic
def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` rows that were settled before that time; how many it was."""
    # Oldest first by primary key, where the settled ones are: no index of its own is needed.
    oldest = OutboxRow.objects.select_for_update(skip_locked=True).filter(settled_at__lt=before).order_by("id")
    # Asked first: as a part of the deletion the database may ask anew, past the limit.
    ids = list(oldest.values_list("id", flat=True)[:limit])
    return OutboxRow.objects.filter(id__in=ids).delete()[0] if ids else 0
