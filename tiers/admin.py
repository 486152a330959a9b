from .ladder.admin import TierAdmin
from .standing.admin import StandingAdmin, StandingChangeAdmin

__all__ = ["StandingAdmin", "StandingChangeAdmin", "TierAdmin"]
