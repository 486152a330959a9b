from .cards import tasks as cards
from .ledger import tasks as ledger
from .missions import tasks as missions
from .totals import tasks as totals

__all__ = ["cards", "ledger", "missions", "totals"]
