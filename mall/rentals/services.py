import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from babel.dates import format_datetime
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from accounts.notifications import services as notifications
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from mall.redemptions import selectors as redemptions_seen
from mall.redemptions.models import Redemption
from mall.redemptions.services import HandOut, TierTooLow, hands_out
from mall.rewards import selectors as rewards
from mall.rewards import services as shelf
from mall.rewards.models import Reward, StockChange
from mall.rewards.services import item_checked_by
from mall.vouchers import services as vouchers
from mall.vouchers.models import VoucherOrder
from points.ledger import services as ledger
from points.merging import services as merging
from riskcontrol.screening import services as screening
from tiers.evaluation import services as tiers

from . import events, rules, selectors
from .models import Renewal, Rental, RentalTerms

logger = logging.getLogger(__name__)

State, Cause = Rental.State, Rental.Cause
JOB = "mall.rentals"
TIME = "time"


class TermsInvalid(BusinessError):
    code, status, title = "rental_terms_invalid", 422, _("The terms of the rental cannot be kept as they are.")


class RentalLimit(BusinessError):
    code, status, title = "rental_limit", 409, _("One member may not have borrowed so many of this at one time.")
    sentence = _("One member may have at most %(limit)s of it at one time; has %(had)s.")


class RentalOut(BusinessError):
    code, status, title = "rental_out", 409, _("It is lent, or the partner is being asked for it. End the rental; no points come back for it.")


class RentalNotOut(BusinessError):
    code, status, title = "rental_not_out", 409, _("It is not lent: the partner was not heard of yet, or has refused.")


class RentalOver(BusinessError):
    code, status, title = "rental_over", 409, _("The rental is over, or was given back.")


class RenewalUnderWay(BusinessError):
    code, status, title = "renewal_under_way", 409, _("A renewal is under way. Ask again once the partner has answered it.")


class NotRenewable(BusinessError):
    code, status, title = "rental_not_renewable", 409, _("This cannot be renewed.")


class RenewalsUsedUp(BusinessError):
    code, status, title = "rental_renewals_used_up", 409, _("It was renewed as often as it can be.")


_NOT_RENEWED: dict[str, type[BusinessError]] = {
    "not_out": RentalNotOut, "over": RentalOver, "under_way": RenewalUnderWay, "not_renewable": NotRenewable, "used_up": RenewalsUsedUp,
}  # fmt: skip


@transaction.atomic(savepoint=False)
def keep(*, terms: RentalTerms, actor: str, now: datetime) -> RentalTerms:
    """Write terms as they stand in hand. What is out keeps the terms of its day. Refuses: TermsInvalid, with a sentence for each field."""
    try:
        terms.full_clean(validate_unique=terms._state.adding)
    except ValidationError as error:
        raise TermsInvalid(fields=error.message_dict) from error
    terms.save()
    kept(terms, actor=actor, now=now)
    return terms


def kept(terms: RentalTerms, *, actor: str, now: datetime) -> None:
    """Terms were changed: put it on record."""
    figures = {"days": terms.days, "renewals": terms.renewals, "renewal_points": terms.renewal_points, "at_once": terms.at_once}
    audit.record(actor=actor, verb="rental_terms.kept", subject=f"rental_terms/{terms.code}", figures=figures, now=now)


# What a redemption of the kind rental does


def _reserve(row: Redemption, now: datetime) -> None:
    """Nobody is to pay for what could not be lent to them. Refuses: VoucherUnavailable, RentalLimit."""
    terms = selectors.terms(row.item)
    vouchers.check(terms.product if terms and terms.active else None)
    assert terms is not None
    if terms.at_once is not None:
        had = selectors.borrowed(member_id=row.member_id, terms=terms.code, but=row.id, now=now)
        if had + row.quantity > terms.at_once:
            raise RentalLimit(limit=terms.at_once, had=had)


