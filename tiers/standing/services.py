from collections.abc import Collection, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.outbox.rules import Event
from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from . import events, selectors
from .models import Cause, Standing, StandingChange

BY_TIME = "time"


class TierUnknown(BusinessError):
    code, status, title = "tier_unknown", 422, _("There is no such tier.")


class TierInactive(BusinessError):
    code, status, title = "tier_inactive", 422, _("This tier is not active: nobody can be put into it now.")


class StandingOver(BusinessError):
    code, status, title = "standing_over", 422, _("Give an end in the future.")


@dataclass(frozen=True, slots=True)
class Move:
    """From one standing of a member's to another; None: nowhere, which is the lowest tier."""

    member_id: UUID
    before: Standing | None
    after: Standing | None
    cause: Cause
    actor: str
    reason: str = ""


@transaction.atomic(savepoint=False)
def set_standing(*, member_id: UUID, tier: str, reason: str, until: datetime | None = None, actor: str, now: datetime) -> Standing:
    """Put the member into the tier of that code, for good or `until` a time. Where an operator has put them there until that same time, nothing changes.

    No evaluation lowers it before its end; figures that reach a higher tier lift the member above it.
    Refuses: TierUnknown, TierInactive, StandingOver, ReasonMissing.
    """
    step = next((step for step in ladders.ladder() if step.code == tier), None)
    if step is None:
        raise TierUnknown(tier=tier)
    if not step.active:
        raise TierInactive(tier=tier)
    if until is not None and until <= now:
        raise StandingOver
    if not reason.strip():
        raise ReasonMissing
    fresh = Standing(id=new_id(), member_id=member_id, tier_id=tier, since=now, until=until, due_at=until, by_hand=True, set_by=actor, reason=reason.strip())
    found = None
    while found is None:
        Standing.objects.bulk_create([fresh], ignore_conflicts=True)
        found = Standing.objects.select_for_update(no_key=True).filter(member_id=member_id).first()
    before = None if found.id == fresh.id else found
    if before is not None and selectors.over(before, now=now):
        _note([Move(member_id, before, None, Cause.TIME, BY_TIME)], now=now)
        before = None
    if before is not None and before.by_hand and (before.tier_id, before.until) == (tier, until):
        return before
    if found.id != fresh.id:
        fresh.id, fresh.since = found.id, found.since if before is not None and before.tier_id == tier else now
        fresh.save(force_update=True)
    _note([Move(member_id, before, fresh, Cause.BY_HAND, actor, fresh.reason)], now=now)
    figures = {"tier": tier, "before": before.tier_id if before else None, "until": until.isoformat() if until else None}
    audit.record(actor=actor, verb="standing.set", subject=f"member/{member_id}", reason=fresh.reason, figures=figures, now=now)
    return fresh


def locked(*, member_ids: Collection[UUID], meet: bool = False) -> dict[UUID, Standing | None]:
    """The standings of these members, locked in their order; None for who has none.

    `meet`: where there is none, whoever else comes waits at an empty one, which `settle` clears away. Needed where two may decide on
    figures that the other cannot see yet. Within a transaction.
    """
    ids = sorted(member_ids)
    lowest = rules.place(ladders.ladder(), None) if meet else None
    found = _lock(ids)
    while lowest is not None and (missing := [one for one in ids if found[one] is None]):
        empty = [Standing(id=new_id(), member_id=one, tier_id=lowest.code, since=_NEVER, by_hand=True, set_by="") for one in missing]
        Standing.objects.bulk_create(empty, ignore_conflicts=True, batch_size=1000)
        found |= _lock(missing)
    return found


def _lock(ids: Sequence[UUID]) -> dict[UUID, Standing | None]:
    rows = Standing.objects.select_for_update(no_key=True).filter(member_id__in=ids).order_by("member_id")
    return {**dict.fromkeys(ids), **{row.member_id: row for row in rows}}


_NEVER = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def is_empty(standing: Standing) -> bool:
    """Whether it is one of those at which `locked` lets others wait."""
    return not standing.set_by


@transaction.atomic(savepoint=False)
def settle(*, locked: Iterable[Standing | None], after: Sequence[Standing | None], moves: Sequence[Move], now: datetime) -> list[StandingChange]:
    """Write where members stand after what happened, and how they came there, in a few statements; the changes in the order of `moves`.

    `locked` as `locked` gave them, `after` the last standing of each who moved or whose standing was changed otherwise.
    """
    kept = {one.member_id: one for one in after if one is not None}
    left = {move.member_id for move in moves} - kept.keys()
    gone = [one.id for one in locked if one is not None and (one.member_id in left or (is_empty(one) and one.member_id not in kept))]
    if kept:
        Standing.objects.bulk_create(kept.values(), update_conflicts=True, unique_fields=["member"], update_fields=_WRITTEN, batch_size=1000)
    if gone:
        Standing.objects.filter(id__in=gone).delete()
    return _note(moves, now=now)


_WRITTEN = [field.name for field in Standing._meta.concrete_fields if field.name not in ("id", "member")]


def mark_told(*, ids: Sequence[UUID]) -> int:
    """These members were told that their sprint has begun; how many were not before."""
    return Standing.objects.filter(id__in=ids, sprint_told=False).update(sprint_told=True)


def _note(moves: Sequence[Move], *, now: datetime) -> list[StandingChange]:
    """Write the changes, and tell those by which another tier counts."""
    changes = [
        StandingChange(
            member_id=move.member_id,
            at=now,
            before_id=move.before and move.before.tier_id,
            tier_id=move.after and move.after.tier_id,
            until=move.after and move.after.until,
            cause=move.cause,
            actor=move.actor,
            reason=move.reason,
        )
        for move in moves
    ]
    StandingChange.objects.bulk_create(changes, batch_size=1000)
    told, ladder = [], ladders.ladder() if moves else ()
    for move in moves:
        before, after = (rules.place(ladder, one.tier_id if one else None) for one in (move.before, move.after))
        codes = {"tier": after.code if after else "", "before": before.code if before else ""}
        if codes["tier"] != codes["before"]:
            until = move.after.until.isoformat() if move.after and move.after.until else None
            payload = {**codes, "reason": move.reason, "cause": move.cause.value, "until": until}
            told.append(Event(topic=events.STANDING_CHANGED, member_id=move.member_id, payload=payload, now=now))
    for start in range(0, len(told), 1000):
        sql, params = outbox.insertion(told[start : start + 1000])
        if sql:
            with connection.cursor() as cursor:
                cursor.execute(sql, params)
    return changes


def changed(standing: Standing, **values: object) -> Standing:
    """The same standing with other values, not written yet."""
    other = copy(standing)
    for name, value in values.items():
        setattr(other, name, value)
    return other
