"""Putting a plan in force: what changes at once, who is lifted, who may do it."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.members.models import Member
from loyalty.audit.models import AuditEntry
from loyalty.outbox.models import OutboxRow
from tiers.evaluation import selectors as evaluations
from tiers.evaluation import services as evaluating
from tiers.evaluation.models import Evaluation, EvaluationPolicy
from tiers.ladder import selectors as ladders
from tiers.ladder_plans import rules, selectors, services
from tiers.ladder_plans.models import LadderPlan, LadderPlanSettings
from tiers.standing import selectors as standings
from tiers.standing.models import Standing

pytestmark = pytest.mark.django_db
Status = LadderPlan.Status


def thresholds():
    return {step.code: step.threshold for step in ladders.ladder()}


@pytest.fixture
def apply(now):
    def act(row, actor="checker"):
        return services.apply(plan_id=row.id, actor=actor, now=now)

    return act


@pytest.fixture
def lifted(now):
    """Lift everybody; how many slices it took."""

    def act():
        slices = 0
        while services.lift(now=now):
            slices += 1
        return slices

    return act


@pytest.fixture
def where(now):
    return lambda member: standings.standing(member_id=member.id, now=now).code


def test_thresholds_and_evaluation_change_together_and_nobody_moves(grown, counted, apply, where, now):
    member = grown(1_500)
    row = apply(counted(term_months=6))
    assert thresholds() == {"bronze": 0, "silver": 2_000, "gold": 8_000}
    assert (EvaluationPolicy.current().term_months, evaluations.policy(now=now).term_months) == (6, 6)
    assert where(member) == "silver"
    assert (row.status, row.applied_by) == (Status.APPLIED, "checker")
    assert row.before["thresholds"] == {"silver": 1_000, "gold": 5_000}
    assert row.before["policy"]["term_months"] == 12
    assert [entry.actor for entry in AuditEntry.objects.filter(verb="ladder_plan.applied")] == ["checker"]
    assert EvaluationPolicy.history.count() == 1


def test_who_rises_is_lifted_by_the_job_and_told_and_knows_why(grown, counted, apply, lifted, where, now):
    rising, staying, falling = grown(3_000), grown(600), grown(1_100)
    row = apply(counted(silver=2_000, gold=3_000))
    assert (where(rising), where(staying), where(falling)) == ("silver", "bronze", "silver")
    lifted()
    row.refresh_from_db()
    assert (where(rising), where(staying), where(falling)) == ("gold", "bronze", "silver")
    assert (row.lifted, row.lifted_at) == (1, now)
    last = Evaluation.objects.filter(member=rising).latest("id")
    assert (last.outcome, last.figure, last.threshold) == ("reached", 3_000, 3_000)
    assert OutboxRow.objects.filter(topic="tiers.standing_changed", member_id=rising.id, payload__tier="gold").count() == 1
    assert services.lift(now=now) == {}


def test_who_falls_falls_when_the_term_ends(grown, counted, apply, lifted, where, now):
    member = grown(1_500)
    apply(counted())
    lifted()
    until = Standing.objects.get(member=member).until
    assert where(member) == "silver"
    evaluating.end_due(limit=10, now=until)
    assert standings.standing(member_id=member.id, now=until).code == "bronze"


def test_what_they_do_until_then_counts(grown, counted, apply, now):
    member = grown(1_500)
    apply(counted())
    evaluating.adjust(member_id=member.id, growth_change=2_000, reason="tests", actor="tests", key="more", now=now + timedelta(days=1))
    until = Standing.objects.get(member=member).until
    evaluating.end_due(limit=10, now=until)
    assert standings.standing(member_id=member.id, now=until).code == "silver"


@pytest.mark.parametrize(("page", "slices"), [(1, 4), (2, 2), (3, 2), (100, 1)])
def test_lifting_goes_on_in_slices_and_lifts_nobody_twice(grown, counted, apply, lifted, monkeypatch, page, slices):
    for growth in (600, 700, 800):
        grown(growth)
    monkeypatch.setattr(services, "LIFTED_AT_ONCE", page)
    row = apply(counted(silver=500, gold=5_000), actor="checker")
    assert lifted() == slices
    row.refresh_from_db()
    assert row.lifted == 3
    assert Evaluation.objects.filter(outcome="reached").count() == 3


def test_members_who_are_gone_are_not_lifted(grown, counted, apply, lifted):
    gone = grown(600)
    row = counted(silver=500, gold=5_000)
    Member.objects.filter(id=gone.id).update(status="closed")
    apply(row)
    lifted()
    assert not Standing.objects.exists()


def test_quintiles_lift_at_once_as_well(grown, counted, apply, lifted, where):
    # Who never bought is in the lowest fifth of everything: 100.
    member = grown(600)
    row = apply(counted(silver=100, gold=500, mode="rfm_ltv"))
    lifted()
    row.refresh_from_db()
    assert (row.lifted, where(member)) == (1, "silver")


def test_a_draft_is_applied_only_where_nobody_stands_anywhere(propose, grown, put, apply, now):
    put(grown(0), "gold")
    with pytest.raises(services.PlanNotCounted), transaction.atomic():
        apply(propose())
    assert thresholds()["gold"] == 5_000
    Standing.objects.all().delete()
    assert apply(propose()).status == Status.APPLIED
    assert thresholds()["gold"] == 8_000


def test_of_two_plans_that_were_counted_the_second_is_stale_once_the_first_is_applied(grown, counted, apply, now):
    grown(1_500)
    first, second = counted(), counted(silver=3_000)
    apply(first)
    with pytest.raises(services.PlanStale), transaction.atomic():
        apply(second)
    services.count(plan_id=second.id, actor="maker", now=now)
    while services.work(now=now):
        pass
    assert apply(second).before["thresholds"] == {"silver": 2_000, "gold": 8_000}


def test_a_plan_of_what_is_in_force_is_not_applied(grown, counted, apply):
    grown(1_500)
    with pytest.raises(services.PlanChangesNothing), transaction.atomic():
        apply(counted(silver=1_000, gold=5_000))


def test_a_second_person_is_somebody_who_had_no_hand_in_it_where_the_settings_ask(grown, counted, policy, apply, now):
    grown(1_500)
    row = counted()
    said = {"plan_id": row.id, "purpose": row.purpose, "policy": row.policy}
    services.change(**said, thresholds={"silver": 2_500, "gold": 8_000}, actor="editor", now=now)
    services.count(plan_id=row.id, actor="maker", now=now)
    services.work(now=now)
    LadderPlanSettings(pk=1, second_person=True).save()
    for actor in ("maker", "editor"):
        with pytest.raises(services.SecondPersonNeeded), transaction.atomic():
            apply(row, actor=actor)
    assert apply(row, actor="checker").status == Status.APPLIED


def test_who_made_it_applies_it_where_no_second_person_is_asked_for(grown, counted, apply):
    grown(1_500)
    assert apply(counted(), actor="maker").applied_by == "maker"


@pytest.mark.parametrize("over", ["applied", "discarded"])
def test_what_is_over_stays_as_it_is(grown, counted, apply, over, now):
    grown(1_500)
    row = counted()
    apply(row) if over == "applied" else services.discard(plan_id=row.id, reason="no", actor="checker", now=now)
    said = {"plan_id": row.id, "actor": "maker", "now": now}
    for act in (
        lambda: services.apply(**said),
        lambda: services.count(**said),
        lambda: services.discard(**said, reason="no"),
        lambda: services.change(**said, purpose="x", thresholds=row.thresholds, policy=row.policy),
    ):
        with pytest.raises(services.PlanOver), transaction.atomic():
            act()


def test_one_that_is_being_counted_is_not_applied_and_can_be_discarded(grown, propose, apply, now):
    grown(1_500)
    row = propose()
    services.count(plan_id=row.id, actor="maker", now=now)
    with pytest.raises(services.PlanOver), transaction.atomic():
        apply(row)
    assert services.discard(plan_id=row.id, reason="not now", actor="maker", now=now).discard_reason == "not now"
    assert services.work(now=now) == 0


def test_a_tier_that_is_made_later_keeps_its_threshold_when_an_earlier_plan_is_applied_anew_counted(grown, propose, tier, apply, now):
    grown(1_500)
    row = propose()
    tier("black", 40, threshold=9_000)
    services.count(plan_id=row.id, actor="maker", now=now)
    services.work(now=now + timedelta(seconds=1))
    apply(row)
    assert thresholds() == {"bronze": 0, "silver": 2_000, "gold": 8_000, "black": 9_000}


def test_the_jobs_say_beforehand_how_many_members_they_would_look_at(grown, propose, apply, lifted, monkeypatch, now):
    for growth in (600, 1_500, 2_500):
        grown(growth)
    row = propose(silver=500, gold=5_000)
    assert selectors.to_count(now=now) == selectors.to_lift(now=now) == {"members": 0}
    services.count(plan_id=row.id, actor="maker", now=now)
    assert selectors.to_count(now=now) == {"members": 3}
    while services.work(now=now):
        pass
    apply(row)
    assert (selectors.to_count(now=now), selectors.to_lift(now=now)) == ({"members": 0}, {"members": 3})
    monkeypatch.setattr(services, "LIFTED_AT_ONCE", 2)
    services.lift(now=now)
    assert selectors.to_lift(now=now) == {"members": 1}
    lifted()
    assert selectors.to_lift(now=now) == {"members": 0}


@pytest.mark.parametrize("seed", range(6))
def test_who_is_lifted_is_whom_the_counting_named(grown, put, tier, counted, apply, lifted, where, now, seed):
    chance = random.Random(f"plan {seed}")
    tier("black", 40, invited_only=True)
    everybody = []
    for number in range(40):
        everybody.append(grown(chance.choice((0, 400, 999, 1_000, 1_001, 3_000, 4_999, 5_000, 9_000)), f"R-{number}"))
        if chance.random() < 0.3:
            put(everybody[-1], chance.choice(("bronze", "silver", "gold", "black")), chance.choice((None, now + timedelta(days=9))))
    silver = chance.choice((1, 400, 1_000, 2_000))
    row = counted(silver=silver, gold=silver + chance.choice((1, 999, 4_000)), **chance.choice(({}, {"mode": "spend"}, {"at_end": "one_step"})))
    before = Counter(where(member) for member in everybody)
    tally = rules.tally_from_json(row.counted)
    assert before == sum((Counter({was: cell.members}) for (_way, was, _to), cell in tally.cells.items()), Counter())
    stood = {member.id: where(member) for member in everybody}
    apply(row)
    lifted()
    moved = Counter((stood[member.id], where(member)) for member in everybody if where(member) != stood[member.id])
    assert moved == {(was, to): cell.members for (way, was, to), cell in tally.cells.items() if way == "up"}
