"""A shop with a history of three months, and rules to try on it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from accounts.activity.rules import Line, Purchase, Refund
from accounts.members import services as members
from mall.checkout import services as till
from points.earning import services as earning
from points.rulebook import services as rulebook
from points.rulebook.models import RuleVersion
from points.simulation import services
from points.simulation.models import SimulatedMember, Simulation
from tests.points.earning.world import definition

# Noon in Shanghai.
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)
FIRST, LAST = date(2026, 8, 1), date(2026, 10, 31)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def published(db) -> Callable[..., RuleVersion]:
    """Publish a rule that is in force for facts of any age."""

    def make(code="base", effect="per_unit", *, fact="purchase", actor="tests", **said):
        at = NOON - timedelta(days=400)
        what = {"code": code, "fact": fact, "name_zh": f"规则 {code}", "name_en": f"Rule {code}"}
        version = rulebook.make(**what, definition=definition(effect, **said), actor=actor, now=at)
        return rulebook.publish(version_id=version.id, ever=True, actor=actor, now=at)

    return make


@pytest.fixture
def draft(db) -> Callable[..., RuleVersion]:
    """A draft: the next version of a rule, or of a new one where a kind of fact is given."""

    def make(code="base", effect="per_unit", *, fact="", actor="maker", **said):
        what = {"code": code, "definition": definition(effect, **said), "actor": actor, "now": NOON}
        if fact:
            return rulebook.make(fact=fact, name_zh=f"规则 {code}", name_en=f"Rule {code}", **what)
        return rulebook.draft(**what)

    return make


class Shop:
    def member(self, ref="ann"):
        return members.ensure(external_id=ref, now=NOON)

    def buys(self, ref, cents, *, day, hour=0, category="", number=""):
        """`day` counts from 1 August; by default at noon."""
        at = self.at(day, hour)
        number = number or f"{ref}-{day}-{hour}"
        purchase = Purchase(number, at, "CNY", cents, (Line("1", "SKU", category, "", 1, cents),))
        till.pay(member_id=self.member(ref).id, facts=purchase, actor="tests", now=at)
        return number

    def returns(self, number, cents, *, day, hour=0, name="R"):
        at = self.at(day, hour)
        till.refund(purchase_ref=number, facts=Refund(f"{name}-{number}", at, cents), actor="tests", now=at)

    def does(self, ref, kind="liked", *, day, hour=0, number="", **data):
        at = self.at(day, hour)
        number = number or f"{kind}-{ref}-{day}-{hour}"
        data = data or {"subject": number}
        return earning.take(member_id=self.member(ref).id, kind=kind, external_id=number, data=data, occurred_at=at, actor="tests", now=at)

    @staticmethod
    def at(day, hour=0):
        return datetime(2026, 8, 1, 4, tzinfo=UTC) + timedelta(days=day, hours=hour)


@pytest.fixture
def shop(db) -> Shop:
    return Shop()


@pytest.fixture
def history(shop, published) -> Shop:
    """Eighteen purchases of five members, one point for each unit of money; some refunded, partly or completely."""
    published()
    for n in range(18):
        number = shop.buys(f"m{n % 5}", 1000 + 100 * n, day=5 * n, category=["A", "B"][n % 2])
        if n % 6 == 0:
            shop.returns(number, 500, day=5 * n + 2)
        if n % 7 == 2:
            shop.returns(number, 1000 + 100 * n, day=5 * n + 4)
    return shop


@pytest.fixture
def asked(db) -> Callable[..., Simulation]:
    """Ask for a simulation over the whole of the history, unless said otherwise."""

    def make(*versions, first=FIRST, last=LAST, actor="maker", key=None, now=NOON):
        return services.ask(version_ids=[version.id for version in versions], first=first, last=last, actor=actor, key=key or uuid4(), now=now)

    return make


@pytest.fixture
def run(asked) -> Callable[..., Simulation]:
    """Ask for a simulation and work until it is over."""

    def make(*versions, **said):
        row = asked(*versions, **said)
        while services.work(now=NOON):
            pass
        row.refresh_from_db()
        assert row.error == ""
        return row

    return make


@pytest.fixture
def each(db) -> Callable[[Simulation], dict[str, tuple[int, int]]]:
    """By member what both sides of a simulation come to."""
    found = SimulatedMember.objects.select_related("member")
    return lambda row: {one.member.external_id: (one.old, one.new) for one in found.filter(simulation=row)}
