from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import services


@job("points.expire_cards", title=_("Expire cards that are due"), daily_at="00:04")
def expire_due(run: Run) -> None:
    while run.has_time and run.add(expired=services.expire_due(limit=500, now=run.now)):
        pass
