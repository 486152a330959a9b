"""Ladder plans at once, on a real PostgreSQL: one of them is applied, members are counted and lifted once. With a control that goes wrong."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connections

from accounts.members import services as members
from loyalty.lib.configuration import Configuration
from loyalty.lib.refusals import BusinessError
from tiers.evaluation import rules as evaluation
from tiers.evaluation import services as evaluating
from tiers.evaluation.models import Evaluation
from tiers.ladder import selectors as ladders
from tiers.ladder import services as ladder
from tiers.ladder_plans import rules, selectors, services
from tiers.ladder_plans.models import LadderPlan

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 11, 4, tzinfo=UTC)


@pytest.fixture
def crowd():
    """A ladder of two, and forty members with growth from 100 to 4,000."""
    for rank, (code, threshold) in enumerate({"bronze": 0, "silver": 3_000}.items(), 1):
        ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=10_000, threshold=threshold, actor="tests", now=NOW)
    found = sorted(members.ensure_all(external_ids=[f"M-{n}" for n in range(1, 41)], now=NOW).items())
    for ref, member in found:
        growth = 100 * int(ref.removeprefix("M-"))
        evaluating.adjust(member_id=member, growth_change=growth, reason="tests", actor="tests", key="growth", now=NOW)


def plan(silver):
    said = {name: value for name, value in asdict(evaluation.Policy()).items() if name in selectors.POLICY}
    return services.propose(purpose=f"From {silver}", thresholds={"silver": silver}, policy=said, actor="maker", key=uuid4(), now=NOW)


def counted(silver):
    row = plan(silver)
    services.count(plan_id=row.id, actor="maker", now=NOW)
    while services.work(now=NOW):
        pass
    return row


def at_once(*acts):
    """What becomes of acts that begin together: what each gives, or why it was refused."""
    start = Barrier(len(acts))

    def run(act):
        start.wait()
        try:
            return act()
        except BusinessError as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def applies(row):
    return lambda: services.apply(plan_id=row.id, actor="checker", now=NOW).purpose


def test_of_plans_applied_at_once_one_is_and_the_others_are_stale(crowd):
    rows = [counted(silver) for silver in (500, 1_000, 1_500, 2_000)]
    became = at_once(*map(applies, rows))
    assert sorted(code for code in became if not code.startswith("From")) == ["ladder_plan_stale"] * 3
    [applied] = LadderPlan.objects.filter(status=LadderPlan.Status.APPLIED)
    Configuration._held.clear()
    assert {step.code: step.threshold for step in ladders.ladder()}["silver"] == applied.thresholds["silver"]


def test_without_the_lock_each_would_find_itself_counted_on_what_is_in_force(crowd, monkeypatch):
    rows = [counted(silver) for silver in (500, 1_000)]
    meeting = Barrier(2)
    stale = selectors.stale

    def all_have_asked(row):
        said = stale(row)
        meeting.wait(10)
        return said

    monkeypatch.setattr(services, "_lock_what_is_in_force", lambda: None)
    monkeypatch.setattr(selectors, "stale", all_have_asked)
    assert sorted(at_once(*map(applies, rows))) == ["From 1000", "From 500"]


def test_one_plan_is_applied_once_whoever_comes(crowd):
    row = counted(500)
    became = at_once(*[applies(row)] * 8)
    assert sorted(became) == ["From 500", *["ladder_plan_over"] * 7]


def test_workers_at_once_count_everybody_once(crowd, monkeypatch):
    monkeypatch.setattr(services, "PAGE", 7)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    row = plan(500)
    services.count(plan_id=row.id, actor="maker", now=NOW)

    def work():
        while LadderPlan.objects.get(id=row.id).status == LadderPlan.Status.COUNTING:
            services.work(now=NOW)

    at_once(*[work] * 4)
    row.refresh_from_db()
    tally = rules.tally_from_json(row.counted)
    assert (row.done, tally.members, tally.count("up"), tally.count("stays")) == (40, 40, 25, 15)


def test_workers_at_once_lift_everybody_once(crowd, monkeypatch):
    monkeypatch.setattr(services, "LIFTED_AT_ONCE", 7)
    row = counted(500)
    services.apply(plan_id=row.id, actor="checker", now=NOW)

    def work():
        while LadderPlan.objects.get(id=row.id).lifted_at is None:
            services.lift(now=NOW)

    before = Evaluation.objects.count()
    at_once(*[work] * 4)
    row.refresh_from_db()
    # Those from 500 up to 2,900; the others stood there.
    assert (row.lifted, Evaluation.objects.count() - before) == (25, 25)
