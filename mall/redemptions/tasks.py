from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("mall.lapse_redemptions", title=_("Release redemptions that were not paid in time"), every=timedelta(minutes=1))
def lapse_due(run: Run) -> None:
    while run.has_time:
        outcome = services.lapse_due(limit=100, now=run.now)
        run.add(outcome)
        if not outcome["lapsed"]:
            break
