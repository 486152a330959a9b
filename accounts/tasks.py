from .channels import tasks as channels
from .notifications import tasks as notifications
from .referrals import tasks as referrals

__all__ = ["channels", "notifications", "referrals"]
