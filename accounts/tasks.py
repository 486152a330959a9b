from .referrals import tasks as referrals

__all__ = ["referrals"]
