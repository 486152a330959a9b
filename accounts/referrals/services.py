from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.members.models import Member
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme

from . import events, rules, selectors
from .models import Referral, ReferralCode

Status = Referral.Status


class ReferralDecided(BusinessError):
    code, status, title = "referral_decided", 409, _("This referral has ended and cannot be cancelled.")


@transaction.atomic(savepoint=False)
def code_of(*, member_id: UUID, seed: bytes, now: datetime) -> str | None:
    """The member's invitation code, made of `seed` (random) when it is first asked for. None where members cannot invite."""
    if not selectors.terms().active:
        return None
    attempt = 0
    while (kept := ReferralCode.objects.filter(member_id=member_id).first()) is None:
        made = ReferralCode(code=rules.code(seed, attempt), member_id=member_id, made_at=now)
        ReferralCode.objects.bulk_create([made], ignore_conflicts=True)
        attempt += 1
    return kept.code


@transaction.atomic(savepoint=False)
def begin(*, member: Member, inviter: Member, now: datetime) -> Referral | None:
    """The member has just registered, invited by `inviter`. None where members cannot invite.

    The caller holds the member's row, and whoever could be paying for them at this moment the account. An order that was told
    earlier on this local day completes it at once.
    """
    terms, zone = selectors.terms(), programme.zone(now=now)
    if not terms.active:
        return None
    orders = selectors.paid_before(member_id=member.id)
    known = rules.had_bought([order.recorded_at for order in orders], registered_at=now, zone=zone)
    until = rules.window_end(now, days=terms.window_days, zone=zone)
    status = Status.NOT_NEW if known else Status.OPEN
    referral = Referral.objects.create(member=member, inviter=inviter, status=status, registered_at=now, until=until, settled_at=now)
    for order in [] if known else orders:
        net = activity.net_cents(order)
        if _complete(referral, purchase_ref=order.external_id, net_cents=net, occurred_at=order.occurred_at, now=now):
            break
    return referral


@transaction.atomic(savepoint=False)
def purchase_paid(*, member_id: UUID, purchase_ref: str, net_cents: int, occurred_at: datetime, now: datetime) -> None:
    """A member has paid an order: complete their referral, if there is one to be completed. The caller holds the member's account.

    `net_cents`: what was paid in money for goods. One query for a member who has none.
    """
    if selectors.awaits_order(member_id=member_id):
        _complete(selectors.of_friend(member_id=member_id), purchase_ref=purchase_ref, net_cents=net_cents, occurred_at=occurred_at, now=now)


def _complete(referral: Referral, *, purchase_ref: str, net_cents: int, occurred_at: datetime, now: datetime) -> bool:
    if not rules.completes(net_cents=net_cents, occurred_at=occurred_at, until=referral.until):
        return False
    about = {"purchase_ref": purchase_ref, "amount_cents": net_cents, "completed_at": occurred_at}
    if not _turn(referral, Status.COMPLETED, now=now, **about):
        return False
    when = occurred_at.isoformat()
    _tell_inviter(events.REFERRAL_COMPLETED, referral, amount_cents=net_cents, occurred_at=when, now=now)
    _tell_friend(events.INVITATION_CONFIRMED, referral, occurred_at=when, now=now)
    return True


@transaction.atomic(savepoint=False)
def purchase_refunded(*, member_id: UUID, purchase_ref: str, net_cents_left: int, now: datetime) -> None:
    """An order was refunded: where it is the one that completed a referral, that is reduced to what is left, or revoked with it.

    The caller holds the member's account.
    """
    referral = Referral.objects.filter(member_id=member_id, status=Status.COMPLETED, purchase_ref=purchase_ref).select_related("member", "inviter").first()
    if referral is None or net_cents_left >= referral.amount_cents:
        return
    if net_cents_left <= 0:
        if _turn(referral, Status.REVOKED, amount_cents=0, now=now):
            _tell_revoked(referral, now=now)
    elif Referral.objects.filter(id=referral.id, member_id=member_id, status=Status.COMPLETED).update(amount_cents=net_cents_left, settled_at=now):
        _tell_inviter(events.REFERRAL_REDUCED, referral, amount_cents=net_cents_left, now=now)


