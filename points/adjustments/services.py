from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from loyalty.approvals import services as approvals
from loyalty.audit import services as audit
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.programme import selectors as programme
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import rules, selectors
from .models import Adjustment, AdjustmentDay

Status = Adjustment.Status


class NothingToAdjust(BusinessError):
    code, status, title = "nothing_to_adjust", 422, _("An adjustment of 0 points changes nothing.")


class OwnAdjustment(BusinessError):
    code, status, title = "own_adjustment", 403, _("Nobody decides on their own adjustment. A second person has to.")


class NotYours(BusinessError):
    code, status, title = "not_your_adjustment", 403, _("Only who requested an adjustment can withdraw it.")


class AdjustmentDecided(BusinessError):
    code, status, title = "adjustment_decided", 409, _("This adjustment was decided before.")


@transaction.atomic(savepoint=False)
def request(*, member_id: UUID, points: int, reason: str, cost_centre: str = "", operator_id: int, key: UUID, now: datetime) -> Adjustment:
    """Ask for an adjustment; within the operator's limits it is applied at once, else it waits. `key` becomes its id.

    Refuses: NothingToAdjust, ReasonMissing, InsufficientPoints, KeyConflict.
    """
    if not points:
        raise NothingToAdjust
    if not reason.strip():
        raise ReasonMissing
    ledger.lock(member_id=member_id)
    earlier = Adjustment.objects.filter(id=key).first()
    if earlier:
        if (earlier.member_id, earlier.points, earlier.requested_by_id) != (member_id, points, operator_id):
            raise ledger.KeyConflict(key=str(key))
        return earlier
    available = books.balance(member_id=member_id, now=now).available
    if available + points < 0:
        raise ledger.InsufficientPoints(wanted=-points, available=available)
    adjustment = Adjustment(
        id=key, member_id=member_id, points=points, reason=reason.strip(), cost_centre=cost_centre, requested_by_id=operator_id, requested_at=now
    )
    adjustment.save(force_insert=True)
    _record("requested", adjustment, by=operator_id, reason=adjustment.reason, now=now)
    if _may_alone(operator_id, points, now):
        _apply(adjustment, decided_by=None, now=now)
    return adjustment


@transaction.atomic(savepoint=False)
def approve(*, adjustment_id: UUID, operator_id: int, now: datetime) -> Adjustment:
    """Book it, as the second person. Refuses: AdjustmentUnknown, AdjustmentDecided, OwnAdjustment, InsufficientPoints."""
    adjustment = _waiting(adjustment_id)
    approvals.by_another(adjustment, operator_id=operator_id, own=OwnAdjustment)
    _apply(adjustment, decided_by=operator_id, now=now)
    return adjustment


@transaction.atomic(savepoint=False)
def refuse(*, adjustment_id: UUID, operator_id: int, reason: str, now: datetime) -> Adjustment:
    """Decline it, as the second person. Refuses: AdjustmentUnknown, AdjustmentDecided, OwnAdjustment, ReasonMissing."""
    adjustment = _waiting(adjustment_id)
    approvals.refuse(adjustment, operator_id=operator_id, reason=reason, own=OwnAdjustment, now=now)
    _record("refused", adjustment, by=operator_id, reason=adjustment.decision_reason, now=now)
    return adjustment


@transaction.atomic(savepoint=False)
def withdraw(*, adjustment_id: UUID, operator_id: int, now: datetime) -> Adjustment:
    """Take one's own request back. Refuses: AdjustmentUnknown, AdjustmentDecided, NotYours."""
    adjustment = _waiting(adjustment_id)
    approvals.withdraw(adjustment, operator_id=operator_id, not_yours=NotYours, now=now)
    _record("withdrawn", adjustment, by=operator_id, reason="", now=now)
    return adjustment


def _waiting(adjustment_id: UUID) -> Adjustment:
    ledger.lock(member_id=selectors.get(adjustment_id).member_id)
    return approvals.undecided(Adjustment, adjustment_id, decided=AdjustmentDecided)


def _may_alone(operator_id: int, points: int, now: datetime) -> bool:
    """Count it towards the operator's day, if both limits leave room."""
    limit = selectors.limit_of(operator_id=operator_id)
    if not rules.within(points, limit):
        return False
    today = local_date(now, programme.zone(now=now))
    AdjustmentDay.objects.bulk_create([AdjustmentDay(operator_id=operator_id, day=today)], ignore_conflicts=True)
    room = AdjustmentDay.objects.filter(operator_id=operator_id, day=today, used__lte=limit.per_day - abs(points))
    return room.update(used=F("used") + abs(points)) == 1


def _apply(adjustment: Adjustment, *, decided_by: int | None, now: datetime) -> None:
    by = adjustment.requested_by_id
    entry = ledger.adjust(
        member_id=adjustment.member_id, points=adjustment.points, subject=f"adjustment/{adjustment.id}", cost_centre=adjustment.cost_centre,
        actor=approvals.name_of(by), reason=adjustment.reason, key=f"adjustment/{adjustment.id}", now=now,
    )  # fmt: skip
    approvals.decide(adjustment, Status.APPLIED, by=decided_by, now=now, entry=entry)
    _record("applied", adjustment, by=decided_by or by, reason=adjustment.reason, now=now)


def _record(what: str, adjustment: Adjustment, *, by: int, reason: str, now: datetime) -> None:
    actor, subject, figures = approvals.name_of(by), f"adjustment/{adjustment.id}", {"points": adjustment.points, "member": str(adjustment.member_id)}
    audit.record(actor=actor, verb=f"adjustment.{what}", subject=subject, reason=reason, figures=figures, now=now)


@transaction.atomic(savepoint=False)
def withdraw_all(*, member_ids: Sequence[UUID], now: datetime) -> int:
    """What waits for a second person about these members is withdrawn: they are erased. How many. The caller holds their locks."""
    return Adjustment.objects.filter(member_id__in=member_ids, status=Status.WAITING).update(status=Status.WITHDRAWN, decided_at=now)
