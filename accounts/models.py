from .activity.models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .channels.models import ChannelSettings, ProviderTemplate, Receipt
from .keys.models import StorefrontKey
from .members.models import Member
from .referrals.models import Referral, ReferralCode, ReferralTerms
from .segments.models import Segment, SegmentMember

__all__ = [
    "Behaviour",
    "ChannelSettings",
    "FactKind",
    "GuestPurchase",
    "Member",
    "ProviderTemplate",
    "Purchase",
    "PurchaseLine",
    "PurchaseNumber",
    "Receipt",
    "Referral",
    "ReferralCode",
    "ReferralTerms",
    "Refund",
    "Segment",
    "SegmentMember",
    "StorefrontKey",
    "UnmatchedRefund",
]
