"""How an operator sees referrals, ends one, and sets the terms."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from accounts.referrals.models import Referral, ReferralTerms
from loyalty.audit.models import AuditEntry
from loyalty.programme.models import Programme

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/referral/"
TERMS = "/admin/accounts/referralterms/"


@pytest.fixture
def operator():
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("anna"))
    return client


def text(response):
    assert response.status_code == 200
    return response.content.decode()


def address(friend, what="change"):
    return f"{LIST}{Referral.objects.get(member_id=friend.id).id}/{what}/"


def test_the_list_tells_who_brought_whom_and_by_which_order(operator, befriend, pays):
    Programme.objects.create(id=1, currency="CNY")
    pays(befriend(name="Alice Sample"))
    page = text(operator.get(LIST))
    assert [one for one in ("M-1", "F-1", "1001", "CN¥100.00", "Completed") if one.lower() not in page.lower()] == []


@pytest.mark.parametrize(("term", "found"), [("F-1", {"F-1"}), ("M-1", {"F-1", "F-2"}), ("1001", {"F-1"}), ("1002", set()), ("nobody", set())])
def test_referrals_are_found_by_either_of_the_two_or_the_order(operator, befriend, bought, pays, term, found):
    friends = [befriend(name) for name in ("F-1", "F-2")]
    pays(friends[0])
    bought("F-1", "1001")
    bought("F-1", "1002")
    listed = operator.get(LIST, {"q": term}).context["cl"].result_list
    assert {row.member.external_id for row in listed} == found


def test_the_list_is_filtered_by_status(operator, befriend, pays):
    pays(befriend("F-1"))
    befriend("F-2")
    listed = operator.get(LIST, {"status__exact": "completed"}).context["cl"].result_list
    assert [row.member.external_id for row in listed] == ["F-1"]


def test_the_list_takes_as_many_queries_with_more_rows(operator, befriend, django_assert_max_num_queries):
    for number in range(12):
        befriend(f"F-{number}")
    text(operator.get(LIST))  # What is held of the settings is read once.
    with django_assert_max_num_queries(12):
        text(operator.get(LIST))


def test_nothing_on_the_page_is_changed_by_hand(operator, friend):
    text(operator.get(address(friend)))
    assert operator.post(address(friend), {"status": "completed"}).status_code == 403


def test_cancelling_asks_first_wants_a_reason_and_is_on_record(operator, friend, pays, referral):
    pays(friend)
    assert "This cannot be undone." in text(operator.get(address(friend, "cancel")))
    assert "This field is required." in text(operator.post(address(friend, "cancel"), {"reason": ""}))
    assert referral(friend)[0] == "completed"
    assert operator.post(address(friend, "cancel"), {"reason": "one household"}).status_code == 302
    assert referral(friend)[0] == "cancelled"
    noted = AuditEntry.objects.get()
    assert (noted.actor, noted.verb, noted.subject, noted.reason) == ("anna", "referral.cancelled", "member/F-1", "one household")
    assert noted.figures == {"inviter": "M-1", "was": "completed", "purchase": "1001"}
    page = text(operator.get(address(friend)))
    assert "one household" in page
    assert "/cancel/" not in page


def test_who_was_slower_than_another_is_told_so(operator, friend):
    operator.post(address(friend, "cancel"), {"reason": "one household"})
    assert "This referral has ended and cannot be cancelled." in text(operator.post(address(friend, "cancel"), {"reason": "again"}))


def test_cancelling_takes_the_permission_for_it(friend):
    user = User.objects.create_user("viewer", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.post(address(friend, "cancel"), {"reason": "x"}).status_code == 403


def test_the_terms_are_one_form_with_their_history(operator):
    assert operator.post(f"{TERMS}add/", {"active": "on", "window_days": 30, "link_template": "https://shop.example/r/{code}"}).status_code == 302
    row = ReferralTerms.objects.get()
    assert (row.window_days, row.history.count()) == (30, 1)
    assert operator.get(TERMS).status_code == 302


@pytest.mark.parametrize(
    ("template", "refused"),
    [
        ("", False),
        ("https://shop.example/r/{code}", False),
        ("https://shop.example/register?by={code}&from=app", False),
        ("http://127.0.0.1:8000/{code}", False),
        ("https://shop.example/r/", True),
        ("https://shop.example/{code}/{code}", True),
        ("https://shop.example/{code}/{name}", True),
        ("https://shop.example/{code}}", True),
        ("https://shop.example/{ code }", True),
        ("shop.example/{code}", True),
        ("javascript:alert('{code}')", True),
        ("https://{code}", True),
    ],
)
def test_a_link_is_the_address_of_a_page_with_the_code_once(template, refused):
    terms = ReferralTerms(link_template=template)
    if refused:
        with pytest.raises(ValidationError) as error:
            terms.full_clean()
        assert set(error.value.message_dict) == {"link_template"}
    else:
        terms.full_clean()


@pytest.mark.parametrize(("days", "refused"), [(0, False), (3650, False), (3651, True), (-1, True)])
def test_a_window_is_from_none_to_ten_years(days, refused):
    if refused:
        with pytest.raises(ValidationError):
            ReferralTerms(window_days=days).full_clean()
    else:
        ReferralTerms(window_days=days).full_clean()
