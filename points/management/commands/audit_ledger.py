"""Proves the books, or says where they are wrong. Reads one snapshot, so it is right while others write. Truth is checked member by member.

1. For each account and bucket: stored value = sum of its entries' changes = what its lots and holds say; no bucket below zero.
2. For each lot: 0 ≤ remaining + held ≤ original; what is missing of it = its allocations; nothing hangs on another member's row, or on none.
3. The allocations of a spend are the spend; a restore never exceeds what was taken, lot by lot; a clawback never exceeds the earning.
4. Points are taken from the lot that expires first, and never from one that had expired by then, swept or not.
5. One key, one effect, per member.
6. A clawback takes what remains of the earning's own lot; what of it was spent or is held is owed, by other lots, then as debt, which
   whatever comes in settles first; what of it had expired is waived, and the entry says so.
7. A restored lot keeps its own expiry; if that has passed, it expires again or the grace is on an entry.
8. A hold past its deadline is never captured; a settled hold is settled to the point; where points are available nothing is owed.
9. Replaying the entries from nothing rebuilds every account, lot and hold exactly.
"""

from collections import Counter
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import ngettext

from accounts.members import selectors as members
from points.reconciliation import selectors as reconciliation


class Command(BaseCommand):
    help = "Checks the books against invariants 1 to 9, in one snapshot. Prints each breach and exits 1 if there is any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--member", metavar="STOREFRONT_ID", help="only this member's books")
        parser.add_argument("--batch", type=int, default=20_000, metavar="N", help="entries in memory at a time (default 20000; a member's are never split)")

    def handle(self, *args: Any, member: str | None, batch: int, **options: Any) -> None:
        if batch < 1:
            raise CommandError("--batch must be 1 at least.")
        checked: Counter[str] = Counter(accounts=0, lots=0, entries=0, allocations=0, holds=0)
        broken = 0
        told = monotonic()
        with reconciliation.snapshot():
            try:
                member_id = members.get(member).id if member else None
            except members.MemberUnknown as unknown:
                raise CommandError(f"There is no member {member}.") from unknown
            for part in reconciliation.audit(member_id=member_id, batch=batch):
                checked += part.checked
                for breach in part.breaches:
                    broken += 1
                    self.stdout.write(str(breach))
                if self.stderr.isatty() and monotonic() - told >= 0.5:
                    told = monotonic()
                    self.stderr.write(f"\r{checked['accounts']:,} of {part.accounts:,} accounts, {checked['entries']:,} entries", ending="")
        if self.stderr.isatty():
            self.stderr.write("\r\033[K", ending="")
        self.stdout.write("Checked " + ", ".join(f"{checked[name]:,} {name}" for name in ("accounts", "lots", "entries", "allocations", "holds")) + ".")
        if broken:
            raise CommandError(ngettext("%(n)d breach.", "%(n)d breaches.", broken) % {"n": broken})
        self.stdout.write("The books balance.")
