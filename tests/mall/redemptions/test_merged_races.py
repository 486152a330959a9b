"""What comes back to a member who was merged goes on to the survivor, while others want both accounts: nobody waits in a circle."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections, transaction

from accounts.members import services as members
from points.ledger import services as ledger
from points.merging import services as merging
from tests.together import wait_until_somebody_waits_for_us

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def merged(mall):
    """Who was merged into a member of before, whose account is the first in the order of locks; that one; and what can come back."""
    survivor, gone = (members.register(external_id=name, now=mall.now)[0] for name in ("M-1", "M-2"))
    assert survivor.id < gone.id
    mall.give(gone, 1_000)
    mall.reward(points=300)
    row = mall.redeem(gone)
    sent = mall.redeem(gone)
    mall.step("ship", sent, carrier="Sample Post", tracking="T-1")
    maker, checker = (User.objects.create_user(name).pk for name in ("maker", "checker"))
    asked = merging.request(merged_id=gone.id, survivor_id=survivor.id, reason="one person", operator_id=maker, key=uuid4(), now=mall.now)
    merging.approve(merge_id=asked.id, operator_id=checker, now=mall.now)
    acts = {
        "cancel": lambda: mall.step("cancel", row),
        "return": lambda: mall.step("return_", sent, restock=True, reason="tests", key="R-1"),
    }
    return survivor, gone, acts


def in_thread(act):
    try:
        return act()
    finally:
        connections.close_all()


@pytest.mark.parametrize("what", ["cancel", "return"])
def test_what_comes_back_locks_both_in_the_order_in_which_a_merge_does(merged, what, mall, assert_books_balance, assert_mall_adds_up):
    survivor, gone, acts = merged
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            ledger.lock(member_id=survivor.id)
            back = pool.submit(in_thread, acts[what])
            wait_until_somebody_waits_for_us()
            ledger.lock_all(member_ids=[gone.id, survivor.id])
        back.result(30)
    assert mall.points(gone) == 0
    assert_books_balance()
    assert_mall_adds_up()
