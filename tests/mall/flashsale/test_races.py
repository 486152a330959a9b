"""A flash sale with many at once, on a real PostgreSQL. Beside each race stands a control: the same without the lock goes wrong."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event

import pytest
from django.db import DatabaseError, connection, transaction

from loyalty.lib.refusals import BusinessError
from mall.flashsale import services
from mall.flashsale.models import FlashStock, FlashTicket
from mall.redemptions.models import Redemption
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts):
    """What each gave when all were done at the same time: its result, or the name of what refused it."""
    return [type(one).__name__ if isinstance(one, Exception) else one for one in together.at_once(*acts, caught=(BusinessError, DatabaseError))]


def while_we_wait(first, second):
    """`first` is done and not committed while `second` is at it, until that waits for us or is over; what `second` gave."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            other = pool.submit(at_once, second)
            pause = Event()
            for _ in range(3000):
                with connection.cursor() as cursor:
                    cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")
                    if cursor.fetchone()[0] or other.done():
                        break
                pause.wait(0.01)
        (given,) = other.result(60)
    return given


def buy(sales, sale, member):
    if sales.line_up(sale, member).state != "your_turn":
        return "waits"
    return sales.redeem(sale, member).status


def test_forty_at_five_units_buy_five_and_no_more(sales, mall, assert_books_balance):
    sale = sales.on(units=5)
    people = sales.members(40)
    outcomes = Counter(at_once(*(partial(buy, sales, sale, one) for one in people)))
    assert outcomes == {"confirmed": 5, "waits": 35}
    assert (sales.units(sale), Redemption.objects.count(), mall.left()) == ((5, 0, 0, 0), 5, 15)
    assert_books_balance()


def test_one_member_with_many_connections_has_one_ticket_and_one_unit(sales, rich, mall):
    sale = sales.on(units=5)
    outcomes = Counter(at_once(*[partial(buy, sales, sale, rich)] * 12))
    assert outcomes["confirmed"] == Redemption.objects.count() == 1
    assert FlashTicket.objects.count() == 1
    assert mall.points(rich) == 950


def test_the_same_key_from_many_at_once_is_one_redemption(sales, rich):
    sale = sales.on(units=5)
    sales.line_up(sale, rich)
    rows = at_once(*[partial(sales.redeem, sale, rich, key="K")] * 8)
    assert len({row.id for row in rows}) == 1
    assert sales.units(sale)[1] == 4


def one_unit_for_two(sales):
    """Two stand in line for one unit; the line is moved for both at the same time. How many got their turn."""
    sale = sales.sale(units=1, line_minutes=60)
    for one in sales.members(2):
        sales.line_up(sale, one)
    sales.mall.wait(hours=1)
    move = partial(services.move_line, sale_id=sale.id, now=sales.now)
    while_we_wait(move, move)
    return FlashTicket.objects.filter(status=FlashTicket.Status.ADMITTED).count()


def test_a_unit_is_promised_to_one_alone(sales):
    assert one_unit_for_two(sales) == 1


def test_control_without_the_stocks_lock_it_is_promised_to_two(sales, monkeypatch):
    monkeypatch.setattr(services, "_locked", lambda sale_id, **_: FlashStock.objects.get(sale_id=sale_id))
    assert one_unit_for_two(sales) == 2
    FlashTicket.objects.update(status=FlashTicket.Status.LEFT, until=None)
    FlashStock.objects.update(promised=0)


def who_comes_second_while_the_first_draws(sales, people):
    """The first has drawn a number and not committed it when the second comes for the only unit; whose turn it is then."""
    sale = sales.on(units=1)
    first, second = people
    draw = partial(services._draw, sale, first.id, 1, late=None, now=sales.now)
    while_we_wait(draw, lambda: sales.line_up(sale, second).state)
    return FlashTicket.objects.get(status=FlashTicket.Status.ADMITTED).member_id


def test_nobody_is_passed_over_by_a_number_drawn_later(sales):
    people = sales.members(2)
    assert who_comes_second_while_the_first_draws(sales, people) == people[0].id


def test_control_a_number_drawn_without_the_shared_lock_is_passed_over(sales, monkeypatch):
    monkeypatch.setattr(services, "_DRAW", services._DRAW.replace("FOR KEY SHARE", ""))
    people = sales.members(2)
    assert who_comes_second_while_the_first_draws(sales, people) == people[1].id


def last_unit_against_the_end(sales, member):
    """The sale is closed while somebody whose turn it is redeems; what they got."""
    sale = sales.on(units=1)
    sales.line_up(sale, member)
    services_now = sales.now
    # Called off in that moment: what was checked before the lock is no longer so.
    given = while_we_wait(
        lambda: services.call_off(sale_id=sale.id, reason="tests", actor="tests", now=services_now), lambda: sales.redeem(sale, member).status
    )
    return sale, given


