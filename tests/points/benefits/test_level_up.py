"""The gift for reaching a tier: once ever, and taken back when a refund undoes the rise."""

from datetime import timedelta

import pytest

from accounts.activity import rules as facts
from accounts.activity.models import Behaviour
from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from mall.checkout import services as till
from tiers.evaluation import services as evaluation
from tiers.ladder import services as ladder

from .conftest import at

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def climbing(answered, promise):
    """Silver from 100, gold from 300 growth; both promise a gift."""
    for rank, (code, threshold) in enumerate((("bronze", 0), ("silver", 100), ("gold", 300)), 1):
        names = {"name_zh": code, "name_en": code.capitalize()}
        ladder.keep(code=code, **names, rank=rank, multiplier_bps=10_000, threshold=threshold, actor="tests", now=at(2020, 1, 1))
    promise("silver", "level_up_gift", 50)
    promise("gold", "level_up_gift", 200)
    promise("gold", "level_up_coupon", item="welcome-gold")


@pytest.fixture
def pays(climbing):
    def pay(member, number, yuan, *moment):
        cents = yuan * 100
        line = facts.Line("1", "SKU", "HOME", "", 1, cents)
        till.pay(member_id=member.id, facts=facts.Purchase(number, at(*moment), "USD", cents, (line,)), actor="tests", now=at(*moment))
        _drain(at(*moment))

    return pay


@pytest.fixture
def gives_back(climbing):
    def refund(number, yuan, *moment):
        till.refund(purchase_ref=number, facts=facts.Refund(f"R-{number}-{yuan}", at(*moment), yuan * 100, ()), actor="tests", now=at(*moment))
        _drain(at(*moment))

    return refund


def _drain(now):
    while outbox.deliver_due(limit=100, now=now + timedelta(seconds=1)):
        pass


def gifts(member):
    rows = Behaviour.objects.filter(member_id=member.id, kind="tier_reached").order_by("occurred_at", "id")
    return [(row.data["tier"], row.data["points"], row.withdrawn_at is None) for row in rows]


def test_reaching_a_tier_brings_its_gift_once_ever(pays, joined, has, assert_books_balance):
    member = joined("A")
    pays(member, "P-1", 100, 2026, 1, 10, 9)
    assert (gifts(member), has(member, 2026, 1, 11)) == ([("silver", 50, True)], 50)
    pays(member, "P-2", 250, 2026, 1, 20, 9)
    assert (gifts(member), has(member, 2026, 1, 21)) == ([("silver", 50, True), ("gold", 200, True)], 250)
    pays(member, "P-3", 900, 2026, 1, 25, 9)
    assert len(gifts(member)) == 2
    assert_books_balance()


def test_a_refund_that_undoes_the_rise_takes_the_gift_back_and_it_can_be_reached_anew(pays, gives_back, joined, has, assert_books_balance):
    member = joined("A")
    pays(member, "P-1", 150, 2026, 1, 10, 9)
    pays(member, "P-2", 200, 2026, 1, 20, 9)
    assert has(member, 2026, 1, 21) == 250
    gives_back("P-2", 200, 2026, 1, 25, 9)
    assert (gifts(member), has(member, 2026, 1, 26)) == ([("silver", 50, True), ("gold", 200, False)], 50)
    pays(member, "P-3", 200, 2026, 2, 1, 9)
    assert (gifts(member)[-1], has(member, 2026, 2, 2)) == (("gold", 200, True), 250)
    assert_books_balance()


def test_a_refund_that_undoes_a_chain_of_rises_takes_back_all_their_gifts(pays, gives_back, joined, has, assert_books_balance):
    member = joined("A")
    pays(member, "P-1", 150, 2026, 1, 10, 9)
    pays(member, "P-2", 160, 2026, 1, 20, 9)
    gives_back("P-1", 150, 2026, 1, 25, 9)
    assert [(tier, stands) for tier, _points, stands in gifts(member)][-1] == ("gold", False)
    # 160 are left: silver is reached by them alone.
    assert has(member, 2026, 1, 26) == 50
    gives_back("P-2", 160, 2026, 1, 26, 9)
    assert (has(member, 2026, 1, 27), {stands for _tier, _points, stands in gifts(member)}) == (0, {False})
    assert_books_balance()


def test_a_gift_of_long_ago_stays_when_a_later_rise_to_the_same_tier_is_undone(pays, gives_back, joined, has):
    member = joined("A")
    pays(member, "P-1", 300, 2024, 1, 10, 9)
    assert gifts(member) == [("gold", 200, True)]
    while evaluation.end_due(limit=10, now=at(2025, 1, 11, 1)):
        pass
    pays(member, "P-2", 300, 2026, 1, 10, 9)
    gives_back("P-2", 300, 2026, 1, 20, 9)
    assert gifts(member) == [("gold", 200, True)]


def test_a_tier_set_by_hand_brings_no_gift(climbing, joined, put):
    member = joined("A")
    put(member, "gold", 2026, 1, 1)
    _drain(at(2026, 1, 1))
    assert gifts(member) == []


def test_a_coupon_on_reaching_is_told_for_whoever_gives_coupons_and_taken_back(pays, gives_back, joined, monkeypatch):
    for topic in ("points.effect_won", "points.effect_withdrawn"):
        monkeypatch.setitem(outbox.SUBSCRIBERS[topic], "tests.hear", lambda _event: None)
    member = joined("A")
    pays(member, "P-1", 300, 2026, 1, 10, 9)
    gives_back("P-1", 300, 2026, 1, 11, 9)
    told = [
        (row.topic, row.payload["effect"], row.payload["item"], row.payload["count"])
        for row in OutboxRow.objects.filter(subscriber="tests.hear").order_by("id")
    ]
    assert told == [("points.effect_won", "coupon", "welcome-gold", 1), ("points.effect_withdrawn", "coupon", "welcome-gold", 1)]
