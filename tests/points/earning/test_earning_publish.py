"""Publishing points per unit of money, the shortest way to a rule for purchases."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import InternalError, transaction

from points.earning import rules as earning_rules
from points.rulebook import selectors, services
from points.rulebook.models import RuleVersion

pytestmark = pytest.mark.django_db


def publish(now, rate="1", **categories):
    return services.publish_formula(points_per_unit=Decimal(rate), categories=categories, actor="anna", now=now)


def test_without_any_version_nothing_is_in_force(now):
    assert selectors.in_force(at=now) is None
    assert selectors.rulebook(seen=selectors.generation()).at("purchase", now) == []


def test_versions_count_up_and_the_newest_is_in_force_from_its_first_instant(now):
    first, second = publish(now), publish(now, "2", FOOD="0.5")
    assert (first.number, second.number, selectors.in_force(at=now)) == (1, 2, second)
    assert selectors.version(code="purchase", number=1) == first


def test_the_first_version_is_in_force_for_facts_of_any_age_and_ends_where_the_second_begins(now):
    first, second = publish(now), publish(now + timedelta(days=1))
    instant = timedelta(microseconds=1)
    assert selectors.in_force(at=now - timedelta(days=9999)) == first
    assert selectors.in_force(at=now + timedelta(days=1) - instant) == first
    assert selectors.in_force(at=now + timedelta(days=1)) == second


def test_a_version_reads_as_exact_rates(now):
    effect = publish(now, "1.2345", FOOD="0.0001", TOYS="0").said.effect
    assert (effect.rate, dict(effect.by_category)) == (12_345, {"FOOD": 1, "TOYS": 0})
    assert [earning_rules.rate_of(effect, category) for category in ("", "FOOD", "FOOD/FISH", "TOYS")] == [12_345, 1, 1, 0]


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
    version.definition = {}
    with pytest.raises(InternalError), transaction.atomic():
        getattr(version, act)()
    assert RuleVersion.objects.get().said.effect.rate == 10_000
