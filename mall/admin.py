from .checkout.admin import BurnPolicyAdmin, CheckoutHoldAdmin, GuestPurchaseAdmin, RefundSettlementAdmin, SettlementAdmin, UnmatchedRefundAdmin
from .markdowns.admin import MarkdownAdmin, MarkdownTermsAdmin

__all__ = [
    "BurnPolicyAdmin",
    "CheckoutHoldAdmin",
    "GuestPurchaseAdmin",
    "MarkdownAdmin",
    "MarkdownTermsAdmin",
    "RefundSettlementAdmin",
    "SettlementAdmin",
    "UnmatchedRefundAdmin",
]
