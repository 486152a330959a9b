"""Codes, links, and when an order completes a referral. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import end_of_day, local_date

# Nothing that is mistaken for something else when it is read aloud or copied by hand; no vowels but A and E, so no words.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8


def code(seed: bytes, attempt: int = 0) -> str:
    """A code of eight signs out of a random seed; another one for each attempt, should the first be somebody's already."""
    number = int.from_bytes(hashlib.blake2b(seed + attempt.to_bytes(4), digest_size=16).digest())
    signs = []
    for _position in range(LENGTH):
        number, sign = divmod(number, len(ALPHABET))
        signs.append(ALPHABET[sign])
    return "".join(signs)


def as_written(given: str) -> str:
    """A code as people type it, made what we gave out: small letters, blanks and dashes do not matter."""
    return given.upper().replace(" ", "").replace("-", "")


def link(template: str, code: str) -> str | None:
    """The address that carries the code; None where there is no template."""
    return template.replace("{code}", code) if template else None


def window_end(registered_at: datetime, *, days: int, zone: ZoneInfo) -> datetime | None:
    """The first instant at which an order comes too late: after the local day that is so many days later. None: never."""
    return end_of_day(local_date(registered_at, zone) + timedelta(days=days), zone) if days else None


def had_bought(recorded: Sequence[datetime], *, registered_at: datetime, zone: ZoneInfo) -> bool:
    """Whether one of the orders was told on a local day before the one of registration."""
    return any(local_date(moment, zone) < local_date(registered_at, zone) for moment in recorded)


def completes(*, net_cents: int, occurred_at: datetime, until: datetime | None) -> bool:
    """Whether an order of that net amount, paid then, completes a referral that is still to be completed."""
    return net_cents > 0 and (until is None or occurred_at < until)


def completion(friend_id: UUID, purchase_ref: str) -> str:
    """What the inviter's side calls it that this order completed the referral: the number of the friend's order is not theirs to know."""
    return hashlib.blake2b(purchase_ref.encode(), key=friend_id.bytes, digest_size=16).hexdigest()


def masked(name: str) -> str:
    """A name as others may read it: its first letter."""
    return f"{name.strip()[:1]}***"
