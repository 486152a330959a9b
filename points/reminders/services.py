import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.notifications import services as notifications
from loyalty.lib.ids import new_id
from loyalty.programme import selectors as programme
from points.ledger import services as ledger
from points.ledger.models import Lot, Source
from points.terms.rules import ExpiryPolicy

from . import rules, selectors
from .models import ExpiryNotice, ReminderPass
from .selectors import Round

logger = logging.getLogger(__name__)

ACTOR = "reminders"
AHEAD, GONE = "points_expiring", "points_expired"
NOT_ANNOUNCED = _("Not announced in time: nothing expires unannounced.")
EXPIRED_UNANNOUNCED = _("Expired without having been announced: given back.")
KEPT = timedelta(days=400)


def remind(*, slice_of: int = 500, now: datetime) -> Iterator[Counter[str]]:
    """Do today's pass, a slice of members with every step: what it did. Nothing where it is too early, or today's is done.

    Whoever stops in between, killed or out of time, goes on with the next call. Safe twice at once.
    """
    asked, done = _begin(now=now)
    if done is None:
        return
    if asked.terms.must_announce:
        yield from _each(_postponing(asked, tonight=False, size=slice_of), done, "postponed")
        yield from _each(_giving_back(asked, size=slice_of), done, "given_back")
    for member_ids in selectors.to_tell(asked, size=slice_of):
        yield _tell(asked, done, member_ids)
    _prune(before=asked.now - KEPT)
    ReminderPass.objects.filter(day=done.day, finished_at=None).update(finished_at=now)


def keep_unannounced(*, slice_of: int = 500, now: datetime) -> Iterator[Counter[str]]:
    """Postpone what ends with this day and was not announced, where it has to be: what came too late for the day's pass."""
    asked = selectors.round_of(now=now)
    if asked.terms.must_announce:
        yield from _each(_postponing(asked, tonight=True, size=slice_of), None, "postponed")


def _begin(*, now: datetime) -> tuple[Round, ReminderPass | None]:
    asked = selectors.round_of(now=now)
    if now.astimezone(asked.zone).hour < asked.terms.hour:
        return asked, None
    begun = {"started_at": now, "expired_from": asked.expired_from, "expired_until": asked.expired_until}
    done, _new = ReminderPass.objects.get_or_create(day=asked.today, defaults=begun)
    if done.finished_at:
        return asked, None
    return Round(asked.terms, asked.today, asked.zone, done.expired_from, done.expired_until, now), done


Act = tuple[UUID, Any]


def _each(acts: Iterator[list[Act]], done: ReminderPass | None, name: str) -> Iterator[Counter[str]]:
    """Do acts in slices, each in a transaction of its own; one that fails stops none of the others."""
    for some in acts:
        outcome: Counter[str] = Counter()
        for member_id, act in some:
            try:
                outcome[name] += bool(act())
            except Exception:
                logger.exception("The points of %s could not be %s.", member_id, name)
                outcome["failed"] += 1
        if done is not None:
            ReminderPass.objects.filter(day=done.day).update(**{name: F(name) + outcome[name]})
        yield +outcome


def _postponing(asked: Round, *, tonight: bool, size: int) -> Iterator[list[Act]]:
    until = rules.good_until(asked.now, days=asked.terms.announce_days, zone=asked.zone)
    for rows in selectors.too_near(asked, tonight=tonight, size=size):
        # A member whose lots fall into two slices is postponed twice, each time the lots that are named.
        yield [(member_id, _postponement(member_id, [lot for _member, lot in lots], until, asked.now)) for member_id, lots in groupby(rows, lambda row: row[0])]


def _postponement(member_id: UUID, lot_ids: Sequence[UUID], until: datetime, now: datetime) -> Any:
    key = f"announce/{until.isoformat()}/{min(lot_ids)}"
    return lambda: ledger.postpone(member_id=member_id, lot_ids=lot_ids, expires_at=until, actor=ACTOR, reason=str(NOT_ANNOUNCED), key=key, now=now)


def _giving_back(asked: Round, *, size: int) -> Iterator[list[Act]]:
    policy = ExpiryPolicy("days", asked.terms.announce_days)
    for rows in selectors.leaked(asked, size=size):
        yield [(member_id, _gift(member_id, entry_id, points, policy, asked.now)) for member_id, entry_id, points in rows]


