import random
from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services

# How long a run goes on: as long as the next one is away.
SECONDS = timedelta(seconds=5)


@job("webhooks.send", title=_("Send webhooks"), about=_("What the storefront's endpoints are to be told and is due now."), every=SECONDS)
def send(run: Run) -> None:
    until, senders = run.now + SECONDS, settings.WEBHOOK_SENDERS
    while run.clock < until and run.add(services.send_due(limit=50 * senders, at_once=senders, until=until, clock=lambda: run.clock, luck=random.random)):
        pass


@job("webhooks.prune", title=_("Delete webhook deliveries of long ago"), daily_at="03:50")
def prune(run: Run) -> None:
    while run.has_time and run.add(deleted=services.prune(before=run.now - timedelta(days=settings.WEBHOOK_DAYS), limit=1000)):
        pass
