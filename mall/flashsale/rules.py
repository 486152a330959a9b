"""When flash sales are, in which phase one is, and who is served next. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days of the week (1 is Monday), every so many weeks counted from the week of `first`; through `last`, or for ever."""

    weekdays: frozenset[int]
    at: time
    lasts: timedelta
    first: date
    last: date | None = None
    every_weeks: int = 1

    def days(self, begin: date, end: date) -> Iterator[date]:
        """The days on which there is a sale, of those from `begin` through `end`."""
        monday = self.first - timedelta(days=self.first.weekday())
        day, stop = max(begin, self.first), end if self.last is None else min(end, self.last)
        while day <= stop:
            if day.isoweekday() in self.weekdays and (day - monday).days // 7 % self.every_weeks == 0:
                yield day
            day += timedelta(days=1)


class Times(NamedTuple):
    starts_at: datetime
    ends_at: datetime


def sales(calendar: Calendar, begin: date, end: date, zone: ZoneInfo) -> list[Times]:
    """When the sales of these days begin and end. A time that clocks skip on that day is the same time before the clocks moved."""
    found = []
    for day in calendar.days(begin, end):
        starts_at = datetime.combine(day, calendar.at, tzinfo=zone).astimezone(ZoneInfo("UTC"))
        found.append(Times(starts_at, starts_at + calendar.lasts))
    return found


def phase(*, starts_at: datetime, ends_at: datetime, line_opens_at: datetime, called_off: bool, closed: bool, now: datetime) -> str:
    """called_off, over, on, line (tickets can be taken) or announced."""
    if called_off:
        return "called_off"
    if closed or ends_at <= now:
        return "over"
    if starts_at <= now:
        return "on"
    return "line" if line_opens_at <= now else "announced"


class Promise(NamedTuple):
    ticket: int
    units: int


def served(waiting: Iterable[tuple[int, int]], free: int) -> Sequence[Promise]:
    """Whom free units are promised to: (number, units wanted) in the order of numbers. Whoever wants more than is left gets what is left."""
    promises = []
    for number, wanted in sorted(waiting):
        if free <= 0:
            break
        promises.append(Promise(number, min(wanted, free)))
        free -= wanted
    return promises
