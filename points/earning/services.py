from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError
from points.ledger import services as ledger
from points.ledger.models import Entry, Source
from points.terms import selectors as terms
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening

from .models import RuleVersion
from .rules import Award


class RateInvalid(BusinessError):
    code, status, title = "rate_invalid", 422, _("A rate is a number from 0 to 9999 with at most four decimals.")


class Grant(NamedTuple):
    """What a fact was granted. `screened` is the code of the verdict where screening let nothing through."""

    entry: Entry | None
    points: int
    screened: str = ""


def grant_purchase(
    *,
    member_id: UUID,
    award: Award,
    rule_version_id: int | None,
    cost_centre: str,
    subject: str,
    policy: ExpiryPolicy | None = None,
    occurred_at: datetime,
    actor: str,
    key: str,
    now: datetime,
) -> Grant:
    """Grant what a purchase earned, pending as the programme's terms say. Nothing earned leaves no lot."""
    if not award.points:
        return Grant(None, 0)
    verdict = screening.assess(member_id=member_id, action="earn", points=award.points, now=now)
    if not verdict.allowed:
        return Grant(None, 0, verdict.code)
    term = terms.terms()
    matures_at = occurred_at + timedelta(days=term.pending_days) if term.pending == Terms.Pending.DAYS else None
    entry = ledger.earn(
        member_id=member_id,
        points=award.points,
        source=Source.PURCHASE,
        subject=subject,
        policy=policy,
        matures_at=matures_at,
        waits=term.pending == Terms.Pending.DELIVERED,
        rule_version_id=rule_version_id,
        cost_centre=cost_centre,
        occurred_at=occurred_at,
        actor=actor,
        key=key,
        now=now,
    )
    return Grant(entry, award.points)


@transaction.atomic(savepoint=False)
def publish(*, points_per_unit: Decimal, categories: Mapping[str, str], cost_centre: str = "", actor: str, now: datetime) -> RuleVersion:
    """A new version of the purchase rule, in force from now on; earlier purchases keep theirs. Refuses: RateInvalid."""
    for rate in (points_per_unit, *map(Decimal, categories.values())):
        if not 0 <= rate <= 9999 or rate != rate.quantize(Decimal("0.0001")):
            raise RateInvalid(rate=str(rate))
    newest = RuleVersion.objects.order_by("-number").values_list("number", flat=True).first() or 0
    forget(RuleVersion)
    return RuleVersion.objects.create(
        number=newest + 1, points_per_unit=points_per_unit, categories=dict(categories), cost_centre=cost_centre, published_at=now, published_by=actor
    )
