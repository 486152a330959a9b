import logging
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext

from accounts.members import selectors as members
from accounts.notifications import services as notifications
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import rules, selectors
from .models import InactivityCase

logger = logging.getLogger(__name__)

Status = InactivityCase.Status
ACTOR = "inactivity"


def tell(*, after: UUID | None, limit: int, now: datetime) -> tuple[Counter[str], UUID | None]:
    """Tell members what will be voided, of the next `limit` who may be inactive: how many were told; and after whom to go on, None: nobody more."""
    since, following = selectors.candidates(after=after, limit=limit, now=now)
    taking_part, balances = members.active_of(since), books.balances(member_ids=list(since), now=now)
    done: Counter[str] = Counter()
    for member_id, day in since.items():
        points = rules.part(selectors.terms().plain, balances[member_id].available) if member_id in balances else 0
        if points and member_id in taking_part:
            done += _alone(lambda member_id=member_id, day=day, points=points: _tell(member_id, day, points, now=now), member_id)  # type: ignore[misc]
    return done, following


def _tell(member_id: UUID, since: date, points: int, *, now: datetime) -> str:
    ledger.lock(member_id=member_id)
    case = InactivityCase.objects.select_for_update(of=("self",)).filter(member_id=member_id, since=since).first()
    if case is None:
        case = InactivityCase(member_id=member_id, since=since, told_at=now, points=points, turned_at=now)
    elif case.status == Status.CANCELLED:
        _turn(case, Status.TOLD, attempt=case.attempt + 1, told_at=now, announced_at=None, due_at=None, points=points, now=now)
    else:
        return ""
    zone = programme.zone(now=now)
    day = rules.due_on(selectors.terms().plain, since, local_date(now, zone))
    message = notifications.notify(member_id=member_id, kind=selectors.KIND, key=case.key, about={"points": points, "day": day.isoformat()}, now=now)
    if message is None:
        # The operator has switched this message off: then nothing can be voided either.
        transaction.set_rollback(True)
        return "unannounced"
    if case._state.adding:
        case.save()
    return "told"


@transaction.atomic(savepoint=False)
def mark_handed_over(*, member_id: UUID, key: str, at: datetime, now: datetime) -> None:
    """A channel has taken the message of that key: from now on the days run. Twice is once."""
    ledger.lock(member_id=member_id)
    for case in InactivityCase.objects.select_for_update(of=("self",)).filter(member_id=member_id, status=Status.TOLD):
        if case.key == key:
            zone = programme.zone(now=now)
            day = rules.due_on(selectors.terms().plain, case.since, local_date(at, zone))
            _turn(case, Status.ANNOUNCED, announced_at=at, due_at=start_of_day(day, zone), now=now)


def look_again(*, after: UUID | None, limit: int, now: datetime) -> tuple[Counter[str], UUID | None]:
    """Cancel what is void of reason, of the next `limit` open cases: members who were active since; all, where the terms are switched off."""
    cases = selectors.open_cases(after=after, limit=limit)
    enabled = selectors.terms().enabled
    back = selectors.active_again(cases, now=now) if enabled else set()
    done: Counter[str] = Counter()
    for case in cases:
        if not enabled or case.member_id in back:
            done += _alone(lambda case=case: _cancel(case, now=now), case.member_id)  # type: ignore[misc]
    return done, cases[-1].id if len(cases) == limit else None


def _cancel(case: InactivityCase, *, now: datetime) -> str:
    ledger.lock(member_id=case.member_id)
    case = InactivityCase.objects.select_for_update(of=("self",)).get(member_id=case.member_id, id=case.id)
    if case.status not in InactivityCase.OPEN:
        return ""
    _turn(case, Status.CANCELLED, now=now)
    return "cancelled"


def void_due(*, limit: int, now: datetime) -> Counter[str]:
    """Void the points of at most `limit` cases whose day has come: how many were voided, cancelled, or put off as the account is frozen."""
    done: Counter[str] = Counter()
    if selectors.terms().enabled:
        for case in selectors.due(now=now, limit=limit):
            done += _alone(lambda case=case: _void(case, now=now), case.member_id)  # type: ignore[misc]
    return done


def _void(case: InactivityCase, *, now: datetime) -> str:
    ledger.lock(member_id=case.member_id)
    case = InactivityCase.objects.select_for_update(of=("self",)).get(member_id=case.member_id, id=case.id)
    if case.status != Status.ANNOUNCED or case.due_at is None or case.due_at > now:
        return ""
    zone, terms = programme.zone(now=now), selectors.terms()
    today = local_date(now, zone)
    if selectors.active_again([case], now=now) or case.member_id not in members.active_of([case.member_id]):
        _turn(case, Status.CANCELLED, now=now)
        return "cancelled"
    if books.frozen(member_id=case.member_id):
        InactivityCase.objects.filter(member_id=case.member_id, id=case.id).update(due_at=start_of_day(today + timedelta(days=1), zone))
        return "put_off"
    points = min(rules.part(terms.plain, books.balance(member_id=case.member_id, now=now).available), case.points)
    if points:
        reason = gettext("No activity since %(day)s") % {"day": case.since}
        ledger.forfeit(member_id=case.member_id, points=points, subject=f"inactivity/{case.since}", actor=ACTOR, reason=reason, key=case.key, now=now)
        about = {"points": points, "day": today.isoformat()}
        notifications.notify(member_id=case.member_id, kind="points_voided", key=case.key, about=about, now=now)
    _turn(case, Status.VOIDED, voided=points, now=now)
    return "voided"


def _alone(act: Callable[[], str], member_id: UUID) -> Counter[str]:
    """Do it in a transaction of its own; one member's trouble stops no other's."""
    try:
        with transaction.atomic():
            outcome = act()
    except BusinessError:
        logger.exception("The inactivity of %s could not be dealt with.", member_id)
        outcome = "failed"
    return Counter({outcome: 1} if outcome else {})


def _turn(case: InactivityCase, status: Status, *, now: datetime, **told: Any) -> None:
    assert status in InactivityCase.ARROWS[Status(case.status)], f"a case does not go from {case.status} to {status}"
    told = {"status": status, "turned_at": now, **told}
    for name, value in told.items():
        setattr(case, name, value)
    case.save(update_fields=list(told))
