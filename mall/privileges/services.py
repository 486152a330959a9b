from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.programme import selectors as programme
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.services import HandOut
from mall.rewards.models import Reward
from mall.rewards.services import item_checked_by
from points.ledger import services as ledger

from . import rules, selectors
from .models import Privilege, PrivilegeKind, PrivilegeUse

State = Privilege.State
MOST_AT_ONCE = 100


class KindInvalid(BusinessError):
    code, status, title = "privilege_kind_invalid", 422, _("The kind of privilege cannot be kept as it is.")


class CountInvalid(BusinessError):
    code, status, title = "privilege_count_invalid", 422, _("Between 1 and 100 privileges are granted at a time.")


class PrivilegeHeld(BusinessError):
    code, status, title = "privilege_held", 409, _("The member has this privilege already, for as long as another one would last.")


class PrivilegeNotGood(BusinessError):
    code, status, title = "privilege_not_good", 409, _("The privilege cannot be used.")
    because = {
        State.COMING: _("The privilege has not begun yet."),
        State.USED_UP: _("The privilege was used as often as it can be."),
        State.OVER: _("The privilege is over."),
        State.ENDED: _("The privilege was ended."),
    }

    def __init__(self, seen: Privilege.State) -> None:
        super().__init__(str(self.because[seen]), privilege_status=seen.value)


class NotUsedFor(BusinessError):
    code, status, title = "privilege_not_used_for", 409, _("This privilege was not used for that.")


class PrivilegeSpent(BusinessError):
    code, status, title = "privilege_spent", 409, _("It was used already, or is over: it cannot come back.")


@transaction.atomic(savepoint=False)
def keep(*, kind: PrivilegeKind, actor: str, now: datetime) -> PrivilegeKind:
    """Write a kind as it stands in hand. Privileges that members have keep their terms. Refuses: KindInvalid, with a sentence for each field."""
    try:
        kind.full_clean(validate_unique=kind._state.adding)
    except ValidationError as error:
        raise KindInvalid(fields=error.message_dict) from error
    kind.save()
    audit.record(actor=actor, verb="privilege_kind.kept", subject=f"privilege_kind/{kind.code}", now=now)
    return kind


