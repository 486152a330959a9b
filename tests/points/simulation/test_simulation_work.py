"""A simulation as a job: in slices, killed, twice at once, cancelled, failed, begun again."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connections, transaction

from accounts.segments import services as segments
from loyalty.audit.models import AuditEntry
from points.budgets import services as budgets
from points.cards import services as cards
from points.cards.models import CardKind
from points.earning import services as earning
from points.ledger.models import Entry
from points.rulebook import services as rulebook
from points.rulebook.models import RuleVersion
from points.simulation import services, tasks
from points.simulation.models import SimulatedMember, Simulation
from tests.points.earning.world import definition
from tests.points.simulation.conftest import NOON
from tiers.ladder import services as ladder
from tiers.standing import services as standings

pytestmark = pytest.mark.django_db


@pytest.fixture
def short_slices(monkeypatch):
    """Two facts are read at a time, and a slice is one page."""
    monkeypatch.setattr(services, "PAGE", 2)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)


def figures(row):
    return row.status, row.done, row.total, row.result


def test_it_tells_what_the_change_would_have_come_to(history, draft, run, each):
    row = run(draft(rate=20_000))
    old, new = row.result["points"]
    assert row.status == "done"
    assert (row.done, row.total, row.percent) == (18, 18, 100)
    assert new == 2 * old
    assert row.result["percent"] == 100
    assert (row.result["gaining"], row.result["losing"], row.result["same"]) == (5, 0, 0)
    assert {ref: 2 * before for ref, (before, _new) in each(row).items()} == {ref: after for ref, (_old, after) in each(row).items()}


def test_the_old_side_is_what_the_ledger_says(history, draft, run, each):
    earned = {}
    for member, kind, points in Entry.objects.values_list("member__external_id", "kind", "points"):
        earned[member] = earned.get(member, 0) + (points if kind == "earn" else -points)
    assert {ref: old for ref, (old, _new) in each(run(draft(rate=5000))).items()} == earned


def test_nothing_is_written_to_the_books(history, draft, run, assert_books_balance):
    before = list(Entry.objects.order_by("id").values_list("id", flat=True))
    run(draft(rate=20_000))
    assert list(Entry.objects.order_by("id").values_list("id", flat=True)) == before
    assert_books_balance()


def test_it_comes_to_the_same_in_slices_of_any_size(history, draft, run, each, monkeypatch):
    trying = draft(rate=20_000, limits=definition().limits, again_days=9, again_scope="category")
    whole = run(trying)
    for page in (1, 2, 5, 17, 18, 19):
        monkeypatch.setattr(services, "PAGE", page)
        monkeypatch.setattr(services, "SLICE_SECONDS", 0)
        again = run(trying)
        assert figures(again) == figures(whole)
        assert each(again) == each(whole)


def test_each_slice_shows_how_far_it_has_come(history, draft, asked, short_slices):
    row = asked(draft(rate=20_000))
    seen = []
    while services.work(now=NOON):
        row.refresh_from_db()
        seen.append((row.status, row.done, row.percent))
    assert seen[0] == ("running", 2, 11)
    assert [done for _status, done, _percent in seen] == sorted(done for _status, done, _percent in seen)
    assert seen[-1] == ("done", 18, 100)
    assert len(seen) > 9


def test_what_a_killed_slice_did_is_done_again(history, draft, run, asked, each, short_slices, monkeypatch):
    trying = draft(rate=20_000, again_days=9)
    whole = run(trying)
    row = asked(trying)
    keep, calls = services._keep, []

    def killed(*args):
        keep(*args)
        calls.append(1)
        if len(calls) % 3 == 2:
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(services, "_keep", killed)
    kills = 0
    while True:
        try:
            with transaction.atomic():
                if not services.work(now=NOON):
                    break
        except OperationalError:
            kills += 1
    row.refresh_from_db()
    assert kills > 2
    assert figures(row) == figures(whole)
    assert each(row) == each(whole)


def test_what_members_have_so_far_is_dropped_in_the_end_but_for_the_points(history, draft, run):
    row = run(draft(rate=20_000, again_days=9))
    assert (row.state, row.cursor) == ({}, {})
    assert set(SimulatedMember.objects.filter(simulation=row).values_list("state", "due")) == {("", None)}


def test_a_span_is_of_business_days(shop, published, draft, run, each):
    published()
    # Half past eleven at night and half past midnight in Shanghai.
    shop.buys("before", 1000, day=3, hour=11.5)
    shop.buys("inside", 1000, day=3, hour=12.5)
    shop.buys("inside", 1000, day=5, hour=11.5)
    shop.buys("after", 1000, day=5, hour=12.5)
    assert each(run(draft(rate=20_000), first=date(2026, 8, 5), last=date(2026, 8, 6))) == {"inside": (20, 40)}


def test_history_before_the_span_counts_for_conditions_and_earns_nothing(shop, published, draft, run, each):
    published()
    shop.buys("ann", 1000, day=0, category="A")
    shop.returns(shop.buys("bob", 1000, day=0, category="A"), 1000, day=1)
    for ref in ("ann", "bob", "cid"):
        shop.buys(ref, 1000, day=20, category="A")
    again = draft("again", "multiplier", fact="purchase", factor=20_000, again_days=30, again_scope="category")
    second = draft("second", "fixed", fact="purchase", points=3, nth_purchase=(2,), multiplied=False)
    row = run(again, second, first=date(2026, 8, 10))
    assert each(row) == {"ann": (10, 23), "bob": (10, 10), "cid": (10, 10)}


def test_members_are_looked_at_as_they_stand_today(shop, published, draft, run, each, noon):
    published()
    for rank, (code, factor) in enumerate([("plain", 10_000), ("gold", 15_000)], 1):
        ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=factor, actor="tests", now=noon)
    for ref in ("ann", "bob", "cid"):
        shop.buys(ref, 1000, day=1)
    standings.set_standing(member_id=shop.member("ann").id, tier="gold", reason="sample", actor="tests", now=noon)
    segments.add(segment="staff", external_ids=["bob"], actor="tests", now=noon)
    tier, staff = draft("tier", "tier_multiplier", fact="purchase"), draft("staff", "fixed", fact="purchase", points=5, segments=("staff",), multiplied=False)
    assert each(run(tier, staff)) == {"ann": (10, 15), "bob": (10, 15), "cid": (10, 10)}


def test_a_card_counts_where_it_was_used_then(shop, published, draft, run, each, noon):
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double", use="multiplier", factor_percent=200)
    published()
    published("double", "multiplier", factor=20_000, card="double")
    cards.grant(member_id=shop.member("ann").id, kind="double", actor="tests", key="sample", now=shop.at(0))
    shop.buys("ann", 1000, day=1)
    shop.buys("ann", 1000, day=2)
    shop.buys("bob", 1000, day=2)
    cards.grant(member_id=shop.member("bob").id, kind="double", actor="tests", key="sample", now=noon)
    assert each(run(draft("double", "multiplier", factor=50_000, card="double"))) == {"ann": (30, 60), "bob": (10, 10)}


def test_behaviours_are_decided_as_they_turned_out_and_withdrawn_ones_are_not(shop, published, draft, run, each, noon):
    published("surveys", "stated", fact="survey_completed", measure="points", maximum=50)
    shop.does("ann", "survey_completed", day=1, number="s1", survey="one", points=40)
    shop.does("ann", "survey_completed", day=2, number="s2", survey="two", points=30)
    shop.does("bob", "survey_completed", day=2, number="s3", survey="two", points=20)
    earning.amend(member_id=shop.member("ann").id, kind="survey_completed", external_id="s1", data={"survey": "one", "points": 10}, actor="tests", now=noon)
    earning.withdraw(member_id=shop.member("bob").id, kind="survey_completed", external_id="s3", actor="tests", now=noon)
    assert each(run(draft("surveys", "stated", measure="points", maximum=15))) == {"ann": (40, 25)}


def test_two_rules_of_two_kinds_are_tried_together(shop, published, draft, run, each):
    published()
    shop.buys("ann", 1000, day=1)
    shop.does("ann", day=1)
    assert each(run(draft(rate=20_000), draft("likes", "fixed", fact="liked", points=7))) == {"ann": (10, 27)}


def test_a_rule_that_begins_later_is_tried_as_if_it_had_begun(history, draft, run, noon):
    coming = draft(rate=30_000)
    rulebook.publish(version_id=coming.id, effective_from=noon + timedelta(days=9), actor="tests", now=noon)
    old, new = run(coming).result["points"]
    assert new == 3 * old


def test_a_draft_that_was_thrown_away_meanwhile_is_tried_all_the_same(history, draft, asked, noon):
    row = asked(trying := draft(rate=20_000))
    rulebook.drop(version_id=trying.id, actor="tests", now=noon)
    while services.work(now=noon):
        pass
    row.refresh_from_db()
    assert row.status == "done"
    assert row.result["points"][1] == 2 * row.result["points"][0]


def test_what_was_asked_for_is_tried_not_what_it_was_edited_to(history, draft, asked, noon, short_slices):
    row = asked(trying := draft(rate=20_000))
    services.work(now=noon)
    rulebook.edit(version_id=trying.id, definition=definition(rate=90_000), actor="maker", now=noon)
    while services.work(now=noon):
        pass
    row.refresh_from_db()
    assert row.result["points"][1] == 2 * row.result["points"][0]


@pytest.mark.parametrize("change", ["rule", "budget", "settings"])
def test_where_what_is_in_force_changes_it_begins_again(history, draft, published, asked, run, each, noon, short_slices, change):
    row = asked(draft(rate=20_000))
    for _slice in range(5):
        services.work(now=noon)
    row.refresh_from_db()
    assert row.done == 10
    if change == "rule":
        version = rulebook.draft(code="base", definition=definition(rate=40_000), actor="tests", now=noon)
        rulebook.publish(version_id=version.id, actor="tests", now=noon + timedelta(seconds=1))
    elif change == "budget":
        budgets.keep(code="all", name="All", scope="all", period="total", points=100, at_end="cut", actor="tests", now=noon)
    else:
        rulebook.changed_what_is_in_force()
    services.work(now=noon)
    row.refresh_from_db()
    assert row.done == 2
    while services.work(now=noon):
        pass
    row.refresh_from_db()
    assert row.status == "done"
    # By the rules that were in force when it was asked for.
    assert row.result["points"][1] == (100 if change == "budget" else 2 * row.result["points"][0])
    assert sum(old for old, _new in each(row).values()) == row.result["points"][0]


def test_a_cancelled_one_goes_no_further_and_keeps_nothing(history, draft, asked, noon, short_slices):
    row = asked(draft(rate=20_000))
    services.work(now=noon)
    services.cancel(simulation_id=row.id, actor="tests", now=noon)
    assert services.work(now=noon) == 0
    row.refresh_from_db()
    assert (row.status, row.done, row.result) == ("cancelled", 2, None)
    assert not SimulatedMember.objects.exists()
    assert AuditEntry.objects.filter(verb="simulation.cancelled", subject=f"simulation/{row.id}").exists()


def test_what_is_over_is_not_cancelled(history, draft, run, refuses, noon):
    row = run(draft(rate=20_000))
    with refuses(services.SimulationOver):
        services.cancel(simulation_id=row.id, actor="tests", now=noon)


def test_what_cannot_go_on_says_why_and_is_not_tried_again(history, draft, asked, noon, short_slices, monkeypatch):
    row = asked(draft(rate=20_000))
    services.work(now=noon)
    monkeypatch.setattr(services.rules, "feed", lambda *_args: 1 // 0)
    assert services.work(now=noon) == 1
    monkeypatch.undo()
    assert services.work(now=noon) == 0
    row.refresh_from_db()
    assert (row.status, row.error) == ("failed", "ZeroDivisionError: integer division or modulo by zero")
    assert row.finished_at == noon
    assert not SimulatedMember.objects.exists()


def test_trouble_with_the_database_is_no_failure(history, draft, asked, noon, monkeypatch):
    row = asked(draft(rate=20_000))

    def lost(*_args, **_more):
        raise OperationalError("deadlock detected")

    with monkeypatch.context() as broken, pytest.raises(OperationalError), transaction.atomic():
        broken.setattr(services, "_decide", lost)
        services.work(now=noon)
    row.refresh_from_db()
    assert row.status == "waiting"
    while services.work(now=noon):
        pass
    row.refresh_from_db()
    assert row.status == "done"


def test_one_after_the_other_is_done_the_oldest_first(history, draft, asked, noon, short_slices):
    trying = draft(rate=20_000)
    first, second = asked(trying), asked(trying, now=noon + timedelta(seconds=1))
    services.work(now=noon)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("running", "waiting")


def test_the_job_goes_on_until_nothing_is_left(history, draft, asked, short_slices):
    trying = draft(rate=20_000)
    rows = [asked(trying), asked(trying)]
    tasks.simulate()
    assert set(Simulation.objects.values_list("status", flat=True)) == {"done"}
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("first", "last", "refusal"),
    [(date(2026, 8, 2), date(2026, 8, 1), services.SpanInvalid), (date(2026, 8, 1), date(2026, 8, 1), None)],
)
def test_a_span_begins_before_it_ends(published, draft, asked, refuses, first, last, refusal):
    published()
    trying = draft(rate=20_000)
    if refusal is None:
        assert asked(trying, first=first, last=last).status == "waiting"
        return
    with refuses(refusal):
        asked(trying, first=first, last=last)


def test_something_is_tried_and_of_each_rule_one_version(published, draft, asked, refuses):
    published()
    with refuses(services.NothingTried):
        asked()
    with refuses(services.NothingTried):
        asked(draft(rate=20_000), draft(rate=30_000))


def test_what_cannot_work_is_not_tried(published, draft, asked, refuses):
    with refuses(rulebook.RuleInvalid):
        asked(draft("gone", "fixed", fact="purchase", points=1, tiers=("no-such-tier",)))


def test_asking_twice_with_one_key_is_one_simulation(published, draft, asked):
    published()
    trying, key = draft(rate=20_000), uuid4()
    assert asked(trying, key=key).id == asked(trying, key=key).id
    assert Simulation.objects.count() == AuditEntry.objects.filter(verb="simulation.asked").count() == 1


def test_a_span_without_facts_is_done_at_once(published, draft, run):
    published()
    row = run(draft(rate=20_000), first=date(2020, 1, 1), last=date(2020, 12, 31))
    assert (row.status, row.total, row.result["points"], row.result["percent"]) == ("done", 0, [0, 0], 0)


def test_old_ones_are_deleted_with_what_they_gave_each_member(history, draft, run, asked, noon):
    trying = draft(rate=20_000)
    old, open_one = run(trying), None
    young = run(trying)
    open_one = asked(trying)
    Simulation.objects.filter(id=old.id).update(finished_at=noon - timedelta(days=2))
    assert services.prune(before=noon - timedelta(days=1), limit=10) == 1
    assert set(Simulation.objects.values_list("id", flat=True)) == {young.id, open_one.id}
    assert set(SimulatedMember.objects.values_list("simulation_id", flat=True)) == {young.id}


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_share_nothing_and_double_nothing(history, draft, asked, run, each, noon, monkeypatch):
    monkeypatch.setattr(services, "PAGE", 3)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)
    trying, other = draft(rate=20_000), draft("again", "multiplier", fact="purchase", factor=20_000, again_days=9)
    alone = [run(trying), run(other)]
    rows = [asked(trying), asked(other)]
    together, slices = threading.Barrier(2), []

    def worker(_number):
        try:
            together.wait()
            idle = 0
            while idle < 200:
                if services.work(now=noon):
                    slices.append(threading.get_ident())
                else:
                    idle += 1
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as at_once:
        list(at_once.map(worker, range(2)))
    assert len(set(slices)) == 2
    for row, expected in zip(rows, alone, strict=True):
        row.refresh_from_db()
        assert figures(row) == figures(expected)
        assert each(row) == each(expected)


@pytest.mark.django_db(transaction=True)
def test_progress_is_read_and_cancelling_waits_while_a_slice_is_done(history, draft, asked, noon, monkeypatch):
    row = asked(draft(rate=20_000))
    begun, go_on = threading.Event(), threading.Event()
    decide = services._decide

    def slow(*args, **more):
        begun.set()
        assert go_on.wait(10)
        decide(*args, **more)

    monkeypatch.setattr(services, "_decide", slow)
    monkeypatch.setattr(services, "SLICE_SECONDS", 0)

    def run_in_thread(verb, **said):
        try:
            return verb(**said, now=noon)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as at_once:
        working = at_once.submit(run_in_thread, services.work)
        assert begun.wait(10)
        # The row can be read while it is worked on.
        assert Simulation.objects.get(id=row.id).status == "waiting"
        cancelling = at_once.submit(run_in_thread, services.cancel, simulation_id=row.id, actor="tests")
        go_on.set()
        assert working.result(10) == 18
        cancelling.result(10)
    row.refresh_from_db()
    assert (row.status, row.done) == ("cancelled", 18)
    assert services.work(now=noon) == 0


def test_a_draft_that_was_published_meanwhile_is_tried_all_the_same(history, draft, asked, noon, short_slices):
    row = asked(trying := draft(rate=20_000))
    services.work(now=noon)
    rulebook.publish(version_id=trying.id, actor="tests", now=noon + timedelta(seconds=1))
    while services.work(now=noon):
        pass
    row.refresh_from_db()
    assert row.result["points"][1] == 2 * row.result["points"][0]
    assert RuleVersion.objects.get(id=trying.id).simulated_percent is None
