"""Publishing a version of the earning rule."""

from decimal import Decimal

import pytest
from django.db import InternalError, transaction

from points.earning import selectors, services
from points.earning.models import RuleVersion

pytestmark = pytest.mark.django_db


def publish(now, rate="1", **categories):
    return services.publish(points_per_unit=Decimal(rate), categories=categories, actor="anna", now=now)


def test_without_any_version_nothing_is_earned():
    assert selectors.current() is None
    assert selectors.formula(None, currency="CNY").rate == 0


def test_versions_count_up_and_the_newest_is_in_force(now):
    first, second = publish(now), publish(now, "2", FOOD="0.5")
    assert (first.number, second.number, selectors.current()) == (1, 2, second)
    assert selectors.version(1) == first


def test_a_version_reads_as_exact_rates(now):
    formula = selectors.formula(publish(now, "1.2345", FOOD="0.0001", TOYS="0"), currency="KWD")
    assert (formula.rate, formula.categories, formula.minor_digits) == (12_345, {"FOOD": 1, "TOYS": 0}, 3)


@pytest.mark.parametrize("rate", ["-1", "-0.0001", "9999.0001", "10000", "1.00001", "0.00005"])
def test_a_rate_is_a_number_from_0_to_9999_with_four_decimals_at_most(now, refuses, rate):
    for arguments in ({"rate": rate}, {"FOOD": rate}):
        with refuses(services.RateInvalid):
            publish(now, **arguments)
    assert not RuleVersion.objects.exists()


@pytest.mark.parametrize("rate", ["0", "0.0001", "9999", "1.50000"])
def test_the_ends_of_that_range_are_good(now, rate):
    assert publish(now, rate, FOOD=rate).number == 1


@pytest.mark.parametrize("act", ["save", "delete"])
def test_a_published_version_never_changes(now, act):
    version = publish(now)
    version.points_per_unit = 99
    with pytest.raises(InternalError), transaction.atomic():
        getattr(version, act)()
    assert RuleVersion.objects.get().points_per_unit == 1
