"""Several at once, and processes killed in the middle, on a real PostgreSQL. The controls are the same without what holds, and go wrong."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from mall.redemptions import services as redemptions
from mall.redemptions.services import HandOut
from mall.vouchers import services
from mall.vouchers.models import VoucherAttempt, VoucherOrder
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[3]
State = VoucherOrder.State


@pytest.fixture
def send(till):
    return lambda: services.send_due(limit=100, clock=lambda: till.mall.now)


def asked(till):
    return Counter(method for method, _path in till.provider.asked)


def test_four_senders_at_once_ask_once_for_each_order(till, rich, send, assert_books_balance):
    rows = [till.redeem(rich) for _ in range(8)]
    assert sum(at_once(*[send] * 4), Counter()) == {State.DELIVERED: 8}
    assert (asked(till), VoucherAttempt.objects.count()) == ({"POST": 8}, 8)
    till.assert_vouchers_or_points(rows)
    assert_books_balance()


def test_without_the_claim_they_would_ask_for_the_same_order(till, rich, send, monkeypatch):
    def unclaimed(order, *, now):
        return VoucherAttempt(member_id=order.member_id, order_id=order.id, number=order.attempts + 1, ask="POST", started_at=now)

    monkeypatch.setattr(services, "_begin", unclaimed)
    for _ in range(8):
        till.redeem(rich)
    at_once(*[send] * 4)
    assert asked(till)["POST"] > 8


def test_one_worker_waits_for_several_providers_at_the_same_time(till, rich):
    """Four answers of which none is given before the fourth was asked for."""
    together, answer = threading.Barrier(4), till.provider.answer

    def slow(*args):
        together.wait(20)
        return answer(*args)

    till.provider.answer = slow
    rows = [till.redeem(rich) for _ in range(4)]
    assert services.send_due(limit=10, at_once=4, clock=lambda: till.mall.now) == {State.DELIVERED: 4}
    till.assert_vouchers_or_points(rows)


def while_asked(till, act):
    """Do something while the provider makes up its answer to what a sender asks; what it gave, and what the sender came to."""
    reached, go_on, answer = threading.Event(), threading.Event(), till.provider.answer

    def slow(*args):
        done = answer(*args)
        reached.set()
        go_on.wait(20)
        return done

    def meanwhile():
        reached.wait(20)
        try:
            return act()
        except services.VoucherOrdered as refusal:
            return refusal
        finally:
            go_on.set()

    till.provider.answer = slow
    return at_once(meanwhile, lambda: services.send_due(limit=10, clock=lambda: till.mall.now))


def test_what_is_being_asked_for_is_not_cancelled_past_the_provider(till, rich, assert_books_balance):
    row = till.redeem(rich)
    refused, sent = while_asked(till, lambda: till.mall.step("cancel", row))
    assert (type(refused), sent) == (services.VoucherOrdered, {State.DELIVERED: 1})
    till.assert_vouchers_or_points([row])
    assert_books_balance()


def test_without_asking_the_order_points_would_be_back_while_the_voucher_is_issued(till, rich, monkeypatch):
    monkeypatch.setitem(redemptions._hand_outs, "voucher", HandOut(services._give, lambda *_row: None, services._show))
    row = till.redeem(rich)
    _cancelled, sent = while_asked(till, lambda: till.mall.step("cancel", row))
    assert sent == {"failed": 1}
    assert (till.mall.points(rich), len(till.provider.orders.issued())) == (1_000, 1)


def test_cancelled_or_asked_for_whoever_is_quicker(till, rich, send, assert_books_balance):
    rows = [till.redeem(rich) for _ in range(8)]

    def cancel(row):
        try:
            return bool(till.mall.step("cancel", row))
        except (services.VoucherOrdered, redemptions.StepImpossible):
            return False

    at_once(send, send, *[lambda row=row: cancel(row) for row in rows])
    till.settle()
    till.assert_vouchers_or_points(rows)
    assert_books_balance()


def test_a_lease_that_ran_out_is_taken_for_unanswered_once(till, rich):
    row = till.redeem(rich)
    services._begin(till.order(row), now=till.mall.now)
    later = till.mall.now + timedelta(minutes=4)
    at_once(*[lambda: services.recover(limit=10, now=later)] * 4)
    assert list(VoucherAttempt.objects.values_list("outcome", "counted")) == [("unknown", True)]
    assert (till.order(row).state, till.order(row).asks) == (State.WAITING, "GET")


def test_two_decisions_at_once_are_one(till, rich, settings):
    row = till.redeem(rich)
    VoucherOrder.objects.update(state=State.UNKNOWN, attempts=1)

    def decide(verb, **more):
        try:
            return till.decide(verb, row, **more).state
        except services.OrderUnderWay:
            return None

    one = [services.Voucher("BY-FAX-1234-5678")]
    decided = at_once(*[lambda: decide("write_off"), lambda: decide("hand_over", vouchers=one)] * 2)
    assert len([state for state in decided if state]) == 1
    till.assert_vouchers_or_points([row], known=False)


# Killed


@pytest.mark.parametrize("dies", ["before", "after"])
def test_a_provider_that_is_killed_has_issued_one_voucher_in_the_end(till, rich, settings, tmp_path, dies, assert_books_balance):
    """A process of its own, killed before or after it has written the order down, and started again on its books."""
    till.provider.__exit__()
    till.provider.server_address = ("127.0.0.1", till.provider.server_address[1])
    argv = [sys.executable, "-m", "tests.mall.vouchers.provider_server", str(tmp_path / "vouchers.sqlite3")]

    def start(how):
        program = subprocess.Popen([*argv, str(till.provider.server_address[1]), how], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert program.stdout.readline().startswith("http://127.0.0.1")
        return program

    row = till.redeem(rich)
    mortal = start(dies)
    try:
        assert till.send() == {State.WAITING: 1}
        assert mortal.wait(20) == -signal.SIGKILL
        assert till.send(minutes=1) == {State.WAITING: 1}, "nobody is there"
    finally:
        mortal.kill()
        mortal.stdout.close()
    immortal = start("never")
    try:
        till.settle(days=1)
    finally:
        immortal.kill()
        immortal.wait(20)
        immortal.stdout.close()
    assert list(VoucherAttempt.objects.order_by("number").values_list("ask", flat=True)) == ["POST", "GET", "GET", *(["POST"] if dies == "before" else [])]
    assert len(till.provider.orders.issued()) == 1
    till.assert_vouchers_or_points([row])
    assert_books_balance()


@pytest.mark.parametrize("fault", ["slow", "slow after"])
def test_a_sender_that_is_killed_while_it_waits_leaves_one_voucher_in_the_end(till, rich, settings, fault, assert_books_balance):
    row = till.redeem(rich)
    till.provider.next.append(fault)
    code = (
        "import django; django.setup(); from django.utils import timezone; from mall.vouchers import services;"
        "services.send_due(limit=10, clock=timezone.now)"
    )  # fmt: skip
    of = connection.settings_dict
    url = f"postgres://{of['USER']}:{of['PASSWORD']}@{of['HOST']}:{of['PORT']}/{of['NAME']}"
    env = {**os.environ, **settings.VOUCHERS, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "loyalty.settings"}
    reached, answer = threading.Event(), till.provider.answer
    till.provider.answer = lambda *args: (reached.set(), answer(*args))[1]
    sender = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env)
    try:
        assert reached.wait(60)
    finally:
        sender.kill()
        assert sender.wait(20) == -signal.SIGKILL
    assert (till.order(row).state, till.send(minutes=2)) == (State.SENDING, {}), "nobody asks again before its lease has run out"
    till.send(minutes=2)
    till.settle()
    assert list(VoucherAttempt.objects.order_by("number").values_list("ask", flat=True)) == ["POST", "GET", *(["POST"] if fault == "slow" else [])]
    assert len(till.provider.orders.issued()) == 1
    till.assert_vouchers_or_points([row])
    assert_books_balance()
