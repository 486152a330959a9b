"""Passes at the same time on a real PostgreSQL: each member is told once, of everything."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection, connections

from accounts.members import services as members
from accounts.notifications.models import Message
from points.ledger import services as ledger
from points.reminders import services
from points.reminders.models import ExpiryNotice, ReminderPass
from points.terms.rules import ExpiryPolicy

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)
MEMBERS, WORKERS = 40, 5


@pytest.fixture
def due():
    for number in range(MEMBERS):
        member = members.ensure(external_id=f"M-{number}", now=NOW)
        for days in (3, 7):
            ledger.earn(
                member_id=member.id, points=10, source="purchase", policy=ExpiryPolicy("days", days), actor="tests", key=f"{days}", now=NOW - timedelta(hours=1)
            )


def at_once(act, times):
    barrier = Barrier(times)

    def run(_number):
        try:
            connection.ensure_connection()
            barrier.wait(60)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def test_passes_at_the_same_time_tell_each_member_once(due):
    told = at_once(lambda: sum(counts["members"] for counts in services.remind(slice_of=7, now=NOW)), WORKERS)

    assert sum(told) == MEMBERS
    assert Message.objects.count() == MEMBERS
    assert ExpiryNotice.objects.count() == 2 * MEMBERS
    assert {message.about["points"] for message in Message.objects.all()} == {20}
    at = ReminderPass.objects.get()
    assert (at.members, at.points) == (MEMBERS, 20 * MEMBERS)
    assert at.finished_at is not None
