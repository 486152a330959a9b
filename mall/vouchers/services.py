from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.channels.services import keeping_connections
from accounts.members import selectors as members_seen
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.lib.threads import in_threads
from mall.redemptions import selectors as redemptions_seen
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.services import HandOut, hands_out
from mall.rewards.services import item_checked_by
from points.ledger import services as ledger

from . import rules, selectors
from .models import Provider, ProviderProduct, VoucherAttempt, VoucherOrder
from .providers import signed_http
from .rules import Answer, Voucher

State, Ask, Purpose = VoucherOrder.State, VoucherOrder.Ask, VoucherOrder.Purpose
logger = structlog.get_logger(__name__)
JOB = "mall.send_voucher_orders"
# A question that is silent for so long got no answer: no task lives as long.
LEASE = timedelta(minutes=3)
ACTOR = redemptions.PARTNER


class VoucherUnavailable(BusinessError):
    code, status, title = "voucher_unavailable", 409, _("This cannot be ordered from its provider now.")


class VoucherOrdered(BusinessError):
    code, status, title = "voucher_ordered", 409, _("It has been ordered from its provider. Have the voucher taken back; the points return with it.")


class OrderUnderWay(BusinessError):
    code, status, title = "voucher_order_under_way", 409, _("The provider is being asked at this moment, or the order is settled. Look again in a minute.")


class VouchersMissing(BusinessError):
    code, status, title = "vouchers_missing", 422, _("Write a line for each voucher that was ordered.")


class NobodyThere(BusinessError):
    code, status, title = "voucher_for_nobody", 409, _("The member was erased: nobody gets it. Have the provider cancel it, or say that nothing was issued.")


class ProviderInvalid(BusinessError):
    code, status, title = "provider_invalid", 422, _("The provider cannot be kept as it is.")


@transaction.atomic(savepoint=False)
def keep(*, provider: Provider, products: Sequence[ProviderProduct] = (), actor: str, now: datetime) -> Provider:
    """Write a provider, and these of its products, as they stand in hand. Refuses: ProviderInvalid, with a sentence for each field."""
    try:
        for row in (provider, *products):
            row.full_clean(validate_unique=False, exclude=["provider"])
            row.save()
    except ValidationError as error:
        raise ProviderInvalid(fields=error.message_dict) from error
    kept(provider, actor=actor, now=now)
    return provider


def kept(provider: Provider, *, actor: str, now: datetime) -> None:
    """A provider or its products were changed: put it on record, and let what waits for it go on."""
    figures = {"base_url": provider.base_url, "key_id": provider.key_id, "active": provider.active}
    audit.record(actor=actor, verb="voucher_provider.kept", subject=f"voucher_provider/{provider.code}", figures=figures, now=now)
    audit.wake(job=JOB)


# Ordering


def check(product: ProviderProduct | None) -> None:
    """Whether it can be ordered now. Refuses: VoucherUnavailable."""
    if product is None or not product.active or selectors.fault(product.provider):
        raise VoucherUnavailable


def order(*, product: ProviderProduct, ends_at: datetime | None = None, until: datetime | None = None, now: datetime, **about: Any) -> VoucherOrder:
    """Write an order, within the caller's transaction; the job asks for it after the commit.

    `ends_at`: it is lent until then. `until`: when nobody has answered by then, an operator decides; by default after the provider's days.
    `about`: member_id, redemption_id, quantity; purpose and extends where it is not vouchers.
    """
    due = {"created_at": now, "due_at": now, "until": until or now + timedelta(days=product.provider.days)}
    audit.wake(job=JOB)
    return VoucherOrder.objects.create(product=product, provider_id=product.provider_id, sku=product.sku, ends_at=ends_at, **due, **about)


def call_off(*, order_id: UUID, member_id: UUID, now: datetime) -> bool:
    """What was never asked for is not asked for; whether that was so."""
    never_asked = VoucherOrder.objects.filter(id=order_id, member_id=member_id, state=State.WAITING, attempts=0)
    return bool(never_asked.update(state=State.WITHDRAWN, settled_at=now))


