from .checkout.models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement
from .redemptions.models import Redemption, Step
from .rewards.models import Category, Partner, Picture, Reward, RewardPicture, RewardPrice, Stock, StockChange

__all__ = [
    "BurnPolicy", "Category", "CheckoutHold", "Partner", "Picture", "Redemption", "RefundSettlement", "Reward", "RewardPicture", "RewardPrice",
    "Settlement", "Step", "Stock", "StockChange",
]  # fmt: skip
