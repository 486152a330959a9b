"""Redemptions over HTTP: what a storefront and a member's app send, and what they read."""

import time
from itertools import count

import pytest

from loyalty.lib.configuration import Configuration
from mall.redemptions.models import Redemption
from mall.rewards import selectors as rewards
from mall.rewards.models import Reward

V1 = "/api/v1/"
HOME = {"name": "Sample Member", "phone": "13800000000", "address": "1 Sample Street"}
_keys = count(1)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def shop(mall, rich):
    mall.reward(points=100, stock=5)
    mall.reward("set", points=300, cents=1_000, stock=5)
    return mall


def post(client, path, body=None, *, key=""):
    return client.post(V1 + path, body or {}, format="json", headers={"Idempotency-Key": key or f"k-{next(_keys)}"})


def redeem(client, path="members/M-1/redemptions", *, key="", **body):
    return post(client, path, {"reward": "mug", "recipient": HOME, **body}, key=key)


def test_goods_for_points_are_redeemed_with_one_call(shop, storefront):
    answer = redeem(storefront, quantity=2)
    made = answer.json()
    assert answer.status_code == 201
    told = ("reward", "name", "kind", "status", "quantity", "points", "cents", "pay_until", "recipient", "handed", "steps", "give_back_cents")
    assert [made[name] for name in told] == ["mug", "Mug", "goods", "confirmed", 2, 200, 0, None, HOME, [], [], 0]
    assert made["why"] == [{"code": "confirmed", "text": "It is paid and will be made ready."}]
    assert storefront.get(f"{V1}redemptions/{made['id']}").json() == made


def test_a_redemption_is_shown_and_cancelled_also_where_its_reward_was_made_by_another_process_a_moment_ago(mall, rich, storefront):
    as_the_other_process_knows_it = rewards.catalogue()
    mall.reward("new", points=100, stock=5)
    row = mall.redeem(rich, "new")
    Configuration._held[Reward] = (time.monotonic(), as_the_other_process_knows_it)
    assert storefront.get(f"{V1}members/M-1/redemptions").json()["results"][0]["reward"] == "new"
    Configuration._held[Reward] = (time.monotonic(), as_the_other_process_knows_it)
    assert post(storefront, f"redemptions/{row.id}/cancel", {"reason": "tests"}).json()["status"] == "cancelled"


def test_a_reward_for_points_and_money_is_paid_and_returned(shop, storefront, assert_mall_adds_up):
    made = redeem(storefront, reward="set", points=300, cents=1_000, quantity=2).json()
    assert (made["status"], made["points"], made["cents"]) == ("held", 600, 2_000)
    assert made["why"][0]["text"] == "600 points are set aside. CN¥20.00 is to be paid."
    path = f"redemptions/{made['id']}"
    assert post(storefront, f"{path}/confirm", {"paid_cents": 1_999}).json()["due_cents"] == 2_000
    paid = post(storefront, f"{path}/confirm", {"paid_cents": 2_000, "payment": "PAY-1"})
    assert (paid.status_code, paid.json()["status"], paid.json()["payment"]) == (200, "confirmed", "PAY-1")
    again = post(storefront, f"{path}/confirm", {"paid_cents": 2_000, "payment": "PAY-1"})
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (paid.json(), "true")
    assert post(storefront, f"{path}/confirm", {"paid_cents": 2_000, "payment": "PAY-2"}).json()["code"] == "redemption_paid_twice"
    assert post(storefront, f"{path}/return", {"restock": True, "reason": "broken"}).json()["code"] == "redemption_step_impossible"
    shop.step("ship", Redemption.objects.get(), carrier="Sample Post", tracking="T-1")
    back = post(storefront, f"{path}/return", {"quantity": 1, "restock": True, "reason": "broken"}).json()
    assert (back["status"], back["returned"], back["give_back_cents"]) == ("shipped", 1, 1_000)
    assert [one["code"] for one in back["why"]] == ["shipped", "returned_in_part", "give_back"]
    assert back["why"][-1]["text"] == "Give back CN¥10.00, if you have not yet."
    rest = post(storefront, f"{path}/return", {"restock": False, "reason": "broken"}).json()
    assert (rest["status"], rest["give_back_cents"], [step["quantity"] for step in rest["steps"]]) == ("returned", 2_000, [2, 2, 2, 1, 1])
    assert_mall_adds_up()


