from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import get_language

from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from .models import Cause, Standing, StandingChange


class Place(NamedTuple):
    """Where a member stands. `code` is empty, and the multiplier 10,000, where there is no ladder.

    `since` and `until` are None for whoever is in the lowest tier because nobody put them anywhere else. `sprint`: in the last days of the term.
    `due`: the term is over, and is still to be decided on.
    """

    code: str
    name: str
    rank: int
    multiplier_bps: int
    since: datetime | None = None
    until: datetime | None = None
    sprint: bool = False
    due: bool = False


def standing(*, member_id: UUID, now: datetime) -> Place:
    """The tier that counts for the member at `now`, its name in the caller's language. One indexed query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_json(tiers_standing_of(%s, %s))", [member_id, now])
        return place(cursor.fetchone()[0])


def place(told: Mapping[str, Any] | None) -> Place:
    """What `tiers_standing_of` says in the database (migration 0009), as JSON, for whoever asks it within a statement of their own."""
    since, until = (datetime.fromisoformat(told[name]) if told and told[name] else None for name in ("since", "until"))
    return _place(told["tier"] if told else None, since, until, bool(told and told["sprint"]), bool(told and told["due"]))


def _place(code: str | None, since: datetime | None, until: datetime | None, sprint: bool = False, due: bool = False) -> Place:
    step = rules.place(ladders.ladder(), code)
    if step is None:
        return Place("", "", 0, rules.ONCE, due=due)
    return Place(step.code, step.name(get_language() or ""), step.rank, step.multiplier_bps, since, until, sprint, due)


def standings(*, member_ids: Collection[UUID], now: datetime) -> dict[UUID, Place]:
    """The same for many members at once."""
    rows = Standing.objects.filter(member_id__in=member_ids)
    told = {row.member_id: (row.tier_id, row.since, row.until, sprinting(row, now=now)) for row in rows if not over(row, now=now)}
    return {member: _place(*told.get(member, (None, None, None))) for member in member_ids}


def row(*, member_id: UUID) -> Standing | None:
    """The member's standing as it is written; None for who was put nowhere."""
    return Standing.objects.filter(member_id=member_id).select_related("tier", "floor").first()


def over(standing: Standing, *, now: datetime) -> bool:
    """Whether it does not count any more. Only what was set by hand ends by itself; a term is decided on."""
    return standing.by_hand and standing.until is not None and standing.until <= now


def sprinting(standing: Standing, *, now: datetime) -> bool:
    return standing.sprint_from is not None and standing.until is not None and standing.sprint_from <= now < standing.until


def changes(*, member_id: UUID) -> QuerySet[StandingChange]:
    """Every move of the member's, the newest first."""
    return StandingChange.objects.filter(member_id=member_id).select_related("before", "tier").order_by("-id")


def due(*, now: datetime) -> QuerySet[Standing]:
    """The standings to be decided on: whose term, or time, is over."""
    return Standing.objects.filter(due_at__lte=now).order_by("due_at")


def sprints_to_tell(*, now: datetime) -> QuerySet[Standing]:
    """Who is in the last days of a term and was not told yet."""
    return Standing.objects.filter(sprint_from__isnull=False, sprint_told=False, sprint_from__lte=now, until__gt=now).order_by("sprint_from")


_DECIDED_AT_THE_END = (Cause.KEPT, Cause.FELL, Cause.TIME)


def stood(*, member_ids: Collection[UUID], at: datetime, now: datetime) -> dict[UUID, str]:
    """The code of the tier that counted for each of these members at an instant that is past; empty where there is no ladder.

    A term that ended then or before counts as it was decided, be it later. Who is still to be decided on is left out. Two statements.
    """
    ladder = ladders.ladder()
    moves: dict[UUID, list[StandingChange]] = {}
    for change in StandingChange.objects.filter(member_id__in=member_ids).only("member_id", "at", "tier_id", "until", "cause").order_by("id"):
        moves.setdefault(change.member_id, []).append(change)
    waiting = set(Standing.objects.filter(member_id__in=member_ids, due_at__lte=now).values_list("member_id", flat=True))
    found = {}
    for member in member_ids:
        before = [change for change in moves.get(member, ()) if change.at <= at]
        last = before[-1] if before else None
        if last is not None and last.until is not None and last.until <= at:
            decided = next((change for change in moves[member][len(before) :] if change.cause in _DECIDED_AT_THE_END), None)
            if decided is None and member in waiting:
                continue
            last = decided or last
        step = rules.place(ladder, last.tier_id if last else None)
        found[member] = step.code if step else ""
    return found


def rise(*, member_id: UUID, tier: str, before: datetime) -> datetime | None:
    """When the member last reached that tier before an instant; None: never."""
    reached = StandingChange.objects.filter(member_id=member_id, tier_id=tier, cause=Cause.REACHED, at__lt=before)
    return reached.order_by("-id").values_list("at", flat=True).first()


def ever_moved(*, after: UUID | None, limit: int) -> list[UUID]:
    """Members who were ever put anywhere, in the order of their ids, after that one."""
    rows = StandingChange.objects.filter(member_id__gt=after) if after else StandingChange.objects.all()
    return list(rows.order_by("member_id").values_list("member_id", flat=True).distinct()[:limit])
