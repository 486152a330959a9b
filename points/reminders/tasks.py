from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.audit.services import Run, job

from . import services

JOB = "points.remind"


@job(JOB, title=_("Tell members what expires"), every=timedelta(minutes=10))
def remind(run: Run) -> None:
    for told in services.remind(now=run.now):
        run.add(told)
        if not run.has_time:
            audit.wake(job=JOB)
            break


@job("points.keep_unannounced", title=_("Postpone what nobody announced"), every=timedelta(minutes=20))
def keep_unannounced(run: Run) -> None:
    for postponed in services.keep_unannounced(now=run.now):
        run.add(postponed)
        if not run.has_time:
            break
