from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from loyalty.outbox.rules import Event
from loyalty.webhooks import rules, services
from loyalty.webhooks.models import WebhookEndpoint
from tests.loyalty.webhooks.receiver import Receiver


@pytest.fixture(autouse=True)
def inside(settings) -> None:
    """The storefront is on this machine, and answers soon."""
    settings.WEBHOOK_INTERNAL_HOSTS = ["127.0.0.1"]
    settings.WEBHOOK_CONNECT_SECONDS = settings.WEBHOOK_ANSWER_SECONDS = 2.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def make(db, now) -> Callable[..., WebhookEndpoint]:
    """An endpoint with its secret as `secret`; it wants everything unless told otherwise."""

    def do(url: str, *topics: str) -> WebhookEndpoint:
        endpoint, secret = services.make_endpoint(name="sample shop", url=url, topics=topics or list(rules.TOPICS), actor="sample", now=now)
        endpoint.secret = secret
        return endpoint

    return do


@pytest.fixture
def endpoint(make, receiver) -> WebhookEndpoint:
    return make(receiver.url)


@pytest.fixture
def happen(now) -> Callable[..., None]:
    """One event for each number, of that member, in this order."""

    def do(*numbers: int, member_id: UUID, at: datetime | None = None) -> None:
        for number in numbers:
            payload = {"days": number, "since": "2026-01-01"}
            services.enqueue(event=Event(topic="tiers.member_dormant", member_id=member_id, payload=payload, now=at or now))

    return do


@pytest.fixture
def send() -> Callable[..., dict]:
    """What is due at `at` is sent, until nothing is; how much came to what."""

    def do(at: datetime, *, limit: int = 100, **options) -> dict:
        found: dict[str, int] = {}
        while done := services.send_due(limit=limit, clock=lambda: at, luck=lambda: 0.5, **options):
            for outcome, count in done.items():
                found[outcome] = found.get(outcome, 0) + count
        return found

    return do


@pytest.fixture
def hour(now) -> Callable[[float], datetime]:
    return lambda hours: now + timedelta(hours=hours)
