from dataclasses import dataclass
from enum import StrEnum


class Action(StrEnum):
    """What a member is about to do, or have done, with points."""

    EARN = "earn"
    HOLD = "hold"
    SPEND = "spend"
    TRANSFER = "transfer"
    REDEEM = "redeem"
    CAPTURE = "capture"
    RESTORE = "restore"
    CLAWBACK = "clawback"
    ADJUST = "adjust"


CLOSED_TO_THE_BLOCKED = frozenset({Action.EARN, Action.HOLD, Action.SPEND, Action.TRANSFER, Action.REDEEM})


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    code: str = ""


def decide(*, action: Action, points: int, blocked: bool) -> Verdict:
    """The verdict on one action. `points` is how many it would move."""
    if blocked and action in CLOSED_TO_THE_BLOCKED:
        return Verdict(False, "blocked")
    return Verdict(True)
