import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import in_words, local_date
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.programme import selectors as programme
from mall.redemptions import selectors as redemptions_seen
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.selectors import Known
from mall.redemptions.services import NOBODY, Recipient, Redeemed
from mall.rewards import services as shelf
from mall.rewards.models import Stock, StockChange
from mall.rewards.rules import Offer, Viewer
from mall.rewards.services import SoldOut, StockBelowZero
from points.ledger import selectors as books
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from tiers.evaluation import services as tiers

from . import rules, selectors
from .models import TERMS, FlashPlan, FlashSale, FlashStock, FlashTicket
from .selectors import Turn

logger = logging.getLogger(__name__)

Status = FlashTicket.Status
TIME = "time"
ENDS_BEFORE_NOW = _("It would be over already. Choose a time to come.")


class FlashSaleInvalid(BusinessError):
    code, status, title = "flash_sale_invalid", 422, _("The flash sale cannot be kept as it is.")


class FlashSaleOver(BusinessError):
    code, status, title = "flash_sale_over", 409, _("The flash sale is over.")


class LineNotOpen(BusinessError):
    code, status, title = "line_not_open", 409, _("Tickets can be taken from a later time on.")


class NotYourTurn(BusinessError):
    code, status, title = "not_your_turn", 409, _("It is not the member's turn. Take a ticket, and ask again for its place.")


class NotInLine(BusinessError):
    code, status, title = "not_in_line", 404, _("The member does not stand in this line.")


class SetAsideBefore(BusinessError):
    code, status, title = "flash_sale_set_aside", 409, _("Units are set aside already: the reward stays, and units are added or given back by themselves.")


class FlashSaleBegun(BusinessError):
    code, status, title = "flash_sale_begun", 409, _("It has begun, or somebody with early access had a turn: when it begins stays.")


class FlashSaleStays(BusinessError):
    code, status, title = "flash_sale_stays", 409, _("Units were set aside for it, tickets were taken, or its plan would make it again: it stays. Call it off.")


class DayOfPlan(BusinessError):
    code, status, title = "flash_sale_day_of_plan", 409, _("The plan would make one for its day again. Call it off, and make one by hand for the other day.")


# Plans and sales


@transaction.atomic(savepoint=False)
def keep_plan(*, plan: FlashPlan, actor: str, now: datetime) -> FlashPlan:
    """Write a plan as it stands in hand, and make its coming sales anew: those changed by hand or with units set aside stay.

    Refuses: FlashSaleInvalid, with a sentence for each field.
    """
    _check(plan)
    plan.save()
    FlashSale.objects.filter(plan=plan, stock=None, called_off_at=None, by_hand=False, starts_at__gt=now).delete()
    made = _make(plan, now=now)
    audit.record(actor=actor, verb="flash_plan.kept", subject=f"flash-plan/{plan.id}", figures={"points": plan.points, "sales": made}, now=now)
    return plan


@transaction.atomic(savepoint=False)
def keep_sale(*, sale: FlashSale, actor: str, now: datetime) -> FlashSale:
    """Write a sale as it stands in hand; its stock is not touched. What a plan made no longer follows the plan.

    Refuses: FlashSaleInvalid, with a sentence for each field, also where it would be over already; SetAsideBefore where units are set aside and the
    reward or their number changes; FlashSaleOver; FlashSaleBegun and DayOfPlan where it is to begin at another time.
    """
    _check(sale)
    if sale.pk:
        before = FlashSale.objects.select_for_update(of=("self",)).select_related("stock").get(pk=sale.pk)
        if selectors.phase(before, now=now) in ("over", "called_off"):
            raise FlashSaleOver
        if selectors.stock_of(before) and (before.reward_id, before.quantity) != (sale.reward_id, sale.quantity):
            raise SetAsideBefore
        if abs(sale.starts_at - before.starts_at) < timedelta(minutes=1):
            # A form may know no seconds.
            sale.starts_at = before.starts_at
        else:
            _begin_at(sale, before, now=now)
    if sale.ends_at <= now:
        raise FlashSaleInvalid(fields={"ends_at": [str(ENDS_BEFORE_NOW)]})
    sale.by_hand = True
    sale.save()
    figures = {"points": sale.points, "cents": sale.cents, "starts_at": sale.starts_at.isoformat(), "ends_at": sale.ends_at.isoformat()}
    audit.record(actor=actor, verb="flash_sale.kept", subject=_subject(sale.id), figures=figures, now=now)
    return sale


