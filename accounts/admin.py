from .activity.admin import PurchaseAdmin
from .keys.admin import StorefrontKeyAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin
from .segments.admin import SegmentAdmin, SegmentMemberAdmin

__all__ = ["PurchaseAdmin", "ReferralAdmin", "ReferralTermsAdmin", "SegmentAdmin", "SegmentMemberAdmin", "StorefrontKeyAdmin"]
