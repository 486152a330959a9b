from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from mall.checkout import selectors as checkout
from mall.markdowns import selectors as markdowns
from mall.rewards import rules as pricing
from mall.rewards.models import Reward
from mall.rewards.rules import Viewer
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules
from .models import Redemption, Step


class RedemptionUnknown(BusinessError):
    code, status, title = "redemption_unknown", 404, _("There is no such redemption.")


class Known(NamedTuple):
    """What the database knows of a member who wants rewards. `term_over`: their tier is to be decided on first."""

    viewer: Viewer
    blocked: bool
    term_over: bool
    earlier: UUID | None


def known(*, member_id: UUID, offers: Iterable[pricing.Offer], sale_id: int | None = None, key: str = "", available: int = 0, now: datetime) -> Known:
    """The member as prices and limits of these rewards see them: those of the shelf, or of a sale. What members merged into them had counts. One statement."""
    found = _known(member_id, offers, sale_id, key, available, now, locking=False)
    assert found is not None, "there is a row for whoever is asked about"
    return found


def locked_and_known(*, member_id: UUID, offers: Iterable[pricing.Offer], sale_id: int | None = None, key: str = "", now: datetime) -> Known | None:
    """`known` under the member's lock, taken in the same statement; None where they have no account yet, and nothing is locked."""
    return _known(member_id, offers, sale_id, key, 0, now, locking=True)


def _known(member_id: UUID, offers: Iterable[pricing.Offer], sale_id: int | None, key: str, available: int, now: datetime, *, locking: bool) -> Known | None:
    counted = [offer.id for offer in offers if offer.counts_before]
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mall_known(%s, %s, %s, %s, %s, %s, %s)", [member_id, now, day_of(now), counted, sale_id, key, locking])
        row = cursor.fetchone()
    if row is None:
        return None
    standing, segments, blocked, early, earlier, had = row
    place = standings.place(standing)
    viewer = Viewer(
        place.code,
        place.rank,
        ladder.benefit_value(place.code, "redemption_discount"),
        timedelta(minutes=max(ladder.benefit_value(place.code, "early_access"), early or 0)),
        ladder.benefit(place.code, "free_shipping") is not None,
        frozenset(segments or ()),
        available,
        {int(reward): (in_all, today or 0) for reward, (in_all, today) in (had or {}).items()},
    )
    return Known(viewer, blocked, place.due, earlier)


def day_of(now: datetime) -> date:
    return local_date(now, programme.zone(now=now))


def price_of(offer: pricing.Offer, viewer: Viewer, *, left: int | None, now: datetime) -> pricing.Price:
    """What one of it costs the viewer now."""
    return pricing.price(offer, viewer, left=left, **price_terms(now=now), now=now)


def price_terms(*, now: datetime) -> dict[str, int]:
    """What all prices rest on besides reward and viewer, as `rewards.rules.price` takes it: the worth of points, and the markdown that runs."""
    return {"points_per_unit": checkout.points_per_unit(now=now), "minor_digits": digits(), "markdown_bps": markdowns.off_bps(now=now)}


def digits() -> int:
    return minor_digits(programme.programme().currency or "CNY")


def redemption(*, redemption_id: UUID, member_id: UUID | None = None) -> Redemption:
    """`member_id`: whose it must be, or who answers for them. Refuses: RedemptionUnknown."""
    rows = Redemption.objects.select_related("reward", "member")
    if member_id is not None:
        rows = rows.filter(Q(member_id=member_id) | Q(member__merged_into_id=member_id))
    found = rows.filter(id=redemption_id).first()
    if found is None:
        raise RedemptionUnknown
    return found


def redemptions(*, member_ids: Collection[UUID], status: str = "", now: datetime | None = None) -> QuerySet[Redemption]:
    """These members', the newest first. With a `status`: those that stand so at `now`; one past its deadline has lapsed, booked or not."""
    rows = Redemption.objects.filter(member_id__in=member_ids).select_related("reward").order_by("-id")
    if not status:
        return rows
    overdue = Q(status=Redemption.Status.HELD, pay_until__lte=now)
    if status == Redemption.Status.LAPSED:
        return rows.filter(Q(status=status) | overdue)
    return rows.filter(status=status).exclude(overdue)


def steps(*, redemption: Redemption) -> QuerySet[Step]:
    """How it came to where it is, the first first."""
    return Step.objects.filter(member_id=redemption.member_id, redemption_id=redemption.id).order_by("id")


OPEN = (Redemption.Status.CONFIRMED, Redemption.Status.FULFILLING)


def to_fulfil(*, statuses: Collection[str] = OPEN) -> QuerySet[Redemption]:
    """Goods that wait to be made ready or are about to be, the oldest first."""
    return Redemption.objects.filter(status__in=statuses, reward__kind=Reward.Kind.GOODS).select_related("reward", "member").order_by("id")


def waiting(*, most: int = 1000) -> dict[str, int]:
    """How many goods stand at each status of the queue; `most` means as many or more."""
    shown = (*OPEN, Redemption.Status.SHIPPED)
    return {status: to_fulfil(statuses=[status]).values("id")[:most].count() for status in shown}


class Booking(NamedTuple):
    """A line of a file of parcels beside the redemption it names. `outcome`: shipped, corrected, unchanged, or the code of what is wrong."""

    parcel: rules.Parcel
    row: Redemption | None
    outcome: str


def bookings(parcels: Sequence[rules.Parcel]) -> list[Booking]:
    """What booking these parcels would do, line by line. One question."""
    ids = [one.redemption for one in parcels if not one.fault]
    rows = {str(row.id): row for row in Redemption.objects.filter(id__in=ids).select_related("reward", "member")}
    found = []
    for one in parcels:
        row = None if one.fault else rows.get(one.redemption)
        found.append(Booking(one, row, one.fault or _outcome(one, row)))
    return found


def _outcome(parcel: rules.Parcel, row: Redemption | None) -> str:
    if row is None:
        return "redemption_unknown"
    if row.reward.kind != Reward.Kind.GOODS:
        return "not_goods"
    if row.status in OPEN:
        return "shipped"
    if row.status != Redemption.Status.SHIPPED:
        return "not_open"
    return "unchanged" if (row.carrier, row.tracking) == (parcel.carrier, parcel.tracking) else "corrected"


def to_lapse(*, now: datetime) -> QuerySet[Redemption]:
    """Held ones past their deadline."""
    return Redemption.objects.filter(status=Redemption.Status.HELD, pay_until__lte=now).order_by("pay_until")


def status_at(row: Redemption, *, now: datetime) -> str:
    """One past its deadline has lapsed, booked or not."""
    held = row.status == Redemption.Status.HELD and row.pay_until is not None and row.pay_until <= now
    return Redemption.Status.LAPSED if held else row.status


def money_back(row: Redemption) -> int:
    """Of a redemption that came back or was cancelled: how much money the storefront gives back in all."""
    told: Any = Step.objects.filter(member_id=row.member_id, redemption_id=row.id).values_list("cents", flat=True)
    return sum(told)


def shipping_kept(row: Redemption, *, before: Step | None = None) -> int:
    """What of the shipping that was charged no step has given back, or none before that one."""
    if not row.shipping_cents:
        return 0
    earlier = steps(redemption=row).filter(**({"id__lt": before.id} if before else {}))
    return row.shipping_cents - sum(earlier.values_list("shipping_cents", flat=True))
