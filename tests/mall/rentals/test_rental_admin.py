"""Operators set terms, follow rentals, end or renew one with a reason, and decide what nobody answered."""

import re

import pytest
from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone

from loyalty.audit.models import AuditEntry
from loyalty.programme import selectors as programme
from mall.rentals.models import Renewal, Rental, RentalTerms
from mall.vouchers.models import VoucherOrder

TERMS = {"code": "lounge", "name_zh": "贵宾室", "name_en": "Lounge", "product": "miles", "days": "7", "remind_days": "1", "at_once": "1", "active": "on"}


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


def test_terms_are_entered_and_their_history_and_their_maker_are_kept(operator, partner):
    client = operator("marketer")
    assert client.post(page("rentalterms", "add"), {**TERMS, "renewals": "2", "renewal_points": "40"}).status_code == 302
    row = RentalTerms.objects.get()
    assert (row.days, row.renewals, row.renewal_points, row.history.count()) == (7, 2, 40, 1)
    assert AuditEntry.objects.get(verb="rental_terms.kept").actor == "sample-marketer"
    assert "2, for 40 points each" in text(client.get(page("rentalterms", "changelist")))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"renewals": "1"}, "What can be renewed says for how many points."),
        ({"renewals": "0", "days": "0"}, "greater than or equal to 1"),
        ({"renewals": "0", "product": "nothing"}, "Select a valid choice"),
        ({"renewals": "0", "at_once": "0"}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_terms_is_said_at_the_field(operator, partner, given, sentence):
    assert sentence in text(operator().post(page("rentalterms", "add"), {**TERMS, **given}))
    assert not RentalTerms.objects.exists()


def test_a_rental_shows_where_it_stands_and_is_found_by_its_member(operator, desk, rich, other_member):
    rental = desk.borrow(rich)
    desk.renew(rental)
    client = operator("viewer")
    shown = text(client.get(page("rental", "change", rental.id)))
    assert page("voucherorder", "change", rental.order_id) in shown
    assert page("redemption", "change", rental.redemption_id) in shown
    assert "asked of the partner" in shown
    assert rental.order.vouchers[0]["code"] not in shown
    for term, there in ((rich.external_id, True), (other_member.external_id, False), (str(rental.id), True)):
        assert (str(rental.id) in text(client.get(page("rental", "changelist"), {"q": term}))) == there


def test_the_list_asks_so_many_questions_however_long_it_is(operator, desk, rich, terms, django_assert_max_num_queries):
    client = operator()
    for _ in range(2):
        desk.borrow(rich)
    client.get(page("rental", "changelist"))
    with django_assert_max_num_queries(14):
        client.get(page("rental", "changelist"))


def test_who_may_not_end_them_is_offered_nothing(operator, desk, rich):
    rental = desk.borrow(rich)
    client = operator("viewer")
    assert "End now" not in text(client.get(page("rental", "change", rental.id)))
    assert client.post(page("rental", "end", rental.id), {"reason": "x"}).status_code == 403
    assert desk.state(rental) == "lent"


def test_an_operator_ends_one_with_a_reason(operator, desk, rich):
    rental = desk.borrow(rich)
    client = operator("service")
    assert "No points are given back" in text(client.get(page("rental", "end", rental.id)))
    assert desk.state(rental) == "lent"
    client.post(page("rental", "end", rental.id), {"reason": ""})
    assert desk.state(rental) == "lent"
    client.post(page("rental", "end", rental.id), {"reason": "misused"})
    row = desk.fresh(rental)
    assert (row.state, row.cause, row.reason, row.actor) == ("ending", "operator", "misused", "sample-service")
    assert AuditEntry.objects.get(verb="rental.ended").reason == "misused"
    ended = f"ended {timezone.localtime(row.closed_at, programme.zone(now=row.closed_at)):%Y-%m-%d %H:%M}"
    assert ended in text(client.get(page("rental", "change", rental.id)))
    assert ended in text(client.get("/admin/mall/rental/"))
    assert f"{timezone.localtime(rental.ends_at, programme.zone(now=row.closed_at)):%Y-%m-%d}" not in text(client.get(page("rental", "change", rental.id)))
    assert "End now" not in text(client.get(page("rental", "change", rental.id)))


def test_a_renewal_by_hand_is_one_however_often_its_form_is_sent(operator, desk, rich):
    rental = desk.borrow(rich)
    client = operator("service")
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', text(client.get(page("rental", "renew", rental.id))))[1]
    for _ in range(2):
        client.post(page("rental", "renew", rental.id), {"reason": "by telephone", "key": key})
    assert (Renewal.objects.count(), desk.mall.points(rich), Renewal.objects.get().reason) == (1, 860, "by telephone")


def test_what_is_refused_is_said_on_the_page(operator, desk, rich):
    rental = desk.borrow(rich)
    desk.renew(rental)
    client = operator("service")
    key = re.search(r'name="key" value="([0-9a-f-]{36})"', text(client.get(page("rental", "renew", rental.id))))[1]
    assert "A renewal is under way" in text(client.post(page("rental", "renew", rental.id), {"reason": "again", "key": key}))


def test_what_the_partner_does_not_give_back_is_decided_at_its_order(operator, desk, rich, all_is_well):
    rental = desk.borrow(rich)
    desk.until(rental.ends_at).tend()
    desk.partner.next.extend(["close"] * 60)
    desk.settle()
    client = operator("service")
    decide = page("voucherorder", "decide", rental.order_id)
    shown = text(client.get(decide))
    assert "it has it back, or it is lost" in shown
    assert "by another way" not in shown
    assert "Nobody else can borrow it" in shown
    client.post(decide, {"decision": "hand_over", "reason": "x"})
    assert VoucherOrder.objects.get(id=rental.order_id).state == "unknown"
    client.post(decide, {"decision": "write_off", "reason": "they say so"})
    assert (desk.state(rental), desk.left()) == (Rental.State.TAKEN_BACK, 3)
    all_is_well()


def test_a_renewal_that_nobody_answered_is_decided_at_its_order(operator, desk, rich, all_is_well):
    rental = desk.borrow(rich)
    order = desk.renew(rental).renewal.order
    desk.partner.next.extend(["close"] * 60)
    desk.settle()
    client = operator("service")
    decide = page("voucherorder", "decide", order.id)
    assert "the term is longer now" in text(client.get(decide))
    client.post(decide, {"decision": "hand_over", "reason": "they say so"})
    assert desk.fresh(rental).renewals == 1
    all_is_well()


def test_what_is_lent_is_not_taken_back_at_its_order(operator, desk, rich):
    rental = desk.borrow(rich)
    client = operator("service")
    assert "Take back" not in text(client.get(page("voucherorder", "change", rental.order_id)))
    desk.end(rental)
    shown = text(client.get(page("voucherorder", "change", rental.order_id)))
    assert "is to come back" in shown
    assert "Take back" not in shown
