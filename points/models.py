from .adjustments.models import Adjustment, AdjustmentDay, AdjustmentLimit
from .cards.models import Card, CardKind
from .budgets.models import Budget, BudgetAlarm, SharedUse
from .earning.models import RuleVersion
from .ledger.models import Account, Allocation, Entry, Hold, Lot
from .terms.models import Terms
from .totals.models import DayTotals

__all__ = [
    "Account",
    "Adjustment",
    "AdjustmentDay",
    "AdjustmentLimit",
    "Allocation",
    "Card",
    "CardKind",
    "DayTotals",
    "Entry",
    "Hold",
    "Lot",
    "RuleVersion",
    "Terms",
]
