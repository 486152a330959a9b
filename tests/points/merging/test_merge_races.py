"""Two members are merged while both buy: nothing stays behind, nothing is lost. The control merges without the locks, and something does."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Event
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections

from accounts.activity import rules as facts
from accounts.members import selectors as members_seen
from accounts.members import services as members
from loyalty.programme import services as programme
from mall.checkout import services as till
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.merging import services
from points.reconciliation import selectors as reconciliation
from points.rulebook import services as rulebook
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene(now):
    """Two members of 100 points each, a rule that gives a point for each unit of money, a merge that waits for its second person."""
    # The first purchase of all writes the programme's row; here it is not the first.
    programme.fix_currency(currency="CNY")
    rulebook.publish_formula(points_per_unit=Decimal(1), categories={}, actor="tests", now=now)
    two = [members.register(external_id=name, now=now)[0] for name in ("M-1", "M-2")]
    for one in two:
        ledger.earn(member_id=one.id, points=100, source="campaign", policy=NEVER, actor="tests", key="gift", now=now)
    maker, checker = (User.objects.create_user(username=name) for name in ("maker", "checker"))
    asked = services.request(merged_id=two[0].id, survivor_id=two[1].id, reason="one person", operator_id=maker.pk, key=uuid4(), now=now)
    return two, asked, checker.pk


def pay(member_id, number, now):
    bought = facts.Purchase(number, now - timedelta(minutes=1), "CNY", 1_000, (facts.Line("1", "MUG", "HOME", "", 1, 1_000),))
    till.pay(member_id=member_id, facts=bought, actor="tests", now=now)


def in_thread(act, *args):
    try:
        return act(*args)
    finally:
        connections.close_all()


def waiting_for_a_lock() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return cursor.fetchone()[0]


def both_buy_while_they_are_merged(scene, now, monkeypatch):
    """The merge has moved what there was; both purchases wait for its locks; then it goes on. What either has afterwards."""
    (old, stays), asked, checker = scene
    moved, go_on = Event(), Event()
    hand_over = ledger.hand_over

    def moves(**about):
        points = hand_over(**about)
        if not moved.is_set():
            moved.set()
            assert go_on.wait(30)
        return points

    monkeypatch.setattr(services.ledger, "hand_over", moves)
    with ThreadPoolExecutor(3) as pool:
        merging = pool.submit(in_thread, lambda: services.approve(merge_id=asked.id, operator_id=checker, now=now))
        assert moved.wait(30)
        buying = [pool.submit(in_thread, pay, one.id, f"P-{one.external_id}", now) for one in (old, stays)]
        for _attempt in range(3000):
            if waiting_for_a_lock() == 2:
                break
            time.sleep(0.01)
        go_on.set()
        for one in (merging, *buying):
            one.result(60)
    return tuple(books.balance(member_id=one.id, now=now).available for one in (old, stays))


def test_both_buy_while_they_are_merged_and_all_of_it_is_the_survivors(scene, now, monkeypatch):
    assert both_buy_while_they_are_merged(scene, now, monkeypatch) == (0, 220)
    assert members_seen.get("M-1").external_id == "M-2"
    assert reconciliation.breaches() == []


def test_control_where_a_purchase_does_not_ask_under_its_lock_what_it_earned_stays_behind(scene, now, monkeypatch):
    lock = ledger.lock
    monkeypatch.setattr(till.ledger, "lock", lambda **about: lock(**about) and None)
    assert both_buy_while_they_are_merged(scene, now, monkeypatch) == (10, 210)


def test_two_second_persons_at_once_merge_once(scene, now):
    (_old, stays), asked, checker = scene
    other = User.objects.create_user(username="other")

    def approve(who):
        try:
            services.approve(merge_id=asked.id, operator_id=who, now=now)
        except services.MergeDecided as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        outcomes = sorted(pool.map(lambda who: in_thread(approve, who), (checker, other.pk)))
    assert outcomes == ["done", "merge_decided"]
    assert books.balance(member_id=stays.id, now=now).available == 200
    assert reconciliation.breaches() == []
