from .codes import tasks as codes
from .coupons import tasks as coupons
from .flashsale import tasks as flashsale
from .markdowns import tasks as markdowns
from .pictures import tasks as pictures
from .redemptions import tasks as redemptions
from .rentals import tasks as rentals
from .vouchers import tasks as vouchers

__all__ = ["codes", "coupons", "flashsale", "markdowns", "pictures", "redemptions", "rentals", "vouchers"]
