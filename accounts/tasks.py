from .channels import tasks as channels
from .leaving import tasks as leaving
from .notifications import tasks as notifications
from .referrals import tasks as referrals

__all__ = ["channels", "leaving", "notifications", "referrals"]
