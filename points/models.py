from .adjustments.models import Adjustment, AdjustmentDay, AdjustmentLimit
from .budgets.models import Budget, BudgetAlarm, SharedUse
from .cards.models import Card, CardKind
from .earning.models import Decision, Grant, MemberUse
from .ledger.models import Account, Allocation, Entry, Hold, Lot
from .missions.models import Badge, MemberBadge, Mission, MissionCompletion, MissionEffect, MissionStep
from .rulebook.models import EarningSettings, Festival, FestivalDays, Rule, RulebookGeneration, RuleVersion, SharedLimit
from .terms.models import Terms
from .totals.models import DayTotals

__all__ = [
    "Account",
    "Adjustment",
    "AdjustmentDay",
    "AdjustmentLimit",
    "Allocation",
    "Badge",
    "Budget",
    "BudgetAlarm",
    "Card",
    "CardKind",
    "DayTotals",
    "Decision",
    "EarningSettings",
    "Entry",
    "Festival",
    "FestivalDays",
    "Grant",
    "Hold",
    "Lot",
    "MemberBadge",
    "MemberUse",
    "Mission",
    "MissionCompletion",
    "MissionEffect",
    "MissionStep",
    "Rule",
    "RuleVersion",
    "RulebookGeneration",
    "SharedLimit",
    "SharedUse",
    "Terms",
]
