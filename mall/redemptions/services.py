import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members_seen
from accounts.notifications import services as notifications
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import in_words
from loyalty.lib.money import show
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.outbox.rules import Event
from loyalty.programme import selectors as programme
from mall.checkout import selectors as checkout
from mall.rewards import rules as pricing
from mall.rewards import selectors as rewards
from mall.rewards import services as shelf
from mall.rewards.models import Reward, StockChange
from mall.rewards.rules import Offer, Price, Shipping
from mall.rewards.services import SoldOut
from points.budgets import rules as budget_rules
from points.budgets import services as counters
from points.ledger import services as ledger
from points.ledger.models import Hold
from points.merging import services as merging
from riskcontrol.screening import services as screening
from tiers.evaluation import services as tiers
from tiers.ladder import selectors as ladder

from . import events, selectors
from .models import Redemption, Step
from .rules import Parcel
from .selectors import Booking, Known

logger = logging.getLogger(__name__)

Status = Redemption.Status
MOST_AT_ONCE = 1000
PAY_WITHIN = timedelta(minutes=30)
# Who acts where a partner has answered.
PARTNER = "provider"


class RewardUnavailable(BusinessError):
    code, status, title = "reward_unavailable", 409, _("This reward cannot be redeemed now.")


class RewardNotYet(BusinessError):
    code, status, title = "reward_not_yet", 409, _("This reward can be redeemed from a later time on.")

    def __init__(self, *, starts_at: str) -> None:
        opens = datetime.fromisoformat(starts_at)
        time = in_words(opens, programme.zone(now=opens), get_language() or "zh")
        super().__init__(gettext("This reward can be redeemed from %(time)s on.") % {"time": time}, starts_at=starts_at)


class TierTooLow(BusinessError):
    code, status, title = "tier_too_low", 403, _("This reward is for members of a higher tier.")

    def __init__(self, *, tier: str) -> None:
        super().__init__(gettext("This reward is for members from %(tier)s on.") % {"tier": ladder.name(tier)}, tier=tier)


class MemberLimit(BusinessError):
    code, status, title = "member_limit", 409, _("One member may not have so many of this reward.")
    sentence = _("One member may have at most %(limit)s of it; had %(had)s.")


class MemberDayLimit(BusinessError):
    code, status, title = "member_day_limit", 409, _("One member may not have so many of this reward in a day.")
    sentence = _("One member may have at most %(limit)s of it in a day; had %(had)s today.")


class DayLimit(BusinessError):
    code, status, title = "day_limit", 409, _("As many of this reward as may go in a day are gone for today.")


class TotalLimit(BusinessError):
    code, status, title = "total_limit", 409, _("As many of this reward as there were to be are gone.")


class PriceChanged(BusinessError):
    code, status, title = "price_changed", 409, _("The price is another one now. Show it to the member, and ask again.")


class QuantityInvalid(BusinessError):
    code, status, title = "quantity_invalid", 422, _("Between 1 and 1,000 of a reward are redeemed at a time.")


class ReturnExceedsLeft(QuantityInvalid):
    title = _("So many cannot come back: fewer are left that did not.")
    sentence = _("Only %(left)s of it can still come back.")


class AddressMissing(BusinessError):
    code, status, title = "address_missing", 422, _("Goods are shipped: the redemption needs a recipient and an address.")


class RedemptionLapsed(BusinessError):
    code, status, title = "redemption_lapsed", 409, _("It was not paid in time, and its points are free again. Give the money back.")


class RedemptionCancelled(BusinessError):
    code, status, title = "redemption_cancelled", 409, _("It was cancelled, and its points are free again. Give the money back.")


class PaidTwice(BusinessError):
    code, status, title = "redemption_paid_twice", 409, _("It was paid before, with another payment. Give this one back.")


class PaymentDisagrees(BusinessError):
    code, status, title = "payment_disagrees", 422, _("What was paid is not what is due.")


class StepImpossible(BusinessError):
    code, status, title = "redemption_step_impossible", 409, _("The redemption is not where it could go on like this.")


_REFUSALS = {one.code: one for one in (RewardUnavailable, RewardNotYet, TierTooLow, MemberLimit, MemberDayLimit)}


class HandOut(NamedTuple):
    """How rewards of a kind are handed out and taken back, each within the transaction of the step, after all other locks.

    `give` gives the status that the redemption goes on to (delivered: all is done; fulfilling: somebody else is at it). `take_back` refuses
    where so many of it cannot come back: a coupon that was used; an order at a provider that may still come. It is asked by a return and by the
    cancelling of what is being fulfilled. `show` gives what members read of it: codes, names, terms.

    Where money is due, `reserve` sets aside what will be handed out, or refuses before anything is paid; `let_go` frees it again.
    """

    give: Callable[[Redemption, datetime], Status]
    take_back: Callable[[Redemption, int, datetime], None]
    show: Callable[[Redemption], list[dict[str, Any]]]
    reserve: Callable[[Redemption, datetime], None] | None = None
    let_go: Callable[[Redemption, datetime], None] | None = None