@transaction.atomic(savepoint=False)
def cancel(*, referral_id: UUID, actor: str, reason: str, now: datetime) -> Referral:
    """An operator ends a referral for good; what it brought is taken back. Refuses: ReferralDecided."""
    referral = Referral.objects.select_for_update(of=("self",), no_key=True).select_related("member", "inviter").get(id=referral_id)
    before = referral.status
    if not _turn(referral, Status.CANCELLED, cancelled_by=actor, reason=reason, now=now):
        raise ReferralDecided(status=before)
    if before == Status.COMPLETED:
        _tell_revoked(referral, now=now)
    figures = {"inviter": referral.inviter.external_id, "was": before, "purchase": referral.purchase_ref}
    audit.record(actor=actor, verb="referral.cancelled", subject=f"member/{referral.member.external_id}", reason=reason, figures=figures, now=now)
    return referral


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID, actor: str, now: datetime) -> int:
    """A member was merged into another: whom they invited counts for the survivor, as far as it is not completed; how many.

    Completed ones stay, so that what they brought is taken back where it was given. The merged member's own invitation ends unless it is
    completed: a customer who was here already is no new one. Where one of the two invited the other, that ends as well, and what it brought is
    taken back. Codes lead to the survivor by themselves. The caller holds both accounts.
    """
    own = Referral.objects.filter(Q(member_id=from_id, inviter_id=into_id) | Q(member_id=into_id, inviter_id=from_id))
    unfinished = Referral.objects.filter(member_id=from_id, status__in=[Status.OPEN, Status.REVOKED, Status.LAPSED])
    for referral in (own | unfinished).exclude(status__in=[Status.CANCELLED, Status.NOT_NEW]).distinct():
        cancel(referral_id=referral.id, actor=actor, reason="merged", now=now)
    invited = Referral.objects.filter(inviter_id=from_id).exclude(status=Status.COMPLETED).exclude(member_id=into_id)
    return invited.update(inviter_id=into_id)


@transaction.atomic(savepoint=False)
def lapse_due(*, limit: int = 1000, now: datetime) -> int:
    """End at most `limit` open referrals whose time is over; how many there were. Safe in several workers at once."""
    due = Referral.objects.select_for_update(skip_locked=True).filter(status=Status.OPEN, until__lte=now).order_by("until")
    # Asked first: as a part of the update the database may ask anew, past the limit.
    ids = list(due.values_list("id", flat=True)[:limit])
    return Referral.objects.filter(id__in=ids, status=Status.OPEN).update(status=Status.LAPSED, settled_at=now)


def _turn(referral: Referral, status: Status, *, now: datetime, **told: object) -> bool:
    """One arrow, taken once whoever else tries; whether it was by us."""
    changes = {"status": status, "settled_at": now, **told}
    origins = [one for one, ends in Referral.ARROWS.items() if status in ends]
    if not Referral.objects.filter(id=referral.id, member_id=referral.member_id, status__in=origins).update(**changes):
        return False
    for name, value in changes.items():
        setattr(referral, name, value)
    return True


def _tell_inviter(topic: str, referral: Referral, *, now: datetime, **more: object) -> None:
    completion = rules.completion(referral.member_id, referral.purchase_ref)
    payload = {"friend": referral.member.external_id, "purchase": referral.purchase_ref, "completion": completion, **more}
    outbox.publish(topic=topic, member_id=referral.inviter_id, payload=payload, now=now)


def _tell_friend(topic: str, referral: Referral, *, now: datetime, **more: object) -> None:
    payload = {"by": referral.inviter.external_id, "purchase": referral.purchase_ref, **more}
    outbox.publish(topic=topic, member_id=referral.member_id, payload=payload, now=now)


def _tell_revoked(referral: Referral, *, now: datetime) -> None:
    _tell_inviter(events.REFERRAL_REVOKED, referral, now=now)
    _tell_friend(events.INVITATION_WITHDRAWN, referral, now=now)
