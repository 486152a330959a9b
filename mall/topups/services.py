from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.localtime import local_date
from loyalty.lib.money import minor_digits, show
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.programme import selectors as programme
from points.ledger import services as ledger
from points.ledger.models import Source
from points.merging import services as merging
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening

from . import rules, selectors
from .models import TopUp


class TopUpsOff(BusinessError):
    code, status, title = "top_ups_off", 403, _("Points cannot be bought here.")


class TopUpAmountInvalid(BusinessError):
    code, status, title = "top_up_amount_invalid", 422, _("Less or more than can be bought in one go.")


class TopUpMonthLimit(BusinessError):
    code, status, title = "top_up_month_limit", 409, _("One member may not buy so many points in a month.")


class NothingToGiveBack(BusinessError):
    code, status, title = "nothing_to_give_back", 409, _("None of these points are left: they were spent.")


class TopUpMerged(NothingToGiveBack):
    code = "top_up_merged"
    title = _("What was left of these points went to another member in a merge. Take them from that member by an adjustment.")


class Bought(NamedTuple):
    top_up: TopUp
    replayed: bool


@transaction.atomic(savepoint=False)
def buy(*, member_id: UUID, cents: int, payment: str, actor: str, now: datetime) -> Bought:
    """The member paid so much for points: book them. `payment` is the storefront's own number of it; the same again is a replay.

    Refuses: TopUpsOff, TopUpAmountInvalid, TopUpMonthLimit, Screened, and KeyConflict where the payment came before with another sum.
    """
    merged = ledger.lock(member_id=member_id)
    # What members merged into this one have bought is theirs as well.
    theirs = members.with_merged(member_id)
    earlier = selectors.paid_by(member_ids=theirs, payment=payment)
    if earlier is not None:
        if earlier.cents != cents:
            raise ledger.KeyConflict(key=payment)
        return Bought(earlier, True)
    terms = selectors.terms()
    if not terms.active:
        raise TopUpsOff
    if not terms.least_cents <= cents <= terms.most_cents:
        raise TopUpAmountInvalid(least_cents=terms.least_cents, most_cents=terms.most_cents)
    if (paid := selectors.paid_in_month(member_ids=theirs, now=now)) + cents > terms.most_cents_month:
        currency, language = programme.programme().currency or "CNY", get_language() or "zh"
        figures = {"limit": show(terms.most_cents_month, currency, language), "paid": show(paid, currency, language)}
        said = gettext("One member may buy points for at most %(limit)s in a month; bought for %(paid)s.") % figures
        raise TopUpMonthLimit(said, limit_cents=terms.most_cents_month, paid_cents=paid)
    digits = minor_digits(programme.programme().currency or "CNY")
    points = rules.points_for(cents, points_per_unit=terms.points_per_unit, minor_digits=digits)
    if not points:
        raise TopUpAmountInvalid(least_cents=terms.least_cents, most_cents=terms.most_cents)
    screening.demand(member_id=member_id, action="earn", points=points, now=now)
    entry = ledger.earn(
        member_id=member_id, points=points, source=Source.BOUGHT, subject=f"top-up/{payment}", policy=ExpiryPolicy("never"), actor=actor,
        key=f"top-up/{payment}", now=now,
    )  # fmt: skip
    row = TopUp.objects.create(
        member_id=member_id, cents=cents, points=points, payment=payment, entry=entry, counted_on=local_date(now, programme.zone(now=now)), actor=actor,
        created_at=now, changed_at=now,
    )  # fmt: skip
    if merged:
        merging.forward(member_id=member_id, actor=actor, now=now)
    return Bought(row, False)


@transaction.atomic(savepoint=False)
def give_back(*, top_up_id: UUID, reason: str, actor: str, now: datetime) -> TopUp:
    """Take all of its points back that were not spent; `cents_back` is the money given back for all that came back so far.

    Again, where nothing was added to them since: nothing happens. Refuses: TopUpUnknown, ReasonMissing, NothingToGiveBack, TopUpMerged.
    """
    if not reason.strip():
        raise ReasonMissing
    found = selectors.top_up(top_up_id=top_up_id)
    merged = ledger.lock(member_id=found.member_id)
    row = TopUp.objects.select_for_update(of=("self",), no_key=True).select_related("member").get(id=top_up_id, member_id=found.member_id)
    points = selectors.unspent(row)
    if not points:
        if row.points_back:
            return row
        raise TopUpMerged if merged else NothingToGiveBack
    about: dict[str, Any] = {"member_id": row.member_id, "points": points, "subject": f"top-up/{row.payment}", "actor": actor, "reason": reason.strip()}
    ledger.clawback(**about, entry_id=row.entry_id, key=f"top-up/{row.payment}/back/{row.points_back}", now=now)
    row.cents_back += rules.money_back(points=points, bought=row.points, paid_cents=row.cents, points_before=row.points_back, cents_before=row.cents_back)
    row.points_back += points
    row.changed_at = now
    row.save(update_fields=["points_back", "cents_back", "changed_at"])
    figures = {"points": points, "cents_back": row.cents_back}
    audit.record(actor=actor, verb="top_up.given_back", subject=f"member/{row.member_id}", reason=reason.strip(), figures=figures, now=now)
    if merged:
        merging.forward(member_id=row.member_id, actor=actor, now=now)
    return row
