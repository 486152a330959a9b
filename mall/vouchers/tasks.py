from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services

# How long a run goes on: as long as the next one is away, so that a slow provider takes one worker and not all of them.
SECONDS = timedelta(seconds=10)


@job(
    services.JOB,
    title=_("Order vouchers from their providers"),
    about=_("What members redeemed and a provider issues, and what became of what was ordered before."),
    every=SECONDS,
    preview=selectors.would_send,
)
def send_voucher_orders(run: Run) -> None:
    run.add(unanswered=services.recover(limit=200, now=run.now))
    until, senders = run.now + SECONDS, settings.VOUCHER_SENDERS
    while run.clock < until and run.add(services.send_due(limit=50 * senders, at_once=senders, until=until, clock=lambda: run.clock)):
        pass
