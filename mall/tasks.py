from .redemptions import tasks as redemptions

__all__ = ["redemptions"]
