from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("mall.watch_code_pools", title=_("Look for pools of codes that run low"), every=timedelta(minutes=5))
def watch(run: Run) -> None:
    run.add(low=services.watch(now=run.now))
