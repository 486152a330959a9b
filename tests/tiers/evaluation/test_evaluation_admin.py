"""How operators see and steer growth and evaluation."""

import pytest
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from tiers.evaluation import services
from tiers.evaluation.models import CutPoints, Evaluation, EvaluationPolicy
from tiers.growth.models import GrowthEntry, GrowthRate, GrowthTerms
from tiers.standing.models import Standing

POLICY = {
    "mode": "growth", "spend_weight": 60, "interaction_weight": 40, "spend_full_cents": 1_000_000, "interaction_full": 1_000, "recency_weight": 25,
    "frequency_weight": 25, "monetary_weight": 25, "lifetime_weight": 25, "term_kind": "months", "term_months": 6, "term_years": 0,
    "at_end": "one_step", "grace_days": 7, "sprint_days": 14, "sprint_times": "1.5",
}  # fmt: skip


def test_the_policy_is_changed_on_its_page(ladder_of, client, operator):
    operator("change_evaluationpolicy", "view_evaluationpolicy")
    assert client.post(reverse("admin:tiers_evaluationpolicy_add"), POLICY).status_code == 302
    row = EvaluationPolicy.objects.get()
    assert (row.term_months, row.at_end, row.grace_days, row.sprint_bps, row.history.count()) == (6, "one_step", 7, 15_000, 1)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"mode": "two_dimensions", "spend_weight": 0, "interaction_weight": 0}, "At least one of the two must weigh something."),
        ({"mode": "rfm_ltv", **dict.fromkeys(("recency_weight", "frequency_weight", "monetary_weight", "lifetime_weight"), 0)}, "At least one of the four"),
        ({"sprint_times": "0.5"}, "greater than or equal to 1"),
        ({"term_months": 0}, "greater than or equal to 1"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_with_a_sentence(ladder_of, client, operator, changes, sentence):
    operator("change_evaluationpolicy", "view_evaluationpolicy")
    page = client.post(reverse("admin:tiers_evaluationpolicy_add"), {**POLICY, **changes})
    assert sentence in page.content.decode()
    assert not EvaluationPolicy.objects.exists()


def test_once_members_stand_somewhere_the_policy_and_the_thresholds_change_by_a_plan(world, policy, client, operator):
    policy(term_months=12)
    world.buy(1_000)
    operator("change_evaluationpolicy", "view_evaluationpolicy", "change_tier", "view_tier")
    for name, args in (("tiers_evaluationpolicy_change", [1]), ("tiers_tier_change", ["gold"])):
        page = client.get(reverse(f"admin:{name}", args=args)).content.decode()
        assert 'name="term_months"' not in page
        assert 'name="threshold"' not in page
        assert "ladder plan" in page


def test_a_threshold_rises_with_the_rank(ladder_of, client, operator):
    operator("change_tier", "view_tier")
    about = {"name_zh": "金", "name_en": "Gold", "rank": 30, "colour": "#c9a227", "active": "on", "multiplier": "1.5", "card_url": ""}
    about |= {"benefits-TOTAL_FORMS": "0", "benefits-INITIAL_FORMS": "0"}
    page = client.post(reverse("admin:tiers_tier_change", args=["gold"]), {**about, "threshold": 1_000})
    assert "Thresholds rise with the rank" in page.content.decode()
    assert client.post(reverse("admin:tiers_tier_change", args=["gold"]), {**about, "threshold": 1_001}).status_code == 302


def test_growth_terms_and_rates_are_set_on_their_pages(db, client, operator):
    operator("change_growthterms", "view_growthterms", "add_growthrate", "change_growthrate", "view_growthrate")
    assert client.post(reverse("admin:tiers_growthterms_add"), {"per_unit": "1.5"}).status_code == 302
    assert client.post(reverse("admin:tiers_growthrate_add"), {"kind": "shared", "growth": 5, "most_a_day": 20, "active": "on"}).status_code == 302
    assert GrowthTerms.objects.get().per_unit_bps == 15_000
    assert (GrowthRate.objects.get().growth, AuditEntry.objects.filter(verb="growth_rate.kept").count()) == (5, 1)
    assert client.get(reverse("admin:tiers_growthrate_changelist")).status_code == 200


def test_growth_is_given_once_by_hand_with_a_reason(world, client, operator):
    operator("add_growthentry", "view_growthentry")
    asked = {"member": world.member.external_id, "growth": 1_000, "reason": "goodwill", "key": "K-1"}
    for _ in range(2):
        assert client.post(reverse("admin:tiers_growthentry_add"), asked).status_code == 302
    assert (GrowthEntry.objects.get().growth, Standing.objects.get().tier_id) == (1_000, "silver")
    page = client.post(reverse("admin:tiers_growthentry_add"), {**asked, "member": "nobody", "reason": ""}).content.decode()
    assert "There is no such member." in page


def test_pages_explain_why_a_member_is_where_they_are(world, client, operator):
    number = world.buy(2_000)
    services.recount_purchase(member_id=world.member.id, purchase=number, net_cents=120_000, now=world.now)
    CutPoints(day="2026-07-01", computed_at=world.now, members=5, recency=[1] * 4, frequency=[1] * 4, monetary=[100] * 4, lifetime=[100] * 4).save()
    operator("view_evaluation", "view_growthentry", "view_standing", "view_standingchange", "view_cutpoints")
    assert (
        "reached silver, which begins at 1,000 growth points."
        in client.get(reverse("admin:tiers_evaluation_change", args=[Evaluation.objects.get().id])).content.decode()
    )
    page = client.get(reverse("admin:tiers_standing_change", args=[Standing.objects.get().id])).content.decode()
    assert "To gold" in page
    assert "reached silver" in page
    for name in ("evaluation", "growthentry", "standing", "standingchange", "cutpoints"):
        assert client.get(reverse(f"admin:tiers_{name}_changelist")).status_code == 200
    assert client.get(reverse("admin:tiers_growthentry_change", args=[GrowthEntry.objects.first().id])).status_code == 200


def test_who_may_not_is_refused(world, client, operator):
    operator("view_growthentry")
    assert client.get(reverse("admin:tiers_growthentry_add")).status_code == 403
