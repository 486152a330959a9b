"""What members are told of their redemptions, in their language, and what not."""

import pytest

from accounts.notifications.models import InboxItem, Message
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from mall.redemptions import services

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


def told(mall):
    """Deliver what is due; the kinds of messages told so far, and the last one's texts."""
    while outbox.deliver_due(limit=50, now=mall.now):
        pass
    return list(Message.objects.order_by("id").values_list("kind_id", flat=True)), InboxItem.objects.latest("id").texts


def test_until_when_what_is_to_be_paid_is_said_in_both_languages(mall, rich):
    mall.reward(points=300, cents=1_000)
    mall.redeem(rich)
    kinds, texts = told(mall)
    assert kinds == ["redemption_to_pay"]
    assert "¥10.00" in texts["zh-hans"]["text"]
    assert "杯子 × 1 已为您保留，300" in texts["zh-hans"]["text"]
    assert "Mug × 1 is set aside for you" in texts["en"]["text"]


def test_the_parcels_number_is_told_once(mall, rich):
    mall.reward()
    row = mall.redeem(rich)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    mall.step("ship", row, carrier="Sample Post", tracking="T-2")
    mall.step("deliver", row)
    kinds, texts = told(mall)
    assert kinds == ["redemption_shipped"]
    assert "Sample Post" in texts["en"]["text"]


def test_what_was_cancelled_or_not_paid_says_what_comes_back(mall, rich):
    mall.reward(cents=500)
    paid, waits = mall.redeem(rich), mall.redeem(rich)
    mall.step("confirm", paid, paid_cents=500)
    mall.step("cancel", paid)
    kinds, texts = told(mall)
    assert kinds.count("redemption_cancelled") == 1
    assert "The CN¥5.00 that you paid will be given back" in texts["en"]["text"]
    mall.wait(minutes=30)
    services.lapse_due(limit=10, now=mall.now)
    kinds, texts = told(mall)
    assert kinds.count("redemption_cancelled") == 2
    assert "will be given back" not in texts["en"]["text"]
    waits.refresh_from_db()
    assert waits.status == "lapsed"


def test_goods_for_points_tell_nobody_and_write_nothing_to_be_told(mall, rich):
    mall.reward()
    mall.redeem(rich)
    assert not OutboxRow.objects.filter(topic="mall.redemption_changed", subscriber__contains="tell_of_redemption").exists()
    assert not Message.objects.exists()
