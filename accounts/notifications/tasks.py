from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services

# How long a run goes on: as long as the next one is away, so that a long queue takes one worker and not all of them.
SECONDS = timedelta(seconds=10)


@job(
    services.JOB,
    title=_("Send messages"),
    about=_("What members are to be told and is due now. Nothing goes out in quiet hours."),
    every=SECONDS,
    preview=selectors.would_send,
)
def send_messages(run: Run) -> None:
    run.add(unanswered=services.recover(limit=200, now=run.now))
    until, senders = run.now + SECONDS, settings.MESSAGE_SENDERS
    while run.clock < until and run.add(services.send_due(limit=50 * senders, at_once=senders, until=until, clock=lambda: run.clock)):
        pass


@job("accounts.prune_messages", title=_("Delete old messages"), daily_at="03:40")
def prune(run: Run) -> None:
    while run.has_time and run.add(deliveries=services.prune_deliveries(before=run.now - timedelta(days=settings.MESSAGE_DAYS), limit=1000)):
        pass
    while run.has_time and run.add(messages=services.prune_messages(before=run.now - timedelta(days=settings.INBOX_DAYS), limit=1000)):
        pass