def ask_back(*, order_id: UUID, member_id: UUID, now: datetime) -> None:
    """What was lent is to come back: its provider is asked until it says that it has it. Part of the caller's transaction, under the member's lock."""
    order = VoucherOrder.objects.select_for_update(no_key=True, of=("self",)).select_related("provider").get(id=order_id, member_id=member_id)
    assert order.purpose == Purpose.LOAN and order.state == State.DELIVERED, "only what is lent comes back"
    _asked_anew(order, asks=Ask.RETURN, now=now)


Told = Callable[..., None]
_told: dict[str, Told] = {}


def told_by(purpose: Purpose, told: Told) -> None:
    """A feature declares who is told that an order for that purpose has moved: `told(order, actor=, reason=, now=)`, in the same transaction."""
    _told[purpose] = told


# What a redemption of the kind voucher does


def _reserve(row: Redemption, now: datetime) -> None:
    """Nothing is set aside; but nobody is to pay for what could not be ordered. Refuses: VoucherUnavailable."""
    check(selectors.product(row.item))


def _give(row: Redemption, now: datetime) -> Redemption.Status:
    """Write the order; the job asks for it after the commit. Refuses: VoucherUnavailable, but not where money was paid: then it waits."""
    if row.hold_id is None:
        _reserve(row, now)
    product = selectors.product(row.item)
    assert product is not None, "a reward names a product, and products are never deleted once they are named"
    order(product=product, member_id=row.member_id, redemption_id=row.id, quantity=row.quantity, now=now)
    return Redemption.Status.FULFILLING


def _take_back(row: Redemption, quantity: int, now: datetime) -> None:
    """What was never asked for is not asked for; what came to nothing needs no taking back. Refuses: VoucherOrdered for all else."""
    order = selectors.order_of(redemption_id=row.id, member_id=row.member_id)
    if order and quantity == row.quantity and call_off(order_id=order.id, member_id=row.member_id, now=now):
        return
    if order is None or order.state not in VoucherOrder.VOID:
        raise VoucherOrdered


def _show(row: Redemption) -> list[dict[str, Any]]:
    order = selectors.order_of(redemption_id=row.id, member_id=row.member_id)
    if order is None or order.state != State.DELIVERED:
        return []
    return [{"name": order.product.name, **one} for one in order.vouchers]


# Asking providers


def send_due(*, limit: int, at_once: int = 1, until: datetime | None = None, clock: Callable[[], datetime]) -> Counter[str]:
    """Ask about what is due, at most `limit` orders of each provider; how many came to what. Outside any transaction; safe in several workers.

    `at_once` of them wait for their providers at the same time, each on a connection of its own. None is begun after `until`. Where a provider
    is not reached or asks for patience, the others of its orders are left for the next pass. `clock` tells the time, since the network takes some.
    """
    work = selectors.due(limit=limit, now=clock())
    return in_threads(lambda part: _send_all(part, until, clock), [work[first::at_once] for first in range(at_once)], at_once=at_once)


