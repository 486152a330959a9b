from .checkout.admin import BurnPolicyAdmin, CheckoutHoldAdmin, GuestPurchaseAdmin, RefundSettlementAdmin, SettlementAdmin, UnmatchedRefundAdmin
from .codes.admin import CodeAdmin, CodeImportAdmin, CodePoolAdmin
from .coupons.admin import CouponAdmin, CouponBatchAdmin, CouponTemplateAdmin
from .flashsale.admin import FlashPlanAdmin, FlashSaleAdmin
from .markdowns.admin import MarkdownAdmin, MarkdownTermsAdmin
from .privileges.admin import PrivilegeAdmin, PrivilegeKindAdmin
from .redemptions.admin import RedemptionAdmin
from .rentals.admin import RentalAdmin, RentalTermsAdmin
from .revival.admin import RevivalWindowAdmin
from .rewards.admin import CategoryAdmin, PartnerAdmin, RewardAdmin, StockChangeAdmin
from .topups.admin import TopUpAdmin, TopUpTermsAdmin
from .vouchers.admin import ProviderAdmin, VoucherOrderAdmin

__all__ = [
    "BurnPolicyAdmin",
    "CategoryAdmin",
    "CheckoutHoldAdmin",
    "CodeAdmin",
    "CodeImportAdmin",
    "CodePoolAdmin",
    "CouponAdmin",
    "CouponBatchAdmin",
    "CouponTemplateAdmin",
    "FlashPlanAdmin",
    "FlashSaleAdmin",
    "GuestPurchaseAdmin",
    "MarkdownAdmin",
    "MarkdownTermsAdmin",
    "PartnerAdmin",
    "PrivilegeAdmin",
    "PrivilegeKindAdmin",
    "ProviderAdmin",
    "RedemptionAdmin",
    "RefundSettlementAdmin",
    "RentalAdmin",
    "RentalTermsAdmin",
    "RevivalWindowAdmin",
    "RewardAdmin",
    "SettlementAdmin",
    "StockChangeAdmin",
    "TopUpAdmin",
    "TopUpTermsAdmin",
    "UnmatchedRefundAdmin",
    "VoucherOrderAdmin",
]
