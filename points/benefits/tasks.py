from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.birthdays", title=_("Tell birthdays"), daily_at="00:10")
def birthdays(run: Run) -> None:
    while run.has_time and run.add(services.celebrate(limit=500, actor="birthdays", now=run.now)) == 500:
        pass


@job("points.allowances", title=_("Give monthly allowances"), daily_at="00:20")
def allowances(run: Run) -> None:
    while run.has_time and run.add(services.give_allowances(limit=500, actor="allowances", now=run.now)):
        pass
