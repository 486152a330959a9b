from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Adjustment, AdjustmentDay, AdjustmentLimit


class AdjustmentUnknown(BusinessError):
    code, status, title = "adjustment_unknown", 404, _("There is no such adjustment.")


def get(adjustment_id: UUID) -> Adjustment:
    adjustment = Adjustment.objects.filter(id=adjustment_id).first()
    if adjustment is None:
        raise AdjustmentUnknown
    return adjustment


def waiting() -> QuerySet[Adjustment]:
    """What a second person has to decide on, the oldest first."""
    return Adjustment.objects.filter(status=Adjustment.Status.WAITING).order_by("requested_at")


def of_member(*, member_id: UUID) -> QuerySet[Adjustment]:
    return Adjustment.objects.filter(member_id=member_id).order_by("-requested_at", "-id")


def limit_of(*, operator_id: int) -> rules.Limit:
    """What that operator may move alone: the widest limit of the roles."""
    return rules.widest(row.limit for row in AdjustmentLimit.objects.filter(group__user=operator_id))


def used_today(*, operator_id: int, now: datetime) -> int:
    """Points that operator has moved alone on the business day of `now`."""
    today = local_date(now, programme.zone(now=now))
    return AdjustmentDay.objects.filter(operator_id=operator_id, day=today).values_list("used", flat=True).first() or 0


def would_wait(*, operator_id: int, points: int, now: datetime) -> bool:
    """Whether a request of that size, made now, waits for a second person."""
    limit = limit_of(operator_id=operator_id)
    return not rules.within(points, limit) or used_today(operator_id=operator_id, now=now) + abs(points) > limit.per_day
