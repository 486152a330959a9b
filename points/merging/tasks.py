from datetime import timedelta

from django.utils.translation import gettext_lazy

from loyalty.audit.services import Run, job

from . import services


@job("points.forward_merged", title=gettext_lazy("Forward what still arrives with merged members"), every=timedelta(minutes=1))
def forward_merged(run: Run) -> None:
    while run.has_time and run.add(members=services.forward_due(limit=200, actor="job", now=run.now)):
        pass
