"""What members and subscribers are told of their tiers."""

from datetime import timedelta

import pytest

from accounts.notifications.models import Message
from loyalty.outbox import services as outbox
from tiers.evaluation import services

from .conftest import NOON


@pytest.fixture
def heard(monkeypatch):
    """What was published of tiers."""
    told = []

    def insertion(events):
        told.extend((event.topic.removeprefix("tiers."), event.payload) for event in events if event.topic.startswith("tiers."))
        return "", []

    monkeypatch.setattr(outbox, "insertion", insertion)
    return told


def messages(world):
    return [(one.kind_id, one.about) for one in Message.objects.filter(member_id=world.member.id).order_by("id")]


def test_each_move_is_told_with_its_cause(world, heard):
    number = world.buy(1_000)
    world.wait(days=1)
    world.refund(number)
    world.buy(1_000)
    world.go(world.until)
    world.job()
    assert [(payload["cause"], payload["before"], payload["tier"]) for _topic, payload in heard] == [
        ("reached", "bronze", "silver"),
        ("undone", "silver", "bronze"),
        ("reached", "bronze", "silver"),
        ("fell", "silver", "bronze"),
    ]
    assert heard[0][1]["until"] == "2027-07-01T16:00:00+00:00"


def test_a_tier_that_is_kept_is_a_message_and_no_event(world, heard):
    world.buy(1_000)
    world.wait(days=1)
    world.buy(1_000)
    world.go(world.until)
    world.job()
    assert len(heard) == 1
    assert [kind for kind, _about in messages(world)] == ["tier_reached", "tier_kept"]


def test_a_member_reads_where_they_have_come_to_and_until_which_day(world):
    world.buy(1_000)
    world.go(world.until)
    world.job()
    silver, bronze = ({"zh": name, "en": name} for name in ("silver", "bronze"))
    assert messages(world) == [("tier_reached", {"tier": silver, "until": "2027-07-01"}), ("tier_fell", {"tier": bronze, "before": silver})]


def test_after_years_without_the_job_a_member_is_told_the_last_of_it_only(world):
    world.buy(10_000)
    world.wait(days=300)
    world.buy(1_000)
    world.go(world.until.replace(year=2029))
    world.job()
    assert [kind for kind, _about in messages(world)] == ["tier_reached", "tier_fell"]


class TestSprint:
    @pytest.fixture
    def sprinting(self, world):
        world.buy(1_000)
        world.wait(days=100)
        world.buy(300)
        world.go(world.standing.sprint_from)
        return world

    def tell(self, world):
        return services.tell_sprints(limit=10, now=world.now)

    def test_at_its_beginning_what_is_missing_is_told_once(self, sprinting, heard):
        sprinting.wait(microseconds=-1)
        assert self.tell(sprinting) == 0
        sprinting.wait(microseconds=1)
        assert (self.tell(sprinting), self.tell(sprinting)) == (1, 0)
        until = sprinting.until
        assert heard == [("term_ending", {"tier": "silver", "until": until.isoformat(), "missing": 700, "keeps_with": 1_000, "unit": "growth"})]
        kind, about = messages(sprinting)[-1]
        assert (kind, about["until"], about["missing"]["en"]) == ("term_ending", "2027-07-01", "700 growth points")

    def test_who_has_enough_already_is_sent_nothing(self, sprinting):
        sprinting.buy(700)
        assert self.tell(sprinting) == 1
        assert [kind for kind, _about in messages(sprinting)] == ["tier_reached"]

    def test_the_next_term_has_a_sprint_of_its_own(self, sprinting, heard):
        sprinting.buy(700)
        self.tell(sprinting)
        sprinting.go(sprinting.until)
        sprinting.job()
        sprinting.go(sprinting.standing.sprint_from)
        assert self.tell(sprinting) == 1
        assert [payload["missing"] for topic, payload in heard if topic == "term_ending"] == [0, 1_000]

    def test_after_the_end_of_the_term_it_is_too_late(self, sprinting):
        sprinting.go(sprinting.until)
        assert self.tell(sprinting) == 0

    def test_of_a_tier_set_by_hand_nobody_is_told(self, world):
        world.put("gold", until=NOON + timedelta(days=10))
        world.go(NOON + timedelta(days=9))
        assert self.tell(world) == 0

    def test_without_days_there_is_no_sprint(self, world, policy):
        policy(sprint_days=0)
        world.buy(1_000)
        world.go(world.until - timedelta(days=1))
        assert self.tell(world) == 0
