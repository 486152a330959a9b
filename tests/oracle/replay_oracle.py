"""What a replay must come to, worked out a second time: no ledger, no database, nothing imported from the project.

    python3 tests/oracle/replay_oracle.py FILE [--points-per-unit P] [--expire-months N] [--zone NAME] [--until TIMESTAMP]
                                               [--balances-as-of TIMESTAMP]

It reads the file that `manage.py replay` reads and follows the rules on paper, one purchase at a time. In a replay nobody spends, so a
purchase's lot is whole, partly taken back by its refunds, or gone by expiry, and no lot ever touches another. The rules:
- A purchase earns floor(amount × points per unit); amounts are never below zero.
- A refund gives money back. What the purchase earned becomes floor(what is left of it × points per unit); the difference is taken from
  what remains of its lot, and what of it had expired is waived. More than what is left to give back is refused.
- A refund that precedes its purchase waits and is applied with it, at the purchase's time; one that names no purchase is parked.
- A lot expires at the first instant after the day N months later (the last day of a shorter month) in the zone. At that instant it is gone.
- The same row again changes nothing; the same id with other content is bad, and so are other currencies than the first one.
- A row without a customer is a guest's: skipped.
Expiry is booked up to the last row, or up to `--until` where that is later.
"""

import argparse
import calendar
import csv
import gzip
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

csv.field_size_limit(2**31 - 1)


class BadRowError(ValueError):
    """A row that the replay reports and leaves out."""


@dataclass
class Purchase:
    customer: str
    at: datetime
    amount: Decimal
    expires_at: datetime | None
    earned: int
    refunded: Decimal = Decimal(0)
    taken_back: int = 0  # asked back by refunds
    taken: list = field(default_factory=list)  # (instant, points)
    waived: int = 0  # of that, what had expired before

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
    return datetime.combine(anniversary + timedelta(days=1), time(), zone).astimezone(UTC)


class Replay:
    """Feed it rows (mappings with the file's header, in the file's order) and ask."""

    def __init__(self, *, points_per_unit=1, expire_months=None, zone="UTC"):
        self.rate, self.months, self.zone = Decimal(points_per_unit), expire_months, ZoneInfo(zone)
        self.purchases = {}  # order id → Purchase
        self.waiting = {}  # order id → [(line number, customer, instant, amount)]
        self.seen = {}  # (kind, order id) → content
        self.customers = set()
        self.currency = None
        self.last = None
        self.bad = []  # (line number, reason)
        self.parked = self.guests = self.repeated = self.refunds = 0

    def feed(self, rows):
        """Takes every row, bad ones noted with their number (the header is 1, a row without line breaks is one line) → self."""
        for number, row in enumerate(rows, start=2):
            try:
                self._take(number, row)
            except BadRowError as reason:
                self.bad.append((number, str(reason)))
        return self

    def _take(self, number, row):
        if None in row or None in row.values():
            raise BadRowError("not as many columns as the header")
        order_id, customer, kind, purchase_id = row["order_id"], row["customer_id"], row["kind"], row["refers_to"]
        at, amount = _instant(row["occurred_at"]), _amount(row["amount"])
        _check_list(row["lines"])
        if kind not in ("purchase", "refund"):
            raise BadRowError(f"kind {kind!r}")
        if not order_id:
            raise BadRowError("no order id")
        content = customer, at, purchase_id, amount, row["currency"], row["lines"], row["coupons"]
        if self.seen.get((kind, order_id), content) != content:
            raise BadRowError("the same id with other content")
        self.last = max(at, self.last or at)
        if (kind, order_id) in self.seen:
            self.repeated += 1
            return
        if not customer:
            self.guests += 1
        elif row["currency"] != (self.currency or row["currency"]):
            raise BadRowError(f"currency {row['currency']!r}")
        else:
            self.currency = row["currency"]
            if kind == "purchase":
                self._buy(order_id, customer, at, amount)
            elif not purchase_id:
                self.parked += 1
            elif purchase_id in self.purchases:
                self._give_back(purchase_id, customer, at, amount)
            else:
                self.waiting.setdefault(purchase_id, []).append((number, customer, at, amount))
        self.seen[kind, order_id] = content

    def _buy(self, order_id, customer, at, amount):
        self.customers.add(customer)
        self.purchases[order_id] = Purchase(customer, at, amount, expiry(at, self.months, self.zone), self._points(amount))
        for number, refund_customer, _, refund_amount in self.waiting.pop(order_id, []):
            try:
                self._give_back(order_id, refund_customer, at, refund_amount)
            except BadRowError as reason:
                self.bad.append((number, str(reason)))

    def _give_back(self, order_id, customer, at, amount):
        purchase = self.purchases[order_id]
        if customer != purchase.customer:
            raise BadRowError("a refund of somebody else's purchase")
        if purchase.refunded + amount > purchase.amount:
            raise BadRowError("more given back than was paid")
        purchase.refunded += amount
        self.refunds += 1
        owed = purchase.earned - purchase.taken_back - self._points(purchase.amount - purchase.refunded)
        purchase.taken_back += owed
        if purchase.gone(at):
            purchase.waived += owed
        else:
            purchase.taken.append((at, owed))

    def _points(self, amount):
        return int(amount * self.rate)

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
        end = max(instant for instant in (self.last, until, datetime.min.replace(tzinfo=UTC)) if instant)
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
        raise BadRowError(f"time {text!r}") from None
    if at.tzinfo is None:
        raise BadRowError(f"time {text!r} has no offset")
    return at.astimezone(UTC)


def _amount(text):
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise BadRowError(f"amount {text!r}")
    return Decimal(text)


def _check_list(text):
    try:
        lines = json.loads(text)
    except ValueError:
        raise BadRowError("lines are not JSON") from None
    if not isinstance(lines, list):
        raise BadRowError("lines are not a list")


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
        sys.stdout.write(f"{name} {figure}\n")
    for number, reason in replay.bad:
        sys.stderr.write(f"row {number}: {reason}\n")


if __name__ == "__main__":
    main()
