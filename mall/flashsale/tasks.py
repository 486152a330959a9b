from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job("mall.flash_sales", title=_("Make flash sales from their plans, set units aside, move lines, give back what is left"), every=timedelta(minutes=1))
def tend(run: Run) -> None:
    run.add(services.tend(now=run.now))


@job(
    "mall.prune_flash_tickets",
    title=_("Delete tickets of flash sales of long ago"),
    about=_("Who stood in which line is kept for some months after the sale. What was redeemed stays."),
    daily_at="03:45",
    preview=selectors.would_prune,
)
def prune_tickets(run: Run) -> None:
    before = run.now - timedelta(days=settings.FLASH_TICKET_DAYS)
    while run.has_time and run.add(deleted=services.prune_tickets(before=before, limit=1000)):
        pass
