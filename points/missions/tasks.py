from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.lapse_missions", title=_("Let completed missions lapse that nobody claimed"), every=timedelta(minutes=10))
def lapse_due(run: Run) -> None:
    while run.has_time and run.add(lapsed=services.lapse_due(limit=500, now=run.now)):
        pass
