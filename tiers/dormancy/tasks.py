from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    "tiers.dormancy",
    title=_("Find members who have become dormant, or are back"),
    about=_("Looks at whoever may have become so by now, and tells those who have."),
    daily_at="01:10",
    preview=selectors.would_look,
)
def dormancy(run: Run) -> None:
    after, more = selectors.newest_known(), True
    while more and run.has_time:
        watched, after = services.begin(after=after, limit=1000, now=run.now)
        run.add(watched=watched)
        more = after is not None
    while run.has_time and run.add(services.look(limit=500, now=run.now)):
        pass
