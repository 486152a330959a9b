"""Questions about privileges. What is past its end is over, without anybody having booked it so."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from mall.redemptions.models import Redemption

from . import rules
from .models import Privilege, PrivilegeKind, PrivilegeUse

State = Privilege.State


class PrivilegeKindUnknown(BusinessError):
    code, status, title = "privilege_kind_unknown", 422, _("There is no such kind of privilege, or it cannot be chosen any more.")


class PrivilegeUnknown(BusinessError):
    code, status, title = "privilege_unknown", 404, _("There is no such privilege.")


def kind(code: str) -> PrivilegeKind:
    """Refuses: PrivilegeKindUnknown."""
    found = PrivilegeKind.objects.filter(code=code).first()
    if found is None:
        raise PrivilegeKindUnknown(kind=code)
    return found


def active_kinds() -> QuerySet[PrivilegeKind]:
    """The kinds that can be chosen for a reward or a grant."""
    return PrivilegeKind.objects.filter(active=True)


def privileges(*, member_id: UUID, now: datetime) -> QuerySet[Privilege]:
    """All of a member's, the newest first, with `seen`: where each stands at `now`."""
    gone = (When(ended_at__isnull=False, then=Value(State.ENDED.value)), When(ends_at__lte=now, then=Value(State.OVER.value)))
    there = (When(uses_left=0, then=Value(State.USED_UP.value)), When(starts_at__gt=now, then=Value(State.COMING.value)))
    seen = Case(*gone, *there, default=Value(State.CURRENT.value), output_field=CharField())
    return Privilege.objects.filter(member_id=member_id).select_related("kind").annotate(seen=seen).order_by("-id")


def current(*, member_id: UUID, now: datetime) -> QuerySet[Privilege]:
    """What the member can use at `now`; what ends first, first."""
    found = privileges(member_id=member_id, now=now).filter(seen=State.CURRENT)
    return found.order_by(F("ends_at").asc(nulls_last=True), "id")


def state_of(row: Privilege, *, now: datetime) -> State:
    return State(rules.state(starts_at=row.starts_at, ends_at=row.ends_at, uses_left=row.uses_left, ended=row.ended_at is not None, now=now))


def standing(*, member_ids: Collection[UUID], now: datetime) -> QuerySet[Privilege]:
    """What is neither ended nor over, begun or not."""
    return Privilege.objects.filter(Q(ends_at=None) | Q(ends_at__gt=now), member_id__in=member_ids, ended_at=None)


def span(kind: PrivilegeKind, beside: Collection[datetime | None], *, now: datetime) -> rules.Span | None:
    """From when until when one more of the kind would be good beside those, usable at will, that end then. None: it would bring nothing."""
    at_will, zone = kind.uses is None, programme.zone(now=now)
    return rules.span(kind.as_term, at_will=at_will, covered=bool(beside), covered_until=last_end(beside), zone=zone, now=now)


def last_end(ends: Collection[datetime | None]) -> datetime | None:
    """When the last of them ends; None: never, or there are none."""
    return None if None in ends else max((end for end in ends if end), default=None)


def held(*, kinds: Collection[str], member_id: UUID, now: datetime) -> dict[str, datetime | None]:
    """Of these kinds those of which one more would bring the member nothing now, with when what they have ends (None: never). One statement."""
    beside: dict[str, list[datetime | None]] = {}
    of: dict[str, PrivilegeKind] = {}
    for row in standing(member_ids=[member_id], now=now).filter(kind__in=kinds, uses=None).select_related("kind"):
        of[row.kind_id] = row.kind
        beside.setdefault(row.kind_id, []).append(row.ends_at)
    return {code: last_end(ends) for code, ends in beside.items() if span(of[code], ends, now=now) is None}


def uses(row: Privilege) -> QuerySet[PrivilegeUse]:
    """What it was used for, the newest first, what was given back too."""
    return PrivilegeUse.objects.filter(member_id=row.member_id, privilege_id=row.id).order_by("-id")


def privilege(*, member_id: UUID, privilege_id: UUID) -> Privilege:
    """Refuses: PrivilegeUnknown."""
    found = Privilege.objects.select_related("kind").filter(id=privilege_id, member_id=member_id).first()
    if found is None:
        raise PrivilegeUnknown
    return found


def of_redemption(row: Redemption, *, member_ids: Collection[UUID]) -> QuerySet[Privilege]:
    """What a redemption brought, wherever a merge has taken it to."""
    return Privilege.objects.filter(member_id__in=member_ids, redemption_id=row.id).select_related("kind")


def shown(row: Privilege) -> dict[str, Any]:
    """As its member reads it beside what brought it."""
    return {
        "privilege": str(row.id), "kind": row.kind_id, "what": row.kind.what, "name": row.kind.name, "text": row.kind.text, "starts_at": row.starts_at,
        "ends_at": row.ends_at, "uses_left": row.uses_left,
    }  # fmt: skip
