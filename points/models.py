from .adjustments.models import Adjustment, AdjustmentDay, AdjustmentLimit
from .earning.models import RuleVersion
from .ledger.models import Account, Allocation, Entry, Hold, Lot
from .terms.models import Terms
from .totals.models import DayTotals

__all__ = ["Account", "Adjustment", "AdjustmentDay", "AdjustmentLimit", "Allocation", "DayTotals", "Entry", "Hold", "Lot", "RuleVersion", "Terms"]
