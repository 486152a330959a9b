from .checkout.admin import BurnPolicyAdmin, CheckoutHoldAdmin, GuestPurchaseAdmin, RefundSettlementAdmin, SettlementAdmin, UnmatchedRefundAdmin
from .codes.admin import CodeAdmin, CodeImportAdmin, CodePoolAdmin
from .markdowns.admin import MarkdownAdmin, MarkdownTermsAdmin
from .privileges.admin import PrivilegeAdmin, PrivilegeKindAdmin
from .vouchers.admin import ProviderAdmin, VoucherOrderAdmin

__all__ = [
    "BurnPolicyAdmin",
    "CheckoutHoldAdmin",
    "CodeAdmin",
    "CodeImportAdmin",
    "CodePoolAdmin",
    "GuestPurchaseAdmin",
    "MarkdownAdmin",
    "MarkdownTermsAdmin",
    "PrivilegeAdmin",
    "PrivilegeKindAdmin",
    "ProviderAdmin",
    "RefundSettlementAdmin",
    "SettlementAdmin",
    "UnmatchedRefundAdmin",
    "VoucherOrderAdmin",
]
