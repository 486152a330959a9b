"""Orders, refunds, the night and the job that ends terms, at the same time on real connections; and what happens without their locks."""

from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Event

import pytest
from django.db import transaction

from points.ledger import services as ledger
from tiers.evaluation import services
from tiers.evaluation.models import Evaluation
from tiers.growth.models import GrowthEntry
from tiers.standing import selectors as standings_seen
from tiers.standing import services as standings
from tiers.standing.models import Standing, StandingChange

pytestmark = pytest.mark.django_db(transaction=True)


def order(world, number, amount, *, lock, after=lambda: None):
    def pay():
        with transaction.atomic():
            if lock:
                ledger.lock(member_id=world.member.id)
            world.buy(amount, number=number)
            after()

    return pay


def test_of_orders_that_lift_together_one_does_and_none_is_lost(world, together):
    together(*(order(world, f"P-{n}", 250, lock=True) for n in range(8)))
    assert (world.tier, world.growth) == ("silver", 2_000)
    assert Evaluation.objects.count() == StandingChange.objects.count() == 1
    assert Evaluation.objects.get().figure == 1_000


def test_without_the_account_two_orders_that_lift_together_do_not_see_each_other(world, together):
    meet = Barrier(2)
    together(*(order(world, f"P-{n}", 500, lock=False, after=lambda: meet.wait(10)) for n in range(2)))
    assert (world.tier, world.growth) == ("bronze", 1_000)


def test_the_same_order_told_by_many_at_once_grows_once(world, together):
    together(*(order(world, "P-1", 600, lock=True) for _ in range(6)))
    assert (world.growth, GrowthEntry.objects.count(), world.tier) == (600, 1, "bronze")


def refund_against_night(world, ladder_of, together):
    """A refund writes its line and holds its transaction open, while the night finds the growth of before and lifts."""
    ladder_of(silver=2_000)
    number = world.buy(1_500)
    ladder_of()
    written, lifted = Event(), Event()

    def refund():
        with transaction.atomic():
            world.refund(number)
            written.set()
            # Waits for the night where that does not wait for the refund.
            lifted.wait(1.5)

    def night():
        assert written.wait(10)
        services.look_again(member_ids=[world.member.id], night=True, now=world.now)
        lifted.set()

    together(refund, night)


def test_a_refund_and_the_night_meet_where_there_is_no_standing_yet(world, ladder_of, together):
    refund_against_night(world, ladder_of, together)
    assert (world.growth, world.tier, world.standing) == (0, "bronze", None)


def test_without_meeting_the_night_lifts_by_growth_that_is_gone(world, ladder_of, together, monkeypatch):
    locked = standings.locked
    monkeypatch.setattr(standings, "locked", lambda **said: locked(**{**said, "meet": False}))
    refund_against_night(world, ladder_of, together)
    assert (world.growth, world.tier) == (0, "silver")


def test_a_refund_and_a_rise_at_once_leave_what_the_figures_say(world, together):
    number = world.buy(900)

    def refund():
        with transaction.atomic():
            ledger.lock(member_id=world.member.id)
            world.refund(number)

    together(refund, order(world, "P-2", 500, lock=True))
    assert (world.growth, world.tier) == (500, "bronze")
    assert [outcome for outcome, *_rest in world.outcomes()] in ([], ["reached", "undone"])


@pytest.fixture
def ended(ladder_of, someone):
    worlds = [someone() for _ in range(12)]
    for number, world in enumerate(worlds):
        world.buy(1_000)
        world.wait(days=3)
        world.buy(1_000 * (number % 2))
    return worlds


def end_twice(worlds, together):
    now = worlds[0].until

    def job():
        done = 0
        while ended := services.end_due(limit=4, now=now).total():
            done += ended
        return done

    return sum(together(job, job, job))


def test_terms_that_several_jobs_end_at_once_end_once(ended, together):
    assert end_twice(ended, together) == 12
    assert Evaluation.objects.exclude(outcome="reached").count() == 12
    assert Standing.objects.count() == 6


def test_without_locks_several_jobs_end_the_same_term(ended, together, monkeypatch):
    now, meet = ended[0].until, Barrier(2)

    class Unlocked:
        def __init__(self, rows):
            self.rows = rows

        def select_for_update(self, **_):
            return self

        def values_list(self, *names, **more):
            return self.rows.values_list(*names, **more)

    def read(ids):
        rows = {row.member_id: row for row in Standing.objects.filter(member_id__in=ids)}
        with suppress(BrokenBarrierError):
            meet.wait(5)
        return {**dict.fromkeys(ids), **rows}

    due = standings_seen.due
    monkeypatch.setattr(standings_seen, "due", lambda *, now: Unlocked(due(now=now)))
    monkeypatch.setattr(standings, "_lock", read)
    together(*(lambda: services.end_due(limit=100, now=now) for _ in range(2)))
    assert Evaluation.objects.exclude(outcome="reached").count() == 24
