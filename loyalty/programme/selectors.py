from datetime import datetime
from zoneinfo import ZoneInfo

from .models import Programme


def programme() -> Programme:
    """The programme as it is set now; its defaults where nothing was set."""
    return Programme.current()


def zone(*, now: datetime) -> ZoneInfo:
    """The zone whose business days are in force at `now`."""
    return Programme.current().zone_at(now)
