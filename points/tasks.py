from .totals import tasks as totals

__all__ = ["totals"]
