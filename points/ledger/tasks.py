from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from loyalty.audit.services import Run, job
from loyalty.lib.readiness import NotReady, readiness

from . import selectors, services

ACTOR = "job"
# Rows that fail stay due and come up in every batch: after so many, the next run tries again.
MOST_FAILURES = 100


@job(
    "points.expire_due",
    title=gettext_lazy("Expire points that are due"),
    about=gettext_lazy("Books what has reached its end. Members see those points as gone at that very instant, whether it has run or not."),
    daily_at="00:02",
    preview=selectors.would_expire,
)
def expire_due(run: Run) -> None:
    while run.has_time and (swept := services.expire_due(actor=ACTOR, now=run.now)):
        run.add(swept._asdict())


@job(
    "points.mature_due",
    title=gettext_lazy("Make pending points available"),
    about=gettext_lazy("Only points that wait for a time. Those that wait for the delivery come with the delivery."),
    every=timedelta(minutes=5),
    preview=selectors.would_mature,
)
def mature_due(run: Run) -> None:
    while run.has_time and run.add(services.mature_due(actor=ACTOR, now=run.now)) and run.counts["failed"] < MOST_FAILURES:
        pass


@job(
    "points.release_overdue",
    title=gettext_lazy("Release holds past their deadline"),
    about=gettext_lazy("What was set aside and never confirmed can be spent again."),
    every=timedelta(minutes=1),
    preview=selectors.would_release,
)
def release_overdue(run: Run) -> None:
    while run.has_time and run.add(services.release_overdue(actor=ACTOR, now=run.now)) and run.counts["failed"] < MOST_FAILURES:
        pass


@readiness("holds")
def holds(*, now: datetime) -> str:
    """Holds past their deadline are booked within five minutes; later than that, the job is not running."""
    late = selectors.unbooked_since(now - timedelta(minutes=5))
    if late:
        raise NotReady(_("Holds are past their deadline since %(since)s and not booked: is the job that releases them running?") % {"since": late.isoformat()})
    return _("No hold is overdue.")
