from datetime import timedelta

import pytest

from points.ledger import selectors
from points.ledger import services as ledger

from .conftest import days


def test_pending_points_become_available_and_their_term_begins(desk):
    entry = desk.earn(100, days(3), waits=True)
    desk.later(days=20)

    matured = desk.mature(entry)

    lot = desk.lot(entry)
    assert desk.buckets == desk.stored == (100, 0, 0, 0)
    assert (lot.is_pending, lot.available_at, lot.expires_at) == (False, desk.now, desk.midnight(3))
    assert (matured.kind, matured.points, matured.available_change, matured.pending_change) == ("mature", 100, 100, -100)
    assert (matured.expires_at, matured.refers_to_id) == (lot.expires_at, entry.id)


def test_the_job_that_comes_late_matures_as_of_the_time_that_was_promised(desk):
    at = desk.now + timedelta(days=7)
    entry = desk.earn(100, days(30), matures_at=at)
    desk.later(days=9)

    desk.mature(entry)

    assert desk.lot(entry).available_at == desk.last("mature").occurred_at == at
    assert desk.lot(entry).expires_at == desk.midnight(28)


def test_an_act_may_mature_points_before_their_time(desk):
    entry = desk.earn(100, matures_at=desk.now + timedelta(days=7))
    desk.later(days=1)

    desk.mature(entry)

    assert desk.buckets == (100, 0, 0, 0)
    assert desk.lot(entry).available_at == desk.now


def test_points_whose_term_is_over_when_they_mature_expire_at_once(desk):
    entry = desk.earn(100, days(1), matures_at=desk.now + timedelta(days=1))
    desk.later(days=9)

    desk.mature(entry)

    assert desk.kinds == ["earn", "mature", "expire"]
    assert desk.stored == (0, 0, 0, 0)
    assert desk.last("expire").occurred_at == desk.lot(entry).expires_at


def test_maturing_points_settle_debt(desk):
    desk.spend(30, overdraw=True)
    entry = desk.earn(100, waits=True)

    desk.mature(entry)

    assert desk.buckets == (70, 0, 0, 0)
    assert desk.left(entry) == [70]


def test_what_was_taken_back_while_pending_does_not_mature(desk):
    entry = desk.earn(100, waits=True)
    desk.clawback(entry, 40)

    assert desk.mature(entry).points == 60


def test_maturing_twice_changes_nothing(desk):
    entry = desk.earn(100, waits=True)
    desk.mature(entry)

    assert desk.mature(entry) is None
    assert desk.kinds == ["earn", "mature"]


def test_nothing_matures_of_an_earning_that_was_taken_back_whole(desk):
    entry = desk.earn(100, waits=True)
    desk.clawback(entry, 100)

    assert desk.mature(entry) is None


def test_an_unknown_earning_is_refused(desk, other, refuses):
    entry = other.earn(100, waits=True)

    with refuses(selectors.EntryUnknown):
        desk.mature(entry)


@pytest.mark.parametrize(("seconds", "matured"), [(-1, 0), (0, 1), (1, 1)])
def test_the_job_matures_what_has_come_to_its_time(desk, seconds, matured):
    desk.earn(100, matures_at=desk.now + timedelta(days=1))
    desk.earn(50, waits=True)
    desk.later(days=1, seconds=seconds)

    assert ledger.mature_due(actor="job", now=desk.now).total() == matured
    assert desk.buckets == (100 * matured, 0, 150 - 100 * matured, 0)
    assert ledger.mature_due(actor="job", now=desk.now).total() == 0


def test_the_job_takes_the_oldest_first_and_no_more_than_its_batch(desk):
    second = desk.earn(20, matures_at=desk.now + timedelta(hours=2))
    first = desk.earn(10, matures_at=desk.now + timedelta(hours=1))
    desk.later(days=1)

    assert ledger.mature_due(limit=1, actor="job", now=desk.now).total() == 1
    assert (desk.lot(first).is_pending, desk.lot(second).is_pending) == (False, True)
