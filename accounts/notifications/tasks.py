from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.channels import services as channels
from loyalty.audit.services import Run, job

from . import services

# How long a run goes on: as long as the next one is away, so that a long queue takes one worker and not all of them.
SECONDS = timedelta(seconds=10)


@job(services.JOB, title=_("Send messages"), every=SECONDS)
def send_messages(run: Run) -> None:
    run.add(unanswered=services.recover(limit=200, now=run.now))
    with channels.keeping_connections():
        while run.clock < run.now + SECONDS:
            before = run.counts.total()
            for outcome in services.send_due(limit=100, clock=lambda: run.clock):
                run.add({outcome: 1})
                if run.clock >= run.now + SECONDS:
                    break
            if run.counts.total() == before:
                break


@job("accounts.prune_messages", title=_("Delete old messages"), daily_at="03:40")
def prune(run: Run) -> None:
    while run.has_time and run.add(deliveries=services.prune_deliveries(before=run.now - timedelta(days=settings.MESSAGE_DAYS), limit=1000)):
        pass
    while run.has_time and run.add(messages=services.prune_messages(before=run.now - timedelta(days=settings.INBOX_DAYS), limit=1000)):
        pass
