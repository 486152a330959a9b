import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.members import services as members
from accounts.members.models import Member
from accounts.referrals import services as referrals
from accounts.segments import services as segments
from loyalty.approvals import services as approvals
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from points.cards import services as cards
from points.earning import services as earning
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Account
from riskcontrol.screening import selectors as screening
from tiers.evaluation import services as evaluation
from tiers.growth import services as growth
from tiers.standing import selectors as standings_seen
from tiers.standing import services as standings

from . import events, selectors
from .models import Merge

logger = logging.getLogger(__name__)

Status = Merge.Status


class MergeOfOne(BusinessError):
    code, status, title = "merge_of_one", 422, _("These are one member already.")


class MergeImpossible(BusinessError):
    code, status, title = "merge_impossible", 409, _("Only active members are merged: neither one who was merged before, nor one who is closed or erased.")


class MergeStopped(BusinessError):
    code, status, title = "merge_stopped", 409, _("One of them is frozen or blocked. Decide that first.")


class MergeAsked(BusinessError):
    code, status, title = "merge_asked", 409, _("This member is to be merged already.")


class MergeDecided(BusinessError):
    code, status, title = "merge_decided", 409, _("This merge was decided before.")


class OwnMerge(BusinessError):
    code, status, title = "own_merge", 403, _("Nobody decides on their own merge. A second person has to.")


class NotYours(BusinessError):
    code, status, title = "not_your_merge", 403, _("Only who requested a merge can withdraw it.")


@transaction.atomic(savepoint=False)
def request(*, merged_id: UUID, survivor_id: UUID, reason: str, operator_id: int, key: UUID, now: datetime) -> Merge:
    """Ask for a merge; it waits for a second person. `key` becomes its id, and the same again is the same request.

    Refuses: MergeOfOne, MergeImpossible, MergeStopped, MergeAsked, ReasonMissing, KeyConflict.
    """
    if not reason.strip():
        raise ReasonMissing
    ledger.lock_all(member_ids=[merged_id, survivor_id])
    earlier = Merge.objects.filter(id=key).first()
    if earlier is not None:
        if (earlier.merged_id, earlier.survivor_id, earlier.requested_by_id) != (merged_id, survivor_id, operator_id):
            raise ledger.KeyConflict(key=str(key))
        return earlier
    _refuse_unfit(merged_id, survivor_id, now)
    if Merge.objects.filter(merged_id=merged_id, status=Status.WAITING).exists():
        raise MergeAsked
    merge = Merge.objects.create(id=key, merged_id=merged_id, survivor_id=survivor_id, reason=reason.strip(), requested_by_id=operator_id, requested_at=now)
    _record("requested", merge, by=operator_id, now=now)
    return merge


def _refuse_unfit(merged_id: UUID, survivor_id: UUID, now: datetime) -> None:
    if merged_id == survivor_id:
        raise MergeOfOne
    ids = [merged_id, survivor_id]
    if Member.objects.filter(id__in=ids, status=Member.Status.ACTIVE).count() != 2:
        raise MergeImpossible
    if any(books.frozen(member_id=one) or screening.is_blocked(member_id=one, now=now) for one in ids):
        raise MergeStopped


@transaction.atomic(savepoint=False)
def approve(*, merge_id: UUID, operator_id: int, now: datetime) -> Merge:
    """Carry it out, as the second person. Refuses: MergeUnknown, MergeDecided, OwnMerge, MergeImpossible, MergeStopped."""
    merge = _waiting(merge_id)
    approvals.by_another(merge, operator_id=operator_id, own=OwnMerge)
    _refuse_unfit(merge.merged_id, merge.survivor_id, now)
    figures = _carry_out(merge, actor=approvals.name_of(operator_id), now=now)
    approvals.decide(merge, Status.APPLIED, by=operator_id, now=now, figures=figures)
    _record("applied", merge, by=operator_id, now=now)
    payload = {"merged": str(merge.merged_id), "merge": str(merge.id)}
    outbox.publish(topic=events.MEMBERS_MERGED, member_id=merge.survivor_id, payload=payload, now=now)
    return merge


@transaction.atomic(savepoint=False)
def refuse(*, merge_id: UUID, operator_id: int, reason: str, now: datetime) -> Merge:
    """Decline it, as the second person. Refuses: MergeUnknown, MergeDecided, OwnMerge, ReasonMissing."""
    merge = _waiting(merge_id)
    approvals.refuse(merge, operator_id=operator_id, reason=reason, own=OwnMerge, now=now)
    _record("refused", merge, by=operator_id, now=now)
    return merge


@transaction.atomic(savepoint=False)
def withdraw(*, merge_id: UUID, operator_id: int, now: datetime) -> Merge:
    """Take one's own request back. Refuses: MergeUnknown, MergeDecided, NotYours."""
    merge = _waiting(merge_id)
    approvals.withdraw(merge, operator_id=operator_id, not_yours=NotYours, now=now)
    _record("withdrawn", merge, by=operator_id, now=now)
    return merge


