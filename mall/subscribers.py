"""What the mall does when something happens below; and what features declare to each other."""

from uuid import UUID

import mall.codes.services
import mall.rentals.services
import mall.revival.services
import mall.vouchers.services  # noqa: F401 (declares how its rewards are handed out)
from accounts.members import selectors as members
from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe
from mall.coupons import services as coupons
from mall.flashsale import services as flashsale
from mall.privileges import services as privileges
from mall.redemptions import services as redemptions
from mall.rentals import services as rentals


@subscribe("points.members_merged")
def move_privileges(event: Event) -> None:
    """What a merged member may still use is the survivor's."""
    privileges.move(from_id=UUID(event.payload["merged"]), into_id=event.member_id, now=event.now)


def _about_a_coupon(event: Event) -> bool:
    return event.payload["effect"] == "coupon"


@subscribe("points.effect_won", wants=_about_a_coupon)
@subscribe("points.effect_withdrawn", wants=_about_a_coupon)
def keep_coupons(event: Event) -> None:
    """Coupons that a rule, a check-in or a tier gave, or whose ground fell. One subscriber for both, so that no withdrawal overtakes its issue."""
    told = event.payload
    member_id = members.survivor_id(event.member_id)
    about = {"template": told["item"], "count": told["count"], "subject": told["subject"], "key": f"effect/{event.id}"}
    if event.topic == "points.effect_won":
        coupons.issue_won(member_id=member_id, **about, now=event.now)
    else:
        coupons.withdraw_won(member_id=member_id, **about, now=event.now)


@subscribe("points.members_merged")
def move_coupons(event: Event) -> None:
    """The coupons that a merged member could still use are the survivor's."""
    coupons.move(from_id=UUID(event.payload["merged"]), into_id=event.member_id)


@subscribe("points.members_merged")
def move_tickets(event: Event) -> None:
    """Where a merged member stood in line for a flash sale, the survivor stands."""
    flashsale.move(from_id=UUID(event.payload["merged"]), into_id=event.member_id, now=event.now)


@subscribe("points.members_merged")
def cancel_unpaid(event: Event) -> None:
    """A merge frees what its member had set aside: what they had not paid comes to nothing."""
    redemptions.cancel_held(member_id=UUID(event.payload["merged"]), actor="merge", now=event.now)


@subscribe("mall.redemption_changed", wants=lambda event: redemptions.announces(event.payload))
def tell_of_redemption(event: Event) -> None:
    told = event.payload
    redemptions.announce(redemption_id=UUID(told["redemption"]), member_id=event.member_id, status=told["status"], now=event.now)


@subscribe("mall.rental_changed", wants=lambda event: (event.payload["before"], event.payload["status"]) in rentals.ANNOUNCED)
def tell_of_rental(event: Event) -> None:
    told = event.payload
    rentals.announce(rental_id=UUID(told["rental"]), before=told["before"], status=told["status"], renewals=told["renewals"], now=event.now)
