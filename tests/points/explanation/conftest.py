"""A member to whom everything happens that makes entries, and the words about it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils.translation import override

from accounts.activity.rules import Line, Purchase, Refund
from accounts.members.models import Member
from mall.checkout import services as till
from points.budgets import services as budgets
from points.earning import selectors as earning_seen
from points.earning import services as earning
from points.explanation import selectors
from points.ledger.models import Entry
from points.rulebook import rules as definitions
from points.rulebook import services as rulebook

# Noon in Shanghai, on a Wednesday.
NOON = datetime(2026, 11, 11, 4, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def publish(db) -> Callable[..., Any]:
    """`publish("base", Effect("fixed", points=5), fact="shared", limits=…)`: a rule called “Rule base”, in force for facts of any age."""

    def make(code: str, effect: definitions.Effect, *, fact: str = "purchase", at: datetime = NOON - timedelta(days=400), **said: Any) -> Any:
        conditions = definitions.Conditions(**said.pop("conditions", {}))
        definition = definitions.Definition(conditions, effect, **said)
        made = rulebook.make(code=code, fact=fact, name_zh=f"规则 {code}", name_en=f"Rule {code}", definition=definition, actor="tests", now=at)
        return rulebook.publish(version_id=made.id, ever=True, actor="tests", now=at)

    return make


@pytest.fixture
def one_a_unit(publish) -> None:
    """One point for each unit of money."""
    publish("base", definitions.Effect("per_unit", rate=10_000))


@pytest.fixture
def budget(db) -> Callable[..., Any]:
    def make(points: int, name: str = "Secret budget", **said: Any) -> Any:
        return budgets.keep(code="budget", name=name, points=points, **{"scope": "all", "period": "total", "at_end": "cut", **said}, actor="tests", now=NOON)

    return make


@pytest.fixture
def buys(member) -> Callable[..., Any]:
    """`buys(12.50, 3)`: the sample member pays an order of two lines; what was settled."""

    def pay(*amounts: float, number: str = "A-1", categories: tuple[str, ...] = (), costs: tuple[float, ...] = (), at: datetime = NOON) -> Any:
        named, cost = categories or ("HOME",) * len(amounts), [round(one * 100) for one in costs] or [None] * len(amounts)
        lines = tuple(Line(str(n), f"SKU-{n}", named[n], "", 1, round(amount * 100), cost[n]) for n, amount in enumerate(amounts))
        facts = Purchase(number, at, "CNY", sum(line.amount_cents for line in lines), lines)
        return till.pay(member_id=member.id, facts=facts, actor="tests", now=at).settlement

    return pay


@pytest.fixture
def gives_back() -> Callable[..., Any]:
    def refund(amount: float, number: str = "A-1", refund: str = "R-1", at: datetime = NOON) -> Any:
        return till.refund(purchase_ref=number, facts=Refund(refund, at, round(amount * 100), ()), actor="tests", now=at).settlement

    return refund


@pytest.fixture
def does(member) -> Callable[..., Any]:
    """`does("shared", "S-1", subject="a")`: the sample member does something; what was taken."""

    def tell(kind: str, number: str = "1", *, at: datetime = NOON, whom: Member = member, **data: Any) -> Any:
        if kind == "shared":
            data.setdefault("subject", f"article {number}")
        return earning.take(member_id=whom.id, kind=kind, external_id=number, data=data, occurred_at=at, actor="tests", now=at)

    return tell


@pytest.fixture
def decided(member) -> Callable[..., list[str]]:
    """The sentences about the decision on a fact, without the one that names the fact; for operators unless said otherwise."""

    def tell(subject: str = "purchase/A-1", *, to_member: bool = False, language: str = "en", now: datetime = NOON) -> list[str]:
        decision = earning_seen.decision(member_id=member.id, subject=subject)
        with override(language):
            return selectors.of_decision(decision, for_member=to_member, now=now).sentences[1:]

    return tell


@pytest.fixture
def entry_of(member) -> Callable[..., Entry]:
    return lambda kind: Entry.objects.filter(member_id=member.id, kind=kind).latest("seq")


@pytest.fixture
def entered(member, entry_of) -> Callable[..., list[str]]:
    """The sentences about the newest entry of that kind."""

    def tell(kind: str, *, to_member: bool = False, language: str = "en", now: datetime = NOON) -> list[str]:
        with override(language):
            return selectors.explain(member_id=member.id, entry_id=entry_of(kind).id, for_member=to_member, now=now).sentences

    return tell
