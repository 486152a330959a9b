from .checkout.models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement

__all__ = ["BurnPolicy", "CheckoutHold", "RefundSettlement", "Settlement"]
