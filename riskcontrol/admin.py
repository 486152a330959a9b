from .screening.admin import BlockListEntryAdmin

__all__ = ["BlockListEntryAdmin"]
