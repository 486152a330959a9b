"""Questions about check-ins: the terms, the run of days around one, the month as a member sees it."""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q

from accounts.activity.models import Behaviour
from accounts.members import selectors as members
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.programme import selectors as programme
from points.cards import selectors as cards
from points.cards.models import CardKind
from points.earning import selectors as earning

from . import rules
from .models import CheckIn, CheckInTerms
from .rules import Run

# From the day outwards along the unique index, up to the first gap on either side: as many steps as the run has days, one statement.
_RUN = """
SELECT coalesce((SELECT c.date FROM points_checkin c
                  WHERE c.member_id = %(member)s AND c.date < %(day)s::date
                    AND EXISTS (SELECT FROM points_checkin WHERE member_id = %(member)s AND date = %(day)s::date - 1)
                    AND NOT EXISTS (SELECT FROM points_checkin p WHERE p.member_id = c.member_id AND p.date = c.date - 1)
                  ORDER BY c.date DESC LIMIT 1), %(day)s::date),
       coalesce((SELECT c.date FROM points_checkin c
                  WHERE c.member_id = %(member)s AND c.date > %(day)s::date
                    AND EXISTS (SELECT FROM points_checkin WHERE member_id = %(member)s AND date = %(day)s::date + 1)
                    AND NOT EXISTS (SELECT FROM points_checkin n WHERE n.member_id = c.member_id AND n.date = c.date + 1)
                  ORDER BY c.date LIMIT 1), %(day)s::date)"""


def terms() -> CheckInTerms:
    """The terms in force."""
    return CheckInTerms.current()


def run(*, member_id: UUID, day: date) -> Run:
    """The run that `day` is a day of, or would be if it were checked in."""
    with connection.cursor() as cursor:
        cursor.execute(_RUN, {"member": member_id, "day": day})
        return Run(*cursor.fetchone())


def check_in(*, member_id: UUID, day: date) -> CheckIn | None:
    return CheckIn.objects.filter(member_id=member_id, date=day).first()


def joined_on(*, member_id: UUID, now: datetime) -> date:
    """The business day on which the member registered; where that has not happened, was first seen."""
    return local_date(members.joined_at(member_id=member_id), programme.zone(now=now))


def made_up_in(*, member_id: UUID, month: date) -> int:
    """How many days the member has made up in that day's month, whichever month they belong to."""
    first, last = rules.month_days(month)
    return CheckIn.objects.filter(member_id=member_id, made_up_on__range=(first, last)).count()


class Next(NamedTuple):
    """The next check-in, today's or tomorrow's, and what it brings as things stand: `points` at least, `most` where rules roll for it."""

    date: date
    streak: int
    points: int
    most: int
    milestones: list[int]


class Calendar(NamedTuple):
    """A month as the member sees it today. `streak` runs through today, or through yesterday while today is open."""

    today: date
    zone: str
    days: list[rules.Day]
    streak: int
    streak_start: date | None
    next: Next
    next_milestone: rules.Ahead | None
    make_ups_left: int
    make_up_cards: int


def month(*, member_id: UUID, day: date | None = None, now: datetime) -> Calendar:
    """The calendar of that day's month, today's by default."""
    zone, settings = programme.zone(now=now), terms()
    today = local_date(now, zone)
    day = day or today
    joined = joined_on(member_id=member_id, now=now)
    wanted = Q(date__range=rules.month_days(day)) | Q(date=today)
    rows = CheckIn.objects.filter(wanted, member_id=member_id).values_list("date", "made_up_on")
    done = {on: made_up_on is not None for on, made_up_on in rows}
    around = run(member_id=member_id, day=today)
    streak = around.streak(today) - (today not in done)
    return Calendar(
        today=today,
        zone=zone.key,
        days=rules.month_calendar(day, done=done, today=today, joined=joined, days_back=settings.make_up_days_back),
        streak=streak,
        streak_start=around.first if streak else None,
        next=_next(member_id, around, today + timedelta(days=today in done), zone, now=now),
        next_milestone=rules.next_milestone(streak, around.first, settings.milestones),
        make_ups_left=max(0, settings.make_ups_per_month - made_up_in(member_id=member_id, month=today)),
        make_up_cards=cards.count_for(member_id=member_id, use=CardKind.Use.MAKE_UP, now=now),
    )


def _next(member_id: UUID, around: Run, day: date, zone: ZoneInfo, *, now: datetime) -> Next:
    run = Run(around.first, max(day, around.last))
    milestones = rules.reached(run, day, terms().milestones)
    told = [("checked_in", day.isoformat(), {"streak": run.streak(day)}), *(("streak_reached", *rules.told(run, days)) for days in milestones)]
    at = max(now, start_of_day(day, zone))
    facts = [Behaviour(kind_id=kind, external_id=name, data=data, occurred_at=at, local_date=day) for kind, name, data in told]
    quotes = [earning.for_quote(member_id=member_id, fact=earning.behaviour_fact(fact), now=at) for fact in facts]
    return Next(day, run.streak(day), sum(least.points for least, _most in quotes), sum(most for _least, most in quotes), milestones)
