from datetime import timedelta

import pytest

from points.ledger import events, selectors
from points.ledger import services as ledger

from .conftest import NEVER, days


@pytest.mark.parametrize(("microseconds", "gone"), [(-1, False), (0, True), (1, True)])
def test_points_are_gone_from_the_first_instant_after_their_last_day(desk, microseconds, gone):
    desk.earn(100, days(1))
    desk.now = desk.midnight(1) + timedelta(microseconds=microseconds)

    assert desk.buckets == ((0 if gone else 100), 0, 0, 0)
    desk.sweep()
    assert desk.stored == desk.buckets


def test_reads_do_not_wait_for_the_sweep(desk):
    desk.earn(100, days(1))
    kept = desk.earn(20, NEVER)
    desk.later(days=5)

    assert desk.stored == (120, 0, 0, 0)
    assert desk.buckets == (20, 0, 0, 0)
    assert [lot.entry_id for lot in selectors.live_lots(member_id=desk.id, now=desk.now)] == [kept.id]
    assert list(selectors.expiring(member_id=desk.id, now=desk.now)) == []


def test_an_expiry_happened_when_the_lot_ended_not_when_it_was_booked(desk):
    lot = desk.earn(100, days(1))
    desk.later(days=5)

    desk.sweep()

    entry = desk.last("expire")
    assert (entry.occurred_at, entry.recorded_at) == (desk.lot(lot).expires_at, desk.now)
    assert (entry.points, entry.available_change, entry.balance_after) == (100, -100, 0)
    assert desk.taken(entry) == {lot.key: 100}


def test_lots_that_end_together_are_one_entry_and_others_one_each_in_order(desk):
    late, first, same = desk.earn(5, days(3)), desk.earn(10, days(1)), desk.earn(20, days(1))
    desk.later(days=9)

    desk.sweep()

    assert desk.kinds[3:] == ["expire", "expire"]
    assert desk.taken(desk.last("expire")) == {late.key: 5}
    assert [entry.points for entry in (desk.last("expire"),)] == [5]
    assert desk.left(late, first, same) == [0, 0, 0]


def test_sweeping_twice_books_nothing_twice(desk):
    desk.earn(100, days(1))
    desk.later(days=5)

    desk.sweep()
    desk.sweep()

    assert desk.kinds == ["earn", "expire"]


def test_sweeping_a_member_without_books_writes_nothing(desk):
    desk.sweep()

    assert desk.kinds == []


def test_the_night_books_what_is_due_of_everybody_as_each_verb_would(desk, other):
    for one in (desk, other):
        one.earn(100, days(1))
        one.earn(20, days(1))
        one.earn(5, days(2))
        one.earn(7, NEVER)
        one.spend(1)
    desk.later(days=9)
    other.later(days=9)

    swept = ledger.expire_due(actor="night", now=desk.now)

    assert (swept.members, swept.lots, swept.points) == (2, 6, 248)
    for one in (desk, other):
        assert one.stored == one.buckets == (7, 0, 0, 0)
        assert one.kinds[-2:] == ["expire", "expire"]
        assert one.last("expire").key.startswith("#")
    assert not ledger.expire_due(actor="night", now=desk.now)


def test_the_night_leaves_alone_what_is_held_pending_or_not_due(desk):
    desk.earn(100, days(1))
    desk.hold(100, lasts=timedelta(days=30))
    desk.earn(50, days(1), waits=True)
    desk.earn(20, days(30))
    desk.later(days=9)

    assert not ledger.expire_due(actor="night", now=desk.now)
    assert desk.stored == (20, 100, 50, 0)


def test_the_night_goes_by_batches_of_members(desk, other):
    for one in (desk, other):
        one.earn(100, days(1))
    now = desk.later(days=9)
    other.now = now

    assert ledger.expire_due(members=1, actor="night", now=now).members == 1
    assert ledger.expire_due(members=1, actor="night", now=now).members == 1
    assert not ledger.expire_due(members=1, actor="night", now=now)
    assert desk.stored == other.stored == (0, 0, 0, 0)


@pytest.mark.parametrize("by", ["member", "night"])
def test_an_expiry_is_told_upwards(desk, monkeypatch, by):
    from loyalty.outbox import services as outbox

    told = []
    monkeypatch.setattr(outbox, "SUBSCRIBERS", {events.EXPIRED: {"tests": None}})
    monkeypatch.setattr(outbox, "insertion", lambda rows: told.extend(rows) or ("SELECT 1", []))
    desk.earn(100, days(1))
    desk.later(days=5)

    if by == "member":
        desk.sweep()
    else:
        ledger.expire_due(actor="night", now=desk.now)

    entry = desk.last("expire")
    assert [(event.topic, event.member_id) for event in told] == [(events.EXPIRED, desk.id)]
    assert told[0].payload == {"entry": str(entry.id), "points": 100, "subject": "", "occurred_at": entry.occurred_at.isoformat()}
