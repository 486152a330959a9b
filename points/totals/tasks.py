from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.totals", title=_("Put together the totals of the day"), every=timedelta(minutes=10))
def refresh(run: Run) -> None:
    run.add(days=services.refresh(now=run.now))
