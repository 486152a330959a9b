from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    services.COUNT_JOB,
    title=_("Count who would move under a ladder plan"),
    about=_("Goes on with the plans that operators have asked to be counted. It moves nobody."),
    every=timedelta(seconds=10),
    preview=selectors.to_count,
)
def count_plans(run: Run) -> None:
    while run.has_time and run.add(members=services.work(now=run.clock)):
        pass


@job(
    services.LIFT_JOB,
    title=_("Lift members after a change of the ladder"),
    about=_("Goes through all members after a plan was applied, and lifts whoever reaches a higher tier by it."),
    every=timedelta(minutes=1),
    preview=selectors.to_lift,
)
def lift_members(run: Run) -> None:
    while run.has_time and run.add(services.lift(now=run.clock)):
        pass
