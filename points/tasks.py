from .cards import tasks as cards
from .ledger import tasks as ledger
from .totals import tasks as totals

__all__ = ["cards", "ledger", "totals"]
