from datetime import UTC, datetime, timedelta

import pytest

from accounts.keys import rules
from accounts.keys.rules import Lock

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
NEW, OLD = "n" * 43, "o" * 43


def lock(*, previous_until=None, expires_at=None, revoked_at=None):
    return Lock(rules.digest(NEW), rules.digest(OLD) if previous_until else "", previous_until, expires_at, revoked_at)


@pytest.mark.parametrize(
    ("kept", "secret", "opens"),
    [
        (lock(), NEW, True),
        (lock(), OLD, False),
        (lock(), "", False),
        (lock(expires_at=LATER), NEW, True),
        (lock(expires_at=NOW), NEW, False),
        (lock(expires_at=EARLIER), NEW, False),
        (lock(revoked_at=EARLIER), NEW, False),
        (lock(previous_until=LATER), OLD, True),
        (lock(previous_until=LATER), NEW, True),
        (lock(previous_until=NOW), OLD, False),
        (lock(previous_until=LATER, revoked_at=EARLIER), OLD, False),
        (lock(previous_until=LATER, expires_at=NOW), OLD, False),
    ],
)
def test_when_a_key_opens(kept, secret, opens):
    assert rules.opens(kept, secret, NOW) is opens


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (f"lk_0123456789ab_{NEW}", ("0123456789ab", NEW)),
        (f"lk_0123456789ab_{'_' * 43}", ("0123456789ab", "_" * 43)),
        (f"lk_0123456789ab_{NEW}x", None),
        (f"lk_0123456789a_{NEW}", None),
        (f"xx_0123456789ab_{NEW}", None),
        (f"lk_0123456789ab_{'é' * 43}", None),
        ("", None),
    ],
)
def test_what_a_key_looks_like(text, read):
    assert rules.read(text) == read
