"""Units set aside and given back, price and limits of the sale's own, and what becomes of what comes back."""

from datetime import timedelta

import pytest

from loyalty.lib.refusals import ReasonMissing
from mall.flashsale import services
from mall.flashsale.models import FlashSale, FlashStock, FlashTicket
from mall.reconciliation import selectors as reconciliation
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.rewards import services as shelf
from mall.rewards.models import Reward, StockChange
from mall.rewards.services import SoldOut, StockBelowZero
from points.ledger import services as ledger
from riskcontrol.screening import services as screening

Kind = StockChange.Kind


def changes():
    return list(StockChange.objects.order_by("number").values_list("kind", "change"))[1:]


def test_units_are_set_aside_from_the_shelf_and_what_is_left_goes_back(sales, mall, rich, assert_books_balance):
    sale = sales.on(units=5)
    assert (mall.left(), sales.units(sale)) == (15, (5, 5, 0, 0))
    row = sales.buy(sale, rich)
    assert (row.status, row.points, row.price, row.sale_id) == ("confirmed", 50, "sale", sale.id)
    assert (mall.left(), mall.points(rich), sales.units(sale)) == (15, 950, (5, 4, 0, 0))
    mall.wait(hours=1)
    assert (sales.close(sale), sales.close(sale)) == (4, None)
    assert (mall.left(), sales.units(sale)) == (19, (5, 0, 0, 4))
    assert changes() == [(Kind.CARVED, -5), (Kind.RETURNED, 4)]
    assert_books_balance()


def test_where_there_are_fewer_all_there_are_are_set_aside_once(sales, mall):
    sale = sales.sale(units=30)
    for _again in range(2):
        services.set_aside(sale_id=sale.id, actor="tests", now=mall.now)
    assert (mall.left(), sales.units(sale)) == (0, (20, 20, 0, 0))


def test_a_reward_that_is_not_counted_has_units_all_the_same(sales, mall, rich):
    sale = sales.on(reward=mall.reward("sticker", stock=None), units=1)
    row = sales.buy(sale, rich)
    assert sales.units(sale) == (1, 0, 0, 0)
    mall.wait(hours=1)
    sales.close(sale)
    mall.step("cancel", row)
    assert (mall.left("sticker"), sales.units(sale)) == (None, (1, 0, 0, 1))


@pytest.mark.parametrize("before", [True, False])
def test_units_go_back_to_where_they_came_from_also_where_the_reward_was_made_one_with_or_without_a_stock_meanwhile(sales, mall, rich, before):
    reward = mall.reward(stock=20 if before else None)
    sale = sales.on(reward=reward, units=5)
    row = sales.buy(sale, rich)
    reward.counted = not before
    shelf.keep(reward=reward, actor="tests", now=mall.now)
    if not before:
        shelf.restock(reward_id=reward.id, change=15, reason="counted from now on", actor="tests", now=mall.now)
    services.add_units(sale_id=sale.id, change=1, reason="it goes well", actor="tests", now=mall.now)
    assert mall.left() == (14 if before else 15)
    mall.wait(hours=1)
    assert sales.close(sale) == 5
    mall.step("cancel", row)
    assert mall.left() == (20 if before else 15)


def test_the_shelf_goes_on_beside_a_sale_with_its_own_price_and_limits(sales, mall, rich, refuses):
    reward = mall.reward(points=100, stock=20, per_member=1)
    sale = sales.on(reward=reward)
    mall.redeem(rich)
    sales.buy(sale, rich)
    assert mall.points(rich) == 850
    with refuses(redemptions.MemberLimit):
        mall.redeem(rich)
    with refuses(redemptions.MemberLimit):
        sales.line_up(sale, rich)


def test_a_reward_off_the_shelf_can_be_for_sales_alone(sales, mall, rich, refuses):
    sale = sales.on(reward=mall.reward(stock=20, active=False))
    with refuses(redemptions.RewardUnavailable):
        mall.redeem(rich)
    assert sales.buy(sale, rich).status == "confirmed"


