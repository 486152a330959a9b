"""Who has to be told what, asked of all members by a cursor on the server, and of a slice of them when their turn has come."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from loyalty.lib.localtime import end_of_day, local_date
from loyalty.programme import selectors as programme

from . import rules
from .models import ReminderPass, ReminderTerms

# A verb's entries are stamped with when it began: what is stamped earlier than so long ago is committed.
SETTLED = timedelta(minutes=10)
# What expired longer ago is no news any more; whoever was owed an announcement gets the points back however long ago.
NEWS = timedelta(days=7)


def terms() -> ReminderTerms:
    return ReminderTerms.current()


@dataclass(frozen=True)
class Round:
    """A day's question: at which steps, of what booked as expired between which instants, by which terms."""

    terms: ReminderTerms
    today: date
    zone: ZoneInfo
    expired_from: datetime
    expired_until: datetime
    now: datetime

    @property
    def values(self) -> dict[str, Any]:
        windows = rules.windows(self.terms.steps, today=self.today, zone=self.zone)
        after = [max(window.after, self.now) for window in windows]
        return {
            "steps": [window.days for window in windows],
            "after": after,
            "until": [window.until for window in windows],
            "first": min(after, default=self.now),
            "last": max((window.until for window in windows), default=self.now),
            "news": max(self.expired_from, self.now - NEWS) if self.terms.after_expiry else self.expired_until,
            "expired_from": max(self.expired_from, self.terms.must_announce_since or self.expired_from),
            "expired_until": self.expired_until,
            "minimum": 1 if self.terms.must_announce else self.terms.minimum_points,
            "today": self.today,
            "now": self.now,
            "zone": self.zone.key,
            "days": self.terms.announce_days,
            "near": end_of_day(self.today + timedelta(days=1), self.zone),
            "early": end_of_day(self.today + timedelta(days=self.terms.announce_days - 1), self.zone),
        }


def round_of(*, now: datetime) -> Round:
    """The round of today as it would be if it began now."""
    zone = programme.zone(now=now)
    last = ReminderPass.objects.order_by("-day").first()
    until = now - SETTLED
    since = last.expired_until if last else now - timedelta(days=1)
    return Round(terms(), local_date(now, zone), zone, min(since, until), until, now)


# What a member has not been told yet, at the nearest step that a lot has reached; and what was booked as expired, but for what was over when it came.
_UNTOLD = """
SELECT l.member_id, l.id, l.expires_at, l.remaining AS points, s.step
  FROM unnest(%(steps)s::int[], %(after)s::timestamptz[], %(until)s::timestamptz[]) s (step, after, until)
  JOIN points_lot l ON l.expires_at > s.after AND l.expires_at <= s.until
 WHERE l.is_open AND NOT l.is_pending AND l.expires_at > %(first)s AND l.expires_at <= %(last)s {of_lots}
   AND NOT EXISTS (SELECT FROM points_expirynotice n
                    WHERE n.member_id = l.member_id AND n.lot_id = l.id AND n.expires_at = l.expires_at AND n.step <= s.step)
UNION ALL
SELECT e.member_id, l.id, l.expires_at, sum(a.points)::bigint, 0
  FROM points_entry e
  JOIN points_allocation a ON a.member_id = e.member_id AND a.entry_id = e.id
  JOIN points_lot l ON l.member_id = a.member_id AND l.id = a.lot_id
  JOIN points_entry made ON made.id = l.entry_id AND made.recorded_at < l.expires_at
 WHERE e.kind = 'expire' AND e.recorded_at >= %(news)s AND e.recorded_at < %(expired_until)s {of_entries}
   AND NOT EXISTS (SELECT FROM points_expirynotice n
                    WHERE n.member_id = l.member_id AND n.lot_id = l.id AND n.expires_at = l.expires_at AND n.step = 0)
 GROUP BY e.member_id, l.id, l.expires_at"""
_NOT_TODAY = "NOT EXISTS (SELECT FROM points_expirynotice n WHERE n.member_id = u.member_id AND n.day = %(today)s)"
_WHO = f"""
SELECT u.member_id FROM ({_UNTOLD}) u WHERE {_NOT_TODAY}
 GROUP BY u.member_id HAVING sum(u.points) >= %(minimum)s ORDER BY u.member_id"""  # noqa: S608 (our own text)
_HOW_MANY = f"""
SELECT count(*), coalesce(sum(points), 0)::bigint, coalesce(sum(lots), 0)::bigint
  FROM (SELECT sum(u.points) AS points, count(*) AS lots FROM ({_UNTOLD}) u WHERE {_NOT_TODAY}
         GROUP BY u.member_id HAVING sum(u.points) >= %(minimum)s) m"""  # noqa: S608 (our own text)

# Whether a lot was announced: a notice about this very expiry left so many local days before it.
_ANNOUNCED = """EXISTS (
    SELECT FROM points_expirynotice n WHERE n.member_id = l.member_id AND n.lot_id = l.id AND n.expires_at = l.expires_at AND n.step > 0
       AND n.handed_over_at <= ((l.expires_at AT TIME ZONE %(zone)s) - make_interval(days => %(days)s)) AT TIME ZONE %(zone)s)"""
