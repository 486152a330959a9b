from .activity.models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .channels.models import ChannelSettings, ProviderTemplate, Receipt
from .keys.models import StorefrontKey
from .leaving.models import Copy, CopyPart, Erasure, LeavingTerms
from .members.models import Member
from .referrals.models import Referral, ReferralCode, ReferralTerms
from .segments.models import Segment, SegmentMember

__all__ = [
    "Behaviour",
    "ChannelSettings",
    "Copy",
    "CopyPart",
    "Erasure",
    "FactKind",
    "GuestPurchase",
    "LeavingTerms",
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
