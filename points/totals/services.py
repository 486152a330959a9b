from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, Sum

from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.programme import selectors as programme
from points.ledger.models import Account, Entry

from .models import DayTotals

KINDS = {"earned": ["earn"], "spent": ["spend", "capture"], "expired": ["expire"], "given_back": ["restore"], "taken_back": ["clawback"]}
DAYS_KEPT_COMPLETE = 14


def refresh(*, again: bool = False, now: datetime) -> int:
    """Put together today's row and every earlier one of the last two weeks that was not complete; how many it wrote.

    `again`: all of the two weeks, for entries that were booked into days gone by, as a replay does.
    """
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    days = [today - timedelta(days=back) for back in range(DAYS_KEPT_COMPLETE)]
    complete = set() if again else {row.day for row in DayTotals.objects.filter(day__in=days) if row.computed_at >= end_of_day(row.day, zone)}
    missing = [day for day in days if day not in complete]
    held = Account.objects.aggregate(accounts=Count("pk"), **{name: Sum(name, default=0) for name in ("available", "held", "pending", "debt")})
    rows = [DayTotals(day=day, computed_at=now, **_flow(day, zone), **(held if day == today else {})) for day in missing]
    columns = ["computed_at", *KINDS]
    DayTotals.objects.bulk_create([row for row in rows if row.day != today], update_conflicts=True, unique_fields=["day"], update_fields=columns)
    DayTotals.objects.bulk_create([row for row in rows if row.day == today], update_conflicts=True, unique_fields=["day"], update_fields=[*columns, *held])
    return len(rows)


def _flow(day: date, zone: ZoneInfo) -> dict[str, int]:
    booked = Entry.objects.filter(recorded_at__gte=start_of_day(day, zone), recorded_at__lt=end_of_day(day, zone))
    return booked.aggregate(**{name: Sum("points", filter=Q(kind__in=kinds), default=0) for name, kinds in KINDS.items()})
