from loyalty.lib.configuration import held

from .models import Tier
from .rules import Step


def ladder() -> tuple[Step, ...]:
    """Every tier, the lowest first, those that are not active too; empty where there is none.

    Held in the process: a change made elsewhere is in force here within CONFIGURATION_SECONDS.
    """
    return held(Tier, lambda: tuple(tier.step for tier in Tier.objects.order_by("rank")))


def in_use(code: str) -> bool:
    """Whether any row of any table names this tier, be it only as what once was."""
    pointing = [field for field in Tier._meta.get_fields(include_hidden=True) if field.one_to_many or field.one_to_one]
    return any(field.related_model._default_manager.filter(**{field.field.name: code}).exists() for field in pointing)
