"""A member who buys, gives back and does things, told straight to the evaluation; and what becomes of their tier."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from accounts.members import services as members
from tiers.evaluation import selectors, services
from tiers.evaluation.models import Evaluation, EvaluationPolicy
from tiers.growth.models import GrowthRate
from tiers.ladder import services as ladder
from tiers.standing import selectors as standings_seen
from tiers.standing import services as standings
from tiers.standing.models import Standing, StandingChange

# Noon in Shanghai.
NOON = datetime(2026, 7, 1, 4, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


class World:
    """`now` is the clock, which a test moves; what happens is told an instant later. Each unit of money brings one growth."""

    def __init__(self, member):
        self.member, self.now, self.numbers = member, NOON, count(1)

    def buy(self, amount, number=None, at=None):
        number = number or f"P-{next(self.numbers)}"
        services.count_purchase(member_id=self.member.id, purchase=number, net_cents=amount * 100, occurred_at=at or self.now - INSTANT, now=self.now)
        return number

    def refund(self, number, left=0):
        services.recount_purchase(member_id=self.member.id, purchase=number, net_cents=left * 100, now=self.now)

    def do(self, kind="shared", number=None, at=None):
        subject = f"{kind}/{number or next(self.numbers)}"
        services.count_behaviour(member_id=self.member.id, kind=kind, subject=subject, occurred_at=at or self.now, now=self.now)
        return subject

    def undo(self, subject):
        services.uncount_behaviour(member_id=self.member.id, kind=subject.partition("/")[0], subject=subject, now=self.now)

    def put(self, tier, until=None):
        standings.set_standing(member_id=self.member.id, tier=tier, reason="sample", until=until, actor="tests", now=self.now)

    def job(self):
        """The job that ends terms, until it has nothing more to do: what became of whom."""
        done = services.end_due(limit=100, now=self.now)
        assert not services.end_due(limit=100, now=self.now)
        return dict(done)

    def night(self):
        return services.look_at_slice(now=self.now)

    def wait(self, **kwargs):
        self.now += timedelta(**kwargs)

    def go(self, moment):
        self.now = moment

    @property
    def tier(self):
        return standings_seen.standing(member_id=self.member.id, now=self.now).code

    @property
    def standing(self):
        return Standing.objects.filter(member_id=self.member.id).first()

    @property
    def until(self):
        return self.standing.until

    @property
    def growth(self):
        from tiers.growth import selectors as growth

        return growth.in_all(member_id=self.member.id)["growth"]

    def outcomes(self):
        """What was decided, the first first."""
        rows = reversed(selectors.evaluations(member_id=self.member.id))
        return [(row.outcome, row.before_id or "bronze", row.tier_id or "bronze", row.figure) for row in rows]

    def moves(self):
        rows = StandingChange.objects.filter(member_id=self.member.id).order_by("id")
        return [(row.cause, row.before_id or "bronze", row.tier_id or "bronze") for row in rows]


@pytest.fixture
def ladder_of(db):
    """Bronze, silver from 1,000, gold from 10,000, diamond from 50,000, unless a test says otherwise."""

    def keep(silver=1_000, gold=10_000, diamond=50_000):
        for code, rank, threshold in (("bronze", 10, 0), ("silver", 20, silver), ("gold", 30, gold), ("diamond", 40, diamond)):
            ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=10_000, threshold=threshold, actor="tests", now=NOON)

    keep()
    return keep


@pytest.fixture
def policy(db):
    """Change the policy."""

    def change(**values):
        row = EvaluationPolicy.objects.first() or EvaluationPolicy(id=1)
        for name, value in values.items():
            setattr(row, name, value)
        row.full_clean()
        row.save()

    return change


@pytest.fixture
def rate(db):
    def keep(kind="shared", growth=10, **more):
        GrowthRate(kind_id=kind, growth=growth, **more).save()

    return keep


@pytest.fixture
def someone(db):
    """Another world, about another member; the clock begins at noon."""
    numbers = count(1)

    def make():
        return World(members.ensure(external_id=f"M-{next(numbers)}", now=NOON))

    return make


@pytest.fixture
def world(ladder_of, someone):
    return someone()


@pytest.fixture
def evaluations(db):
    return Evaluation.objects
