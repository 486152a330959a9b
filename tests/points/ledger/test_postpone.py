from datetime import timedelta

import pytest

from points.ledger import selectors
from points.ledger import services as ledger

from .conftest import NEVER, days


def test_a_postponed_lot_is_good_until_the_new_instant_and_no_bucket_changes(desk):
    soon = desk.earn(30, days(1))

    entry = desk.postpone(soon, to=desk.midnight(7), reason="not announced in time")

    assert desk.lot(soon).expires_at == entry.expires_at == desk.midnight(7)
    assert (entry.kind, entry.points, entry.available_change, entry.balance_after) == ("postpone", 30, 0, 30)
    assert desk.taken(entry) == {soon.key: 0}
    desk.now = desk.midnight(7) - timedelta(microseconds=1)
    assert desk.buckets == (30, 0, 0, 0)
    desk.now += timedelta(microseconds=1)
    assert desk.buckets == (0, 0, 0, 0)


def test_one_entry_names_all_the_lots(desk):
    lots = [desk.earn(30, days(1)), desk.earn(5, days(2))]

    entry = desk.postpone(*lots, to=desk.midnight(7))

    assert entry.points == 35
    assert desk.taken(entry) == {lot.key: 0 for lot in lots}
    assert {desk.lot(lot).expires_at for lot in lots} == {desk.midnight(7)}


def test_a_spend_takes_the_lot_that_expires_first_at_that_moment(desk):
    early, late = desk.earn(30, days(1)), desk.earn(30, days(5))
    before = desk.spend(10)
    desk.postpone(early, to=desk.midnight(9))

    after = desk.spend(40)

    assert desk.taken(before) == {early.key: 10}
    assert desk.taken(after) == {late.key: 30, early.key: 10}


def test_what_is_held_of_a_lot_is_postponed_with_it(desk):
    lot = desk.earn(30, days(1))
    hold_entry = desk.hold(30, lasts=timedelta(days=4))

    assert desk.postpone(lot, to=desk.midnight(7)).points == 30
    desk.later(days=3)
    desk.release(hold_entry)

    assert desk.buckets == (30, 0, 0, 0)


def test_what_was_held_past_its_end_can_still_be_postponed(desk):
    lot = desk.earn(30, days(1))
    hold_entry = desk.hold(30, lasts=timedelta(days=9))
    desk.later(days=4)

    desk.postpone(lot, to=desk.midnight(7))
    desk.release(hold_entry)

    assert desk.buckets == (30, 0, 0, 0)


def test_lots_that_gain_nothing_are_left_out(desk):
    empty, gone, never, longer = desk.earn(10, days(0)), desk.earn(20, days(0)), desk.earn(5, NEVER), desk.earn(6, days(9))
    waiting = desk.earn(7, days(1), waits=True)
    desk.spend(10)
    desk.now = desk.midnight(0)

    assert desk.postpone(empty, gone, never, longer, waiting, to=desk.midnight(3)) is None
    assert desk.kinds[-1] == "expire"
    assert (desk.lot(gone).remaining, desk.lot(longer).expires_at) == (0, desk.lot(longer).expires_at)


def test_the_same_key_gives_the_first_answer_and_other_content_is_refused(desk, refuses):
    lot = desk.earn(30, days(1))
    first = desk.postpone(lot, to=desk.midnight(7), key="k")

    assert desk.postpone(lot, to=desk.midnight(7), key="k").id == first.id
    with refuses(ledger.KeyConflict):
        desk.postpone(lot, to=desk.midnight(8), key="k")
    assert desk.kinds == ["earn", "postpone"]


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=1)])
def test_an_expiry_that_has_passed_is_refused(desk, refuses, late):
    lot = desk.earn(30, days(1))
    with refuses(ledger.ExpiryPassed):
        desk.postpone(lot, to=desk.now - late)


def test_another_members_lot_is_unknown(desk, other, refuses):
    lot = desk.earn(30, days(1))
    with refuses(selectors.LotUnknown):
        other.ask(ledger.postpone, lot_ids=[desk.lot(lot).id], expires_at=desk.midnight(7), reason="sample")


def test_balances_of_earlier_instants_stay_what_they_were(desk):
    desk.earn(30, days(1))
    lot = desk.earn(5, days(1))
    at = desk.now
    desk.later(hours=1)
    desk.postpone(lot, to=desk.midnight(7))
    desk.now = desk.midnight(3)
    desk.sweep()

    seen = {moment: dict(selectors.balances_at(as_of=moment)) for moment in (at, desk.now - timedelta(days=1), desk.now, desk.midnight(9))}

    assert [seen[moment]["M-1"] for moment in seen] == [35, 5, 5, 0]
