from .activity.admin import PurchaseAdmin
from .keys.admin import StorefrontKeyAdmin
from .referrals.admin import ReferralAdmin, ReferralTermsAdmin

__all__ = ["PurchaseAdmin", "ReferralAdmin", "ReferralTermsAdmin", "StorefrontKeyAdmin"]
