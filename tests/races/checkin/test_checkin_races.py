"""Many at once, on a real PostgreSQL; each race has a control that goes wrong without the lock."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import DatabaseError, connection, connections

from accounts.activity.models import Behaviour
from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from points.cards import selectors as held_cards
from points.cards import services as cards
from points.cards.models import Card, CardKind
from points.checkin import selectors
from points.checkin import services as checkin
from points.checkin.models import CheckIn
from points.ledger import services as ledger
from points.ledger.models import Entry
from points.reconciliation import selectors as reconciliation
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@pytest.fixture
def one():
    """A member who joined long ago; a check-in earns 10."""
    made = rulebook.make(
        code="check-in", fact="checked_in", name_zh="签到", name_en="Check-in", definition=Definition(effect=Effect("fixed", points=10)), actor="tests", now=NOW
    )
    rulebook.publish(version_id=made.id, ever=True, actor="tests", now=NOW)
    return members.register(external_id="M-9", now=NOW - timedelta(days=1_000))[0].id


@pytest.fixture
def make_up_card():
    return CardKind.objects.create(code="make-up", name_zh="补签卡", name_en="Make-up card", use="make_up")


def at_once(*acts: Callable[[], Any]) -> Counter[str]:
    """Do them all at the same time, each on a connection of its own; how often each outcome came."""
    barrier = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> str:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            done = act()
        except BusinessError as refusal:
            return refusal.code
        except DatabaseError as error:
            return f"database: {type(error).__name__}"
        else:
            return "again" if getattr(done, "repeated", False) else "done"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


def check_in(member_id):
    return checkin.check_in(member_id=member_id, actor="tests", now=NOW)


def make_up(member_id, day, pay_with=None):
    return checkin.make_up(member_id=member_id, day=day, pay_with=pay_with, actor="tests", now=NOW)


def receive(member_id, points):
    ledger.earn(member_id=member_id, points=points, source="campaign", policy=NEVER, actor="tests", key="gift", now=NOW - timedelta(days=1))


def test_50_check_in_at_once_and_there_is_one_row_one_fact_one_earning(one):
    assert at_once(*[partial(check_in, one)] * 50) == {"done": 1, "again": 49}
    assert CheckIn.objects.count() == Behaviour.objects.count() == Entry.objects.filter(kind="earn").count() == 1
    assert reconciliation.breaches() == []


def test_control_without_the_lock_two_look_before_either_writes_and_one_fails_at_the_constraint(one, monkeypatch):
    receive(one, 10)
    looked = Barrier(2)
    unguarded = selectors.check_in

    def look(**about):
        seen = unguarded(**about)
        looked.wait(60)
        return seen

    monkeypatch.setattr(checkin.ledger, "lock", Mock())
    monkeypatch.setattr(selectors, "check_in", look)
    assert at_once(*[partial(check_in, one)] * 2) == {"done": 1, "database: IntegrityError": 1}


def test_the_same_day_made_up_at_once_costs_once(one):
    receive(one, 100)
    assert at_once(*[partial(make_up, one, TODAY - timedelta(days=1))] * 20) == {"done": 1, "again": 19}
    assert Entry.objects.filter(kind="spend").count() == 1
    assert reconciliation.breaches() == []


def test_no_more_days_are_made_up_in_a_month_than_the_terms_say_however_many_ask_at_once(one):
    receive(one, 1_000)
    days = [TODAY - timedelta(days=n) for n in range(1, 21)]
    assert at_once(*(partial(make_up, one, day) for day in days)) == {"done": 3, "make_ups_used_up": 17}
    assert Entry.objects.filter(kind="spend").count() == CheckIn.objects.count() == 3


def test_points_for_one_make_up_pay_one_of_many_at_once(one):
    receive(one, 15)
    days = [TODAY - timedelta(days=n) for n in range(1, 11)]
    assert at_once(*(partial(make_up, one, day) for day in days)) == {"done": 1, "insufficient_points": 9}
    assert reconciliation.breaches() == []


def test_two_make_ups_that_join_three_runs_at_once_reach_the_milestone_once(one):
    receive(one, 100)
    for n in (8, 7, 6, 4, 3, 1):
        checkin.check_in(member_id=one, actor="tests", now=NOW - timedelta(days=n))
    assert at_once(partial(make_up, one, TODAY - timedelta(days=5)), partial(make_up, one, TODAY - timedelta(days=2))) == {"done": 2}
    assert Behaviour.objects.get(kind_id="streak_reached").external_id == f"{TODAY - timedelta(days=8)}/7"


def test_one_card_is_used_by_one_of_many_at_once(one, make_up_card):
    cards.grant(member_id=one, kind="make-up", actor="tests", key="sample", now=NOW)
    uses = (partial(cards.use, member_id=one, kind="make-up", subject=f"check-in/{n}", now=NOW) for n in range(20))
    assert at_once(*uses) == {"done": 1, "no_card": 19}
    assert Card.objects.get().status == "used"


def test_one_subject_at_once_uses_one_card(one, make_up_card):
    cards.grant(member_id=one, kind="make-up", count=5, actor="tests", key="sample", now=NOW)
    assert at_once(*[partial(cards.use, member_id=one, kind="make-up", subject="check-in/1", now=NOW)] * 20) == {"done": 20}
    assert held_cards.available_kinds(member_id=one, now=NOW) == {"make-up": 4}


def test_one_key_at_once_grants_once(one, make_up_card):
    assert at_once(*[partial(cards.grant, member_id=one, kind="make-up", count=2, actor="tests", key="sample", now=NOW)] * 20) == {"done": 20}
    assert held_cards.available_kinds(member_id=one, now=NOW) == {"make-up": 2}


def test_cards_given_back_and_expired_at_once_end_up_expired(one):
    CardKind.objects.create(code="short", name_zh="短卡", name_en="Short card", use="make_up", valid_days=1)
    cards.grant(member_id=one, kind="short", count=30, actor="tests", key="sample", now=NOW)
    for n in range(15):
        cards.use(member_id=one, kind="short", subject=f"check-in/{n}", now=NOW)
    later = NOW + timedelta(days=5)
    back = [partial(cards.give_back, member_id=one, subject=f"check-in/{n}", now=later) for n in range(15)]
    sweeps = [partial(cards.expire_due, limit=4, now=later)] * 5
    assert at_once(*back, *sweeps) == {"done": 20}
    cards.expire_due(limit=30, now=later)
    assert Counter(Card.objects.values_list("status", flat=True)) == {"expired": 30}
