from .adjustments.admin import AdjustmentAdmin, AdjustmentLimitAdmin
from .budgets.admin import BudgetAdmin
from .boards.admin import BoardAdmin, BoardPeriodAdmin, BoardResultAdmin
from .cards.admin import CardAdmin, CardKindAdmin
from .checkin.admin import CheckInAdmin, CheckInTermsAdmin
from .explanation.admin import DecisionAdmin
from .ledger.admin import AccountAdmin, EntryAdmin, HoldAdmin, LotAdmin
from .missions.admin import BadgeAdmin, MemberBadgeAdmin, MissionAdmin, MissionCompletionAdmin
from .proofs.admin import ProofAdmin, ProofTaskAdmin
from .terms.admin import TermsAdmin

__all__ = [
    "AccountAdmin",
    "AdjustmentAdmin",
    "AdjustmentLimitAdmin",
    "BadgeAdmin",
    "BudgetAdmin",
    "BoardAdmin",
    "BoardPeriodAdmin",
    "BoardResultAdmin",
    "CardAdmin",
    "CardKindAdmin",
    "CheckInAdmin",
    "CheckInTermsAdmin",
    "DecisionAdmin",
    "EntryAdmin",
    "HoldAdmin",
    "LotAdmin",
    "MemberBadgeAdmin",
    "MissionAdmin",
    "MissionCompletionAdmin",
    "ProofAdmin",
    "ProofTaskAdmin",
    "TermsAdmin",
]
