from .checkout.models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement
from .flashsale.models import FlashPlan, FlashSale, FlashStock, FlashTicket
from .markdowns.models import Markdown, MarkdownTerms
from .pictures.models import Picture
from .redemptions.models import Redemption, Step
from .rewards.models import Category, Partner, Reward, RewardPicture, RewardPrice, Stock, StockChange
from .topups.models import TopUp, TopUpTerms

__all__ = [
    "BurnPolicy",
    "Category",
    "CheckoutHold",
    "FlashPlan",
    "FlashSale",
    "FlashStock",
    "FlashTicket",
    "Markdown",
    "MarkdownTerms",
    "Partner",
    "Picture",
    "Redemption",
    "RefundSettlement",
    "Reward",
    "RewardPicture",
    "RewardPrice",
    "Settlement",
    "Step",
    "Stock",
    "StockChange",
    "TopUp",
    "TopUpTerms",
]