# Too near its end and not announced: never told, or told to no avail and about to be gone. Held points alone are nobody's news yet: they wait till then.
_TOO_NEAR = f"""
SELECT l.member_id, l.id FROM points_lot l
 WHERE l.is_open AND NOT l.is_pending AND l.expires_at > %(now)s AND l.expires_at <= %(horizon)s AND NOT {_ANNOUNCED}
   AND (l.expires_at <= %(near)s
        OR NOT EXISTS (SELECT FROM points_expirynotice n WHERE n.member_id = l.member_id AND n.lot_id = l.id AND n.expires_at = l.expires_at))
UNION
SELECT l.member_id, l.id
  FROM points_hold h
  JOIN points_allocation a ON a.member_id = h.member_id AND a.entry_id = h.entry_id
  JOIN points_lot l ON l.member_id = a.member_id AND l.id = a.lot_id AND l.held > 0 AND l.expires_at <= LEAST(%(near)s, %(horizon)s)
 WHERE h.status = 'open' AND NOT {_ANNOUNCED} AND (l.remaining = 0 OR l.expires_at > %(now)s)
 ORDER BY 1"""  # noqa: S608 (our own text)
# Expired and never announced, though it had to be.
_LEAKED = f"""
SELECT e.member_id, e.id, sum(a.points)::bigint
  FROM points_entry e
  JOIN points_allocation a ON a.member_id = e.member_id AND a.entry_id = e.id
  JOIN points_lot l ON l.member_id = a.member_id AND l.id = a.lot_id
  JOIN points_entry made ON made.id = l.entry_id AND made.recorded_at < l.expires_at
 WHERE e.kind = 'expire' AND e.recorded_at >= %(expired_from)s AND e.recorded_at < %(expired_until)s AND NOT {_ANNOUNCED}
   AND NOT EXISTS (SELECT FROM points_entry g WHERE g.member_id = e.member_id AND g.key = 'unannounced/' || e.id)
 GROUP BY e.member_id, e.id HAVING sum(a.points) > 0 ORDER BY e.member_id, e.id"""  # noqa: S608 (our own text)


def _in_slices(sql: str, values: dict[str, Any], size: int) -> Iterator[list[tuple[Any, ...]]]:
    """Rows of a question that may be long, by a cursor that outlives the transactions in between."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(size):
            yield rows


def to_tell(asked: Round, *, size: int) -> Iterator[list[UUID]]:
    """The members who have to be told something today, by id, in slices."""
    for rows in _in_slices(_WHO.format(of_lots="", of_entries=""), asked.values, size):
        yield [row[0] for row in rows]


def untold(asked: Round, *, member_ids: Sequence[UUID]) -> dict[UUID, list[rules.Part]]:
    """What each of these members has to be told, as it is now."""
    mine = "AND {}.member_id = ANY(%(members)s::uuid[])"
    with connection.cursor() as cursor:
        cursor.execute(_UNTOLD.format(of_lots=mine.format("l"), of_entries=mine.format("e")), {**asked.values, "members": list(member_ids)})
        found: dict[UUID, list[rules.Part]] = {}
        for member_id, *part in cursor.fetchall():
            found.setdefault(member_id, []).append(rules.Part(*part))
    return found


def how_many(*, now: datetime) -> dict[str, int]:
    """How many members have to be told today, and were not yet, of how many points in how many lots."""
    with connection.cursor() as cursor:
        cursor.execute(_HOW_MANY.format(of_lots="", of_entries=""), round_of(now=now).values)
        members, points, lots = cursor.fetchone()
    return {"members": members, "points": points, "lots": lots}


def would_tell(*, now: datetime) -> dict[str, int]:
    """What the job would tell at `now`: nothing before the hour that is set, nor where the day's pass is finished."""
    zone = programme.zone(now=now)
    over = ReminderPass.objects.filter(day=local_date(now, zone), finished_at__isnull=False).exists()
    return {"members": 0, "points": 0, "lots": 0} if over or now.astimezone(zone).hour < terms().hour else how_many(now=now)


def would_keep(*, now: datetime) -> dict[str, int]:
    """What the job of the night would postpone at `now`."""
    asked = round_of(now=now)
    found = [row for rows in too_near(asked, tonight=True, size=10_000) for row in rows] if asked.terms.must_announce else []
    return {"members": len({member_id for member_id, _lot in found}), "lots": len(found)}


def last_passes(*, days: int = 7) -> list[ReminderPass]:
    return list(ReminderPass.objects.order_by("-day")[:days])


def too_near(asked: Round, *, tonight: bool, size: int) -> Iterator[list[tuple[UUID, UUID]]]:
    """Members and lots that must be postponed; `tonight`: only of those that end with this day."""
    values = asked.values
    horizon = end_of_day(asked.today, asked.zone) if tonight else values["early"]
    yield from _in_slices(_TOO_NEAR, {**values, "horizon": horizon}, size)


def leaked(asked: Round, *, size: int) -> Iterator[list[tuple[UUID, UUID, int]]]:
    """Members, entries and points that expired though nobody had announced it."""
    yield from _in_slices(_LEAKED, asked.values, size)
