from .earning.models import RuleVersion
from .ledger.models import Account, Allocation, Entry, Hold, Lot
from .terms.models import Terms

__all__ = ["Account", "Allocation", "Entry", "Hold", "Lot", "RuleVersion", "Terms"]
