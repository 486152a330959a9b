from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


def _due(*, now: datetime) -> dict[str, int]:
    return {"members": selectors.count_due(now=now)}


def _sprinting(*, now: datetime) -> dict[str, int]:
    return {"members": selectors.count_sprinting(now=now)}


def _tonight(*, now: datetime) -> dict[str, int]:
    return {"members": selectors.count_left(now=now)}


@job(
    "tiers.end_lapsed",
    title=_("End the terms of tiers that are over"),
    about=_("Decides on every member whose term is over: keeps the tier, falls, or has days of grace. Ends tiers that were given until a time, too."),
    every=timedelta(minutes=1),
    preview=_due,
)
def end_due(run: Run) -> None:
    while run.has_time and run.add(services.end_due(limit=500, now=run.now)):
        pass


@job(
    "tiers.tell_sprints",
    title=_("Tell members that their term ends"),
    about=_("Tells each member in the last days of a term, once, what is missing to keep the tier."),
    daily_at="09:10",
    preview=_sprinting,
)
def tell_sprints(run: Run) -> None:
    while run.has_time and run.add(told=services.tell_sprints(limit=500, now=run.now)):
        pass


@job(
    "tiers.evaluate",
    title=_("Evaluate all members"),
    about=_("Computes the quintiles where these decide, and lifts whoever reaches a higher tier and is not there yet. Once a night."),
    daily_at="02:30",
    preview=_tonight,
)
def evaluate(run: Run) -> None:
    while run.has_time:
        looked = services.look_at_slice(now=run.now)
        run.add(looked_at=looked.members, moved=looked.moved)
        if looked.over:
            break
