from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.totals", title=_("Put together the totals of the day"), every=timedelta(minutes=10))
def refresh(run: Run) -> None:
    run.add(days=services.refresh(now=run.now))


@job("points.totals_again", title=_("Put together the totals of the last two weeks anew"), daily_at="04:20")
def refresh_again(run: Run) -> None:
    run.add(days=services.refresh(again=True, now=run.now))
