from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy

from loyalty.audit.services import Run, job

from . import services


@job("accounts.prune_receipts", title=gettext_lazy("Delete old receipts of messages"), daily_at="03:55")
def prune_receipts(run: Run) -> None:
    before = run.now - timedelta(days=settings.RECEIPT_DAYS)
    while run.has_time and run.add(deleted=services.prune(before=before, limit=1000)):
        pass
