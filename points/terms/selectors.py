from datetime import timedelta

from django.utils.translation import gettext as _

from .models import Terms
from .rules import ExpiryPolicy


def terms() -> Terms:
    """The terms in force for points earned now."""
    return Terms.current()


def are_set() -> bool:
    """Whether anybody has ever set the terms; until then those in force are nobody's decision."""
    return Terms.current().pk is not None


def restore_grace() -> timedelta:
    return timedelta(days=Terms.current().restore_grace_days)


def in_words(kept: str) -> str:
    """The terms of a lot as people read them."""
    if kept == "as_received":
        return _("as received")
    policy = ExpiryPolicy.parse(kept)
    figures = {"length": policy.length, "month": policy.first_month}
    match policy.kind:
        case "months":
            words = _("%(length)s months") % figures
        case "days":
            words = _("%(length)s days") % figures
        case "calendar_year":
            words = _("end of the calendar year, + %(length)s years") % figures if policy.length else _("end of the calendar year")
        case "fiscal_year":
            words = _("end of the fiscal year from month %(month)s, + %(length)s years") % figures
        case "until":
            words = _("through %(day)s") % {"day": f"{policy.length // 10_000}-{policy.length // 100 % 100:02}-{policy.length % 100:02}"}
        case "never":
            words = _("never expires")
    return f"{words} ({policy.zone})" if policy.zone else words
