from .dormancy.admin import DormancyAdmin, DormancyTermsAdmin
from .evaluation.admin import CutPointsAdmin, EvaluationAdmin, EvaluationPolicyAdmin
from .growth.admin import GrowthEntryAdmin, GrowthRateAdmin, GrowthTermsAdmin
from .ladder.admin import TierAdmin
from .ladder_plans.admin import LadderPlanAdmin, LadderPlanSettingsAdmin
from .standing.admin import StandingAdmin, StandingChangeAdmin

__all__ = [
    "CutPointsAdmin",
    "DormancyAdmin",
    "DormancyTermsAdmin",
    "EvaluationAdmin",
    "EvaluationPolicyAdmin",
    "GrowthEntryAdmin",
    "GrowthRateAdmin",
    "GrowthTermsAdmin",
    "LadderPlanAdmin",
    "LadderPlanSettingsAdmin",
    "StandingAdmin",
    "StandingChangeAdmin",
    "TierAdmin",
]
