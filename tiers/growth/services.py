from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from loyalty.lib.configuration import forget
from loyalty.lib.ids import new_id

from .models import GrowthEntry, GrowthRate
from .selectors import Subject


@transaction.atomic(savepoint=False)
def write(*, lines: Sequence[GrowthEntry]) -> int:
    """Write lines, those whose subject and number are there already apart; how many were new."""
    before = _count(lines)
    GrowthEntry.objects.bulk_create(lines, ignore_conflicts=True, batch_size=1000)
    return _count(lines) - before


def _count(lines: Sequence[GrowthEntry]) -> int:
    return GrowthEntry.objects.filter(id__in=[line.id for line in lines]).count()


@transaction.atomic(savepoint=False)
def add_line(*, to: Subject, growth: int, amount_cents: int, orders: int, actor: str = "", reason: str = "", now: datetime) -> GrowthEntry | None:
    """Let a subject come to this from now on, by one more line with its date; None where it does already. The caller holds the member's lock."""
    changes = {"growth": growth - to.growth, "amount_cents": amount_cents - to.amount_cents, "orders": orders - to.orders}
    if not any(changes.values()):
        return None
    first = to.first
    about = {name: getattr(first, name) for name in ("member_id", "kind", "fact", "subject", "rate", "occurred_at")}
    return GrowthEntry.objects.create(**about, number=to.lines, **changes, recorded_at=now, actor=actor, reason=reason)


@transaction.atomic(savepoint=False)
def keep_rate(*, rate: GrowthRate) -> GrowthRate:
    """Write what a behaviour grows by as it stands in hand."""
    rate.full_clean(validate_unique=rate._state.adding)
    rate.save()
    forget(GrowthRate)
    return rate


# The lines of a subject that is there already on the other side follow after its own.
_MOVE = """
INSERT INTO tiers_growthentry
       (id, member_id, kind, fact, subject, number, growth, amount_cents, orders, rate, occurred_at, recorded_at, actor, reason)
SELECT n.id, %(into)s, e.kind, e.fact, e.subject, e.number + coalesce((
           SELECT max(o.number) + 1 FROM tiers_growthentry o WHERE o.member_id = %(into)s AND o.subject = e.subject), 0),
       e.growth, e.amount_cents, e.orders, e.rate, e.occurred_at, %(now)s, 'merged', e.reason
  FROM unnest(%(ids)s::uuid[], %(new)s::uuid[]) n(old, id) JOIN tiers_growthentry e ON e.id = n.old AND e.member_id = %(from)s"""


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID, now: datetime) -> int:
    """What has grown of one member counts for another from now on, with its dates; how many lines. The lines of before stay as they are.

    The caller holds both members' locks, does it once, and decides on the tier afterwards (`tiers.evaluation.services.look_again`).
    """
    ids = list(GrowthEntry.objects.filter(member_id=from_id).order_by("id").values_list("id", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, {"from": from_id, "into": into_id, "now": now, "ids": ids, "new": [new_id() for _ in ids]})
        return cursor.rowcount
