from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.programme import selectors as programme

from . import services
from .services import Run, job


@job("loyalty.heartbeat", title=_("Sign of life; daily jobs follow the programme's zone"), every=timedelta(minutes=1))
def heartbeat(run: Run) -> None:
    run.add(moved=services.follow_zone(zone=programme.zone(now=run.now)))


@job("audit.resume", title=_("Resume jobs whose worker was killed"), every=timedelta(seconds=10))
def resume(run: Run) -> None:
    run.add(resumed=services.resume_dead(now=run.now))


@job("audit.prune", title=_("Delete old job runs"), daily_at="03:30")
def prune(run: Run) -> None:
    while run.has_time and run.add(deleted=services.prune(before=run.now - timedelta(days=settings.JOB_RUN_DAYS), limit=1000)):
        pass
