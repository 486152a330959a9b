from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.work_batches", title=_("Check, apply and reverse batches"), every=timedelta(seconds=10))
def work(run: Run) -> None:
    while run.has_time and run.add(lines=services.work(now=run.clock)):
        pass
