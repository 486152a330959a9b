from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.audit.services import Run, job

from . import selectors, services

JOB = "points.remind"


@job(
    JOB,
    title=_("Tell members what expires"),
    about=_("Once a day, from the hour that is set under “Reminders of expiry”: one message a member. Later starts find the day done."),
    every=timedelta(minutes=10),
    preview=selectors.would_tell,
)
def remind(run: Run) -> None:
    for told in services.remind(now=run.now):
        run.add(told)
        if not run.has_time:
            audit.wake(job=JOB)
            break


@job(
    "points.keep_unannounced",
    title=_("Postpone what nobody announced"),
    about=_("Only where nothing may expire unannounced: points that end tonight and that nobody was told about."),
    every=timedelta(minutes=20),
    preview=selectors.would_keep,
)
def keep_unannounced(run: Run) -> None:
    for postponed in services.keep_unannounced(now=run.now):
        run.add(postponed)
        if not run.has_time:
            break