_hand_outs: dict[str, HandOut] = {}


def hands_out(kind: str, how: HandOut) -> None:
    """A feature declares how rewards of that kind are handed out. Goods have nobody: they wait for those who fulfil."""
    _hand_outs[kind] = how


class Recipient(NamedTuple):
    name: str = ""
    phone: str = ""
    address: str = ""


NOBODY = Recipient()


class Sale(NamedTuple):
    """A sale with a stock of its own, and the terms under which a reward is redeemed in it.

    `offer` is the reward as it is there: its price, which is the same for everybody, its times and its limits; what was redeemed in the sale
    counts for them and nothing else does. `take` takes the units, as the last thing that is locked, and refuses where it cannot.
    """

    id: int
    offer: Offer
    take: Callable[[Redemption, datetime], None]


class Tender(NamedTuple):
    """What pays in the place of points: `offer` is the reward at its price in that. `pay` takes `row.points` of it, under the member's lock, or refuses."""

    offer: Offer
    pay: Callable[[Redemption, datetime], None]


_tenders: list[Callable[[Redemption, int], None]] = []


def tender_given_back_by(give_back: Callable[[Redemption, int], None]) -> None:
    """The feature whose tender pays declares how so much of what paid for a redemption comes back."""
    _tenders[:] = [give_back]


class GiveBack(Protocol):
    """Where units of a sale go that come back: to its stock or, once it is over, to the shelf."""

    def __call__(self, row: Redemption, *, quantity: int, actor: str, reason: str, now: datetime) -> None: ...


_sales: list[GiveBack] = []


def sales_get_back_by(give_back: GiveBack) -> None:
    """The feature that has sales declares how units come back to them."""
    _sales[:] = [give_back]


class Redeemed(NamedTuple):
    redemption: Redemption
    replayed: bool


@transaction.atomic(savepoint=False)
def redeem(
    *,
    member_id: UUID,
    reward: str,
    quantity: int = 1,
    recipient: Recipient = NOBODY,
    expected: tuple[int, int] | None = None,
    expected_shipping: int | None = None,
    pay_within: timedelta = PAY_WITHIN,
    sale: Sale | None = None,
    tender: Tender | None = None,
    actor: str,
    key: str,
    now: datetime,
) -> Redeemed:
    """Redeem a reward, named by its code. For points alone it is confirmed and handed out; with money due it waits until `confirm`.

    `expected`: points and cents for one, `expected_shipping`: for the parcel, as the member saw them. `sale`: in which it is redeemed, at its
    price and from its stock. `tender`: what pays instead of points; then no entry is booked, and no money is due.
    The same key again is a replay.
    Refuses: RewardUnknown, QuantityInvalid, AddressMissing, RewardUnavailable, RewardNotYet, TierTooLow, MemberLimit, MemberDayLimit, PriceChanged,
    DayLimit, TotalLimit, SoldOut, Screened, KeyConflict, what `ledger.spend` and `ledger.hold` refuse, and what its kind refuses to hand out.
    """
    offer = sale.offer if sale else tender.offer if tender else rewards.offer(reward)
    if not 1 <= quantity <= MOST_AT_ONCE:
        raise QuantityInvalid
    if offer.kind == "goods" and not (recipient.name.strip() and recipient.address.strip()):
        raise AddressMissing
    digest = hashlib.blake2b(json.dumps([offer.id, quantity, recipient, sale and sale.id, tender is not None]).encode(), digest_size=16).hexdigest()
    asked: dict[str, Any] = {"member_id": member_id, "offers": [offer], "sale_id": sale and sale.id, "key": key, "now": now}
    seen = selectors.locked_and_known(**asked)
    if seen is None:
        ledger.lock(member_id=member_id)
        seen = selectors.known(**asked)
    if seen.earlier is not None:
        return _answered(seen.earlier, member_id, digest=digest, key=key)
    if seen.term_over:
        # Nobody redeems by a tier that they no longer have.
        tiers.look_again(member_ids=[member_id], now=now)
        seen = selectors.known(**asked)
    fixed = "sale" if sale else "revival" if tender else ""
    shipping = pricing.shipping(offer, seen.viewer)
    saw = expected and (*expected, shipping.cents if expected_shipping is None else expected_shipping)
    price = _priced(offer, seen, fixed=fixed, quantity=quantity, shipping_cents=shipping.cents, expected=saw, now=now)
    row = _new(offer, price, shipping, member_id=member_id, quantity=quantity, recipient=recipient, digest=digest, actor=actor, key=key, now=now)
    if sale:
        row.sale_id, row.stocked = sale.id, True
    verdict = screening.assess(member_id=member_id, action="redeem", points=row.points, blocked=seen.blocked, now=now)
    if not verdict.allowed:
        raise screening.Screened(verdict)
    about: dict[str, Any] = {"member_id": member_id, "points": row.points, "subject": _subject(row), "actor": actor, "now": now}
    if tender:
        assert not row.total_cents, "what is paid otherwise costs no money"
        row.status, row.revived = Status.CONFIRMED, True
    elif row.total_cents:
        row.status, row.pay_until = Status.HELD, now + pay_within
        row.hold = ledger.hold(**about, expires_at=row.pay_until, key=f"{_subject(row)}/hold")
    else:
        row.status = Status.CONFIRMED
        row.spend = ledger.spend(**about, key=f"{_subject(row)}/spend")
    _insert(row, now=now)
    if tender:
        tender.pay(row, now)
    _take(offer, row, sale, now=now)
    if row.status == Status.CONFIRMED:
        _hand_out(row, actor=actor, now=now)
    elif (how := _hand_outs.get(offer.kind)) and how.reserve:
        how.reserve(row, now)
    return Redeemed(row, False)


