from datetime import timedelta

from .models import Terms


def terms() -> Terms:
    """The terms in force for points earned now."""
    return Terms.current()


def are_set() -> bool:
    """Whether anybody has ever set the terms; until then those in force are nobody's decision."""
    return Terms.current().pk is not None


def restore_grace() -> timedelta:
    return timedelta(days=Terms.current().restore_grace_days)
