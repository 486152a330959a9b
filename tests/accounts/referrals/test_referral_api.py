"""GET …/referrals: a member's code, and whom they brought."""

import pytest

from accounts.members import services as members
from accounts.referrals.models import ReferralCode

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/members/M-1/referrals"
OWN = "/api/v1/me/referrals"


def test_a_member_has_one_code_for_the_storefront_and_the_app(storefront, member_client, member):
    shown = storefront.get(ADDRESS).json()
    assert shown == {"code": ReferralCode.objects.get().code, "link": None, "results": [], "next": None}
    assert member_client.get(OWN).json() == shown == storefront.get(ADDRESS).json()


def test_two_members_have_two_codes(storefront, member, other_member):
    assert storefront.get(ADDRESS).json()["code"] != storefront.get("/api/v1/members/M-2/referrals").json()["code"]


def test_the_link_carries_the_code(storefront, member, terms):
    terms(link_template="https://shop.example/r/{code}")
    shown = storefront.get(ADDRESS).json()
    assert shown["link"] == f"https://shop.example/r/{shown['code']}"


def test_while_members_cannot_invite_the_list_is_there_and_no_code(storefront, terms, friend):
    terms(active=False, link_template="https://shop.example/r/{code}")
    shown = storefront.get(ADDRESS).json()
    assert (shown["code"], shown["link"], len(shown["results"])) == (None, None, 1)


def test_the_storefront_sees_who_the_friends_are_and_the_member_a_letter_of_their_names(storefront, member_client, befriend, pays, now):
    friend = befriend(name="Alice Sample")
    pays(friend)
    (shown,) = storefront.get(ADDRESS).json()["results"]
    assert (shown["friend"], shown["name"], shown["status"]) == ("F-1", "A***", "completed")
    assert shown["completed_at"] == now.isoformat().replace("+00:00", "Z")
    assert set(shown) == {"id", "friend", "name", "status", "registered_at", "until", "completed_at"}
    answer = member_client.get(OWN)
    assert answer.json()["results"] == [{**shown, "friend": None}]
    assert "Alice" not in answer.content.decode()
    assert "F-1" not in answer.content.decode()


def test_friends_are_listed_newest_first_a_page_at_a_time(storefront, befriend):
    for number in range(5):
        befriend(f"F-{number}")
    first = storefront.get(ADDRESS, {"limit": 2}).json()
    second = storefront.get(first["next"]).json()
    third = storefront.get(second["next"]).json()
    assert [row["friend"] for page in (first, second, third) for row in page["results"]] == ["F-4", "F-3", "F-2", "F-1", "F-0"]
    assert (third["next"], third["code"]) == (None, first["code"])


def test_nobody_sees_whom_somebody_else_brought(other_member_client, friend):
    assert other_member_client.get(OWN).json()["results"] == []
    assert other_member_client.get(ADDRESS).status_code == 403


def test_a_page_of_a_hundred_takes_as_many_queries_as_a_page_of_one(storefront, befriend, django_assert_max_num_queries, now):
    for number in range(12):
        members.register(external_id=f"F-{number}", referred_by="M-1", now=now)
    storefront.get(ADDRESS)
    with django_assert_max_num_queries(8):
        assert len(storefront.get(ADDRESS, {"limit": 100}).json()["results"]) == 12
