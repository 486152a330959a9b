from .adjustments.admin import AdjustmentAdmin, AdjustmentLimitAdmin
from .budgets.admin import BudgetAdmin
from .cards.admin import CardAdmin, CardKindAdmin
from .ledger.admin import AccountAdmin, EntryAdmin, HoldAdmin, LotAdmin
from .missions.admin import BadgeAdmin, MemberBadgeAdmin, MissionAdmin, MissionCompletionAdmin
from .terms.admin import TermsAdmin

__all__ = [
    "AccountAdmin",
    "AdjustmentAdmin",
    "AdjustmentLimitAdmin",
    "BadgeAdmin",
    "BudgetAdmin",
    "CardAdmin",
    "CardKindAdmin",
    "EntryAdmin",
    "HoldAdmin",
    "LotAdmin",
    "MemberBadgeAdmin",
    "MissionAdmin",
    "MissionCompletionAdmin",
    "TermsAdmin",
]
