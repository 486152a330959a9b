"""The steps of a request. Each verb of a feature is one of them and whatever is the feature's own; what it refuses is the feature's to name."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.contrib.auth import get_user_model

from loyalty.lib.refusals import BusinessError, ReasonMissing

from .models import Request

Asked = TypeVar("Asked", bound=Request)
WAITING = Request.Status.WAITING
Refusal = type[BusinessError]


def undecided(model: type[Asked], request_id: UUID, *, statuses: Collection[str] = (WAITING,), decided: Refusal) -> Asked:
    """The request, locked, that still waits, or is where `statuses` say. Refuses: `decided`."""
    row = model._default_manager.select_for_update().get(id=request_id)
    if row.status not in statuses:
        raise decided(request_status=row.status)
    return row


def by_another(row: Request, *, operator_id: int, own: Refusal) -> None:
    """Whoever decides is not who asked. Refuses: `own`."""
    if row.requested_by_id == operator_id:
        raise own


def decide(row: Request, status: str, *, by: int | None, reason: str = "", now: datetime, **also: Any) -> None:
    """Write down what became of it; with `also`, what else changes on its row."""
    assert status in row.ARROWS[row.Status(row.status)], f"a request does not go from {row.status} to {status}"
    told = {"status": status, "decided_by_id": by, "decided_at": now, "decision_reason": reason, **also}
    for name, value in told.items():
        setattr(row, name, value)
    row.save(update_fields=list(told))


def refuse(row: Request, *, operator_id: int, reason: str, own: Refusal, now: datetime) -> None:
    """Decline it, as the second person. Refuses: `own`, ReasonMissing."""
    by_another(row, operator_id=operator_id, own=own)
    if not reason.strip():
        raise ReasonMissing
    decide(row, row.Status.REFUSED, by=operator_id, reason=reason.strip(), now=now)


def withdraw(row: Request, *, operator_id: int, not_yours: Refusal, now: datetime) -> None:
    """Take one's own request back. Refuses: `not_yours`."""
    if row.requested_by_id != operator_id:
        raise not_yours
    decide(row, row.Status.WITHDRAWN, by=None, now=now)


def name_of(operator_id: int) -> str:
    """How the books and the audit trail name an operator."""
    return get_user_model().objects.values_list("username", flat=True).get(id=operator_id)[:100]
