import logging
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.notifications import services as notifications
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from points.earning import events
from points.earning import services as earning
from points.ledger import services as ledger
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules, selectors
from .models import AllowanceRound, BenefitTerms
from .selectors import ALLOWANCE, BIRTHDAY, DAYS_BACK, REACHED

logger = logging.getLogger(__name__)

# Birthdays


def celebrate(*, limit: int, actor: str, now: datetime) -> Counter[str]:
    """Tell the birthdays of today, and those before that nobody told yet, of at most `limit` members: how many were told, or failed.

    Zero of both: there is nothing left to tell. A failed one is tried again with the next run, and stops no other.
    """
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    done: Counter[str] = Counter()
    if BenefitTerms.current().birthday_on == BenefitTerms.BirthdayOn.MONTH:
        for first in rules.months_of_birthdays(today, back=DAYS_BACK):
            over = min(today, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
            born = facts.born_in(first=first, until=start_of_day(over + timedelta(days=1), zone), limit=limit - done.total())
            by_day: dict[date, list[UUID]] = {}
            for member_id, registered_at in born:
                by_day.setdefault(max(first, local_date(registered_at, zone)), []).append(member_id)
            for day, ids in by_day.items():
                done += _celebrate(ids, day, occurred_at=start_of_day(day, zone), actor=actor, now=now)
            if done.total() >= limit:
                break
        return done
    for back in range(DAYS_BACK, -1, -1):
        day = today - timedelta(days=back)
        ids = facts.born_on(day=day, limit=limit - done.total())
        done += _celebrate(ids, day, occurred_at=start_of_day(day, zone), actor=actor, now=now)
        if done.total() >= limit:
            break
    return done


def _celebrate(ids: list[UUID], day: date, *, occurred_at: datetime, actor: str, now: datetime) -> Counter[str]:
    if not ids:
        return Counter()
    tiers = selectors.tier_of(member_ids=ids, at=occurred_at, now=now)
    orders = selectors.orders_before(member_ids=ids, day=day, now=now)
    done: Counter[str] = Counter()
    for member_id in ids:
        points = ladder.benefit_value(tiers[member_id], "birthday_gift", orders=orders.get(member_id, 0))
        data = {"year": day.year, **({"points": points} if points else {})}
        done[_tell(member_id, BIRTHDAY, str(day.year), data, about={}, occurred_at=occurred_at, actor=actor, now=now)] += 1
    return done


def _tell(member_id: UUID, kind: str, key: str, data: Mapping[str, Any], *, about: Mapping[str, Any], occurred_at: datetime, actor: str, now: datetime) -> str:
    """Tell a fact of a member's in a transaction of its own, and the member what it gave: told, repeated or failed."""
    try:
        with transaction.atomic():
            taken = earning.take(member_id=member_id, kind=kind, external_id=key, data=data, occurred_at=occurred_at, actor=actor, now=now)
            if taken.points and not taken.repeated:
                notifications.notify(member_id=member_id, kind=kind, key=f"{kind}/{key}", about={"points": taken.points, **about}, now=now)
    except BusinessError:
        logger.exception("The %s of %s was not told.", kind, member_id)
        return "failed"
    return "repeated" if taken.repeated else "told"


# Allowances


def give_allowances(*, limit: int, actor: str, now: datetime) -> Counter[str]:
    """Go on with the allowances that are open, by at most `limit` members: how many were looked at, told, left out. Empty: none is open tonight."""
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    for first in rules.firsts(today):
        row, _new = AllowanceRound.objects.get_or_create(month=rules.month(first), defaults={"as_of": start_of_day(first, zone)})
        if row.done_at is None and row.as_of <= now and (row.again_on is None or row.again_on <= today):
            return _go_on(row, first, today, limit=limit, actor=actor, now=now)
    return Counter()


def _go_on(row: AllowanceRound, first: date, today: date, *, limit: int, actor: str, now: datetime) -> Counter[str]:
    promised = ladder.benefits_as_of(row.as_of, kind="monthly_allowance")
    page = selectors.takers(after=row.after, promised=promised, limit=limit) if promised else []
    done: Counter[str] = Counter(looked_at=len(page))
    there = facts.told_of(member_ids=page, kind=ALLOWANCE, external_id=row.month)
    taking_part = members.active_of(page, seen_by=row.as_of) - there
    ids = [member for member in page if member in taking_part]
    tiers = standings.stood(member_ids=ids, at=row.as_of, now=now)
    orders = selectors.orders_before(member_ids=ids, day=first, now=row.as_of) if any(one.bands for one in promised.values()) else {}
    steps = {step.code: step for step in ladder.ladder()}
    for member_id in ids:
        if member_id not in tiers:
            done["left_out"] += 1
        elif (benefit := promised.get(tiers[member_id])) is not None:
            about = {"tier": {"zh": steps[tiers[member_id]].name_zh, "en": steps[tiers[member_id]].name_en}}
            data = {"month": row.month, "points": benefit.value_for(orders.get(member_id, 0))}
            told = _tell(member_id, ALLOWANCE, row.month, data, about=about, occurred_at=row.as_of, actor=actor, now=now)
            done["left_out" if told == "failed" else told] += 1
    _note(row, page, done, over=len(page) < limit, today=today, now=now)
    # Something, so that the job goes on with the next round.
    return done if page else Counter(over=1)


def _note(row: AllowanceRound, page: list[UUID], done: Counter[str], *, over: bool, today: date, now: datetime) -> None:
    """How far the round is. Where two go on with it at once, the first to write says after whom."""
    mine = AllowanceRound.objects.filter(month=row.month)
    mine.update(told=F("told") + done["told"], left_out=F("left_out") + done["left_out"])
    if not over:
        mine.filter(after=row.after).update(after=page[-1])
        return
    row.refresh_from_db(fields=["left_out"])
    if row.left_out:
        mine.filter(done_at=None).update(after=None, left_out=0, again_on=today + timedelta(days=1))
    else:
        mine.filter(done_at=None).update(done_at=now)


# Reaching a tier


def reach(*, member_id: UUID, tier: str, at: datetime, actor: str, now: datetime) -> None:
    """The member has reached a tier by their figures: tell it, once per member and tier, ever. Twice is once."""
    ledger.lock(member_id=member_id)
    if any(one.data["tier"] == tier and one.withdrawn_at is None for one in facts.behaviours(member_id=member_id, kind=REACHED)):
        return
    points, key = ladder.benefit_value(tier, "level_up_gift"), _key(tier, at)
    data = {"tier": tier, **({"points": points} if points else {})}
    taken = earning.take(member_id=member_id, kind=REACHED, external_id=key, data=data, occurred_at=at, actor=actor, now=now)
    if not taken.repeated:
        _tell_coupon(events.EFFECT_WON, member_id, tier, key, at=at, now=now)


def unreach(*, member_id: UUID, tier: str, at: datetime, actor: str, now: datetime) -> None:
    """At `at` the member's last rise to that tier was undone: what was given for this very rise is taken back. Twice is once."""
    ledger.lock(member_id=member_id)
    risen_at = standings.rise(member_id=member_id, tier=tier, before=at)
    if risen_at is None:
        return
    key = _key(tier, risen_at)
    given = facts.behaviour(member_id=member_id, kind=REACHED, external_id=key)
    if given is None or given.withdrawn_at is not None:
        return
    earning.withdraw(member_id=member_id, kind=REACHED, external_id=key, actor=actor, now=now)
    _tell_coupon(events.EFFECT_WITHDRAWN, member_id, tier, key, at=risen_at, now=now)


def _key(tier: str, at: datetime) -> str:
    """Of one rise to one tier."""
    return f"{tier}/{at.astimezone(UTC).isoformat()}"


def _tell_coupon(topic: str, member_id: UUID, tier: str, key: str, *, at: datetime, now: datetime) -> None:
    """The coupon that the tier promised when it was reached, for whoever gives coupons."""
    coupon = ladder.benefits_as_of(at, kind="level_up_coupon").get(tier)
    if coupon:
        payload = {"effect": "coupon", "item": coupon.item, "count": 1, "subject": f"{REACHED}/{key}", "rule": ""}
        outbox.publish(topic=topic, member_id=member_id, payload=payload, now=now)
