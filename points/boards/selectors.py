from collections.abc import Collection, Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.activity.rules import Ranked
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Board, BoardPeriod, BoardResult


class PeriodUnknown(BusinessError):
    code, status, title = "board_period_unknown", 404, _("There is no such period of a board.")


class ResultUnknown(BusinessError):
    code, status, title = "board_result_unknown", 404, _("There is no such result. Perhaps the places were counted again meanwhile.")


class Span(NamedTuple):
    """A period's name, its first instant and the first one after it."""

    name: str
    since: datetime
    until: datetime


def span(period: str, *, now: datetime) -> Span:
    """The period in the programme's zone."""
    zone = programme.zone(now=now)
    first, after = rules.bounds(period)
    return Span(period, start_of_day(first, zone), start_of_day(after, zone))


def present(board: Board, *, now: datetime) -> Span:
    """The period that is running."""
    return span(rules.period_of(local_date(now, programme.zone(now=now)), board.span), now=now)


def kind_name(code: str) -> str:
    """What people call a kind of fact; its code where there is none any more."""
    kind = activity.fact_kinds().get(code)
    return kind.name if kind else code


def count(board: Board, *, since: datetime, until: datetime, without: Collection[UUID] = ()) -> list[Ranked]:
    """The board's places from the first on, as the facts of that time stand now."""
    return activity.ranked(
        kind=board.ranked,
        counted=board.counted,
        field=board.field,
        since=since,
        until=until,
        minimum=board.minimum,
        most_each=1 if board.once_per_member else board.places,
        without=without,
        limit=board.places,
    )


def due(*, now: datetime) -> Iterator[tuple[Board, str]]:
    """The periods that are to be counted by now and are not."""
    today = local_date(now, programme.zone(now=now))
    for board in Board.objects.filter(active=True):
        over = rules.due(span=board.span, starts_on=board.starts_on, wait_days=board.wait_days, today=today)
        there = set(BoardPeriod.objects.filter(board=board, period__in=over).values_list("period", flat=True))
        yield from ((board, period) for period in over if period not in there)


def to_grant() -> QuerySet[BoardResult]:
    """What was confirmed and is not granted yet."""
    proposed = BoardResult.objects.filter(status=BoardResult.Status.PROPOSED, board_period__status=BoardPeriod.Status.CONFIRMED)
    return proposed.order_by("board_period", "place")


def proposed() -> QuerySet[BoardPeriod]:
    """What an operator has to confirm."""
    return BoardPeriod.objects.filter(status=BoardPeriod.Status.PROPOSED)


def get_period(period_id: UUID) -> BoardPeriod:
    found = BoardPeriod.objects.select_related("board").filter(id=period_id).first()
    if found is None:
        raise PeriodUnknown
    return found


def get_result(result_id: UUID) -> BoardResult:
    found = BoardResult.objects.select_related("board_period", "member").filter(id=result_id).first()
    if found is None:
        raise ResultUnknown
    return found


def results(period: BoardPeriod) -> list[BoardResult]:
    """Its places; where one was struck, first the one who had it."""
    return list(BoardResult.objects.filter(board_period=period).select_related("member").order_by("place", "id"))


def period_of(board: Board, period: str) -> BoardPeriod | None:
    return BoardPeriod.objects.filter(board=board, period=period).first()
