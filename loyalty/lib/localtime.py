"""Business days and months in a programme's zone. Pure: no clock."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_datetime


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The business date on which `moment` falls."""
    return moment.astimezone(zone).date()


def in_words(moment: datetime, zone: ZoneInfo, language: str) -> str:
    """A moment of these weeks as people of that language write it there: 11月27日 20:00, or 27 Nov, 20:00."""
    pattern, locale = ("M月d日 HH:mm", "zh_Hans") if language.startswith("zh") else ("d MMM, HH:mm", "en")
    return format_datetime(moment.astimezone(zone), pattern, locale=locale)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day, in UTC. Where clocks skip midnight, the day starts when they resume."""
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant after a local day, in UTC."""
    return start_of_day(day + timedelta(days=1), zone)


def add_months(day: date, months: int) -> date:
    """The same day of the month, `months` later; where that month is shorter, its last day (31 Jan + 1 = 28 or 29 Feb)."""
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, calendar.monthrange(year, month0 + 1)[1]))
