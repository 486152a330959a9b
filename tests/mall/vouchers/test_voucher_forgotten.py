"""Who is erased while a voucher is under way, or a reward waits for its money, leaves neither a voucher nor points behind, and no name."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from accounts.leaving import services as leaving
from mall.redemptions import services as redemptions
from mall.vouchers import services
from mall.vouchers.models import VoucherOrder
from points.ledger import selectors as books
from points.ledger.models import Entry

pytestmark = pytest.mark.django_db


@pytest.fixture
def erase(mall):
    """Ask, agree, and carry it out; meanwhile days go by in which nothing is sent."""

    def do(member, days=7):
        maker, checker = (User.objects.get_or_create(username=name)[0].pk for name in ("maker", "checker"))
        asked = leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=maker, key=uuid4(), now=mall.now)
        leaving.approve_erasure(erasure_id=asked.id, operator_id=checker, now=mall.now - timedelta(days=7 - days))
        mall.wait(days=days)
        assert leaving.carry_out(seed=b"s" * 32, now=mall.now) == 1

    return do


@pytest.fixture
def said(monkeypatch):
    """All that is sent to a provider."""
    sent = []
    ask = services.signed_http.ask

    def told(*args, **more):
        sent.append(repr((args, more)))
        return ask(*args, **more)

    monkeypatch.setattr(services.signed_http, "ask", told)
    return sent


@pytest.fixture
def assert_nothing_is_left(till, rich, assert_books_balance, assert_mall_adds_up, said):
    def check():
        assert tuple(books.balance(member_id=rich.id, now=till.mall.now)) == (0, 0, 0, 0)
        assert not any(name in sent for sent in said for name in ("M-1", "Sample Member", str(rich.id)))
        assert not any(text for kept in VoucherOrder.objects.values_list("vouchers", flat=True) for one in kept for text in one.values())
        assert_books_balance()
        assert_mall_adds_up()

    return check


def ended(till, row):
    return till.order(row).state, till.status(row), len(till.provider.orders.issued())


def test_what_was_never_asked_for_is_not_asked_for(till, rich, erase, assert_nothing_is_left):
    row = till.redeem(rich)
    erase(rich)
    till.settle()
    assert till.provider.asked == []
    assert ended(till, row) == ("withdrawn", "cancelled", 0)
    assert till.mall.left("film") == 20
    assert_nothing_is_left()


@pytest.mark.parametrize("fault", ["close", "close after", "half"])
def test_what_nobody_has_answered_for_is_cancelled_at_the_provider(till, rich, erase, assert_nothing_is_left, fault):
    till.provider.next.append(fault)
    row = till.redeem(rich)
    till.send()
    erase(rich)
    till.settle()
    assert [method for method, _path in till.provider.asked] == ["POST", "DELETE"]
    assert ended(till, row) == ("withdrawn", "cancelled", 0)
    assert Entry.objects.filter(member_id=rich.id, kind="restore").count() == 1
    assert_nothing_is_left()


def test_what_is_being_asked_at_that_moment_is_cancelled_once_it_is_answered(till, rich, erase, monkeypatch, assert_nothing_is_left):
    ask = services.signed_http.ask
    acts = [lambda: erase(rich, days=0)]

    def meanwhile(*args, **more):
        answer = ask(*args, **more)
        if acts:
            acts.pop()()
        return answer

    monkeypatch.setattr(services.signed_http, "ask", meanwhile)
    row = till.redeem(rich)
    till.settle()
    assert [method for method, _path in till.provider.asked] == ["POST", "DELETE"]
    assert ended(till, row) == ("withdrawn", "cancelled", 0)
    assert_nothing_is_left()


def test_what_an_operator_was_to_decide_on_is_cancelled_at_the_provider_as_well(till, rich, erase, assert_nothing_is_left):
    till.provider.next += ["close"] * 100
    row = till.redeem(rich)
    till.settle(days=5)
    assert till.order(row).state == "unknown"
    till.provider.next.clear()
    erase(rich)
    till.settle()
    assert ended(till, row) == ("withdrawn", "cancelled", 0)
    assert_nothing_is_left()


def test_what_cannot_be_cancelled_any_more_stays_paid_and_its_code_is_not_kept(till, rich, erase, assert_nothing_is_left):
    till.provider.next.append("close after")
    row = till.redeem(rich)
    till.send()
    till.provider.orders.use(str(till.order(row).id))
    erase(rich)
    till.settle()
    assert ended(till, row) == ("delivered", "delivered", 1)
    assert not Entry.objects.filter(member_id=rich.id, kind="restore").exists()
    assert_nothing_is_left()


def test_a_voucher_that_an_operator_has_taken_back_later_gives_points_to_nobody(till, rich, erase, assert_nothing_is_left):
    row = till.redeem(rich)
    till.send()
    erase(rich)
    till.decide("withdraw", row)
    till.settle()
    assert ended(till, row) == ("withdrawn", "returned", 0)
    assert_nothing_is_left()


def test_what_waits_for_its_money_is_cancelled_and_paid_later_not_given(till, rich, erase, refuses, assert_nothing_is_left):
    till.mall.reward("premiere", kind="voucher", item="film-ticket", points=100, cents=500, stock=3)
    row = till.mall.redeem(rich, "premiere", pay_within=timedelta(days=30))
    assert books.balance(member_id=rich.id, now=till.mall.now).held == 100
    erase(rich)
    assert (till.status(row), till.mall.left("premiere")) == ("cancelled", 3)
    with refuses(redemptions.RedemptionCancelled):
        till.mall.step("confirm", row, paid_cents=500)
    till.settle()
    assert till.provider.asked == []
    assert_nothing_is_left()


@pytest.fixture
def undecided(till, rich, erase):
    """Of a member who is erased, and whose provider has answered nothing for days: an operator is to decide."""
    till.provider.next += ["close"] * 200
    row = till.redeem(rich)
    till.send()
    erase(rich)
    till.settle()
    till.provider.next.clear()
    assert till.order(row).state == "unknown"
    return row


def test_what_is_undecided_is_handed_over_to_nobody_who_was_erased(till, undecided, refuses, assert_nothing_is_left):
    with refuses(services.NobodyThere):
        till.decide("hand_over", undecided, vouchers=[services.Voucher("BY-FAX-1234-5678")])
    till.decide("write_off", undecided)
    assert ended(till, undecided) == ("refused", "cancelled", 0)
    assert_nothing_is_left()


def test_asked_again_it_is_cancelled_at_the_provider(till, undecided, assert_nothing_is_left):
    till.decide("ask_again", undecided)
    till.settle()
    assert ended(till, undecided) == ("withdrawn", "cancelled", 0)
    assert_nothing_is_left()
