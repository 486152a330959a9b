from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.lib.refusals import BusinessError
from mall.redemptions.models import Redemption

from . import rules
from .models import Renewal, Rental, RentalTerms

State = Rental.State


class RentalUnknown(BusinessError):
    code, status, title = "rental_unknown", 404, _("There is no such rental.")


def terms(code: str) -> RentalTerms | None:
    return RentalTerms.objects.select_related("product__provider").filter(code=code).first()


def terms_fault(item: str) -> str | None:
    """Why a reward cannot lend on those terms; None: it can."""
    there = RentalTerms.objects.filter(code=item, active=True).exists()
    return None if there else gettext("There are no terms of a rental with this code, or nothing more is lent on them.")


def rentals(*, member_id: UUID) -> QuerySet[Rental]:
    """A member's, the newest first; those of who was merged into them too."""
    rows = Rental.objects.filter(member_id__in=members.with_merged(member_id))
    return rows.select_related("terms", "order", "redemption__reward").annotate(renewing=_renewing()).order_by("-id")


def rental(*, rental_id: UUID, member_id: UUID | None = None) -> Rental:
    """`member_id`: whose it must be, or who answers for them. Refuses: RentalUnknown."""
    rows = rentals(member_id=member_id) if member_id else Rental.objects.select_related("terms", "order", "redemption__reward").annotate(renewing=_renewing())
    found = rows.filter(id=rental_id).first()
    if found is None:
        raise RentalUnknown
    return found


def _renewing() -> Exists:
    """Whether a renewal is not answered yet."""
    return Exists(Renewal.objects.filter(member_id=OuterRef("member_id"), rental_id=OuterRef("id"), state=Renewal.State.ASKED))


def of_redemption(row: Redemption) -> Rental | None:
    return Rental.objects.select_related("terms", "order").filter(member_id=row.member_id, redemption_id=row.id).first()


def renewals(row: Rental) -> QuerySet[Renewal]:
    """Of a rental, the newest first."""
    return Renewal.objects.filter(member_id=row.member_id, rental_id=row.id).order_by("-id")


def not_renewed(row: Rental, *, now: datetime) -> rules.No | None:
    """Why the rental (with `renewing`, as found here) cannot be renewed, whoever pays; None: it can."""
    renewing: bool = row.renewing  # type: ignore[attr-defined]
    return rules.not_renewed(
        lent=row.state == State.LENT, ended=bool(row.cause), under_way=renewing, renewals=row.renewals, most=row.most_renewals, end=row.ends_at, now=now
    )


def borrowed(*, member_id: UUID, terms: str, but: UUID, now: datetime) -> int:
    """How many of it the member has out or has set aside to pay for, `but` for that redemption."""
    whose = members.with_merged(member_id)
    out = Rental.objects.filter(member_id__in=whose, terms_id=terms, state__in=Rental.OUT).exclude(redemption_id=but)
    held = Redemption.objects.filter(
        member_id__in=whose, status=Redemption.Status.HELD, pay_until__gt=now, item=terms, reward__kind="rental",
    ).exclude(id=but)  # fmt: skip
    return sum(rows.aggregate(n=Sum("quantity", default=0))["n"] for rows in (out, held))


def to_end(*, now: datetime) -> QuerySet[Rental]:
    """Whose term is over, but for those whose renewal is not answered yet."""
    return Rental.objects.filter(~_renewing(), state=State.LENT, ends_at__lte=now).order_by("ends_at")


def to_renew(*, now: datetime) -> QuerySet[Rental]:
    """On their last day, those whose members want them renewed."""
    rows = Rental.objects.filter(~_renewing(), state=State.LENT, renews_itself=True, cause="", ends_at__gt=now, ends_at__lte=now + rules.LAST_DAY)
    return rows.order_by("ends_at")


def to_remind(*, now: datetime) -> QuerySet[Rental]:
    return Rental.objects.filter(state=State.LENT, due_at__lte=now, ends_at__gt=now).order_by("due_at")


def would_end(*, now: datetime) -> dict[str, int]:
    """How many are due; 10,000 at most are counted. For whoever starts the job by hand."""
    whose = list(Rental.objects.filter(Q(ends_at__lte=now) | Q(due_at__lte=now), state=State.LENT).values_list("member_id", flat=True)[:10_000])
    return {"members": len(set(whose)), "rentals": len(whose)}