def _answered(redemption_id: UUID, member_id: UUID, *, digest: str, key: str) -> Redeemed:
    row = selectors.redemption(redemption_id=redemption_id, member_id=member_id)
    if row.digest != digest:
        raise ledger.KeyConflict(key=key)
    return Redeemed(row, True)


def _priced(offer: Offer, seen: Known, *, fixed: str, quantity: int, shipping_cents: int, expected: tuple[int, int, int] | None, now: datetime) -> Price:
    if no := refusal(offer, seen, quantity=quantity, now=now):
        raise no
    if fixed:
        price = Price(offer.points, offer.cents, fixed, offer.points, offer.cents)
    else:
        scarce = offer.counted and any(one.kind == "scarcity" for one in offer.prices)
        left = rewards.stocks(reward_ids=[offer.id]).get(offer.id, 0) if scarce else None
        price = selectors.price_of(offer, seen.viewer, left=left, now=now)
    if expected is not None and expected != (price.points, price.cents, shipping_cents):
        raise PriceChanged(points=price.points, cents=price.cents, shipping_cents=shipping_cents)
    return price


def refusal(offer: Offer, seen: Known, *, quantity: int, now: datetime) -> BusinessError | None:
    """Why the member may not have so many of it; None: they may, as far as points and stock go."""
    no = pricing.refused(offer, seen.viewer, quantity=quantity, now=now)
    return _REFUSALS[no.code](**no.figures) if no else None


def _new(
    offer: Offer, price: Price, shipping: Shipping, *, member_id: UUID, quantity: int, recipient: Recipient, digest: str, actor: str, key: str, now: datetime
) -> Redemption:
    shared = (("day", offer.per_day), ("all", offer.in_all))
    return Redemption(
        id=new_id(), member_id=member_id, reward_id=offer.id, quantity=quantity, unit_points=price.points, unit_cents=price.cents, price=price.why,
        shipping_cents=shipping.cents, shipping_waived_cents=shipping.waived_cents,
        unit_cost_cents=offer.cost_cents, sponsor_bps=offer.sponsor_bps, points_per_unit=checkout.points_per_unit(now=now), item=offer.item,
        **(recipient._asdict() if offer.kind == "goods" else {}), counted_on=selectors.day_of(now), stocked=offer.counted,
        charged=[name for name, limit in shared if limit is not None], key=key, digest=digest, actor=actor, created_at=now, changed_at=now,
    )  # fmt: skip


_COLUMNS = [field.attname for field in Redemption._meta.concrete_fields]
_INSERT = f"INSERT INTO {Redemption._meta.db_table} ({', '.join(_COLUMNS)}) VALUES ({', '.join(['%s'] * len(_COLUMNS))})"  # noqa: S608 (our own names)


