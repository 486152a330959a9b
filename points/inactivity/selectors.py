from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from accounts.activity import selectors as facts
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.programme import selectors as programme
from tiers.dormancy import selectors as dormancy

from . import rules
from .models import InactivityCase, InactivityTerms

Status = InactivityCase.Status
KIND = "inactivity_ahead"


def terms() -> InactivityTerms:
    return InactivityTerms.current()


def announces(*, kind: str, channel: str) -> bool:
    """Whether a message of that kind, handed over by that channel, announces that points will be voided."""
    return kind == KIND and (channel != "inbox" or terms().inbox_counts)


def last_days(seen: Mapping[UUID, datetime], *, now: datetime) -> dict[UUID, date]:
    """The last day of activity of each of these members, from the facts; `seen`: when they joined, or were seen, at least."""
    zone = programme.zone(now=now)
    last = facts.last_active(member_ids=list(seen), until=now)
    return {member: local_date(max(last[member] or at, at), zone) for member, at in seen.items()}


def candidates(*, after: UUID | None, limit: int, now: datetime) -> tuple[dict[UUID, date], UUID | None]:
    """Who is to be told now, with their last day of activity, of the next `limit` who may be; and after whom to go on, None: that was the last."""
    told, zone = terms().plain, programme.zone(now=now)
    today = local_date(now, zone)
    latest = rules.last_active_by(told, today)
    found = dormancy.not_seen_since(moment=end_of_day(latest, zone), after=after, limit=limit)
    since = {member: day for member, day in last_days(dict(found), now=now).items() if day <= latest}
    there = InactivityCase.objects.filter(member_id__in=since).exclude(status=Status.CANCELLED).values_list("member_id", "since")
    for member, day in there:
        if since.get(member) == day:
            del since[member]
    return since, found[-1][0] if len(found) == limit else None


def active_again(cases: Sequence[InactivityCase], *, now: datetime) -> set[UUID]:
    """The members of those cases who were active on a later day than the case says."""
    zone = programme.zone(now=now)
    last = facts.last_active(member_ids=[case.member_id for case in cases], until=now)
    return {case.member_id for case in cases if (at := last[case.member_id]) is not None and local_date(at, zone) > case.since}


def open_cases(*, after: UUID | None, limit: int) -> list[InactivityCase]:
    """Cases that may still come to something, in the order of their ids."""
    rows = InactivityCase.objects.filter(status__in=InactivityCase.OPEN)
    return list((rows.filter(id__gt=after) if after else rows).order_by("id")[:limit])


def due(*, now: datetime, limit: int) -> list[InactivityCase]:
    return list(InactivityCase.objects.filter(status=Status.ANNOUNCED, due_at__lte=now).order_by("due_at", "id")[:limit])


def preview(*, now: datetime) -> dict[str, int]:
    """What the job would void now: how many members, how many points, by what was announced to them. Nothing while it is switched off."""
    if not terms().enabled:
        return {"members": 0, "points": 0}
    rows = InactivityCase.objects.filter(status=Status.ANNOUNCED, due_at__lte=now).values_list("points", flat=True)[:100_000]
    points = list(rows)
    return {"members": len(points), "points": sum(points)}
