"""What becomes of tickets: when members are merged, and long after a sale."""

from datetime import timedelta
from uuid import uuid4

import pytest

from accounts.leaving import services as leaving
from accounts.members import services as members
from loyalty.audit.models import JobRun
from loyalty.outbox.rules import Event
from mall import subscribers
from mall.flashsale import selectors, services, tasks
from mall.flashsale.models import FlashTicket
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption


@pytest.fixture
def merge(sales):
    """One member into another, and what is told of it."""

    def carry_out(gone, survivor):
        members.merge(member_id=gone.id, into_id=survivor.id, now=sales.now)
        told = Event(topic="points.members_merged", member_id=survivor.id, payload={"merged": str(gone.id), "merge": str(uuid4())}, now=sales.now, id=1)
        for subscriber in (subscribers.move_tickets, subscribers.cancel_unpaid):
            subscriber(told)

    return carry_out


def live(sale):
    """Who stands in line, in what state, in the order of numbers."""
    rows = FlashTicket.objects.filter(sale=sale, status__in=FlashTicket.LIVE).order_by("number")
    return [(row.member.external_id, str(row.status)) for row in rows.select_related("member")]


# Merging


def test_what_either_had_counts_for_the_limit_of_a_sale_once_they_are_one(sales, rich, rich_other, merge, refuses):
    sale = sales.on(units=5, per_member=2)
    sales.buy(sale, rich)
    merge(rich, rich_other)
    sales.buy(sale, rich_other)
    with refuses(redemptions.MemberLimit):
        sales.line_up(sale, rich_other)


def test_it_counts_on_the_shelf_as_well(mall, rich, rich_other, sales, merge, refuses):
    mall.reward(per_member=2, per_member_day=2)
    mall.redeem(rich)
    merge(rich, rich_other)
    mall.redeem(rich_other)
    with refuses(redemptions.MemberLimit):
        mall.redeem(rich_other)


def test_what_was_cancelled_before_or_returned_after_counts_for_nobody(sales, mall, rich, rich_other, merge):
    sale = sales.on(units=5, per_member=1)
    mall.step("cancel", sales.buy(sale, rich))
    row = sales.buy(sale, rich)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    merge(rich, rich_other)
    mall.step("return_", row, restock=True, reason="tests", key="R-1")
    assert sales.buy(sale, rich_other).member_id == rich_other.id


def test_the_survivor_takes_over_the_place_in_line_and_redeems_by_it(sales, rich, rich_other, merge):
    sale = sales.on(units=1)
    sales.line_up(sale, rich)
    merge(rich, rich_other)
    assert live(sale) == [("M-2", "admitted")]
    assert sales.redeem(sale, rich_other).member_id == rich_other.id
    assert sales.units(sale) == (1, 0, 0, 0)


def test_of_two_places_in_one_line_the_better_one_stays(sales, rich, rich_other, merge):
    sale, third = sales.on(units=1), sales.members(1)[0]
    for one in (third, rich, rich_other):
        sales.line_up(sale, one)
    merge(rich, rich_other)
    assert live(sale) == [("F-0", "admitted"), ("M-2", "waiting")]
    assert sales.line_up(sale, rich_other).place == 1
    assert FlashTicket.objects.get(status="left").member_id == rich_other.id


def test_who_has_their_turn_keeps_it_and_the_other_place_is_free_for_the_next(sales, rich, rich_other, merge):
    sale, third = sales.on(units=2), sales.members(1)[0]
    for one in (rich_other, rich, third):
        sales.line_up(sale, one)
    merge(rich, rich_other)
    assert live(sale) == [("M-2", "admitted"), ("F-0", "waiting")]
    assert sales.line_up(sale, third).state == "your_turn"
    assert sales.units(sale) == (2, 2, 2, 0)


def test_a_turn_that_is_over_is_worth_less_than_a_place(sales, mall, rich, rich_other, merge):
    sale, third = sales.on(units=1, turn_minutes=3), sales.members(1)[0]
    sales.line_up(sale, rich_other)
    sales.line_up(sale, rich)
    mall.wait(minutes=3)
    merge(rich, rich_other)
    assert live(sale) == [("M-2", "waiting")]
    sales.line_up(sale, third)
    assert live(sale) == [("M-2", "admitted"), ("F-0", "waiting")]


