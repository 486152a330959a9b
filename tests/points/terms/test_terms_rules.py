"""When points expire, as tables. Instants are given as local days: the first day on which the points are gone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from points.terms.rules import NEVER, ExpiryPolicy

SHANGHAI, NEW_YORK, UTC_ZONE = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York"), ZoneInfo("UTC")


def gone_on(policy, day: str, zone=SHANGHAI, clock="12:00") -> str:
    """The local day with whose first instant the points that came on `day` at `clock` are gone."""
    came = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
    gone = policy.expires_at(came.astimezone(UTC), zone).astimezone(zone)
    assert gone - timedelta(microseconds=1) < gone
    assert (gone.astimezone(UTC) - timedelta(microseconds=1)).astimezone(zone).date() == gone.date() - timedelta(days=1)
    return gone.date().isoformat()


@pytest.mark.parametrize(
    ("years", "day", "gone"),
    [
        (0, "2024-01-01", "2025-01-01"),
        (0, "2024-12-31", "2025-01-01"),
        (0, "2025-01-01", "2026-01-01"),
        (1, "2024-06-15", "2026-01-01"),
        (2, "2024-12-31", "2027-01-01"),
    ],
)
def test_the_end_of_the_calendar_year_and_so_many_years(years, day, gone):
    assert gone_on(ExpiryPolicy("calendar_year", years), day) == gone


@pytest.mark.parametrize(
    ("years", "first_month", "day", "gone"),
    [
        (0, 1, "2024-06-15", "2025-01-01"),
        (0, 4, "2024-03-31", "2024-04-01"),
        (0, 4, "2024-04-01", "2025-04-01"),
        (0, 4, "2025-03-31", "2025-04-01"),
        (1, 4, "2024-04-01", "2026-04-01"),
        (1, 4, "2024-03-31", "2025-04-01"),
        (0, 3, "2024-02-29", "2024-03-01"),
        (0, 12, "2024-11-30", "2024-12-01"),
        (0, 12, "2024-12-01", "2025-12-01"),
        (0, 12, "2024-12-31", "2025-12-01"),
    ],
)
def test_the_end_of_the_fiscal_year_by_its_first_month(years, first_month, day, gone):
    assert gone_on(ExpiryPolicy("fiscal_year", years, first_month), day) == gone


@pytest.mark.parametrize(
    ("months", "day", "gone"),
    [
        (6, "2024-07-01", "2025-01-02"),  # good through 1 January
        (1, "2024-01-31", "2024-03-01"),
        (1, "2023-01-31", "2023-03-01"),
        (1, "2024-01-29", "2024-03-01"),
        (1, "2023-01-29", "2023-03-01"),
        (1, "2024-01-28", "2024-02-29"),
        (6, "2023-08-31", "2024-03-01"),
        (6, "2024-08-31", "2025-03-01"),
        (12, "2024-02-29", "2025-03-01"),
        (48, "2024-02-29", "2028-03-01"),
        (12, "2024-02-28", "2025-03-01"),
        (12, "2023-02-28", "2024-02-29"),
        (1, "2024-12-31", "2025-02-01"),
        (1, "2024-03-31", "2024-05-01"),
        (1, "2024-04-30", "2024-05-31"),
        (24, "2024-05-05", "2026-05-06"),
        (36, "2024-05-05", "2027-05-06"),
    ],
)
def test_months_end_with_the_month_where_it_is_shorter(months, day, gone):
    assert gone_on(ExpiryPolicy("months", months), day) == gone


@pytest.mark.parametrize(
    ("days", "day", "gone"),
    [
        (0, "2024-02-28", "2024-02-29"),
        (1, "2024-02-28", "2024-03-01"),
        (1, "2023-02-28", "2023-03-02"),
        (30, "2024-12-31", "2025-01-31"),
        (365, "2024-01-01", "2025-01-01"),
    ],
)
def test_so_many_days_after_the_day_itself(days, day, gone):
    assert gone_on(ExpiryPolicy("days", days), day) == gone


@pytest.mark.parametrize("available", ["2024-01-01", "2026-07-01", "2027-01-01"])
def test_a_last_day_that_was_given_is_the_last_day_whenever_the_points_came(available):
    assert gone_on(ExpiryPolicy.until(date(2026, 7, 1)), available) == "2026-07-02"


def test_never_is_never():
    assert NEVER.expires_at(datetime(2024, 1, 1, tzinfo=UTC), SHANGHAI) is None


@pytest.mark.parametrize("clock", ["00:00", "00:00:01", "12:00", "23:59:59.999999"])
@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK, UTC_ZONE])
def test_every_moment_of_a_local_day_expires_together(zone, clock):
    assert gone_on(ExpiryPolicy("days", 10), "2024-06-01", zone, clock) == "2024-06-12"


@pytest.mark.parametrize(
    ("policy", "came", "gone"),
    [
        # One instant, two business days: in Shanghai it is the next day already.
        (ExpiryPolicy("days", 0), "2024-06-01T17:00:00+00:00", "2024-06-02T16:00:00+00:00"),
        (ExpiryPolicy("days", 0), "2024-06-01T15:59:59+00:00", "2024-06-01T16:00:00+00:00"),
        (ExpiryPolicy("days", 0), "2024-06-01T16:00:00+00:00", "2024-06-02T16:00:00+00:00"),
        (ExpiryPolicy("calendar_year", 0), "2024-12-31T15:59:59+00:00", "2024-12-31T16:00:00+00:00"),
        (ExpiryPolicy("calendar_year", 0), "2024-12-31T16:00:00+00:00", "2025-12-31T16:00:00+00:00"),
    ],
)
def test_the_day_is_that_of_shanghai(policy, came, gone):
    assert policy.expires_at(datetime.fromisoformat(came), SHANGHAI) == datetime.fromisoformat(gone)


@pytest.mark.parametrize(
    ("days", "day", "gone"),
    [
        (0, "2024-03-09", "2024-03-10T05:00:00+00:00"),  # winter: midnight is 5 o'clock in UTC
        (0, "2024-03-10", "2024-03-11T04:00:00+00:00"),  # the day of 23 hours
        (1, "2024-03-09", "2024-03-11T04:00:00+00:00"),
        (0, "2024-11-02", "2024-11-03T04:00:00+00:00"),
        (0, "2024-11-03", "2024-11-04T05:00:00+00:00"),  # the day of 25 hours
        (180, "2024-03-01", "2024-08-29T04:00:00+00:00"),
    ],
)
def test_in_new_york_days_are_23_to_25_hours_and_end_at_midnight(days, day, gone):
    came = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=NEW_YORK)

    assert ExpiryPolicy("days", days).expires_at(came, NEW_YORK) == datetime.fromisoformat(gone)


@pytest.mark.parametrize(
    ("zone", "day", "gone"),
    [
        # Clocks go from 24:00 to 1:00: the next day begins when they resume.
        ("America/Havana", "2024-03-09", "2024-03-10T05:00:00+00:00"),
        ("Africa/Cairo", "2024-04-25", "2024-04-25T22:00:00+00:00"),
        ("America/Asuncion", "2023-09-30", "2023-10-01T04:00:00+00:00"),
        # Midnight comes twice: the day is over with the first.
        ("America/Havana", "2024-11-02", "2024-11-03T04:00:00+00:00"),
        # A whole day that never was: 30 December 2011 in Samoa.
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00+00:00"),
    ],
)
def test_where_midnight_is_skipped_or_comes_twice_there_is_still_one_instant(zone, day, gone):
    came = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZoneInfo(zone))

    assert ExpiryPolicy("days", 0).expires_at(came, ZoneInfo(zone)) == datetime.fromisoformat(gone)


def test_a_policy_with_a_zone_of_its_own_does_not_ask_the_programmes():
    policy = ExpiryPolicy("days", 0, zone="America/New_York")

    assert policy.expires_at(datetime(2024, 6, 1, 3, tzinfo=UTC), SHANGHAI) == datetime(2024, 6, 1, 4, tzinfo=UTC)


ALL = [
    (ExpiryPolicy("months", 12), "months:12"),
    (ExpiryPolicy("calendar_year"), "calendar_year:0"),
    (ExpiryPolicy("fiscal_year", 1, 4), "fiscal_year:1:4"),
    (ExpiryPolicy("days", 90, zone="Asia/Shanghai"), "days:90@Asia/Shanghai"),
    (ExpiryPolicy.until(date(2026, 7, 1)), "until:20260701"),
    (NEVER, "never"),
]


@pytest.mark.parametrize(("policy", "text"), ALL)
def test_a_lot_keeps_its_policy_as_text_that_reads_back(policy, text):
    assert str(policy) == text
    assert ExpiryPolicy.parse(text) == policy


@pytest.mark.parametrize("text", ["", "weeks:3", "months:x", "months:", "months:1:2:3", "12"])
def test_text_that_is_no_policy_is_refused(text):
    with pytest.raises((ValueError, TypeError)):
        ExpiryPolicy.parse(text)


def test_the_day_the_points_came_is_a_day_of_the_programme():
    assert gone_on(ExpiryPolicy("days", 0), date(2024, 2, 29).isoformat()) == "2024-03-01"