def _begin_at(sale: FlashSale, before: FlashSale, *, now: datetime) -> None:
    """It begins at another time: so do the turns of who stands in line."""
    tickets, zone = FlashTicket.objects.filter(sale_id=sale.id), programme.zone(now=now)
    if before.starts_at <= now or tickets.filter(status__in=(Status.ADMITTED, Status.USED, Status.PASSED)).exists():
        raise FlashSaleBegun
    if sale.plan_id and local_date(sale.starts_at, zone) != local_date(before.starts_at, zone):
        raise DayOfPlan
    tickets.filter(status=Status.WAITING).update(matures_at=F("matures_at") + (sale.starts_at - before.starts_at))


def _check(row: FlashPlan | FlashSale) -> None:
    try:
        row.full_clean()
    except ValidationError as error:
        raise FlashSaleInvalid(fields=error.message_dict) from error


def _subject(sale_id: int) -> str:
    return f"flash-sale/{sale_id}"


@transaction.atomic(savepoint=False)
def make_sales(*, now: datetime) -> int:
    """The sales that plans foresee for the next weeks, where they are not there yet; how many were made."""
    return sum(_make(plan, now=now) for plan in selectors.plans())


def _make(plan: FlashPlan, *, now: datetime) -> int:
    if not plan.active:
        return 0
    zone = programme.zone(now=now)
    times = rules.sales(plan.calendar, local_date(now, zone), local_date(now + selectors.AHEAD, zone), zone)
    # A day's sale that was moved by hand is not made a second time.
    there = {local_date(one, zone) for one in FlashSale.objects.filter(plan=plan, ends_at__gt=now - timedelta(days=8)).values_list("starts_at", flat=True)}
    about = {name: getattr(plan, name) for name in TERMS}
    fresh = [FlashSale(plan=plan, **about, **one._asdict()) for one in times if one.starts_at > now and local_date(one.starts_at, zone) not in there]
    return len(FlashSale.objects.bulk_create(fresh, ignore_conflicts=True))


# Units


@transaction.atomic(savepoint=False)
def set_aside(*, sale_id: int, actor: str, now: datetime) -> FlashStock:
    """Take the sale's units out of the reward's stock, all that are there where they are fewer. Done before: nothing happens.

    Refuses: FlashSaleUnknown, FlashSaleOver.
    """
    sale = selectors.sale(sale_id)
    if selectors.phase(sale, now=now) in ("over", "called_off"):
        raise FlashSaleOver
    FlashStock.objects.bulk_create([FlashStock(sale_id=sale_id)], ignore_conflicts=True)
    stock = _locked(sale_id)
    if stock.set_aside_at is not None:
        return stock
    units = _carve(sale, sale.quantity, actor=actor, now=now) if selectors.on_the_shelf(sale).counted else sale.quantity
    stock.set_aside, stock.left, stock.set_aside_at = units, units, now
    stock.save(update_fields=["set_aside", "left", "set_aside_at"])
    audit.record(actor=actor, verb="flash_sale.set_aside", subject=_subject(sale_id), figures={"wanted": sale.quantity, "units": units}, now=now)
    return stock


def _locked(sale_id: int, *, drawn: bool = False) -> FlashStock:
    """The stock under its lock; `drawn`: once every ticket is there whose number is drawn."""
    return FlashStock.objects.select_for_update(no_key=not drawn).get(sale_id=sale_id)