def test_told_twice_it_is_moved_once(sales, rich, rich_other, merge):
    sale = sales.on(units=1)
    sales.line_up(sale, rich)
    merge(rich, rich_other)
    assert services.move(from_id=rich.id, into_id=rich_other.id, now=sales.now) == 0


def test_what_the_merged_member_had_not_paid_is_for_the_next_in_line(sales, rich, rich_other, merge):
    sale = sales.on(units=1, cents=500)
    sales.buy(sale, rich)
    merge(rich, rich_other)
    assert sales.units(sale) == (1, 1, 0, 0)
    assert sales.line_up(sale, rich_other).state == "your_turn"


# Long after


@pytest.fixture
def over(sales, mall):
    """Make a sale of so many days ago, closed, with one buyer and one who waited."""

    def make(days):
        now, people = mall.now, sales.members(2)
        mall.wait(days=-days)
        for one in people:
            mall.give(one, 1_000)
        sale = sales.on(units=1)
        sales.buy(sale, people[0])
        sales.line_up(sale, people[1])
        mall.wait(hours=1)
        sales.close(sale)
        mall.now = now
        return sale

    return make


def test_tickets_go_some_months_after_their_sale_and_what_was_redeemed_stays(sales, over):
    over(91)
    assert selectors.would_prune(now=sales.now) == {"deleted": 2}
    tasks.prune_tickets()
    assert JobRun.objects.get(job="mall.prune_flash_tickets").counts == {"deleted": 2}
    assert (FlashTicket.objects.count(), Redemption.objects.count()) == (0, 1)


@pytest.mark.parametrize(("days", "kept"), [(90, 0), (92, 2)])
def test_how_long_they_are_kept_is_set(over, settings, days, kept):
    over(91)
    settings.FLASH_TICKET_DAYS = days
    tasks.prune_tickets()
    assert FlashTicket.objects.count() == kept


def test_those_of_a_sale_that_is_on_or_not_closed_yet_stay(sales, mall, rich):
    sale = sales.on(units=1)
    sales.line_up(sale, rich)
    mall.wait(hours=2)
    long_after = sales.now + timedelta(days=1000)
    assert services.prune_tickets(before=long_after, limit=10) == 0
    sales.close(sale)
    assert services.prune_tickets(before=sale.ends_at, limit=10) == 0
    assert services.prune_tickets(before=long_after, limit=10) == 1


def test_they_are_pruned_in_slices(sales, over):
    over(91)
    assert [services.prune_tickets(before=sales.now, limit=1) for _ in range(3)] == [1, 1, 0]


# Erasing


@pytest.fixture
def erase(sales, django_user_model):
    def carry_out(member):
        maker, checker = (django_user_model.objects.create_user(name).pk for name in ("maker", "checker"))
        asked = leaving.request_erasure(member_id=member.id, reason="a letter", operator_id=maker, key=uuid4(), now=sales.now)
        leaving.approve_erasure(erasure_id=asked.id, operator_id=checker, now=sales.now - timedelta(days=30))
        assert leaving.carry_out(seed=b"s" * 32, now=sales.now) == 1

    return carry_out


def test_who_is_erased_stands_in_no_line_and_what_was_promised_to_them_is_for_the_next(sales, rich, rich_other, erase):
    sale = sales.on(units=1)
    assert sales.line_up(sale, rich).state == "your_turn"
    assert sales.line_up(sale, rich_other).state == "waiting"
    erase(rich)
    assert live(sale) == [(rich_other.external_id, "waiting")]
    assert sales.buy(sale, rich_other).quantity == 1


def test_an_erased_member_who_waited_is_passed_over(sales, rich, rich_other, erase):
    sale = sales.on(units=1)
    assert [sales.line_up(sale, one).state for one in (rich_other, rich)] == ["your_turn", "waiting"]
    erase(rich)
    assert (live(sale), sales.units(sale)) == ([(rich_other.external_id, "admitted")], (1, 1, 1, 0))
