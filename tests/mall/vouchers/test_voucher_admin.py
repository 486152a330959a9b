"""Operators enter providers, try them, follow an order and decide on one that nobody answered."""

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from loyalty.audit.models import AuditEntry
from mall.vouchers.models import Provider, ProviderProduct, VoucherOrder

State = VoucherOrder.State


@pytest.fixture
def operator(client, settings, db):
    """Log somebody in with a role."""
    settings.LANGUAGE_CODE = "en"

    def log_in(role="administrator"):
        user = User.objects.create_user(f"sample-{role}", is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
        client.force_login(user)
        return client

    return log_in


def page(model, name, *args):
    return reverse(f"admin:mall_{model}_{name}", args=args)


def text(response):
    return response.content.decode()


def form(**more):
    """A provider's form with one product."""
    said = {"code": "spa", "name_zh": "水疗", "name_en": "Spa", "base_url": "https://api.example.com/v1/", "key_id": "shop-1", "days": "3"}
    return {**said, "products-TOTAL_FORMS": "1", "products-INITIAL_FORMS": "0", **{f"products-0-{name}": value for name, value in PRODUCT.items()}, **more}


PRODUCT = {"code": "spa-day", "sku": "SPA-1", "name_zh": "水疗日", "name_en": "Spa day", "active": "on"}


def test_a_provider_is_entered_with_what_it_issues_and_the_page_says_what_is_missing(operator):
    client = operator()
    assert client.post(page("provider", "add"), form(active="on")).status_code == 302
    row = Provider.objects.get()
    assert (row.base_url, ProviderProduct.objects.get().provider_id, row.history.count()) == ("https://api.example.com/v1", "spa", 1)
    shown = text(client.get(page("provider", "change", "spa")))
    assert "VOUCHER_SECRET_SPA" in shown
    assert "missing" in shown
    assert "The secret that signs is missing" in text(client.get(page("provider", "changelist")))
    assert AuditEntry.objects.get(verb="voucher_provider.kept").actor == "sample-administrator"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"base_url": "http://api.example.com"}, "Write an https address"),
        ({"base_url": "https://user:secret@api.example.com"}, "Write an https address"),
        ({"base_url": "https://api.example.com/?key=1"}, "Write an https address"),
        ({"code": "Spa!"}, "Small letters, digits and underscores"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"products-0-code": "Spa Day"}, "Write small letters"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(operator, given, sentence):
    response = operator().post(page("provider", "add"), form(**given))
    assert (response.status_code, sentence in text(response), Provider.objects.count()) == (200, True, 0)


def test_the_code_of_a_provider_stays(operator, provider):
    client = operator()
    said = form(code="another", **{"products-INITIAL_FORMS": "1", "products-0-code": "film-ticket", "products-0-provider": "cinema"})
    assert client.post(page("provider", "change", "cinema"), said).status_code == 302
    assert list(Provider.objects.values_list("code", "name_en", "active")) == [("cinema", "Spa", False)]
    assert ProviderProduct.objects.get().sku == "SPA-1"


def test_the_connection_is_tried_and_the_answer_explained(operator, provider, mall, settings):
    client = operator()
    mall.now = timezone.now()
    asked = text(client.get(page("provider", "try_out", "cinema")))
    assert "nothing is ordered" in asked
    assert provider.asked == []
    assert "answers as it should" in text(client.post(page("provider", "try_out", "cinema"), follow=True))
    Provider.objects.update(key_id="somebody-else")
    assert "does not accept the key" in text(client.post(page("provider", "try_out", "cinema"), follow=True))
    settings.VOUCHERS = {}
    assert "is missing from the environment" in text(client.post(page("provider", "try_out", "cinema"), follow=True))
    assert list(AuditEntry.objects.filter(verb="voucher_provider.tried").order_by("id").values_list("figures__said", flat=True)) == [
        "absent", "unreachable", "unreachable",
    ]  # fmt: skip


def test_no_secret_and_no_voucher_stands_whole_on_any_page(operator, till, rich, settings):
    row = till.redeem(rich)
    till.send()
    order = till.order(row)
    code = order.vouchers[0]["code"]
    client = operator()
    for address in (
        page("provider", "changelist"),
        page("provider", "change", "cinema"),
        page("voucherorder", "changelist"),
        page("voucherorder", "change", order.id),
    ):
        shown = text(client.get(address))
        assert settings.VOUCHERS["VOUCHER_SECRET_CINEMA"] not in shown
        assert code not in shown
    assert code[-4:] in shown


@pytest.mark.parametrize("term", ["M-1", "key", "redemption", "number"])
def test_an_order_is_found_by_whatever_support_has_in_hand(operator, till, rich, other_member, term):
    till.mall.give(other_member, 1_000)
    row = till.redeem(rich)
    till.send()
    other = till.order(till.redeem(other_member))
    order = till.order(row)
    said = {"key": order.id, "redemption": row.id, "number": order.number}.get(term, term)
    found = text(operator().get(page("voucherorder", "changelist"), {"q": said}))
    assert (str(order.id) in found, str(other.id) in found) == (True, False)


