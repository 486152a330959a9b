from datetime import timedelta

import pytest
from django.utils import translation

from loyalty.audit.models import AuditEntry
from loyalty.lib import configuration
from tiers.ladder import selectors, services
from tiers.ladder.models import TierBenefit
from tiers.ladder.rules import Band, Benefit


@pytest.fixture
def bring(tiers, now):
    def keep(tier, kind, value=0, *, at=now, **more):
        return services.keep_benefit(tier=tier, kind=kind, value=value, **more, actor="tests", now=at)

    return keep


def test_a_tier_brings_what_it_was_given_in_the_order_of_the_kinds(bring):
    bring("gold", "own_agent")
    bring("gold", "birthday_gift", 100, bands=[Band(3, 200)])
    assert list(selectors.benefits("gold")) == ["birthday_gift", "own_agent"]
    assert [selectors.benefit_value("gold", "birthday_gift", orders=n) for n in (2, 3)] == [100, 200]
    assert (selectors.benefit_value("silver", "birthday_gift"), selectors.benefits("")) == (0, {})
    assert selectors.tiers_with("own_agent") == ["gold"]


def test_benefits_that_did_not_change_are_not_read_again(bring, django_assert_num_queries):
    bring("gold", "own_agent")
    configuration._changing.models = set()
    selectors.benefits("gold")
    with django_assert_num_queries(0):
        assert selectors.benefit_value("gold", "own_agent") == 0


def test_the_same_benefit_again_changes_nothing_and_another_is_kept_with_what_it_was(bring):
    bring("gold", "monthly_allowance", 300)
    bring("gold", "monthly_allowance", 300)
    bring("gold", "monthly_allowance", 500, text_en="500 points a month")
    assert TierBenefit.history.count() == 2
    assert AuditEntry.objects.filter(verb="tier_benefit.kept").latest("id").figures == {"value": [300, 500], "text_en": ["", "500 points a month"]}


def test_what_a_benefit_was_at_a_time_is_known(bring, now):
    for at, points in ((now - timedelta(days=9), 300), (now - timedelta(days=5), 500)):
        bring("gold", "monthly_allowance", points, at=at)
    services.remove_benefit(tier="gold", kind="monthly_allowance", actor="tests", now=now)

    def then(days):
        return {tier: one.value for tier, one in selectors.benefits_as_of(now - timedelta(days=days), kind="monthly_allowance").items()}

    assert (then(10), then(9), then(6), then(5), then(1), then(0)) == ({}, {"gold": 300}, {"gold": 300}, {"gold": 500}, {"gold": 500}, {})
    assert selectors.benefits("gold") == {}


def test_a_benefit_that_cannot_work_is_refused_with_a_sentence(bring, refuses):
    with refuses(services.BenefitInvalid) as refused, translation.override("en"):
        bring("gold", "redemption_discount", 10_001)
    assert {name: list(map(str, said)) for name, said in refused.value.figures["fields"].items()} == {"value": ["From 0.01 to 100."]}


def test_a_tier_nobody_had_is_deleted_with_its_benefits(bring, now):
    bring("gold", "own_agent")
    services.remove(code="gold", actor="tests", now=now)
    assert not TierBenefit.objects.exists()
    assert selectors.benefits("gold") == {}


@pytest.mark.parametrize(
    ("benefit", "said"),
    [
        (Benefit("birthday_multiplier", 20_000), "Points × 2 for your birthday"),
        (Benefit("birthday_gift", 100, bands=(Band(3, 200), Band(6, 300))),
         "100 points for your birthday, 200 from 3 orders within 12 months, 300 from 6 orders within 12 months"),
        (Benefit("redemption_discount", 750), "7.5 % off when you redeem points"),
        (Benefit("early_access", 60), "Flash sales and new rewards 1 hour before others"),
        (Benefit("early_access", 90), "Flash sales and new rewards 90 minutes before others"),
        (Benefit("monthly_allowance", 1), "1 point each month"),
        (Benefit("level_up_gift", 1000), "1,000 points when you reach this tier"),
        (Benefit("own_agent"), "Your own agent"),
        (Benefit("own_agent", text_en="Ask Mei"), "Ask Mei"),
    ],
)  # fmt: skip
def test_members_read_what_a_benefit_is(benefit, said):
    with translation.override("en"):
        assert selectors.benefit_in_words(benefit) == said


def test_what_nobody_would_give_is_promised_in_vain(bring, now, monkeypatch):
    monkeypatch.setattr(selectors, "_givers", {})
    bring("gold", "monthly_allowance", 500)
    bring("gold", "own_agent")
    assert selectors.promised_in_vain("gold", now=now) == []
    selectors.given_by("monthly_allowance", lambda at: at < now)
    assert selectors.promised_in_vain("gold", now=now) == ["monthly_allowance"]
    assert selectors.promised_in_vain("gold", now=now - timedelta(seconds=1)) == []
