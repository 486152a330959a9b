"""A sale that is moved while members stand in line for it."""

from datetime import timedelta

from mall.flashsale import services
from tiers.ladder import services as ladder
from tiers.standing import services as standings


def move(sales, sale, **by):
    sale.starts_at += timedelta(**by)
    sale.ends_at += timedelta(**by)
    return services.keep_sale(sale=sale, actor="tests", now=sales.now)


def test_who_stands_in_line_is_served_when_it_begins_later_and_not_before(sales, mall, rich):
    sale = sales.sale(units=5)
    mall.wait(minutes=55)
    assert sales.line_up(sale, rich).state == "waiting"
    move(sales, sale, minutes=30)
    mall.wait(minutes=10)
    assert sales.line_up(sale, rich).state == "waiting"
    mall.wait(minutes=25)
    assert sales.buy(sale, rich).points == 50


def test_who_stands_in_line_is_served_when_it_begins_sooner(sales, mall, rich):
    sale = sales.sale(units=5, line_minutes=60)
    assert sales.line_up(sale, rich).state == "waiting"
    move(sales, sale, minutes=-30)
    mall.wait(minutes=30)
    assert sales.buy(sale, rich).points == 50


def test_when_a_sale_began_is_not_changed_any_more(sales, rich, refuses):
    sale = sales.on(units=5)
    sales.line_up(sale, rich)
    with refuses(services.FlashSaleBegun):
        move(sales, sale, minutes=30)


def test_a_form_that_knows_no_seconds_moves_nothing(sales, rich, mall):
    mall.now = mall.now.replace(second=30, microsecond=500)
    sale = sales.on(units=5)
    began = sale.starts_at
    sale.starts_at, sale.points = began.replace(second=0, microsecond=0), 40
    services.keep_sale(sale=sale, actor="tests", now=mall.now)
    sale.refresh_from_db()
    assert (sale.starts_at, sales.buy(sale, rich).points) == (began, 40)


def test_nor_once_somebody_who_may_come_sooner_had_their_turn(sales, mall, rich, tier, refuses):
    tier("basic", 1)
    tier("gold", 2)
    ladder.keep_benefit(tier="gold", kind="early_access", value=30, actor="tests", now=mall.now)
    standings.set_standing(member_id=rich.id, tier="gold", reason="tests", actor="tests", now=mall.now)
    sale = sales.sale(units=5)
    mall.wait(minutes=31)
    assert sales.line_up(sale, rich).state == "your_turn"
    with refuses(services.FlashSaleBegun):
        move(sales, sale, minutes=30)
    assert sales.redeem(sale, rich).points == 50
