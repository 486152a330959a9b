"""The booking core as tables, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from points.ledger.rules import Book, ClawbackSplit, Lot, Shortage, fifo, pick, split_clawback

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def id_of(number: int) -> UUID:
    return UUID(int=number)


def lot(number, remaining, *, expires=None, earned=0, held=0, **more) -> Lot:
    """`expires` and `earned` in days from now."""
    at = None if expires is None else NOW + DAY * expires
    return Lot(id_of(number), remaining, held, at, NOW + DAY * earned, original=remaining + held, **more)


def book(*lots, **buckets) -> Book:
    live = sum(one.remaining for one in lots if not one.is_pending)
    opened = Book(NOW, **{"available": live, "held": sum(one.held for one in lots), **buckets})
    opened.bring(lots)
    return opened


def takes(draft) -> dict[int, int]:
    return {take.lot.int: take.points for take in draft.takes}


@pytest.mark.parametrize(
    ("lots", "order"),
    [
        ([lot(1, 1), lot(2, 1, expires=1)], [2, 1]),
        ([lot(1, 1, expires=2), lot(2, 1, expires=1)], [2, 1]),
        ([lot(1, 1, expires=1, earned=0), lot(2, 1, expires=1, earned=-1)], [2, 1]),
        ([lot(2, 1, expires=1), lot(1, 1, expires=1)], [1, 2]),
        ([lot(2, 1), lot(1, 1)], [1, 2]),
        ([lot(1, 1, earned=0), lot(2, 1, earned=-1)], [2, 1]),
        ([lot(1, 1, earned=-9), lot(2, 1, expires=900, earned=0)], [2, 1]),
    ],
)
def test_the_lot_that_expires_first_is_spent_first_never_last_then_the_older(lots, order):
    assert [one.id.int for one in sorted(lots, key=fifo)] == order


@pytest.mark.parametrize(("points", "picked"), [(0, []), (1, [(1, 1)]), (2, [(1, 2)]), (3, [(1, 2), (3, 1)]), (6, [(1, 2), (3, 4)]), (7, [(1, 2), (3, 4)])])
def test_the_first_points_of_some_lots(points, picked):
    parts = [(id_of(1), 2), (id_of(2), 0), (id_of(3), 4)]

    assert pick(parts, points) == [(id_of(number), n) for number, n in picked]


@pytest.mark.parametrize(
    ("points", "remaining", "used", "charged", "split"),
    [
        (10, 10, 0, 0, (10, 0, 0)),
        (10, 11, 5, 0, (10, 0, 0)),
        (10, 9, 0, 0, (9, 0, 1)),
        (10, 9, 1, 0, (9, 1, 0)),
        (10, 0, 10, 0, (0, 10, 0)),
        (10, 0, 9, 0, (0, 9, 1)),
        (10, 0, 10, 1, (0, 9, 1)),
        (10, 0, 10, 10, (0, 0, 10)),
        (10, 0, 10, 11, (0, 0, 10)),
        (10, 3, 4, 1, (3, 3, 4)),
        (1, 0, 0, 0, (0, 0, 1)),
    ],
)
def test_a_clawback_is_borne_by_what_remains_then_by_what_was_used_then_waived(points, remaining, used, charged, split):
    assert split_clawback(points=points, remaining=remaining, used=used, charged=charged) == ClawbackSplit(*split)


@pytest.mark.parametrize(("at", "due"), [(-TICK, True), (0 * TICK, True), (TICK, False)])
def test_a_lot_is_due_from_its_very_instant_on(at, due):
    ends = Lot(id_of(1), 5, 0, NOW + at, NOW)

    assert ends.due(NOW) is due
    assert [one.id for one in book(ends).live()] == ([] if due else [ends.id])


@pytest.mark.parametrize("spent", [Lot(id_of(1), 0, 5, NOW, NOW), Lot(id_of(1), 5, 0, None, NOW), Lot(id_of(1), 5, 0, NOW, NOW, is_pending=True)])
def test_an_empty_an_endless_and_a_pending_lot_are_never_due(spent):
    assert not spent.due(NOW)


@pytest.mark.parametrize(
    ("points", "taken"), [(1, {1: 1}), (4, {1: 4}), (5, {1: 5}), (6, {1: 5, 2: 1}), (11, {1: 5, 2: 6}), (12, {1: 5, 2: 6, 3: 1}), (18, {1: 5, 2: 6, 3: 7})]
)
def test_points_leave_lot_by_lot(points, taken):
    draft = book(lot(3, 7), lot(2, 6, expires=2), lot(1, 5, expires=1)).take("spend", points, occurred_at=NOW)

    assert takes(draft) == taken
    assert (draft.available, draft.debt, draft.balance_after) == (-points, 0, 18 - points)


@pytest.mark.parametrize(("points", "short"), [(17, False), (18, False), (19, True)])
def test_a_shortage_is_said_with_both_figures(points, short):
    opened = book(lot(1, 18))

    if short:
        with pytest.raises(Shortage) as shortage:
            opened.take("spend", points, occurred_at=NOW)
        assert (shortage.value.wanted, shortage.value.available) == (19, 18)
        assert opened.journal == []
    else:
        opened.take("spend", points, occurred_at=NOW)


@pytest.mark.parametrize(("points", "debt"), [(9, 0), (10, 0), (11, 1), (30, 20)])
def test_an_overdraft_owes_what_is_missing(points, debt):
    draft = book(lot(1, 10)).take("spend", points, occurred_at=NOW, overdraw=True)

    assert (draft.available, draft.debt, sum(takes(draft).values())) == (debt - points, debt, points - debt)


@pytest.mark.parametrize(("debt", "left", "owed"), [(0, 10, 0), (9, 1, 0), (10, 0, 0), (11, 0, 1)])
def test_what_comes_in_pays_what_is_owed(debt, left, owed):
    opened = book(debt=debt)

    opened.give("earn", [lot(1, 10)], occurred_at=NOW)

    assert (opened.available, opened.debt) == (left, owed)
    assert [draft.kind for draft in opened.journal] == (["earn", "settle"] if debt else ["earn"])


def test_what_is_due_is_booked_once_for_each_instant_in_order():
    opened = book(lot(1, 1, expires=-1), lot(2, 2, expires=-2), lot(3, 4, expires=-1), lot(4, 8, expires=1), lot(5, 16))

    opened.expire_due()

    assert [(draft.points, draft.occurred_at, takes(draft)) for draft in opened.journal] == [
        (2, NOW - 2 * DAY, {2: 2}),
        (5, NOW - DAY, {1: 1, 3: 4}),
    ]
    assert opened.available == 24


def test_what_came_back_late_does_not_expire_before_it_came():
    opened = book(lot(1, 1, expires=-3))

    opened.expire_due(not_before=NOW - DAY)

    assert opened.journal[0].occurred_at == NOW - DAY


@pytest.mark.parametrize(("points", "captured", "released"), [(1, {1: 1}, {1: 4, 2: 3}), (5, {1: 5}, {2: 3}), (6, {1: 5, 2: 1}, {2: 2}), (8, {1: 5, 2: 3}, {})])
def test_a_part_of_a_hold_is_captured_and_the_rest_released(points, captured, released):
    opened = book(lot(1, 0, expires=1, held=5), lot(2, 0, held=3))

    opened.capture([(id_of(1), 5), (id_of(2), 3)], points, occurred_at=NOW, refers_to=id_of(9))

    capture, *rest = opened.journal
    assert takes(capture) == captured
    assert {take.lot.int: -take.held for draft in rest for take in draft.takes} == released
    assert (opened.available, opened.held) == (8 - points, 0)


@pytest.mark.parametrize(
    ("points", "owed", "debt", "forgiven", "fresh", "back"),
    [
        (5, 0, 0, 0, 0, {2: -5}),
        (7, 0, 0, 0, 0, {2: -6, 1: -1}),
        (3, 4, 9, 3, 0, {}),
        (4, 4, 9, 4, 0, {}),
        (5, 4, 9, 4, 0, {2: -1}),
        (5, 4, 3, 3, 1, {2: -1}),
        (5, 4, 0, 0, 4, {2: -1}),
    ],
)
def test_credit_comes_back_before_lots_and_the_latest_lot_before_the_others(points, owed, debt, forgiven, fresh, back):
    opened = book(lot(1, 0, expires=1), lot(2, 0, expires=2), debt=debt)
    new = lot(3, 0)
    new.fresh = {}

    draft = opened.restore(points, spent=[(id_of(1), 6), (id_of(2), 6)], owed=owed, grace=0 * DAY, occurred_at=NOW, refers_to=id_of(9), fresh=new)

    assert takes(draft) == back
    assert (-draft.debt, draft.available, new.original) == (forgiven, points - forgiven, fresh)


@pytest.mark.parametrize(
    ("own", "available", "figures"),
    [
        (10, 25, {"available": -10, "debt": 0, "waived": 0}),
        (4, 4 + 6, {"available": -10, "debt": 0, "waived": 0}),
        (4, 4 + 5, {"available": -9, "debt": 1, "waived": 0}),
        (4, 4, {"available": -4, "debt": 6, "waived": 0}),
    ],
)
def test_other_lots_pay_for_what_was_spent_and_debt_for_the_rest(own, available, figures):
    opened = book(lot(1, own, expires=9), *([lot(2, available - own, expires=1)] if available > own else []))

    draft = opened.clawback(10, own=opened.lots[id_of(1)], used=99, charged=0, occurred_at=NOW, refers_to=id_of(9))

    assert {"available": draft.available, "debt": draft.debt, "waived": draft.waived} == figures


def test_entries_are_numbered_from_the_last_and_say_the_balance_after_them():
    opened = Book(NOW, available=5, last_seq=7)

    opened.give("earn", [lot(1, 3)], occurred_at=NOW)
    opened.enter("freeze", 0, occurred_at=NOW)

    assert [(draft.seq, draft.balance_after) for draft in opened.journal] == [(8, 8), (9, 8)]


@pytest.mark.parametrize("change", [{"available": -1}, {"held": -1}, {"pending": -1}, {"debt": -1}])
def test_no_input_brings_a_bucket_below_zero(change):
    with pytest.raises(AssertionError, match="a bucket went below zero"):
        book().enter("spend", 1, occurred_at=NOW, **change)
