from .members.models import Member

__all__ = ["Member"]
