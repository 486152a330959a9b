from .dormancy.admin import DormancyAdmin, DormancyTermsAdmin
from .ladder.admin import TierAdmin
from .ladder_plans.admin import LadderPlanAdmin, LadderPlanSettingsAdmin
from .standing.admin import StandingAdmin, StandingChangeAdmin

__all__ = [
    "DormancyAdmin",
    "DormancyTermsAdmin",
    "LadderPlanAdmin",
    "LadderPlanSettingsAdmin",
    "StandingAdmin",
    "StandingChangeAdmin",
    "TierAdmin",
]
