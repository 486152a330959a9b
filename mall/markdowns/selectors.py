from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from loyalty.lib import localtime
from loyalty.lib.configuration import held
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.totals import selectors as totals

from . import rules
from .models import Markdown, MarkdownTerms

Status = Markdown.Status
# Decided on, and not begun: by the clock, so no status that is kept.
ANNOUNCED = "announced"


class MarkdownUnknown(BusinessError):
    code, status, title = "markdown_unknown", 404, _("There is no such markdown.")


def told(*, now: datetime) -> Markdown | None:
    """The markdown that runs or is announced. Held in the process like the catalogue; its start and end count to the moment."""
    [row] = held(Markdown, lambda: (Markdown.objects.filter(status=Status.RUNNING).first(),))  # type: ignore[arg-type, misc]
    return row if row is not None and now < row.ends_at else None


def in_force(*, now: datetime) -> Markdown | None:
    """The markdown that every price takes into account now."""
    row = told(now=now)
    return row if row is not None and status_at(row, now=now) == Status.RUNNING else None


def in_words(row: Markdown, *, now: datetime) -> str:
    """What members read of one that runs or is announced, in the reader's language."""
    zone, language = programme.zone(now=now), get_language() or "zh"
    assert row.starts_at is not None and row.ends_at is not None
    figures = {"percent": row.off_percent, "from": localtime.in_words(row.starts_at, zone, language), "until": localtime.in_words(row.ends_at, zone, language)}
    if status_at(row, now=now) == ANNOUNCED:
        return gettext("From %(from)s until %(until)s every reward costs %(percent)s %% fewer points.") % figures
    return gettext("Until %(until)s every reward costs %(percent)s %% fewer points.") % figures


def off_bps(*, now: datetime) -> int:
    """What it takes off the points of every reward; 0: nothing."""
    row = in_force(now=now)
    return row.off_percent * 100 if row else 0


class Outstanding(NamedTuple):
    """What members hold together, as the day's totals have it, and how that stands to the plan. None of totals yet: zero points."""

    points: int
    budget: int
    excess_percent: int
    due: bool
    computed_at: datetime | None


def outstanding(*, now: datetime) -> Outstanding:
    """Today's totals against the terms."""
    said = MarkdownTerms.current()
    [day] = totals.last_days(until=localtime.local_date(now, programme.zone(now=now)), days=1)
    points = (day.available + day.held + day.pending) if day.computed_at else 0
    above = rules.excess_percent(outstanding=points, budget=said.budget_points) if said.budget_points else 0
    return Outstanding(points, said.budget_points, above, rules.due(outstanding=points, budget=said.budget_points, excess=said.excess_percent), day.computed_at)


def markdowns() -> QuerySet[Markdown]:
    return Markdown.objects.order_by("-id")


def markdown(markdown_id: int) -> Markdown:
    """Refuses: MarkdownUnknown."""
    found = Markdown.objects.filter(id=markdown_id).first()
    if found is None:
        raise MarkdownUnknown
    return found


def status_at(row: Markdown, *, now: datetime) -> str:
    """One past its end is over, booked or not; before its start it is announced."""
    if row.status != Status.RUNNING or row.starts_at is None or row.ends_at is None:
        return row.status
    return Status.OVER if row.ends_at <= now else ANNOUNCED if now < row.starts_at else row.status
