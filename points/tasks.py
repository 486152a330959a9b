from .boards import tasks as boards
from .cards import tasks as cards
from .ledger import tasks as ledger
from .missions import tasks as missions
from .totals import tasks as totals

__all__ = ["boards", "cards", "ledger", "missions", "totals"]
