from datetime import UTC, datetime, timedelta

import pytest

from points.ledger import services as ledger
from points.ledger.models import Lot, Source
from points.terms.rules import ExpiryPolicy

from .conftest import NEVER, days


def test_an_earning_is_one_entry_and_one_lot_and_available_at_once(desk):
    entry = desk.earn(100, subject="purchase/1", cost_centre="shop")

    lot = desk.lot(entry)
    assert desk.buckets == desk.stored == (100, 0, 0, 0)
    assert (entry.kind, entry.points, entry.seq, entry.balance_after, entry.subject) == ("earn", 100, 1, 100, "purchase/1")
    assert (lot.original, lot.remaining, lot.held, lot.source, lot.cost_centre, lot.terms) == (100, 100, 0, "purchase", "shop", "never")
    assert (lot.earned_at, lot.available_at, lot.expires_at) == (desk.now, desk.now, None)


def test_the_first_expiry_of_a_lot_stands_on_the_entry_that_made_it(desk):
    entry = desk.earn(100, days(3))

    assert entry.expires_at == desk.lot(entry).expires_at == desk.midnight(3)


def test_the_programmes_policy_is_used_where_the_grant_brings_none(desk, terms):
    terms.expiry, terms.length = "months", 6
    terms.save()

    entry = desk.earn(100, None, occurred_at=datetime(2024, 7, 1, 3, 0, tzinfo=UTC))

    lot = desk.lot(entry)
    assert lot.terms == "months:6"
    assert lot.expires_at == datetime(2025, 1, 1, 16, 0, tzinfo=UTC)  # good through 1 January in Shanghai


def test_terms_are_pinned_so_a_new_setting_changes_no_lot(desk, terms):
    entry = desk.earn(100, None)
    before = desk.lot(entry).expires_at

    terms.expiry = "never"
    terms.save()

    assert desk.lot(entry).expires_at == before is not None


def test_the_term_runs_from_when_it_happened_not_from_when_it_was_booked(desk):
    entry = desk.earn(100, days(10), occurred_at=desk.now - timedelta(days=4))

    assert desk.lot(entry).expires_at == desk.midnight(6)
    assert (entry.occurred_at, entry.recorded_at) == (desk.now - timedelta(days=4), desk.now)


def test_a_lot_gone_at_once_is_booked_as_earned_and_expired(desk):
    happened = desk.now - timedelta(days=10)

    entry = desk.earn(100, days(2), occurred_at=happened)

    assert desk.kinds == ["earn", "expire"]
    assert entry.balance_after == 100
    assert desk.buckets == desk.stored == (0, 0, 0, 0)
    assert desk.last("expire").occurred_at == desk.lot(entry).expires_at == desk.midnight(-8)


def test_points_that_mature_later_are_pending_without_an_expiry(desk):
    at = desk.now + timedelta(days=7)

    entry = desk.earn(100, days(30), matures_at=at)

    lot = desk.lot(entry)
    assert desk.buckets == (0, 0, 100, 0)
    assert (lot.is_pending, lot.matures_at, lot.available_at, lot.expires_at) == (True, at, None, None)
    assert (entry.available_change, entry.pending_change, entry.balance_after) == (0, 100, 0)


@pytest.mark.parametrize(("seconds", "buckets"), [(-1, (100, 0, 0, 0)), (0, (100, 0, 0, 0)), (1, (0, 0, 100, 0))])
def test_points_are_pending_only_while_their_time_lies_ahead(desk, seconds, buckets):
    desk.earn(100, matures_at=desk.now + timedelta(seconds=seconds))

    assert desk.buckets == buckets


def test_the_term_of_points_matured_on_arrival_runs_from_their_maturity(desk):
    matured = desk.now - timedelta(days=1)

    entry = desk.earn(100, days(10), occurred_at=desk.now - timedelta(days=8), matures_at=matured)

    lot = desk.lot(entry)
    assert (lot.available_at, lot.expires_at) == (matured, desk.midnight(9))


def test_points_that_wait_for_an_act_are_pending_without_a_time(desk):
    entry = desk.earn(100, waits=True)

    assert desk.buckets == (0, 0, 100, 0)
    assert desk.lot(entry).matures_at is None


def test_an_earning_settles_debt_first(desk):
    desk.spend(30, overdraw=True)

    entry = desk.earn(100)

    assert desk.kinds == ["spend", "earn", "settle"]
    assert desk.buckets == (70, 0, 0, 0)
    assert desk.left(entry) == [70]
    assert desk.last("settle").debt_change == desk.last("settle").available_change == -30


def test_an_earning_smaller_than_the_debt_pays_what_it_can(desk):
    desk.spend(100, overdraw=True)

    entry = desk.earn(30)

    assert desk.buckets == (0, 0, 0, 70)
    assert desk.left(entry) == [0]


def test_points_that_are_gone_on_arrival_settle_nothing(desk):
    desk.spend(30, overdraw=True)

    desk.earn(100, days(1), occurred_at=desk.now - timedelta(days=9))

    assert desk.kinds == ["spend", "earn", "expire"]
    assert desk.buckets == (0, 0, 0, 30)


def test_pending_points_settle_no_debt_until_they_mature(desk):
    desk.spend(30, overdraw=True)

    desk.earn(100, waits=True)

    assert desk.buckets == (0, 0, 100, 30)


@pytest.mark.parametrize("points", [0, -1])
def test_an_earning_of_nothing_or_less_is_refused(desk, refuses, points):
    with refuses(ledger.PointsNotPositive):
        desk.earn(points)


def test_sub_accounts_are_a_question_to_the_lots(desk):
    from points.ledger import selectors

    desk.earn(100)
    desk.earn(20, source=Source.CAMPAIGN)
    desk.earn(7, days(0), source=Source.BEHAVIOUR)
    desk.earn(5, waits=True)
    desk.later(days=1)
    desk.spend(1)

    assert selectors.by_source(member_id=desk.id, now=desk.now) == {"purchase": 99, "campaign": 20}


def test_a_policy_of_its_own_keeps_its_own_zone(desk):
    entry = desk.earn(100, ExpiryPolicy("days", 0, zone="America/New_York"))

    # 04:00 UTC on 10 March is the first hour of that day in New York, in summer time since the day before.
    assert desk.lot(entry).expires_at == datetime(2025, 3, 11, 4, 0, tzinfo=UTC)
    assert desk.lot(entry).terms == "days:0@America/New_York"


def test_two_earnings_are_two_lots_even_on_the_same_terms(desk):
    desk.earn(100, NEVER)
    desk.earn(100, NEVER)

    assert Lot.objects.filter(member_id=desk.id).count() == 2
