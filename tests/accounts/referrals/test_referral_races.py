"""Two at the same referral, on a real PostgreSQL. Beside the guards stand controls: without them the same goes wrong."""

import threading
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.activity.rules import Line, Purchase, Refund
from accounts.referrals import selectors, services
from accounts.referrals.models import Referral
from mall.checkout import services as till

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts):
    """Run all acts at the same moment, each in a thread and transaction of its own."""
    start = threading.Barrier(len(acts))

    def run(act):
        try:
            start.wait(20)
            with transaction.atomic():
                act()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.fixture
def meeting(monkeypatch):
    """`with meeting(module, name, act):` whoever calls that first stops there, after it has run, until `act` is done and committed."""

    @contextmanager
    def meet(module, name, act):
        original, first = getattr(module, name), threading.Lock()

        def stopping(*args, **kwargs):
            result = original(*args, **kwargs)
            if first.acquire(blocking=False):
                at_once(act)
            return result

        monkeypatch.setattr(module, name, stopping)
        yield
        monkeypatch.setattr(module, name, original)

    return meet


@pytest.fixture
def unguarded(monkeypatch):
    """Once called: an arrow is taken whatever the status has become meanwhile."""

    def turn(referral, status, *, now, **told):
        return bool(Referral.objects.filter(id=referral.id).update(status=status, settled_at=now, **told))

    return lambda: monkeypatch.setattr(services, "_turn", turn)


def topics(told):
    return sorted(topic for topic, _whose, _payload in told)


def two_orders_meet(meeting, pays, friend):
    with meeting(selectors, "of_friend", lambda: pays(friend, "1002", 2_000)), transaction.atomic():
        pays(friend, "1001", 1_000)


def test_of_two_first_orders_that_meet_one_completes(meeting, pays, friend, referral, told):
    two_orders_meet(meeting, pays, friend)
    assert referral(friend) == ("completed", "1002", 2_000)
    assert topics(told) == ["invitation_confirmed", "referral_completed"]


def test_control_without_the_guard_both_do(meeting, pays, friend, told, unguarded):
    unguarded()
    two_orders_meet(meeting, pays, friend)
    assert topics(told) == ["invitation_confirmed", "invitation_confirmed", "referral_completed", "referral_completed"]


@pytest.fixture
def an_operator_is_quicker(monkeypatch, friend, pays, refunded, now):
    """The order is refunded, and between the look and the arrow an operator cancels the referral."""

    def go():
        pays(friend)
        found, turn = Referral.objects.get().id, services._turn

        def late(referral, status, **kwargs):
            monkeypatch.setattr(services, "_turn", turn)
            at_once(lambda: services.cancel(referral_id=found, actor="anna", reason="one household", now=now))
            return turn(referral, status, **kwargs)

        monkeypatch.setattr(services, "_turn", late)
        with transaction.atomic():
            refunded(friend)

    return go


def test_what_an_operator_takes_back_a_refund_does_not_take_back_again(an_operator_is_quicker, friend, referral, told):
    an_operator_is_quicker()
    assert referral(friend)[0] == "cancelled"
    assert topics(told).count("referral_revoked") == topics(told).count("invitation_withdrawn") == 1


def test_control_without_the_guard_only_the_database_keeps_it_cancelled(unguarded, an_operator_is_quicker):
    unguarded()
    with pytest.raises(IntegrityError, match="referral_cancelled_by_somebody"):
        an_operator_is_quicker()


def pay(friend, number, now, cents=10_000):
    facts = Purchase(number, now, "CNY", cents, (Line("1", amount_cents=cents),))
    till.pay(member_id=friend.id, facts=facts, actor="shop", now=now)


def test_twelve_first_orders_at_the_till_complete_it_once(friend, referral, told, now):
    at_once(*(lambda number=number: pay(friend, f"{number}", now) for number in range(12)))
    status, number, amount = referral(friend)
    assert (status, amount) == ("completed", 10_000)
    assert topics(told) == ["invitation_confirmed", "referral_completed"]
    assert told[0][2]["purchase"] == number


@pytest.mark.parametrize("turn", range(3))
def test_a_refund_and_the_next_order_at_once_leave_it_completed_by_the_order_or_revoked(friend, referral, told, now, turn):
    pay(friend, "1001", now)
    refund = Refund("R-1", now, 10_000)
    at_once(lambda: till.refund(purchase_ref="1001", facts=refund, actor="shop", now=now), lambda: pay(friend, "1002", now))
    outcome, said = referral(friend)[:2], topics(told)
    assert outcome in (("completed", "1002"), ("revoked", "1001"))
    assert said.count("referral_revoked") == 1
    assert said.count("referral_completed") == (2 if outcome[0] == "completed" else 1)


def test_an_order_and_its_own_refund_at_once_are_told_in_their_order(friend, referral, told, now):
    refund = Refund("R-1", now, 10_000)
    at_once(lambda: pay(friend, "1001", now), lambda: till.refund(purchase_ref="1001", facts=refund, actor="shop", now=now))
    assert referral(friend) == ("revoked", "1001", 0)
    assert [topic for topic, _whose, _payload in told] == ["referral_completed", "invitation_confirmed", "referral_revoked", "invitation_withdrawn"]
