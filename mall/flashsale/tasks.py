from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("mall.flash_sales", title=_("Make flash sales from their plans, set units aside, move lines, give back what is left"), every=timedelta(minutes=1))
def tend(run: Run) -> None:
    run.add(services.tend(now=run.now))