def _carve(sale: FlashSale, units: int, *, actor: str, reason: str = "", now: datetime) -> int:
    """Take so many, or all there are, from the shelf; what was taken."""
    row = Stock.objects.select_for_update(no_key=True).filter(reward_id=sale.reward_id).first()
    units = min(units, row.on_hand if row else 0)
    if units:
        told = {"subject": _subject(sale.id), "actor": actor, "reason": reason, "now": now}
        shelf.move_stock(reward_id=sale.reward_id, change=-units, kind=StockChange.Kind.CARVED, **told)
    return units


def _put_back(sale: FlashSale, units: int, *, actor: str, reason: str = "", now: datetime) -> None:
    if units and _from_the_shelf(sale.id):
        told = {"subject": _subject(sale.id), "actor": actor, "reason": reason, "now": now}
        shelf.move_stock(reward_id=sale.reward_id, change=units, kind=StockChange.Kind.RETURNED, **told)


def _from_the_shelf(sale_id: int) -> bool:
    """Whether the sale's units came from the stock: not so where the reward was not counted as they were set aside. It may be now, and the other way round."""
    return StockChange.objects.filter(subject=_subject(sale_id), kind=StockChange.Kind.CARVED).exists()


@transaction.atomic(savepoint=False)
def add_units(*, sale_id: int, change: int, reason: str, actor: str, now: datetime) -> int:
    """Set so many more units aside or, below zero, give some back to the shelf while the sale is not over; how many are left in the sale then.

    Refuses: FlashSaleUnknown, ReasonMissing, FlashSaleOver, SoldOut where the shelf has fewer, StockBelowZero where fewer are free in the sale.
    """
    if not reason.strip():
        raise ReasonMissing
    sale = selectors.sale(sale_id)
    set_aside(sale_id=sale_id, actor=actor, now=now)
    stock = _locked(sale_id)
    if stock.closed_at is not None:
        raise FlashSaleOver
    if stock.left - stock.promised + change < 0:
        raise StockBelowZero
    counted = _from_the_shelf(sale_id) if stock.set_aside else selectors.on_the_shelf(sale).counted
    if change > 0 and counted and (carved := _carve(sale, change, actor=actor, reason=reason.strip(), now=now)) < change:
        raise SoldOut(left=carved)
    if change < 0:
        _put_back(sale, -change, actor=actor, reason=reason.strip(), now=now)
    stock.set_aside += change
    stock.left += change
    stock.save(update_fields=["set_aside", "left"])
    audit.record(
        actor=actor, verb="flash_sale.units_added", subject=_subject(sale_id), reason=reason.strip(), figures={"change": change, "left": stock.left}, now=now
    )
    return stock.left


@transaction.atomic(savepoint=False)
def close(*, sale_id: int, actor: str, now: datetime) -> int | None:
    """The sale is over or called off: what is left goes back to the shelf. How many that was; None where there was nothing to close."""
    sale, stock = selectors.sale(sale_id), FlashStock.objects.select_for_update(no_key=True).filter(sale_id=sale_id).first()
    if stock is None or stock.closed_at is not None or selectors.phase(sale, now=now) not in ("over", "called_off"):
        return None
    units = stock.left
    _put_back(sale, units, actor=actor, now=now)
    stock.left, stock.promised, stock.returned, stock.closed_at = 0, 0, units, now
    stock.save(update_fields=["left", "promised", "returned", "closed_at"])
    return units


@transaction.atomic(savepoint=False)
def call_off(*, sale_id: int, reason: str, actor: str, now: datetime) -> FlashSale:
    """Nobody redeems in this sale any more; what is left goes back to the shelf, and what was redeemed stays. Called off before: nothing happens.

    Refuses: FlashSaleUnknown, ReasonMissing, FlashSaleOver.
    """
    if not reason.strip():
        raise ReasonMissing
    sale = FlashSale.objects.select_for_update(no_key=True).filter(id=sale_id).first()
    if sale is None:
        raise selectors.FlashSaleUnknown
    if sale.called_off_at is not None:
        return sale
    if sale.ends_at <= now:
        raise FlashSaleOver
    sale.called_off_at = now
    sale.save(update_fields=["called_off_at"])
    units = close(sale_id=sale_id, actor=actor, now=now)
    audit.record(actor=actor, verb="flash_sale.called_off", subject=_subject(sale_id), reason=reason.strip(), figures={"returned": units or 0}, now=now)
    return sale


