from .adjustments.admin import AdjustmentAdmin, AdjustmentLimitAdmin
from .batches.admin import BatchAdmin, BatchLineAdmin
from .benefits.admin import AllowanceRoundAdmin, BenefitTermsAdmin
from .boards.admin import BoardAdmin, BoardPeriodAdmin, BoardResultAdmin
from .budgets.admin import BudgetAdmin
from .cards.admin import CardAdmin, CardKindAdmin
from .checkin.admin import CheckInAdmin, CheckInTermsAdmin
from .earning.admin import OfferAdmin, TryIt
from .explanation.admin import DecisionAdmin
from .inactivity.admin import InactivityCaseAdmin, InactivityTermsAdmin
from .ledger.admin import AccountAdmin, EntryAdmin, HoldAdmin, LotAdmin
from .merging.admin import MergeAdmin
from .missions.admin import BadgeAdmin, MemberBadgeAdmin, MissionAdmin, MissionCompletionAdmin
from .proofs.admin import ProofAdmin, ProofTaskAdmin
from .reconciliation.admin import FindingAdmin, ReconciliationRoundAdmin
from .reminders.admin import ExpiryNoticeAdmin, ReminderTermsAdmin
from .rulebook.admin import EarningSettingsAdmin, FestivalAdmin, RuleAdmin, RuleVersionAdmin, SharedLimitAdmin
from .simulation.admin import SimulatedMemberAdmin, SimulationAdmin
from .terms.admin import TermsAdmin

__all__ = [
    "AccountAdmin",
    "AdjustmentAdmin",
    "AdjustmentLimitAdmin",
    "AllowanceRoundAdmin",
    "BadgeAdmin",
    "BatchAdmin",
    "BatchLineAdmin",
    "BenefitTermsAdmin",
    "BoardAdmin",
    "BoardPeriodAdmin",
    "BoardResultAdmin",
    "BudgetAdmin",
    "CardAdmin",
    "CardKindAdmin",
    "CheckInAdmin",
    "CheckInTermsAdmin",
    "DecisionAdmin",
    "EarningSettingsAdmin",
    "EntryAdmin",
    "ExpiryNoticeAdmin",
    "FestivalAdmin",
    "FindingAdmin",
    "HoldAdmin",
    "InactivityCaseAdmin",
    "InactivityTermsAdmin",
    "LotAdmin",
    "MemberBadgeAdmin",
    "MergeAdmin",
    "MissionAdmin",
    "MissionCompletionAdmin",
    "OfferAdmin",
    "ProofAdmin",
    "ProofTaskAdmin",
    "ReconciliationRoundAdmin",
    "ReminderTermsAdmin",
    "RuleAdmin",
    "RuleVersionAdmin",
    "SharedLimitAdmin",
    "SimulatedMemberAdmin",
    "SimulationAdmin",
    "TermsAdmin",
    "TryIt",
]
