"""How long a privilege lasts, and where it stands. Pure."""

from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from points.terms.rules import NEVER, ExpiryPolicy

# Thirty days, as for tiers.
MOST_EARLY = 60 * 24 * 30

State = Literal["coming", "current", "used_up", "over", "ended"]
TermKind = Literal["days", "year_end", "for_ever"]


class Term(NamedTuple):
    """How long one lasts. `days`: through the end of that day after it begins."""

    kind: TermKind
    days: int = 0

    def ends_at(self, starts_at: datetime, zone: ZoneInfo) -> datetime | None:
        """The first instant after it; None: never."""
        policy = {"days": ExpiryPolicy("days", self.days), "year_end": ExpiryPolicy("calendar_year"), "for_ever": NEVER}[self.kind]
        return policy.expires_at(starts_at, zone)


class Span(NamedTuple):
    starts_at: datetime
    ends_at: datetime | None


def span(term: Term, *, at_will: bool, covered: bool, covered_until: datetime | None, zone: ZoneInfo, now: datetime) -> Span | None:
    """From when until when one granted now is good. None: it would bring nothing.

    `covered`: one of its kind, usable at will, is good now or later, through `covered_until` (None: for ever).
    """
    if not (at_will and covered):
        return Span(now, term.ends_at(now, zone))
    if covered_until is None:
        return None
    if term.kind == "days":
        # The instant where the one before ends opens a day: that day is the first of so many.
        return Span(covered_until, ExpiryPolicy("days", term.days - 1).expires_at(covered_until, zone))
    ends_at = term.ends_at(now, zone)
    return Span(covered_until, None) if ends_at is None else Span(now, ends_at) if covered_until < ends_at else None


def state(*, starts_at: datetime, ends_at: datetime | None, uses_left: int | None, ended: bool, now: datetime) -> State:
    """Where it stands at `now`. `uses_left` None: at will."""
    if ended:
        return "ended"
    if ends_at is not None and ends_at <= now:
        return "over"
    if uses_left == 0:
        return "used_up"
    return "coming" if now < starts_at else "current"
