"""The replay without a database: what a stranger's rows must say."""

from datetime import UTC, datetime, timedelta

from points.reconciliation.rules import AccountRow, AllocationRow, Books, EntryRow, LotRow, first_of, replay

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def entry(seq, kind, points, *, available=0, held=0, pending=0, debt=0, balance, at=NOW, key=None, **more):
    values = {"waived": 0, "expires_at": None, "refers_to": None, **more}
    return EntryRow(f"e{seq}", seq, kind, points, available, held, pending, debt, balance, key=key or f"k{seq}", occurred_at=at, recorded_at=at, **values)


def lot(number, entry_id, original, remaining, *, held=0, expires_at=None, earned_at=NOW):
    return LotRow(f"l{number}", entry_id, original, remaining, held, remaining > 0, False, earned_at, None, earned_at, expires_at)


def test_empty_books_are_in_order():
    assert replay(Books(AccountRow(0, 0, 0, 0, 0, False), [], {}, [], [])) == []


def test_an_earning_and_a_spend_are_in_order():
    books = Books(
        AccountRow(70, 0, 0, 0, 2, False),
        [entry(1, "earn", 100, available=100, balance=100), entry(2, "spend", 30, available=-30, balance=70)],
        {"e2": [AllocationRow("l1", 30, 0)]},
        [lot(1, "e1", 100, 70)],
        [],
    )

    assert replay(books) == []


def test_of_lots_that_expire_together_the_older_goes_first_then_the_one_made_first():
    earnings = [
        entry(n, "earn", 10, available=10, balance=10 * n, at=NOW - earlier, expires_at=NOW + DAY) for n, earlier in ((1, DAY * 0), (2, DAY), (3, DAY * 0))
    ]
    lots = [lot(n, f"e{n}", 10, left, expires_at=NOW + DAY, earned_at=earnings[n - 1].occurred_at) for n, left in ((1, 5), (2, 0), (3, 10))]
    spend = entry(4, "spend", 15, available=-15, balance=15)

    right = Books(AccountRow(15, 0, 0, 0, 4, False), [*earnings, spend], {"e4": [AllocationRow("l2", 10, 0), AllocationRow("l1", 5, 0)]}, lots, [])
    assert replay(right) == []

    wrong = right._replace(
        allocations={"e4": [AllocationRow("l2", 10, 0), AllocationRow("l3", 5, 0)]},
        lots=[lots[0]._replace(remaining=10), lots[1], lots[2]._replace(remaining=5)],
    )
    assert [breach.invariant for breach in replay(wrong)] == [4]


def test_rows_that_make_no_sense_are_breaches_not_crashes():
    for kind in (
        "mature",
        "spend",
        "hold",
        "capture",
        "release",
        "restore",
        "clawback",
        "expire",
        "postpone",
        "settle",
        "adjust",
        "forfeit",
        "transfer_out",
        "freeze",
    ):
        books = Books(
            AccountRow(0, 0, 0, 0, 1, False),
            [entry(1, kind, 5, available=-5, balance=7, refers_to="e9")],
            {"e1": [AllocationRow("l9", 5, 1)]},
            [lot(3, "e7", 4, 4)],
            [],
        )

        assert replay(books)


def test_the_first_of_some_parts():
    parts = [("a", 3), ("b", 2), ("c", 9)]

    assert first_of(parts, 0) == {}
    assert first_of(parts, 3) == {"a": 3}
    assert first_of(parts, 4) == {"a": 3, "b": 1}
    assert first_of(parts, 99) == {"a": 3, "b": 2, "c": 9}
