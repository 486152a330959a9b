from .channels import tasks as channels
from .referrals import tasks as referrals

__all__ = ["channels", "referrals"]
