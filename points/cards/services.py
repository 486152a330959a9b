from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.ledger import services as ledger
from points.terms.rules import ExpiryPolicy

from . import selectors
from .models import Card

Status = Card.Status
MOST_AT_ONCE = 100


class CountInvalid(BusinessError):
    code, status, title = "card_count_invalid", 422, _("Between 1 and 100 cards are granted at a time.")


class NoCard(BusinessError):
    code, status, title = "no_card", 409, _("There is no such card to use.")


class CardNotAvailable(BusinessError):
    code, status, title = "card_not_available", 409, _("Only a card that can still be used can be withdrawn.")


@transaction.atomic(savepoint=False)
def grant(*, member_id: UUID, kind: str, count: int = 1, subject: str = "", reason: str = "", actor: str, key: str, now: datetime) -> list[Card]:
    """Give the member `count` cards of a kind; their term runs from `now`. An operator says why: `reason` goes to the audit trail.

    The same key again gives the same cards. Refuses: CardKindUnknown, CountInvalid, KeyConflict.
    """
    if not 1 <= count <= MOST_AT_ONCE:
        raise CountInvalid(most=MOST_AT_ONCE)
    ledger.lock(member_id=member_id)
    earlier = list(Card.objects.filter(member_id=member_id, key=key).order_by("number"))
    if earlier:
        if (earlier[0].kind_id, len(earlier), earlier[0].subject) != (kind, count, subject):
            raise ledger.KeyConflict(key=key)
        return earlier
    of_kind = selectors.kind(kind)
    term = ExpiryPolicy("days", of_kind.valid_days) if of_kind.valid_days else ExpiryPolicy("never")
    expires_at = term.expires_at(now, programme.zone(now=now))
    if reason:
        figures = {"kind": kind, "count": count, "key": key}
        audit.record(actor=actor, verb="card.granted", subject=f"member/{member_id}", reason=reason, figures=figures, now=now)
    about = {"member_id": member_id, "kind": of_kind, "subject": subject, "actor": actor, "granted_at": now, "expires_at": expires_at}
    return Card.objects.bulk_create([Card(**about, key=key, number=number) for number in range(1, count + 1)])


@transaction.atomic(savepoint=False)
def use(*, member_id: UUID, kind: str, subject: str, now: datetime) -> Card:
    """Use a card of that kind for `subject`: the one that expires first. For the same subject again: the same card. Refuses: NoCard."""
    assert subject, "a used card says for what"
    ledger.lock(member_id=member_id)
    used = Card.objects.filter(member_id=member_id, kind_id=kind, status=Status.USED, used_by=subject).first()
    if used is not None:
        return used
    card = selectors.usable(member_id=member_id, now=now).filter(kind_id=kind).first()
    if card is None:
        raise NoCard(kind=kind)
    return _move(card, Status.USED, used_by=subject, used_at=now)


@transaction.atomic(savepoint=False)
def give_back(*, member_id: UUID, subject: str, kinds: Collection[str] | None = None, now: datetime) -> list[Card]:
    """What used these cards, of `kinds` or of any, is undone: they are as they would be if it had never been.

    The cards given back, none the second time.
    """
    ledger.lock(member_id=member_id)
    used = Card.objects.filter(member_id=member_id, status=Status.USED, used_by=subject)
    given_back = [card for card in used if kinds is None or card.kind_id in kinds]
    return [_move(card, _as_if_never_used(card, now), used_by="", used_at=None) for card in given_back]


def _as_if_never_used(card: Card, now: datetime) -> Status:
    if card.withdrawn_for:
        return Status.WITHDRAWN
    return Status.EXPIRED if card.expires_at and card.expires_at <= now else Status.AVAILABLE


@transaction.atomic(savepoint=False)
def withdraw(*, member_id: UUID, card_id: UUID, reason: str, actor: str, now: datetime) -> Card:
    """An operator takes a card away that was not used yet. Refuses: CardUnknown, CardNotAvailable."""
    ledger.lock(member_id=member_id)
    card = Card.objects.filter(member_id=member_id, id=card_id).first()
    if card is None:
        raise selectors.CardUnknown
    if card.status != Status.AVAILABLE or (card.expires_at and card.expires_at <= now):
        raise CardNotAvailable(card_status=card.status)
    _move(card, Status.WITHDRAWN, withdrawn_for=reason)
    figures = {"kind": card.kind_id, "card": str(card.id)}
    audit.record(actor=actor, verb="card.withdrawn", subject=f"member/{member_id}", reason=reason, figures=figures, now=now)
    return card


@transaction.atomic(savepoint=False)
def withdraw_won(*, member_id: UUID, kind: str, count: int, subject: str, key: str, now: datetime) -> list[Card]:
    """What `subject` had won falls: `count` of its cards go, those not used first. A used one stays used and is not given back later.

    The same key again takes no more. The cards that are withdrawn, or will be.
    """
    ledger.lock(member_id=member_id)
    won = list(Card.objects.filter(member_id=member_id, kind_id=kind, subject=subject).order_by("id"))
    left = count - sum(card.withdrawn_for == key for card in won)
    order = (Status.AVAILABLE, Status.EXPIRED, Status.USED)
    standing = sorted((card for card in won if not card.withdrawn_for), key=lambda card: order.index(Status(card.status)))
    taken = standing[: max(left, 0)]
    for card in taken:
        if card.status == Status.AVAILABLE:
            _move(card, Status.WITHDRAWN, withdrawn_for=key)
        else:
            card.withdrawn_for = key
            card.save(update_fields=["withdrawn_for"])
    return taken


@transaction.atomic
def expire_due(*, limit: int, now: datetime) -> int:
    """Book at most `limit` cards as expired whose time is over; how many it was."""
    due = selectors.due(limit=limit, now=now)
    cards, members = [card_id for card_id, _member in due], {member_id for _card, member_id in due}
    ledger.lock_all(member_ids=members)
    return Card.objects.filter(id__in=cards, member_id__in=members, status=Status.AVAILABLE, expires_at__lte=now).update(status=Status.EXPIRED)


def _move(card: Card, status: Status, **changes: Any) -> Card:
    assert status in Card.ARROWS[Status(card.status)], f"a card does not go from {card.status} to {status}"
    moved = Card.objects.filter(id=card.id, member_id=card.member_id, status=card.status).update(status=status, **changes)
    assert moved == 1, "the account's lock guards its cards"
    for name, value in {"status": status, **changes}.items():
        setattr(card, name, value)
    return card


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID) -> int:
    """The cards that the member can still use are another's from now on; how many. Used ones stay where they were used.

    The caller holds both accounts.
    """
    there = Card.objects.filter(member_id=into_id, key=OuterRef("key"), number=OuterRef("number"))
    return Card.objects.filter(~Exists(there), member_id=from_id, status=Status.AVAILABLE).update(member_id=into_id)
