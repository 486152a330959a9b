from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job
from points.rulebook import selectors as rulebook

from . import services


@job("points.lapse_offers", title=_("Let offers lapse that nobody claimed in time"), every=timedelta(minutes=10))
def lapse_due(run: Run) -> None:
    while run.has_time and run.add(lapsed=services.lapse_due(limit=500, now=run.now)):
        pass


@job("points.prune_decisions", title=_("Drop explanations whose time is over"), daily_at="03:40")
def prune(run: Run) -> None:
    before = run.now - timedelta(days=rulebook.settings().decision_days)
    while run.has_time and run.add(pruned=services.prune(before=before, limit=1000)):
        pass
