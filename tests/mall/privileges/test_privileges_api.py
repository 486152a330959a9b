"""What the storefront and the member's app read of privileges, and how the storefront uses them."""

from itertools import count

import pytest

from mall.privileges.models import Privilege, PrivilegeUse

pytestmark = pytest.mark.django_db
KEYS = count(1)


def page(client, path="me/privileges"):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def post(client, row, act="use", key="", **body):
    path = f"/api/v1/members/M-1/privileges/{row.id}/{act}"
    return client.post(path, {"subject": "purchase/A-1", **body}, "json", HTTP_IDEMPOTENCY_KEY=key or f"I-{next(KEYS)}")


def test_a_member_sees_theirs_newest_first_and_page_by_page(member_client, storefront, privileges, member):
    privileges.kind()
    privileges.grant(member, count=3)
    first = page(member_client, "me/privileges?limit=2")
    rest = member_client.get(first["next"]).json()
    ids = [one["id"] for one in (*first["results"], *rest["results"])]
    assert ids == [str(one.id) for one in Privilege.objects.order_by("-id")] == [one["id"] for one in page(storefront, "members/M-1/privileges")["results"]]


def test_one_says_what_it_is_and_how_it_stands(member_client, privileges, member):
    privileges.kind()
    privileges.kind("agent", term="for_ever", uses=None, what="own_agent", name_en="Agent")
    privileges.grant(member, subject="gift/1")
    privileges.grant(member, "agent")
    agent, fast = page(member_client)["results"]
    wanted = ("kind", "what", "name", "text", "status", "uses_left", "granted_for")
    assert [fast[name] for name in wanted] == ["fast", "priority_shipping", "Priority shipping", "First out.", "current", 3, "gift/1"]
    assert (agent["ends_at"], agent["uses_left"], agent["status"]) == (None, None, "current")


def test_a_page_of_them_takes_few_statements(member_client, privileges, member, django_assert_max_num_queries):
    privileges.kind()
    privileges.grant(member, count=50)
    page(member_client)
    with django_assert_max_num_queries(6):
        assert len(page(member_client, "me/privileges?limit=50")["results"]) == 50


def test_a_use_counts_down_once_for_one_subject_and_one_key(storefront, privileges, member):
    privileges.kind()
    (row,) = privileges.grant(member)
    answers = [post(storefront, row, key="K"), post(storefront, row, key="K"), post(storefront, row)]
    assert [(answer.status_code, answer.json()["uses_left"]) for answer in answers] == [(200, 2)] * 3
    assert PrivilegeUse.objects.get().subject == "purchase/A-1"


def test_what_cannot_be_used_is_409_and_says_where_it_stands(storefront, privileges, member):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    assert post(storefront, row).json()["status"] == "used_up"
    answer = post(storefront, row, subject="purchase/A-2")
    assert (answer.status_code, answer.json()["code"], answer.json()["privilege_status"]) == (409, "privilege_not_good", "used_up")
    assert post(storefront, row, "give-back").json()["uses_left"] == 1
    assert post(storefront, row, subject="purchase/A-2").status_code == 200


@pytest.mark.parametrize(
    ("language", "used_up", "never"),
    [
        ("en", "The privilege was used as often as it can be.", "This privilege was not used for that."),
        ("zh-hans", "该特权的可用次数已用完。", "该特权未用于此事项。"),
    ],
)
def test_a_refusal_says_which_of_the_causes_it_is(storefront, privileges, member, language, used_up, never):
    privileges.kind(uses=1)
    (row,) = privileges.grant(member)
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": language})
    post(storefront, row)
    assert post(storefront, row, subject="purchase/A-2").json()["detail"] == used_up
    answer = post(storefront, row, "give-back", subject="purchase/A-3")
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (409, "privilege_not_used_for", never)


@pytest.mark.parametrize("body", [{"subject": ""}, {"subject": None}, {"subject": 7}, {"subject": "x" * 201}, {"surprise": 1}])
def test_what_is_not_understood_is_refused(storefront, privileges, member, body):
    privileges.kind()
    (row,) = privileges.grant(member)
    assert post(storefront, row, **body).status_code == 400
    assert not PrivilegeUse.objects.exists()


def test_another_members_privilege_is_not_there(storefront, privileges, member, other_member):
    privileges.kind()
    (row,) = privileges.grant(other_member)
    answer = post(storefront, row)
    assert (answer.status_code, answer.json()["code"]) == (404, "privilege_unknown")
