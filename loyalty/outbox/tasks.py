from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("outbox.deliver", title=_("Deliver events that are due"), every=timedelta(minutes=1))
def deliver(run: Run) -> None:
    while run.has_time and run.add(services.deliver_due(limit=500, now=run.now)):
        pass


@job("outbox.prune", title=_("Delete events delivered long ago"), daily_at="03:40")
def prune(run: Run) -> None:
    while run.has_time and run.add(deleted=services.prune(before=run.now - timedelta(days=settings.OUTBOX_DAYS), limit=1000)):
        pass