def _insert(row: Redemption, *, now: datetime) -> None:
    """Write it, and tell it, in one statement."""
    # Not save(), which takes several times as long as the database to write one row.
    told, about = outbox.insertion([_event(row, before="", now=now)]) if outbox.heard(events.REDEMPTION_CHANGED) else ("", [])
    values = [json.dumps(row.charged) if column == "charged" else getattr(row, column) for column in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH told AS ({told}) {_INSERT}" if told else _INSERT, [*about, *values])
    row._state.adding = False


def _subject(row: Redemption) -> str:
    return f"redemption/{row.id}"


# What members share


def _charge(row: Redemption, counter: str, quantity: int, limit: int | None = None) -> budget_rules.Charge:
    starts = row.counted_on if counter == "day" else budget_rules.BEGINNING
    return budget_rules.Charge(counter=f"reward/{row.reward_id}/{counter}", starts=starts, times=quantity, limit_times=limit)


def _take(offer: Offer, row: Redemption, sale: Sale | None, *, now: datetime) -> None:
    """Charge the limits that members share, then the stock."""
    limits = {"day": offer.per_day, "all": offer.in_all}
    if missed := counters.take(charges=[_charge(row, name, row.quantity, limits[name]) for name in row.charged], now=now):
        raise (DayLimit if missed[0].endswith("/day") else TotalLimit)
    if sale:
        sale.take(row, now)
    elif row.stocked:
        shelf.move_stock(reward_id=offer.id, change=-row.quantity, kind=StockChange.Kind.SOLD, subject=_subject(row), actor=row.actor, now=now)


def _give_back(row: Redemption, *, quantity: int, stock: bool, actor: str, reason: str = "", now: datetime) -> bool:
    """Free the shared limits again and, where it is wanted and was taken, the stock; whether the stock got it."""
    counters.give_back(charges=[_charge(row, name, quantity) for name in row.charged], now=now)
    if not stock or not row.stocked:
        return False
    if row.sale_id is not None:
        _sales[0](row, quantity=quantity, actor=actor, reason=reason, now=now)
        return True
    shelf.move_stock(reward_id=row.reward_id, change=quantity, kind=StockChange.Kind.GIVEN_BACK, subject=_subject(row), actor=actor, reason=reason, now=now)
    return True


# Steps


def _locked(redemption_id: UUID, member_id: UUID | None = None) -> tuple[Redemption, bool]:
    """The redemption under its member's lock, and whether that member was merged meanwhile. Refuses: RedemptionUnknown."""
    found = selectors.redemption(redemption_id=redemption_id, member_id=member_id)
    merged_into = ledger.lock(member_id=found.member_id)
    row = Redemption.objects.select_for_update(of=("self",), no_key=True).select_related("reward").get(id=found.id, member_id=found.member_id)
    return row, merged_into is not None


def why_not(row: Redemption, wanted: Status, *, now: datetime) -> StepImpossible | None:
    """Why it does not get there from where it stands, by whoever's hand; None: it may. Only asks: the verb decides."""
    seen = Status(selectors.status_at(row, now=now))
    arrows = Redemption.ARROWS.get(seen, ())
    # What waits can be shipped at once, and the number of what was shipped corrected.
    ships = wanted == Status.SHIPPED and row.reward.kind == Reward.Kind.GOODS and (seen == Status.SHIPPED or Status.FULFILLING in arrows)
    return None if ships or wanted in arrows else _impossible(row, wanted, now=now)


def _go(
    row: Redemption,
    to: Status,
    *,
    actor: str,
    reason: str = "",
    quantity: int | None = None,
    points: int = 0,
    cents: int = 0,
    shipping_cents: int = 0,
    restocked: bool = False,
    key: str = "",
    now: datetime,
    **changes: Any,
) -> Redemption:
    """Go an arrow, keep who and when, and tell it. `changes` are written with it. Refuses: StepImpossible."""
    before = Status(row.status)
    stays = to == before and quantity is not None
    if not stays and to not in Redemption.ARROWS.get(before, ()):
        raise _impossible(row, to, now=now)
    row.status, row.changed_at = to, now
    for name, value in changes.items():
        setattr(row, name, value)
    row.save(update_fields=["status", "changed_at", *changes])
    Step.objects.create(
        member_id=row.member_id, redemption_id=row.id, before=before, status=to, quantity=row.quantity if quantity is None else quantity, points=points,
        cents=cents, shipping_cents=shipping_cents, restocked=restocked, key=key, actor=actor, reason=reason, at=now,
    )  # fmt: skip
    _tell(row, before=before, now=now)
    return row


def _impossible(row: Redemption, wanted: Status, *, now: datetime) -> StepImpossible:
    seen = Status(selectors.status_at(row, now=now))
    return StepImpossible(_instead(row, seen, wanted), redemption_status=seen.value, wanted=wanted.value)


# By where it stands and what was wanted, why not, and what can be done instead.
_INSTEAD = {
    (Status.HELD, Status.RETURNED): _("It waits for payment: nothing has been handed over that could come back. It can be cancelled."),
    (Status.CONFIRMED, Status.RETURNED): _("It was not shipped yet: nothing can come back. It can be cancelled."),
    (Status.FULFILLING, Status.RETURNED): _("It is being made ready: nothing can come back yet. Until it is shipped the shop can cancel it."),
    (Status.FULFILLING, Status.CANCELLED): _("It is being made ready: the member cannot cancel it any more, the shop can until it is shipped."),
    (Status.SHIPPED, Status.CANCELLED): _("It was shipped: it cannot be cancelled any more. The shop can take it back."),
    (Status.DELIVERED, Status.CANCELLED): _("It was delivered: it cannot be cancelled any more. The shop can take it back."),
}
_FROM_THE_PARTNER = {
    Status.RETURNED: _("It is on its way from the partner: nothing can come back yet."),
    Status.CANCELLED: _("It is on its way from the partner: the member cannot cancel it any more."),
}
_OVER = {
    Status.CANCELLED: _("It was cancelled: nothing more can be done with it."),
    Status.LAPSED: _("It was not paid in time: nothing more can be done with it."),
    Status.RETURNED: _("It was returned: nothing more can be done with it."),
}


def _instead(row: Redemption, seen: Status, wanted: Status) -> str:
    if seen in _OVER:
        return str(_OVER[seen])
    if wanted == Status.CONFIRMED:
        return gettext("No money is due for it: nothing is to be confirmed.")
    if seen == Status.HELD and wanted not in (Status.CANCELLED, Status.RETURNED):
        return gettext("It waits for payment: it goes on once that has come in.")
    kind = rewards.offer_of(row.reward_id).kind
    if wanted in (Status.SHIPPED, Status.FULFILLING) and kind != Reward.Kind.GOODS:
        return gettext("It is nothing that is shipped.")
    if seen == Status.FULFILLING and kind != Reward.Kind.GOODS and wanted in _FROM_THE_PARTNER:
        return str(_FROM_THE_PARTNER[wanted])
    if (seen, wanted) in _INSTEAD:
        return str(_INSTEAD[seen, wanted])
    return gettext("Where it stands: %(status)s. From there it does not go on to this: %(wanted)s.") % {"status": seen.label, "wanted": wanted.label}


def _event(row: Redemption, *, before: str, now: datetime) -> Event:
    offer = rewards.offer_of(row.reward_id)
    told = {"redemption": str(row.id), "reward": offer.code, "kind": offer.kind, "quantity": row.quantity, "points": row.points, "cents": row.cents}
    payload = {**told, "shipping_cents": row.shipping_cents, "status": str(row.status), "before": str(before), "item": row.item}
    return Event(topic=events.REDEMPTION_CHANGED, member_id=row.member_id, payload=payload, now=now)


def _tell(row: Redemption, *, before: str, now: datetime) -> None:
    if outbox.heard(events.REDEMPTION_CHANGED):
        event = _event(row, before=before, now=now)
        outbox.publish(topic=event.topic, member_id=event.member_id, payload=event.payload, now=now)


def _hand_out(row: Redemption, *, actor: str, now: datetime) -> None:
    how = _hand_outs.get(rewards.offer_of(row.reward_id).kind)
    if how is not None:
        _go(row, how.give(row, now), actor=actor, now=now)


@transaction.atomic(savepoint=False)
def confirm(*, redemption_id: UUID, paid_cents: int, payment: str = "", actor: str, now: datetime) -> Redeemed:
    """The money of a held redemption came in: its points are spent and it is handed out. Confirmed before with the same sum: a replay.

    Refuses: RedemptionUnknown, PaymentDisagrees, PaidTwice, RedemptionLapsed, RedemptionCancelled, StepImpossible, and what its kind refuses
    to hand out.
    """
    row, merged = _locked(redemption_id)
    if row.hold_id is None:
        raise _impossible(row, Status.CONFIRMED, now=now)
    if paid_cents != row.total_cents:
        raise PaymentDisagrees(due_cents=row.total_cents, paid_cents=paid_cents)
    if row.payment and payment and row.payment != payment:
        raise PaidTwice(payment=row.payment)
    if selectors.status_at(row, now=now) == Status.LAPSED:
        raise RedemptionLapsed(pay_until=row.pay_until.isoformat() if row.pay_until else "")
    if row.status == Status.CANCELLED or (row.status == Status.HELD and not _still_held(row)):
        raise RedemptionCancelled
    if row.status != Status.HELD:
        return Redeemed(row, True)
    spend = ledger.capture(member_id=row.member_id, hold_id=row.hold_id, subject=_subject(row), actor=actor, key=f"{_subject(row)}/capture", now=now)
    _go(row, Status.CONFIRMED, actor=actor, now=now, spend=spend, payment=payment)
    _hand_out(row, actor=actor, now=now)
    if merged:
        merging.forward(member_id=row.member_id, actor=actor, now=now)
    return Redeemed(row, False)


def _still_held(row: Redemption) -> bool:
    """Not so once its member was merged or erased: that has freed the points, and the redemption is about to be cancelled."""
    return row.hold is not None and row.hold.status == Hold.Status.OPEN


@transaction.atomic(savepoint=False)
def cancel(*, redemption_id: UUID, member_id: UUID | None = None, reason: str = "", actor: str, now: datetime) -> Redeemed:
    """Nothing comes of it: points and stock go back, and `Step.cents` is the money to give back, shipping too. `member_id`: whose it must be,
    or who answers for them.

    Possible until goods are on their way; who fulfils may cancel what they have begun, the member may not. Whoever else does it says why:
    `reason` goes to the audit trail. Cancelled before: a replay.
    Refuses: RedemptionUnknown, StepImpossible, and what its kind refuses to take back.
    """
    row, merged = _locked(redemption_id, member_id)
    if row.status == Status.CANCELLED:
        return Redeemed(row, True)
    if selectors.status_at(row, now=now) == Status.LAPSED or Status.CANCELLED not in Redemption.ARROWS.get(Status(row.status), ()):
        raise _impossible(row, Status.CANCELLED, now=now)
    if member_id is not None and row.status == Status.FULFILLING:
        raise _impossible(row, Status.CANCELLED, now=now)
    points, cents, shipping = (0, 0, 0) if row.status == Status.HELD else (row.points, row.total_cents, row.shipping_cents)
    if points:
        _restore(row, points, key=f"{_subject(row)}/cancel", actor=actor, reason=reason, now=now)
    elif _still_held(row):
        ledger.release(member_id=row.member_id, hold_id=row.hold_id, actor=actor, reason=reason, key=f"{_subject(row)}/release", now=now)
    restocked = _give_back(row, quantity=row.quantity, stock=True, actor=actor, reason=reason, now=now)
    if row.status == Status.FULFILLING:
        _take_back(row, row.quantity, now=now)
    if row.status == Status.HELD:
        _let_go(row, now=now)
    _go(row, Status.CANCELLED, actor=actor, reason=reason, points=points, cents=cents, shipping_cents=shipping, restocked=restocked, now=now)
    if reason and member_id is None:
        figures = {"points": points, "cents": cents, "restocked": restocked}
        audit.record(actor=actor, verb="redemption.cancelled", subject=_subject(row), reason=reason, figures=figures, now=now)
    if merged:
        merging.forward(member_id=row.member_id, actor=actor, now=now)
    return Redeemed(row, False)


def _take_back(row: Redemption, quantity: int, *, now: datetime) -> None:
    how = _hand_outs.get(row.reward.kind)
    if how is not None:
        how.take_back(row, quantity, now)


def _let_go(row: Redemption, *, now: datetime) -> None:
    how = _hand_outs.get(row.reward.kind)
    if how is not None and how.let_go is not None:
        how.let_go(row, now)


def _restore(row: Redemption, points: int, *, key: str, actor: str, reason: str, now: datetime) -> None:
    if row.revived:
        _tenders[0](row, points)
        return
    assert row.spend_id is not None, "what goes on is paid"
    ledger.restore(member_id=row.member_id, entry_id=row.spend_id, points=points, subject=_subject(row), actor=actor, reason=reason, key=key, now=now)
    if members_seen.is_erased(row.member_id):
        ledger.void_all(member_id=row.member_id, actor=actor, reason="erased", key="erasure", now=now)


@transaction.atomic(savepoint=False)
def lapse(*, redemption_id: UUID, actor: str, now: datetime) -> bool:
    """Book that a held redemption was not paid in time: its points are free again, and its stock. Whether there was anything to book."""
    row, merged = _locked(redemption_id)
    if row.status != Status.HELD or row.pay_until is None or row.pay_until > now:
        return False
    ledger.expire(member_id=row.member_id, actor=actor, now=now)
    restocked = _give_back(row, quantity=row.quantity, stock=True, actor=actor, now=now)
    _let_go(row, now=now)
    _go(row, Status.LAPSED, actor=actor, restocked=restocked, now=now)
    if merged:
        merging.forward(member_id=row.member_id, actor=actor, now=now)
    return True


@transaction.atomic(savepoint=False)
def begin(*, redemption_id: UUID, actor: str, now: datetime) -> Redemption:
    """Somebody has begun to fulfil it: the member cannot cancel any more. Refuses: RedemptionUnknown, StepImpossible."""
    row, _merged = _locked(redemption_id)
    return _go(row, Status.FULFILLING, actor=actor, now=now)


@transaction.atomic(savepoint=False)
def begin_all(*, redemption_ids: Collection[UUID], actor: str, now: datetime) -> int:
    """Somebody has begun to fulfil these, as far as they are goods and confirmed; how many. At most some hundred at a time."""
    wanted = selectors.to_fulfil(statuses=[Status.CONFIRMED]).filter(id__in=redemption_ids)
    member_ids = set(wanted.values_list("member_id", flat=True))
    ledger.lock_all(member_ids=member_ids)
    rows = list(wanted.filter(member_id__in=member_ids).select_for_update(of=("self",), no_key=True))
    for row in rows:
        _go(row, Status.FULFILLING, actor=actor, now=now)
    return len(rows)


@transaction.atomic(savepoint=False)
def ship(*, redemption_id: UUID, carrier: str, tracking: str, actor: str, now: datetime) -> Redemption:
    """The parcel is on its way. Shipped before: the number is corrected, and the step says what it was; with the same one nothing happens.

    Refuses: RedemptionUnknown, StepImpossible, also for what is not shipped at all.
    """
    row, _merged = _locked(redemption_id)
    if row.reward.kind != Reward.Kind.GOODS:
        raise _impossible(row, Status.SHIPPED, now=now)
    if row.status == Status.SHIPPED:
        if (row.carrier, row.tracking) == (carrier, tracking):
            return row
        was = f"{row.carrier} {row.tracking}"
        return _go(row, Status.SHIPPED, quantity=row.quantity, reason=was, actor=actor, now=now, carrier=carrier, tracking=tracking)
    if row.status == Status.CONFIRMED:
        _go(row, Status.FULFILLING, actor=actor, now=now)
    return _go(row, Status.SHIPPED, actor=actor, now=now, carrier=carrier, tracking=tracking)


def book_parcels(*, parcels: Sequence[Parcel], actor: str, now: datetime) -> list[Booking]:
    """Book a file of parcels: each line's redemption is shipped, or its number corrected, in a transaction of its own. What became of each line.

    A line that cannot be booked stops none of the others. The same file again changes nothing.
    """
    done = []
    for one in selectors.bookings(parcels):
        outcome = one.outcome
        if outcome in ("shipped", "corrected"):
            try:
                ship(redemption_id=UUID(one.parcel.redemption), carrier=one.parcel.carrier, tracking=one.parcel.tracking, actor=actor, now=now)
            except StepImpossible:
                # Cancelled since the file was looked through.
                outcome = "not_open"
        done.append(one._replace(outcome=outcome))
    return done


@transaction.atomic(savepoint=False)
def deliver(*, redemption_id: UUID, actor: str, now: datetime) -> Redemption:
    """It has arrived. Again: nothing happens. Refuses: RedemptionUnknown, StepImpossible."""
    row, _merged = _locked(redemption_id)
    return row if row.status == Status.DELIVERED else _go(row, Status.DELIVERED, actor=actor, now=now)


@transaction.atomic(savepoint=False)
def return_(
    *, redemption_id: UUID, quantity: int | None = None, restock: bool, shipping: bool = False, reason: str, actor: str, key: str, now: datetime
) -> Redeemed:
    """So many of it came back (default: all that is left): their points are restored to the very lots; `Step.cents` is the money to give back.

    `restock`: they are fit for the shelf. `shipping`: what shipping cost is given back as well, once. The same key again is a replay.
    Refuses: RedemptionUnknown, ReasonMissing, StepImpossible, ReturnExceedsLeft, KeyConflict, and what its kind refuses to take back.
    """
    if not reason.strip():
        raise ReasonMissing
    row, merged = _locked(redemption_id)
    key = f"{_subject(row)}/return/{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"
    if (earlier := selectors.steps(redemption=row).filter(key=key).first()) is not None:
        fee = selectors.shipping_kept(row, before=earlier) if shipping else 0
        if quantity not in (None, earlier.quantity) or (earlier.restocked, earlier.shipping_cents) != (restock and row.stocked, fee):
            raise ledger.KeyConflict(key=key)
        return Redeemed(row, True)
    if Status.RETURNED not in Redemption.ARROWS.get(Status(row.status), ()):
        raise _impossible(row, Status.RETURNED, now=now)
    left = row.quantity - row.returned
    quantity = left if quantity is None else quantity
    if not 1 <= quantity <= left:
        raise ReturnExceedsLeft(left=left)
    _restore(row, row.unit_points * quantity, key=key, actor=actor, reason=reason.strip(), now=now)
    restocked = _give_back(row, quantity=quantity, stock=restock, actor=actor, reason=reason.strip(), now=now)
    _take_back(row, quantity, now=now)
    to = Status.RETURNED if quantity == left else Status(row.status)
    fee = selectors.shipping_kept(row) if shipping else 0
    told = {"points": row.unit_points * quantity, "cents": row.unit_cents * quantity + fee, "quantity": quantity, "restocked": restocked, "key": key}
    _go(row, to, actor=actor, reason=reason.strip(), **told, shipping_cents=fee, returned=row.returned + quantity, now=now)
    figures = {"quantity": quantity, "points": told["points"], "cents": told["cents"], "restocked": restocked}
    audit.record(actor=actor, verb="redemption.returned", subject=_subject(row), reason=reason.strip(), figures=figures, now=now)
    if merged:
        merging.forward(member_id=row.member_id, actor=actor, now=now)
    return Redeemed(row, False)


def lapse_due(*, limit: int, now: datetime) -> Counter[str]:
    """Book at most `limit` held redemptions that were not paid in time, each in a transaction of its own: how many `lapsed`, how many `failed`.

    One that fails stops none of the others. Safe in several workers at once.
    """
    outcome: Counter[str] = Counter()
    for one in list(selectors.to_lapse(now=now).values_list("id", flat=True)[:limit]):
        try:
            outcome["lapsed"] += lapse(redemption_id=one, actor="time", now=now)
        except Exception:
            logger.exception("The redemption %s could not be released.", one)
            outcome["failed"] += 1
    return +outcome


@transaction.atomic(savepoint=False)
def cancel_held(*, member_id: UUID, actor: str, now: datetime) -> int:
    """Cancel what the member has not paid: they were merged into another, which has freed the points. How many."""
    ids = list(selectors.redemptions(member_ids=[member_id]).filter(status=Status.HELD).values_list("id", flat=True))
    for one in ids:
        if not lapse(redemption_id=one, actor=actor, now=now):
            cancel(redemption_id=one, actor=actor, now=now)
    return len(ids)


@transaction.atomic(savepoint=False)
def cancel_all(*, member_id: UUID, actor: str, reason: str, now: datetime) -> int:
    """Cancel what the member has not paid, and goods that are not on their way: nobody will be there to get them. How many."""
    cancelled = cancel_held(member_id=member_id, actor=actor, now=now)
    waiting = selectors.redemptions(member_ids=[member_id]).filter(status__in=[Status.CONFIRMED, Status.FULFILLING], reward__kind=Reward.Kind.GOODS)
    ids = list(waiting.values_list("id", flat=True))
    for one in ids:
        cancel(redemption_id=one, reason=reason, actor=actor, now=now)
    return cancelled + len(ids)


# What members are told, by the status that it reached.
ANNOUNCED = {
    Status.HELD.value: "redemption_to_pay",
    Status.SHIPPED.value: "redemption_shipped",
    Status.CANCELLED.value: "redemption_cancelled",
    Status.LAPSED.value: "redemption_cancelled",
}


def announces(told: Mapping[str, Any]) -> bool:
    """Whether the member is told of that change (the payload of `mall.redemption_changed`)."""
    return told["status"] in ANNOUNCED and told["status"] != told["before"]


@transaction.atomic(savepoint=False)
def announce(*, redemption_id: UUID, member_id: UUID, status: str, now: datetime) -> None:
    """Tell the member that their redemption reached that status. Once for each status."""
    row = selectors.redemption(redemption_id=redemption_id, member_id=member_id)
    cents = row.total_cents if status == Status.HELD else selectors.money_back(row)
    about: dict[str, Any] = {
        "reward": {"zh": row.reward.name_zh, "en": row.reward.name_en}, "quantity": row.quantity, "points": row.points, "carrier": row.carrier,
        "tracking": row.tracking,
    }  # fmt: skip
    if cents:
        currency = programme.programme().currency or "CNY"
        about["amount"] = {"zh": show(cents, currency, "zh-hans"), "en": show(cents, currency, "en")}
    if row.pay_until:
        about["until"] = {language: in_words(row.pay_until, programme.zone(now=now), language) for language in ("zh", "en")}
    kind = ANNOUNCED[status]
    notifications.notify(member_id=member_id, kind=kind, key=f"redemption/{redemption_id}/{status}", about=about, now=now)


def handed(row: Redemption) -> list[dict[str, Any]]:
    """What the member has got, as they read it; empty where nothing was handed out (yet), or nothing can be shown."""
    how = _hand_outs.get(row.reward.kind)
    return how.show(row) if how and row.status in (Status.DELIVERED, Status.FULFILLING) else []


__all__ = ["SoldOut"]