def _give(row: Redemption, now: datetime) -> Redemption.Status:
    """Write the rental and the order; the job asks the partner. Refuses what `_reserve` refuses, but not where money was paid."""
    if row.hold_id is None:
        _reserve(row, now)
    terms = selectors.terms(row.item)
    assert terms is not None, "a reward names its terms, and terms are never deleted"
    ends_at = rules.ends_at(now, terms.days, programme.zone(now=now))
    about: dict[str, Any] = {"member_id": row.member_id, "redemption": row, "quantity": row.quantity}
    until = min(now + timedelta(days=terms.product.provider.days), ends_at)
    order = vouchers.order(product=terms.product, purpose=VoucherOrder.Purpose.LOAN, ends_at=ends_at, until=until, **about, now=now)
    # What a sale had set aside comes back to the shelf, where that is counted.
    stocked = row.stocked and rewards.offer_of(row.reward_id).counted
    rental = Rental.objects.create(
        order=order, terms=terms, days=terms.days, renewal_points=(terms.renewal_points or 0) * row.quantity, most_renewals=terms.renewals,
        remind_days=terms.remind_days, stocked=stocked, asked_at=now, ends_at=ends_at, **about,
    )  # fmt: skip
    _tell(rental, before="", now=now)
    return Redemption.Status.FULFILLING


def _take_back(row: Redemption, quantity: int, now: datetime) -> None:
    """What was refused, or never asked for, needs no taking back. Refuses: RentalOut for all else."""
    rental = selectors.of_redemption(row)
    if rental is None or rental.state == State.REFUSED:
        return
    whole = quantity == row.quantity and rental.state == State.ASKED
    if not (whole and vouchers.call_off(order_id=rental.order_id, member_id=row.member_id, now=now)):
        raise RentalOut(gettext("Its term is over, or it was given back: no points come back for it.") if rental.cause else "")
    _go(rental, State.REFUSED, settled_at=now, now=now)


def _show(row: Redemption) -> list[dict[str, Any]]:
    rental = selectors.of_redemption(row)
    if rental is None or rental.state != State.LENT:
        return []
    return [{"rental": str(rental.id), "name": rental.terms.name, "ends_at": rental.ends_at, **one} for one in rental.order.vouchers]


# Arrows


def _locked(rental_id: UUID, member_id: UUID | None = None) -> Rental:
    """The rental under the lock of its member and, where it is another who asks, theirs. Refuses: RentalUnknown."""
    found = selectors.rental(rental_id=rental_id, member_id=member_id)
    ledger.lock(member_id=found.member_id)
    if member_id is not None and member_id != found.member_id:
        ledger.lock(member_id=member_id)
    Rental.objects.select_for_update(no_key=True).get(id=found.id, member_id=found.member_id)
    return selectors.rental(rental_id=rental_id, member_id=member_id)


def _go(row: Rental, to: State, *, now: datetime, **changes: Any) -> None:
    """Take an arrow of a rental that is locked, and tell it."""
    before = State(row.state)
    assert to in Rental.ARROWS.get(before, ()), f"a rental that is {before} cannot be {to}"
    changes["state"] = to
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=list(changes))
    _tell(row, before=before, now=now)


def _tell(row: Rental, *, before: str, now: datetime) -> None:
    told = {"rental": str(row.id), "redemption": str(row.redemption_id), "reward": rewards.offer_of(row.redemption.reward_id).code}
    told |= {"status": str(row.state), "before": str(before), "ends_at": row.over_at.isoformat(), "cause": str(row.cause)}
    outbox.publish(topic=events.RENTAL_CHANGED, member_id=row.member_id, payload={**told, "quantity": row.quantity, "renewals": row.renewals}, now=now)


def _lent(order: VoucherOrder, *, actor: str, reason: str, now: datetime) -> None:
    """The partner was heard of, for the rental itself: it is lent, refused, or back."""
    row = Rental.objects.select_for_update(no_key=True, of=("self",)).select_related("redemption").get(order_id=order.id, member_id=order.member_id)
    void = order.state in VoucherOrder.VOID
    if row.state == State.ASKED and order.state == VoucherOrder.State.DELIVERED:
        due_at = rules.remind_at(row.ends_at, row.remind_days, programme.zone(now=now))
        _go(row, State.LENT, started_at=now, due_at=due_at, now=now)
        vouchers.settle(order, actor=actor, reason=reason, now=now)
        if row.cause:
            _end(row, now=now)
    elif row.state == State.ASKED and void:
        _go(row, State.REFUSED, settled_at=now, now=now)
        vouchers.settle(order, actor=actor, reason=reason, now=now)
    elif row.state == State.ENDING and void:
        _go(row, State.TAKEN_BACK, settled_at=now, now=now)
        if row.stocked:
            moved = {"change": row.quantity, "kind": StockChange.Kind.TAKEN_BACK, "subject": _subject(row), "actor": actor}
            shelf.move_stock(reward_id=row.redemption.reward_id, **moved, now=now)


