"""A shop with members, two operators, and files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from accounts.members import services as members
from points.batches import services
from points.batches.models import Batch, BatchLine
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.terms.rules import NEVER

# Noon in Shanghai.
NOON = datetime(2026, 6, 15, 4, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def operator(db) -> Callable[..., User]:
    def make(name: str = "maker", *, superuser: bool = False) -> User:
        return User.objects.filter(username=name).first() or User.objects.create_user(username=name, is_staff=True, is_superuser=superuser)

    return make


class Shop:
    """Members by the storefront's ids, with points that they have had for a day."""

    def member(self, ref: str, points: int = 0, *, policy=NEVER):
        found = members.ensure(external_id=ref, now=NOON).id
        if points:
            said = {"source": "campaign", "policy": policy, "actor": "tests", "key": f"gift/{uuid4()}", "now": NOON - timedelta(days=1)}
            ledger.earn(member_id=found, points=points, **said)
        return found

    def stands(self, ref: str, *, now=NOON) -> int:
        """What the member has; below zero: owes."""
        found = books.balance(member_id=self.member(ref), now=now)
        return found.available - found.debt

    def spends(self, ref: str, points: int, *, now=NOON):
        ledger.spend(member_id=self.member(ref), points=points, actor="tests", key=f"spend/{uuid4()}", now=now)


@pytest.fixture
def shop(db) -> Shop:
    return Shop()


@pytest.fixture
def uploaded(operator) -> Callable[..., Batch]:
    """Upload a file: its text, or its bytes."""

    def make(text: str | bytes, *, kind="grant", by="maker", reason="parcels were late", now=NOON, key=None, **more) -> Batch:
        content = text.encode() if isinstance(text, str) else text
        # In small pieces, as files come.
        pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
        who = operator(by).id
        return services.upload(kind=kind, content=pieces, file_name="points.csv", reason=reason, operator_id=who, key=key or uuid4(), now=now, **more)

    return make


def worked(batch: Batch, *, now=NOON) -> Batch:
    """Let the job do all that there is to do."""
    while services.work(now=now):
        pass
    batch.refresh_from_db()
    return batch


@pytest.fixture
def checked(uploaded) -> Callable[..., Batch]:
    return lambda text, *, now=NOON, **more: worked(uploaded(text, now=now, **more), now=now)


@pytest.fixture
def approved(checked, operator) -> Callable[..., Batch]:
    """Upload, check, submit, and approve as a second person; nothing is applied yet."""

    def make(text, **more) -> Batch:
        batch = checked(text, **more)
        services.submit(batch_id=batch.id, operator_id=batch.made_by_id, now=NOON)
        return services.approve(batch_id=batch.id, operator_id=operator("checker").id, now=NOON)

    return make


@pytest.fixture
def applied(approved) -> Callable[..., Batch]:
    return lambda text, **more: worked(approved(text, **more))


@pytest.fixture
def undone(operator) -> Callable[..., Batch]:
    """Have a batch reversed, by two persons."""

    def make(batch: Batch, *, now=NOON) -> Batch:
        services.ask_reversal(batch_id=batch.id, operator_id=operator("maker").id, reason="wrong file", now=now)
        services.approve_reversal(batch_id=batch.id, operator_id=operator("checker").id, now=now)
        return worked(batch, now=now)

    return make


def lines(batch: Batch) -> list[BatchLine]:
    return list(BatchLine.objects.filter(batch=batch).order_by("number"))


def faults(batch: Batch) -> dict[int, list[str]]:
    """The codes of what is wrong, by line."""
    return {line.number: [code for code, _figures in line.faults] for line in lines(batch) if line.faults}
