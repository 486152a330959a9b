"""The shelf over HTTP, for the storefront and for a member's own app."""

import pytest

from mall.pictures import services as pictures
from mall.rewards import services as keeping
from mall.rewards.models import Category, RewardPicture
from tests.mall.pictures.test_rules import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def stocked(mall):
    """Three rewards, the cheapest of them for money as well."""
    for position, (code, zh, en) in enumerate((("kitchen", "厨房", "Kitchen"), ("garden", "园艺", "Garden"))):
        Category(code=code, name_zh=zh, name_en=en, position=position).save()
    mug = mall.reward("mug", points=300, category_id="kitchen", text_en="Holds coffee.", per_member=2)
    RewardPicture(reward=mug, picture=pictures.keep(pair=pictures.read(picture()), actor="tests", now=mall.now)).save()
    mall.reward("bowl", points=200, cents=990)
    mall.reward("lamp", points=500, stock=None, prices=[{"kind": "clearance", "points": 450, "ends_at": mall.now.replace(year=mall.now.year + 1)}])
    keeping.changed()
    return mall


def test_the_shelf_says_all_that_a_storefront_shows(stocked, api, member):
    stocked.give(member, 350)
    mug = api.get("rewards?member=M-1&category=kitchen").json()["results"][0]
    [shown] = mug.pop("pictures")
    assert shown["url"].startswith("http://testserver/pictures/")
    assert shown["small"] == shown["url"].replace(".webp", "-small.webp")
    assert mug == {
        "id": "mug", "code": "mug", "kind": "goods", "name": "Mug", "text": "Holds coffee.", "category": "kitchen", "points": 300, "cents": 0,
        "list_points": 300, "list_cents": 0, "shipping_cents": 0, "list_shipping_cents": 0, "total_cents": 0, "price": "list", "left": 5, "least_tier": "",
        "starts_at": None, "opens_at": None, "ends_at": None, "per_member": 2, "per_member_day": None, "redeemable": True, "why_not": None,
        "affordable": True, "points_missing": 0, "why": [],
    }  # fmt: skip


def test_what_the_shelf_says_a_redemption_takes_and_costs(stocked, api, member):
    stocked.give(member, 500)
    for one in api.get("rewards?member=M-1&affordable=true").json()["results"]:
        body = {"reward": one["id"], "points": one["points"], "cents": one["cents"], "recipient": {"name": "Sample", "address": "1 Sample Street"}}
        answer = api.post("members/M-1/redemptions", body)
        assert (answer.status_code, answer.json()["points"], answer.json()["cents"]) == (201, one["points"], one["cents"])
        break


def test_a_member_reads_their_own_shelf_and_one_reward_of_it(stocked, api, own):
    shelf = api.get("rewards?member=M-1").json()
    assert own.get("me/rewards").json() == api.get("members/M-1/rewards").json() == shelf
    assert own.get("me/rewards/mug").json() == api.get("rewards/mug?member=M-1").json() == shelf["results"][1]
    assert own.get("me/rewards?affordable=true").json()["results"] == []


def test_without_a_member_nobodys_points_are_spoken_of(stocked, api):
    shown = api.get("rewards").json()["results"]
    assert [(one["code"], one["points"], one["list_points"], one["affordable"], one["points_missing"]) for one in shown] == [
        ("bowl", 200, 200, None, None),
        ("mug", 300, 300, None, None),
        ("lamp", 450, 500, None, None),
    ]


def test_pages_go_on_where_the_last_ended_whatever_was_put_up_meanwhile(stocked, api):
    first = api.get("rewards?limit=1").json()
    stocked.reward("cup", points=1)
    second = api.client.get(first["next"]).json()
    third = api.client.get(second["next"]).json()
    assert [page["results"][0]["code"] for page in (first, second, third)] == ["bowl", "mug", "lamp"]
    assert third["next"] is None


@pytest.mark.parametrize("query", ["kind=toys", "affordable=1", "limit=0", "limit=101", "cursor=nonsense", "cursor=WyJhIiwiYiIsImMiXQ", "member="])
def test_what_cannot_be_understood_is_refused(stocked, api, query):
    assert api.get(f"rewards?{query}").status_code == 400


@pytest.mark.parametrize(
    ("query", "field", "english", "chinese"),
    [
        ("member=M-1&afordable=true", "afordable", "This parameter is not known.", "没有这个参数。"),
        ("category=KITCHEN", "category", "There is no such category of rewards.", "没有这个奖品分类。"),
        ("affordable=true", "affordable", "Name the member whose points are to pay.", "请指明用哪位会员的积分支付。"),
    ],
)
def test_a_parameter_that_would_change_nothing_is_refused_by_its_name(stocked, api, member, query, field, english, chinese):
    for language, said in (("en", english), ("zh-CN", chinese)):
        api.client.credentials(**{**api.client._credentials, "HTTP_ACCEPT_LANGUAGE": language})
        answer = api.get(f"rewards?{query}")
        assert answer.status_code == 400
        assert [(one["field"], one["message"]) for one in answer.json()["errors"]] == [(field, said)]


def test_a_members_own_shelf_knows_no_other_member(stocked, own):
    assert [one["field"] for one in own.get("me/rewards?member=M-2").json()["errors"]] == ["member"]


def test_what_is_not_there_is_not_found(stocked, api):
    assert api.get("rewards?member=nobody").json()["code"] == "member_unknown"
    assert api.get("rewards/nothing").json()["code"] == "reward_unknown"
    stocked.reward("old", active=False)
    assert api.get("rewards/old").json()["code"] == "reward_unknown"


def test_categories_come_in_their_order_and_the_requests_language(stocked, api):
    page = api.get("reward-categories?limit=1").json()
    assert page["results"] == [{"id": "kitchen", "code": "kitchen", "name": "Kitchen"}]
    api.client.credentials(**{**api.client._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-CN"})
    rest = api.client.get(page["next"]).json()
    assert rest == {"results": [{"id": "garden", "code": "garden", "name": "园艺"}], "next": None}