def _subject(row: Rental) -> str:
    return f"rental/{row.id}"


def _end(row: Rental, *, now: datetime) -> None:
    """It is to come back: the partner is asked until it says that it has it."""
    _go(row, State.ENDING, closed_at=now, now=now)
    vouchers.ask_back(order_id=row.order_id, member_id=row.member_id, now=now)


@transaction.atomic(savepoint=False)
def end(*, rental_id: UUID, member_id: UUID | None = None, cause: str = Cause.MEMBER, reason: str = "", actor: str, now: datetime) -> Rental:
    """It is given back before its term is over; no points come back. `member_id`: whose it must be. An operator says why. Ended before: a replay.

    While a renewal is not answered it is remembered, and done then. Refuses: RentalUnknown, RentalNotOut, ReasonMissing.
    """
    if cause == Cause.OPERATOR and not reason.strip():
        raise ReasonMissing
    row = _locked(rental_id, member_id)
    if row.cause and row.state in (*Rental.OUT, State.TAKEN_BACK):
        return row
    if row.state != State.LENT and not (row.state == State.ASKED and cause == Cause.ERASED):
        raise RentalNotOut
    row.cause, row.reason, row.actor, row.renews_itself = cause, reason.strip(), actor, False
    row.save(update_fields=["cause", "reason", "actor", "renews_itself"])
    if cause == Cause.OPERATOR:
        audit.record(actor=actor, verb="rental.ended", subject=_subject(row), reason=reason.strip(), figures={"redemption": str(row.redemption_id)}, now=now)
    if row.state == State.LENT and not row.renewing:  # type: ignore[attr-defined]
        _end(row, now=now)
    return row


def end_all(*, member_ids: Iterable[UUID], actor: str, now: datetime) -> int:
    """Nobody will be there: what they have borrowed is to come back, what the partner is asked for as soon as it is lent; how many."""
    ids = list(Rental.objects.filter(member_id__in=list(member_ids), state__in=(State.ASKED, State.LENT), cause="").values_list("id", flat=True))
    for one in ids:
        end(rental_id=one, cause=Cause.ERASED, actor=actor, now=now)
    return len(ids)


@transaction.atomic(savepoint=False)
def end_due(*, rental_id: UUID, now: datetime) -> bool:
    """Book that a term is over; whether there was anything to book."""
    row = _locked(rental_id)
    if row.state != State.LENT or row.ends_at > now or row.renewing:  # type: ignore[attr-defined]
        return False
    row.cause, row.actor = row.cause or Cause.TERM, row.actor or TIME
    row.save(update_fields=["cause", "actor"])
    _end(row, now=now)
    return True


# Renewals


class Renewed(NamedTuple):
    rental: Rental
    renewal: Renewal
    replayed: bool


