from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from loyalty.lib.configuration import held

from .models import GrowthEntry, GrowthRate, GrowthTerms


def terms() -> GrowthTerms:
    """What purchases grow by, as it is set now."""
    return GrowthTerms.current()


def rates() -> dict[str, GrowthRate]:
    """What behaviours grow by now, by kind of fact; what is not in use is not there. Held in the process like the terms."""
    return held(GrowthRate, lambda: {rate.kind_id: rate for rate in GrowthRate.objects.filter(active=True)}) or {}  # type: ignore[arg-type, return-value]


class Asked(NamedTuple):
    """Whose figures, from when, up to and not with when."""

    member_id: UUID
    since: datetime
    until: datetime


class Sums(NamedTuple):
    """What the entries come to. `lifetime` and `last_order` are from the beginning, and None where they were not asked."""

    growth: int = 0
    spend: int = 0
    interaction: int = 0
    orders: int = 0
    lifetime: int | None = None
    last_order: datetime | None = None


_SUMS = """
SELECT w.n, f.growth, f.spend, f.interaction, f.orders
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY w(member, since, until, n)
 CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.growth), 0)::bigint AS growth, coalesce(sum(e.amount_cents), 0)::bigint AS spend,
           coalesce(sum(e.growth) FILTER (WHERE e.kind = 'behaviour'), 0)::bigint AS interaction, coalesce(sum(e.orders), 0)::int AS orders
      FROM tiers_growthentry e WHERE e.member_id = w.member AND e.occurred_at >= w.since AND e.occurred_at < w.until) f"""

# Lines of one purchase have its date, those that take it back too: an instant with orders left is one with an order left.
_WITH_LIFETIME = """
SELECT w.n, coalesce(sum(d.growth) FILTER (WHERE d.at >= w.since), 0)::bigint, coalesce(sum(d.spend) FILTER (WHERE d.at >= w.since), 0)::bigint,
       coalesce(sum(d.interaction) FILTER (WHERE d.at >= w.since), 0)::bigint, coalesce(sum(d.orders) FILTER (WHERE d.at >= w.since), 0)::int,
       coalesce(sum(d.spend), 0)::bigint, max(d.at) FILTER (WHERE d.orders > 0)
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY w(member, since, until, n)
  LEFT JOIN LATERAL (
    SELECT e.occurred_at AS at, sum(e.growth) AS growth, sum(e.amount_cents) AS spend, sum(e.growth) FILTER (WHERE e.kind = 'behaviour') AS interaction,
           sum(e.orders) AS orders
      FROM tiers_growthentry e WHERE e.member_id = w.member AND e.occurred_at < w.until GROUP BY e.occurred_at) d ON true
 GROUP BY w.n"""


def sums(asked: Sequence[Asked], *, lifetime: bool = False) -> list[Sums]:
    """What the entries of many members come to, each between times of its own, in the order asked. One statement, read from one index."""
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WITH_LIFETIME if lifetime else _SUMS, [list(column) for column in zip(*asked, strict=True)])
        found = {row[0]: Sums(*row[1:]) for row in cursor.fetchall()}
    return [found[n] for n in range(1, len(asked) + 1)]


class Subject(NamedTuple):
    """What the lines of one subject come to, and the first of them."""

    first: GrowthEntry
    lines: int
    growth: int
    amount_cents: int
    orders: int


def subject(*, member_id: UUID, subject: str) -> Subject | None:
    """What has grown of one thing that happened; None where nothing was written of it."""
    lines = list(GrowthEntry.objects.filter(member_id=member_id, subject=subject).order_by("number"))
    if not lines:
        return None
    return Subject(lines[0], len(lines), *(sum(getattr(line, name) for line in lines) for name in ("growth", "amount_cents", "orders")))


def entries(*, member_id: UUID) -> QuerySet[GrowthEntry]:
    """A member's lines, the newest first."""
    return GrowthEntry.objects.filter(member_id=member_id).order_by("-id")


def known_subjects(*, member_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    """What has a line already, of these members."""
    return set(GrowthEntry.objects.filter(member_id__in=member_ids, number=0).values_list("member_id", "subject"))


def lines_of_kinds(*, member_ids: Collection[UUID], facts: Collection[str]) -> list[tuple[UUID, str, datetime, int]]:
    """Whose, of which kind of fact, when and how much: of these members and kinds."""
    if not facts:
        return []
    return list(GrowthEntry.objects.filter(member_id__in=member_ids, fact__in=facts).values_list("member_id", "fact", "occurred_at", "growth"))


def in_all(*, member_id: UUID) -> dict[str, int]:
    """All of a member's growth and orders, ever, and the money they left for goods."""
    found = GrowthEntry.objects.filter(member_id=member_id).aggregate(
        growth=Sum("growth", default=0), spend=Sum("amount_cents", default=0), orders=Sum("orders", default=0), lines=Count("id", filter=Q(number=0))
    )
    return dict(found)
