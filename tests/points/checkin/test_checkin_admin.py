"""How an operator sets the terms and looks at check-ins."""

from datetime import date

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from points.cards import services as cards
from points.cards.models import CardKind
from points.checkin.models import CheckIn, CheckInTerms

pytestmark = pytest.mark.django_db
TERMS, LIST = "/admin/points/checkinterms/", "/admin/points/checkin/"


@pytest.fixture
def operator():
    """A browser in which an operator with these permissions is logged in, reading English."""
    user = User.objects.create_user("sample", is_staff=True)
    codenames = ("view_checkin", "view_checkinterms", "change_checkinterms")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def form(**more):
    return {"milestones": "7,30", "make_up_by": "either", "make_up_fee": "10", "make_ups_per_month": "3", "make_up_days_back": "30", **more}


def test_terms_are_set_by_one_form_and_what_was_before_stays_in_the_history(operator):
    assert operator.post(f"{TERMS}add/", form(make_up_fee="20")).status_code == 302
    assert operator.post(f"{TERMS}1/change/", form(milestones="3, 14")).status_code == 302
    terms = CheckInTerms.current()
    assert (terms.milestones, terms.make_up_fee) == ([3, 14], 10)
    assert [row.make_up_fee for row in terms.history.all()] == [10, 20]


def test_the_defaults_are_in_force_where_nothing_was_set():
    terms = CheckInTerms.current()
    assert (terms.milestones, terms.make_up_fee, terms.make_ups_per_month, terms.make_up_days_back) == ([7, 30], 10, 3, 30)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"milestones": "30,7"}, "Write them ascending, each once"),
        ({"milestones": "7,7"}, "Write them ascending, each once"),
        ({"milestones": "1,7"}, "2 to 3650 days"),
        ({"milestones": "7,9999"}, "2 to 3650 days"),
        ({"milestones": "seven"}, "Enter a whole number"),
        ({"milestones": ",".join(map(str, range(2, 23)))}, "no more than 20"),
        ({"make_up_fee": "-1"}, "greater than or equal to 0"),
        ({"make_ups_per_month": "32"}, "less than or equal to 31"),
        ({"make_up_days_back": "0"}, "greater than or equal to 1"),
        ({"make_up_by": "money"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_with_the_terms_stands_at_its_field(operator, wrong, sentence):
    assert sentence in text(operator.post(f"{TERMS}add/", form(**wrong)))
    assert not CheckInTerms.objects.exists()


def test_no_milestones_is_a_state(operator):
    assert operator.post(f"{TERMS}add/", form(milestones="")).status_code == 302
    assert CheckInTerms.current().milestones == []


def test_the_list_shows_the_check_ins_of_the_member_searched_for_and_which_were_made_up(operator, ladder, coming, regular, member):
    kind = CardKind.objects.create(code="make-up", name_zh="补签卡", name_en="Make-up card", use="make_up")
    (came,) = coming.come(date(2026, 11, 3))
    cards.grant(member_id=regular.id, kind=kind.code, actor="tests", key="sample", now=came.recorded_at)
    made = coming.make_up(date(2026, 11, 2), on=date(2026, 11, 4))
    page = text(operator.get(LIST, {"q": "M-9"}))
    assert [shown in page for shown in (str(came.id), str(made.id), "made up", "checked in")] == [True] * 4
    assert str(came.id) not in text(operator.get(LIST, {"q": "M-1"}))
    assert str(came.id) not in text(operator.get(LIST, {"made_up_on__isempty": "0"}))
    assert f"/admin/points/card/{made.card_id}/" in text(operator.get(f"{LIST}{made.id}/change/"))


def test_nobody_writes_check_ins_by_hand(operator, ladder, coming):
    (came,) = coming.come(date(2026, 11, 3))
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{came.id}/change/", {"streak": "99"}).status_code == 403
    assert operator.post(f"{LIST}{came.id}/delete/", {"post": "yes"}).status_code == 403
    assert CheckIn.objects.get().streak == 1
