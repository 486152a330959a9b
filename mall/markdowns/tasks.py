from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("mall.consider_markdown", title=_("Propose a markdown where members hold too many points"), daily_at="05:30")
def consider(run: Run) -> None:
    run.add(proposed=int(services.consider(now=run.now) is not None))


@job("mall.end_markdowns", title=_("End markdowns whose time is over"), every=timedelta(minutes=5))
def end_over(run: Run) -> None:
    run.add(ended=services.end_over(now=run.now))