@transaction.atomic(savepoint=False)
def renew(*, rental_id: UUID, member_id: UUID | None = None, reason: str = "", actor: str, key: str, now: datetime) -> Renewed:
    """Pay for a longer term; the end moves once the partner has agreed. `member_id`: whose it must be, or who answers for them: they pay.

    An operator's `reason` goes to the audit trail. The same key again is a replay.
    Refuses: RentalUnknown, RentalNotOut, RentalOver, RenewalUnderWay, NotRenewable, RenewalsUsedUp, TierTooLow, Screened, KeyConflict, and what
    `ledger.spend` and the partner's settings refuse.
    """
    row = _locked(rental_id, member_id)
    payer = member_id or row.member_id
    earlier = Renewal.objects.filter(member_id=row.member_id, key=key).first()
    if earlier is not None:
        if earlier.rental_id != row.id:
            raise ledger.KeyConflict(key=key)
        return Renewed(row, earlier, True)
    if no := selectors.not_renewed(row, now=now):
        raise _NOT_RENEWED[no]
    # Only who has lent it can make its term longer, whichever product the terms name by now.
    product = row.order.product
    vouchers.check(product)
    _refuse_fallen(row, payer, now=now)
    renewal = Renewal(id=new_id(), member_id=row.member_id, rental=row, points=row.renewal_points, key=key, actor=actor, reason=reason, asked_at=now)
    about = {"subject": _subject(row), "actor": actor, "reason": reason, "key": f"renewal/{renewal.id}/spend", "now": now}
    renewal.spend = ledger.spend(member_id=payer, points=row.renewal_points, **about)
    renewal.since, renewal.until = row.ends_at, rules.longer(row.ends_at, row.days, programme.zone(now=now))
    renewal.order = vouchers.order(
        product=product, purpose=VoucherOrder.Purpose.RENEWAL, extends_id=row.order_id, ends_at=renewal.until, member_id=row.member_id,
        redemption_id=row.redemption_id, quantity=row.quantity, now=now,
    )  # fmt: skip
    renewal.save(force_insert=True)
    row.renewing = True  # type: ignore[attr-defined]
    if reason:
        audit.record(actor=actor, verb="rental.renewed", subject=_subject(row), reason=reason, figures={"points": renewal.points}, now=now)
    return Renewed(row, renewal, False)


def _refuse_fallen(row: Rental, payer: UUID, *, now: datetime) -> None:
    """Who would not get it today by their tier does not get it longer. Refuses: TierTooLow, Screened."""
    offer = rewards.offer_of(row.redemption.reward_id)
    seen = redemptions_seen.known(member_id=payer, offers=[offer], now=now)
    if seen.term_over:
        tiers.look_again(member_ids=[payer], now=now)
        seen = redemptions_seen.known(member_id=payer, offers=[offer], now=now)
    if offer.least_rank is not None and seen.viewer.rank < offer.least_rank:
        raise TierTooLow(tier=offer.least_tier)
    verdict = screening.assess(member_id=payer, action="redeem", points=row.renewal_points, blocked=seen.blocked, now=now)
    if not verdict.allowed:
        raise screening.Screened(verdict)


def _renewed(order: VoucherOrder, *, actor: str, reason: str, now: datetime) -> None:
    """The partner was heard of, for a renewal: the end moves, or the points go back."""
    renewal = Renewal.objects.select_related("spend").get(order_id=order.id, member_id=order.member_id)
    done = order.state == VoucherOrder.State.DELIVERED
    if renewal.state != Renewal.State.ASKED or not (done or order.state in VoucherOrder.VOID):
        return
    row = Rental.objects.select_for_update(no_key=True, of=("self",)).select_related("redemption__reward", "terms").get(
        id=renewal.rental_id, member_id=order.member_id
    )  # fmt: skip
    renewal.state, renewal.settled_at = Renewal.State.DONE if done else Renewal.State.REFUSED, now
    renewal.save(update_fields=["state", "settled_at"])
    if done:
        due_at = rules.remind_at(renewal.until, row.remind_days, programme.zone(now=now))
        _go(row, State.LENT, ends_at=renewal.until, renewals=row.renewals + 1, due_at=due_at, now=now)
    else:
        about: dict[str, Any] = {"points": renewal.points, "subject": _subject(row), "actor": actor, "reason": reason[:300]}
        payer = renewal.spend.member_id
        ledger.restore(member_id=payer, entry_id=renewal.spend_id, **about, key=f"renewal/{renewal.id}/restore", now=now)
        merging.forward(member_id=payer, actor=actor, now=now)
        if members.is_erased(payer):
            ledger.void_all(member_id=payer, actor=actor, reason="erased", key="erasure", now=now)
        _not_renewed(row, now=now)
    if row.cause:
        _end(row, now=now)


def _not_renewed(row: Rental, *, now: datetime) -> None:
    """It ends after all: it is not tried again by itself, and the member is told."""
    row.renews_itself = False
    row.save(update_fields=["renews_itself"])
    if not row.cause:
        _notify(row, "rental_not_renewed", f"{row.ends_at:%Y-%m-%dT%H:%M:%S}", now=now)


