from .activity.admin import PurchaseAdmin
from .keys.admin import StorefrontKeyAdmin

__all__ = ["PurchaseAdmin", "StorefrontKeyAdmin"]
