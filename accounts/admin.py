from .activity.admin import BehaviourAdmin, FactKindAdmin, PurchaseAdmin
from .keys.admin import StorefrontKeyAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin
from .segments.admin import SegmentAdmin, SegmentMemberAdmin

__all__ = [
    "BehaviourAdmin",
    "FactKindAdmin",
    "PurchaseAdmin",
    "ReferralAdmin",
    "ReferralTermsAdmin",
    "SegmentAdmin",
    "SegmentMemberAdmin",
    "StorefrontKeyAdmin",
]
