"""What a replay must come to, worked out a second time: no ledger, no database, nothing imported from the project.

    python3 tests/oracle/replay_oracle.py FILE [--points-per-unit P] [--expire-months N] [--zone NAME] [--until TIMESTAMP]
                                               [--balances-as-of TIMESTAMP]

It reads the file that `manage.py replay` reads and follows the rules on paper, one purchase at a time. In a replay nobody spends, so a
purchase's lot is whole, partly taken back by its refunds, or gone by expiry, and no lot ever touches another. The rules:
- A purchase earns floor(amount × points per unit); nothing below zero.
- A refund gives money back. What the purchase earned becomes floor(what is left of it × points per unit); the difference is taken from
  what remains of its lot, and what of it had expired is waived. More than what is left to give back is refused.
- A refund that precedes its purchase waits and is applied with it, at the purchase's time; one that names no purchase is parked.
- A lot expires at the first instant after the day N months later (the last day of a shorter month) in the zone. At that instant it is gone.
- The same row again changes nothing; the same id with other content is bad, and so are other currencies than the first one.
- A row without a customer is a guest's: skipped, with the refunds of it.
Expiry is booked up to the last row, or up to `--until` where that is later.
"""

import argparse
import calendar
import csv
import gzip
import json
import sys
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

csv.field_size_limit(2**31 - 1)


class BadRow(ValueError):
    """A row that the replay reports and leaves out."""


@dataclass
class Purchase:
    customer: str
    at: datetime
    amount: Decimal
    expires_at: datetime | None
    earned: int
    refunded: Decimal = Decimal(0)
    taken_back: int = 0  # asked back by refunds, whether taken or waived
    taken: list = field(default_factory=list)  # (instant, points)
    waived: int = 0

    def remaining(self, as_of):
        """Points of this lot that are there at that instant."""
        if as_of < self.at or self.gone(as_of):
            return 0
        return self.earned - sum(points for instant, points in self.taken if instant <= as_of)

    def expired(self, as_of):
        """Points of this lot that expiry has taken by that instant."""
        return self.earned - sum(points for _, points in self.taken) if self.gone(as_of) else 0

    def gone(self, as_of):
        return self.expires_at is not None and self.expires_at <= as_of


def expiry(at, months, zone):
    """The first instant after the day `months` after `at`'s local day; None for never.

    fold=0 is right on both odd nights: of two midnights it is the first, and for one that is skipped it is the moment of the change.
    """
    if months is None:
        return None
    day = at.astimezone(zone).date()
    years, month0 = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month0 + 1
    anniversary = date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
    return datetime.combine(anniversary + timedelta(days=1), time(), zone).astimezone(timezone.utc)