def test_the_list_asks_so_many_questions_however_long_it_is(operator, till, rich, django_assert_max_num_queries):
    client = operator()
    for _ in range(6):
        till.redeem(rich)
    client.get(page("voucherorder", "changelist"))
    with django_assert_max_num_queries(14):
        client.get(page("voucherorder", "changelist"))


@pytest.fixture
def lost(till, rich, settings):
    till.provider.next.append("close after")
    row = till.redeem(rich)
    till.send()
    settings.VOUCHERS |= {"VOUCHER_URL_CINEMA": "http://127.0.0.1:9"}
    till.settle()
    return row


@pytest.mark.parametrize(
    ("decision", "vouchers", "state", "status", "points"),
    [
        ("ask_again", "", State.WAITING, "fulfilling", 900),
        ("withdraw", "", State.WAITING, "fulfilling", 900),
        ("write_off", "", State.REFUSED, "cancelled", 1_000),
        ("hand_over", "BY-FAX-1234, https://x.example/1, 2027-01-31", State.DELIVERED, "delivered", 900),
    ],
)
def test_what_nobody_answered_is_decided_by_a_person_with_a_reason(operator, till, lost, rich, decision, vouchers, state, status, points):
    client, order = operator("service"), till.order(lost)
    assert "Orders of vouchers that nobody answered" in text(client.get(reverse("admin:index")))
    assert "Decide" in text(client.get(page("voucherorder", "change", order.id)))
    address = page("voucherorder", "decide", order.id)
    assert "its provider gave no answer" in text(client.get(address))
    assert client.post(address, {"decision": decision, "vouchers": vouchers, "reason": ""}).status_code == 200
    assert till.order(lost).state == State.UNKNOWN, "nothing without a reason"
    assert client.post(address, {"decision": decision, "vouchers": vouchers, "reason": "by telephone"}).status_code == 302
    assert (till.order(lost).state, till.status(lost), till.mall.points(rich)) == (state, status, points)
    assert AuditEntry.objects.get(verb=f"voucher_order.{decision}").actor == "sample-service"


def test_vouchers_that_are_too_few_are_not_handed_over(operator, till, lost):
    answer = operator("service").post(page("voucherorder", "decide", till.order(lost).id), {"decision": "hand_over", "vouchers": "", "reason": "by fax"})
    assert "Write a line for each voucher" in text(answer)
    assert till.order(lost).state == State.UNKNOWN


def test_an_issued_voucher_is_taken_back_and_a_waiting_order_asked_at_once(operator, till, rich):
    client = operator("service")
    till.provider.next.append("close")
    row = till.redeem(rich)
    till.send()
    order = till.order(row)
    assert client.post(page("voucherorder", "ask_again", order.id), {"reason": "the member waits"}).status_code == 302
    till.mall.now = max(till.mall.now, timezone.now())
    till.settle()
    assert till.order(row).state == State.DELIVERED
    assert "used already" in text(client.get(page("voucherorder", "withdraw", order.id)))
    assert client.post(page("voucherorder", "withdraw", order.id), {"reason": "bought by mistake"}).status_code == 302
    assert "is to be cancelled" in text(client.get(page("voucherorder", "change", order.id)))
    till.mall.now = max(till.mall.now, timezone.now())
    till.settle()
    assert (till.status(row), till.mall.points(rich)) == ("returned", 1_000)
    assert client.post(page("voucherorder", "withdraw", order.id), {"reason": "once more"}).status_code == 200


@pytest.mark.parametrize("role", ["viewer", "marketer", "finance"])
def test_who_may_not_decide_sees_and_does_nothing(operator, till, lost, role):
    client, order = operator(role), till.order(lost)
    assert client.get(page("voucherorder", "change", order.id)).status_code == 200
    for name in ("decide", "ask_again", "withdraw"):
        assert client.post(page("voucherorder", name, order.id), {"decision": "write_off", "reason": "mine"}).status_code == 403
    assert client.post(page("provider", "try_out", "cinema")).status_code == 403
    assert client.post(page("provider", "change", "cinema"), form()).status_code == 403
    assert till.order(lost).state == State.UNKNOWN


def test_a_provider_has_one_address_and_the_page_says_who_set_it(operator, till, settings):
    client = operator()
    assert "CINEMA says" not in text(client.get(page("provider", "change", "cinema")))
    settings.VOUCHERS |= {"VOUCHER_URL_CINEMA": "http://127.0.0.1:9"}
    for shown in (page("provider", "changelist"), page("provider", "change", "cinema")):
        assert "http://127.0.0.1:9, as VOUCHER_URL_CINEMA says" in text(client.get(shown))
