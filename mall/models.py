from .checkout.models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement
from .codes.models import Code, CodeImport, CodePool
from .coupons.models import Coupon, CouponBatch, CouponTemplate
from .flashsale.models import FlashPlan, FlashSale, FlashStock, FlashTicket
from .markdowns.models import Markdown, MarkdownTerms
from .pictures.models import Picture
from .privileges.models import Privilege, PrivilegeKind, PrivilegeUse
from .redemptions.models import Redemption, Step
from .rentals.models import Renewal, Rental, RentalTerms
from .revival.models import RevivalReward, RevivalUse, RevivalWindow
from .rewards.models import Category, Partner, Reward, RewardPicture, RewardPrice, Stock, StockChange
from .topups.models import TopUp, TopUpTerms
from .vouchers.models import Provider, ProviderProduct, VoucherAttempt, VoucherOrder

__all__ = [
    "BurnPolicy",
    "Category",
    "CheckoutHold",
    "Code",
    "CodeImport",
    "CodePool",
    "Coupon",
    "CouponBatch",
    "CouponTemplate",
    "FlashPlan",
    "FlashSale",
    "FlashStock",
    "FlashTicket",
    "Markdown",
    "MarkdownTerms",
    "Partner",
    "Picture",
    "Privilege",
    "PrivilegeKind",
    "PrivilegeUse",
    "Provider",
    "ProviderProduct",
    "Redemption",
    "RefundSettlement",
    "Renewal",
    "Rental",
    "RentalTerms",
    "RevivalReward",
    "RevivalUse",
    "RevivalWindow",
    "Reward",
    "RewardPicture",
    "RewardPrice",
    "Settlement",
    "Step",
    "Stock",
    "StockChange",
    "TopUp",
    "TopUpTerms",
    "VoucherAttempt",
    "VoucherOrder",
]
