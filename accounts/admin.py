from .activity.admin import BehaviourAdmin, FactKindAdmin, PurchaseAdmin
from .channels.admin import ChannelSettingsAdmin, ReceiptAdmin
from .keys.admin import StorefrontKeyAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin
from .segments.admin import SegmentAdmin, SegmentMemberAdmin

__all__ = [
    "BehaviourAdmin",
    "ChannelSettingsAdmin",
    "FactKindAdmin",
    "PurchaseAdmin",
    "ReceiptAdmin",
    "ReferralAdmin",
    "ReferralTermsAdmin",
    "SegmentAdmin",
    "SegmentMemberAdmin",
    "StorefrontKeyAdmin",
]
