from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from accounts.activity import rules as activity
from accounts.activity import services as recording
from accounts.members import services as members
from loyalty.programme.models import Programme
from points.ledger import selectors as books
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from tiers.ladder import services as ladder
from tiers.standing import services as standings

ZONE = ZoneInfo("America/New_York")


def at(*moment):
    return datetime(*moment, tzinfo=ZONE)


@pytest.fixture
def programme(db):
    return Programme(id=1, zone=ZONE.key).save()


@pytest.fixture
def ladder_of_three(programme):
    for rank, code in enumerate(("bronze", "silver", "gold"), 1):
        ladder.keep(code=code, name_zh=code, name_en=code.capitalize(), rank=rank, multiplier_bps=10_000, actor="tests", now=at(2020, 1, 1))


@pytest.fixture
def promise(ladder_of_three):
    """A tier promises something, from a day on."""

    def keep(tier, kind, value=0, *day, **more):
        ladder.keep_benefit(tier=tier, kind=kind, value=value, **more, actor="tests", now=at(*(day or (2020, 1, 1))))

    return keep


@pytest.fixture
def answered(programme):
    """Rules give what each fact says."""
    for fact in ("birthday", "allowance", "tier_reached"):
        definition = Definition(effect=Effect("stated", measure="points"))
        version = rulebook.make(code=fact, fact=fact, name_zh=fact, name_en=fact, definition=definition, actor="tests", now=at(2020, 1, 1))
        rulebook.publish(version_id=version.id, ever=True, actor="tests", now=at(2020, 1, 1))


@pytest.fixture
def joined(programme):
    def register(name, birthday=None, *, on=(2020, 1, 1)):
        return members.register(external_id=name, birthday=birthday, now=at(*on))[0]

    return register


@pytest.fixture
def put():
    """Put a member into a tier at a moment, for good or until another one."""

    def into(member, tier, *moment, until=None):
        standings.set_standing(member_id=member.id, tier=tier, reason="sample", until=until and at(*until), actor="tests", now=at(*moment))

    return into


@pytest.fixture
def buys():
    def record(member, *moment):
        when = at(*moment)
        facts = activity.Purchase(f"{member.external_id}-{when:%y%m%d%H%M}", when, "USD", 1000, (activity.Line("1", amount_cents=1000),))
        recording.record_purchase(member_id=member.id, facts=facts, digest=activity.digest(facts), now=when)

    return record


@pytest.fixture
def has():
    return lambda member, *day: books.balance(member_id=member.id, now=at(*day)).available