class Replay:
    """Feed it rows (mappings with the file's header, in the file's order) and ask."""

    def __init__(self, *, points_per_unit=1, expire_months=None, zone="UTC"):
        self.rate, self.months, self.zone = Decimal(points_per_unit), expire_months, ZoneInfo(zone)
        self.purchases = {}  # order id → Purchase
        self.waiting = {}  # order id → [(instant, customer, amount)]
        self.seen = {}  # (kind, order id) → row
        self.guests_orders = set()
        self.customers = set()
        self.currency = None
        self.last = None
        self.bad = []  # (line number, reason)
        self.parked = self.guests = self.repeated = self.refunds = 0

    def feed(self, rows):
        """Takes every row, bad ones noted with their line number (the header is line 1) → self."""
        for number, row in enumerate(rows, start=2):
            try:
                self._take(row)
            except BadRow as reason:
                self.bad.append((number, str(reason)))
        return self

    def _take(self, row):
        at, amount, kind = _instant(row["occurred_at"]), _amount(row["amount"]), row["kind"]
        if kind not in ("purchase", "refund"):
            raise BadRow(f"kind {kind!r}")
        if not row["order_id"]:
            raise BadRow("no order id")
        _json_list(row["lines"])
        key = (kind, row["order_id"])
        if key in self.seen:
            if self.seen[key] != row:
                raise BadRow("the same id with other content")
            self.repeated += 1
            return
        if not row["customer_id"]:
            self.guests += 1
            self.seen[key] = row
            return
        if row["currency"] != (self.currency or row["currency"]):
            raise BadRow(f"currency {row['currency']!r}")
        self.currency = row["currency"]
        if kind == "purchase":
            self._buy(row["order_id"], row["customer_id"], at, amount)
        elif not row["refers_to"]:
            self.parked += 1
        elif row["refers_to"] in self.purchases:
            self._give_back(row["refers_to"], row["customer_id"], at, amount)
        else:
            self.waiting.setdefault(row["refers_to"], []).append((row["customer_id"], at, amount))
        self.seen[key] = row
        self.last = max(at, self.last or at)

    def _buy(self, order_id, customer, at, amount):
        self.customers.add(customer)
        self.purchases[order_id] = Purchase(customer, at, amount, expiry(at, self.months, self.zone), self._points(amount))
        for waiting_customer, refund_at, refund_amount in self.waiting.pop(order_id, []):
            self._give_back(order_id, waiting_customer, max(refund_at, at), refund_amount)

    def _give_back(self, order_id, customer, at, amount):
        purchase = self.purchases[order_id]
        if customer != purchase.customer:
            raise BadRow("a refund of somebody else's purchase")
        if purchase.refunded + amount > purchase.amount:
            raise BadRow("more given back than was paid")
        purchase.refunded += amount
        self.refunds += 1
        keeps = self._points(purchase.amount - purchase.refunded)
        owed = purchase.earned - purchase.taken_back - keeps
        purchase.taken_back += owed
        if purchase.gone(at):
            purchase.waived += owed
        else:
            purchase.taken.append((at, owed))

    def _points(self, amount):
        return int(max(amount, Decimal(0)) * self.rate)

    def balance(self, customer, as_of):
        """Points of one customer at that instant, everything that happened at it included."""
        return self.balances(as_of).get(customer, 0)

    def balances(self, as_of):
        """{customer: points} at that instant, for everybody who ever bought."""
        balances = dict.fromkeys(self.customers, 0)
        for purchase in self.purchases.values():
            balances[purchase.customer] += purchase.remaining(as_of)
        return balances

    def totals(self, until=None, customer=None):
        """Everything that was booked, for all or for one customer; `earned − clawed_back − expired = left`."""
        end = max((instant for instant in (self.last, until) if instant), default=datetime.max.replace(tzinfo=timezone.utc))
        of = [purchase for purchase in self.purchases.values() if customer in (None, purchase.customer)]
        return {
            "earned": sum(purchase.earned for purchase in of),
            "clawed_back": sum(points for purchase in of for _, points in purchase.taken),
            "waived": sum(purchase.waived for purchase in of),
            "expired": sum(purchase.expired(end) for purchase in of),
            "left": sum(purchase.remaining(end) for purchase in of),
        }

    def counts(self):
        """How many rows became what."""
        return {
            "customers": len(self.customers),
            "purchases": len(self.purchases),
            "refunds": self.refunds,
            "waiting": sum(map(len, self.waiting.values())),
            "parked": self.parked,
            "guests": self.guests,
            "repeated": self.repeated,
            "bad": len(self.bad),
        }


def _instant(text):
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadRow(f"time {text!r}") from None
    if at.tzinfo is None:
        raise BadRow(f"time {text!r} has no offset")
    return at.astimezone(timezone.utc)


def _amount(text):
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise BadRow(f"amount {text!r}") from None
    if not amount.is_finite() or amount < 0:
        raise BadRow(f"amount {text!r}")
    return amount


def _json_list(text):
    try:
        lines = json.loads(text)
    except ValueError:
        raise BadRow("lines are not JSON") from None
    if not isinstance(lines, list):
        raise BadRow("lines are not a list")


def read(path):
    """The rows of a CSV file, plain or gzip."""
    opened = gzip.open if str(path).endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def main(argv=None):
    parser = argparse.ArgumentParser(description="What a replay of FILE must come to.")
    parser.add_argument("file")
    parser.add_argument("--points-per-unit", type=Decimal, default=Decimal(1))
    parser.add_argument("--expire-months", type=int)
    parser.add_argument("--zone", default="UTC")
    parser.add_argument("--until", type=_instant, help="book expiry up to this instant, where it is later than the last row")
    parser.add_argument("--balances-as-of", type=_instant, metavar="TIMESTAMP", help="print `customer_id,balance` instead of the totals")
    options = parser.parse_args(argv)
    replay = Replay(points_per_unit=options.points_per_unit, expire_months=options.expire_months, zone=options.zone)
    replay.feed(read(options.file))
    if options.balances_as_of:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["customer_id", "balance"])
        writer.writerows(sorted(replay.balances(options.balances_as_of).items()))
        return
    for name, figure in {**replay.counts(), **replay.totals(options.until)}.items():
        print(f"{name} {figure}")
    for number, reason in replay.bad:
        print(f"line {number}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    main()
