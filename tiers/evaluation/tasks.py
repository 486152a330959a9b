from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("tiers.end_lapsed", title=_("End the terms of tiers that are over, and tiers that were given until a time"), every=timedelta(minutes=1))
def end_due(run: Run) -> None:
    while run.has_time and run.add(services.end_due(limit=500, now=run.now)):
        pass


@job("tiers.tell_sprints", title=_("Tell members that their term ends, and what is missing"), daily_at="09:10")
def tell_sprints(run: Run) -> None:
    while run.has_time and run.add(told=services.tell_sprints(limit=500, now=run.now)):
        pass


@job("tiers.evaluate", title=_("Evaluate all members: quintiles, and tiers that are reached"), daily_at="02:30")
def evaluate(run: Run) -> None:
    while run.has_time:
        looked = services.look_at_slice(now=run.now)
        run.add(looked_at=looked.members, moved=looked.moved)
        if looked.over:
            break
