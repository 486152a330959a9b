"""Replays purchases and refunds from a CSV file, plain or gzip, through the same verbs as the API, each row at its own time.

The header is `order_id,customer_id,occurred_at,kind,refers_to,amount,currency,lines,coupons`; rows are sorted by time.

- `occurred_at` is ISO 8601 with an offset; `kind` is purchase or refund; `amount` is a decimal, never below zero, and authoritative.
- An empty `customer_id` is a guest: skipped and counted. `refers_to` names the order that a refund is for; empty is unknown.
- `lines` is JSON, `[{"sku", "category", "quantity", "amount"}]`. Quantities may be zero; a line's amount may be below it.
- `coupons` is JSON, a list of codes or of `{"code", "amount"}`; empty for none.

A row that is bad or refused is told on stderr with its line number and the reason, and the rest goes on. The exit status is 1 only where
nothing, or not all of the file, could be read. A second run, also after one that was interrupted, books only what is missing.
"""

import csv
import gzip
import io
import zlib
from argparse import ArgumentTypeError
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import IO, Any
from zoneinfo import available_timezones

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.utils import timezone

from accounts.activity import selectors as activity
from loyalty.lib.refusals import BusinessError
from mall.replay import rules, services
from points.ledger import selectors as books
from points.terms.rules import NEVER

WIDTH = 24
TELL_EVERY = 0.2
TELL_EVERY_IN_A_LOG = 15.0


class Command(BaseCommand):
    help = "Feed a CSV file of purchases and refunds through the same verbs as the API, each row at its own time. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV, plain or gzip")
        parser.add_argument(
            "--points-per-unit",
            type=_rate,
            metavar="RATE",
            help="publish this rate if it is not in force (default: the rule in force; 1 where there is none)",
        )
        parser.add_argument(
            "--expire-months", type=_months, metavar="N", help="points expire after N months (default: the programme's terms, and never where none were set)"
        )
        parser.add_argument("--zone", type=_zone, metavar="NAME", help="whose days and nights count, like America/New_York (default: the programme's)")
        parser.add_argument("--until", type=_moment, metavar="TIMESTAMP", help="expire as of that instant at the end, if it is later than the last row")
        parser.add_argument(
            "--refund-unknown", choices=["park", "skip"], default="park", help="refunds that name no order: leave them to an operator (default), or skip them"
        )
        parser.add_argument("--currency", default="", metavar="CODE", help="take the amounts to be in this currency (default: the file's)")
        parser.add_argument("--shift-to", type=_moment, metavar="TIMESTAMP", help="move all times by whole weeks, the last to the seven days before; or: now")

    @no_translations
    def handle(self, *args: Any, file: Path, until: datetime | None, shift_to: datetime | None, **options: Any) -> None:
        reader = Reader(file)
        reader.check()
        shift = timedelta(0)
        if shift_to:
            last = reader.last()
            shift = rules.shift(last, shift_to) if last else shift
        try:
            by = services.conditions(
                points_per_unit=options["points_per_unit"],
                expire_months=options["expire_months"],
                zone=options["zone"] or "",
                currency=options["currency"],
                park_unknown=options["refund_unknown"] == "park",
                shift=shift,
                now=timezone.now(),
            )
        except BusinessError as refusal:
            raise CommandError(refusal.message) from refusal

        counts: Counter[str] = Counter()
        told = Progress(self.stderr, reader)
        started = monotonic()
        for step in services.replay(rows=reader.rows(), by=by, until=until):
            counts += step.counts
            for line, reason in step.refused:
                told.clear()
                self.stderr.write(f"line {line}: {reason}")
            told.show(counts, step.reached)
        told.clear()
        self._summarise(counts, by, seconds=monotonic() - started)
        if reader.broken:
            raise CommandError(reader.broken)
        if counts["bad"] and counts["bad"] == counts["rows"]:
            raise CommandError("No row could be read.")

    def _summarise(self, counts: Counter[str], by: services.Conditions, *, seconds: float) -> None:
        booked = counts["purchases"] + counts["refunds"] + counts["waiting"] + counts["parked"]
        self.stdout.write(f"Read {counts['rows']:,} rows" + (f", moved by {by.shift.days // 7:+,} weeks." if by.shift else "."))
        terms = "the programme's terms" if by.policy is None else str(by.policy)
        self.stdout.write(f"Points expire: {terms}{', because no terms are set' if by.policy == NEVER and not by.terms_set else ''}.")
        self.stdout.write("Booked now" if booked else "Nothing new; this run")
        for name in ("purchases", "refunds", "waiting", "parked", "repeated", "guests", "skipped", "bad"):
            self.stdout.write(f"  {SAID[name]:<34}{counts[name]:>14,}")
        if counts["purchases"]:
            self.stdout.write(f"  {'purchases per second':<34}{counts['purchases'] / seconds:>14,.0f}")
        self.stdout.write("In the database")
        for name, figure in {**activity.counts(), **books.sums()._asdict()}.items():
            self.stdout.write(f"  {name.replace('_', ' '):<34}{figure:>14,}")


