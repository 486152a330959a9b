from datetime import timedelta

from .models import Terms


def terms() -> Terms:
    """The terms in force for points earned now."""
    return Terms.current()


def restore_grace() -> timedelta:
    return timedelta(days=Terms.current().restore_grace_days)
