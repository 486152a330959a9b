from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox

from . import events, rules, selectors
from .models import BlockListEntry
from .rules import Action, Verdict

SENTENCES = {"blocked": _("This member is blocked: points can be neither earned nor used now.")}
LIFTED_BY_TIME = "time"


class Screened(BusinessError):
    """Risk control refuses. `verdict` among the figures says by which of its rules."""

    code, status, title = "screened", 403, _("Risk control refused this.")

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(str(SENTENCES[verdict.code]), verdict=verdict.code)


class AlreadyBlocked(BusinessError):
    code, status, title = "already_blocked", 409, _("This member is blocked already.")


class NotBlocked(BusinessError):
    code, status, title = "not_blocked", 409, _("This block was lifted already.")


class BlockOver(BusinessError):
    code, status, title = "block_over", 422, _("A block must end in the future.")


def assess(*, member_id: UUID, action: Action | str, points: int, blocked: bool | None = None, now: datetime) -> Verdict:
    """Whether the member may do that with that many points at `now`. One indexed query, and nothing is written.

    `blocked`: what `riskcontrol_blocked` says in the database (migration 0002), where the caller has asked it in a statement of its own.
    """
    blocked = selectors.is_blocked(member_id=member_id, now=now) if blocked is None else blocked
    return rules.decide(action=Action(action), points=points, blocked=blocked)


def demand(*, member_id: UUID, action: Action | str, points: int, now: datetime) -> None:
    """Assess, and refuse with `Screened` where the verdict is no."""
    verdict = assess(member_id=member_id, action=action, points=points, now=now)
    if not verdict.allowed:
        raise Screened(verdict)


@transaction.atomic(savepoint=False)
def block(*, member_id: UUID, reason: str, until: datetime | None = None, actor: str, now: datetime) -> BlockListEntry:
    """Block a member from `now` on, for good or `until` a time. Refuses: AlreadyBlocked, BlockOver."""
    if until is not None and until <= now:
        raise BlockOver
    before = BlockListEntry.objects.select_for_update().filter(member_id=member_id, lifted_at=None).first()
    if before is not None:
        if before.until is None or before.until > now:
            raise AlreadyBlocked
        _close(before, reason="", actor=LIFTED_BY_TIME, now=now)
    entry = BlockListEntry(member_id=member_id, reason=reason, blocked_by=actor, blocked_at=now, until=until)
    try:
        with transaction.atomic():
            entry.save(force_insert=True)
    except IntegrityError as error:
        if "block_list_one_open_entry_per_member" in str(error):
            raise AlreadyBlocked from error
        raise
    _tell(events.MEMBER_BANNED, entry, actor=actor, reason=reason, now=now)
    figures = {"until": until.isoformat() if until else None}
    audit.record(actor=actor, verb="screening.block", subject=f"member/{member_id}", reason=reason, figures=figures, now=now)
    return entry


@transaction.atomic(savepoint=False)
def lift(*, entry_id: UUID, reason: str, actor: str, now: datetime) -> BlockListEntry:
    """End a block before its time. Refuses: NotBlocked."""
    entry = BlockListEntry.objects.select_for_update().get(id=entry_id)
    if entry.lifted_at is not None:
        raise NotBlocked
    _close(entry, reason=reason, actor=actor, now=now)
    audit.record(actor=actor, verb="screening.lift", subject=f"member/{entry.member_id}", reason=reason, now=now)
    return entry


@transaction.atomic(savepoint=False)
def lift_lapsed(*, limit: int, now: datetime) -> int:
    """Close at most `limit` entries whose time is over; how many it was."""
    entries = list(selectors.lapsed(now=now).select_for_update(skip_locked=True).order_by("until")[:limit])
    for entry in entries:
        _close(entry, reason="", actor=LIFTED_BY_TIME, now=now)
    return len(entries)


def _close(entry: BlockListEntry, *, reason: str, actor: str, now: datetime) -> None:
    entry.lifted_at, entry.lifted_by, entry.lift_reason = now, actor, reason
    entry.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
    _tell(events.MEMBER_CLEARED, entry, actor=actor, reason=reason, now=now)


def _tell(topic: str, entry: BlockListEntry, *, actor: str, reason: str, now: datetime) -> None:
    payload = {"entry_id": str(entry.id), "actor": actor, "reason": reason}
    outbox.publish(topic=topic, member_id=entry.member_id, payload=payload, now=now)
