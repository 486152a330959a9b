from .checkout.admin import BurnPolicyAdmin, CheckoutHoldAdmin, GuestPurchaseAdmin, RefundSettlementAdmin, SettlementAdmin, UnmatchedRefundAdmin

__all__ = ["BurnPolicyAdmin", "CheckoutHoldAdmin", "GuestPurchaseAdmin", "RefundSettlementAdmin", "SettlementAdmin", "UnmatchedRefundAdmin"]
