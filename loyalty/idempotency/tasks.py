from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("idempotency.prune", title=_("Delete old answers kept for requests sent twice"), daily_at="03:50")
def prune(run: Run) -> None:
    while run.has_time and run.add(deleted=services.prune(before=run.now - timedelta(days=settings.IDEMPOTENCY_DAYS), limit=1000)):
        pass
