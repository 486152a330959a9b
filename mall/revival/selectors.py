from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Prefetch, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from points.ledger import selectors as books

from . import rules
from .models import RevivalReward, RevivalUse, RevivalWindow


class RevivalClosed(BusinessError):
    code, status, title = "revival_closed", 409, _("Expired points buy nothing now.")


def window(*, now: datetime) -> RevivalWindow | None:
    """The window that is open, with its rewards; the one that opened last where several are. None: none."""
    open_now = RevivalWindow.objects.filter(active=True, opens_at__lte=now, closes_at__gt=now)
    rewards = Prefetch("rewards", RevivalReward.objects.select_related("reward"))
    return open_now.prefetch_related(rewards).order_by("-opens_at", "-id").first()


def revivable(*, member_id: UUID, window: RevivalWindow, now: datetime) -> list[rules.Gone]:
    """What of the member's expired points, booked or not, the window still takes, what expired first first. Two statements."""
    until = min(window.expired_until, now + timedelta(microseconds=1))
    gone = [rules.Gone(*row) for row in books.expired_lots(member_id=member_id, since=window.expired_from, until=until)]
    return rules.revivable(gone, _used(member_id, [one.lot for one in gone]))


def _used(member_id: UUID, lots: Collection[UUID]) -> dict[UUID, int]:
    rows = RevivalUse.objects.filter(member_id=member_id, lot_id__in=lots).values("lot_id")
    return dict(rows.annotate(n=Sum(F("points") - F("given_back"))).values_list("lot_id", "n"))


def uses(*, member_id: UUID, redemption_id: UUID) -> QuerySet[RevivalUse]:
    """What paid for a redemption."""
    return RevivalUse.objects.filter(member_id=member_id, redemption_id=redemption_id).order_by("id")
