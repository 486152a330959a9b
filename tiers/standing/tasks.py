from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("tiers.end_lapsed", title=_("End tiers that were given until a time"), every=timedelta(minutes=1))
def end_lapsed(run: Run) -> None:
    while run.has_time and run.add(ended=services.end_lapsed(limit=100, now=run.now)):
        pass
