from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from . import events, selectors
from .models import Standing, StandingChange

BY_TIME = "time"


class TierUnknown(BusinessError):
    code, status, title = "tier_unknown", 422, _("There is no such tier.")


class TierInactive(BusinessError):
    code, status, title = "tier_inactive", 422, _("This tier is not active: nobody can be put into it now.")


class StandingOver(BusinessError):
    code, status, title = "standing_over", 422, _("Give an end in the future.")


class ReasonMissing(BusinessError):
    code, status, title = "reason_missing", 422, _("Give a reason.")


@transaction.atomic(savepoint=False)
def set_standing(*, member_id: UUID, tier: str, reason: str, until: datetime | None = None, actor: str, now: datetime) -> Standing:
    """Put the member into the tier of that code, for good or `until` a time. Where the member is there already, until that same time, nothing changes.

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
    fresh = Standing(id=new_id(), member_id=member_id, tier_id=tier, since=now, until=until, set_by=actor, reason=reason.strip())
    Standing.objects.bulk_create([fresh], ignore_conflicts=True)
    found = Standing.objects.select_for_update().get(member_id=member_id)
    put = None if found.id == fresh.id else found.tier_id
    if put is not None and _over(found, now):
        _moved(member_id, put, None, until=None, actor=BY_TIME, reason="", now=now)
        put = None
    if put == tier and found.until == until:
        return found
    if found.id != fresh.id:
        fresh.id, fresh.since = found.id, found.since if put == tier else now
        fresh.save(force_update=True)
    _moved(member_id, put, tier, until=until, actor=actor, reason=fresh.reason, now=now)
    figures = {"tier": tier, "before": put, "until": until.isoformat() if until else None}
    audit.record(actor=actor, verb="standing.set", subject=f"member/{member_id}", reason=fresh.reason, figures=figures, now=now)
    return fresh


@transaction.atomic(savepoint=False)
def end_lapsed(*, limit: int, now: datetime) -> int:
    """Close at most `limit` standings whose time is over, and tell it; how many it was."""
    lapsed = list(selectors.lapsed(now=now).select_for_update(skip_locked=True).order_by("until")[:limit])
    for standing in lapsed:
        standing.delete()
        _moved(standing.member_id, standing.tier_id, None, until=None, actor=BY_TIME, reason="", now=now)
    return len(lapsed)


def _over(standing: Standing, now: datetime) -> bool:
    return standing.until is not None and standing.until <= now


def _moved(member_id: UUID, put: str | None, tier: str | None, *, until: datetime | None, actor: str, reason: str, now: datetime) -> None:
    StandingChange.objects.create(member_id=member_id, at=now, before_id=put, tier_id=tier, until=until, actor=actor, reason=reason)
    counted, counts = (step.code if step else "" for step in (rules.place(ladders.ladder(), code) for code in (put, tier)))
    if counted != counts:
        outbox.publish(topic=events.STANDING_CHANGED, member_id=member_id, payload={"tier": counts, "before": counted, "reason": reason}, now=now)