@transaction.atomic(savepoint=False)
def renew_by_itself(*, rental_id: UUID, member_id: UUID | None = None, on: bool, now: datetime) -> Rental:
    """Whether the rental is to be renewed on its last day, where the points suffice. Refuses: RentalUnknown, RentalOver, NotRenewable, RenewalsUsedUp."""
    row = _locked(rental_id, member_id)
    no = selectors.not_renewed(row, now=now)
    # It may be wanted before it is lent, and while a renewal is under way.
    if on and no not in (None, "under_way") and not (no == "not_out" and row.state == State.ASKED):
        raise _NOT_RENEWED[no]
    row.renews_itself = on
    row.save(update_fields=["renews_itself"])
    return row


# The job


def tend(*, limit: int, now: datetime) -> Counter[str]:
    """Remind, renew and end what is due, at most `limit` each, each in a transaction of its own; how many came to what. One that fails stops no other.

    Safe in several workers at once.
    """
    outcome: Counter[str] = Counter()
    acts: tuple[tuple[str, Any, Callable[..., Any]], ...] = (
        ("reminded", selectors.to_remind, _remind), ("renewals", selectors.to_renew, _renew_due), ("ended", selectors.to_end, end_due),
    )  # fmt: skip
    for name, due, act in acts:
        for one in list(due(now=now).values_list("id", flat=True)[:limit]):
            try:
                outcome[name] += bool(act(rental_id=one, now=now))
            except Exception:
                logger.exception("The rental %s could not be seen to.", one)
                outcome["failed"] += 1
    return +outcome


@transaction.atomic(savepoint=False)
def _remind(*, rental_id: UUID, now: datetime) -> bool:
    row = _locked(rental_id)
    if row.state != State.LENT or row.due_at is None or row.due_at > now:
        return False
    row.due_at = None
    row.save(update_fields=["due_at"])
    _notify(row, "rental_ends_soon", f"{row.ends_at:%Y-%m-%dT%H:%M:%S}", now=now)
    return True


def _renew_due(*, rental_id: UUID, now: datetime) -> bool:
    """Renew it, or book that it ends; a refusal is the former's, in a transaction of its own."""
    row = selectors.rental(rental_id=rental_id)
    payer = members.survivor_id(row.member_id)
    try:
        with transaction.atomic():
            renewed = renew(rental_id=row.id, member_id=payer, actor=TIME, key=f"by-itself/{row.id}/{selectors.renewals(row).count()}", now=now)
    except BusinessError:
        with transaction.atomic():
            _not_renewed(_locked(row.id), now=now)
        return False
    return not renewed.replayed


# What members are told


ANNOUNCED = {("asked", "lent"): "rental_lent", ("lent", "lent"): "rental_renewed", ("lent", "ending"): "rental_ended"}


@transaction.atomic(savepoint=False)
def announce(*, rental_id: UUID, before: str, status: str, renewals: int, now: datetime) -> None:
    """Tell the member that their rental went that way. Once for each."""
    _notify(selectors.rental(rental_id=rental_id), ANNOUNCED[before, status], f"{status}/{renewals}", now=now)


def _notify(row: Rental, kind: str, key: str, *, now: datetime) -> None:
    ends = row.ends_at.astimezone(programme.zone(now=now))
    about: dict[str, Any] = {
        "reward": {"zh": row.redemption.reward.name_zh, "en": row.redemption.reward.name_en}, "quantity": row.quantity,
        "ends": {"zh": format_datetime(ends, "M月d日 HH:mm", locale="zh_Hans"), "en": format_datetime(ends, "d MMM, HH:mm", locale="en")},
    }  # fmt: skip
    if row.renews_itself:
        about["points"] = row.renewal_points
    notifications.notify(member_id=members.survivor_id(row.member_id), kind=kind, key=f"rental/{row.id}/{key}", about=about, now=now)


item_checked_by(Reward.Kind.RENTAL, selectors.terms_fault, among=lambda: RentalTerms.objects.filter(active=True))
hands_out(Reward.Kind.RENTAL, HandOut(give=_give, take_back=_take_back, show=_show, reserve=_reserve))
vouchers.told_by(VoucherOrder.Purpose.LOAN, _lent)
vouchers.told_by(VoucherOrder.Purpose.RENEWAL, _renewed)
