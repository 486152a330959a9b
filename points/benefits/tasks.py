from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    "points.birthdays",
    title=_("Tell birthdays"),
    about=_("Of everybody who celebrates, and of the last week where nights were missed. What a birthday gives is said by rules."),
    daily_at="00:10",
    preview=selectors.would_celebrate,
)
def birthdays(run: Run) -> None:
    while run.has_time and run.add(services.celebrate(limit=500, actor="birthdays", now=run.now)) == 500:
        pass


@job(
    "points.allowances",
    title=_("Give monthly allowances"),
    about=_("Once a month, by the tier in which a member was when the month began."),
    daily_at="00:20",
    preview=selectors.would_allow,
)
def allowances(run: Run) -> None:
    while run.has_time and run.add(services.give_allowances(limit=500, actor="allowances", now=run.now)):
        pass
