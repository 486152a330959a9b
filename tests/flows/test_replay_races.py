"""Two replays of one file at once, one of them backwards: both end, and the books are as after one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from accounts.activity.models import Purchase
from mall.replay import rules, services
from points.ledger import selectors as books

pytestmark = pytest.mark.django_db(transaction=True)


def rows(count):
    start = datetime(2024, 1, 10, tzinfo=UTC)
    for n in range(count):
        at, customer = (start + timedelta(minutes=n)).isoformat(), f"member-{n * 7 % 20}"
        values = (str(n), customer, at, "purchase", "", "10.00", "USD", "[]", "[]")
        yield n + 2, rules.read(dict(zip(rules.HEADER, values, strict=True)))


def test_two_replays_at_once_are_one(now, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 15)
    by = services.conditions(now=now)
    forwards = list(rows(200))

    def run(given):
        try:
            return list(services.replay(rows=given, by=by))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as at_once:
        steps = [step for done in at_once.map(run, (forwards, forwards[::-1])) for step in done]
    assert [one for step in steps for one in step.refused] == []
    assert sum(step.counts["purchases"] for step in steps) == Purchase.objects.count() == 200
    assert books.sums().earned == 2000
