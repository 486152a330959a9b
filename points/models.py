from .adjustments.models import Adjustment, AdjustmentDay, AdjustmentLimit
from .batches.models import Batch, BatchLine, BatchPart
from .benefits.models import AllowanceRound, BenefitTerms
from .boards.models import Board, BoardPeriod, BoardResult
from .budgets.models import Budget, BudgetAlarm, SharedUse
from .cards.models import Card, CardKind
from .checkin.models import CheckIn, CheckInTerms
from .earning.models import Decision, Grant, MemberUse, Offer
from .inactivity.models import InactivityCase, InactivityTerms
from .ledger.models import Account, Allocation, Entry, Hold, Lot
from .merging.models import Merge
from .missions.models import Badge, MemberBadge, Mission, MissionCompletion, MissionEffect, MissionStep
from .proofs.models import Proof, ProofTask
from .reconciliation.models import Finding, ReconciliationRound
from .reminders.models import ExpiryNotice, ReminderPass, ReminderTerms
from .rulebook.models import EarningSettings, Festival, FestivalDays, Rule, RulebookGeneration, RuleVersion, SharedLimit
from .simulation.models import SimulatedMember, Simulation
from .terms.models import Terms
from .totals.models import DayTotals

__all__ = [
    "Account",
    "Adjustment",
    "AdjustmentDay",
    "AdjustmentLimit",
    "Allocation",
    "AllowanceRound",
    "Badge",
    "Batch",
    "BatchLine",
    "BatchPart",
    "BenefitTerms",
    "Board",
    "BoardPeriod",
    "BoardResult",
    "Budget",
    "BudgetAlarm",
    "Card",
    "CardKind",
    "CheckIn",
    "CheckInTerms",
    "DayTotals",
    "Decision",
    "EarningSettings",
    "Entry",
    "ExpiryNotice",
    "Festival",
    "FestivalDays",
    "Finding",
    "Grant",
    "Hold",
    "InactivityCase",
    "InactivityTerms",
    "Lot",
    "MemberBadge",
    "MemberUse",
    "Merge",
    "Mission",
    "MissionCompletion",
    "MissionEffect",
    "MissionStep",
    "Offer",
    "Proof",
    "ProofTask",
    "ReconciliationRound",
    "ReminderPass",
    "ReminderTerms",
    "Rule",
    "RuleVersion",
    "RulebookGeneration",
    "SharedLimit",
    "SharedUse",
    "SimulatedMember",
    "Simulation",
    "Terms",
]
