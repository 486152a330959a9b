"""A member who redeemed turns out to be somebody else: what was theirs is answered for by who survives."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from loyalty.outbox import services as outbox
from mall.codes.models import CodePool
from mall.codes.services import keep, take_in
from mall.redemptions import selectors, services
from points.merging import services as merging
from tests.api.conftest import Asking


@pytest.fixture
def merge(mall, member, other_member):
    """Merge `member` into `other_member`, by two operators; what listens has heard of it unless said otherwise."""

    def do(*, heard=True):
        maker, checker = (User.objects.create_user(name) for name in ("maker", "checker"))
        about = {"merged_id": member.id, "survivor_id": other_member.id, "reason": "one person", "operator_id": maker.pk, "key": uuid4()}
        asked = merging.request(**about, now=mall.now)
        merging.approve(merge_id=asked.id, operator_id=checker.pk, now=mall.now)
        while heard and outbox.deliver_due(limit=50, now=mall.now):
            pass

    return do


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


def test_what_was_not_paid_is_cancelled_and_its_points_are_the_survivors(mall, rich, other_member, merge, assert_books_balance, assert_mall_adds_up):
    mall.reward(points=300, cents=500)
    row = mall.redeem(rich)
    merge()
    row.refresh_from_db()
    assert (row.status, mall.left()) == ("cancelled", 5)
    assert (mall.points(rich), mall.points(other_member)) == (0, 1_000)
    assert_books_balance()
    assert_mall_adds_up()


def test_money_that_comes_before_that_was_heard_of_is_sent_back(mall, rich, merge, refuses):
    mall.reward(points=300, cents=500)
    row = mall.redeem(rich)
    merge(heard=False)
    with refuses(services.RedemptionCancelled):
        mall.step("confirm", row, paid_cents=500)


def test_what_comes_back_later_goes_to_the_survivor(mall, rich, other_member, merge, assert_books_balance, assert_mall_adds_up):
    mall.reward(points=300)
    sent, waiting = mall.redeem(rich), mall.redeem(rich)
    mall.step("ship", sent, carrier="Sample Post", tracking="T-1")
    merge()
    assert mall.points(other_member) == 400
    mall.step("return_", sent, restock=True, reason="tests", key="R-1")
    mall.step("cancel", waiting)
    assert (mall.points(rich), mall.points(other_member)) == (0, 1_000)
    assert_books_balance()
    assert_mall_adds_up()


def test_what_a_merged_member_had_is_the_survivors_to_read_and_to_cancel(mall, rich, other_member, merge, storefront, assert_books_balance):
    keep(pool=CodePool(code="games", name_zh="游戏码", name_en="Game keys"), actor="tests", now=mall.now)
    take_in(pool="games", content=b"code\nSAMPLE-1\n", actor="tests", now=mall.now)
    mall.reward("key", kind="code", item="games", points=100, stock=None)
    mall.reward(points=300)
    key, mug = mall.redeem(rich, "key"), mall.redeem(rich)
    merge()
    api, theirs = Asking(storefront), "members/M-2/redemptions"
    assert [one["id"] for one in api.get(theirs).json()["results"]] == [str(mug.id), str(key.id)]
    assert [one["code"] for one in api.get(f"{theirs}/{key.id}").json()["handed"]] == ["SAMPLE-1"]
    assert api.post(f"{theirs}/{mug.id}/cancel", {}).json()["status"] == "cancelled"
    assert mall.points(other_member) == 900
    assert_books_balance()


def test_what_is_the_survivors_is_not_the_merged_members_to_take(mall, rich, other_member, merge, refuses):
    mall.reward(points=300)
    mall.give(other_member, 300)
    row = mall.redeem(other_member)
    merge()
    with refuses(selectors.RedemptionUnknown):
        mall.step("cancel", row, member_id=rich.id)
