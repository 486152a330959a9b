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
    *,
    code: str,
    name_zh: str,
    name_en: str,
    rank: int,
    multiplier_bps: int,
    colour: str = "#8a8f98",
    active: bool = True,
    threshold: int = 0,
    invited_only: bool = False,
    card_url: str = "",
    actor: str,
    now: datetime,
) -> Tier:
    """Make the tier of that code, or change it to this. The same again changes nothing. Refuses: TierInvalid, with a sentence for each field."""
    tier = Tier.objects.select_for_update().filter(code=code).first()
    before = _figures(tier) if tier else {}
    tier = tier or Tier(code=code)
    tier.name_zh, tier.name_en, tier.rank, tier.multiplier_bps, tier.colour, tier.active = name_zh, name_en, rank, multiplier_bps, colour, active
    tier.threshold, tier.invited_only, tier.card_url = threshold, invited_only, card_url
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
    return {name: getattr(tier, name) for name in _FIGURES}


_FIGURES = ("name_zh", "name_en", "rank", "multiplier_bps", "colour", "active", "threshold", "invited_only", "card_url")


@transaction.atomic(savepoint=False)
def keep_benefit(
    *,
    tier: str,
    kind: str,
    value: int = 0,
    item: str = "",
    bands: Sequence[rules.Band] = (),
    text_zh: str = "",
    text_en: str = "",
    actor: str,
    now: datetime,
) -> TierBenefit:
    """Let that tier bring this benefit, or change it to this. The same again changes nothing.

    `value` in the unit of the kind: factors and percents in basis points; a flag has none, a coupon's code is its `item`.
    Refuses: BenefitInvalid.
    """
    said = rules.Benefit(kind, value, item, tuple(bands), text_zh, text_en)
    if found := rules.faults(said):
        raise BenefitInvalid(fields={fault.field: [selectors.fault_in_words(fault)] for fault in found})
    Tier.objects.select_for_update(no_key=True).get(code=tier)
    row = TierBenefit.objects.filter(tier_id=tier, kind=kind).first() or TierBenefit(tier_id=tier, kind=kind)
    if row.pk and row.plain == said:
        return row
    before = _said(row.plain) if row.pk else {}
    row.value, row.item, row.bands, row.text_zh, row.text_en = value, item, [asdict(band) for band in bands], text_zh, text_en
    row._history_date = now
    row.save()
    forget(TierBenefit)
    changed = {name: [before.get(name), after] for name, after in _said(row.plain).items() if before.get(name) != after}
    audit.record(actor=actor, verb="tier_benefit.kept", subject=f"tier/{tier}/{kind}", figures=changed, now=now)
    return row


@transaction.atomic(savepoint=False)
def remove_benefit(*, tier: str, kind: str, actor: str, now: datetime) -> None:
    """That tier brings this benefit no more; what was given stays. One that it does not have is nothing to remove."""
    Tier.objects.select_for_update(no_key=True).get(code=tier)
    row = TierBenefit.objects.filter(tier_id=tier, kind=kind).first()
    if row is None:
        return
    figures = _said(row.plain)
    row._history_date = now
    row.delete()
    forget(TierBenefit)
    audit.record(actor=actor, verb="tier_benefit.removed", subject=f"tier/{tier}/{kind}", figures=figures, now=now)


def _said(benefit: rules.Benefit) -> dict[str, Any]:
    said = {"value": benefit.value, "item": benefit.item, "bands": [asdict(band) for band in benefit.bands]}
    return {**said, "text_zh": benefit.text_zh, "text_en": benefit.text_en}
