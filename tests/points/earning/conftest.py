"""A programme with a rulebook: rules in few words, and a member who does things."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from accounts.activity.rules import Line, Purchase, Refund, RefundLine
from loyalty.outbox import services as outbox
from mall.checkout import selectors as till_seen
from mall.checkout import services as till
from points.budgets import selectors as budgets_seen
from points.budgets import services as budgets
from points.budgets.models import SharedUse
from points.earning import selectors, services
from points.earning.models import Decision, Grant, MemberUse
from points.ledger import selectors as books
from points.ledger.models import Entry, Lot
from points.rulebook import services as rulebook

from .world import definition

# Noon in Shanghai, on a Wednesday.
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)


@pytest.fixture
def publish(db) -> Callable[..., object]:
    """Publish a rule, or its next version, in force for facts of any age unless a beginning is given."""

    def made(code="base", effect="per_unit", *, fact="purchase", begins=None, at=NOON - timedelta(days=400), **said):
        what = {"code": code, "definition": definition(effect, **said), "actor": "tests", "now": at}
        first = begins is None
        version = rulebook.make(fact=fact, name_zh=f"规则 {code}", name_en=f"Rule {code}", **what) if first else rulebook.draft(**what)
        return rulebook.publish(version_id=version.id, effective_from=begins, ever=first, actor="tests", now=at)

    return made


@pytest.fixture
def budget(db) -> Callable[..., object]:
    """A budget of so many points for everything in all, unless said otherwise."""

    def make(points, code="budget", **changes):
        said = {"name": code, "scope": "all", "period": "total", "at_end": "cut", **changes}
        return budgets.keep(code=code, points=points, **said, actor="tests", now=NOON)

    return make


class World:
    """`now` is everybody's clock; a test moves it."""

    def __init__(self, member):
        self.member, self.now, self.numbers = member, NOON, count(1)

    def wait(self, **kwargs):
        self.now += timedelta(**kwargs)

    # What happens

    def take(self, kind="shared", number="1", *, member=None, at=None, **data):
        if kind == "shared":
            data.setdefault("subject", f"article {number}")
        about = {"member_id": (member or self.member).id, "kind": kind, "external_id": number, "occurred_at": at or self.now}
        return services.take(**about, data=data, actor="tests", now=self.now)

    def amend(self, kind, number="1", **data):
        return services.amend(member_id=self.member.id, kind=kind, external_id=number, data=data, actor="tests", now=self.now)

    def withdraw(self, kind="shared", number="1"):
        return services.withdraw(member_id=self.member.id, kind=kind, external_id=number, actor="tests", now=self.now)

    def order(self, *cents, number="1", categories=(), at=None, **more):
        lines = tuple(Line(str(n), f"SKU-{n}", categories[n - 1] if categories else "", "", 1, one) for n, one in enumerate(cents or (10_000,), 1))
        facts = Purchase(number, at or self.now, "CNY", 0, lines, **more)
        return replace(facts, paid_cents=facts.lines_cents)

    def buy(self, *cents, member=None, **more):
        """Pay an order; its settlement."""
        return till.pay(member_id=(member or self.member).id, facts=self.order(*cents, **more), actor="tests", now=self.now).settlement

    def refund(self, cents=None, *, order="1", number=None, lines=()):
        """Give money or lines back; how many points were taken."""
        number = number or f"R-{next(self.numbers)}"
        facts = Refund(number, self.now, cents, tuple(RefundLine(line) for line in lines))
        return till.refund(purchase_ref=order, facts=facts, actor="tests", now=self.now).settlement.clawed_back

    def quote(self, *cents, member="", **more):
        facts = self.order(*cents, **more)
        asked = self.member if member == "" else member
        return till_seen.quote(member_id=asked and asked.id, lines=facts.lines, channel=facts.channel, now=self.now)

    # What stands

    def available(self, member=None):
        return books.balance(member_id=(member or self.member).id, now=self.now).available

    def decision(self, subject):
        return selectors.decision(member_id=self.member.id, subject=subject)

    def grants(self):
        return list(Grant.objects.order_by("id"))

    def uses(self):
        """What the member has used of limits: {counter: (points, times)}; nothing of it is left out but what is back at zero."""
        return {use.counter: (use.points, use.times) for use in MemberUse.objects.filter(member=self.member) if use.points or use.times}

    def shared(self):
        return {use.counter: (use.points, use.times) for use in SharedUse.objects.all() if use.points or use.times}

    def spent(self, budget):
        return sum(use.points for use in budgets_seen.uses(budget_id=budget.id))


@pytest.fixture
def world(member) -> World:
    return World(member)


@pytest.fixture
def told(monkeypatch) -> list[tuple[str, dict[str, object]]]:
    """What the engine tells the rest, in its order."""
    found: list[tuple[str, dict[str, object]]] = []
    insertion = outbox.insertion

    def overheard(events):
        found.extend((event.topic, event.payload) for event in events)
        return insertion(events)

    monkeypatch.setattr(outbox, "insertion", overheard)
    return found


@pytest.fixture
def assert_engine_adds_up(db, assert_books_balance) -> Callable[[], None]:
    """Every decision is what its grants come to, every grant what its entry and its lot say."""

    def audit():
        for decision in Decision.objects.prefetch_related("grants__entry"):
            grants = list(decision.grants.all())
            assert sum(grant.points for grant in grants) == decision.points
            assert sum(grant.taken_back for grant in grants) == decision.taken_back
            for grant in grants:
                assert (grant.entry is not None) == (grant.status == Grant.Status.GRANTED)
                if grant.entry is not None:
                    lot = Lot.objects.get(entry=grant.entry)
                    clawed = sum(Entry.objects.filter(refers_to=grant.entry, kind="clawback").values_list("points", flat=True))
                    assert lot.rule_version_id == grant.rule_version_id
                    assert lot.original - clawed == grant.points - grant.taken_back
        if Entry.objects.exists():
            assert_books_balance()

    return audit
