"""Days in a row, milestones, what may be made up, and the month's calendar. Pure: plain dates."""

import calendar
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple


class Run(NamedTuple):
    """Days in a row, both ends included."""

    first: date
    last: date

    def streak(self, day: date) -> int:
        """How far into the run that day of it stands: 1 on its first."""
        return (day - self.first).days + 1


def reached(run: Run, day: date, milestones: Sequence[int]) -> list[int]:
    """The milestones newly reached by `day` becoming a day of `run`: the run is that long, and neither the part before nor the one after was."""
    before, after = (day - run.first).days, (run.last - day).days
    return [days for days in milestones if max(before, after) < days <= before + 1 + after]


def told(run: Run, milestone: int) -> tuple[str, dict[str, Any]]:
    """Name and content of the fact that a milestone was reached: its key is the run's start and the milestone."""
    start = run.first.isoformat()
    return f"{start}/{milestone}", {"days": milestone, "start": start}


class Ahead(NamedTuple):
    """A milestone that lies ahead, and the day on which it is reached if none is missed."""

    days: int
    on: date


def next_milestone(streak: int, first: date, milestones: Sequence[int]) -> Ahead | None:
    """The first milestone beyond a streak that began, or would begin, on `first`. `milestones` ascend."""
    return next((Ahead(days, first + timedelta(days=days - 1)) for days in milestones if days > streak), None)


class Fault(StrEnum):
    """Why a day cannot be made up."""

    NOT_OVER = "not_over"
    BEFORE_JOINING = "before_joining"
    TOO_LONG_AGO = "too_long_ago"


def fault(day: date, *, today: date, joined: date, days_back: int) -> Fault | None:
    """What keeps a missed day from being made up; None where nothing does. The day of joining may be made up."""
    if day >= today:
        return Fault.NOT_OVER
    if day < joined:
        return Fault.BEFORE_JOINING
    return Fault.TOO_LONG_AGO if (today - day).days > days_back else None


class State(StrEnum):
    """What a day of the calendar is. `OPEN` is today, not checked in yet; `BEFORE`, a day before the member joined."""

    CHECKED = "checked"
    MADE_UP = "made_up"
    MISSED = "missed"
    OPEN = "open"
    AHEAD = "ahead"
    BEFORE = "before"


class Day(NamedTuple):
    date: date
    state: State
    can_make_up: bool


def month_days(month: date) -> tuple[date, date]:
    """The first and the last day of that day's month."""
    return month.replace(day=1), month.replace(day=calendar.monthrange(month.year, month.month)[1])


def month_calendar(month: date, *, done: Mapping[date, bool], today: date, joined: date, days_back: int) -> list[Day]:
    """Every day of that day's month. `done`: the days checked in, and whether they were made up."""
    first, last = month_days(month)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [_day(day, done.get(day), today=today, joined=joined, days_back=days_back) for day in days]


def _day(day: date, made_up: bool | None, *, today: date, joined: date, days_back: int) -> Day:
    if made_up is not None:
        return Day(day, State.MADE_UP if made_up else State.CHECKED, False)
    if day >= today:
        return Day(day, State.OPEN if day == today else State.AHEAD, False)
    if day < joined:
        return Day(day, State.BEFORE, False)
    return Day(day, State.MISSED, fault(day, today=today, joined=joined, days_back=days_back) is None)
