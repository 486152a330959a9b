from .ladder.models import Tier
from .standing.models import Standing, StandingChange

__all__ = ["Standing", "StandingChange", "Tier"]