@transaction.atomic(savepoint=False)
def remove(*, sale_id: int, actor: str, now: datetime) -> None:
    """Delete a sale that nothing came of. Refuses: FlashSaleUnknown, FlashSaleStays."""
    sale = FlashSale.objects.select_for_update(of=("self",)).select_related("stock").filter(id=sale_id).first()
    if sale is None:
        raise selectors.FlashSaleUnknown
    if not selectors.may_go(sale, now=now):
        raise FlashSaleStays
    figures = {"starts_at": sale.starts_at.isoformat(), "ends_at": sale.ends_at.isoformat()}
    audit.record(actor=actor, verb="flash_sale.removed", subject=_subject(sale_id), figures=figures, now=now)
    sale.delete()


# The line

# The number is drawn once the stock's row is shared, which whoever moves the line wants for themselves: so every lower number is there by then.
_DRAW = """
WITH open AS MATERIALIZED (SELECT sale_id FROM mall_flashstock WHERE sale_id = %(sale)s AND closed_at IS NULL FOR KEY SHARE)
INSERT INTO mall_flashticket (id, member_id, sale_id, number, status, quantity, matures_at, created_at)
SELECT %(id)s, %(member)s, o.sale_id, nextval('mall_flashticket_numbers'), 'waiting', %(quantity)s, %(matures_at)s, %(now)s FROM open o
ON CONFLICT (member_id, sale_id) WHERE status IN ('waiting', 'admitted') DO NOTHING"""


def line_up(*, sale_id: int, member_id: UUID, quantity: int = 1, now: datetime) -> Turn:
    """Take a ticket for so many units, or ask again for the place of the one that is there. Asking moves the line on where it can.

    Two transactions of its own, one after the other: not to be called within another. Who could not redeem anyway is refused here, so that
    nobody waits behind them.
    Refuses: FlashSaleUnknown, FlashSaleOver, LineNotOpen, QuantityInvalid, Screened, InsufficientPoints, AccountFrozen, RewardUnavailable, TierTooLow,
    MemberLimit.
    """
    sale = selectors.sale(sale_id)
    if selectors.phase(sale, now=now) in ("over", "called_off"):
        raise FlashSaleOver
    ticket = selectors.live_ticket(sale_id=sale_id, member_id=member_id)
    if ticket is None or (ticket.until is not None and ticket.until <= now):
        _draw(sale, member_id, quantity, late=ticket, now=now)
        ticket = None
    stock = selectors.stock_of(sale)
    # Where nothing is left nothing is promised, and no turn comes or ends.
    if ((stock is None or stock.left) and move_line(sale_id=sale_id, now=now)) or ticket is None:
        ticket = selectors.live_ticket(sale_id=sale_id, member_id=member_id)
    if ticket is None:
        raise FlashSaleOver
    return selectors.turn(sale=sale, ticket=ticket, now=now)


def coming_for(*, member_id: UUID, now: datetime) -> tuple[list[FlashSale], Viewer]:
    """What is on or comes that the member may see, and as whom they see it."""
    viewer = _known(member_id, [], None, now).viewer
    return selectors.coming_for(viewer, now=now), viewer


def _known(member_id: UUID, offers: Sequence[Offer], sale_id: int | None, now: datetime) -> Known:
    """The member as a sale sees them. Nobody comes sooner by a tier whose term is over: it is decided on first, as a redemption would."""
    asked: dict[str, Any] = {"member_id": member_id, "offers": offers, "sale_id": sale_id, "now": now}
    seen = redemptions_seen.known(**asked)
    if seen.term_over:
        tiers.look_again(member_ids=[member_id], now=now)
        seen = redemptions_seen.known(**asked)
    return seen


