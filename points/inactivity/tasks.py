from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    "points.inactivity",
    title=_("Announce and void the points of inactive members"),
    about=_("Only where that is switched on. Nothing is voided that was not announced, nor of members who have come back."),
    daily_at="01:40",
    preview=selectors.preview,
)
def inactivity(run: Run) -> None:
    _through(run, services.look_again)
    while run.has_time and run.add(services.void_due(limit=100, now=run.now)):
        pass
    if selectors.terms().enabled:
        _through(run, services.tell)


def _through(run: Run, act: Callable[..., Any]) -> None:
    """In slices, to the end or as far as the time goes; what is left is found again by the next run."""
    after, more = None, True
    while more and run.has_time:
        done, after = act(after=after, limit=500, now=run.now)
        run.add(done)
        more = after is not None
