from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError

from . import rules, selectors
from .models import Tier, TierBenefit


class TierInvalid(BusinessError):
    code, status, title = "tier_invalid", 422, _("This tier cannot be kept as it is.")


class TierInUse(BusinessError):
    code, status, title = "tier_in_use", 409, _("Members belong to this tier, or once did. Deactivate it instead.")


class BenefitInvalid(BusinessError):
    """`fields`: what is wrong with which field, as sentences."""

    code, status, title = "benefit_invalid", 422, _("This benefit cannot be kept as it is.")


@transaction.atomic(savepoint=False)
def keep(
    *, code: str, name_zh: str, name_en: str, rank: int, multiplier_bps: int, colour: str = "#8a8f98", active: bool = True, actor: str, now: datetime
) -> Tier:
    """Make the tier of that code, or change it to this. The same again changes nothing. Refuses: TierInvalid, with a sentence for each field."""
    tier = Tier.objects.select_for_update().filter(code=code).first()
    before = _figures(tier) if tier else {}
    tier = tier or Tier(code=code)
    tier.name_zh, tier.name_en, tier.rank, tier.multiplier_bps, tier.colour, tier.active = name_zh, name_en, rank, multiplier_bps, colour, active
    try:
        tier.full_clean()
    except ValidationError as error:
        raise TierInvalid(fields=error.message_dict) from error
    after = _figures(tier)
    changed = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
    if changed:
        tier.save(force_insert=not before)
        forget(Tier)
        audit.record(actor=actor, verb="tier.kept", subject=f"tier/{code}", figures=changed, now=now)
    return tier


@transaction.atomic(savepoint=False)
def remove(*, code: str, actor: str, now: datetime) -> None:
    """Delete a tier that nobody ever belonged to. Refuses: TierInUse."""
    tier = Tier.objects.select_for_update().get(code=code)
    if selectors.in_use(code):
        raise TierInUse(tier=code)
    tier.delete()
    forget(Tier)
    forget(TierBenefit)
    audit.record(actor=actor, verb="tier.removed", subject=f"tier/{code}", figures=_figures(tier), now=now)


def _figures(tier: Tier) -> dict[str, Any]:
    return {name: getattr(tier, name) for name in ("name_zh", "name_en", "rank", "multiplier_bps", "colour", "active")}
