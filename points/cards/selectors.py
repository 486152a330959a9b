"""Questions about cards. Reads treat as gone what is past its expiry, booked or not."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from points.rulebook import selectors as rulebook

from .models import Card, CardKind


class CardUnknown(BusinessError):
    code, status, title = "card_unknown", 404, _("There is no such card.")


class CardKindUnknown(BusinessError):
    code, status, title = "card_kind_unknown", 422, _("There is no such kind of card.")


def kind(code: str) -> CardKind:
    """Refuses: CardKindUnknown."""
    found = CardKind.objects.filter(code=code).first()
    if found is None:
        raise CardKindUnknown(kind=code)
    return found


def active_kinds(*, use: CardKind.Use | None = None) -> QuerySet[CardKind]:
    """The kinds that can be chosen for a rule or a grant, of one use or of any."""
    kinds = CardKind.objects.filter(active=True)
    return kinds.filter(use=use) if use else kinds


def usable(*, member_id: UUID, now: datetime) -> QuerySet[Card]:
    """The member's cards that can be used at `now`, in the order in which they are: what expires first, first."""
    good = Q(expires_at__gt=now) | Q(expires_at=None)
    return Card.objects.filter(good, member_id=member_id, status=Card.Status.AVAILABLE).order_by(F("expires_at").asc(nulls_last=True), "id")


def available_kinds(*, member_id: UUID, now: datetime) -> dict[str, int]:
    """How many cards of each kind the member can use at `now`; kinds without any are left out."""
    # Asked with every order that a card could change: the ORM would take several times as long as the database.
    with connection.cursor() as cursor:
        cursor.execute(_KINDS, [member_id, now])
        return dict(cursor.fetchall())


_KINDS = """
SELECT kind_id, count(*) FROM points_card WHERE member_id = %s AND status = 'available' AND (expires_at > %s OR expires_at IS NULL) GROUP BY kind_id"""


def next_for(*, member_id: UUID, use: CardKind.Use, now: datetime) -> Card | None:
    """The card for that use that is used first, of whatever kind."""
    return usable(member_id=member_id, now=now).filter(kind__use=use).first()


def count_for(*, member_id: UUID, use: CardKind.Use, now: datetime) -> int:
    return usable(member_id=member_id, now=now).filter(kind__use=use).count()


def cards(*, member_id: UUID, now: datetime) -> QuerySet[Card]:
    """All cards of a member, with `seen`: the status at `now`."""
    gone = When(status=Card.Status.AVAILABLE, expires_at__lte=now, then=Value(Card.Status.EXPIRED.value))
    return Card.objects.filter(member_id=member_id).select_related("kind").annotate(seen=Case(gone, default=F("status"), output_field=CharField()))


def used_for(*, member_ids: Collection[UUID], subjects: Collection[str]) -> dict[tuple[UUID, str], frozenset[str]]:
    """Which kinds of cards these members used for which of these subjects."""
    found: dict[tuple[UUID, str], set[str]] = {}
    used = Card.objects.filter(member_id__in=member_ids, status=Card.Status.USED, used_by__in=subjects)
    for member, subject, kind_ in used.values_list("member_id", "used_by", "kind_id"):
        found.setdefault((member, subject), set()).add(kind_)
    return {key: frozenset(kinds) for key, kinds in found.items()}


def due(*, limit: int, now: datetime) -> Sequence[tuple[UUID, UUID]]:
    """(card, member) of cards that are past their expiry and not booked so, the longest due first."""
    found = Card.objects.filter(status=Card.Status.AVAILABLE, expires_at__lte=now).order_by("expires_at")
    return list(found.values_list("id", "member_id")[:limit])


rulebook.keep("card", lambda: {kind.code: kind.name for kind in active_kinds()})
