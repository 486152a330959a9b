from django.utils.translation import gettext_lazy

from loyalty.audit.services import Run, job

from . import services


@job("accounts.lapse_referrals", title=gettext_lazy("End referrals whose time is over"), daily_at="00:06")
def lapse_referrals(run: Run) -> None:
    while run.has_time and run.add(lapsed=services.lapse_due(now=run.now)):
        pass
