"""Many at once, on a real PostgreSQL: one completion, one grant. The control leaves the lock out, and it goes wrong."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Barrier

import pytest
from django.db import DatabaseError, connection, connections

from loyalty.lib.refusals import BusinessError
from points.earning import services as earning
from points.earning.models import Grant
from points.ledger import selectors as books
from points.ledger.models import Entry
from points.missions import services
from points.missions.models import MissionCompletion

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def delivered():
    """What is published reaches its subscribers after the commit, as in life."""
    return nullcontext


def at_once(count, act) -> Counter:
    """Do it so many times at the same time, each on a connection of its own; how often each outcome came."""
    barrier = Barrier(count)

    def run(number) -> str:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            act(number)
        except BusinessError as refusal:
            return refusal.code
        except DatabaseError as error:
            return f"database: {type(error).__name__}"
        else:
            return "done"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


def granted(member, now) -> tuple[int, int, int]:
    """Completions, entries, points."""
    return MissionCompletion.objects.count(), Entry.objects.count(), books.balance(member_id=member.id, now=now).available


def share(member, now, external_id):
    about = {"member_id": member.id, "kind": "shared", "external_id": external_id, "data": {"subject": external_id}}
    earning.take(**about, occurred_at=now, ours=False, actor="tests", now=now)


def test_fifty_deliver_the_completing_fact_and_it_is_completed_and_granted_once(published, shares, member, noon):
    published(automatic=True)
    shares(1, 2, 3, 4)

    outcomes = at_once(50, lambda _n: share(member, noon, "S-5"))

    print(f"50 told the fifth share: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {"done": 50}
    assert granted(member, noon) == (1, 1, 200)


def test_fifty_facts_at_once_complete_it_once(published, member, noon):
    published(automatic=True)

    outcomes = at_once(50, lambda n: share(member, noon, f"S-{n}"))

    assert outcomes == {"done": 50}
    assert granted(member, noon) == (1, 1, 200)


def test_fifty_look_at_once_and_it_is_completed_and_granted_once(published, shares, member, noon):
    shares(1, 2, 3, 4, 5)
    published(automatic=True)

    outcomes = at_once(50, lambda _n: services.settle(member_id=member.id, at=noon, now=noon))

    assert outcomes == {"done": 50}
    assert granted(member, noon) == (1, 1, 200)


def test_fifty_claim_at_once_and_it_is_granted_once(published, shares, member, noon):
    published()
    shares(1, 2, 3, 4, 5)

    outcomes = at_once(50, lambda _n: services.claim(member_id=member.id, code="share-5", actor="tests", now=noon))

    assert outcomes == {"done": 50}
    assert granted(member, noon) == (1, 1, 200)


def test_control_without_the_lock_both_find_it_and_one_fails(published, shares, member, noon, monkeypatch):
    shares(1, 2, 3, 4, 5)
    published(automatic=True)
    barrier, complete = Barrier(2), services._complete

    def complete_together(*args):
        barrier.wait(30)
        return complete(*args)

    monkeypatch.setattr(services.ledger, "lock", lambda **_about: None)
    monkeypatch.setattr(services, "_complete", complete_together)

    outcomes = at_once(2, lambda _n: services.settle(member_id=member.id, at=noon, now=noon))

    assert outcomes == {"done": 1, "database: IntegrityError": 1}
    assert Grant.objects.count() == 1
