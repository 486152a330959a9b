from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.activity import rules as facts
from mall.checkout import services as till
from points.earning import services as earning
from points.ledger import selectors as books
from points.missions import selectors, services
from points.missions.models import Badge, Mission, MissionCompletion
from points.missions.rules import Step
from points.rulebook import rules as definitions
from points.rulebook import services as rulebook

# A Saturday, noon in Shanghai.
NOON = datetime(2026, 11, 21, 4, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def rule(db) -> None:
    """The rule that gives completed missions the points they promise."""
    definition = definitions.Definition(effect=definitions.Effect("stated", measure="points", maximum=100_000))
    made = rulebook.make(code="missions", fact="mission_completed", name_zh="任务", name_en="Missions", definition=definition, actor="tests", now=NOON)
    rulebook.publish(version_id=made.id, ever=True, actor="tests", now=NOON)


@pytest.fixture
def drafted(rule) -> Callable[..., Mission]:
    """`drafted("share-5", Step("shared", 5), points=200)`: an achievement unless said otherwise."""

    def make(code: str = "share-5", *steps: Step, kind: str = "achievement", points: int = 200, now: datetime = NOON, **terms: Any) -> Mission:
        given = {"code": code, "name_zh": "任务", "name_en": "Sample mission", "kind": kind, "points": points, **terms}
        return services.create(**given, steps=steps or (Step("shared", 5),), actor="tests", now=now)

    return make


@pytest.fixture
def published(drafted) -> Callable[..., Mission]:
    def make(*args: Any, now: datetime = NOON, **terms: Any) -> Mission:
        return services.publish(mission_id=drafted(*args, now=now, **terms).id, actor="tests", now=now)

    return make


@pytest.fixture
def delivered(django_capture_on_commit_callbacks) -> Callable[..., Any]:
    """`with delivered():` what is published inside reaches its subscribers at the end, and what they publish theirs."""

    @contextmanager
    def inside() -> Iterator[None]:
        with django_capture_on_commit_callbacks(execute=True):
            yield

    return inside


@pytest.fixture
def did(member, delivered) -> Callable[..., None]:
    """`did("shared", "S-1", subject="a")`: the storefront tells what the sample member did."""

    def tell(kind: str, external_id: str, *, at: datetime = NOON, now: datetime | None = None, **data: Any) -> None:
        about = {"member_id": member.id, "kind": kind, "external_id": external_id, "data": data, "occurred_at": at}
        with delivered():
            earning.take(**about, ours=False, actor="tests", now=now or at)

    return tell


@pytest.fixture
def shares(did) -> Callable[..., None]:
    """`shares(1, 2, 3)`: the sample member shares these."""
    return lambda *numbers, at=NOON: [did("shared", f"S-{n}", subject=f"thing {n}", at=at) for n in numbers]


@pytest.fixture
def buys(member, delivered) -> Callable[..., None]:
    def pay(number: str, cents: int = 10_000, at: datetime = NOON) -> None:
        with delivered():
            line = facts.Line("1", "SKU", "HOME", "", 1, cents)
            till.pay(member_id=member.id, facts=facts.Purchase(number, at, "CNY", cents, (line,)), actor="tests", now=at)

    return pay


@pytest.fixture
def gives_back(delivered) -> Callable[..., None]:
    def refund(number: str, cents: int = 10_000, refund: str = "R-1", at: datetime = NOON) -> None:
        with delivered():
            till.refund(purchase_ref=number, facts=facts.Refund(refund, at, cents, ()), actor="tests", now=at)

    return refund


@pytest.fixture
def completion(member) -> Callable[..., MissionCompletion | None]:
    """The sample member's completion of a mission, in its only or the named period."""

    def find(code: str = "share-5", **where: Any) -> MissionCompletion | None:
        return MissionCompletion.objects.filter(member_id=member.id, mission__code=code, **where).first()

    return find


@pytest.fixture
def available(member) -> Callable[..., int]:
    return lambda now=NOON: books.balance(member_id=member.id, now=now).available


@pytest.fixture
def done(member) -> Callable[..., list[int]]:
    """How much of each step the sample member has done by now."""

    def count(mission: Mission, at: datetime = NOON) -> list[int]:
        (found,) = selectors.progress([mission], member=member, at=at)
        return [step.done for step in found.steps]

    return count


@pytest.fixture
def badge(db) -> Badge:
    return Badge.objects.create(code="sharer", name_zh="分享达人", name_en="Sharer", icon="📣")
