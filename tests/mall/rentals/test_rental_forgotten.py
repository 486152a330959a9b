"""What somebody who is erased had borrowed goes back to its partner, and nothing that names them goes there."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from accounts.leaving import services as leaving
from mall.rentals.models import Rental
from mall.vouchers import services as vouchers
from mall.vouchers.models import VoucherOrder
from points.ledger import selectors as books

pytestmark = pytest.mark.django_db
State = Rental.State


@pytest.fixture
def erase(mall):
    def do(member):
        maker, checker = (User.objects.get_or_create(username=name)[0].pk for name in ("maker", "checker"))
        asked = leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=maker, key=uuid4(), now=mall.now)
        leaving.approve_erasure(erasure_id=asked.id, operator_id=checker, now=mall.now)
        mall.wait(days=7)
        assert leaving.carry_out(seed=b"s" * 32, now=mall.now) == 1

    return do


@pytest.mark.parametrize("still_out", [False, True])
def test_what_is_lent_or_asked_for_comes_back_also_where_that_takes_a_while(desk, rich, mall, erase, all_is_well, still_out):
    lent = desk.borrow(rich)
    asked = desk.of(desk.asked(rich))
    if still_out:
        desk.partner.orders.use(str(lent.order_id))
    erase(rich)
    desk.settle(days=1)
    assert not any(text for kept in VoucherOrder.objects.values_list("vouchers", flat=True) for one in kept for text in one.values())
    assert desk.state(lent) == (State.ENDING if still_out else State.TAKEN_BACK)
    assert desk.state(asked) != State.LENT
    if still_out:
        desk.partner.orders._rows.execute("UPDATE orders SET used = 0")
        desk.settle()
    assert (desk.state(lent), desk.partner.orders.lent()) == (State.TAKEN_BACK, {})
    assert books.balance(member_id=rich.id, now=mall.now).available == 0
    all_is_well()


def test_points_of_a_renewal_that_is_refused_afterwards_are_left_to_nobody(desk, rich, mall, erase, all_is_well):
    rental = desk.borrow(rich)
    desk.renew(rental)
    desk.partner.next.extend(["close"] * 3)
    desk.send()
    erase(rich)
    desk.partner.next.clear()
    desk.partner.next.extend(["", "refuse"])
    desk.settle()
    assert (desk.renewals(), desk.state(rental)) == (["refused"], State.TAKEN_BACK)
    assert books.balance(member_id=rich.id, now=mall.now).available == 0
    all_is_well()


def test_what_an_operator_learns_to_be_lent_to_nobody_comes_back_and_its_codes_are_not_kept(desk, rich, mall, erase, all_is_well):
    desk.partner.next.extend(["close after", *["close"] * 300])
    asked = desk.of(desk.asked(rich))
    desk.settle()
    erase(rich)
    about = {"order_id": asked.order_id, "vouchers": [vouchers.Voucher("BY-FAX-1234-5678")], "reason": "by telephone", "actor": "an operator"}
    vouchers.hand_over(**about, now=mall.now)
    assert (desk.state(asked), VoucherOrder.objects.get().vouchers) == (State.ENDING, [])
    desk.partner.next.clear()
    desk.settle()
    assert (desk.state(asked), desk.partner.orders.lent()) == (State.TAKEN_BACK, {})
    all_is_well()
