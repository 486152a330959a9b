from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job("points.close_boards", title=_("Count the boards of periods that are over"), daily_at="00:20")
def close_boards(run: Run) -> None:
    for board, period in selectors.due(now=run.now):
        if run.has_time:
            run.add(counted=int(services.close(board=board, period=period, now=run.now) is not None))
    for result_id in selectors.to_grant().values_list("id", flat=True):
        if run.has_time:
            run.add({services.attempt_grant(result_id=result_id, now=run.now): 1})