@transaction.atomic(savepoint=False)
def _draw(sale: FlashSale, member_id: UUID, quantity: int, *, late: FlashTicket | None, now: datetime) -> None:
    # What they redeem this moment, by the ticket that they had, counts for what they may have.
    ledger.lock(member_id=member_id)
    offer = selectors.offer_in(sale)
    seen = _known(member_id, [offer], sale.id, now)
    opens_at = sale.line_opens_at - seen.viewer.early
    if now < opens_at:
        said = gettext("Tickets can be taken from %(time)s on.") % {"time": in_words(opens_at, programme.zone(now=now), get_language() or "zh")}
        raise LineNotOpen(said, opens_at=opens_at.isoformat())
    if not 1 <= quantity <= sale.per_member:
        raise redemptions.QuantityInvalid(gettext("In this sale a member may have fewer."), most=sale.per_member)
    matures_at = sale.starts_at - seen.viewer.early
    if no := redemptions.refusal(offer, seen, quantity=quantity, now=max(now, matures_at)):
        raise no
    verdict = screening.assess(member_id=member_id, action="redeem", points=sale.points * quantity, blocked=seen.blocked, now=now)
    if not verdict.allowed:
        raise screening.Screened(verdict)
    account = books.state(member_id=member_id, now=now)
    if account.frozen:
        raise ledger.AccountFrozen
    if (available := account.balance.available) < sale.points * quantity:
        raise ledger.InsufficientPoints(available=available)
    if selectors.stock_of(sale) is None:
        # The job was late.
        set_aside(sale_id=sale.id, actor=TIME, now=now)
    about = {"id": new_id(), "member": member_id, "sale": sale.id, "quantity": quantity, "matures_at": matures_at, "now": now}
    if late is not None:
        _end_turn(late, Status.PASSED)
    with connection.cursor() as cursor:
        cursor.execute(_DRAW, about)


def leave_line(*, sale_id: int, member_id: UUID) -> FlashTicket:
    """The member does not wait any longer; a unit promised to them is free. Refuses: NotInLine."""
    with transaction.atomic(savepoint=False):
        # Under its lock: its turn may come at this moment.
        ticket = FlashTicket.objects.select_for_update(no_key=True).filter(member_id=member_id, sale_id=sale_id, status__in=FlashTicket.LIVE).first()
        left = ticket is not None and _end_turn(ticket, Status.LEFT)
    if ticket is None or not left:
        raise NotInLine
    return ticket


def _end_turn(ticket: FlashTicket, to: Status) -> bool:
    """Let a ticket go, and free what it was promised; whether it was still there to go."""
    assert to in FlashTicket.ARROWS[Status(ticket.status)], f"a ticket does not go from {ticket.status} to {to}"
    was = ticket.status
    if not FlashTicket.objects.filter(id=ticket.id, member_id=ticket.member_id, status=was).update(status=to, until=None):
        return False
    ticket.status, ticket.until = to, None
    if was == Status.ADMITTED:
        _free(ticket.sale_id, ticket.quantity)
    return True


