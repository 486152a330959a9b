from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.members.models import Member
from accounts.referrals import selectors as referrals
from loyalty.lib.refusals import BusinessError
from points.cards import selectors as cards
from points.earning import selectors as earning
from points.earning.models import Grant
from points.ledger import selectors as books
from points.ledger.models import Hold
from riskcontrol.screening import selectors as screening
from tiers.standing import selectors as standings

from .models import Merge


class MergeUnknown(BusinessError):
    code, status, title = "merge_unknown", 404, _("There is no such merge.")


class Side(NamedTuple):
    """What one of the two brings: `offered` are points that wait to be claimed."""

    member: Member
    balance: books.Balance
    open_holds: int
    offered: int
    frozen: bool
    blocked: bool
    tier: str
    rank: int
    cards: int
    invited: int


class Preview(NamedTuple):
    """Both sides, what the survivor will have, and what an operator should know before: sentences."""

    merged: Side
    survivor: Side
    available: int
    debt: int
    pending: int
    notes: list[str]


def waiting() -> QuerySet[Merge]:
    """What a second person has to decide on, the oldest first."""
    return Merge.objects.filter(status=Merge.Status.WAITING).order_by("requested_at")


def get(merge_id: UUID) -> Merge:
    found = Merge.objects.select_related("merged", "survivor").filter(id=merge_id).first()
    if found is None:
        raise MergeUnknown
    return found


def open_holds(*, member_id: UUID) -> QuerySet[Hold]:
    return Hold.objects.filter(member_id=member_id, status=Hold.Status.OPEN).order_by("expires_at", "id")


def open_offers(*, member_id: UUID, now: datetime) -> QuerySet[Grant]:
    return earning.offers(member_id=member_id).filter(status=Grant.Status.OFFERED, claim_until__gt=now).order_by("id")


def _side(member: Member, *, now: datetime) -> Side:
    place = standings.standing(member_id=member.id, now=now)
    return Side(
        member,
        books.balance(member_id=member.id, now=now),
        open_holds(member_id=member.id).count(),
        sum(grant.left for grant in open_offers(member_id=member.id, now=now)[:1000]),
        books.frozen(member_id=member.id),
        screening.is_blocked(member_id=member.id, now=now),
        place.name,
        place.rank,
        sum(cards.available_kinds(member_id=member.id, now=now).values()),
        referrals.of_inviter(member_id=member.id).count(),
    )


def preview(*, merged: Member, survivor: Member, now: datetime) -> Preview:
    """What a merge would come to now."""
    old, stays = _side(merged, now=now), _side(survivor, now=now)
    sides = (old, stays)
    released = old.balance.held
    have = old.balance.available + stays.balance.available + released + old.offered
    owed = sum(side.balance.debt for side in sides)
    notes = []
    if old.open_holds:
        notes.append(
            _("%(count)s open holds of the merged member are released; a purchase that names one is paid from the balance.") % {"count": old.open_holds}
        )
    if old.offered:
        notes.append(_("%(points)s points that wait to be claimed are claimed.") % {"points": f"{old.offered:,}"})
    if old.balance.pending:
        notes.append(_("%(points)s pending points come over as they mature.") % {"points": f"{old.balance.pending:,}"})
    if merged.birthday and survivor.birthday and merged.birthday != survivor.birthday:
        notes.append(_("The birthdays differ: %(kept)s stays, %(dropped)s does not.") % {"kept": survivor.birthday, "dropped": merged.birthday})
    if survivor.id == merged.referred_by_id or merged.id == survivor.referred_by_id:
        notes.append(_("One of them invited the other: nobody invites themselves, so that referral is cancelled and what it brought is taken back."))
    elif referrals.awaits_order(member_id=merged.id):
        notes.append(_("The merged member was invited, and the first order has not come: that referral is cancelled."))
    if both := activity.done_by_both(member_ids=[merged.id, survivor.id]):
        names = ", ".join(kind.name for kind in both)
        notes.append(_("Both did what counts once only, and were rewarded each: %(names)s. Nothing is taken back for it.") % {"names": names})
    notes.append(_("Purchases, check-ins and streak, missions, badges and proofs of the merged member stay on record under their old id."))
    return Preview(old, stays, max(0, have - owed), max(0, owed - have), sum(side.balance.pending for side in sides), [str(note) for note in notes])
