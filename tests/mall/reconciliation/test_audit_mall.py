"""The auditor finds nothing in a mall that was run by its verbs, and each wrong that is put into it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.activity.rules import Line, Purchase, Refund
from accounts.members.models import Member
from mall.checkout import services as till
from mall.codes import services as codes
from mall.codes.models import CodePool
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services
from mall.redemptions.models import Redemption
from points.ledger.models import Hold


@pytest.fixture
def busy(mall, member, other_member):
    """A mall in which everything has happened at least once."""
    for one in (member, other_member):
        mall.give(one, 5_000)
    mall.reward("mug", points=100, stock=20, per_day=15, in_all=15)
    mall.reward("set", points=200, cents=1_000, stock=5)
    pool = CodePool(code="video", name_zh="视频月卡", name_en="Video month", text_en="Enter it.", text_zh="输入")
    codes.keep(pool=pool, actor="tests", now=mall.now)
    codes.take_in(pool="video", content=b"code\nAAAA-1\nAAAA-2\nAAAA-3\nAAAA-4\n", file_name="codes.csv", actor="tests", now=mall.now)
    mall.reward("video", kind="code", item="video", stock=None)
    template = CouponTemplate(code="ten-off", name_zh="十元券", name_en="Ten off", kind="amount", valid_days=30, amount_cents=1_000, in_all=10)
    coupons.keep(template=template, actor="tests", now=mall.now)
    mall.reward("coupon", kind="coupon", item="ten-off", stock=None)
    mall.redeem(member, quantity=2)
    mall.step("cancel", mall.redeem(member), reason="tests")
    back = mall.redeem(other_member, quantity=3)
    mall.step("ship", back, carrier="Sample Post", tracking="T-1")
    mall.step("return_", back, quantity=1, restock=False, reason="broken", key="R-1")
    mall.step("return_", back, quantity=1, restock=True, reason="too many", key="R-2")
    mall.step("confirm", mall.redeem(member, "set"), paid_cents=1_000)
    mall.step("cancel", mall.redeem(member, "set"))
    mall.redeem(member, "set")
    mall.wait(minutes=30)
    services.lapse_due(limit=10, now=mall.now)
    mall.redeem(other_member, "set")
    mall.redeem(member, "video", quantity=2)
    mall.step("return_", mall.redeem(member, "video"), restock=False, reason="tests", key="R-1")
    mall.step("return_", mall.redeem(member, "coupon", quantity=2), quantity=1, restock=False, reason="tests", key="R-1")
    for number in ("A-1", "A-2"):
        [coupon] = coupons.issue(member_id=member.id, template="ten-off", reason="tests", actor="tests", key=number, now=mall.now)
        hold = till.hold(member_id=member.id, points=300, actor="tests", key=number, now=mall.now)
        lines, told = (Line("1", amount_cents=4_000), Line("2", amount_cents=6_000)), ({"code": coupon.code},)
        bought = Purchase(number, mall.now, "CNY", 8_700, lines, discounts=told, hold=str(hold.hold_id))
        till.pay(member_id=member.id, facts=bought, actor="tests", now=mall.now)
    till.refund(purchase_ref="A-2", facts=Refund("R-1", mall.now, 8_700), actor="tests", now=mall.now)
    return mall


def audit(mall):
    return reconciliation.audit(now=mall.now)


def test_a_mall_run_by_its_verbs_adds_up(busy):
    checked, breaches = audit(busy)
    assert breaches == []
    assert checked["redemptions"] == Redemption.objects.count() == 10


@pytest.mark.parametrize(
    ("invariant", "wrong"),
    [
        (1, "UPDATE mall_stock SET on_hand = on_hand + 1"),
        (1, "DELETE FROM mall_stockchange WHERE number = 1 AND reward_id = (SELECT id FROM mall_reward WHERE code = 'mug')"),
        (1, "UPDATE mall_stockchange SET on_hand_after = on_hand_after + 1 WHERE number = 2"),
        (2, "UPDATE mall_redemption SET quantity = quantity + 1 WHERE stocked AND status = 'confirmed'"),
        (2, "UPDATE mall_step SET restocked = false WHERE status = 'lapsed'"),
        (2, "UPDATE mall_stockchange SET subject = 'redemption/' || gen_random_uuid() WHERE kind = 'sold' AND number = 2"),
        (3, "UPDATE points_hold SET status = 'released', settled_at = now() WHERE status = 'open'"),
        (3, "UPDATE points_hold SET points = points + 1 WHERE status = 'open'"),
        (3, "UPDATE mall_redemption SET unit_points = unit_points + 1 WHERE status = 'confirmed'"),
        (3, "UPDATE mall_redemption SET spend_id = (SELECT spend_id FROM mall_redemption WHERE status = 'shipped') WHERE status = 'delivered'"),
        (3, "UPDATE points_hold SET status = 'captured', captured = points, settled_at = created_at WHERE status = 'lapsed'"),
        (3, "UPDATE points_entry SET points = points - 1 WHERE kind = 'restore'"),
        (3, "UPDATE mall_redemption SET returned = 0 WHERE status = 'shipped'"),
        (3, "UPDATE mall_redemption SET spend_id = NULL, revived = true WHERE status = 'confirmed'"),
        (3, "UPDATE mall_step SET cents = cents + 1 WHERE points > 0"),
        (3, "UPDATE mall_step SET cents = cents + 1, shipping_cents = 1 WHERE points > 0"),
        (3, "UPDATE mall_redemption SET shipping_cents = 1 WHERE status = 'cancelled' AND spend_id IS NOT NULL"),
        (4, "UPDATE mall_redemption SET status = 'delivered' WHERE status = 'shipped'"),
        (4, "DELETE FROM mall_step WHERE status = 'fulfilling'"),
        (5, "UPDATE points_shareduse SET times = times + 1 WHERE counter LIKE 'reward/%/day'"),
        (5, "UPDATE points_shareduse SET times = times - 1 WHERE counter LIKE 'reward/%/all'"),
        (6, "UPDATE mall_code SET voided_at = now() WHERE value = 'AAAA-1'"),
        (6, "UPDATE mall_code SET member_id = (SELECT id FROM accounts_member WHERE external_id = 'M-2') WHERE value = 'AAAA-1'"),
        (6, "UPDATE mall_code SET voided_at = NULL WHERE voided_at IS NOT NULL"),
        (7, "UPDATE mall_coupon SET subject = '' WHERE status = 'available'"),
        (7, "UPDATE points_shareduse SET times = times + 1 WHERE counter LIKE 'coupon/%'"),
        (7, "UPDATE mall_coupon SET discount_cents = 1001 WHERE status = 'used'"),
        (7, "UPDATE mall_coupon SET terms = terms || '{\"kind\": \"percent\", \"percent_bps\": 9000, \"cap_cents\": 999}' WHERE status = 'used'"),
        (8, "UPDATE mall_reward SET kind = 'voucher' WHERE code = 'coupon'"),
        (12, "UPDATE mall_redemption SET spend_id = NULL, revived = true WHERE status = 'confirmed'"),
        (11, "UPDATE mall_settlement SET worth_cents = worth_cents + 1"),
        (11, "UPDATE mall_settlement SET split = jsonb_set(split, '{lines,0,points}', '1')"),
        (11, "UPDATE mall_settlement SET paid_cents = paid_cents + 1"),
        (11, "UPDATE mall_settlement SET restored = restored + 1 WHERE restored = 0"),
    ],
)  # fmt: skip
def test_each_wrong_is_found(busy, invariant, wrong):
    with connection.cursor() as cursor:
        # What constraints and triggers would stop before.
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(wrong)
        assert cursor.rowcount
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
    assert invariant in {breach.invariant for breach in audit(busy).breaches}


def test_what_is_on_its_way_is_no_breach(busy, member, other_member):
    held = busy.redeem(member, "set")
    busy.wait(hours=1)
    assert audit(busy).breaches == []
    Member.objects.filter(id=member.id).update(status="merged", merged_into=other_member)
    Redemption.objects.filter(id=held.id).update(pay_until=busy.now + timedelta(hours=1))
    Hold.objects.filter(id=held.hold_id).update(status="released", settled_at=busy.now)
    assert audit(busy).breaches == []


def test_the_command_prints_the_breaches_and_fails_or_says_that_all_adds_up(busy):
    said = StringIO()
    call_command("audit_mall", stdout=said)
    assert "10 redemptions" in said.getvalue()
    assert said.getvalue().endswith("The mall adds up.\n")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mall_stock SET on_hand = on_hand + 1 WHERE reward_id = (SELECT id FROM mall_reward WHERE code = 'mug')")
    said = StringIO()
    with pytest.raises(CommandError, match="1"):
        call_command("audit_mall", stdout=said)
    assert "[1] reward/mug: stock on hand is the sum of its changes; expected 16, found 17" in said.getvalue()
