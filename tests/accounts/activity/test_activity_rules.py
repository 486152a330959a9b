"""When two messages say the same, and when a fact comes in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from accounts.activity.rules import (
    Line,
    Purchase,
    Refund,
    RefundLine,
    digest,
    purchase_as_json,
    purchase_from_json,
    refund_as_json,
    refund_from_json,
    too_early,
    too_late,
)

NOW = datetime(2026, 3, 1, 4, tzinfo=UTC)
PURCHASE = Purchase("1", NOW, "CNY", 800, (Line("1", "MUG", "HOME", "Sample", 2, 1_000),), 0, ({"kind": "coupon", "discount_cents": 200},), "")
REFUND = Refund("R", NOW, 500, (RefundLine("1", 1, 500),), 3)


@pytest.mark.parametrize(
    "fact", [PURCHASE, REFUND, replace(PURCHASE, lines=(), discounts=(), channel="app"), replace(REFUND, lines=(), amount_cents=None, points=None)]
)
def test_a_fact_kept_and_read_again_is_the_same(fact):
    keep, read = (purchase_as_json, purchase_from_json) if isinstance(fact, Purchase) else (refund_as_json, refund_from_json)
    again = read(keep(fact))
    assert digest(again) == digest(fact)
    assert again.occurred_at == fact.occurred_at
    assert again.lines == fact.lines


@pytest.mark.parametrize(
    "same",
    [
        replace(PURCHASE, occurred_at=NOW.astimezone(timezone(timedelta(hours=8)))),
        replace(PURCHASE, lines=list(PURCHASE.lines)),
        replace(PURCHASE, discounts=({"discount_cents": 200, "kind": "coupon"},)),
    ],
)
def test_what_says_the_same_has_the_same_digest(same):
    assert digest(same) == digest(PURCHASE)


def test_a_digest_never_changes_from_one_version_to_the_next():
    # As they stand in the database of whoever runs this already.
    assert digest(PURCHASE) == "733e210d68b6faed213989f7959f0261"
    assert digest(REFUND, purchase="1") == "6ef89e9ed3b1c90875718d2aeb0506ef"


def test_the_channel_and_the_cost_of_a_line_tell_where_they_are_told():
    line = PURCHASE.lines[0]
    told = [PURCHASE, replace(PURCHASE, channel="app"), replace(PURCHASE, channel="web")]
    told += [replace(PURCHASE, lines=(replace(line, cost_cents=cost),)) for cost in (0, 1)]
    assert len({digest(one) for one in told}) == len(told)
    assert [digest(purchase_from_json(purchase_as_json(one))) for one in told] == [digest(one) for one in told]


def test_a_purchase_that_was_kept_before_there_were_channels_can_still_be_read():
    kept = purchase_as_json(PURCHASE)
    del kept["channel"], kept["lines"][0]["cost_cents"]
    assert digest(purchase_from_json(kept)) == digest(PURCHASE)


@pytest.mark.parametrize(
    "change", [{"id": "2"}, {"paid_cents": 801}, {"currency": "USD"}, {"shipping_cents": 1}, {"hold": "h"}, {"lines": ()}, {"discounts": ()}]
)
def test_whatever_else_it_says_has_another(change):
    assert digest(replace(PURCHASE, **change)) != digest(PURCHASE)


@pytest.mark.parametrize(
    "change", [{"amount_cents": None}, {"points": None}, {"points": 0}, {"lines": (RefundLine("1"),)}, {"occurred_at": NOW + timedelta(microseconds=1)}]
)
def test_a_refund_that_says_something_else_has_another(change):
    assert digest(replace(REFUND, **change)) != digest(REFUND)
    assert digest(REFUND, purchase="1") != digest(REFUND, purchase="2") != digest(REFUND)


@pytest.mark.parametrize(("ahead", "early"), [(-1, False), (299, False), (300, False), (300.000001, True), (301, True)])
def test_five_minutes_ahead_are_a_clock_more_is_the_future(ahead, early):
    assert too_early(NOW + timedelta(seconds=ahead), now=NOW) is early


@pytest.mark.parametrize(("age", "late"), [(timedelta(0), False), (timedelta(days=30), False), (timedelta(days=30, microseconds=1), True)])
def test_what_is_older_than_the_window_comes_too_late(age, late):
    assert too_late(NOW - age, now=NOW, window_days=30) is late


def test_sums_are_of_whole_cents():
    assert (PURCHASE.lines_cents, PURCHASE.discount_cents, replace(PURCHASE, lines=()).lines_cents) == (1_000, 200, 0)
