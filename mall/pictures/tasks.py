from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from loyalty.audit.services import Run, job

from . import selectors, services


@job(
    "mall.clear_pictures",
    title=_("Delete pictures that nothing shows any more"),
    about=_("Those that no reward has shown for some days. Each night those that nothing shows are noted, and forgotten again where something shows them."),
    daily_at="03:35",
    preview=selectors.would_clear,
)
def clear(run: Run) -> None:
    run.add(marked=services.mark(now=run.now))
    before = run.now - timedelta(days=settings.PICTURE_DAYS)
    while run.has_time and run.add(deleted=services.clear(before=before, limit=100)):
        pass
