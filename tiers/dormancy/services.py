from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.notifications import services as notifications
from loyalty.lib.localtime import local_date
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme

from . import events, rules, selectors
from .models import Dormancy

AWAKE = (Dormancy.Stage.ACTIVE, Dormancy.Stage.QUIET)


def begin(*, after: UUID | None, limit: int, now: datetime) -> tuple[int, UUID | None]:
    """Watch members who are not watched yet, of the next `limit` after that id: how many, and where to go on; None: there is nobody more."""
    page = members.page(after=after, limit=limit)
    if not page:
        return 0, None
    today = local_date(now, programme.zone(now=now))
    missing = selectors.without_row([one.id for one in page])
    new = [Dormancy(member_id=one.id, active_at=one.registered_at or one.created_at, due_on=today) for one in page if one.id in missing]
    Dormancy.objects.bulk_create(new, ignore_conflicts=True)
    return len(new), page[-1].id if len(page) == limit else None


def look(*, limit: int, now: datetime) -> Counter[str]:
    """Look at those who are due, at most `limit`: how many are back, have become quiet, dormant or lost, or neither. Empty: nobody is due.

    What only changes the row is written for all at once; who becomes dormant, each in a transaction of their own.
    """
    rows = selectors.due(now=now, limit=limit)
    if not rows:
        return Counter()
    terms, zone = selectors.terms(), programme.zone(now=now)
    today = local_date(now, zone)
    ids = [row.member_id for row in rows]
    last, taking_part = facts.last_active(member_ids=ids, until=now), members.active_of(ids)
    done: Counter[str] = Counter()
    changed = []
    for row in rows:
        changed.append(row)
        if row.member_id not in taking_part:
            row.due_on = today + rules.LOOK_AGAIN
            done["unchanged"] += 1
            continue
        was, row.active_at = row.stage, last[row.member_id] or row.active_at
        last_on = local_date(row.active_at, zone)
        stage, row.due_on = rules.stage(terms, last_on, today), rules.due(terms, last_on, today)
        if stage == "dormant" and was in AWAKE:
            done["dormant"] += _fall_asleep(changed.pop(), last_on, today, now=now)
            continue
        if row.slept_at and row.woke_at is None and row.active_at > row.slept_at:
            row.woke_at = facts.first_active(member_id=row.member_id, since=row.slept_at)
        row.stage = Dormancy.Stage(stage)
        back = was not in AWAKE and stage not in rules.ASLEEP
        done["unchanged" if stage == was else "back" if back else stage] += 1
    _write(changed)
    return done


def _write(rows: Sequence[Dormancy]) -> None:
    if rows:
        Dormancy.objects.bulk_update(rows, ["active_at", "stage", "woke_at", "due_on"], batch_size=500)


@transaction.atomic(savepoint=False)
def _fall_asleep(row: Dormancy, last_on: date, today: date, *, now: datetime) -> int:
    """An episode begins, once: told upwards and to the member."""
    mine = Dormancy.objects.filter(member_id=row.member_id, stage__in=AWAKE)
    told = {"active_at": row.active_at, "stage": Dormancy.Stage.DORMANT, "slept_at": now, "woke_at": None, "due_on": row.due_on}
    if not mine.update(**told):
        return 0
    days = rules.value(last_on, today)
    payload = {"days": days, "value": days, "since": last_on.isoformat()}
    outbox.publish(topic=events.MEMBER_DORMANT, member_id=row.member_id, payload=payload, now=now)
    notifications.notify(member_id=row.member_id, kind="member_dormant", key=f"dormant/{last_on}", about={"days": days}, now=now)
    return 1
