"""When a term ends, and why one cannot be longer. Pure."""

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import end_of_day, local_date, start_of_day

# So long before its end a rental is renewed by itself.
LAST_DAY = timedelta(days=1)


def ends_at(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The first instant after a term of so many days: through the end of the local day that is so many days after today."""
    return end_of_day(local_date(now, zone) + timedelta(days=days), zone)


def longer(end: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The end of a term, so many days later. The instant where a term ends opens a local day: that day is the first of so many."""
    return start_of_day(local_date(end, zone) + timedelta(days=days), zone)


def remind_at(end: datetime, days: int, zone: ZoneInfo) -> datetime | None:
    """When so many local days are left of the term; None: nobody is reminded."""
    return start_of_day(local_date(end, zone) - timedelta(days=days), zone) if days else None


No = Literal["not_out", "over", "under_way", "not_renewable", "used_up"]


def not_renewed(*, lent: bool, ended: bool, under_way: bool, renewals: int, most: int, end: datetime, now: datetime) -> No | None:
    """Why it cannot be renewed, whoever pays; None: it can. `ended`: somebody has given it back, or wants to."""
    if ended:
        return "over"
    if not lent:
        return "not_out"
    if end <= now:
        return "over"
    if under_way:
        return "under_way"
    if not most:
        return "not_renewable"
    return "used_up" if renewals >= most else None
