"""The oracle by hand-made tables, and on the shipped sample by figures computed apart from it."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.oracle import replay_oracle
from tests.oracle.replay_oracle import Replay, expiry

SAMPLE = Path(__file__).parents[2] / "loyalty" / "demo" / "journey_sample.csv.gz"
COLUMNS = ("order_id", "customer_id", "occurred_at", "kind", "refers_to", "amount")


def row(*values, **more):
    return {**dict(zip(COLUMNS, values, strict=True)), "currency": "USD", "lines": "[]", "coupons": "[]", **more}


def bought(order_id, amount, at="2024-01-10T12:00:00+00:00", customer="ann", **more):
    return row(order_id, customer, at, "purchase", "", amount, **more)


def refunded(order_id, purchase, amount, at="2024-01-11T12:00:00+00:00", customer="ann", **more):
    return row(order_id, customer, at, "refund", purchase, amount, **more)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "rate", "points"),
    [("0.00", 1, 0), ("0.99", 1, 0), ("1.00", 1, 1), ("1.99", 1, 1), ("1.99", 2, 3), ("1.99", "0.5", 0), ("2", "0.5", 1), ("12.34", 100, 1234)],
)
def test_a_purchase_earns_the_floor_of_its_amount_times_the_rate(amount, rate, points):
    assert Replay(points_per_unit=rate).feed([bought("1", amount)]).totals()["earned"] == points


def test_the_floor_is_taken_per_order_and_not_over_their_sum():
    assert Replay().feed([bought("1", "1.60"), bought("2", "1.60")]).balance("ann", utc(2024, 2, 1)) == 2


def test_a_partial_refund_leaves_the_floor_of_what_is_left():
    replay = Replay().feed([bought("1", "10.50"), refunded("r1", "1", "0.50"), refunded("r2", "1", "0.01")])
    assert replay.totals() == {"earned": 10, "clawed_back": 1, "waived": 0, "expired": 0, "left": 9}


def test_many_partial_refunds_come_to_the_same_as_one():
    pieces = [refunded(f"r{n}", "1", "0.70") for n in range(15)]
    assert Replay().feed([bought("1", "10.50"), *pieces]).totals()["left"] == 0
    assert Replay().feed([bought("1", "10.50"), *pieces[:7]]).totals()["left"] == 5


def test_all_that_was_paid_may_be_given_back():
    replay = Replay().feed([bought("1", "10.00"), refunded("r1", "1", "6.00"), refunded("r2", "1", "4.00")])
    assert (replay.bad, replay.totals()["clawed_back"], replay.totals()["left"]) == ([], 10, 0)


def test_more_than_was_paid_is_refused_and_takes_nothing():
    replay = Replay().feed([bought("1", "10.00"), refunded("r1", "1", "6.00"), refunded("r2", "1", "4.01")])
    assert replay.bad == [(4, "more given back than was paid")]
    assert replay.totals()["left"] == 4


def test_a_refund_of_an_expired_lot_is_waived():
    replay = Replay(expire_months=1).feed([bought("1", "10.00"), refunded("r1", "1", "4.00", at="2024-02-11T00:00:00+00:00")])
    assert replay.totals() == {"earned": 10, "clawed_back": 0, "waived": 4, "expired": 10, "left": 0}


def test_what_a_refund_took_before_expiry_does_not_expire():
    replay = Replay(expire_months=1).feed([bought("1", "10.00"), refunded("r1", "1", "4.00", at="2024-02-10T23:59:59+00:00")])
    assert replay.totals(utc(2024, 3, 1)) == {"earned": 10, "clawed_back": 4, "waived": 0, "expired": 6, "left": 0}


def test_a_refund_takes_nothing_from_the_other_orders_of_the_customer():
    rows = [bought("1", "10.00"), bought("2", "5.00", at="2024-02-01T00:00:00+00:00"), refunded("r1", "1", "10.00", at="2024-02-20T00:00:00+00:00")]
    assert Replay(expire_months=1).feed(rows).totals()["left"] == 5


def test_a_refund_before_its_purchase_waits_and_is_applied_with_it():
    early = refunded("r1", "1", "4.00", at="2024-01-09T00:00:00+00:00")
    assert Replay().feed([early]).counts()["waiting"] == 1
    replay = Replay().feed([early, bought("1", "10.00")])
    assert (replay.counts()["waiting"], replay.totals()["clawed_back"], replay.balance("ann", utc(2024, 1, 9))) == (0, 4, 0)


def test_a_waiting_refund_of_too_much_is_refused_and_the_purchase_stands():
    replay = Replay().feed([refunded("r1", "1", "10.01"), refunded("r2", "1", "1.00"), bought("1", "10.00")])
    assert replay.bad == [(2, "more given back than was paid")]
    assert replay.totals()["left"] == 9


def test_a_refund_that_names_no_purchase_is_parked():
    replay = Replay().feed([bought("1", "10.00"), refunded("r1", "", "4.00")])
    assert (replay.counts()["parked"], replay.totals()["left"]) == (1, 10)


def test_the_same_rows_again_change_nothing():
    rows = [bought("1", "10.00"), refunded("r1", "1", "4.00")]
    replay = Replay().feed(rows + rows)
    assert (replay.counts()["repeated"], replay.totals()["left"], replay.bad) == (2, 6, [])


def test_a_purchase_and_a_refund_may_have_the_same_id():
    assert Replay().feed([bought("1", "10.00"), refunded("1", "1", "4.00")]).totals()["left"] == 6


@pytest.mark.parametrize(
    "bad",
    [
        bought("1", "11.00"),
        bought("2", "-1.00"),
        bought("2", "ten"),
        bought("2", "NaN"),
        bought("2", "1.00", at="2024-01-10T12:00:00"),
        bought("2", "1.00", at="yesterday"),
        bought("2", "1.00", currency="EUR"),
        bought("2", "1.00", kind="gift"),
        bought("2", "1.00", lines="{}"),
        bought("2", "1.00", lines="["),
        bought("2", "1.00", coupons=None),
        bought("", "1.00"),
        refunded("r1", "1", "1.00", customer="bob"),
    ],
)
def test_a_bad_row_is_noted_with_its_number_and_the_rest_goes_on(bad):
    replay = Replay().feed([bought("1", "10.00"), bad, bought("3", "5.00")])
    assert ([number for number, _ in replay.bad], replay.totals()["left"]) == ([3], 15)


def test_a_row_without_a_customer_is_a_guests_and_skipped():
    replay = Replay().feed([bought("1", "10.00", customer=""), refunded("r1", "1", "1.00", customer="")])
    assert (replay.counts()["guests"], replay.counts()["customers"], replay.totals()["earned"]) == (2, 0, 0)


@pytest.mark.parametrize(
    ("at", "months", "zone", "good_through"),
    [
        ("2017-07-01T15:00:00+00:00", 6, "America/New_York", "2018-01-01"),
        ("2017-07-01T03:59:59+00:00", 6, "America/New_York", "2017-12-30"),
        ("2017-07-01T04:00:00+00:00", 6, "America/New_York", "2018-01-01"),
        ("2024-01-31T12:00:00+00:00", 1, "UTC", "2024-02-29"),
        ("2023-01-31T12:00:00+00:00", 1, "UTC", "2023-02-28"),
        ("2024-02-29T12:00:00+00:00", 12, "UTC", "2025-02-28"),
        ("2024-08-31T12:00:00+00:00", 6, "UTC", "2025-02-28"),
        ("2024-12-31T12:00:00+00:00", 24, "UTC", "2026-12-31"),
        ("2024-05-31T16:00:00+00:00", 1, "Asia/Shanghai", "2024-07-01"),
    ],
)
def test_a_lot_is_good_through_the_day_that_many_months_later(at, months, zone, good_through):
    expires_at = expiry(datetime.fromisoformat(at), months, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    last_day = datetime.fromisoformat(good_through)
    assert (expires_at.date() - last_day.date()).days == 1
    assert (expires_at.hour, expires_at.minute, expires_at.second) == (0, 0, 0)


@pytest.mark.parametrize(
    ("at", "zone", "expires_at"),
    [
        ("2024-02-09T12:00:00+00:00", "America/New_York", utc(2024, 3, 10, 5)),
        ("2024-02-10T12:00:00+00:00", "America/New_York", utc(2024, 3, 11, 4)),
        ("2024-02-29T12:00:00+00:00", "Asia/Beirut", utc(2024, 3, 29, 22)),
        ("2024-03-01T12:00:00+00:00", "America/Havana", utc(2024, 4, 2, 4)),
        ("2018-10-03T12:00:00+00:00", "America/Sao_Paulo", utc(2018, 11, 4, 3)),
        ("2024-10-02T12:00:00+00:00", "America/Havana", utc(2024, 11, 3, 4)),
    ],
    ids=["before the change", "on the day of the change", "the night before", "far from it", "midnight is skipped", "midnight comes twice"],
)
def test_a_day_ends_at_the_first_instant_of_the_next_one_when_clocks_change(at, zone, expires_at):
    assert expiry(datetime.fromisoformat(at), 1, ZoneInfo(zone)) == expires_at


def test_a_lot_is_there_until_its_expiry_instant_and_gone_at_it():
    replay = Replay(expire_months=6, zone="America/New_York").feed([bought("1", "10.00", at="2017-07-01T15:00:00+00:00")])
    assert replay.balance("ann", utc(2017, 7, 1, 14, 59, 59)) == 0
    assert replay.balance("ann", utc(2017, 7, 1, 15)) == 10
    assert replay.balance("ann", utc(2018, 1, 2, 4, 59, 59)) == 10
    assert replay.balance("ann", utc(2018, 1, 2, 5)) == 0


def test_expiry_is_booked_up_to_the_last_row_or_later_when_asked():
    replay = Replay(expire_months=1).feed([bought("1", "10.00"), bought("2", "1.00", at="2024-02-11T00:00:00+00:00")])
    assert replay.totals()["expired"] == 10
    assert replay.totals(utc(2024, 1, 20))["expired"] == 10
    assert replay.totals(utc(2025, 1, 1))["expired"] == 11


def test_totals_of_a_customer_are_that_customers_alone():
    replay = Replay().feed([bought("1", "10.00"), bought("2", "3.00", customer="bob"), refunded("r1", "2", "1.00", customer="bob")])
    assert replay.totals(customer="bob") == {"earned": 3, "clawed_back": 1, "waived": 0, "expired": 0, "left": 2}
    assert replay.balances(utc(2024, 2, 1)) == {"ann": 10, "bob": 2}


def test_nothing_at_all_comes_to_nothing():
    assert set(Replay(expire_months=1).feed([]).totals().values()) == {0}


def test_the_sample_earns_and_expires_what_was_computed_apart(capsys):
    replay_oracle.main([str(SAMPLE), "--expire-months", "6", "--zone", "America/New_York", "--until", "2018-01-01T00:00:00-05:00"])
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert {name: int(printed[name]) for name in ("customers", "purchases", "bad", "earned", "expired", "left")} == {
        "customers": 50,
        "purchases": 3340,
        "bad": 0,
        "earned": 102913,
        "expired": 46989,
        "left": 55924,
    }


def test_balances_are_printed_as_csv_and_sum_to_what_is_left(capsys):
    replay_oracle.main([str(SAMPLE), "--balances-as-of", "2017-07-01T00:00:00+00:00"])
    header, *lines = capsys.readouterr().out.splitlines()
    balances = dict(line.split(",") for line in lines)
    assert header == "customer_id,balance"
    assert len(balances) == 50
    assert sum(map(int, balances.values())) == 46978
