from .standing import tasks as standing

__all__ = ["standing"]
