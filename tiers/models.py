from .dormancy.models import Dormancy, DormancyTerms
from .evaluation.models import CutPoints, Evaluation, EvaluationPolicy, Night, Score
from .growth.models import GrowthEntry, GrowthRate, GrowthTerms
from .ladder.models import Tier, TierBenefit
from .ladder_plans.models import LadderPlan, LadderPlanSettings
from .standing.models import Standing, StandingChange

__all__ = [
    "CutPoints",
    "Dormancy",
    "DormancyTerms",
    "Evaluation",
    "EvaluationPolicy",
    "GrowthEntry",
    "GrowthRate",
    "GrowthTerms",
    "LadderPlan",
    "LadderPlanSettings",
    "Night",
    "Score",
    "Standing",
    "StandingChange",
    "Tier",
    "TierBenefit",
]
