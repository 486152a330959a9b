"""PUT and GET /members/{member}: a profile, and the registration that comes with the first one."""

import pytest

from accounts.members.models import Member

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/members/M-1"
PROFILE = {"name": "示例会员", "email": "sample@example.com", "phone": "+8613800000000", "language": "zh-CN", "birthday": "1990-05-17"}


def test_the_first_put_registers_and_the_same_again_changes_nothing(storefront):
    first = storefront.put(ADDRESS, PROFILE, format="json")
    assert first.status_code == 200
    body = first.json()
    assert body["registered"] is True
    assert {name: body[name] for name in PROFILE} == {**PROFILE, "language": "zh-hans"}
    assert (body["member"], body["status"], body["referred_by"]) == ("M-1", "active", None)
    assert body["registered_at"].endswith("Z")
    again = storefront.put(ADDRESS, PROFILE, format="json").json()
    assert again == {**body, "registered": False}


def test_what_is_left_out_stays(storefront):
    storefront.put(ADDRESS, PROFILE, format="json")
    body = storefront.put(ADDRESS, {"phone": "", "birthday": None}, format="json").json()
    assert (body["name"], body["phone"], body["birthday"]) == ("示例会员", "", None)


def test_a_profile_is_read_by_the_storefront_and_by_the_member(storefront, member_client, member):
    shown = storefront.get(ADDRESS).json()
    assert shown == member_client.get("/api/v1/me").json()
    assert set(shown) == {"member", "status", "name", "email", "phone", "language", "birthday", "referred_by", "registered_at"}


def test_the_inviter_is_shown_by_the_storefronts_id(storefront, member):
    body = storefront.put("/api/v1/members/M-9", {"referred_by": "M-1"}, format="json").json()
    assert body["referred_by"] == "M-1"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"nick": "x"}, "nick", "unknown"),
        ({"registered": True}, "registered", "unknown"),
        ({"name": 7}, "name", "invalid"),
        ({"name": "a" * 101}, "name", "max_length"),
        ({"name": "a\u0007"}, "name", "control"),
        ({"email": "x"}, "email", "invalid"),
        ({"language": "fr"}, "language", "unsupported"),
        ({"birthday": "17.05.1990"}, "birthday", "invalid"),
        ({"referred_by": ""}, "referred_by", "invalid"),
        ([], "", "invalid"),
    ],
)
def test_a_profile_is_read_strictly(storefront, body, field, code):
    response = storefront.put(ADDRESS, body, format="json")
    assert response.status_code == 400
    assert [(line["field"], line["code"]) for line in response.json()["errors"]] == [(field, code)]
    assert not Member.objects.exists()


@pytest.mark.parametrize("name", ["%00", "%20", "a%0Ab", "a" * 65, "%2E%2E"])
def test_an_impossible_id_is_400(storefront, name):
    assert storefront.put(f"/api/v1/members/{name}", {}, format="json").status_code in (400, 404)
    assert not Member.objects.exists()


@pytest.mark.parametrize(("body", "status", "code"), [({"referred_by": "nobody"}, 422, "inviter_unknown"), ({"referred_by": "M-1"}, 422, "inviter_refused")])
def test_a_refused_inviter_leaves_no_member(storefront, body, status, code):
    response = storefront.put(ADDRESS, body, format="json")
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Member.objects.exists()


def test_who_may_read_and_write(anonymous, key_without_scopes, client_with, member_client, other_member_client, storefront, member):
    reader, writer = client_with("members:read"), client_with("members:write")
    callers = [anonymous, member_client, other_member_client, key_without_scopes, reader, writer, storefront]
    assert [caller.get(ADDRESS).status_code for caller in callers] == [401, 403, 403, 403, 200, 403, 200]
    assert [caller.put(ADDRESS, {}, format="json").status_code for caller in callers] == [401, 403, 403, 403, 403, 200, 200]
    assert other_member_client.get("/api/v1/me").json()["member"] == "M-2"
    assert storefront.get("/api/v1/members/nobody").json()["code"] == "member_unknown"
