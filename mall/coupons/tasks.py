from datetime import timedelta

from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job("mall.issue_coupons", title=_("Issue coupons to many members"), every=timedelta(minutes=1))
def issue_due(run: Run) -> None:
    while run.has_time and run.add(members=services.issue_due(now=run.now)):
        pass


@job(
    "mall.withdraw_coupons",
    title=_("Withdraw issues of coupons to many"),
    about=_("Those that an operator wants withdrawn as a whole, a page at a time. What was used stays used."),
    every=timedelta(minutes=1),
    preview=selectors.would_withdraw,
)
def withdraw_due(run: Run) -> None:
    while run.has_time and run.add(coupons=services.withdraw_due(now=run.now)):
        pass