def test_a_price_of_the_day_before_is_refused(sales, mall, rich, refuses):
    sale = sales.on()
    sales.line_up(sale, rich)
    with refuses(redemptions.PriceChanged):
        sales.redeem(sale, rich, expected=(100, 0))
    assert sales.redeem(sale, rich, expected=(50, 0)).points == 50


def test_the_same_key_again_is_a_replay_after_the_turn_and_after_the_end(sales, mall, rich, refuses):
    sale = sales.on()
    row = sales.buy(sale, rich, key="K")
    mall.wait(hours=2)
    sales.close(sale)
    assert sales.redeem(sale, rich, key="K").id == row.id
    with refuses(services.FlashSaleOver):
        sales.redeem(sale, rich, key="L")


def test_what_is_cancelled_is_sold_again_in_the_sale_and_afterwards_goes_to_the_shelf(sales, mall, rich, rich_other, assert_books_balance):
    sale = sales.on(units=1)
    row = sales.buy(sale, rich)
    assert sales.line_up(sale, rich_other).state == "waiting"
    mall.step("cancel", row)
    assert sales.units(sale) == (1, 1, 0, 0)
    second = sales.buy(sale, rich_other)
    mall.wait(hours=1)
    sales.close(sale)
    mall.step("cancel", second)
    assert (mall.left(), sales.units(sale)) == (20, (1, 0, 0, 0))
    assert changes()[-1] == (Kind.GIVEN_BACK, 1)
    assert_books_balance()


def test_what_is_not_paid_in_time_is_for_the_next_in_line(sales, mall, rich, rich_other, assert_books_balance):
    sale = sales.on(units=1, cents=500, pay_minutes=5)
    row = sales.buy(sale, rich)
    assert (row.status, row.pay_until) == ("held", mall.now + timedelta(minutes=5))
    assert sales.line_up(sale, rich_other).state == "waiting"
    mall.wait(minutes=5)
    redemptions.lapse_due(limit=10, now=mall.now)
    paid = mall.step("confirm", sales.buy(sale, rich_other), paid_cents=500).redemption
    assert (paid.status, sales.units(sale)) == ("confirmed", (1, 0, 0, 0))
    assert_books_balance()


def test_what_comes_back_from_the_doorstep_goes_where_it_can_be_sold(sales, mall, rich):
    sale = sales.on(units=2, per_member=2)
    row = sales.buy(sale, rich, quantity=2)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    mall.step("return_", row, quantity=1, restock=True, reason="tests", key="R-1")
    assert sales.units(sale) == (2, 1, 0, 0)
    mall.wait(hours=1)
    sales.close(sale)
    mall.step("return_", row, restock=False, reason="broken", key="R-2")
    assert mall.left() == 19


def test_units_are_added_and_given_back_with_a_reason(sales, mall, rich, refuses):
    sale = sales.on(units=5)
    about = {"sale_id": sale.id, "actor": "tests", "now": mall.now}
    assert services.add_units(**about, change=10, reason="it goes well") == 15
    sales.line_up(sale, rich)
    with refuses(StockBelowZero):
        services.add_units(**about, change=-15, reason="one is promised")
    assert services.add_units(**about, change=-14, reason="needed on the shelf") == 1
    with refuses(SoldOut):
        services.add_units(**about, change=20, reason="more than there are")
    with refuses(ReasonMissing):
        services.add_units(**about, change=1, reason=" ")
    assert (mall.left(), sales.units(sale)) == (19, (1, 1, 1, 0))


def test_a_sale_that_is_called_off_sells_nothing_more_and_keeps_what_was_redeemed(sales, mall, rich, rich_other, refuses):
    sale = sales.on()
    row = sales.buy(sale, rich)
    sales.line_up(sale, rich_other)
    for _again in range(2):
        services.call_off(sale_id=sale.id, reason="a fault in the picture", actor="tests", now=mall.now)
    with refuses(services.FlashSaleOver):
        sales.redeem(sale, rich_other)
    with refuses(services.FlashSaleOver):
        sales.line_up(sale, rich_other)
    row.refresh_from_db()
    assert (row.status, mall.left(), sales.units(sale)) == ("confirmed", 19, (5, 0, 0, 4))


