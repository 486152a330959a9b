"""What the mall does when something happens below; and what features declare to each other."""

from uuid import UUID

import mall.codes.services
import mall.vouchers.services  # noqa: F401 (declares how its rewards are handed out)
from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe
from mall.privileges import services as privileges


@subscribe("points.members_merged")
def move_privileges(event: Event) -> None:
    """What a merged member may still use is the survivor's."""
    privileges.move(from_id=UUID(event.payload["merged"]), into_id=event.member_id, now=event.now)
