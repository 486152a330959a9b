from collections.abc import Collection
from datetime import date, datetime
from typing import TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from accounts.referrals import selectors as referrals_seen
from accounts.referrals import services as referrals
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox

from . import selectors
from .events import MEMBER_REGISTERED
from .models import Member
from .selectors import MemberUnknown


class MemberClosed(BusinessError):
    code, status, title = "member_closed", 409, _("This member is closed.")


class InviterUnknown(BusinessError):
    code, status, title = "inviter_unknown", 422, _("The inviter is not known, or takes part no more.")


class InviterRefused(BusinessError):
    code, status, title = "inviter_refused", 422, _("Nobody is invited by themselves, or by someone they invited.")


class InviterNotRegistered(BusinessError):
    code, status, title = "inviter_not_registered", 422, _("Who invites must have registered before the friend.")


class InviterTooLate(BusinessError):
    code, status, title = "inviter_too_late", 409, _("Who invited a member is told with the first registration and stays.")


class BirthdayAhead(BusinessError):
    code, status, title = "birthday_ahead", 422, _("The birthday lies in the future.")


Status = Member.Status
PROFILE = ("name", "email", "phone", "language", "birthday")


class Profile(TypedDict, total=False):
    name: str
    email: str
    phone: str
    language: str
    birthday: date | None


def ensure(*, external_id: str, now: datetime) -> Member:
    """The member of that name, or who answers for them; on first mention a bare one, not yet registered. Safe against itself."""
    member = Member.objects.filter(external_id=external_id).first()
    if member is None:
        Member.objects.bulk_create([Member(external_id=external_id, created_at=now)], ignore_conflicts=True)
        member = Member.objects.get(external_id=external_id)
    return selectors.survivor(member)


def ensure_all(*, external_ids: Collection[str], now: datetime) -> dict[str, UUID]:
    """Like `ensure`, for many at once: our id of each."""
    there = selectors.ids_of(external_ids)
    new = sorted(set(external_ids) - there.keys())
    if new:
        Member.objects.bulk_create([Member(external_id=external_id, created_at=now) for external_id in new], ignore_conflicts=True)
        there |= selectors.ids_of(new)
    return there


@transaction.atomic(savepoint=False)
def register(
    *, external_id: str, referred_by: str | None = None, referral_code: str | None = None, now: datetime, **profile: Unpack[Profile]
) -> tuple[Member, bool]:
    """Write what is given of the profile, and register the member if that has not happened: (member, whether it happened now).

    What is left out stays as it is; the same content again changes nothing. Who invited is told by their id at the storefront
    (`referred_by`) or by their code, and counts with the first registration only. Whoever may be paying for this member at the same
    moment holds the account first.
    Refuses: MemberClosed, BirthdayAhead, InviterUnknown, InviterRefused, InviterNotRegistered, InviterTooLate, ReferralCodeUnknown.
    """
    if referral_code is not None:
        referred_by = referrals_seen.owner(referral_code).external_id
    found = ensure(external_id=external_id, now=now)
    # Not FOR UPDATE: entries that point at the member would wait for it while holding the account.
    member = Member.objects.select_for_update(no_key=True).get(id=found.id)
    if member.status != Member.Status.ACTIVE:
        raise MemberClosed
    birthday = profile.get("birthday")
    if birthday and birthday > now.date():
        raise BirthdayAhead
    changed = [name for name, value in profile.items() if getattr(member, name) != value]
    for name in changed:
        setattr(member, name, profile[name])  # type: ignore[literal-required]
    first = member.registered_at is None
    if first:
        member.registered_at, member.referred_by = now, _inviter(member, referred_by)
        changed += ["registered_at", "referred_by"]
    elif referred_by is not None and (member.referred_by is None or selectors.survivor(member.referred_by).id != selectors.id_of(external_id=referred_by)):
        raise InviterTooLate
    if changed:
        member.save(update_fields=changed)
    if first:
        payload = {"member": member.external_id, "referred_by": str(member.referred_by_id) if member.referred_by_id else None}
        outbox.publish(topic=MEMBER_REGISTERED, member_id=member.id, payload=payload, now=now)
        if member.referred_by:
            referrals.begin(member=member, inviter=member.referred_by, now=now)
    return member, first


def _inviter(member: Member, referred_by: str | None) -> Member | None:
    if referred_by is None:
        return None
    try:
        inviter = selectors.get(referred_by)
    except MemberUnknown:
        raise InviterUnknown from None
    if inviter.status != Member.Status.ACTIVE:
        raise InviterUnknown
    if member.id in (inviter.id, inviter.referred_by_id):
        raise InviterRefused
    if inviter.registered_at is None:
        raise InviterNotRegistered
    return inviter


def close(*, member_id: UUID) -> bool:
    """The member takes part no more: tokens end, a profile can no longer be written; whether that is new. Every row that names them stays."""
    return _turn(member_id, Status.CLOSED, token_version=F("token_version") + 1)


def reopen(*, member_id: UUID) -> bool:
    """A closed member takes part again; whether that is new."""
    return _turn(member_id, Status.ACTIVE)


@transaction.atomic(savepoint=False)
def merge(*, member_id: UUID, into_id: UUID, now: datetime) -> dict[str, str]:
    """From now on `into_id` answers for the member's id, and for all who were merged into the member; the member's tokens end.

    What the survivor's profile lacks is taken from the member's: what it took. The caller holds both accounts and has found both active.
    """
    rows = {row.id: row for row in Member.objects.select_for_update(no_key=True).filter(id__in=[member_id, into_id]).order_by("id")}
    old, into = rows[member_id], rows[into_id]
    taken = {name: getattr(old, name) for name in PROFILE if getattr(old, name) and not getattr(into, name)}
    if old.registered_at and not into.registered_at:
        taken["registered_at"] = old.registered_at
    if taken:
        Member.objects.filter(id=into_id).update(**taken)
    Member.objects.filter(merged_into_id=member_id).update(merged_into_id=into_id)
    assert _turn(member_id, Status.MERGED, merged_into_id=into_id, token_version=F("token_version") + 1), "an active member can be merged"
    return {name: str(value) for name, value in taken.items()}


@transaction.atomic(savepoint=False)
def erase(*, member_id: UUID, external_id: str) -> None:
    """Clear all that says who the member is; `external_id` takes the place of the storefront's id. The row and its id stay."""
    empty = {"external_id": external_id, "name": "", "email": "", "phone": "", "language": "", "birthday": None, "referred_by": None}
    _turn(member_id, Status.ERASED, **empty, token_version=F("token_version") + 1)


def _turn(member_id: UUID, status: Member.Status, **told: object) -> bool:
    """One arrow, taken once whoever else tries; whether it was by us. Refuses: MemberUnknown, MemberClosed where no arrow leads there."""
    origins = [one for one, ends in Member.ARROWS.items() if status in ends]
    if Member.objects.filter(id=member_id, status__in=origins).update(status=status, **told):
        return True
    now_is = Member.objects.filter(id=member_id).values_list("status", flat=True).first()
    if now_is is None:
        raise MemberUnknown
    if now_is != status:
        raise MemberClosed(status=now_is)
    return False
