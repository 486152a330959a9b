from uuid import UUID

from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): made by the application, sorted by the time it was made."""
    return uuid7()
