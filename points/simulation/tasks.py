from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.simulate", title=_("Try rules on history"), every=timedelta(seconds=10))
def simulate(run: Run) -> None:
    while run.has_time and run.add(facts=services.work(now=run.clock)):
        pass
