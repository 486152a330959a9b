"""`manage.py balances`: what every member had at an instant, as CSV."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from accounts.members import services as members
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.terms.rules import ExpiryPolicy

pytestmark = pytest.mark.django_db


def balances(*options):
    out = io.StringIO()
    call_command("balances", *options, stdout=out)
    return out.getvalue().splitlines()


def earn(member, points, *, at, key="earn", **more):
    return ledger.earn(member_id=member.id, points=points, source="purchase", actor="tests", key=key, now=at, **more)


def test_every_account_is_listed_by_its_storefronts_id(member, other_member, now):
    earn(other_member, 20, at=now)
    earn(member, 10, at=now)
    assert balances() == ["customer_id,balance", "M-1,10", "M-2,20"]


def test_a_member_without_an_account_is_not(member):
    assert balances() == ["customer_id,balance"]


def test_what_happened_at_the_instant_counts_and_what_came_later_does_not(member, now):
    earn(member, 10, at=now)
    earn(member, 5, at=now + timedelta(seconds=1), key="later")
    assert balances("--as-of", now.isoformat())[1:] == ["M-1,10"]
    assert balances("--as-of", (now - timedelta(microseconds=1)).isoformat())[1:] == ["M-1,0"]


def test_what_happened_counts_by_when_it_happened_and_not_by_when_it_was_booked(member, now):
    earn(member, 10, at=now, occurred_at=now - timedelta(days=2))
    assert balances("--as-of", (now - timedelta(days=1)).isoformat())[1:] == ["M-1,10"]


@pytest.mark.parametrize("swept", [False, True])
def test_what_has_expired_is_gone_at_its_instant_swept_or_not(member, now, swept):
    earn(member, 10, at=now, policy=ExpiryPolicy("days", 3, zone="UTC"))
    ends = books.live_lots(member_id=member.id, now=now).get().expires_at
    if swept:
        ledger.expire_due(actor="tests", now=ends + timedelta(days=9))
    assert balances("--as-of", (ends - timedelta(microseconds=1)).isoformat())[1:] == ["M-1,10"]
    assert balances("--as-of", ends.isoformat())[1:] == ["M-1,0"]


def test_held_points_are_not_available(member, now):
    earn(member, 10, at=now)
    ledger.hold(member_id=member.id, points=4, expires_at=now + timedelta(hours=1), actor="tests", key="hold", now=now)
    assert balances("--as-of", now.isoformat())[1:] == ["M-1,6"]


@pytest.mark.parametrize("as_of", ["2026-01-31", "2026-01-31T00:00:00", "soon"])
def test_an_instant_needs_its_offset(as_of):
    with pytest.raises(CommandError, match="as-of"):
        balances("--as-of", as_of)


def test_a_name_with_a_comma_is_quoted(db, now):
    earn(members.ensure(external_id="a,b", now=now), 10, at=now)
    assert balances()[1:] == ['"a,b",10']
