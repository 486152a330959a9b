from .adjustments.admin import AdjustmentAdmin, AdjustmentLimitAdmin
from .cards.admin import CardAdmin, CardKindAdmin
from .ledger.admin import AccountAdmin, EntryAdmin, HoldAdmin, LotAdmin
from .terms.admin import TermsAdmin

__all__ = ["AccountAdmin", "AdjustmentAdmin", "AdjustmentLimitAdmin", "CardAdmin", "CardKindAdmin", "EntryAdmin", "HoldAdmin", "LotAdmin", "TermsAdmin"]
