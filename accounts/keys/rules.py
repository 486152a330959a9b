"""What a key looks like and when it opens."""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime

_WRITTEN = re.compile(r"lk_([0-9a-z]{12})_([0-9A-Za-z_-]{43})")


@dataclass(frozen=True, slots=True)
class Lock:
    """What is kept of a key: nothing that opens it."""

    digest: str
    previous_digest: str
    previous_until: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


def write(prefix: str, secret: str) -> str:
    return f"lk_{prefix}_{secret}"


def read(text: str) -> tuple[str, str] | None:
    """Prefix and secret; None for what is no key at all."""
    found = _WRITTEN.fullmatch(text)
    return (found[1], found[2]) if found else None


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def opens(lock: Lock, secret: str, now: datetime) -> bool:
    """Whether the secret is the key's, or the one before it within its grace, on a key neither revoked nor expired."""
    if lock.revoked_at or (lock.expires_at and lock.expires_at <= now):
        return False
    given = digest(secret)
    current = hmac.compare_digest(given, lock.digest)
    previous = hmac.compare_digest(given, lock.previous_digest) and lock.previous_until is not None and now < lock.previous_until
    return current or previous
