from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): made by the application, sorted by the time it was made."""
    return uuid7()


def first_id_at(moment: datetime) -> UUID:
    """No id made at `moment` or later sorts before it, none made earlier after it (to the millisecond)."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