def _send_all(work: Sequence[selectors.Due], until: datetime | None, clock: Callable[[], datetime]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    still: set[str] = set()
    with keeping_connections():
        for order, line in work:
            if until is not None and clock() >= until:
                break
            if order.provider_id in still:
                continue
            attempt = _begin(order, now=clock())
            if attempt is None:
                continue
            extends = str(order.extends_id or "")
            about = {"key": str(order.id), "sku": order.sku, "quantity": order.quantity, "until": order.ends_at, "extends": extends}
            answer = signed_http.ask(line, attempt.ask, **about, now=clock())
            log = logger.info if answer.said in rules.FINAL else logger.warning
            log("voucher provider asked", provider=order.provider_id, order=str(order.id), ask=attempt.ask, said=answer.said, detail=answer.detail)
            outcomes[_booked(order, attempt, answer, now=clock())] += 1
            if answer.said in ("throttled", "unreachable", "unknown"):
                still.add(order.provider_id)
    return outcomes


@transaction.atomic
def _begin(order: VoucherOrder, *, now: datetime) -> VoucherAttempt | None:
    """Claim the order and write down that its provider is being asked; None where another worker was quicker."""
    waiting = VoucherOrder.objects.filter(id=order.id, member_id=order.member_id, state=State.WAITING, attempts=order.attempts, asks=order.asks)
    if not waiting.update(state=State.SENDING, attempts=order.attempts + 1, lease_until=now + LEASE):
        return None
    about = {"member_id": order.member_id, "order_id": order.id, "number": order.attempts + 1}
    return VoucherAttempt.objects.create(**about, ask=order.asks, started_at=now)


def _booked(order: VoucherOrder, attempt: VoucherAttempt, answer: Answer, *, now: datetime) -> str:
    """The order's state then, or `failed`: what cannot be booked keeps no other order waiting. Its question counts as unanswered, later."""
    try:
        return _finish(order, attempt, answer, now=now)
    except Exception:
        logger.exception("voucher order not booked", order=str(order.id), said=answer.said)
        return "failed"


@transaction.atomic
def _finish(order: VoucherOrder, attempt: VoucherAttempt, answer: Answer, *, now: datetime) -> str:
    """Write down what the provider answered, and what follows from it; gives the order's state then."""
    ledger.lock(member_id=order.member_id)
    order = VoucherOrder.objects.select_for_update(no_key=True).get(id=order.id, member_id=order.member_id)
    chain = selectors.attempts(order)
    # Late: its lease ran out meanwhile. What cannot change any more counts all the same, as long as nothing else was asked since.
    overtaken = order.asks in (Ask.DELETE, Ask.RETURN) and attempt.ask != order.asks
    late = answer.said in rules.FINAL and order.state in (State.WAITING, State.UNKNOWN) and not overtaken
    counts = attempt.number == order.attempts and (order.state == State.SENDING or late)
    if counts or answer.said in rules.FINAL:
        chain.filter(number=attempt.number).update(answered_at=now, outcome=answer.said, detail=answer.detail, counted=counts)
    if not counts:
        return order.state
    asked_for = chain.filter(number__lt=attempt.number, ask=Ask.POST)
    unanswered = asked_for.filter(outcome=VoucherAttempt.Outcome.UNKNOWN).exists()
    refused = answer.said == "absent" and asked_for.filter(outcome=VoucherAttempt.Outcome.REFUSED).exists()
    erased = members_seen.is_erased(order.member_id)
    # Of what is lent its rental knows that it is to come back.
    unwanted = erased and order.purpose == Purpose.VOUCHER
    about = {"unanswered": unanswered, "refused": refused, "attempts": attempt.number, "until": order.until, "unwanted": unwanted}
    following = rules.following(answer, ask=attempt.ask, **about, now=now)
    settled = {"vouchers": [one._asdict() for one in answer.vouchers]} if answer.vouchers else {}
    if following.state in VoucherOrder.VOID or erased:
        settled = {"vouchers": []}
    due_at = following.due_at or order.due_at
    number = answer.number or order.number
    _go(order, State(following.state), asks=following.ask, due_at=due_at, number=number, detail=answer.detail, **settled, now=now)
    taken_back = attempt.ask == Ask.DELETE
    _tell(order, actor=order.actor if taken_back else ACTOR, reason=order.reason if taken_back else answer.detail, now=now)
    return order.state


def _go(order: VoucherOrder, to: State, *, now: datetime, **changes: Any) -> None:
    """Take an arrow of an order that is locked."""
    assert to in VoucherOrder.ARROWS.get(State(order.state), ()), f"an order that is {order.state} cannot be {to}"
    changes |= {"state": to, "lease_until": None, "settled_at": None if to == State.WAITING else now}
    for name, value in changes.items():
        setattr(order, name, value)
    order.save(update_fields=list(changes))


def _tell(order: VoucherOrder, *, actor: str, reason: str, now: datetime) -> None:
    _told.get(order.purpose, settle)(order, actor=actor, reason=reason, now=now)


def settle(order: VoucherOrder, *, actor: str, reason: str, now: datetime) -> None:
    """What the order's state means for its redemption: the vouchers are there, or the points go back. Once it does, again does nothing."""
    row = redemptions_seen.redemption(redemption_id=order.redemption_id, member_id=order.member_id)
    if order.state == State.DELIVERED:
        redemptions.deliver(redemption_id=row.id, actor=actor, now=now)
    elif order.state in VoucherOrder.VOID and row.status == Redemption.Status.FULFILLING:
        redemptions.cancel(redemption_id=row.id, reason=reason[:300], actor=actor, now=now)
    elif order.state in VoucherOrder.VOID and row.status not in Redemption.VOID:
        redemptions.return_(redemption_id=row.id, restock=True, reason=reason[:300] or order.state, actor=actor, key="voucher", now=now)


def recover(*, limit: int, now: datetime) -> int:
    """Treat questions whose lease has run out as unanswered, at most `limit`: their worker died, or nobody knows; how many there were."""
    silent = list(VoucherOrder.objects.filter(state=State.SENDING, lease_until__lt=now).order_by("lease_until")[:limit])
    for order in silent:
        attempt = selectors.attempts(order).get(number=order.attempts)
        _booked(order, attempt, Answer("unknown", detail="worker_gone"), now=now)
    return len(silent)


def try_out(*, provider: Provider, actor: str, now: datetime) -> Answer:
    """Ask a provider, in use or not, for an order that does not exist: `absent` is the right answer. Outside any transaction."""
    line = selectors.line(provider)
    answer = signed_http.ask(line, "GET", key=str(new_id()), now=now) if line.secret else Answer("unreachable", detail="secret_missing")
    figures = {"said": answer.said, "detail": answer.detail}
    audit.record(actor=actor, verb="voucher_provider.tried", subject=f"voucher_provider/{provider.code}", figures=figures, now=now)
    return answer


# What operators decide


def _decided(order_id: UUID, origins: Sequence[State], verb: str, *, reason: str, actor: str, now: datetime) -> VoucherOrder:
    """The order under its member's lock, and the decision on record. Refuses: ReasonMissing, OrderUnderWay."""
    if not reason.strip():
        raise ReasonMissing
    found = VoucherOrder.objects.get(id=order_id)
    ledger.lock(member_id=found.member_id)
    order = VoucherOrder.objects.select_for_update(no_key=True).get(id=order_id, member_id=found.member_id)
    # What was lent comes back at the end of its rental, or when that is ended.
    if order.state not in origins or (order.state == State.DELIVERED and order.purpose != Purpose.VOUCHER):
        raise OrderUnderWay(state=order.state)
    figures = {"state": order.state, "redemption": str(order.redemption_id), "provider": order.provider_id}
    audit.record(actor=actor, verb=verb, subject=f"voucher_order/{order.id}", reason=reason.strip(), figures=figures, now=now)
    order.reason, order.actor = reason.strip(), actor
    order.save(update_fields=["reason", "actor"])
    return order


def _asked_anew(order: VoucherOrder, *, now: datetime, **changes: Any) -> VoucherOrder:
    changes |= {"due_at": now, "until": now + timedelta(days=order.provider.days)}
    if order.state == State.WAITING:
        VoucherOrder.objects.filter(id=order.id, member_id=order.member_id).update(**changes)
        order.refresh_from_db()
    else:
        _go(order, State.WAITING, **changes, now=now)
    audit.wake(job=JOB)
    return order


@transaction.atomic(savepoint=False)
def ask_again(*, order_id: UUID, reason: str, actor: str, now: datetime) -> VoucherOrder:
    """Ask the provider at once, and for as many days again. Refuses: ReasonMissing, OrderUnderWay."""
    order = _decided(order_id, (State.UNKNOWN, State.WAITING), "voucher_order.ask_again", reason=reason, actor=actor, now=now)
    return _asked_anew(order, now=now)


@transaction.atomic(savepoint=False)
def withdraw(*, order_id: UUID, reason: str, actor: str, now: datetime) -> VoucherOrder:
    """Have the provider cancel what it issued or may still issue; once it says so, the points go back. Refuses: ReasonMissing, OrderUnderWay.

    Where it says that it cannot any more, the vouchers stay with the member.
    """
    order = _decided(order_id, (State.UNKNOWN, State.WAITING, State.DELIVERED), "voucher_order.withdraw", reason=reason, actor=actor, now=now)
    if order.asks == Ask.RETURN:
        raise OrderUnderWay(state=order.state)
    return _asked_anew(order, asks=Ask.DELETE, now=now)


@transaction.atomic(savepoint=False)
def withdraw_all(*, member_ids: Collection[UUID], actor: str, now: datetime) -> int:
    """Nobody will be there: what was never asked for is not asked for, and what may be issued is to be cancelled at its provider; how many.

    What is being asked at this moment is cancelled once that is answered. Part of an erasure, under the members' locks.
    """
    under_way = VoucherOrder.objects.filter(member_id__in=member_ids, purpose=Purpose.VOUCHER, state__in=(State.WAITING, State.SENDING, State.UNKNOWN))
    orders = list(under_way.select_for_update(no_key=True, of=("self",)).select_related("provider").order_by("id"))
    for order in orders:
        if order.state == State.WAITING and not order.attempts:
            redemptions.cancel(redemption_id=order.redemption_id, reason="erased", actor=actor, now=now)
        elif order.state != State.SENDING:
            _asked_anew(order, asks=Ask.DELETE, actor=actor, now=now)
    return len(orders)


@transaction.atomic(savepoint=False)
def write_off(*, order_id: UUID, reason: str, actor: str, now: datetime) -> VoucherOrder:
    """An operator knows, by whatever way, that the member has and will have no voucher: the points go back. Of what was lent: that it is back.

    Refuses: ReasonMissing, OrderUnderWay.
    """
    order = _decided(order_id, (State.UNKNOWN,), "voucher_order.write_off", reason=reason, actor=actor, now=now)
    _go(order, State.WITHDRAWN if order.asks == Ask.RETURN else State.REFUSED, vouchers=[], now=now)
    _tell(order, actor=actor, reason=order.reason, now=now)
    return order


@transaction.atomic(savepoint=False)
def hand_over(*, order_id: UUID, vouchers: Sequence[Voucher], reason: str, actor: str, now: datetime) -> VoucherOrder:
    """An operator has the vouchers from the provider by another way, one for each that was ordered; none are needed where they came before.

    Of what was lent to a member who is erased now it is only known that it is lent, so that it can come back.
    Refuses: ReasonMissing, OrderUnderWay, VouchersMissing, NobodyThere.
    """
    order = _decided(order_id, (State.UNKNOWN,), "voucher_order.hand_over", reason=reason, actor=actor, now=now)
    if order.asks == Ask.RETURN:
        raise OrderUnderWay(state=order.state)
    if erased := members_seen.is_erased(order.member_id):
        if order.purpose == Purpose.VOUCHER:
            raise NobodyThere
        vouchers = ()
    known = [one._asdict() for one in rules.vouchers([one._asdict() for one in vouchers])] or order.vouchers
    wanted = 0 if order.extends_id or erased else order.quantity
    if len(known) != wanted or (vouchers and len(vouchers) != wanted):
        raise VouchersMissing(wanted=wanted)
    _go(order, State.DELIVERED, vouchers=known, now=now)
    _tell(order, actor=actor, reason=order.reason, now=now)
    return order


hands_out("voucher", HandOut(_give, _take_back, _show, _reserve))
item_checked_by("voucher", selectors.item_fault, among=lambda: ProviderProduct.objects.filter(active=True))
