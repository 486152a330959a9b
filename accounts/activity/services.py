"""Recording facts. What they mean for points is decided above (`mall.checkout`), in the same transaction."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import local_date as day_of
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules, selectors
from .models import Behaviour, FactKind, GuestPurchase, Purchase, PurchaseNumber, Refund, UnmatchedRefund
from .selectors import FactKindOurs, FactKindUnknown

Status = UnmatchedRefund.Status


class PurchaseConflict(BusinessError):
    code, status, title = "purchase_conflict", 409, _("A purchase with this id was recorded with other content.")


class RefundConflict(BusinessError):
    code, status, title = "refund_conflict", 409, _("A refund with this id was recorded with other content.")


class AlreadyClaimed(BusinessError):
    code, status, title = "already_claimed", 409, _("This purchase was claimed before.")


class RefundDecided(BusinessError):
    code, status, title = "refund_decided", 409, _("This refund was applied or closed before.")


class FactKindInvalid(BusinessError):
    """`faults`: pairs of a field's name ("" for the kind itself) and a sentence."""

    code, status, title = "fact_kind_invalid", 422, _("This kind of fact cannot work.")


class FactKindFixed(BusinessError):
    code, status, title = "fact_kind_fixed", 409, _("Of a built-in kind only the names change, and whether it is accepted where the programme can do without.")


class FactKindTaken(BusinessError):
    code, status, title = "fact_kind_taken", 409, _("There is a kind of this code already.")


class FactConflict(BusinessError):
    code, status, title = "fact_conflict", 409, _("An event with this id was recorded with other content.")


class FactRepeated(BusinessError):
    """`of`: the id of the event that came before it, `since`: when that happened."""

    code, status, title = "fact_repeated", 409, _("The member did this before, and it counts once only.")


# One statement, so that an order of many lines is one round trip. Where the number is another member's, nothing is written.
_RECORD = """
WITH number AS (
    INSERT INTO accounts_purchasenumber (external_id, member_id, purchase_id) VALUES (%(external_id)s, %(member)s, %(id)s)
        ON CONFLICT (external_id) DO UPDATE SET member_id = EXCLUDED.member_id, purchase_id = EXCLUDED.purchase_id
                                  WHERE accounts_purchasenumber.member_id IS NULL
        RETURNING xmax <> 0 AS heard_of, delivered_at),
purchase AS (
    INSERT INTO accounts_purchase
           (id, member_id, external_id, occurred_at, currency, paid_cents, shipping_cents, channel, discounts, hold_ref, digest, recorded_at)
    SELECT %(id)s, %(member)s, %(external_id)s, %(occurred_at)s, %(currency)s, %(paid)s, %(shipping)s, %(channel)s, %(discounts)s, %(hold)s, %(digest)s, %(now)s
      FROM number),
lines AS (
    INSERT INTO accounts_purchaseline (id, member_id, purchase_id, position, external_id, sku, category, brand, quantity, amount_cents, cost_cents,
                                       paid_cents)
    SELECT l.key, %(member)s, %(id)s, l.position, l.id, l.sku, l.category, l.brand, l.quantity, l.amount_cents, l.cost_cents, l.paid_cents
      FROM number, json_to_recordset(%(lines)s)
        AS l(key uuid, position int, id text, sku text, category text, brand text, quantity bigint, amount_cents bigint, cost_cents bigint,
             paid_cents bigint))
SELECT heard_of, delivered_at FROM number"""


class Recorded(NamedTuple):
    """`heard_of`: somebody spoke of this purchase before it came; only then a refund can be waiting for it, or it was a guest's
    and perhaps delivered.
    """

    purchase: Purchase
    heard_of: bool
    delivered_at: datetime | None


