from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from accounts.activity import rules as activity
from accounts.activity import services as recording
from accounts.members import services as members
from accounts.notifications.models import Message
from loyalty.outbox.models import OutboxRow
from loyalty.outbox.services import SUBSCRIBERS
from loyalty.programme.models import Programme
from tiers.dormancy import services

ZONE = ZoneInfo("America/New_York")


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=ZONE)


@pytest.fixture
def joined(db) -> Callable[..., object]:
    """Somebody joins on a day, by New York's clock."""
    Programme(id=1, zone=ZONE.key).save()

    def register(name: str, *day: int):
        return members.register(external_id=name, now=at(*day, 12))[0]

    return register


@pytest.fixture
def checks_in():
    def record(member, *moment: int):
        when = at(*moment)
        return recording.record_behaviour(
            member_id=member.id, kind="checked_in", external_id=str(when.date()), data={"streak": 1}, occurred_at=when, ours=True, now=when
        )

    return record


@pytest.fixture
def buys():
    def record(member, *moment: int):
        when = at(*moment)
        facts = activity.Purchase(f"P-{when:%y%m%d%H%M}", when, "USD", 1000, (activity.Line("1", amount_cents=1000),))
        recording.record_purchase(member_id=member.id, facts=facts, digest=activity.digest(facts), now=when)

    return record


@pytest.fixture
def night():
    """The job as of ten past one of that night; what it counted, and nothing is left to do."""

    def run(*day: int, limit: int = 100):
        now = at(*day, 1, 10)
        after = None
        while True:
            _watched, after = services.begin(after=after, limit=2, now=now)
            if after is None:
                break
        done = services.look(limit=limit, now=now)
        assert services.look(limit=limit, now=now) == {}
        return {name: n for name, n in done.items() if name != "unchanged"}

    return run


@pytest.fixture
def told(monkeypatch):
    """What was told upwards about members becoming dormant: (member's id, payload)."""
    heard = []
    monkeypatch.setitem(SUBSCRIBERS, "tiers.member_dormant", {"tests.hear": lambda event: heard.append((event.member_id, event.payload))})

    def all_of_it():
        return [(row.member_id, row.payload) for row in OutboxRow.objects.filter(topic="tiers.member_dormant").order_by("id")]

    return all_of_it


@pytest.fixture
def messages():
    return lambda: [(row.member_id, row.key, row.about) for row in Message.objects.filter(kind="member_dormant").order_by("created_at")]
