from .activity.admin import BehaviourAdmin, FactKindAdmin, PurchaseAdmin
from .channels.admin import ChannelSettingsAdmin, ReceiptAdmin
from .keys.admin import StorefrontKeyAdmin
from .leaving.admin import CopyAdmin, ErasureAdmin, LeavingTermsAdmin
from .members.admin import OfMembersAdmin
from .notifications.admin import DeliveryAdmin, NotificationKindAdmin, NotificationSettingsAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin
from .segments.admin import SegmentAdmin, SegmentMemberAdmin

__all__ = [
    "BehaviourAdmin",
    "ChannelSettingsAdmin",
    "CopyAdmin",
    "DeliveryAdmin",
    "ErasureAdmin",
    "FactKindAdmin",
    "LeavingTermsAdmin",
    "NotificationKindAdmin",
    "NotificationSettingsAdmin",
    "OfMembersAdmin",
    "PurchaseAdmin",
    "ReceiptAdmin",
    "ReferralAdmin",
    "ReferralTermsAdmin",
    "SegmentAdmin",
    "SegmentMemberAdmin",
    "StorefrontKeyAdmin",
]
