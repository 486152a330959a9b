from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.cards import selectors as held_cards
from points.cards import services as cards
from points.cards.models import CardKind
from points.earning import services as earning
from points.ledger import services as ledger
from riskcontrol.screening import services as screening

from . import rules, selectors
from .models import CheckIn, CheckInTerms, PaidWith
from .rules import Fault


class DayTaken(BusinessError):
    code, status, title = "day_taken", 409, _("This day is checked in already.")


class DayNotOver(BusinessError):
    code, status, title = "day_not_over", 422, _("Only a day that is over can be made up.")


class DayBeforeJoining(BusinessError):
    code, status, title = "day_before_joining", 422, _("No day before the member joined can be made up.")


class DayTooLongAgo(BusinessError):
    code, status, title = "day_too_long_ago", 422, _("This day is too long ago to be made up.")


class MakeUpsUsedUp(BusinessError):
    code, status, title = "make_ups_used_up", 409, _("No more days can be made up this month.")


class PaymentNotOffered(BusinessError):
    code, status, title = "payment_not_offered", 422, _("A missed day cannot be made up with this.")


class Done(NamedTuple):
    """`repeated`: the day was checked in before, and this is the first answer again."""

    check_in: CheckIn
    repeated: bool


@transaction.atomic(savepoint=False)
def check_in(*, member_id: UUID, actor: str, now: datetime) -> Done:
    """The member comes by on the business day of `now`. The same day again gives the first answer, also where the day was made up."""
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    ledger.lock(member_id=member_id)
    earlier = selectors.check_in(member_id=member_id, day=today)
    if earlier is not None:
        return Done(earlier, True)
    run = selectors.run(member_id=member_id, day=today)
    fact = {"kind": "checked_in", "external_id": today.isoformat(), "data": {"streak": run.streak(today)}}
    taken = earning.take(member_id=member_id, **fact, occurred_at=now, actor=actor, now=now)
    return Done(_write(member_id, today, run, [taken], actor=actor, now=now), False)


@transaction.atomic(savepoint=False)
def make_up(*, member_id: UUID, day: date, pay_with: str | None = None, actor: str, now: datetime) -> Done:
    """Fill a missed day. The same again gives the first answer. Without `pay_with`: a card where one is offered and there, else points.

    Refuses: DayTaken, DayNotOver, DayBeforeJoining, DayTooLongAgo, MakeUpsUsedUp, PaymentNotOffered, NoCard, InsufficientPoints,
    AccountFrozen, Screened.
    """
    terms = selectors.terms()
    today = local_date(now, programme.zone(now=now))
    ledger.lock(member_id=member_id)
    earlier = selectors.check_in(member_id=member_id, day=day)
    if earlier is not None:
        if not earlier.made_up or pay_with not in (None, earlier.paid_with):
            raise DayTaken
        return Done(earlier, True)
    _refuse_day(member_id, day, today=today, terms=terms, now=now)
    if selectors.made_up_in(member_id=member_id, month=today) >= terms.make_ups_per_month:
        raise MakeUpsUsedUp(per_month=terms.make_ups_per_month)
    paid = _pay(member_id, day, pay_with, terms=terms, actor=actor, now=now)
    run = selectors.run(member_id=member_id, day=day)
    return Done(_write(member_id, day, run, [], made_up_on=today, **paid, actor=actor, now=now), False)


def _refuse_day(member_id: UUID, day: date, *, today: date, terms: CheckInTerms, now: datetime) -> None:
    joined = selectors.joined_on(member_id=member_id, now=now)
    match rules.fault(day, today=today, joined=joined, days_back=terms.make_up_days_back):
        case Fault.NOT_OVER:
            raise DayNotOver(today=today.isoformat())
        case Fault.BEFORE_JOINING:
            raise DayBeforeJoining(joined=joined.isoformat())
        case Fault.TOO_LONG_AGO:
            raise DayTooLongAgo(days_back=terms.make_up_days_back)


def _pay(member_id: UUID, day: date, pay_with: str | None, *, terms: CheckInTerms, actor: str, now: datetime) -> dict[str, Any]:
    """Take the fee, or use a card; what the check-in keeps of it."""
    if pay_with not in (None, *terms.ways):
        raise PaymentNotOffered(offered=list(terms.ways))
    subject = f"check-in/{day}"
    if (pay_with or terms.ways[0]) == PaidWith.CARD:
        card = held_cards.next_for(member_id=member_id, use=CardKind.Use.MAKE_UP, now=now)
        if card is not None:
            return {"paid_with": PaidWith.CARD, "card": cards.use(member_id=member_id, kind=card.kind_id, subject=subject, now=now)}
        if pay_with or PaidWith.POINTS not in terms.ways:
            raise cards.NoCard
    if not terms.make_up_fee:
        return {"paid_with": PaidWith.POINTS}
    screening.demand(member_id=member_id, action="spend", points=terms.make_up_fee, now=now)
    entry = ledger.spend(member_id=member_id, points=terms.make_up_fee, subject=subject, actor=actor, key=f"{subject}/make-up", now=now)
    return {"paid_with": PaidWith.POINTS, "entry": entry}


def _write(member_id: UUID, day: date, run: rules.Run, taken: Sequence[earning.Taken], *, actor: str, now: datetime, **made_up: Any) -> CheckIn:
    """Tell the milestones that the day newly reaches, and write the day down with what it all brought."""
    milestones = rules.reached(run, day, selectors.terms().milestones)
    about = {"member_id": member_id, "kind": "streak_reached", "occurred_at": now, "actor": actor, "now": now}
    for days in milestones:
        name, data = rules.told(run, days)
        taken = [*taken, earning.take(**about, external_id=name, data=data)]
    return CheckIn.objects.create(
        member_id=member_id,
        date=day,
        streak=run.streak(day),
        points=sum(one.points for one in taken),
        claimable=sum(one.claimable for one in taken),
        milestones=milestones,
        zone=programme.zone(now=now).key,
        actor=actor,
        recorded_at=now,
        **made_up,
    )
