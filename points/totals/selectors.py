from datetime import date, timedelta

from .models import DayTotals


def last_days(*, until: date, days: int) -> list[DayTotals]:
    """The rows of so many days up to `until`, the earliest first; a day without a row, as one of zeros that was never put together."""
    wanted = [until - timedelta(days=back) for back in reversed(range(days))]
    there = DayTotals.objects.in_bulk(wanted)
    return [there.get(day) or DayTotals(day=day) for day in wanted]
