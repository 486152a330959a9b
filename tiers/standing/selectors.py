from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import get_language

from tiers.ladder import rules
from tiers.ladder import selectors as ladders

from .models import Standing, StandingChange


class Place(NamedTuple):
    """Where a member stands. `code` is empty, and the multiplier 10,000, where there is no ladder.

    `since` and `until` are None for whoever is in the lowest tier because nobody put them anywhere else. `sprint`: in the last days of the term.
    """

    code: str
    name: str
    rank: int
    multiplier_bps: int
    since: datetime | None = None
    until: datetime | None = None
    sprint: bool = False


def standing(*, member_id: UUID, now: datetime) -> Place:
    """The tier that counts for the member at `now`, its name in the caller's language. One indexed query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_json(tiers_standing_of(%s, %s))", [member_id, now])
        return place(cursor.fetchone()[0])


def place(told: Mapping[str, str | None] | None) -> Place:
    """What `tiers_standing_of` says in the database (migration 0002), as JSON, for whoever asks it within a statement of their own."""
    since, until = (datetime.fromisoformat(told[name]) if told and told[name] else None for name in ("since", "until"))
    return _place(told["tier"] if told else None, since, until)


def _place(code: str | None, since: datetime | None, until: datetime | None) -> Place:
    step = rules.place(ladders.ladder(), code)
    if step is None:
        return Place("", "", 0, rules.ONCE)
    return Place(step.code, step.name(get_language() or ""), step.rank, step.multiplier_bps, since, until)


def standings(*, member_ids: Collection[UUID], now: datetime) -> dict[UUID, Place]:
    """The same for many members at once."""
    rows = Standing.objects.filter(member_id__in=member_ids).exclude(until__lte=now).values_list("member_id", "tier_id", "since", "until")
    told = {member: (code, since, until) for member, code, since, until in rows}
    return {member: _place(*told.get(member, (None, None, None))) for member in member_ids}


def changes(*, member_id: UUID) -> QuerySet[StandingChange]:
    """Every move of the member's, the newest first."""
    return StandingChange.objects.filter(member_id=member_id).select_related("before", "tier").order_by("-id")


def lapsed(*, now: datetime) -> QuerySet[Standing]:
    """The standings whose time is over and which nobody has closed yet."""
    return Standing.objects.filter(until__lte=now)