def _gift(member_id: UUID, entry_id: UUID, points: int, policy: ExpiryPolicy, now: datetime) -> Any:
    about = {"source": Source.RESTORED, "actor": ACTOR, "reason": str(EXPIRED_UNANNOUNCED), "key": f"unannounced/{entry_id}"}
    return lambda: ledger.adjust(member_id=member_id, points=points, policy=policy, **about, now=now)


_NOTE = """
INSERT INTO points_expirynotice (id, member_id, lot_id, expires_at, step, points, day, told_at)
SELECT id, member_id, lot_id, expires_at, step, points, %s, %s
  FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::int[], %s::bigint[]) AS n (id, member_id, lot_id, expires_at, step, points)
    ON CONFLICT (member_id, lot_id, expires_at, step) DO NOTHING RETURNING member_id"""


@transaction.atomic
def _tell(asked: Round, done: ReminderPass, member_ids: Sequence[UUID]) -> Counter[str]:
    """Note and tell what these members have to be told now. What another pass has noted at the same time is that one's to tell."""
    found = selectors.untold(asked, member_ids=member_ids)
    rows = [(member_id, part) for member_id in sorted(found) for part in found[member_id]]
    columns = list(zip(*((new_id(), member_id, part.lot, part.expires_at, part.step, part.points) for member_id, part in rows), strict=True))
    if not columns:
        return Counter()
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [asked.today, asked.now, *(list(column) for column in columns)])
        noted = {row[0] for row in cursor.fetchall()}
    told: Counter[str] = Counter()
    notices = []
    for member_id in sorted(noted):
        said = rules.message(found[member_id], zone=asked.zone)
        notices.append(notifications.Notice(member_id, AHEAD if said["amounts"] else GONE, f"expiry/{asked.today.isoformat()}", said))
        told += Counter(members=1, points=said["points"] + said["expired_points"])
    notifications.notify_all(notices=notices, now=asked.now)
    ReminderPass.objects.filter(day=done.day).update(members=F("members") + told["members"], points=F("points") + told["points"])
    return told


def _prune(*, before: datetime) -> None:
    old = ExpiryNotice.objects.filter(day__lt=before.date()).values("id")[:10_000]
    while ExpiryNotice.objects.filter(id__in=old.all()).delete()[0]:
        pass


def announces(*, kind: str, channel: str) -> bool:
    """Whether a message of that kind that left for that channel announces an expiry."""
    return kind in (AHEAD, GONE) and (channel != "inbox" or selectors.terms().inbox_counts)


@transaction.atomic
def mark_handed_over(*, member_id: UUID, key: str, at: datetime, now: datetime) -> None:
    """The message of that key left for a channel at that moment. Where it left late, what it announced is good for N days from then."""
    terms = selectors.terms()
    if terms.must_announce:
        ledger.lock(member_id=member_id)
    notices = ExpiryNotice.objects.filter(member_id=member_id, day=key.removeprefix("expiry/"), handed_over_at=None)
    handed = list(notices.select_for_update(of=("self",)).select_related("lot"))
    ExpiryNotice.objects.filter(member_id=member_id, id__in=[notice.id for notice in handed]).update(handed_over_at=at)
    if terms.must_announce:
        zone = programme.zone(now=now)
        ahead = [notice for notice in handed if notice.step != rules.AFTER and notice.lot.expires_at == notice.expires_at]
        earlier = ExpiryNotice.objects.filter(member_id=member_id, lot_id__in=[notice.lot_id for notice in ahead], handed_over_at__isnull=False)
        announced = {
            (told.lot_id, told.expires_at)
            for told in earlier.exclude(step=rules.AFTER)
            if told.handed_over_at and rules.good_until(told.handed_over_at, days=terms.announce_days, zone=zone) <= told.expires_at
        }
        late = [notice for notice in ahead if (notice.lot_id, notice.expires_at) not in announced]
        if late:
            _put_off(member_id, late, rules.good_until(at, days=terms.announce_days, zone=zone), now)


def _put_off(member_id: UUID, late: Sequence[ExpiryNotice], until: datetime, now: datetime) -> None:
    lots = {notice.lot_id for notice in late}
    key = f"announced/{until.isoformat()}/{min(lots)}"
    ledger.postpone(member_id=member_id, lot_ids=lots, expires_at=until, actor=ACTOR, reason=str(NOT_ANNOUNCED), key=key, now=now)
    # They were told of these very lots: the expiry that is announced by it is the new one.
    moved = Lot.objects.filter(member_id=member_id, id__in=lots, expires_at=until).values("id")
    ExpiryNotice.objects.filter(member_id=member_id, id__in=[notice.id for notice in late], lot_id__in=moved).update(expires_at=until)
