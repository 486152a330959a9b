from .activity.admin import BehaviourAdmin, FactKindAdmin, PurchaseAdmin
from .channels.admin import ChannelSettingsAdmin, ReceiptAdmin
from .keys.admin import StorefrontKeyAdmin
from .notifications.admin import DeliveryAdmin, NotificationKindAdmin, NotificationSettingsAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin
from .segments.admin import SegmentAdmin, SegmentMemberAdmin

__all__ = [
    "BehaviourAdmin",
    "ChannelSettingsAdmin",
    "DeliveryAdmin",
    "FactKindAdmin",
    "NotificationKindAdmin",
    "NotificationSettingsAdmin",
    "PurchaseAdmin",
    "ReceiptAdmin",
    "ReferralAdmin",
    "ReferralTermsAdmin",
    "SegmentAdmin",
    "SegmentMemberAdmin",
    "StorefrontKeyAdmin",
]
