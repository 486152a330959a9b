"""The jobs of the engine: offers that nobody claimed lapse, explanations whose time is over go."""

from datetime import timedelta

import pytest
import time_machine

from loyalty.audit.models import JobRun
from loyalty.audit.services import JOBS
from points.earning import services, tasks
from points.earning.models import Decision, Grant
from points.rulebook.models import EarningSettings

from .conftest import NOON

pytestmark = pytest.mark.django_db


def run(job, at):
    """Run a job as beat does; what it counted."""
    with time_machine.travel(at, tick=False):
        job()
    return JobRun.objects.latest("id").counts


@pytest.fixture
def offered(publish, world):
    publish("offer", "fixed", points=5, fact="shared", claim_days=7)
    for number in "123":
        world.take("shared", number)


def statuses():
    return list(Grant.objects.order_by("id").values_list("status", flat=True))


class TestOffers:
    def test_the_job_lapses_what_was_not_claimed_and_nothing_else(self, offered, world, other_member):
        first = Grant.objects.earliest("id")
        services.claim(member_id=world.member.id, grant_id=first.id, actor="tests", now=NOON)
        world.take("shared", "9", member=other_member, at=NOON)
        last = Grant.objects.latest("id")
        Grant.objects.filter(id=last.id).update(claim_until=first.claim_until + timedelta(days=1))
        assert run(tasks.lapse_due, first.claim_until) == {"lapsed": 2}
        assert statuses() == ["granted", "lapsed", "lapsed", "offered"]

    def test_not_a_moment_before_their_time(self, offered):
        until = Grant.objects.earliest("id").claim_until
        assert run(tasks.lapse_due, until - timedelta(seconds=1)) == {}
        assert statuses() == ["offered"] * 3

    def test_the_verb_takes_no_more_than_its_batch_the_longest_due_first(self, offered):
        grants = list(Grant.objects.order_by("id"))
        Grant.objects.filter(id=grants[1].id).update(claim_until=NOON)
        assert services.lapse_due(limit=1, now=NOON + timedelta(days=30)) == 1
        assert statuses() == ["offered", "lapsed", "offered"]

    def test_the_job_goes_on_until_nothing_is_due(self, offered, monkeypatch):
        batch = services.lapse_due
        monkeypatch.setattr(services, "lapse_due", lambda **asked: batch(**asked | {"limit": 1}))
        assert run(tasks.lapse_due, NOON + timedelta(days=30)) == {"lapsed": 3}

    def test_what_lapsed_came_into_no_books_and_lapses_once(self, offered, world, assert_engine_adds_up):
        world.buy()
        run(tasks.lapse_due, NOON + timedelta(days=30))
        run(tasks.lapse_due, NOON + timedelta(days=31))
        assert statuses() == ["lapsed"] * 3
        assert world.available() == 0


class TestExplanations:
    @pytest.fixture
    def old(self, publish, world):
        """An order, a share and a like that earned nothing, each kept for 30 days; a share of a day later."""
        EarningSettings.objects.create(id=1, decision_days=30)
        publish("base")
        publish("share", "fixed", points=5, fact="shared")
        world.buy(10_000)
        world.take("shared", "1")
        world.take("liked", "1", subject="a")
        world.wait(days=1)
        world.take("shared", "2")

    def kept(self):
        return set(Decision.objects.filter(trace__isnull=False).values_list("subject", flat=True))

    def test_the_job_drops_those_whose_days_are_over_and_keeps_the_decisions(self, old):
        assert run(tasks.prune, NOON + timedelta(days=30)) == {}
        assert run(tasks.prune, NOON + timedelta(days=30, seconds=1)) == {"pruned": 3}
        assert self.kept() == {"shared/2"}
        assert Decision.objects.count() == 4
        assert run(tasks.prune, NOON + timedelta(days=30, seconds=2)) == {}

    def test_a_longer_time_is_kept_to(self, old):
        EarningSettings.objects.update(decision_days=90)
        assert run(tasks.prune, NOON + timedelta(days=89)) == {}
        assert run(tasks.prune, NOON + timedelta(days=92)) == {"pruned": 4}

    def test_the_verb_takes_no_more_than_its_batch_the_oldest_first(self, old):
        assert services.prune(before=NOON + timedelta(days=9), limit=3) == 3
        assert self.kept() == {"shared/2"}

    def test_a_refund_and_a_replay_go_on_as_before(self, old, world, assert_engine_adds_up):
        first = world.decision("shared/1")
        run(tasks.prune, NOON + timedelta(days=90))
        world.wait(days=90)
        assert world.refund(4_000) == 40
        again = world.take("shared", "1", at=NOON)
        assert (again.repeated, again.points, again.decision_id) == (True, 5, first.id)
        assert world.withdraw("shared", "1") == 5
        assert world.withdraw("liked", "1") == 0
        assert_engine_adds_up()


def test_both_run_by_schedule():
    assert JOBS["points.lapse_offers"].schedule.every == timedelta(minutes=10)
    assert JOBS["points.prune_decisions"].schedule.daily_at is not None
