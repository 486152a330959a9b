from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from loyalty.lib.refusals import BusinessError
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.services import NOBODY, Recipient, Redeemed, Tender
from mall.rewards import selectors as rewards
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import rules, selectors
from .models import RevivalUse, RevivalWindow


class NotForExpired(BusinessError):
    code, status, title = "not_for_expired", 409, _("This reward is not among those that expired points buy now.")


class TooFewExpired(BusinessError):
    code, status, title = "too_few_expired", 409, _("There are not so many expired points that still count.")


@transaction.atomic(savepoint=False)
def redeem(*, member_id: UUID, reward: str, quantity: int = 1, recipient: Recipient = NOBODY, actor: str, key: str, now: datetime) -> Redeemed:
    """Redeem a reward of the open window for expired points. The same key again is a replay, also after the window has closed.

    Refuses: RevivalClosed, NotForExpired, TooFewExpired, AccountFrozen, and what `redemptions.redeem` refuses but for points.
    """
    # The lots that are due by now are to be booked before they can be used.
    ledger.expire(member_id=member_id, actor=actor, now=now)
    window = selectors.window(now=now)
    offer = rewards.offer(reward)
    listed = {one.reward.code: one.points for one in window.rewards.all()} if window else {}
    pay = partial(_pay, window=window, listed=listed)
    tender = Tender(replace(offer, points=listed.get(reward, offer.points), cents=0, shipping_cents=0), pay)
    return redemptions.redeem(member_id=member_id, reward=reward, quantity=quantity, recipient=recipient, tender=tender, actor=actor, key=key, now=now)


def _pay(row: Redemption, now: datetime, *, window: RevivalWindow | None, listed: Mapping[str, int]) -> None:
    """Asked once it is known that this is no replay."""
    if window is None:
        raise selectors.RevivalClosed
    if rewards.offer_of(row.reward_id).code not in listed:
        raise NotForExpired
    if books.frozen(member_id=row.member_id):
        raise ledger.AccountFrozen
    left = selectors.revivable(member_id=row.member_id, window=window, now=now)
    taken = rules.take(left, row.points)
    if taken is None:
        raise TooFewExpired(wanted=row.points, available=sum(one.points for one in left))
    RevivalUse.objects.bulk_create(
        RevivalUse(member_id=row.member_id, window=window, redemption_id=row.id, lot_id=lot, points=points, used_at=now) for lot, points in taken
    )


def _give_back(row: Redemption, points: int) -> None:
    """So much of what paid for it can be used again: what expired last first, so that the rest stays used from the oldest on."""
    for use in selectors.uses(member_id=row.member_id, redemption_id=row.id).order_by("-id"):
        part = min(points, use.points - use.given_back)
        if part:
            RevivalUse.objects.filter(id=use.id, member_id=row.member_id).update(given_back=F("given_back") + part)
        points -= part
    assert points == 0, "no more comes back than was paid"


redemptions.tender_given_back_by(_give_back)
