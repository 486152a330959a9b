from .checkout.models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement
from .markdowns.models import Markdown, MarkdownTerms
from .pictures.models import Picture
from .redemptions.models import Redemption, Step
from .rewards.models import Category, Partner, Reward, RewardPicture, RewardPrice, Stock, StockChange

__all__ = [
    "BurnPolicy",
    "Category",
    "CheckoutHold",
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
]
