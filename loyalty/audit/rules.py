from dataclasses import dataclass
from datetime import datetime, time, timedelta


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a job runs unless an operator decides otherwise: `every` so often, or `daily_at` a time in the programme's zone."""

    every: timedelta | None = None
    daily_at: time | None = None

    def __post_init__(self) -> None:
        assert (self.every is None) != (self.daily_at is None), "a job has one schedule"


def is_dead(*, heartbeat_at: datetime, time_limit: timedelta, now: datetime) -> bool:
    """Whether a run that is still called running cannot be: no task outlives `time_limit`, and a minute allows for clocks apart."""
    return now - heartbeat_at > time_limit + timedelta(minutes=1)