@transaction.atomic(savepoint=False)
def withdraw_all(*, member_ids: Sequence[UUID], now: datetime) -> int:
    """What waits about these members is withdrawn: they are erased. How many. The caller holds their locks."""
    either = Q(merged_id__in=member_ids) | Q(survivor_id__in=member_ids)
    return Merge.objects.filter(either, status=Status.WAITING).update(status=Status.WITHDRAWN, decided_at=now)


def _waiting(merge_id: UUID) -> Merge:
    asked = selectors.get(merge_id)
    ledger.lock_all(member_ids=[asked.merged_id, asked.survivor_id])
    return approvals.undecided(Merge, merge_id, decided=MergeDecided)


def _carry_out(merge: Merge, *, actor: str, now: datetime) -> dict[str, Any]:
    """Move everything that moves; how much of what. Both accounts are locked."""
    merged_id, survivor_id, about = merge.merged_id, merge.survivor_id, f"merge/{merge.id}"
    before = [books.balance(member_id=one, now=now)._asdict() for one in (merged_id, survivor_id)]
    offers = [grant.id for grant in selectors.open_offers(member_id=merged_id, now=now)]
    for grant_id in offers:
        earning.claim(member_id=merged_id, grant_id=grant_id, actor=actor, now=now)
    holds = [hold.id for hold in selectors.open_holds(member_id=merged_id).filter(expires_at__gt=now)]
    for hold_id in holds:
        ledger.release(member_id=merged_id, hold_id=hold_id, actor=actor, reason=merge.reason, key=f"{about}/release/{hold_id}", now=now)
    points = ledger.hand_over(member_id=merged_id, to_member_id=survivor_id, subject=about, actor=actor, reason=merge.reason, key=f"{about}/points", now=now)
    Account.objects.filter(member_id=merged_id).update(merged_into=survivor_id)
    lines = growth.move(from_id=merged_id, into_id=survivor_id, now=now)
    evaluation.look_again(member_ids=[survivor_id], now=now)
    tier = _better_tier(merged_id, survivor_id, actor=actor, now=now)
    return {
        "merged": before[0],
        "survivor": before[1],
        "points": points,
        "offers": len(offers),
        "holds": len(holds),
        "growth_lines": lines,
        "tier": tier,
        "cards": cards.move(from_id=merged_id, into_id=survivor_id),
        "segments": segments.move(from_id=merged_id, into_id=survivor_id),
        "referrals": referrals.move(from_id=merged_id, into_id=survivor_id, actor=actor, now=now),
        "profile": sorted(members.merge(member_id=merged_id, into_id=survivor_id, now=now)),
    }


def _better_tier(merged_id: UUID, survivor_id: UUID, *, actor: str, now: datetime) -> str:
    """The survivor gets the tier of the merged one, with its end, where that is higher; which, or empty."""
    old, stays = (standings_seen.standing(member_id=one, now=now) for one in (merged_id, survivor_id))
    if old.since is None or old.rank <= stays.rank:
        return ""
    standings.set_standing(member_id=survivor_id, tier=old.code, reason=_MERGED, until=old.until, actor=actor, now=now)
    return old.code


# Kept, so in one language: a sentence of ours, translated where it is shown.
_MERGED = "merged"


@transaction.atomic(savepoint=False)
def forward(*, member_id: UUID, actor: str, now: datetime) -> int:
    """What has arrived with a member who was merged goes to who answers for them, along the chain; how many points, below zero where owed.

    Nothing happens to a member who was not merged.
    """
    into = ledger.lock(member_id=member_id)
    if into is None:
        return 0
    points = ledger.hand_over(member_id=member_id, to_member_id=into, subject="merge", actor=actor, key=f"forward/{new_id()}", now=now)
    if points:
        forward(member_id=into, actor=actor, now=now)
    return points


def forward_due(*, limit: int, actor: str, now: datetime) -> int:
    """Forward what has arrived with at most `limit` merged members, each in a transaction of its own; with how many something had.

    One that fails stops none of the others.
    """
    arrived = Account.objects.filter(merged_into__isnull=False).exclude(available=0, debt=0).order_by("member_id")
    found = list(arrived.values_list("member_id", flat=True)[:limit])
    forwarded = 0
    for member_id in found:
        try:
            forwarded += bool(forward(member_id=member_id, actor=actor, now=now))
        except Exception:
            logger.exception("What has arrived with %s could not be forwarded.", member_id)
    return forwarded


def _record(what: str, merge: Merge, *, by: int, now: datetime) -> None:
    figures = {"merged": str(merge.merged_id), "survivor": str(merge.survivor_id), **merge.figures}
    reason = merge.decision_reason or merge.reason
    audit.record(actor=approvals.name_of(by), verb=f"merge.{what}", subject=f"member/{merge.survivor_id}", reason=reason, figures=figures, now=now)
