from .ladder.models import Tier, TierBenefit
from .standing.models import Standing, StandingChange

__all__ = ["Standing", "StandingChange", "Tier", "TierBenefit"]
