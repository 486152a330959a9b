from .keys.models import StorefrontKey
from .members.models import Member

__all__ = ["Member", "StorefrontKey"]
