"""A ladder of three, members with growth, and a plan that asks for more of it."""

from dataclasses import asdict
from uuid import uuid4

import pytest
from django.utils.translation import override

from accounts.members import services as members
from tiers.evaluation import rules as evaluation
from tiers.evaluation import services as evaluating
from tiers.ladder_plans import selectors, services
from tiers.standing import services as standings


@pytest.fixture(autouse=True)
def in_english():
    with override("en"):
        yield


@pytest.fixture
def ladder(tier):
    return [tier("bronze", 10), tier("silver", 20, 12_000, threshold=1_000), tier("gold", 30, 15_000, threshold=5_000)]


@pytest.fixture
def grown(now, ladder):
    """A member with so much growth, and the tier that it reaches."""

    def make(growth, name=None):
        member, _registered = members.register(external_id=name or f"G-{growth}", now=now)
        if growth:
            evaluating.adjust(member_id=member.id, growth_change=growth, reason="tests", actor="tests", key="growth", now=now)
        return member

    return make


@pytest.fixture
def put(now):
    """Put a member into a tier by hand."""

    def make(member, tier, until=None):
        return standings.set_standing(member_id=member.id, tier=tier, reason="tests", until=until, actor="tests", now=now)

    return make


@pytest.fixture
def policy():
    """Every value of the evaluation, those of the programme unless said otherwise."""

    def make(**more):
        return {name: value for name, value in asdict(evaluation.Policy(**more)).items() if name in selectors.POLICY}

    return make


@pytest.fixture
def propose(ladder, policy, now):
    def make(silver=2_000, gold=8_000, actor="maker", key=None, at=None, **more):
        said = {"purpose": "Silver and gold are worth more", "thresholds": {"silver": silver, "gold": gold}, "policy": policy(**more)}
        return services.propose(**said, actor=actor, key=key or uuid4(), now=at or now)

    return make


@pytest.fixture
def counted(propose, now):
    def make(**more):
        row = propose(**more)
        services.count(plan_id=row.id, actor="maker", now=now)
        while services.work(now=now):
            pass
        row.refresh_from_db()
        return row

    return make