SAID = {
    "purchases": "purchases",
    "refunds": "refunds",
    "waiting": "refunds waiting for their purchase",
    "parked": "refunds parked for an operator",
    "repeated": "booked before",
    "guests": "guests' rows, skipped",
    "skipped": "refunds without order, skipped",
    "bad": "bad rows",
}


class Reader:
    """A file's rows by line number. `share` is how much of it has been read; `broken` says why it ended too early, if it did."""

    def __init__(self, path: Path) -> None:
        self.path, self.share, self.broken = path, 0.0, ""

    def rows(self) -> Iterator[services.Numbered]:
        # A basket with many lines is a long field.
        csv.field_size_limit(10_000_000)
        with self._open() as (raw, text):
            size = max(1, self.path.stat().st_size)
            lines = csv.reader(text)
            header = self._header(lines)
            while (values := self._next(lines)) is not None:
                self.share = raw.tell() / size
                if values:
                    yield lines.line_num, _row(header, values)

    def check(self) -> None:
        """Refuse a file that is not there or has not the header."""
        with self._open() as (_raw, text):
            self._header(csv.reader(text))

    def _header(self, lines: Any) -> list[str]:
        header = self._next(lines)
        if header is None or sorted(header) != sorted(rules.HEADER):
            raise CommandError(f"{self.path} does not begin with {','.join(rules.HEADER)}")
        return header

    def last(self) -> datetime | None:
        """The latest time in the file, all of which this reads."""
        return max((row.occurred_at for _line, row in self.rows() if isinstance(row, rules.Row)), default=None)

    @contextmanager
    def _open(self) -> Iterator[tuple[IO[bytes], IO[str]]]:
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise CommandError(f"{self.path}: {error.strerror}") from error
        with raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b"
            # What is not UTF-8 spoils its own row, not the file.
            with io.TextIOWrapper(gzip.GzipFile(fileobj=raw) if packed else raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
                yield raw, text

    def _next(self, lines: Any) -> list[str] | None:
        """The fields of the next row; None at the end, also where the file breaks off."""
        try:
            return next(lines, None)
        except csv.Error as error:
            return [str(error)]
        except (EOFError, OSError, zlib.error) as error:
            self.broken = f"{self.path} breaks off after line {lines.line_num}: {error}"
            return None


def _row(header: list[str], values: list[str]) -> rules.Row | rules.BadRow:
    try:
        return rules.read(dict(zip(header, values, strict=False)) if len(values) == len(header) else {None: values})
    except rules.BadRow as bad:
        return bad


class Progress:
    """One line that is written over on a terminal; in a log, a line now and then."""

    def __init__(self, stream: Any, reader: Reader) -> None:
        self.stream, self.reader, self.live = stream, reader, stream.isatty()
        self.started = self.told = monotonic()

    def show(self, counts: Counter[str], reached: datetime | None) -> None:
        now = monotonic()
        if now - self.told < (TELL_EVERY if self.live else TELL_EVERY_IN_A_LOG):
            return
        self.told = now
        day = f"{reached:%Y-%m-%d}" if reached else ""
        line = f"{counts['rows']:>11,} rows {counts['rows'] / (now - self.started):>7,.0f}/s  {day}  {self.reader.share:>4.0%}"
        if self.live:
            done = int(self.reader.share * WIDTH)
            self.stream.write(f"\r{'█' * done}{'░' * (WIDTH - done)}{line}", ending="")
        else:
            self.stream.write(line.strip())

    def clear(self) -> None:
        if self.live:
            self.stream.write("\r\033[K", ending="")


def _moment(text: str) -> datetime:
    if text == "now":
        return timezone.now()
    try:
        return rules.instant(text)
    except rules.BadRow as bad:
        raise ArgumentTypeError(str(bad)) from bad


def _rate(text: str) -> Decimal:
    try:
        return rules.rate(text)
    except rules.BadRow as bad:
        raise ArgumentTypeError(str(bad)) from bad


def _months(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1200:
        raise ArgumentTypeError(f"{text!r} is not a number of months, 1 to 1200")
    return int(text)


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise ArgumentTypeError(f"{text!r} is not an IANA time zone, like America/New_York")
    return text
