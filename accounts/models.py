from .activity.models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .keys.models import StorefrontKey
from .members.models import Member
from .referrals.models import Referral, ReferralCode, ReferralTerms
from .segments.models import Segment, SegmentMember

__all__ = [
    "Behaviour",
    "FactKind",
    "GuestPurchase",
    "Member",
    "Purchase",
    "PurchaseLine",
    "PurchaseNumber",
    "Referral",
    "ReferralCode",
    "ReferralTerms",
    "Refund",
    "Segment",
    "SegmentMember",
    "StorefrontKey",
    "UnmatchedRefund",
]