def test_a_unit_goes_back_to_the_shelf_or_to_a_member_and_not_to_both(sales, mall, rich, assert_books_balance):
    sale, given = last_unit_against_the_end(sales, rich)
    assert (given, sales.units(sale), mall.left(), mall.points(rich)) == ("FlashSaleOver", (1, 0, 0, 1), 20, 1_000)
    assert_books_balance()


def test_control_without_asking_whether_it_is_closed_the_database_stops_it(sales, mall, rich, monkeypatch):
    monkeypatch.setattr(services, "_SELL", services._SELL.replace('AND closed_at IS NULL AND "left" >= %(units)s', ""))
    _sale, given = last_unit_against_the_end(sales, rich)
    assert given == "IntegrityError"


def cancelled_against_the_end(sales, member):
    """What was redeemed is cancelled while the sale is being closed; where its unit is then: in the sale, on the shelf."""
    sale = sales.on(units=1)
    row = sales.buy(sale, member)
    sales.mall.wait(hours=1)
    while_we_wait(lambda: sales.close(sale), lambda: sales.mall.step("cancel", row))
    return sales.units(sale)[1], sales.mall.left()


def test_what_is_cancelled_as_it_closes_comes_to_the_shelf(sales, rich):
    assert cancelled_against_the_end(sales, rich) == (0, 20)


def test_control_who_does_not_wait_for_the_end_gives_it_to_a_sale_that_is_over(sales, rich, monkeypatch):
    def careless(row, *, quantity, actor, reason, now):
        if not FlashStock.objects.get(sale_id=row.sale_id).closed_at:
            stock = FlashStock.objects.get(sale_id=row.sale_id)
            FlashStock.objects.filter(sale_id=row.sale_id).update(left=stock.left + quantity)

    monkeypatch.setattr(services.redemptions, "_sales", [careless])
    sale = sales.on(units=1)
    row = sales.buy(sale, rich)
    sales.mall.wait(hours=1)
    given = while_we_wait(lambda: sales.close(sale), lambda: sales.mall.step("cancel", row))
    assert given == "IntegrityError"


def test_many_who_come_leave_buy_and_cancel_at_once_leave_the_sale_in_balance(sales, mall, assert_books_balance):
    sale = sales.on(units=4)
    people = sales.members(16)

    def act(turn, member):
        for _again in range(3):
            try:
                if sales.line_up(sale, member).state == "your_turn":
                    row = sales.redeem(sale, member)
                    if turn % 2:
                        mall.step("cancel", row)
                elif turn % 3 == 0:
                    services.leave_line(sale_id=sale.id, member_id=member.id)
            except BusinessError:
                pass
        return "done"

    assert set(at_once(*(partial(act, turn, one) for turn, one in enumerate(people)))) == {"done"}
    set_aside, left, _promised, returned = sales.units(sale)
    standing = Redemption.objects.exclude(status=Redemption.Status.CANCELLED).count()
    assert (set_aside, set_aside - left, returned) == (4, standing, 0)
    assert_books_balance()


def test_a_rush_of_sixty_through_http_sells_seven_to_those_who_came_first(sales, mall, client_with, assert_books_balance):
    sale = sales.on(units=7)
    # A sale of the tests begins in an hour of theirs; requests read the clock.
    type(sale).objects.update(starts_at=sale.starts_at - timedelta(hours=1, minutes=1))
    people = sales.members(60)
    client = client_with("points:spend")
    home = {"recipient": {"name": "Sample Member", "address": "1 Sample Street"}}

    def act(member):
        path = f"/api/v1/members/{member.external_id}/flash-sales/{sale.id}"
        for again in range(2):
            turn = client.post(f"{path}/ticket", {}, format="json")
            if turn.json().get("state") != "your_turn":
                return turn.json().get("state") or turn.json()["code"]
            done = client.post(f"{path}/redemptions", home, format="json", headers={"Idempotency-Key": f"{member.external_id}-{again}"})
            assert done.status_code == 201, done.json()
        return "bought twice"

    outcomes = Counter(at_once(*(partial(act, one) for one in people)))
    assert outcomes == {"member_limit": 7, "waiting": 53}
    assert (sales.units(sale), mall.left(), Redemption.objects.count()) == ((7, 0, 0, 0), 13, 7)
    used = FlashTicket.objects.filter(status=FlashTicket.Status.USED).values_list("number", flat=True)
    assert not FlashTicket.objects.filter(status=FlashTicket.Status.WAITING, number__lt=max(used)).exists()
    assert_books_balance()


# Who leaves as their turn comes


def test_who_leaves_at_the_moment_at_which_their_turn_comes_has_left_and_frees_it(sales, mall, rich):
    sale = sales.sale(units=1)
    mall.wait(minutes=55)
    sales.line_up(sale, rich)
    mall.wait(minutes=5)
    moves = lambda: services.move_line(sale_id=sale.id, now=mall.now)  # noqa: E731
    assert while_we_wait(moves, lambda: services.leave_line(sale_id=sale.id, member_id=rich.id).status) == "left"
    assert sales.units(sale) == (1, 1, 0, 0)
