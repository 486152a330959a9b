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


class Profile(TypedDict, total=False):
    name: str
    email: str
    phone: str
    language: str
    birthday: date | None


def ensure(*, external_id: str, now: datetime) -> Member:
    """The member of that name; on first mention a bare one, not yet registered. Safe against itself."""
    member = Member.objects.filter(external_id=external_id).first()
    if member is None:
        Member.objects.bulk_create([Member(external_id=external_id, created_at=now)], ignore_conflicts=True)
        member = Member.objects.get(external_id=external_id)
    return member


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
    elif referred_by is not None and (member.referred_by is None or member.referred_by.external_id != referred_by):
        raise InviterTooLate
    if changed:
        member.save(update_fields=changed)
    if first:
        payload = {"member": external_id, "referred_by": str(member.referred_by_id) if member.referred_by_id else None}
        outbox.publish(topic=MEMBER_REGISTERED, member_id=member.id, payload=payload, now=now)
        if member.referred_by:
            referrals.begin(member=member, inviter=member.referred_by, now=now)
    return member, first


def _inviter(member: Member, referred_by: str | None) -> Member | None:
    if referred_by is None:
        return None
    inviter = Member.objects.filter(external_id=referred_by, status=Member.Status.ACTIVE).first()
    if inviter is None:
        raise InviterUnknown
    if member.id in (inviter.id, inviter.referred_by_id):
        raise InviterRefused
    if inviter.registered_at is None:
        raise InviterNotRegistered
    return inviter


def close(*, member_id: UUID) -> None:
    """The member takes part no more: tokens end, a profile can no longer be written. Every row that names them stays."""
    if not Member.objects.filter(id=member_id).update(status=Member.Status.CLOSED, token_version=F("token_version") + 1):
        raise MemberUnknown
