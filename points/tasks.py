from .ledger import tasks as ledger
from .totals import tasks as totals

__all__ = ["ledger", "totals"]
