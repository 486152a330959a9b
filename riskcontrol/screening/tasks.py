from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("screening.lift_lapsed", title=_("Lift blocks whose time is over"), every=timedelta(minutes=1))
def lift_lapsed(run: Run) -> None:
    while run.has_time and run.add(lifted=services.lift_lapsed(limit=100, now=run.now)):
        pass