@transaction.atomic(savepoint=False)
def grant(*, member_id: UUID, kind: str, count: int = 1, subject: str = "", reason: str = "", actor: str, key: str, now: datetime) -> list[Privilege]:
    """Give the member so many of a kind. An operator says why: `reason` goes to the audit trail. The same key again gives the same ones.

    Refuses: PrivilegeKindUnknown (one that cannot be chosen too), CountInvalid, PrivilegeHeld, KeyConflict.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise CountInvalid(most=MOST_AT_ONCE)
    ledger.lock(member_id=member_id)
    earlier = list(Privilege.objects.filter(member_id=member_id, key=key).select_related("kind").order_by("number"))
    if earlier:
        if (earlier[0].kind_id, len(earlier), earlier[0].subject) != (kind, count, subject):
            raise ledger.KeyConflict(key=key)
        return earlier
    of_kind = selectors.kind(kind)
    if not of_kind.active:
        raise selectors.PrivilegeKindUnknown(kind=kind)
    made = _make(of_kind, count, member_id=member_id, subject=subject, actor=actor, key=key, now=now)
    if reason:
        figures = {"kind": kind, "count": count, "key": key}
        audit.record(actor=actor, verb="privilege.granted", subject=f"member/{member_id}", reason=reason, figures=figures, now=now)
    return made


def _make(kind: PrivilegeKind, count: int, *, member_id: UUID, now: datetime, insist: bool = False, **about: Any) -> list[Privilege]:
    """The privileges, written. `insist`: also those that bring the member nothing new."""
    spans = _spans(kind, count, member_id=member_id, insist=insist, now=now)
    terms = {
        "member_id": member_id, "kind": kind, "granted_at": now, "uses": kind.uses, "uses_left": kind.uses, "early_minutes": kind.early_minutes,
    }  # fmt: skip
    return Privilege.objects.bulk_create(
        [Privilege(**terms, starts_at=one.starts_at, ends_at=one.ends_at, number=number, **about) for number, one in enumerate(spans, 1)]
    )


def _spans(kind: PrivilegeKind, count: int, *, member_id: UUID, insist: bool = False, now: datetime) -> list[rules.Span]:
    """From when until when so many of a kind would be good. Refuses: PrivilegeHeld."""
    spans = []
    ends = list(selectors.standing(member_ids=[member_id], now=now).filter(kind=kind, uses=None).values_list("ends_at", flat=True))
    for _number in range(count):
        one = selectors.span(kind, ends, now=now)
        if one is None:
            if not insist:
                raise already_held(kind.code, selectors.last_end(ends))
            one = rules.Span(now, kind.as_term.ends_at(now, programme.zone(now=now)))
        if kind.uses is None:
            ends.append(one.ends_at)
        spans.append(one)
    return spans


def already_held(kind: str, until: datetime | None) -> PrivilegeHeld:
    """The refusal of one more of a kind that the member has until then; None: for ever."""
    return PrivilegeHeld(kind=kind, until=until.isoformat() if until else None)


class Used(NamedTuple):
    privilege: Privilege
    replayed: bool


@transaction.atomic(savepoint=False)
def use(*, member_id: UUID, privilege_id: UUID, subject: str, actor: str, now: datetime) -> Used:
    """Use it for `subject`, like `purchase/A-1`. For the same subject again: a replay. Refuses: PrivilegeUnknown, PrivilegeNotGood."""
    assert subject, "a use says for what"
    ledger.lock(member_id=member_id)
    row = selectors.privilege(member_id=member_id, privilege_id=privilege_id)
    if selectors.uses(row).filter(subject=subject, given_back_at=None).exists():
        return Used(row, True)
    if (seen := selectors.state_of(row, now=now)) != State.CURRENT:
        raise PrivilegeNotGood(seen)
    PrivilegeUse.objects.create(member_id=member_id, privilege=row, subject=subject, actor=actor, used_at=now)
    return Used(_count(row, -1), False)


@transaction.atomic(savepoint=False)
def give_back(*, member_id: UUID, privilege_id: UUID, subject: str, now: datetime) -> Used:
    """What it was used for is undone: it can be used once more, as long as it is good. Given back before: a replay.

    Refuses: PrivilegeUnknown, NotUsedFor.
    """
    ledger.lock(member_id=member_id)
    row = selectors.privilege(member_id=member_id, privilege_id=privilege_id)
    uses = selectors.uses(row).filter(subject=subject)
    if not uses.filter(given_back_at=None).update(given_back_at=now):
        if not uses.exists():
            raise NotUsedFor(subject=subject)
        return Used(row, True)
    return Used(_count(row, 1), False)


def _count(row: Privilege, change: int) -> Privilege:
    if row.uses_left is not None:
        moved = Privilege.objects.filter(id=row.id, member_id=row.member_id, uses_left=row.uses_left).update(uses_left=F("uses_left") + change)
        assert moved == 1, "the account's lock guards its privileges"
        row.uses_left += change
    return row


@transaction.atomic(savepoint=False)
def end(*, member_id: UUID, privilege_id: UUID, reason: str, actor: str, now: datetime) -> Privilege:
    """An operator ends a privilege. Refuses: ReasonMissing, PrivilegeUnknown, PrivilegeNotGood where it is over or has ended."""
    if not reason.strip():
        raise ReasonMissing
    ledger.lock(member_id=member_id)
    row = selectors.privilege(member_id=member_id, privilege_id=privilege_id)
    if (seen := selectors.state_of(row, now=now)) in (State.OVER, State.ENDED):
        raise PrivilegeNotGood(seen)
    _end([row], reason=reason.strip(), now=now)
    figures = {"kind": row.kind_id, "privilege": str(row.id)}
    audit.record(actor=actor, verb="privilege.ended", subject=f"member/{member_id}", reason=reason.strip(), figures=figures, now=now)
    return row


def _end(rows: list[Privilege], *, reason: str, now: datetime) -> None:
    for row in rows:
        row.ended_at, row.ended_for = now, reason
        row.save(update_fields=["ended_at", "ended_for"])


# Handing out


def _give(row: Redemption, now: datetime) -> Redemption.Status:
    about = {"redemption": row, "subject": f"redemption/{row.id}", "actor": row.actor, "key": f"redemption/{row.id}"}
    # What was paid for in money is given: whoever would gain nothing by it was told so before (`_reserve`).
    _make(selectors.kind(row.item), row.quantity, member_id=row.member_id, insist=row.hold_id is not None, now=now, **about)
    return Redemption.Status.DELIVERED


def _reserve(row: Redemption, now: datetime) -> None:
    """Before money is paid for something that brings nothing. Refuses: PrivilegeHeld."""
    _spans(selectors.kind(row.item), row.quantity, member_id=row.member_id, now=now)


def _take_back(row: Redemption, quantity: int, now: datetime) -> None:
    """So many end that were not used and are not over, those that end last first. Refuses: PrivilegeSpent."""
    survivor = members.survivor_id(row.member_id)
    ledger.lock(member_id=survivor)
    standing = selectors.standing(member_ids=[row.member_id, survivor], now=now).filter(redemption_id=row.id)
    used = PrivilegeUse.objects.filter(member_id=OuterRef("member_id"), privilege_id=OuterRef("id"), given_back_at=None)
    unused = list(standing.filter(~Exists(used)).order_by(F("ends_at").desc(nulls_first=True), "-id")[:quantity])
    if len(unused) < quantity:
        raise PrivilegeSpent(unused=len(unused))
    _end(unused, reason=RETURNED, now=now)


# Kept, so in one language, and no reason that anybody gives; translated where it is shown.
RETURNED = "redemption/returned"


def _show(row: Redemption) -> list[dict[str, Any]]:
    found = selectors.of_redemption(row, member_ids=[row.member_id, members.survivor_id(row.member_id)])
    return [selectors.shown(one) for one in found.filter(ended_at=None).order_by("number")]


# Merging


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID, now: datetime) -> int:
    """What is not over of a merged member's is the survivor's from now on, with its uses; how many. Again: nothing."""
    # In the order in which what comes back to a merged member is forwarded.
    ledger.lock(member_id=from_id)
    ledger.lock(member_id=into_id)
    there = Privilege.objects.filter(member_id=into_id, key=OuterRef("key"), number=OuterRef("number"))
    moving = list(selectors.standing(member_ids=[from_id], now=now).filter(~Exists(there)).values_list("id", flat=True))
    PrivilegeUse.objects.filter(member_id=from_id, privilege_id__in=moving).update(member_id=into_id)
    return Privilege.objects.filter(member_id=from_id, id__in=moving).update(member_id=into_id)


def _fault(item: str) -> str | None:
    return None if selectors.active_kinds().filter(code=item).exists() else str(selectors.PrivilegeKindUnknown.title)


item_checked_by(Reward.Kind.PRIVILEGE, _fault, among=selectors.active_kinds)
redemptions.hands_out(Reward.Kind.PRIVILEGE, HandOut(give=_give, take_back=_take_back, show=_show, reserve=_reserve))
