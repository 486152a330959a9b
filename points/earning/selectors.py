from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import held
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError

from .models import RuleVersion
from .rules import RATE, Formula


class NoRule(BusinessError):
    code, status, title = "no_rule", 409, _("No earning rule is published.")


def current() -> RuleVersion | None:
    """The rule version that decides now; None where none was published: nothing is earned.

    Like the programme's settings, a version published elsewhere is in force here within CONFIGURATION_SECONDS.
    """
    return held(RuleVersion, lambda: RuleVersion.objects.order_by("-number").first())


def in_force(*, at: datetime) -> RuleVersion | None:
    """The rule version that decided at that time."""
    return RuleVersion.objects.filter(published_at__lte=at).order_by("-number").first()


def version(number: int) -> RuleVersion:
    return RuleVersion.objects.get(number=number)


def formula(version: RuleVersion | None, *, currency: str) -> Formula:
    """The version as the rules know it."""
    if version is None:
        return Formula(rate=0, minor_digits=minor_digits(currency))
    rates = {category: int(RATE * Decimal(rate)) for category, rate in version.categories.items()}
    return Formula(rate=int(version.points_per_unit * RATE), categories=rates, minor_digits=minor_digits(currency))
