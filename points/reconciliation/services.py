import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Account

from . import selectors
from .models import Finding, ReconciliationRound
from .selectors import Breach

logger = logging.getLogger(__name__)

ACTOR = "reconciliation"
REASON = _("The books do not balance.")
BREACHES_KEPT = 50


class FindingClosed(BusinessError):
    code, status, title = "finding_closed", 409, _("This finding was closed before.")


def begin(*, now: datetime) -> ReconciliationRound:
    """The round that was interrupted, or a new one."""
    return ReconciliationRound.objects.filter(finished_at=None).order_by("-id").first() or ReconciliationRound.objects.create(started_at=now)


def go_on(*, round_id: int, entries: int = 20_000, now: datetime) -> Counter[str]:
    """Look at the next slice of members and note what is wrong: how many accounts and entries it was. Nothing: the round is finished.

    Safe twice at once: two that look at the same slice find the same, and it counts once.
    """
    at = ReconciliationRound.objects.get(id=round_id)
    if at.finished_at:
        return Counter()
    seen = selectors.audit_slice(after=at.reached, entries=entries)
    broken: dict[UUID, list[Breach]] = {}
    for breach in seen.breaches:
        broken.setdefault(UUID(str(breach.member_id)), []).append(breach)
    for member_id, breaches in sorted(broken.items()):
        _note(member_id, breaches, now=now)
    counts: Counter[str] = Counter(accounts=seen.checked["accounts"], entries=seen.checked["entries"], found=len(broken))
    ReconciliationRound.objects.filter(id=round_id, reached=at.reached, finished_at=None).update(
        reached=seen.reached, finished_at=now if seen.is_last else None, **{name: F(name) + count for name, count in counts.items()}
    )
    return +counts


def _note(member_id: UUID, breaches: Sequence[Breach], *, now: datetime) -> None:
    """Write down what is wrong with a member's books and freeze their spending. Nothing is repaired."""
    told = [{"invariant": one.invariant, "what": one.what, "expected": str(one.expected), "found": str(one.found)} for one in breaches[:BREACHES_KEPT]]
    figures = {"seen_at": now, "breaches": told, "breach_count": len(breaches)}
    finding, new = Finding.objects.update_or_create(
        member_id=member_id, status=Finding.Status.OPEN, defaults=figures, create_defaults={**figures, "found_at": now}
    )
    logger.error("The books of member %s do not balance: %s", member_id, breaches[0])
    if new or finding.frozen is None:
        _freeze(finding, now=now)


def _freeze(finding: Finding, *, now: datetime) -> None:
    """Once for a finding: an operator who unfreezes while it is open knows why. A freeze that is there already stays whose it is."""
    try:
        with transaction.atomic():
            if not Account.objects.filter(member_id=finding.member_id).exists():
                return
            ledger.lock(member_id=finding.member_id)
            was_frozen = books.frozen(member_id=finding.member_id)
            if not was_frozen:
                ledger.freeze(member_id=finding.member_id, actor=ACTOR, reason=str(REASON), key=f"reconciliation/{finding.id}", now=now)
            Finding.objects.filter(id=finding.id).update(frozen=not was_frozen)
    except Exception:
        # Books so broken that no verb can be booked on them cannot be spent from either.
        logger.exception("The account of member %s could not be frozen.", finding.member_id)


@transaction.atomic(savepoint=False)
def close(*, finding_id: UUID, actor: str, reason: str, now: datetime) -> Finding:
    """An operator has seen to it and says what was the matter. The account stays frozen until somebody unfreezes it. Refuses: FindingClosed."""
    closed: dict[str, Any] = {"status": Finding.Status.CLOSED, "closed_at": now, "closed_by": actor, "reason": reason}
    if not Finding.objects.filter(id=finding_id, status=Finding.Status.OPEN).update(**closed):
        raise FindingClosed
    finding = Finding.objects.get(id=finding_id)
    audit.record(actor=actor, verb="finding.closed", subject=f"member/{finding.member_id}", reason=reason, figures={"finding": str(finding_id)}, now=now)
    return finding
