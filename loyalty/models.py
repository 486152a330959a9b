from .programme.models import Programme

__all__ = ["Programme"]
