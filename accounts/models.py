from .activity.models import GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .keys.models import StorefrontKey
from .members.models import Member

__all__ = ["GuestPurchase", "Member", "Purchase", "PurchaseLine", "PurchaseNumber", "Refund", "StorefrontKey", "UnmatchedRefund"]
