"""Publishing a burn policy."""

import pytest
from django.db import InternalError, transaction

from mall.checkout import selectors, services
from mall.checkout.models import BurnPolicy

pytestmark = pytest.mark.django_db


def test_without_any_policy_a_hundred_points_are_one_unit_of_money(now):
    assert selectors.burn_policy(now=now) is None
    policy = selectors.policy_rules(None)
    assert (policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps) == (100, 0, 1, 10_000)


def test_versions_count_up_and_the_newest_is_in_force(publish_policy, now):
    publish_policy(points_per_unit=50)
    assert publish_policy(points_per_unit=200, threshold=10, step=5, max_share_bps=1).number == 2
    policy = selectors.policy_rules(selectors.burn_policy(now=now))
    assert (policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps) == (200, 10, 5, 1)


@pytest.mark.parametrize("wrong", [{"points_per_unit": 0}, {"step": 0}, {"threshold": -1}, {"max_share_bps": -1}, {"max_share_bps": 10_001}])
def test_a_policy_that_cannot_work_is_refused(publish_policy, refuses, wrong):
    with refuses(services.PolicyInvalid):
        publish_policy(**wrong)
    assert not BurnPolicy.objects.exists()


@pytest.mark.parametrize("act", ["save", "delete"])
def test_a_published_policy_never_changes(publish_policy, act):
    policy = publish_policy()
    policy.points_per_unit = 1
    with pytest.raises(InternalError), transaction.atomic():
        getattr(policy, act)()
    assert BurnPolicy.objects.get().points_per_unit == 100
