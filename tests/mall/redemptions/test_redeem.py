"""The click: what is checked, taken and kept."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mall.redemptions import services
from mall.redemptions.models import Redemption, Step
from mall.rewards.models import StockChange
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from tests.mall.conftest import HOME
from tiers.standing import services as standings

Status = Redemption.Status


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


def test_a_reward_for_points_is_confirmed_at_once(mall, rich, assert_books_balance):
    mall.reward(points=300)
    row = mall.redeem(rich)
    assert (row.status, row.points, row.spend.points, row.price) == (Status.CONFIRMED, 300, 300, "list")
    assert (mall.points(rich), mall.left()) == (700, 4)
    assert_books_balance()


def test_with_money_due_points_and_stock_are_held_until_it_is_paid(mall, rich, assert_books_balance):
    mall.reward(points=300, cents=1_000)
    row = mall.redeem(rich, quantity=2)
    assert (row.status, row.cents, mall.points(rich), mall.left()) == (Status.HELD, 2_000, 400, 3)
    paid = mall.step("confirm", row, paid_cents=2_000, payment="P-1").redemption
    assert (paid.status, paid.spend.points, paid.payment) == (Status.CONFIRMED, 600, "P-1")
    assert mall.step("confirm", row, paid_cents=2_000).replayed
    assert_books_balance()


def test_another_sum_than_what_is_due_is_refused(mall, rich, refuses):
    mall.reward(cents=1_000)
    row = mall.redeem(rich)
    with refuses(services.PaymentDisagrees) as refused:
        mall.step("confirm", row, paid_cents=999)
    assert refused.value.figures == {"due_cents": 1_000, "paid_cents": 999}


def test_what_is_not_paid_in_time_is_free_again(mall, rich, refuses, assert_books_balance):
    mall.reward(points=300, cents=1_000, per_day=1, in_all=1)
    row = mall.redeem(rich)
    mall.wait(minutes=30)
    with refuses(services.RedemptionLapsed):
        mall.step("confirm", row, paid_cents=1_000)
    assert services.lapse_due(limit=10, now=mall.now) == {"lapsed": 1}
    assert services.lapse_due(limit=10, now=mall.now) == {}
    row.refresh_from_db()
    assert (row.status, mall.points(rich), mall.left()) == (Status.LAPSED, 1_000, 5)
    mall.redeem(rich)
    assert_books_balance()


def test_the_same_key_again_is_a_replay_and_with_other_content_a_conflict(mall, rich, refuses):
    mall.reward()
    first = mall.redeem(rich, key="K")
    assert mall.redeem(rich, key="K").id == first.id
    with refuses(ledger.KeyConflict):
        mall.redeem(rich, key="K", quantity=2)
    assert (mall.left(), mall.points(rich)) == (4, 900)


@pytest.mark.parametrize(
    ("reward", "asked", "refusal"),
    [
        ({"active": False}, {}, services.RewardUnavailable),
        ({"per_member": 2}, {"quantity": 3}, services.MemberLimit),
        ({"per_member_day": 2}, {"quantity": 3}, services.MemberDayLimit),
        ({"per_day": 2}, {"quantity": 3}, services.DayLimit),
        ({"in_all": 2}, {"quantity": 3}, services.TotalLimit),
        ({"stock": 2}, {"quantity": 3}, services.SoldOut),
        ({"points": 1_001}, {}, ledger.InsufficientPoints),
        ({}, {"quantity": 0}, services.QuantityInvalid),
        ({}, {"recipient": services.NOBODY}, services.AddressMissing),
        ({}, {"expected": (99, 0)}, services.PriceChanged),
    ],
)
def test_who_may_not_have_it_loses_nothing(mall, rich, refuses, assert_books_balance, reward, asked, refusal):
    mall.reward(**reward)
    with refuses(refusal):
        mall.redeem(rich, **asked)
    assert (mall.points(rich), mall.left(), Redemption.objects.count()) == (1_000, reward.get("stock", 5), 0)
    assert_books_balance()


def test_before_its_time_and_after_it_a_reward_is_not_given(mall, rich, refuses):
    mall.reward(starts_at=mall.now + timedelta(hours=1), ends_at=mall.now + timedelta(hours=2))
    with refuses(services.RewardNotYet):
        mall.redeem(rich)
    mall.wait(hours=1)
    mall.redeem(rich)
    mall.wait(hours=1)
    with refuses(services.RewardUnavailable):
        mall.redeem(rich)


def test_a_reward_of_a_higher_tier_is_refused_below_it(mall, rich, refuses, tier):
    tier("basic", 1)
    gold = tier("gold", 2)
    mall.reward(least_tier=gold)
    with refuses(services.TierTooLow):
        mall.redeem(rich)
    standings.set_standing(member_id=rich.id, tier="gold", reason="tests", actor="tests", now=mall.now)
    mall.redeem(rich)


def test_the_limits_of_a_day_begin_anew_on_the_next(mall, rich, refuses):
    mall.reward(per_member_day=1, per_day=1)
    mall.redeem(rich)
    with refuses(services.MemberDayLimit):
        mall.redeem(rich)
    mall.wait(days=1)
    mall.redeem(rich)


def test_what_was_not_paid_in_time_counts_for_no_limit_of_the_member_booked_or_not(mall, rich, refuses):
    mall.reward(points=300, cents=500, per_member=1, per_member_day=1)
    mall.redeem(rich)
    with refuses(services.MemberLimit):
        mall.redeem(rich)
    mall.wait(minutes=30)
    mall.redeem(rich)


def test_a_blocked_or_frozen_member_redeems_nothing(mall, rich, other_member, refuses):
    mall.reward()
    mall.give(other_member, 1_000)
    screening.block(member_id=rich.id, reason="tests", actor="tests", now=mall.now)
    with refuses(screening.Screened):
        mall.redeem(rich)
    ledger.freeze(member_id=other_member.id, reason="tests", actor="tests", key="freeze", now=mall.now)
    with refuses(ledger.AccountFrozen):
        mall.redeem(other_member)


def test_until_it_is_on_its_way_it_can_be_cancelled_and_all_comes_back(mall, rich, assert_books_balance):
    mall.reward(cents=500, per_day=1, in_all=1, per_member=1)
    row = mall.redeem(rich)
    mall.step("confirm", row, paid_cents=500)
    cancelled = mall.step("cancel", row, reason="tests")
    assert (cancelled.redemption.status, mall.points(rich), mall.left()) == (Status.CANCELLED, 1_000, 5)
    assert Step.objects.latest("id").cents == 500
    assert mall.step("cancel", row).replayed
    mall.redeem(rich)
    assert_books_balance()


@pytest.mark.parametrize("to_the_shelf", [True, False])
def test_what_comes_back_restores_its_points_and_goes_to_the_shelf_where_it_is_fit(mall, rich, refuses, assert_books_balance, to_the_shelf):
    mall.reward(points=100)
    row = mall.redeem(rich, quantity=3)
    about = {"restock": to_the_shelf, "reason": "broken"}
    with refuses(services.StepImpossible):
        mall.step("return_", row, key="R-0", **about)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    one = mall.step("return_", row, quantity=1, key="R-1", **about)
    assert (one.redemption.status, one.redemption.returned, mall.points(rich)) == (Status.SHIPPED, 1, 800)
    assert mall.step("return_", row, quantity=1, key="R-1", **about).replayed
    with refuses(services.QuantityInvalid):
        mall.step("return_", row, quantity=3, key="R-2", **about)
    mall.step("deliver", row)
    rest = mall.step("return_", row, key="R-3", **about)
    assert (rest.redemption.status, mall.points(rich), mall.left()) == (Status.RETURNED, 1_000, 5 if to_the_shelf else 2)
    assert_books_balance()


def test_stock_is_the_sum_of_its_changes(mall, rich):
    reward = mall.reward(stock=5)
    mall.step("cancel", mall.redeem(rich, quantity=2))
    mall.redeem(rich)
    rows = StockChange.objects.filter(reward=reward).order_by("number")
    assert [(row.number, row.kind, row.change, row.on_hand_after) for row in rows] == [
        (1, "restock", 5, 5), (2, "sold", -2, 3), (3, "given_back", 2, 5), (4, "sold", -1, 4),
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_goods_for_points_take_five_statements(mall, rich):
    mall.reward()
    mall.redeem(rich)
    with CaptureQueriesContext(connection) as seen:
        mall.redeem(rich)
    told = [one["sql"] for one in seen if one["sql"] not in ("BEGIN", "COMMIT")]
    assert [sql.split()[0] for sql in told] == ["SELECT", "SELECT", "UPDATE", "INSERT", "WITH"], told


def test_goods_go_to_whom_they_are_sent(mall, rich):
    mall.reward()
    row = mall.redeem(rich)
    assert (row.name, row.phone, row.address) == HOME
