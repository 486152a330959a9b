"""The line: who comes first is served first."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from loyalty.lib.localtime import in_words
from loyalty.programme import selectors as programme
from mall.flashsale import services
from mall.flashsale.models import FlashTicket
from mall.redemptions import services as redemptions
from tiers.evaluation import services as evaluation
from tiers.ladder import services as ladder
from tiers.standing import services as standings


def stands(sales, sale, member):
    turn = sales.line_up(sale, member)
    return turn.state, turn.place


def test_tickets_can_be_taken_before_it_begins_and_are_served_in_their_order_once_it_has(sales, mall, refuses):
    sale = sales.sale(units=2, line_minutes=10)
    people = sales.members(4)
    for language, said in (("en", "Tickets can be taken from %s on."), ("zh-hans", "%s 起可以取号。")):
        with translation.override(language), refuses(services.LineNotOpen) as refused:
            sales.line_up(sale, people[0])
        assert refused.value.message == said % in_words(sale.line_opens_at, programme.zone(now=mall.now), language)
    mall.wait(minutes=50)
    for one in people:
        sales.line_up(sale, one)
    assert [stands(sales, sale, one) for one in people] == [("waiting", 1), ("waiting", 2), ("waiting", 3), ("waiting", 4)]
    with refuses(services.NotYourTurn) as refused:
        sales.redeem(sale, people[0])
    assert refused.value.figures == {"place": 1, "units": 1}
    mall.wait(minutes=10)
    # Whoever asks first, the order is that of the tickets.
    assert [stands(sales, sale, one) for one in reversed(people)] == [("waiting", 2), ("waiting", 1), ("your_turn", None), ("your_turn", None)]


def test_asking_often_changes_nothing(sales, mall, rich, rich_other):
    sale = sales.on(units=1)
    first = sales.line_up(sale, rich)
    for _again in range(5):
        assert stands(sales, sale, rich_other) == ("waiting", 1)
    assert sales.line_up(sale, rich).ticket.number == first.ticket.number
    assert FlashTicket.objects.count() == 2


def test_a_turn_that_is_not_used_passes_to_the_next_and_its_member_to_the_end(sales, mall, refuses):
    sale = sales.on(units=1, turn_minutes=3)
    first, second, third = sales.members(3)
    assert [stands(sales, sale, one)[0] for one in (first, second, third)] == ["your_turn", "waiting", "waiting"]
    mall.wait(minutes=3)
    with refuses(services.NotYourTurn):
        sales.redeem(sale, first)
    assert stands(sales, sale, third) == ("waiting", 1)
    assert stands(sales, sale, second)[0] == "your_turn"
    assert stands(sales, sale, first) == ("waiting", 2)
    assert sales.units(sale) == (1, 1, 1, 0)


def test_who_leaves_frees_what_was_promised(sales, mall, rich, rich_other, refuses):
    sale = sales.on(units=1)
    sales.line_up(sale, rich)
    sales.line_up(sale, rich_other)
    services.leave_line(sale_id=sale.id, member_id=rich.id)
    with refuses(services.NotInLine):
        services.leave_line(sale_id=sale.id, member_id=rich.id)
    assert stands(sales, sale, rich_other) == ("your_turn", None)


def test_who_wants_more_than_is_left_is_offered_what_is_left(sales, mall, rich, rich_other, refuses):
    sale = sales.on(units=3, per_member=2)
    assert sales.line_up(sale, rich, quantity=2).ticket.quantity == 2
    assert sales.line_up(sale, rich_other, quantity=2).ticket.quantity == 1
    with refuses(services.NotYourTurn) as refused:
        sales.redeem(sale, rich_other, quantity=2)
    assert refused.value.figures["units"] == 1
    sales.redeem(sale, rich_other)
    assert sales.redeem(sale, rich, quantity=1).quantity == 1
    # What of a ticket was not used is free again, and its member may take another one.
    assert sales.units(sale) == (3, 1, 0, 0)
    assert sales.buy(sale, rich).quantity == 1
    with refuses(redemptions.MemberLimit):
        sales.line_up(sale, rich)


def test_a_tier_with_early_access_comes_sooner_and_no_other(sales, mall, rich, rich_other, tier, refuses):
    tier("basic", 1)
    tier("gold", 2)
    ladder.keep_benefit(tier="gold", kind="early_access", value=30, actor="tests", now=mall.now)
    standings.set_standing(member_id=rich.id, tier="gold", reason="tests", actor="tests", now=mall.now)
    sale = sales.sale(units=1, line_minutes=10)
    mall.wait(minutes=20)
    assert stands(sales, sale, rich)[0] == "waiting"
    with refuses(services.LineNotOpen):
        sales.line_up(sale, rich_other)
    mall.wait(minutes=10)
    assert sales.buy(sale, rich).status == "confirmed"


def test_a_line_that_cannot_move_costs_no_lock_and_few_statements(sales, mall, rich, rich_other):
    sale = sales.on(units=1)
    sales.line_up(sale, rich)
    sales.line_up(sale, rich_other)
    with CaptureQueriesContext(connection) as asked:
        assert stands(sales, sale, rich_other) == ("waiting", 1)
    assert len(asked) <= 5
    assert not [query for query in asked if "UPDATE" in query["sql"]]


def test_after_the_end_nobody_is_served(sales, mall, rich, refuses):
    sale = sales.on(units=1, lasts=timedelta(minutes=2), turn_minutes=10)
    assert sales.line_up(sale, rich).ticket.until == sale.ends_at
    mall.wait(minutes=2)
    with refuses(services.FlashSaleOver):
        sales.redeem(sale, rich)


@pytest.mark.parametrize("late", [False, True], ids=["set aside by the job", "by who comes first"])
def test_the_line_opens_whether_or_not_the_job_has_run(sales, mall, rich, late):
    sale = sales.sale(units=1)
    if not late:
        services.tend(now=mall.now)
    mall.wait(hours=1)
    assert stands(sales, sale, rich) == ("your_turn", None)
    assert mall.left() == 19


def test_who_asks_for_more_than_a_sale_gives_one_member_or_than_was_promised_reads_how_many(sales, rich, refuses):
    sale = sales.on(units=3, per_member=2)
    with refuses(redemptions.QuantityInvalid) as refused:
        sales.line_up(sale, rich, quantity=3)
    assert (refused.value.figures, refused.value.message != str(redemptions.QuantityInvalid.title)) == ({"most": 2}, True)
    sales.line_up(sale, rich, quantity=1)
    with refuses(services.NotYourTurn) as refused:
        sales.redeem(sale, rich, quantity=2)
    assert (refused.value.figures, refused.value.message != str(services.NotYourTurn.title)) == ({"place": None, "units": 1}, True)


def test_nobody_comes_sooner_by_a_tier_whose_term_is_over(sales, mall, rich, tier, refuses):
    tier("basic", 1)
    tier("gold", 2, threshold=5_000)
    ladder.keep_benefit(tier="gold", kind="early_access", value=30, actor="tests", now=mall.now)
    evaluation.count_purchase(member_id=rich.id, purchase="A-1", net_cents=500_000, occurred_at=mall.now, now=mall.now)
    mall.wait(days=800)
    mall.give(rich, 1_000)
    sale = sales.sale(units=1, line_minutes=10)
    mall.wait(minutes=25)
    with refuses(services.LineNotOpen) as refused:
        sales.line_up(sale, rich)
    assert refused.value.figures == {"opens_at": sale.line_opens_at.isoformat()}


def test_nor_is_a_sale_shown_sooner_by_one(sales, mall, rich, tier):
    tier("basic", 1)
    tier("gold", 2, threshold=5_000)
    ladder.keep_benefit(tier="gold", kind="early_access", value=30, actor="tests", now=mall.now)
    evaluation.count_purchase(member_id=rich.id, purchase="A-1", net_cents=500_000, occurred_at=mall.now, now=mall.now)
    assert services.coming_for(member_id=rich.id, now=mall.now)[1].early == timedelta(minutes=30)
    mall.wait(days=800)
    assert services.coming_for(member_id=rich.id, now=mall.now)[1].early == timedelta()
