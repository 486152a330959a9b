from .screening.models import BlockListEntry

__all__ = ["BlockListEntry"]
