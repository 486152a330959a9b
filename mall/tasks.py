from .coupons import tasks as coupons
from .markdowns import tasks as markdowns
from .redemptions import tasks as redemptions
from .vouchers import tasks as vouchers

__all__ = ["coupons", "markdowns", "redemptions", "vouchers"]