@transaction.atomic(savepoint=False)
def record_purchase(*, member_id: UUID, facts: rules.Purchase, digest: str, now: datetime) -> Recorded:
    """Write down a purchase that is not known yet. The caller holds the member's lock. One kept for a guest is claimed with it.

    Refuses: PurchaseConflict, where the number has become another member's meanwhile, or a guest's with other content.
    """
    purchase = Purchase(
        member_id=member_id,
        external_id=facts.id,
        occurred_at=facts.occurred_at,
        currency=facts.currency,
        paid_cents=facts.paid_cents,
        shipping_cents=facts.shipping_cents,
        channel=facts.channel,
        discounts=list(facts.discounts),
        hold_ref=facts.hold,
        digest=digest,
        recorded_at=now,
    )
    values = {
        "id": purchase.id,
        "member": member_id,
        "external_id": facts.id,
        "occurred_at": facts.occurred_at,
        "currency": facts.currency,
        "paid": facts.paid_cents,
        "shipping": facts.shipping_cents,
        "channel": facts.channel,
        "discounts": json.dumps(purchase.discounts),
        "hold": facts.hold,
        "digest": digest,
        "now": now,
        "lines": json.dumps([{"key": str(new_id()), "position": position, **rules.fields_of(line)} for position, line in enumerate(facts.lines)]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, values)
        number = cursor.fetchone()
    if number is None:
        raise PurchaseConflict(purchase=facts.id)
    purchase._state.adding = False
    recorded = Recorded(purchase, *number)
    if recorded.heard_of and (guest := GuestPurchase.objects.filter(external_id=facts.id).first()):
        if guest.digest != digest:
            raise PurchaseConflict(purchase=facts.id)
        claim_guest_purchase(external_id=facts.id, member_id=member_id, now=now)
    return recorded


@transaction.atomic(savepoint=False)
def keep_kind(*, kind: FactKind, actor: str, now: datetime) -> FactKind:
    """Write a kind as it stands in hand: a new one, or a change of one that is there.

    Once facts of a kind were told, its fields and how often it counts stay; fields may be added. Refuses: FactKindTaken, FactKindFixed,
    FactKindInvalid.
    """
    before = FactKind.objects.select_for_update().filter(code=kind.code).first()
    if kind.code in rules.OTHER_WORDS or (before is not None and kind._state.adding):
        raise FactKindTaken(kind=kind.code)
    changed = [name for name in _EDITED if before is None or getattr(before, name) != getattr(kind, name)]
    if before is not None and before.built_in and not {"name_zh", "name_en", *(() if before.needed else ("active",))}.issuperset(changed):
        raise FactKindFixed(kind=kind.code)
    if faults := selectors.faults_of_kind(kind, before=before):
        raise FactKindInvalid(
            " ".join([str(FactKindInvalid.title), *(f"{name}: {sentence}" if name else sentence for name, sentence in faults)]), faults=faults
        )
    kind.save()
    forget(FactKind)
    audit.record(actor=actor, verb="fact_kind.kept", subject=f"fact_kind/{kind.code}", figures={name: getattr(kind, name) for name in changed}, now=now)
    return kind


_EDITED = ("name_zh", "name_en", "description", "once", "subject", "fields", "active")


class RecordedBehaviour(NamedTuple):
    """`repeated`: the same id with the same content came before; this is what was recorded then."""

    behaviour: Behaviour
    repeated: bool


@transaction.atomic(savepoint=False)
def record_behaviour(
    *,
    member_id: UUID,
    kind: str,
    external_id: str,
    data: Mapping[str, Any],
    occurred_at: datetime,
    ours: bool,
    local_date: date | None = None,
    now: datetime,
) -> RecordedBehaviour:
    """Write down what a member did. The caller holds the member's lock. `ours`: the programme itself tells it.

    `local_date` is the business day, by default that of `occurred_at` in the programme's zone. A withdrawn fact keeps its id: the
    same message again is a replay of it.
    Refuses: FactKindUnknown (also of a kind that is switched off), FactKindOurs, FactDataInvalid, FactConflict, FactRepeated.
    """
    shape = selectors.fact_kind(kind)
    if shape.ours and not ours:
        raise FactKindOurs(kind=kind)
    if not shape.active:
        raise FactKindUnknown(_("Events of this kind are not accepted any more."), kind=kind)
    kept = selectors.checked(kind=shape, data=data)
    day = local_date or day_of(occurred_at, programme.zone(now=occurred_at))
    made = Behaviour(
        member_id=member_id,
        kind=shape,
        external_id=external_id,
        once_key=rules.once_key(shape.once, shape.subject, external_id=external_id, day=day, data=kept),
        occurred_at=occurred_at,
        local_date=day,
        data=kept,
        digest=rules.digest_of_behaviour(occurred_at=occurred_at, data=kept),
        recorded_at=now,
    )
    if _insert(made):
        return RecordedBehaviour(made, False)
    earlier = Behaviour.objects.filter(member_id=member_id, kind_id=kind, external_id=external_id).first()
    if earlier is None:
        earlier = Behaviour.objects.get(member_id=member_id, kind_id=kind, once_key=made.once_key)
        raise FactRepeated(of=earlier.external_id, since=earlier.occurred_at.isoformat())
    if earlier.digest != made.digest:
        raise FactConflict(id=external_id)
    return RecordedBehaviour(earlier, True)


_NOTE = """
INSERT INTO accounts_behaviour (id, member_id, kind_id, external_id, once_key, occurred_at, local_date, data, digest, recorded_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""


def _insert(made: Behaviour) -> bool:
    """Whether it is written: not where its id or what it counts once for is taken, by whoever was first."""
    values = [made.id, made.member_id, made.kind_id, made.external_id, made.once_key, made.occurred_at, made.local_date]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [*values, json.dumps(made.data), made.digest, made.recorded_at])
        written = cursor.rowcount == 1
    made._state.adding = not written
    return written


@transaction.atomic(savepoint=False)
def withdraw_behaviour(*, behaviour: Behaviour, free_key: bool, now: datetime) -> Behaviour:
    """It did not hold. Its row and its id stay; with `free_key`, what it counted once for can be done again. Twice is once.

    The caller holds the member's lock.
    """
    if behaviour.withdrawn_at is None:
        behaviour.withdrawn_at = now
        if free_key:
            behaviour.once_key = f"#withdrawn/{behaviour.id}"
        behaviour.save(update_fields=["withdrawn_at", "once_key"])
    return behaviour


@transaction.atomic(savepoint=False)
def amend_behaviour(*, behaviour: Behaviour, data: Mapping[str, Any], now: datetime) -> Behaviour:
    """It turned out otherwise. What was told first stays beside it, with its digest, its day and what it counted once for.

    The caller holds the member's lock. Refuses: FactDataInvalid.
    """
    kind = selectors.fact_kind(behaviour.kind_id)
    behaviour.amended = selectors.checked(kind=kind, data=data)
    behaviour.save(update_fields=["amended"])
    return behaviour


@transaction.atomic(savepoint=False)
def hold_number(*, external_id: str) -> PurchaseNumber:
    """Meet whoever else speaks of this purchase now: its number, made if it is new, locked until the transaction ends."""
    PurchaseNumber.objects.bulk_create([PurchaseNumber(external_id=external_id)], ignore_conflicts=True)
    return PurchaseNumber.objects.select_for_update().get(external_id=external_id)


@transaction.atomic(savepoint=False)
def keep_delivery(*, external_id: str, occurred_at: datetime) -> PurchaseNumber:
    """Keep in mind that a purchase which is nobody's yet was delivered: when it was told first. What is known of it then."""
    number = hold_number(external_id=external_id)
    if number.purchase_id is None and number.delivered_at is None:
        number.delivered_at = occurred_at
        number.save(update_fields=["delivered_at"])
    return number


@transaction.atomic(savepoint=False)
def record_refund(*, purchase: Purchase, facts: rules.Refund, amount_cents: int, digest: str, now: datetime) -> Refund:
    """Write down a refund that is not known yet. The caller holds the member's lock and has found the amount right."""
    return Refund.objects.create(
        id=new_id(),
        member_id=purchase.member_id,
        purchase=purchase,
        external_id=facts.id,
        occurred_at=facts.occurred_at,
        amount_cents=amount_cents,
        facts=rules.refund_as_json(facts),
        digest=digest,
        recorded_at=now,
    )


def mark_refunded(*, purchase: Purchase) -> None:
    """All of its money or goods came back: it counts among the member's purchases no more. The caller holds the member's lock."""
    Purchase.objects.filter(member_id=purchase.member_id, id=purchase.id).update(refunded=True)
    purchase.refunded = True


@transaction.atomic(savepoint=False)
def keep_refund(*, purchase_ref: str, member_ref: str = "", facts: rules.Refund, why: str, now: datetime) -> UnmatchedRefund:
    """Keep a refund that cannot be applied: waiting where it names a purchase, else parked. The same again changes nothing.

    Refuses: RefundConflict.
    """
    digest = rules.digest(facts, purchase=purchase_ref, member=member_ref)
    made = UnmatchedRefund(
        external_id=facts.id,
        purchase_ref=purchase_ref,
        member_ref=member_ref,
        status=Status.WAITING if purchase_ref else Status.PARKED,
        why=why,
        facts=rules.refund_as_json(facts),
        digest=digest,
        occurred_at=facts.occurred_at,
        recorded_at=now,
    )
    UnmatchedRefund.objects.bulk_create([made], ignore_conflicts=True)
    kept = UnmatchedRefund.objects.get(purchase_ref=purchase_ref, external_id=facts.id)
    if kept.digest != digest:
        raise RefundConflict(refund=facts.id)
    return kept


def _turn(refund: UnmatchedRefund, status: Status, *, actor: str, reason: str, now: datetime, why: str = "") -> UnmatchedRefund:
    """One arrow, taken once whoever else tries."""
    origins = [one for one, ends in UnmatchedRefund.ARROWS.items() if status in ends]
    told = {"why": why} if status in UnmatchedRefund.OPEN else {"decided_by": actor, "decided_at": now, "reason": reason}
    if not UnmatchedRefund.objects.filter(id=refund.id, status__in=origins).update(status=status, **told):
        raise RefundDecided
    refund.refresh_from_db()
    return refund


def mark_applied(*, refund: UnmatchedRefund, actor: str, reason: str = "", now: datetime) -> UnmatchedRefund:
    """It has become a refund of a purchase. Refuses: RefundDecided."""
    return _turn(refund, Status.APPLIED, actor=actor, reason=reason, now=now)


def park(*, refund: UnmatchedRefund, why: str, actor: str, reason: str = "", now: datetime) -> UnmatchedRefund:
    """Leave it to an operator. Refuses: RefundDecided."""
    return _turn(refund, Status.PARKED, actor=actor, reason=reason, now=now, why=why)


def close(*, refund: UnmatchedRefund, actor: str, reason: str, now: datetime) -> UnmatchedRefund:
    """It will never be applied. Refuses: RefundDecided."""
    return _turn(refund, Status.CLOSED, actor=actor, reason=reason, now=now)


@transaction.atomic(savepoint=False)
def keep_guest_purchase(*, facts: rules.Purchase, now: datetime) -> GuestPurchase:
    """Keep a purchase of nobody's until it is claimed. The same again changes nothing. Refuses: PurchaseConflict."""
    digest = rules.digest(facts)
    selectors.refuse_gone(selectors.number(external_id=facts.id))
    number = hold_number(external_id=facts.id)
    if number.purchase_id is not None and not GuestPurchase.objects.filter(external_id=facts.id).exists():
        raise PurchaseConflict(purchase=facts.id)
    made = GuestPurchase(external_id=facts.id, facts=rules.purchase_as_json(facts), digest=digest, occurred_at=facts.occurred_at, recorded_at=now)
    GuestPurchase.objects.bulk_create([made], ignore_conflicts=True)
    kept = GuestPurchase.objects.get(external_id=facts.id)
    if kept.digest != digest:
        raise PurchaseConflict(purchase=facts.id)
    return kept


@transaction.atomic(savepoint=False)
def claim_guest_purchase(*, external_id: str, member_id: UUID, now: datetime) -> rules.Purchase:
    """Make a guest's purchase the member's, once; the purchase as it came. The same member again is a replay. Refuses: AlreadyClaimed."""
    claimed = GuestPurchase.objects.filter(external_id=external_id, claimed_by=None).update(claimed_by_id=member_id, claimed_at=now)
    guest = GuestPurchase.objects.get(external_id=external_id)
    if not claimed and guest.claimed_by_id != member_id:
        raise AlreadyClaimed
    return rules.purchase_from_json(guest.facts)
