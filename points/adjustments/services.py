from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

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
    if adjustment.requested_by_id == operator_id:
        raise OwnAdjustment
    _apply(adjustment, decided_by=operator_id, now=now)
    return adjustment


@transaction.atomic(savepoint=False)
def refuse(*, adjustment_id: UUID, operator_id: int, reason: str, now: datetime) -> Adjustment:
    """Decline it, as the second person. Refuses: AdjustmentUnknown, AdjustmentDecided, OwnAdjustment, ReasonMissing."""
    adjustment = _waiting(adjustment_id)
    if adjustment.requested_by_id == operator_id:
        raise OwnAdjustment
    if not reason.strip():
        raise ReasonMissing
    adjustment.decision_reason = reason.strip()
    _decide(adjustment, Status.REFUSED, decided_by=operator_id, now=now)
    _record("refused", adjustment, by=operator_id, reason=reason.strip(), now=now)
    return adjustment


@transaction.atomic(savepoint=False)
def withdraw(*, adjustment_id: UUID, operator_id: int, now: datetime) -> Adjustment:
    """Take one's own request back. Refuses: AdjustmentUnknown, AdjustmentDecided, NotYours."""
    adjustment = _waiting(adjustment_id)
    if adjustment.requested_by_id != operator_id:
        raise NotYours
    _decide(adjustment, Status.WITHDRAWN, decided_by=None, now=now)
    _record("withdrawn", adjustment, by=operator_id, reason="", now=now)
    return adjustment


def _waiting(adjustment_id: UUID) -> Adjustment:
    ledger.lock(member_id=selectors.get(adjustment_id).member_id)
    adjustment = Adjustment.objects.select_for_update().get(id=adjustment_id)
    if adjustment.status != Status.WAITING:
        raise AdjustmentDecided(status=adjustment.status)
    return adjustment


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
    adjustment.entry = ledger.adjust(
        member_id=adjustment.member_id, points=adjustment.points, subject=f"adjustment/{adjustment.id}", cost_centre=adjustment.cost_centre, actor=_name(by),
        reason=adjustment.reason, key=f"adjustment/{adjustment.id}", now=now,
    )  # fmt: skip
    _decide(adjustment, Status.APPLIED, decided_by=decided_by, now=now)
    _record("applied", adjustment, by=decided_by or by, reason=adjustment.reason, now=now)


def _decide(adjustment: Adjustment, status: Status, *, decided_by: int | None, now: datetime) -> None:
    assert status in Adjustment.ARROWS[Status(adjustment.status)], f"an adjustment does not go from {adjustment.status} to {status}"
    adjustment.status, adjustment.decided_by_id, adjustment.decided_at = status, decided_by, now
    adjustment.save(update_fields=["status", "decided_by", "decided_at", "decision_reason", "entry"])


def _record(what: str, adjustment: Adjustment, *, by: int, reason: str, now: datetime) -> None:
    figures = {"points": adjustment.points, "member": str(adjustment.member_id)}
    audit.record(actor=_name(by), verb=f"adjustment.{what}", subject=f"adjustment/{adjustment.id}", reason=reason, figures=figures, now=now)


def _name(operator_id: int) -> str:
    return get_user_model().objects.values_list("username", flat=True).get(id=operator_id)[:100]


@transaction.atomic(savepoint=False)
def withdraw_all(*, member_ids: Sequence[UUID], now: datetime) -> int:
    """What waits for a second person about these members is withdrawn: they are erased. How many. The caller holds their locks."""
    return Adjustment.objects.filter(member_id__in=member_ids, status=Status.WAITING).update(status=Status.WITHDRAWN, decided_at=now)
