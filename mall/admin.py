from .checkout.admin import BurnPolicyAdmin, GuestPurchaseAdmin, UnmatchedRefundAdmin

__all__ = ["BurnPolicyAdmin", "GuestPurchaseAdmin", "UnmatchedRefundAdmin"]
