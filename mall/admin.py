from .checkout.admin import BurnPolicyAdmin, CheckoutHoldAdmin, GuestPurchaseAdmin, RefundSettlementAdmin, SettlementAdmin, UnmatchedRefundAdmin
from .codes.admin import CodeAdmin, CodeImportAdmin, CodePoolAdmin
from .coupons.admin import CouponAdmin, CouponBatchAdmin, CouponTemplateAdmin
from .flashsale.admin import FlashPlanAdmin, FlashSaleAdmin
from .markdowns.admin import MarkdownAdmin, MarkdownTermsAdmin
from .privileges.admin import PrivilegeAdmin, PrivilegeKindAdmin
from .topups.admin import TopUpAdmin, TopUpTermsAdmin
from .vouchers.admin import ProviderAdmin, VoucherOrderAdmin
from .redemptions.admin import RedemptionAdmin

__all__ = [
    "BurnPolicyAdmin",
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
    "PrivilegeAdmin",
    "PrivilegeKindAdmin",
    "ProviderAdmin",
    "RedemptionAdmin",
    "RefundSettlementAdmin",
    "SettlementAdmin",
    "TopUpAdmin",
    "TopUpTermsAdmin",
    "UnmatchedRefundAdmin",
    "VoucherOrderAdmin",
]
