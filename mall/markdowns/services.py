from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, F, When
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme

from . import events, selectors
from .models import Markdown, MarkdownTerms

Status = Markdown.Status
BY_JOB = "job"
AHEAD = timedelta(days=90)


class MarkdownUnderWay(BusinessError):
    code, status, title = "markdown_under_way", 409, _("A markdown is proposed or running already. Decide on that one first.")


class MarkdownDecided(BusinessError):
    code, status, title = "markdown_decided", 409, _("This markdown was decided on before.")


class MarkdownInvalid(BusinessError):
    code, status, title = "markdown_invalid", 422, _("A markdown takes off 1 to 90 percent, for 1 to 90 days.")


class StartInvalid(BusinessError):
    code, status, title = "markdown_start_invalid", 422, _("A markdown begins at once, or within the next 90 days.")


def _meet() -> None:
    """Deciders meet at the terms' row, which is there from the first of them on."""
    MarkdownTerms.objects.get_or_create(pk=1)
    MarkdownTerms.objects.select_for_update().get(pk=1)


@transaction.atomic(savepoint=False)
def consider(*, now: datetime) -> Markdown | None:
    """Propose a markdown where members hold too much, or start it where the terms say so; None where there is no need, or one is rested from."""
    _meet()
    said, seen = MarkdownTerms.current(), selectors.outstanding(now=now)
    if not seen.due or _underway(now=now) or _resting(said, now=now):
        return None
    row = _make(off_percent=said.off_percent, days=said.days, seen=seen, actor=BY_JOB, now=now)
    if said.starts_itself:
        return _start(row, None, reason="", actor=BY_JOB, now=now)
    _tell(events.PROPOSED, row, now=now)
    return row


def _underway(*, now: datetime) -> bool:
    end_over(now=now)
    return Markdown.objects.filter(status__in=Markdown.OPEN).exists()


def _resting(said: MarkdownTerms, *, now: datetime) -> bool:
    # One that was ended may have been called off long before it was to begin.
    last = Case(When(status=Status.OVER, then="ends_at"), default="decided_at")
    latest = Markdown.objects.annotate(last=last).order_by(F("last").desc(nulls_last=True)).values_list("last", flat=True).first()
    return latest is not None and now < latest + timedelta(days=said.rest_days)


def _make(*, off_percent: int, days: int, seen: selectors.Outstanding, actor: str, now: datetime) -> Markdown:
    return Markdown.objects.create(
        status=Status.PROPOSED, off_percent=off_percent, days=days, outstanding=seen.points, budget=seen.budget, proposed_at=now, proposed_by=actor
    )


@transaction.atomic(savepoint=False)
def start_by_hand(*, off_percent: int, days: int, starts_at: datetime | None = None, reason: str, actor: str, now: datetime) -> Markdown:
    """An operator starts one, at once or at a later time, whatever members hold. Refuses: MarkdownInvalid, StartInvalid, ReasonMissing, MarkdownUnderWay."""
    if not (1 <= off_percent <= 90 and 1 <= days <= 90):
        raise MarkdownInvalid
    if not reason.strip():
        raise ReasonMissing
    _meet()
    if _underway(now=now):
        raise MarkdownUnderWay
    row = _make(off_percent=off_percent, days=days, seen=selectors.outstanding(now=now), actor=actor, now=now)
    return _start(row, starts_at, reason=reason.strip(), actor=actor, now=now)


@transaction.atomic(savepoint=False)
def start(*, markdown_id: int, starts_at: datetime | None = None, actor: str, now: datetime) -> Markdown:
    """Start what was proposed, at once or at a later time. Refuses: MarkdownUnknown, MarkdownDecided, StartInvalid."""
    return _start(_open(markdown_id, Status.PROPOSED, now=now), starts_at, reason="", actor=actor, now=now)


def _start(row: Markdown, starts_at: datetime | None, *, reason: str, actor: str, now: datetime) -> Markdown:
    begin, zone = starts_at or now, programme.zone(now=now)
    if not now <= begin <= now + AHEAD:
        raise StartInvalid
    row.starts_at, row.ends_at = begin, end_of_day(local_date(begin, zone) + timedelta(days=row.days - 1), zone)
    return _go(row, Status.RUNNING, topic=events.STARTED, reason=reason, actor=actor, now=now)


@transaction.atomic(savepoint=False)
def decline(*, markdown_id: int, reason: str, actor: str, now: datetime) -> Markdown:
    """Nothing comes of a proposal. Refuses: MarkdownUnknown, MarkdownDecided, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    return _go(_open(markdown_id, Status.PROPOSED, now=now), Status.DECLINED, reason=reason.strip(), actor=actor, now=now)


@transaction.atomic(savepoint=False)
def end(*, markdown_id: int, reason: str, actor: str, now: datetime) -> Markdown:
    """End one that runs before its time, or call off one that is announced: prices are the usual ones from now on.

    Refuses: MarkdownUnknown, MarkdownDecided, ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing
    row = _open(markdown_id, Status.RUNNING, selectors.ANNOUNCED, now=now)
    assert row.starts_at is not None
    row.ends_at = max(now, row.starts_at + timedelta(microseconds=1))
    return _go(row, Status.ENDED, topic=events.ENDED, reason=reason.strip(), actor=actor, now=now)


@transaction.atomic(savepoint=False)
def end_over(*, now: datetime) -> int:
    """Book that what ran is over; how many it was."""
    rows = list(Markdown.objects.select_for_update(skip_locked=True).filter(status=Status.RUNNING, ends_at__lte=now))
    for row in rows:
        _go(row, Status.OVER, topic=events.ENDED, reason=row.reason, actor=row.decided_by, now=now, decided=False)
    return len(rows)


def _open(markdown_id: int, *statuses: str, now: datetime) -> Markdown:
    _meet()
    row = selectors.markdown(markdown_id)
    if selectors.status_at(row, now=now) not in statuses:
        raise MarkdownDecided(markdown_status=row.status)
    return row


def _go(row: Markdown, to: Status, *, topic: str = "", reason: str, actor: str, now: datetime, decided: bool = True) -> Markdown:
    before = Status(row.status)
    assert to in Markdown.ARROWS.get(before, ()), f"a markdown does not go from {before} to {to}"
    row.status, row.reason = to, reason
    if decided:
        row.decided_by, row.decided_at = actor, now
        figures = {"percent": row.off_percent, "days": row.days, "outstanding": row.outstanding, "budget": row.budget}
        audit.record(actor=actor, verb=f"markdown.{to.value}", subject=f"markdown/{row.id}", reason=reason, figures=figures, now=now)
    row.save()
    forget(Markdown)
    if topic:
        _tell(topic, row, now=now)
    return row


def _tell(topic: str, row: Markdown, *, now: datetime) -> None:
    times = {name: at.isoformat() if (at := getattr(row, name)) else None for name in ("starts_at", "ends_at")}
    outbox.publish(topic=topic, member_id=None, payload={"markdown": row.id, "percent": row.off_percent, **times}, now=now)
