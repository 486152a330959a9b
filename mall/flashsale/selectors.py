from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from mall.redemptions.models import Redemption
from mall.rewards import selectors as rewards
from mall.rewards.rules import Offer, Viewer, visible

from . import rules
from .models import FlashPlan, FlashSale, FlashStock, FlashTicket

Status = FlashTicket.Status
# How far ahead members are shown sales, and plans make them.
AHEAD = timedelta(days=28)
MOST_SHOWN = 100
# Farther back a place in the line is not counted.
LAST_PLACE = 10_000


class FlashSaleUnknown(BusinessError):
    code, status, title = "flash_sale_unknown", 404, _("There is no such flash sale.")


class TicketUnknown(BusinessError):
    code, status, title = "ticket_unknown", 404, _("The member has no ticket for this sale.")


def sale(sale_id: int) -> FlashSale:
    """With its stock, where units are set aside. Refuses: FlashSaleUnknown."""
    found = FlashSale.objects.select_related("stock").filter(id=sale_id).first() if sale_id < 2**63 else None
    if found is None:
        raise FlashSaleUnknown
    return found


def stock_of(sale: FlashSale) -> FlashStock | None:
    """As it was read with the sale; None: nothing is set aside yet."""
    return getattr(sale, "stock", None)


def phase(sale: FlashSale, *, early: timedelta = timedelta(), now: datetime) -> str:
    """announced, line, on, over or called_off, for somebody who may come so much earlier."""
    stock = stock_of(sale)
    return rules.phase(
        starts_at=sale.starts_at - early,
        ends_at=sale.ends_at,
        line_opens_at=sale.line_opens_at - early,
        called_off=sale.called_off_at is not None,
        closed=stock is not None and stock.closed_at is not None,
        now=now,
    )


def may_go(sale: FlashSale, *, now: datetime) -> bool:
    """Whether it can be deleted: no unit was ever set aside and no ticket taken, and no plan would make it again."""
    again = sale.plan_id is not None and now < sale.ends_at
    return stock_of(sale) is None and not again and not FlashTicket.objects.filter(sale_id=sale.id).exists()


def on_the_shelf(sale: FlashSale) -> Offer:
    """The reward as it is outside of the sale."""
    return rewards.offer_of(sale.reward_id)


def offer_in(sale: FlashSale) -> Offer:
    """The reward as the sale sells it: for whom it is and what shipping costs stays as it was, all else is the sale's."""
    return replace(
        on_the_shelf(sale), points=sale.points, cents=sale.cents, prices=(), active=True, starts_at=sale.starts_at,
        ends_at=sale.ends_at, per_member=sale.per_member, per_member_day=None, per_day=None, in_all=None,
    )  # fmt: skip


def coming(*, now: datetime) -> QuerySet[FlashSale]:
    """What is on, and what begins within the next weeks, the soonest first."""
    rows = FlashSale.objects.select_related("stock").filter(ends_at__gt=now, starts_at__lt=now + AHEAD, called_off_at=None)
    return rows.order_by("starts_at", "id")[:MOST_SHOWN]


def coming_for(viewer: Viewer, *, now: datetime) -> list[FlashSale]:
    """Those of them that the viewer may see. One statement."""
    return [row for row in coming(now=now) if visible(offer_in(row), viewer, now=now)]


def between(*, begin: datetime, end: datetime) -> QuerySet[FlashSale]:
    """For the calendar: what begins then, the first first."""
    rows = FlashSale.objects.select_related("stock", "reward", "plan").filter(starts_at__gte=begin, starts_at__lt=end)
    return rows.order_by("starts_at", "id")[:1000]


def plans() -> QuerySet[FlashPlan]:
    return FlashPlan.objects.filter(active=True).order_by("id")


def to_set_aside(*, now: datetime) -> list[FlashSale]:
    """Those whose time to set units aside has come."""
    rows = FlashSale.objects.filter(stock=None, called_off_at=None, ends_at__gt=now, starts_at__lt=now + AHEAD)
    return [row for row in rows.order_by("starts_at") if row.set_aside_at <= now]


def to_close(*, now: datetime) -> QuerySet[FlashStock]:
    """Stocks of sales that are over or called off."""
    over = Q(sale__ends_at__lte=now) | Q(sale__called_off_at__isnull=False)
    return FlashStock.objects.filter(over, closed_at=None).order_by("sale_id")


def to_move(*, now: datetime) -> QuerySet[FlashSale]:
    """Sales that are on, where somebody may wait."""
    return FlashSale.objects.filter(stock__closed_at=None, stock__isnull=False, ends_at__gt=now, called_off_at=None).order_by("id")


