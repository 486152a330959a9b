from .dormancy.admin import DormancyAdmin, DormancyTermsAdmin
from .ladder.admin import TierAdmin
from .standing.admin import StandingAdmin, StandingChangeAdmin

__all__ = [
    "DormancyAdmin",
    "DormancyTermsAdmin",
    "StandingAdmin",
    "StandingChangeAdmin",
    "TierAdmin",
]
