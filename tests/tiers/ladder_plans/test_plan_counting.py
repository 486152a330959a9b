"""From a draft to counted figures: what is looked at, in slices, and when it does not hold any more."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from accounts.members.models import Member
from loyalty.audit.models import AuditEntry
from tiers.evaluation.models import EvaluationPolicy
from tiers.ladder import services as ladders
from tiers.ladder_plans import rules, selectors, services
from tiers.ladder_plans.models import LadderPlan
from tiers.standing import selectors as standings
from tiers.standing.models import Standing

pytestmark = pytest.mark.django_db
Status = LadderPlan.Status


def cells(row):
    tally = rules.tally_from_json(row.counted)
    return {key: cell.members for key, cell in tally.cells.items()}


def test_counting_says_who_would_move_and_moves_nobody(grown, put, counted, now):
    for growth in (0, 500, 1_000, 1_999, 2_000, 4_999, 5_000, 7_999, 8_000):
        grown(growth)
    put(grown(0, "by hand"), "gold")
    before = list(Standing.objects.order_by("member_id").values())
    row = counted()
    assert (row.status, row.done, row.total, row.percent) == (Status.COUNTED, 10, 10, 100)
    assert cells(row) == {
        ("stays", "bronze", "bronze"): 2,
        ("down", "silver", "bronze"): 2,
        ("stays", "silver", "silver"): 2,
        ("down", "gold", "silver"): 2,
        ("stays", "gold", "gold"): 1,
        ("held", "gold", "bronze"): 1,
    }
    assert list(Standing.objects.order_by("member_id").values()) == before
    assert row.counted_at == now
    assert not selectors.stale(row)


def test_a_cheaper_ladder_lifts(grown, counted):
    for growth in (0, 500, 1_000, 3_000, 5_000):
        grown(growth)
    row = counted(silver=500, gold=3_000)
    assert {key: n for key, n in cells(row).items() if key[0] != "stays"} == {("up", "bronze", "silver"): 1, ("up", "silver", "gold"): 1}


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_slices_of_any_size_come_to_the_same(grown, counted, monkeypatch, page):
    for growth in (0, 1_500, 2_500, 6_000, 9_000):
        grown(growth)
    monkeypatch.setattr(services, "PAGE", page)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    row = counted()
    assert (row.done, sum(cells(row).values())) == (5, 5)
    assert cells(row)["down", "silver", "bronze"] == 1


def test_a_slice_is_kept_or_has_never_been(grown, propose, monkeypatch, now):
    for growth in (0, 1_500, 2_500):
        grown(growth)
    monkeypatch.setattr(services, "PAGE", 1)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    row = propose()
    services.count(plan_id=row.id, actor="maker", now=now)
    assert services.work(now=now) == 1
    row.refresh_from_db()
    assert (row.status, row.done, row.percent) == (Status.COUNTING, 1, 33)
    monkeypatch.setattr(services.selectors, "seen", lambda *_args, **_more: 1 / 0)
    assert services.work(now=now) == 1
    row.refresh_from_db()
    assert (row.status, "ZeroDivisionError" in row.error) == (Status.DRAFT, True)
    assert services.work(now=now) == 0


def test_where_what_is_in_force_changes_meanwhile_it_begins_anew(grown, propose, tier, monkeypatch, now):
    for growth in (0, 1_500, 2_500):
        grown(growth)
    monkeypatch.setattr(services, "PAGE", 1)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    row = propose()
    services.count(plan_id=row.id, actor="maker", now=now)
    services.work(now=now)
    tier("silver", 20, 13_000, threshold=1_000)
    while services.work(now=now):
        pass
    row.refresh_from_db()
    assert (row.status, row.done, sum(cells(row).values())) == (Status.COUNTED, 3, 3)
    assert not selectors.stale(row)


@pytest.mark.parametrize("what", ["threshold", "multiplier", "new tier", "evaluation", "nothing"])
def test_counted_figures_are_stale_once_ladder_or_evaluation_have_changed(grown, counted, tier, what):
    grown(1_500)
    row = counted()
    if what == "threshold":
        tier("silver", 20, 12_000, threshold=1_001)
    elif what == "multiplier":
        tier("silver", 20, 13_000, threshold=1_000)
    elif what == "new tier":
        tier("black", 40)
    elif what == "evaluation":
        EvaluationPolicy(pk=1, grace_days=3).save()
    else:
        tier("silver", 20, 12_000, threshold=1_000)
    assert selectors.stale(row) is (what != "nothing")


def test_members_who_are_gone_are_not_counted(grown, counted):
    grown(1_500)
    Member.objects.filter(id=grown(2_500).id).update(status="closed")
    assert counted().done == 1


def test_what_happened_after_the_counting_is_not_in_it_and_what_is_too_old_neither(grown, propose, now):
    grown(1_500)
    row = propose(silver=1_500, gold=8_000)
    services.count(plan_id=row.id, actor="maker", now=now)
    while services.work(now=now + timedelta(days=800)):
        pass
    row.refresh_from_db()
    assert cells(row) == {("down", "silver", "bronze"): 1}


def test_another_way_of_evaluating_is_counted_by_its_own_figure(grown, put, counted):
    grown(6_000)
    assert cells(counted(mode="spend")) == {("down", "gold", "bronze"): 1}


def test_quintiles_are_made_for_the_counting_where_there_are_none(grown, counted):
    grown(6_000)
    row = counted(silver=101, gold=500, mode="rfm_ltv")
    assert row.counted["cuts"] == {name: [0, 0, 0, 0] for name in ("recency", "frequency", "monetary", "lifetime")}
    assert cells(row) == {("down", "gold", "bronze"): 1}


def test_a_plan_with_faults_is_refused_with_a_sentence_at_each(propose, policy):
    with pytest.raises(services.PlanInvalid) as no, transaction.atomic():
        propose(silver=5_000, gold=5_000)
    assert no.value.figures["fields"] == {"threshold_gold": ["At least 5,001, or a higher tier would be reached by less than the one below it."]}
    with pytest.raises(services.PlanInvalid) as no, transaction.atomic():
        propose(mode="two_dimensions", spend_weight=0, interaction_weight=0, term_months=0, gold=10_001)
    assert set(no.value.figures["fields"]) == {"spend_weight", "term_months", "threshold_gold"}


def test_a_plan_says_what_it_is_for(policy, ladder, now):
    with pytest.raises(services.PlanInvalid) as no, transaction.atomic():
        services.propose(purpose="  ", thresholds={}, policy=policy(), actor="maker", key=uuid4(), now=now)
    assert list(no.value.figures["fields"]) == ["purpose"]


def test_a_form_sent_twice_is_one_plan(propose):
    key = uuid4()
    assert propose(key=key).id == propose(key=key).id
    assert LadderPlan.objects.count() == 1
    assert AuditEntry.objects.filter(verb="ladder_plan.proposed").count() == 1


def test_a_counted_plan_that_is_changed_is_a_draft_again(grown, counted, policy, now):
    grown(1_500)
    row = counted()
    said = {"plan_id": row.id, "purpose": row.purpose, "actor": "other", "now": now}
    same = services.change(**said, thresholds=row.thresholds, policy=row.policy)
    assert (same.status, same.authors) == (Status.COUNTED, ["maker"])
    changed = services.change(**said, thresholds={**row.thresholds, "gold": 9_000}, policy=row.policy)
    assert (changed.status, changed.counted, changed.counted_at, changed.authors) == (Status.DRAFT, {}, None, ["maker", "other"])


def test_what_a_plan_changes_is_told_in_words(propose, grown):
    row = propose(term_months=6, mode="spend", silver=1_000)
    assert selectors.said_changes(row) == [
        ("Threshold of Gold", "5,000", "8,000"),
        ("what decides", "growth in the term", "spend in the term"),
        ("months", "12", "6"),
    ]


def test_what_the_tiers_bring_makes_the_cost(grown, counted, now):
    for kind, values in {"level_up_gift": (100, 300), "monthly_allowance": (50, 500)}.items():
        for tier, value in zip(("silver", "gold"), values, strict=True):
            ladders.keep_benefit(tier=tier, kind=kind, value=value, actor="tests", now=now)
    for growth in (500, 600, 3_000, 4_000):
        grown(growth)
    told = selectors.pulls(counted(silver=500, gold=3_000))
    assert [(one.way, one.after.code, one.members, one.gift, one.allowance) for one in told] == [
        ("up", "gold", 2, 600, 900),
        ("up", "silver", 2, 200, 100),
    ]


def test_where_a_member_stands_is_what_counts_now(grown, put, counted, now):
    lapsed = grown(0, "lapsed")
    put(lapsed, "gold", until=now + timedelta(days=1))
    Standing.objects.filter(member=lapsed).update(since=now - timedelta(days=2), until=now, due_at=now)
    assert standings.standing(member_id=lapsed.id, now=now).code == "bronze"
    assert cells(counted()) == {("stays", "bronze", "bronze"): 1}
