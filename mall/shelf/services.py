from datetime import datetime
from uuid import UUID

from tiers.evaluation import services as tiers

from . import selectors
from .selectors import Who


def who_looks(*, member_id: UUID | None, now: datetime) -> Who:
    """The member as the shelf prices for them, or nobody. Where their tier's term is over it is decided on first, as a redemption would."""
    if member_id is None:
        return selectors.NOBODY
    who = selectors.as_member(member_id=member_id, now=now)
    if who.term_over:
        tiers.look_again(member_ids=[member_id], now=now)
        who = selectors.as_member(member_id=member_id, now=now)
    return who
