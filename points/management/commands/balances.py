import csv
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser, OutputWrapper
from django.utils import timezone

from points.ledger import selectors as books


def moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an ISO 8601 time") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset: write it like 2026-01-31T23:59:59+08:00")
    return at


class Command(BaseCommand):
    help = "Write the points that every member had available at an instant, as CSV: customer_id,balance. What had expired by then is gone, swept or not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--as-of", type=moment, metavar="TIMESTAMP", help="ISO 8601 with an offset (default: now)")

    def handle(self, *args: Any, as_of: datetime | None, **options: Any) -> None:
        rows = csv.writer(_Lines(self.stdout), lineterminator="\n")
        rows.writerow(["customer_id", "balance"])
        rows.writerows(books.balances_at(as_of=as_of or timezone.now()))


class _Lines:
    """What `csv` writes to: each row goes out as it is, without a second line end."""

    def __init__(self, stream: OutputWrapper) -> None:
        self.stream = stream

    def write(self, row: str) -> None:
        self.stream.write(row, ending="")
