from .activity.models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseLine, PurchaseNumber, Refund, UnmatchedRefund
from .channels.models import ChannelSettings, ProviderTemplate, Receipt
from .keys.models import StorefrontKey
from .leaving.models import Copy, CopyPart, Erasure, LeavingTerms
from .members.models import Member
from .notifications.models import (
    Address,
    Attempt,
    ChannelPace,
    Delivery,
    InboxItem,
    MarketingDay,
    Message,
    NotificationKind,
    NotificationSettings,
    Preference,
    Template,
)
from .referrals.models import Referral, ReferralCode, ReferralTerms
from .segments.models import Segment, SegmentMember

__all__ = [
    "Address",
    "Attempt",
    "Behaviour",
    "ChannelPace",
    "ChannelSettings",
    "Copy",
    "CopyPart",
    "Delivery",
    "Erasure",
    "FactKind",
    "GuestPurchase",
    "InboxItem",
    "LeavingTerms",
    "MarketingDay",
    "Member",
    "Message",
    "NotificationKind",
    "NotificationSettings",
    "Preference",
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
    "Template",
    "UnmatchedRefund",
]
