"""One row of the file as plain facts, and the calendar of a replay, as tables."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from mall.replay import rules
from mall.replay.rules import BadRow

LINE = {"sku": "MUG", "category": "HOME/KITCHEN", "quantity": 2, "amount": "10.00"}


def values(**changes):
    row = {
        "order_id": "1",
        "customer_id": "ann",
        "occurred_at": "2024-01-10T12:00:00+00:00",
        "kind": "purchase",
        "refers_to": "",
        "amount": "10.00",
        "currency": "USD",
        "lines": [LINE],
        "coupons": [],
        **changes,
    }
    return {name: value if isinstance(value, str) or value is None else json.dumps(value) for name, value in row.items()}


def purchase(currency="USD", **changes):
    row = rules.read(values(**changes))
    return rules.purchase(row, currency, row.occurred_at)


def test_a_row_is_understood():
    row = rules.read(values())
    assert (row.order_id, row.customer_id, row.is_refund, row.amount, row.currency) == ("1", "ann", False, Decimal("10.00"), "USD")
    assert row.occurred_at == datetime(2024, 1, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2024-01-10T12:00:00+00:00", "2024-01-10T12:00:00Z", "2024-01-10T20:00:00+08:00"])
def test_a_time_is_taken_with_any_offset(text):
    assert rules.instant(text) == datetime(2024, 1, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"coupons": None}, "not as many columns"),
        ({"kind": "gift"}, "neither purchase nor refund"),
        ({"order_id": ""}, "no order_id"),
        ({"order_id": "x" * 65}, "longer than 64"),
        ({"customer_id": "a\x00b"}, "control characters"),
        ({"refers_to": "caf\udce9"}, "not UTF-8"),
        ({"occurred_at": "yesterday"}, "not an ISO 8601 time"),
        ({"occurred_at": "2024-01-10T12:00:00"}, "no offset"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "before 1900"),
        ({"occurred_at": "9999-12-31T23:59:59-14:00"}, "after 2199"),
        ({"amount": "-1.00"}, "not an amount"),
        ({"amount": "1e3"}, "not an amount"),
        ({"amount": "NaN"}, "not an amount"),
        ({"amount": "１２"}, "not an amount"),
        ({"amount": ""}, "not an amount"),
        ({"lines": "["}, "lines are not JSON"),
        ({"lines": "[NaN]"}, "lines are not JSON"),
        ({"lines": "[" * 100_000}, "lines are not JSON"),
        ({"lines": "{}"}, "lines are not a JSON list"),
        ({"coupons": "{}"}, "coupons are not a JSON list"),
    ],
)
def test_a_row_that_cannot_be_understood_says_why(changes, reason):
    with pytest.raises(BadRow, match=reason):
        rules.read(values(**changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": "99999999999999999999"}, "too large"),
        ({"lines": ["MUG"]}, "line 1: not an object"),
        ({"lines": [LINE, {**LINE, "amount": None}]}, "line 2: amount None"),
        ({"lines": [{**LINE, "amount": True}]}, "line 1: amount True"),
        ({"lines": [{**LINE, "quantity": 1.5}]}, "line 1: quantity"),
        ({"lines": [{**LINE, "quantity": True}]}, "line 1: quantity"),
        ({"lines": [{**LINE, "sku": "x" * 65}]}, "line 1: sku is longer"),
        ({"lines": [{**LINE, "category": 7}]}, "line 1: category 7 is not a text"),
        ({"coupons": [7]}, "coupon: code 7 is not a text"),
        ({"coupons": [{"code": "X", "amount": "-1"}]}, "coupon: amount '-1'"),
    ],
)
def test_a_basket_that_cannot_be_understood_says_why(changes, reason):
    with pytest.raises(BadRow, match=reason):
        purchase(**changes)


@pytest.mark.parametrize(
    ("amount", "currency", "cents"),
    [
        ("12.34", "USD", 1234),
        ("12", "USD", 1200),
        ("0.00", "USD", 0),
        ("1.005", "USD", 100),
        ("1.015", "USD", 102),
        ("1.9999999999999998", "USD", 200),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1234),
    ],
)
def test_an_amount_becomes_minor_units_of_its_currency_half_of_one_goes_to_the_even(amount, currency, cents):
    assert purchase(currency, amount=amount).paid_cents == cents


@pytest.mark.parametrize("amount", ["-2.50", -2.5, "0", 0])
def test_a_line_may_be_zero_or_below_as_text_or_as_number(amount):
    assert purchase(lines=[{**LINE, "amount": amount, "quantity": 0}]).lines[0].amount_cents == int(Decimal(str(amount)) * 100)


def test_lines_are_numbered_in_their_order_and_what_they_do_not_say_is_empty():
    lines = purchase(lines=[LINE, {"amount": "1.00"}]).lines
    assert [(line.id, line.sku, line.category, line.quantity) for line in lines] == [("1", "MUG", "HOME/KITCHEN", 2), ("2", "", "", 1)]


@pytest.mark.parametrize(
    ("amount", "lines", "coupons", "discounts"),
    [
        ("10.00", ["10.00"], [], []),
        ("8.00", ["10.00"], [], [("difference", 200)]),
        ("12.00", ["10.00"], [], [("difference", -200)]),
        ("0.00", ["-1.00"], [], [("difference", -100)]),
        ("5.00", [], [], [("difference", -500)]),
        ("9.00", ["10.00"], [{"code": "HI", "amount": "1.00"}], [("coupon", 100)]),
        ("8.00", ["10.00"], [{"code": "HI", "amount": "1.00"}], [("coupon", 100), ("difference", 100)]),
        ("10.00", ["10.00"], ["HI"], [("coupon", 0)]),
    ],
)
def test_what_lines_and_coupons_do_not_explain_of_the_amount_is_a_difference(amount, lines, coupons, discounts):
    bought = purchase(amount=amount, lines=[{**LINE, "amount": one} for one in lines], coupons=coupons)
    assert [(one["kind"], one["discount_cents"]) for one in bought.discounts] == discounts
    assert bought.lines_cents - bought.discount_cents == bought.paid_cents


def test_a_refund_is_its_amount_whatever_its_lines_say():
    row = rules.read(values(kind="refund", refers_to="1", order_id="r1", amount="4.00"))
    refund = rules.refund(row, "USD", row.occurred_at)
    assert (refund.id, refund.amount_cents, refund.lines) == ("r1", 400, ())


LAST = datetime(2018, 1, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "to",
    [LAST, LAST + timedelta(seconds=1), LAST + timedelta(days=7), LAST + timedelta(days=3243, hours=5), LAST - timedelta(days=1), LAST - timedelta(days=700)],
)
def test_times_move_by_whole_weeks_so_that_the_last_lies_in_the_seven_days_before(to):
    shift = rules.shift(LAST, to)
    assert shift % timedelta(weeks=1) == timedelta(0)
    assert to - timedelta(days=7) < LAST + shift <= to


@pytest.mark.parametrize(
    ("zone", "after", "until", "midnights"),
    [
        ("UTC", "2024-01-10T12:00Z", "2024-01-10T23:59Z", []),
        ("UTC", "2024-01-10T12:00Z", "2024-01-11T00:00Z", ["2024-01-11T00:00Z"]),
        ("UTC", "2024-01-11T00:00Z", "2024-01-12T00:00Z", ["2024-01-12T00:00Z"]),
        ("UTC", "2024-01-10T12:00Z", "2024-01-09T12:00Z", []),
        ("America/New_York", "2024-03-09T12:00Z", "2024-03-11T12:00Z", ["2024-03-10T05:00Z", "2024-03-11T04:00Z"]),
        ("America/Sao_Paulo", "2018-11-03T12:00Z", "2018-11-04T12:00Z", ["2018-11-04T03:00Z"]),
    ],
    ids=["the same day", "to the instant", "from midnight", "backwards", "when clocks change", "when midnight is skipped"],
)
def test_the_nights_that_pass_are_the_local_midnights_between(zone, after, until, midnights):
    found = rules.nights(datetime.fromisoformat(after), datetime.fromisoformat(until), ZoneInfo(zone))
    assert list(found) == [datetime.fromisoformat(midnight) for midnight in midnights]
