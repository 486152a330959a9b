from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    services.JOB,
    title=_("Remind of rentals, renew and end them"),
    about=_("Rentals that end soon, those that renew themselves on their last day, and those whose term is over: the partner is asked to take them back."),
    every=timedelta(minutes=1),
    preview=selectors.would_end,
)
def tend(run: Run) -> None:
    while run.has_time:
        outcome = services.tend(limit=100, now=run.now)
        run.add(outcome)
        if max(outcome["reminded"], outcome["renewals"], outcome["ended"]) < 100:
            break
