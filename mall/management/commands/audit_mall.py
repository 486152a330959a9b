"""Proves that the mall adds up, or says where it does not. Reads one snapshot, so it is right while others write. Nothing is repaired.

1. Stock on hand is the sum of its changes, which are numbered without a gap and each say what was on hand after it.
2. A redemption has taken from stock what it kept; what was cancelled or not paid in time is back; nothing is sold without a redemption.
3. What waits for payment is held, what goes on was paid by an entry of its own; points that came back are those that the ledger restored.
4. A redemption stands where its last step left it, and each step begins where the one before it ended.
5. Limits that members share count exactly what is out.
6. A redemption of codes has as many as were paid for, with the member who redeemed them, and no more.
7. The same of coupons; and a template's limit counts what was issued.
8. A provider's voucher or its points: never both, never neither.
9. What a flash sale set aside is sold, left, or back on the shelf.
10. A redemption of privileges has as many as were paid for; the uses left of each are those granted less those that stand.
11. What coupons and points paid of each line of an order adds up to what it was paid with; its points are its entries'.
12. A redemption that expired points paid has used as many as it cost, and as many came back as its steps say.
13. A rental is lent once or its points are back; what is out is out of stock until it was taken back; each renewal has its entry.
"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.translation import ngettext

from mall.reconciliation import selectors as reconciliation


class Command(BaseCommand):
    help = "Checks stock, redemptions and whatever they handed out against invariants 1 to 13, in one snapshot. Prints breaches and exits 1 if any."

    def handle(self, *args: Any, **options: Any) -> None:
        checked, breaches = reconciliation.audit(now=timezone.now())
        for breach in breaches:
            self.stdout.write(str(breach))
        self.stdout.write("Checked " + ", ".join(f"{count:,} {name}" for name, count in checked.items()) + ".")
        if breaches:
            raise CommandError(ngettext("%(n)d breach.", "%(n)d breaches.", len(breaches)) % {"n": len(breaches)})
        self.stdout.write("The mall adds up.")
