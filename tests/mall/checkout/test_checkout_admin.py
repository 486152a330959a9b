"""How an operator sees and steers the till."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.activity.models import UnmatchedRefund
from loyalty.audit.models import AuditEntry
from mall.checkout import services
from mall.checkout.models import CheckoutHold, RefundSettlement, Settlement

pytestmark = pytest.mark.django_db
KEPT = "/admin/accounts/unmatchedrefund/"


@pytest.fixture
def operator():
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("anna"))
    return client


@pytest.fixture
def story(shop, member):
    """An order paid partly with points and refunded in part, a refund that waits, one that could not be, and one without a reference."""
    shop.give(member, 1_000)
    quote = shop.quote(member, shop.order(10_000))
    shop.refund(20_000, number="too-much")
    shop.refund(1_000, number="early", purchase="later")
    shop.pay(member, shop.order(10_000, worth=500, hold=shop.hold(member, 500, quote=quote.token, purchase_ref="1001").hold_id))
    shop.refund(1_900)
    services.park_refund(facts=shop.refunded(100, number="nameless"), actor="shop", now=shop.now)


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def id_of(number):
    return UnmatchedRefund.objects.get(external_id=number).id


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("settlement", ["1001", "95", "CN¥95.00"]),
        ("refundsettlement", ["R-1", "1001", "100", "19"]),
        ("checkouthold", ["1001", "CN¥5.00"]),
        ("unmatchedrefund", ["too-much", "early", "nameless", "More money than was paid", "The message named no purchase."]),
    ],
)
def test_what_points_did_at_the_till_is_listed_and_searched(operator, story, page, shown):
    app = "accounts" if page == "unmatchedrefund" else "mall"
    listed = text(operator.get(f"/admin/{app}/{page}/"))
    assert [one for one in shown if one not in listed] == []
    for term in ("1001", "M-1", "nobody"):
        text(operator.get(f"/admin/{app}/{page}/", {"q": term}))


@pytest.mark.parametrize(("term", "found"), [("1001", True), ("M-1", True), ("later", False), ("nowhere", False)])
def test_a_settlement_is_found_by_purchase_or_member(operator, story, term, found):
    assert ("/change/" in text(operator.get("/admin/mall/settlement/", {"q": term}))) is found


def test_each_can_be_opened_and_none_changed(operator, story):
    for model in (Settlement, RefundSettlement, CheckoutHold):
        row = model.objects.get()
        page = f"/admin/mall/{model._meta.model_name}/{row.pk}/change/"
        text(operator.get(page))
        assert operator.post(page, {"earned": 1}).status_code == 403


def test_what_is_open_stands_first(operator, story, shop):
    services.close_refund(unmatched_id=id_of("nameless"), actor="anna", reason="a double", now=shop.now)
    listed = text(operator.get(KEPT))
    assert listed.index("too-much") < listed.index("nameless")


def test_why_a_refund_waits_is_read_in_the_readers_language(operator, story):
    chinese = operator.get(KEPT, headers={"accept-language": "zh-hans"})
    assert "消息没有注明订单。" in text(chinese)


@pytest.mark.parametrize(("number", "buttons"), [("too-much", {"retry", "link", "close"}), ("nameless", {"link", "close"})])
def test_only_what_names_a_purchase_can_be_tried_again(operator, story, number, buttons):
    page = text(operator.get(f"{KEPT}{id_of(number)}/change/"))
    assert {name for name in ("retry", "link", "close") if f"/{id_of(number)}/{name}" in page} == buttons


def test_a_retry_asks_first_then_says_why_not_or_applies(operator, story, shop, member):
    page = f"{KEPT}{id_of('early')}/retry/"
    assert "This cannot be undone." in text(operator.get(page))
    assert "There is no such purchase." in text(operator.post(page, {"reason": "customer called"}))
    assert "This field is required." in text(operator.post(page, {"reason": ""}))
    too_much = f"{KEPT}{id_of('too-much')}/retry/"
    assert "More money than was paid cannot be given back." in text(operator.post(too_much, {"reason": "once more"}))
    assert not AuditEntry.objects.filter(verb__startswith="refund.").exists()


def test_a_link_and_a_close_are_on_record_with_their_reasons(operator, story):
    assert operator.post(f"{KEPT}{id_of('nameless')}/link/", {"purchase": "1001", "reason": "receipt seen"}).status_code == 302
    assert operator.post(f"{KEPT}{id_of('too-much')}/close/", {"reason": "a typo of the shop's"}).status_code == 302
    found = AuditEntry.objects.filter(verb__startswith="refund.").order_by("id")
    assert list(found.values_list("actor", "verb", "subject", "reason")) == [
        ("anna", "refund.linked", "refund/nameless", "receipt seen"),
        ("anna", "refund.closed", "refund/too-much", "a typo of the shop's"),
    ]
