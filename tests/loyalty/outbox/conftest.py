import threading
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection, transaction

from loyalty.outbox import services as outbox
from loyalty.outbox.rules import Event

TOPIC = "tests.happened"


@pytest.fixture
def subscribers(monkeypatch) -> dict:
    """Who listens to `tests.happened`, by name: nobody, until a test adds somebody."""
    listening: dict = {}
    monkeypatch.setitem(outbox.SUBSCRIBERS, TOPIC, listening)
    return listening


@pytest.fixture
def heard(subscribers) -> list[Event]:
    """What the subscriber `ear` was told, in order."""
    events: list[Event] = []
    subscribers["ear"] = events.append
    return events


@pytest.fixture
def happen(now) -> Callable[..., None]:
    """Publish one event per number, each in a transaction of its own."""

    def publish(*numbers: int, member_id: UUID | None = None) -> None:
        for number in numbers:
            with transaction.atomic():
                outbox.publish(topic=TOPIC, member_id=member_id, payload={"n": number}, now=now)

    return publish


@pytest.fixture
def left_to_the_job(monkeypatch) -> None:
    """No transaction delivers its own events."""
    monkeypatch.setattr(outbox, "LINES_AT_ONCE", 0)


@pytest.fixture
def aside() -> Callable[..., threading.Thread]:
    """Run something in a thread with a database connection of its own."""

    def start(function: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                function()
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    return start
