from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job(services.COUNT_JOB, title=_("Count who would move under a ladder plan"), every=timedelta(seconds=10))
def count_plans(run: Run) -> None:
    while run.has_time and run.add(members=services.work(now=run.clock)):
        pass


@job(services.LIFT_JOB, title=_("Lift members after a change of the ladder"), every=timedelta(minutes=1))
def lift_members(run: Run) -> None:
    while run.has_time and run.add(services.lift(now=run.clock)):
        pass
