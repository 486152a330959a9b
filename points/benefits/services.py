import logging
from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.activity import selectors as facts
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.earning import services as earning

logger = logging.getLogger(__name__)

BIRTHDAY = "birthday"
# How many nights may be missed.
DAYS_BACK = 7


def celebrate(*, limit: int, actor: str, now: datetime) -> Counter[str]:
    """Tell the birthdays of today, and of the days before that nobody told yet, of at most `limit` members: how many were told, or failed.

    Zero of both: there is nothing left to tell. A failed one is tried again with the next run, and stops no other.
    """
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    done: Counter[str] = Counter()
    for back in range(DAYS_BACK, -1, -1):
        day = today - timedelta(days=back)
        for member_id in facts.born_on(day=day, limit=limit - done.total()):
            done[_tell(member_id, day, occurred_at=start_of_day(day, zone), actor=actor, now=now)] += 1
        if done.total() >= limit:
            break
    return done


def _tell(member_id: UUID, day: date, *, occurred_at: datetime, actor: str, now: datetime) -> str:
    try:
        with transaction.atomic():
            earning.take(member_id=member_id, kind=BIRTHDAY, external_id=str(day.year), data={"year": day.year}, occurred_at=occurred_at, actor=actor, now=now)
    except BusinessError:
        logger.exception("The birthday of %s was not told.", member_id)
        return "failed"
    return "told"
