from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    "points.reconcile",
    title=_("Check everybody's books"),
    about=_("Replays each member's entries from nothing. A breach freezes that member's spending and is listed; nothing is repaired."),
    daily_at="01:30",
    preview=selectors.to_check,
)
def reconcile(run: Run) -> None:
    at = services.begin(now=run.now)
    while run.has_time and run.add(services.go_on(round_id=at.id, now=run.now)):
        pass
    # What is finished is not sent again, however long it took.
    at.refresh_from_db()
    run.cut_short = at.finished_at is None
