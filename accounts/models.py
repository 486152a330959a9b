from .activity.models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .keys.models import StorefrontKey
from .members.models import Member

__all__ = ["Behaviour", "FactKind", "GuestPurchase", "Member", "Purchase", "PurchaseLine", "PurchaseNumber", "Refund", "StorefrontKey", "UnmatchedRefund"]
