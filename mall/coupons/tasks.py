from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("mall.issue_coupons", title=_("Issue coupons to many members"), every=timedelta(minutes=1))
def issue_due(run: Run) -> None:
    while run.has_time and run.add(members=services.issue_due(now=run.now)):
        pass