def _free(sale_id: int, units: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE mall_flashstock SET promised = promised - %s WHERE sale_id = %s AND closed_at IS NULL", [units, sale_id])


@transaction.atomic(savepoint=False)
def move(*, from_id: UUID, into_id: UUID, now: datetime) -> int:
    """The places in lines of a member who was merged are the survivor's; how many. Where both stand in a line the better place stays. Again: nothing."""
    ledger.lock_all(member_ids=[from_id, into_id])
    live = FlashTicket.objects.select_for_update(no_key=True).filter(status__in=FlashTicket.LIVE).exclude(until__lte=now)
    moved = 0
    for ticket in live.filter(member_id=from_id).order_by("sale_id"):
        there = selectors.live_ticket(sale_id=ticket.sale_id, member_id=into_id)
        worse = max(ticket, there, key=partial(_rank, now=now)) if there else None
        if worse is not None:
            _end_turn(worse, Status.LEFT)
        if worse is not ticket:
            moved += FlashTicket.objects.filter(id=ticket.id, member_id=from_id, status=ticket.status).update(member_id=into_id)
    return moved


@transaction.atomic(savepoint=False)
def leave_all(*, member_ids: Collection[UUID]) -> int:
    """Nobody will be there: their places in lines are free, and what was promised to them is for the next; how many. Under the members' locks."""
    live = FlashTicket.objects.select_for_update(no_key=True).filter(member_id__in=member_ids, status__in=FlashTicket.LIVE)
    return sum(_end_turn(ticket, Status.LEFT) for ticket in live.order_by("sale_id", "id"))


def _rank(ticket: FlashTicket, *, now: datetime) -> tuple[bool, bool, int]:
    """The less, the better: whose turn it is, then who waits, in the order of numbers; last whose turn is over."""
    return (ticket.until is not None and ticket.until <= now), ticket.status == Status.WAITING, ticket.number


@transaction.atomic(savepoint=False)
def move_line(*, sale_id: int, now: datetime) -> int:
    """End the turns that are over, and promise free units to who is next; how many tickets got their turn.

    Where nothing can move, it takes no lock.
    """
    if not selectors.line_can_move(sale_id=sale_id, now=now):
        return 0
    stock = _locked(sale_id, drawn=True)
    if stock.closed_at is not None:
        return 0
    # Who holds a ticket's lock comes for the stock's next: not to be waited for.
    tickets = FlashTicket.objects.select_for_update(skip_locked=True, no_key=True).filter(sale_id=sale_id)
    late = list(tickets.filter(status=Status.ADMITTED, until__lte=now).values_list("id", "quantity"))
    _set(late, status=Status.PASSED, until=None)
    stock.promised -= sum(units for _id, units in late)
    free = stock.left - stock.promised
    waiting = list(tickets.filter(status=Status.WAITING, matures_at__lte=now).order_by("number").values_list("number", "quantity")[: max(free, 0)])
    promises = rules.served(waiting, free)
    until = min(now + timedelta(minutes=stock.sale.turn_minutes), stock.sale.ends_at)
    for units in {one.units for one in promises}:
        numbers = [one.ticket for one in promises if one.units == units]
        FlashTicket.objects.filter(sale_id=sale_id, number__in=numbers).update(status=Status.ADMITTED, quantity=units, until=until)
    stock.promised += sum(one.units for one in promises)
    stock.save(update_fields=["promised"])
    return len(promises)


def _set(rows: Sequence[tuple[UUID, int]], **changes: Any) -> None:
    if rows:
        FlashTicket.objects.filter(id__in=[row_id for row_id, _units in rows]).update(**changes)


# Redeeming


def redeem(
    *,
    sale_id: int,
    member_id: UUID,
    quantity: int = 1,
    recipient: Recipient = NOBODY,
    expected: tuple[int, int] | None = None,
    expected_shipping: int | None = None,
    actor: str,
    key: str,
    now: datetime,
) -> Redeemed:
    """Redeem in a flash sale, by the member's ticket, at most as many as it is for. The same key again is a replay.

    Refuses: FlashSaleUnknown, FlashSaleOver, NotYourTurn, SoldOut, and what `redemptions.redeem` refuses.
    """
    sale = selectors.sale(sale_id)
    offer = selectors.offer_in(sale)
    ticket = selectors.live_ticket(sale_id=sale_id, member_id=member_id)
    turn = selectors.turn(sale=sale, ticket=ticket, now=now) if ticket else None
    # Looked for after the ticket: what another request with the key has used by now, it has answered as well.
    if not selectors.answered(member_id=member_id, key=key):
        if selectors.phase(sale, now=now) in ("over", "called_off"):
            raise FlashSaleOver
        if turn is None:
            raise NotYourTurn
        if turn.state != "your_turn" or quantity > turn.ticket.quantity:
            fewer = gettext("Fewer units are promised to the member. Redeem as many.") if turn.state == "your_turn" else ""
            raise NotYourTurn(fewer, place=turn.place, units=turn.ticket.quantity)
    return redemptions.redeem(
        member_id=member_id, reward=offer.code, quantity=quantity, recipient=recipient, expected=expected,
        expected_shipping=expected_shipping, pay_within=timedelta(minutes=sale.pay_minutes),
        sale=redemptions.Sale(sale.id, offer, partial(_take, sale.id)), actor=actor, key=key, now=now,
    )  # fmt: skip


_USE = """
UPDATE mall_flashticket SET status = 'used', until = NULL, redemption_id = %(redemption)s
 WHERE member_id = %(member)s AND sale_id = %(sale)s AND status = 'admitted' AND until > %(now)s AND quantity >= %(units)s RETURNING quantity"""
_SELL = """
UPDATE mall_flashstock SET "left" = "left" - %(units)s, promised = promised - %(promised)s
 WHERE sale_id = %(sale)s AND closed_at IS NULL AND "left" >= %(units)s"""


def _take(sale_id: int, row: Redemption, now: datetime) -> None:
    about = {"redemption": row.id, "member": row.member_id, "sale": sale_id, "units": row.quantity, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_USE, about)
        used = cursor.fetchone()
        if used is None:
            raise NotYourTurn
        cursor.execute(_SELL, {**about, "promised": used[0]})
        if not cursor.rowcount:
            raise FlashSaleOver


def _give_back(row: Redemption, *, quantity: int, actor: str, reason: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute('UPDATE mall_flashstock SET "left" = "left" + %s WHERE sale_id = %s AND closed_at IS NULL', [quantity, row.sale_id])
        if cursor.rowcount:
            return
        assert row.sale_id is not None, "only what was redeemed in a sale comes back to one"
        if not _from_the_shelf(row.sale_id):
            cursor.execute("UPDATE mall_flashstock SET returned = returned + %s WHERE sale_id = %s", [quantity, row.sale_id])
            return
    about = {"subject": f"redemption/{row.id}", "actor": actor, "reason": reason, "now": now}
    shelf.move_stock(reward_id=row.reward_id, change=quantity, kind=StockChange.Kind.GIVEN_BACK, **about)


redemptions.sales_get_back_by(_give_back)


# What the jobs do


def prune_tickets(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` tickets of sales that ended before then; how many it was. What was redeemed with them stays."""
    oldest = selectors.to_prune(before=before).order_by("sale_id").values("id")[:limit]
    return FlashTicket.objects.filter(id__in=oldest).delete()[0]


def tend(*, now: datetime) -> Counter[str]:
    """Make the sales that plans foresee, set units aside, move lines, close what is over; how much of each. Each in a transaction of its own.

    One that fails stops no other. Safe in several workers at once.
    """
    done = Counter(made=make_sales(now=now))

    def each(name: str, sale_ids: Iterable[int], act: Callable[[int], int]) -> None:
        for sale_id in sale_ids:
            try:
                done[name] += act(sale_id)
            except Exception:
                logger.exception("The flash sale %s could not be seen to.", sale_id)
                done["failed"] += 1

    set_now = [sale.id for sale in selectors.to_set_aside(now=now)]
    each("set_aside", set_now, lambda sale_id: set_aside(sale_id=sale_id, actor=TIME, now=now) is not None)
    each("turns", selectors.to_move(now=now).values_list("id", flat=True), lambda sale_id: move_line(sale_id=sale_id, now=now))
    over = selectors.to_close(now=now).values_list("sale_id", flat=True)
    each("closed", over, lambda sale_id: close(sale_id=sale_id, actor=TIME, now=now) is not None)
    return +done
