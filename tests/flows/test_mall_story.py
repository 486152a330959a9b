"""One member at a stocked mall: a mug, a coupon, a code, a set for points and money; one of them comes back. The books and the mall add up after it."""

from itertools import count

import pytest

from accounts.notifications.models import Message
from loyalty.outbox import services as outbox
from mall.codes import services as codes
from mall.codes.models import CodePool
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from tests.mall.conftest import Mall

pytestmark = pytest.mark.django_db(transaction=True)
HOME = {"name": "Sample Member", "phone": "13800000000", "address": "1 Sample Street"}
_keys = count(1)


@pytest.fixture
def mall(db, now, member):
    """Stocked with one of each kind; the member has 5,000 points."""
    mall = Mall(now)
    mall.give(member, 5_000)
    mall.reward("mug", points=500, stock=10)
    mall.reward("tea-set", points=1_999, cents=100, stock=10)
    template = CouponTemplate(code="ten-off", name_zh="十元券", name_en="Ten off", kind="amount", valid_days=30, amount_cents=1_000)
    coupons.keep(template=template, actor="tests", now=now)
    mall.reward("ten-off", kind="coupon", item="ten-off", points=300, stock=None)
    pool = CodePool(code="video", name_zh="视频月卡", name_en="Video month", text_en="Enter it.", text_zh="输入")
    codes.keep(pool=pool, actor="tests", now=now)
    codes.take_in(pool="video", content=b"code\nAAAA-BBBB-CCCC\n", file_name="codes.csv", actor="tests", now=now)
    mall.reward("video", kind="code", item="video", points=200, stock=None)
    return mall


def post(client, path, body=None):
    answer = client.post(f"/api/v1/{path}", body or {}, format="json", headers={"Idempotency-Key": f"k-{next(_keys)}"})
    assert answer.status_code in (200, 201), answer.json()
    return answer.json()


def test_a_member_redeems_one_of_each_and_sends_one_back(mall, member, member_client, storefront, assert_books_balance):
    mug = post(member_client, "me/redemptions", {"reward": "mug", "recipient": HOME, "points": 500})
    coupon = post(member_client, "me/redemptions", {"reward": "ten-off"})
    code = post(member_client, "me/redemptions", {"reward": "video"})
    tea = post(member_client, "me/redemptions", {"reward": "tea-set", "points": 1_999, "cents": 100, "recipient": HOME})
    assert [one["status"] for one in (mug, coupon, code, tea)] == ["confirmed", "delivered", "delivered", "held"]
    assert "AAAA-BBBB-CCCC" in str(code["handed"])
    assert coupon["handed"]
    assert mall.points(member) == 5_000 - 500 - 300 - 200 - 1_999

    tea = post(storefront, f"redemptions/{tea['id']}/confirm", {"paid_cents": 100, "payment": "PAY-1"})
    assert tea["status"] == "confirmed"
    for number, one in enumerate((mug, tea), 1):
        redemptions.ship(redemption_id=one["id"], carrier="Sample Post", tracking=f"T-{number}", actor="warehouse", now=mall.now)
    redemptions.deliver(redemption_id=mug["id"], actor="warehouse", now=mall.now)

    back = post(storefront, f"redemptions/{tea['id']}/return", {"restock": True, "reason": "a cup was broken"})
    assert (back["status"], back["give_back_cents"], back["steps"][-1]["points"]) == ("returned", 100, 1_999)
    assert (mall.points(member), mall.left("tea-set"), mall.left("mug")) == (4_000, 10, 9)
    listed = member_client.get("/api/v1/me/redemptions").json()["results"]
    assert [(one["reward"], one["status"]) for one in listed] == [
        ("tea-set", "returned"), ("video", "delivered"), ("ten-off", "delivered"), ("mug", "delivered"),
    ]  # fmt: skip

    while outbox.deliver_due(limit=50, now=mall.now):
        pass
    told = list(Message.objects.filter(kind__code__startswith="redemption_").order_by("id").values_list("kind_id", flat=True))
    assert told == ["redemption_to_pay", "redemption_shipped", "redemption_shipped"]
    assert_books_balance()
    assert Redemption.objects.count() == 4
    assert [str(breach) for breach in reconciliation.audit(now=mall.now).breaches] == []