# Who waits, and whose turn is over, is looked for only where a unit could move.
_STUCK = """
SELECT EXISTS (SELECT FROM mall_flashticket t WHERE t.sale_id = s.sale_id AND t.status = 'admitted' AND t.until <= %(now)s)
       OR (s."left" > s.promised AND EXISTS (SELECT FROM mall_flashticket t WHERE t.sale_id = s.sale_id AND t.status = 'waiting' AND t.matures_at <= %(now)s))
  FROM mall_flashstock s WHERE s.sale_id = %(sale)s AND s.closed_at IS NULL"""


def line_can_move(*, sale_id: int, now: datetime) -> bool:
    """Whether units are free for somebody who waits, or a turn is over. Takes no lock."""
    with connection.cursor() as cursor:
        cursor.execute(_STUCK, {"sale": sale_id, "now": now})
        row = cursor.fetchone()
    return bool(row and row[0])


def live_ticket(*, sale_id: int, member_id: UUID) -> FlashTicket | None:
    return FlashTicket.objects.filter(member_id=member_id, sale_id=sale_id, status__in=FlashTicket.LIVE).first()


def ticket(*, sale_id: int, member_id: UUID) -> FlashTicket | None:
    """The member's newest in that sale."""
    return FlashTicket.objects.filter(member_id=member_id, sale_id=sale_id).order_by("-id").first()


def tickets(*, sale_ids: Collection[int], member_id: UUID) -> dict[int, FlashTicket]:
    """The member's newest ticket in each of these sales."""
    rows = FlashTicket.objects.filter(member_id=member_id, sale_id__in=sale_ids).order_by("sale_id", "-id").distinct("sale_id")
    return {row.sale_id: row for row in rows}


def to_prune(*, before: datetime) -> QuerySet[FlashTicket]:
    """Tickets of sales that ended before then, and were closed."""
    return FlashTicket.objects.filter(sale__ends_at__lt=before, sale__stock__closed_at__isnull=False)


def would_prune(*, now: datetime) -> dict[str, int]:
    """What the nightly job would delete."""
    return {"deleted": to_prune(before=now - timedelta(days=settings.FLASH_TICKET_DAYS)).count()}


class Turn(NamedTuple):
    """Where a ticket stands. `state`: waiting, your_turn, redeemed, passed, left or over; `place`: 1 is next, None where it does not wait, and the
    last place that is counted for all behind it. `left`: units nobody has taken, so 0 is sold out, for now.
    """

    ticket: FlashTicket
    state: str
    place: int | None
    left: int


_STATES = {Status.USED: "redeemed", Status.PASSED: "passed", Status.LEFT: "left"}
_PLACE = """
SELECT (SELECT s."left" FROM mall_flashstock s WHERE s.sale_id = %(sale)s),
       (SELECT count(*) FROM (
           SELECT FROM mall_flashticket t WHERE t.sale_id = %(sale)s AND t.status = 'waiting' AND t.number < %(number)s LIMIT %(most)s) ahead)"""


def turn(*, sale: FlashSale, ticket: FlashTicket, now: datetime) -> Turn:
    """How a ticket stands at `now`. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, {"sale": sale.id, "number": ticket.number, "most": LAST_PLACE - 1})
        left, ahead = cursor.fetchone()
    left = left or 0
    if ticket.status in _STATES:
        return Turn(ticket, _STATES[Status(ticket.status)], None, left)
    if sale.called_off_at is not None or sale.ends_at <= now:
        return Turn(ticket, "over", None, 0)
    if ticket.status == Status.ADMITTED and ticket.until is not None:
        return Turn(ticket, "your_turn" if now < ticket.until else "passed", None, left)
    return Turn(ticket, "waiting", ahead + 1, left)


def answered(*, member_id: UUID, key: str) -> bool:
    """Whether the member has redeemed under that key."""
    return Redemption.objects.filter(member_id=member_id, key=key).exists()


class Sold(NamedTuple):
    """What became of the units of a sale. `out`: with redemptions that stand; `held` of them wait to be paid; `waiting` stand in line."""

    set_aside: int
    left: int
    promised: int
    out: int
    returned: int
    waiting: int


def sold(*, sale: FlashSale) -> Sold:
    stock = stock_of(sale)
    waiting = FlashTicket.objects.filter(sale_id=sale.id, status=Status.WAITING).count() if stock and stock.closed_at is None else 0
    if stock is None:
        return Sold(0, 0, 0, 0, 0, 0)
    out = stock.set_aside - stock.left - stock.returned
    return Sold(stock.set_aside, stock.left, stock.promised, out, stock.returned, waiting)
