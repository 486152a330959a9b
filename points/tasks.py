from .batches import tasks as batches
from .benefits import tasks as benefits
from .boards import tasks as boards
from .cards import tasks as cards
from .earning import tasks as earning
from .inactivity import tasks as inactivity
from .ledger import tasks as ledger
from .merging import tasks as merging
from .missions import tasks as missions
from .reconciliation import tasks as reconciliation
from .reminders import tasks as reminders
from .simulation import tasks as simulation
from .totals import tasks as totals

__all__ = [
    "batches",
    "benefits",
    "boards",
    "cards",
    "earning",
    "inactivity",
    "ledger",
    "merging",
    "missions",
    "reconciliation",
    "reminders",
    "simulation",
    "totals",
]
