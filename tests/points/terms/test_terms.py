from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from loyalty.programme import services as programme
from points.ledger import services as ledger
from points.ledger.models import Lot
from points.terms import selectors
from points.terms.models import Terms
from points.terms.rules import ExpiryPolicy

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("chosen", "policy"),
    [
        ({"expiry": "months", "length": 6}, ExpiryPolicy("months", 6)),
        ({"expiry": "days", "length": 90}, ExpiryPolicy("days", 90)),
        ({"expiry": "calendar_year", "length": 0}, ExpiryPolicy("calendar_year", 0)),
        ({"expiry": "fiscal_year", "length": 1, "first_month": 4}, ExpiryPolicy("fiscal_year", 1, 4)),
        ({"expiry": "never"}, ExpiryPolicy("never")),
    ],
)
def test_the_settings_are_the_policy_of_new_lots(db, member, now, chosen, policy):
    Terms.objects.create(**chosen)

    ledger.earn(member_id=member.id, points=5, source="purchase", actor="tests", key="order/1", now=now)

    lot = Lot.objects.get()
    kept = ExpiryPolicy.parse(lot.terms)
    assert (kept.kind, kept.expires_at(now, SHANGHAI)) == (policy.kind, policy.expires_at(now, SHANGHAI))
    assert lot.expires_at == policy.expires_at(now, SHANGHAI)


def test_without_settings_points_are_good_for_a_year_and_returns_get_no_grace(db):
    assert selectors.terms().policy == ExpiryPolicy("months", 12)
    assert selectors.restore_grace() == timedelta(0)


def test_grace_is_set_in_days(db):
    Terms.objects.create(restore_grace_days=5)

    assert selectors.restore_grace() == timedelta(days=5)


@pytest.mark.parametrize(
    ("expiry", "length", "refused"),
    [
        ("months", 0, True), ("months", 1, False), ("months", 1200, False), ("months", 1201, True),
        ("days", 0, True), ("days", 1, False), ("days", 36_500, False), ("days", 36_501, True),
        ("calendar_year", 0, False), ("calendar_year", 1200, False), ("calendar_year", 1201, True),
        ("fiscal_year", 0, False), ("fiscal_year", 1201, True), ("never", 0, False),
    ],
)  # fmt: skip
def test_a_length_that_makes_no_sense_is_refused(db, expiry, length, refused):
    terms = Terms(expiry=expiry, length=length)

    if refused:
        with pytest.raises(ValidationError) as error:
            terms.full_clean()
        assert set(error.value.message_dict) == {"length"}
    else:
        terms.full_clean()


@pytest.mark.parametrize(("month", "refused"), [(0, True), (1, False), (12, False), (13, True)])
def test_the_first_month_is_a_month(db, month, refused):
    terms = Terms(expiry="fiscal_year", length=0, first_month=month)

    if refused:
        with pytest.raises(ValidationError):
            terms.full_clean()
    else:
        terms.full_clean()


def test_a_change_of_zone_moves_no_stored_expiry(db, member):
    now = datetime(2025, 3, 10, 4, tzinfo=UTC)
    programme.change_zone(zone="Asia/Shanghai", now=now - timedelta(days=9))

    def earn(key, at):
        ledger.earn(member_id=member.id, points=5, source="purchase", policy=ExpiryPolicy("days", 1), actor="tests", key=key, now=at)
        return Lot.objects.get(entry__key=key).expires_at

    before = earn("order/1", now)
    programme.change_zone(zone="America/New_York", now=now)

    assert Lot.objects.get(entry__key="order/1").expires_at == before == datetime(2025, 3, 11, 16, tzinfo=UTC)
    # Until the next local midnight of the new zone business days are still the old one's.
    midnight = datetime(2025, 3, 11, 4, tzinfo=UTC)
    assert earn("order/2", midnight - timedelta(microseconds=1)) == datetime(2025, 3, 12, 16, tzinfo=UTC)
    assert earn("order/3", midnight) == datetime(2025, 3, 13, 4, tzinfo=UTC)