def test_editing_a_sale_moves_no_unit_and_its_number_is_not_edited_once_they_are_set_aside(sales, mall, rich, refuses):
    sale = sales.on()
    stale = FlashSale.objects.get(id=sale.id)
    sales.buy(sale, rich)
    stale.points = 40
    services.keep_sale(sale=stale, actor="tests", now=mall.now)
    assert sales.units(sale) == (5, 4, 0, 0)
    stale.quantity = 6
    with refuses(services.SetAsideBefore):
        services.keep_sale(sale=stale, actor="tests", now=mall.now)
    with refuses(services.FlashSaleInvalid):
        sales.sale(reward=Reward.objects.get(code="mug"), lasts=timedelta(0))
    mall.wait(hours=1)
    stale.quantity = 5
    with refuses(services.FlashSaleOver):
        services.keep_sale(sale=stale, actor="tests", now=mall.now)


@pytest.mark.parametrize("what", ["blocked", "frozen", "poor", "too many"])
def test_who_could_not_redeem_takes_no_place(sales, mall, member, refuses, what):
    sale = sales.on()
    refusal, asked = ledger.InsufficientPoints, {}
    mall.give(member, 49 if what == "poor" else 1_000)
    if what == "blocked":
        screening.block(member_id=member.id, reason="tests", actor="tests", now=mall.now)
        refusal = screening.Screened
    elif what == "frozen":
        ledger.freeze(member_id=member.id, reason="tests", actor="tests", key="freeze", now=mall.now)
        refusal = ledger.AccountFrozen
    elif what == "too many":
        refusal, asked = redemptions.QuantityInvalid, {"quantity": 2}
    with refuses(refusal):
        sales.line_up(sale, member, **asked)
    assert not FlashTicket.objects.exists()


def test_the_audit_finds_units_that_are_missing_or_promised_to_nobody(sales, mall, rich):
    sale = sales.on()
    sales.buy(sale, rich)
    FlashStock.objects.filter(sale=sale).update(left=3, promised=1)
    found = [(one.invariant, one.about, one.expected, one.found) for one in reconciliation.audit(now=mall.now).breaches]
    about = f"flash sale {sale.id}"
    assert found == [(9, about, 5, 4), (9, about, 0, 1)]
    FlashStock.objects.filter(sale=sale).update(left=4, promised=0)


def test_a_sale_that_nobody_wanted_gives_all_of_it_back_by_the_job(sales, mall):
    sale = sales.sale(set_aside_hours=1)
    assert services.tend(now=mall.now) == {"set_aside": 1}
    mall.wait(hours=2)
    assert services.tend(now=mall.now) == {"closed": 1}
    assert (mall.left(), sales.units(sale), Redemption.objects.count()) == (20, (5, 0, 0, 5), 0)
    assert services.tend(now=mall.now) == {}


@pytest.mark.django_db(transaction=True)
def test_a_sale_that_fails_stops_no_other(sales, mall, rich, monkeypatch):
    mall.reward("mug", points=100, stock=20)
    bad, good = (sales.sale(reward=Reward.objects.get(code="mug"), units=3, begins=timedelta(hours=n)) for n in (1, 2))
    carve = services._carve

    def fails(sale, *args, **more):
        if sale.id == bad.id:
            raise RuntimeError("a fault of ours")
        return carve(sale, *args, **more)

    monkeypatch.setattr(services, "_carve", fails)
    assert services.tend(now=mall.now) == {"set_aside": 1, "failed": 1}
    assert sales.units(good) == (3, 3, 0, 0)
    assert not FlashStock.objects.filter(sale=bad).exists()
