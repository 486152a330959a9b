"""Lets what members bought and did before growth was counted grow now: dated to when it happened, by what is left of it after refunds.

Members whose figures reach a higher tier by it are put there, as if an order had done it now. What has grown already stays as it is, so it
may be stopped and run again. Try it with --dry-run first.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser, no_translations
from django.utils import timezone

from points.earning import services


class Command(BaseCommand):
    help = "Count the growth of earlier purchases and behaviours. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would grow and who would rise, and write nothing")
        parser.add_argument("--slice", type=int, default=500, metavar="MEMBERS", help="how many members a transaction takes (default: 500)")

    @no_translations
    def handle(self, *args: Any, dry_run: bool, slice: int, **options: Any) -> None:  # noqa: A002 (the name of the option)
        done, after = services.tiers.Counted(), None
        while True:
            counted, after = services.earlier_growth(after=after, limit=slice, dry_run=dry_run, now=timezone.now())
            done = services.tiers.Counted(*(one + other for one, other in zip(done, counted, strict=True)))
            if after is None:
                break
        would = "would grow" if dry_run else "have grown"
        rise = "would rise" if dry_run else "have risen"
        self.stdout.write(f"{done.lines:,} facts of {done.members:,} members {would}: {done.growth:,} in all; {done.rising:,} members {rise} to another tier.")
