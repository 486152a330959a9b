from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from loyalty.lib.ids import first_id_at
from loyalty.lib.localtime import local_date
from loyalty.programme import selectors as programme

from . import rules
from .models import Dormancy, DormancyTerms


def terms() -> rules.Terms:
    return DormancyTerms.current().plain


class Seen(NamedTuple):
    """When a member was last seen, for how many whole business days they have not been, and what that makes them."""

    last_at: datetime
    value: int
    stage: rules.Stage


def dormancy(*, member_id: UUID, now: datetime) -> Seen:
    """As of `now`, from the facts."""
    last_at = facts.last_active(member_ids=[member_id], until=now)[member_id] or members.joined_at(member_id=member_id)
    zone = programme.zone(now=now)
    last_on, today = local_date(last_at, zone), local_date(now, zone)
    return Seen(last_at, rules.value(last_on, today), rules.stage(terms(), last_on, today))


class Episode(NamedTuple):
    """A member was found dormant at `slept_at`; `returned_at` is their first sign of life since, None while there is none."""

    slept_at: datetime
    returned_at: datetime | None


def episode(*, member_id: UUID) -> Episode | None:
    """The member's last episode of dormancy; None where there never was one. At most two statements."""
    row = Dormancy.objects.filter(member_id=member_id, slept_at__isnull=False).only("slept_at").first()
    return Episode(row.slept_at, facts.first_active(member_id=member_id, since=row.slept_at)) if row else None


def due(*, now: datetime, limit: int) -> list[Dormancy]:
    """Whom the job has to look at, at most `limit`."""
    today = local_date(now, programme.zone(now=now))
    return list(Dormancy.objects.filter(due_on__lte=today).order_by("due_on", "id")[:limit])


def would_look(*, now: datetime) -> dict[str, int]:
    """How many members the job would look at, at `now`; it tells only those of whom it finds that they have become dormant."""
    return {"members": Dormancy.objects.filter(due_on__lte=local_date(now, programme.zone(now=now))).count()}


def not_seen_since(*, moment: datetime, after: UUID | None, limit: int) -> list[tuple[UUID, datetime]]:
    """Members, in the order of their ids and after that one, whom the job has last seen before `moment`, with when. Ask the facts about each."""
    rows = Dormancy.objects.filter(active_at__lt=moment)
    rows = rows.filter(member_id__gt=after) if after else rows
    return list(rows.order_by("member_id").values_list("member_id", "active_at")[:limit])


def count_due(*, now: datetime) -> int:
    today = local_date(now, programme.zone(now=now))
    return Dormancy.objects.filter(due_on__lte=today).count()


def newest_known() -> UUID | None:
    """An id from which on members may be without a row; None: nobody has one.

    Ids sort by the time they were made at, and become visible in the order of commits: a day of margin.
    """
    newest = Dormancy.objects.order_by("-member_id").values_list("member_id", flat=True).first()
    return first_id_at(datetime.fromtimestamp((newest.int >> 80) / 1000, tz=UTC) - timedelta(days=1)) if newest else None


def without_row(member_ids: Sequence[UUID]) -> set[UUID]:
    """Those of them who are not watched yet."""
    return set(member_ids).difference(Dormancy.objects.filter(member_id__in=member_ids).values_list("member_id", flat=True))