def test_the_price_that_the_member_saw_is_the_price_or_nothing_happens(shop, storefront):
    answer = redeem(storefront, points=99)
    assert (answer.status_code, answer.json()["code"], answer.json()["points"], answer.json()["cents"]) == (409, "price_changed", 100, 0)
    assert redeem(storefront, reward="set", points=300).json()["code"] == "price_changed"
    assert not Redemption.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"reward": "nothing"}, 404, "reward_unknown"),
        ({"recipient": {"name": "Sample Member"}}, 400, "invalid"),
        ({"quantity": 0}, 400, "invalid"),
        ({"quantity": "1"}, 400, "invalid"),
        ({"colour": "blue"}, 400, "invalid"),
        ({"quantity": 6}, 409, "sold_out"),
        ({"quantity": 11}, 409, "insufficient_points"),
    ],
)
def test_what_cannot_be_redeemed_says_why(shop, storefront, body, status, code):
    answer = redeem(storefront, **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_goods_without_an_address_are_refused(shop, storefront):
    assert post(storefront, "members/M-1/redemptions", {"reward": "mug"}).json()["code"] == "address_missing"


def test_the_same_call_again_is_answered_again_and_redeems_nothing(shop, storefront):
    first, second = (redeem(storefront, key="K-1") for _ in range(2))
    assert (second.json(), second.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert redeem(storefront, key="K-1", quantity=2).json()["code"] == "key_reused"
    assert Redemption.objects.count() == 1


def test_a_member_redeems_and_cancels_by_their_own_app_but_touches_nobody_elses(shop, member_client, other_member_client):
    made = redeem(member_client, "me/redemptions").json()
    path = f"me/redemptions/{made['id']}"
    assert post(other_member_client, f"{path}/cancel").status_code == 404
    assert other_member_client.get(V1 + path).status_code == 404
    gone = post(member_client, f"{path}/cancel", {"reason": "changed my mind"}).json()
    assert (gone["status"], gone["why"][0]["code"], shop.left()) == ("cancelled", "cancelled", 5)
    kept = redeem(member_client, "me/redemptions").json()
    shop.step("begin", Redemption.objects.get(id=kept["id"]))
    assert post(member_client, f"me/redemptions/{kept['id']}/cancel").json()["code"] == "redemption_step_impossible"
    for verb in ("confirm", "cancel", "return"):
        assert post(member_client, f"redemptions/{kept['id']}/{verb}").status_code == 403


def test_the_list_is_newest_first_by_pages_and_by_status(shop, storefront, django_assert_max_num_queries):
    for _ in range(3):
        redeem(storefront)
    redeem(storefront, reward="set")
    with django_assert_max_num_queries(8):
        page = storefront.get(f"{V1}members/M-1/redemptions?limit=3").json()
    assert [one["reward"] for one in page["results"]] == ["set", "mug", "mug"]
    assert [one["reward"] for one in storefront.get(page["next"]).json()["results"]] == ["mug"]
    of = {status: len(storefront.get(f"{V1}members/M-1/redemptions?status={status}").json()["results"]) for status in ("held", "confirmed", "lapsed")}
    assert of == {"held": 1, "confirmed": 3, "lapsed": 0}
    assert storefront.get(f"{V1}members/M-1/redemptions?status=nowhere").status_code == 400


def test_what_was_not_paid_in_time_reads_as_lapsed_before_anything_is_booked(shop, storefront):
    made = redeem(storefront, reward="set").json()
    Redemption.objects.update(pay_until=shop.now)
    read = storefront.get(f"{V1}redemptions/{made['id']}").json()
    assert (read["status"], read["pay_until"], read["why"][0]["code"]) == ("lapsed", None, "lapsed")
    assert [one["status"] for one in storefront.get(f"{V1}members/M-1/redemptions?status=lapsed").json()["results"]] == ["lapsed"]
    assert storefront.get(f"{V1}members/M-1/redemptions?status=held").json()["results"] == []
    assert post(storefront, f"redemptions/{made['id']}/confirm", {"paid_cents": 1_000}).json()["code"] == "redemption_lapsed"


def test_a_member_reads_it_in_their_language(shop, storefront):
    made = redeem(storefront).json()
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-hans"})
    assert storefront.get(f"{V1}redemptions/{made['id']}").json()["name"] == "杯子"


@pytest.mark.parametrize("why", ["tier", "clearance", "markdown", "tier_discount", "scarcity"])
def test_why_it_cost_less_is_said_first(shop, storefront, why):
    made = redeem(storefront).json()
    Redemption.objects.update(price=why)
    assert storefront.get(f"{V1}redemptions/{made['id']}").json()["why"][0]["code"] == why


def test_a_reward_that_was_changed_since_reads_as_it_was_paid(shop, storefront):
    made = redeem(storefront).json()
    mug = Reward.objects.get(code="mug")
    mug.points = 900
    mug.save()
    assert storefront.get(f"{V1}redemptions/{made['id']}").json()["points"] == 100
