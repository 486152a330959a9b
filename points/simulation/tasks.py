from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.simulate", title=_("Try rules on history"), every=timedelta(seconds=10))
def simulate(run: Run) -> None:
    while run.has_time and run.add(facts=services.work(now=run.clock)):
        pass


@job("points.prune_simulations", title=_("Delete old simulations"), daily_at="03:50")
def prune(run: Run) -> None:
    while run.has_time and run.add(deleted=services.prune(before=run.now - timedelta(days=settings.SIMULATION_DAYS), limit=10)):
        pass
