"""How an operator grants and withdraws cards, and makes kinds of them."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from loyalty.audit.models import AuditEntry
from points.cards import selectors
from points.cards.models import Card, CardKind

pytestmark = pytest.mark.django_db
GRANT, LIST, KINDS = "/admin/points/card/grant/", "/admin/points/card/", "/admin/points/cardkind/"
SEES = ("view_card", "view_cardkind")


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English."""

    def enter(*codenames):
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=(*SEES, *codenames)))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def asked(**more):
    return {"key": str(uuid4()), "member": "M-1", "kind": "double", "count": "2", "reason": "ticket 4711", **more}


def test_cards_are_granted_with_a_reason_and_a_form_sent_twice_is_one_grant(operator, member, double, now):
    client, form = operator("grant_card"), asked()
    for _ in range(2):
        assert client.post(GRANT, form).status_code == 302
    assert selectors.available_kinds(member_id=member.id, now=now) == {"double": 2}
    assert AuditEntry.objects.get().reason == "ticket 4711"
    assert set(Card.objects.values_list("actor", flat=True)) == {"sample"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"member": "nobody"}, "There is no member of that id."),
        ({"count": "0"}, "greater than or equal to 1"),
        ({"count": "101"}, "less than or equal to 100"),
        ({"reason": ""}, "This field is required."),
        ({"kind": "retired"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_with_a_grant_stands_at_its_field_and_nothing_is_granted(operator, member, double, wrong, sentence):
    CardKind.objects.create(code="retired", name_zh="旧卡", name_en="Old card", use="make_up", active=False)
    assert sentence in text(operator("grant_card").post(GRANT, asked(**wrong)))
    assert not Card.objects.exists()


def test_the_list_shows_the_cards_of_the_member_searched_for(operator, member, other_member, double, granted, now):
    granted(double, now=now, subject="mission/newcomer")
    client = operator()
    assert "mission/newcomer" in text(client.get(LIST, {"q": "M-1"}))
    assert "mission/newcomer" in text(client.get(LIST, {"q": "M-1 mission/"}))
    assert "mission/newcomer" not in text(client.get(LIST, {"q": "M-1 other"}))
    assert "mission/newcomer" not in text(client.get(LIST, {"q": "M-2"}))


def test_a_card_is_withdrawn_after_a_question_and_with_a_reason(operator, member, double, granted, now):
    (card,) = granted(double, now=now)
    client = operator("withdraw_card")
    withdraw = f"{LIST}{card.id}/withdraw/"
    assert withdraw in text(client.get(f"{LIST}{card.id}/change/"))
    assert "cannot be undone" in text(client.get(withdraw))
    assert Card.objects.get().status == "available"
    assert client.post(withdraw, {"reason": "granted twice"}).status_code == 302
    assert (Card.objects.get().status, Card.objects.get().withdrawn_for) == ("withdrawn", "granted twice")
    assert withdraw not in text(client.get(f"{LIST}{card.id}/change/"))
    assert client.get(f"{LIST}nonsense/withdraw/").status_code == 404
    assert "can still be used can be withdrawn" in text(client.post(withdraw, {"reason": "again"}))


def test_a_card_that_is_due_is_shown_as_expired_and_offers_no_withdrawal(operator, member, double, granted):
    (card,) = granted(double)
    Card.objects.update(expires_at=card.granted_at)
    page = text(operator("withdraw_card").get(f"{LIST}{card.id}/change/"))
    assert "expired" in page
    assert "/withdraw" not in page


def test_who_may_only_look_neither_grants_nor_withdraws(operator, member, double, granted, now):
    (card,) = granted(double, now=now)
    client = operator()
    assert client.post(GRANT, asked()).status_code == 403
    assert client.post(f"{LIST}{card.id}/withdraw/", {"reason": "no"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert Card.objects.get().status == "available"


def kind_form(**more):
    return {"code": "triple", "name_zh": "三倍卡", "name_en": "Triple points", "use": "multiplier", "factor_percent": "300", "active": "on", **more}


def test_a_kind_is_made_and_its_code_and_use_stay(operator):
    client = operator("add_cardkind", "change_cardkind")
    assert client.post(f"{KINDS}add/", kind_form()).status_code == 302
    assert client.post(f"{KINDS}triple/change/", kind_form(code="other", use="make_up", factor_percent="", valid_days="7")).status_code == 302
    kind = CardKind.objects.get()
    assert (kind.code, kind.use, kind.valid_days) == ("triple", "multiplier", 7)
    assert [row.valid_days for row in kind.history.all()] == [7, None]


def test_a_make_up_card_gets_no_factor_later_either(operator, make_up_card):
    client = operator("change_cardkind")
    page = f"{KINDS}make-up/change/"
    assert "factor_percent" not in text(client.get(page))
    assert client.post(page, kind_form(factor_percent="300")).status_code == 302
    assert CardKind.objects.get().factor_percent is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"use": "make_up"}, "Only a multiplier card has a factor."),
        ({"factor_percent": "100"}, "greater than or equal to 101"),
        ({"valid_days": "0"}, "greater than or equal to 1"),
        ({"code": "two words"}, "Enter a valid “slug”"),
    ],
)
def test_what_is_wrong_with_a_kind_is_said(operator, wrong, sentence):
    assert sentence in text(operator("add_cardkind").post(f"{KINDS}add/", kind_form(**wrong)))
    assert not CardKind.objects.exists()
