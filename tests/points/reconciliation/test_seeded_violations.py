"""One test per claim of each invariant: spoil it behind the database's back, and the auditor names the invariant and the member."""

# ruff: noqa: S608

from datetime import timedelta

import pytest

from points.ledger import services as ledger
from points.ledger.models import Hold, Lot


@pytest.fixture
def found(audit, books, other_member):
    """Audit, and see that invariant `number` was named, of this member only, and that the command failed."""
    innocent = type(books)(other_member)
    innocent.earn(50)
    assert audit() == ["Checked 1 accounts, 1 lots, 1 entries, 0 allocations, 0 holds.", "The books balance."]

    def check(number: int, saying: str = "") -> None:
        verdict = audit()
        told = [line for line in verdict if line.startswith("invariant ")]
        assert verdict.code == 1
        assert all(": member M-1: " in line for line in told)
        assert any(line.startswith(f"invariant {number}: ") and saying in line for line in told), "\n".join(told)
        assert verdict[-1].startswith("Checked 2 accounts")
        assert [line for line in audit(member="M-1") if line.startswith("invariant ")] == told
        assert audit(member="M-2").code == 0

    return check


def lot_of(entry):
    return Lot.objects.get(entry=entry).id


# 1. Stored value = sum of entries = what lots and holds say.


@pytest.mark.parametrize("bucket", ["available", "held", "pending", "debt"])
def test_1_an_account_that_stores_another_sum_than_its_entries(books, found, bucket):
    books.earn()
    books.sql(f"UPDATE points_account SET {bucket} = {bucket} + 1 WHERE member_id = %s", books.id)

    found(1, f"account, {bucket}, against its entries")


def test_1_an_account_that_says_something_else_than_its_lots(books, found):
    entry = books.earn()
    books.sql("UPDATE points_lot SET remaining = remaining - 1 WHERE id = %s", lot_of(entry))

    found(1, "available, against its lots")


def test_1_an_account_that_says_something_else_than_its_pending_lots(books, found):
    entry = books.earn(waits=True)
    books.sql("UPDATE points_lot SET remaining = remaining - 1 WHERE id = %s", lot_of(entry))

    found(1, "pending, against its lots")


def test_1_an_account_that_says_something_else_than_its_holds(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(days=1))
    books.sql("UPDATE points_hold SET points = 11 WHERE id = %s", hold.id)

    found(1, "held, against its holds")


def test_1_an_entry_that_gives_another_balance(books, found):
    entry = books.earn()
    books.sql("UPDATE points_entry SET balance_after = 99 WHERE id = %s", entry.id)

    found(1, "available after it: expected 100, found 99")


def test_1_a_bucket_that_went_below_zero(books, found):
    entry = books.earn()
    books.sql("UPDATE points_entry SET available_change = -100, balance_after = -100 WHERE id = %s", entry.id)

    found(1, "buckets after it")


# 2. Lots and their allocations.


def test_2_a_lot_with_more_than_its_original(books, found):
    entry = books.earn()
    books.sql("UPDATE points_lot SET remaining = 101 WHERE id = %s", lot_of(entry))

    found(2, "within its original")


def test_2_a_lot_below_zero(books, found):
    entry = books.earn()
    books.sql("UPDATE points_lot SET remaining = -1 WHERE id = %s", lot_of(entry))

    found(2, "within its original")


def test_2_a_lot_that_lacks_something_else_than_its_allocations_say(books, found):
    entry = books.earn()
    spent = books.do(ledger.spend, points=30)
    books.sql("UPDATE points_allocation SET points = 29 WHERE entry_id = %s", spent.id)

    found(2, f"lot {lot_of(entry)}, what is missing of it")


def test_2_a_lot_that_holds_something_else_than_its_allocations_say(books, found):
    entry = books.earn()
    books.do(ledger.hold, points=10, expires_at=books.now + timedelta(days=1))
    books.sql("UPDATE points_lot SET held = 11 WHERE id = %s", lot_of(entry))

    found(2, "held, against its allocations")


def test_2_a_lot_that_is_closed_with_points_in_it(books, found):
    entry = books.earn()
    books.sql("UPDATE points_lot SET is_open = false WHERE id = %s", lot_of(entry))

    found(2, "open: expected true, found false")


def test_2_an_allocation_to_another_members_lot(books, found, other_member):
    books.earn()
    spent = books.do(ledger.spend, points=30)
    books.sql("UPDATE points_allocation SET lot_id = (SELECT id FROM points_lot WHERE member_id = %s) WHERE entry_id = %s", other_member.id, spent.id)

    found(2, f"lot of {other_member.id}")


def test_2_an_allocation_of_another_members_entry(books, found, other_member):
    entry = books.earn()
    books.sql(
        "INSERT INTO points_allocation (member_id, entry_id, lot_id, points, held) SELECT %s, id, %s, 0, 0 FROM points_entry WHERE member_id = %s",
        books.id,
        lot_of(entry),
        other_member.id,
    )

    found(2, f"entry of {other_member.id}")


@pytest.mark.parametrize("table", ["points_entry", "points_lot"])
def test_2_an_allocation_whose_entry_or_lot_is_missing(books, found, table):
    earned = books.earn()
    spent = books.do(ledger.spend, points=30)
    books.sql(f"DELETE FROM {table} WHERE id = %s", spent.id if table == "points_entry" else lot_of(earned))

    found(2, "nobody")


@pytest.mark.parametrize("what", ["lot", "hold"])
def test_2_a_lot_or_hold_made_by_another_members_entry(books, found, other_member, what):
    books.earn()
    books.do(ledger.hold, points=10, expires_at=books.now + timedelta(days=1))
    books.sql(f"UPDATE points_{what} SET entry_id = (SELECT id FROM points_entry WHERE member_id = %s) WHERE member_id = %s", other_member.id, books.id)

    found(2, f"{what} ")


# 3. A spend, a restore and a clawback within their bounds.


def test_3_a_spend_that_is_more_than_its_allocations(books, found):
    books.earn()
    spent = books.do(ledger.spend, points=30)
    books.sql("UPDATE points_entry SET points = 31 WHERE id = %s", spent.id)

    found(3, "entry 2 (spend), allocations: expected 31, found 30")


def test_3_a_spend_without_allocations(books, found):
    books.earn()
    spent = books.do(ledger.spend, points=30)
    books.sql("DELETE FROM points_allocation WHERE entry_id = %s", spent.id)

    found(3, "entry 2 (spend), allocations: expected 30, found 0")


def test_3_a_restore_that_exceeds_what_was_taken_from_that_lot(books, found):
    first, second = books.earn(), books.earn()
    spent = books.do(ledger.spend, points=110)
    restored = books.do(ledger.restore, entry_id=spent.id, points=10)
    books.do(ledger.spend, points=80)
    # All of it given back to the lot of which the spend had taken only ten, and ten of the second spend with it.
    books.sql("UPDATE points_entry SET points = 20, available_change = 20, balance_after = 110 WHERE id = %s", restored.id)
    books.sql("UPDATE points_allocation SET points = -20 WHERE entry_id = %s", restored.id)

    found(3, f"gives back to lot {lot_of(second)}")
    assert lot_of(first) != lot_of(second)


def test_3_a_restore_that_exceeds_the_spend(books, found):
    books.earn()
    spent = books.do(ledger.spend, points=30)
    restored = books.do(ledger.restore, entry_id=spent.id, points=20)
    books.sql("UPDATE points_entry SET points = 40, available_change = 40, balance_after = 110 WHERE id = %s", restored.id)
    books.sql("UPDATE points_allocation SET points = -40 WHERE entry_id = %s", restored.id)

    found(3, "gives back")


def test_3_a_restore_of_nothing_that_was_spent(books, found):
    earned = books.earn()
    spent = books.do(ledger.spend, points=30)
    restored = books.do(ledger.restore, entry_id=spent.id, points=20)
    books.sql("UPDATE points_entry SET refers_to_id = %s WHERE id = %s", earned.id, restored.id)

    found(3, "the spend that it gives back")


def test_3_clawbacks_that_exceed_the_earning(books, found):
    earned = books.earn()
    books.do(ledger.spend, points=100)
    books.earn(200)
    clawed = books.do(ledger.clawback, entry_id=earned.id, points=100)
    books.sql("UPDATE points_entry SET points = 101, available_change = -101, balance_after = 99 WHERE id = %s", clawed.id)

    found(3, "taken back of the earning: expected 100 at most, found 101")


def test_3_a_lot_of_another_size_than_its_earning(books, found):
    entry = books.earn()
    books.sql("UPDATE points_lot SET original = 101, remaining = 101 WHERE id = %s", lot_of(entry))

    found(3, "points of the lots made: expected 100, found 101")


# 4. First what expires first, and nothing that has expired.


@pytest.mark.parametrize("verb", [ledger.spend, ledger.forfeit])
def test_4_points_taken_from_a_lot_that_expires_later(books, found, verb):
    first, second = books.earn(100, books.days(3)), books.earn(100, books.days(9))
    taken = books.do(verb, points=30, reason="sample")
    books.sql("UPDATE points_allocation SET lot_id = %s WHERE entry_id = %s", lot_of(second), taken.id)
    books.sql("UPDATE points_lot SET remaining = CASE id WHEN %s THEN 100 ELSE 70 END WHERE member_id = %s", lot_of(first), books.id)

    found(4, "lots in the order in which they expire")


def test_4_points_held_in_a_lot_that_expires_later(books, found):
    first, second = books.earn(100, books.days(3)), books.earn(100)
    hold = books.do(ledger.hold, points=30, expires_at=books.now + timedelta(days=1))
    books.sql("UPDATE points_allocation SET lot_id = %s WHERE entry_id = %s", lot_of(second), hold.entry_id)
    books.sql("UPDATE points_lot SET held = 30 - held, remaining = 170 - remaining WHERE id IN (%s, %s)", lot_of(first), lot_of(second))

    found(4, "entry 3 (hold), lots in the order")


def test_4_a_spend_from_a_lot_that_had_expired_unswept(books, found):
    books.earn(100, books.days(1))
    spent = books.do(ledger.spend, points=30)
    late = books.now + timedelta(days=5)
    books.sql("UPDATE points_entry SET recorded_at = %s WHERE id = %s", late, spent.id)

    found(4, "takes from lot")


def test_4_an_act_before_which_what_was_due_was_not_booked(books, found):
    books.earn(100, books.days(1))
    books.earn(100)
    spent = books.do(ledger.spend, points=30)
    books.pass_days(5)
    later = books.earn(1)
    expired = books.id, later.seq - 1
    books.sql("DELETE FROM points_allocation WHERE entry_id = (SELECT id FROM points_entry WHERE member_id = %s AND seq = %s)", *expired)
    books.sql("DELETE FROM points_entry WHERE member_id = %s AND seq = %s", *expired)

    found(4, "is booked as expired with: expected 0, found 70")
    assert spent.seq == 3


def test_4_a_lot_booked_as_expired_before_its_end(books, found):
    books.earn(100, books.days(1))
    books.pass_days(5)
    ledger.expire(member_id=books.id, actor="tests", now=books.now)
    books.sql("UPDATE points_entry SET recorded_at = %s WHERE member_id = %s AND kind = 'expire'", books.now - timedelta(days=5), books.id)

    found(4, "expires lot")


def test_4_an_expiry_that_leaves_something_behind(books, found):
    entry = books.earn(100, books.days(1))
    books.pass_days(5)
    ledger.expire(member_id=books.id, actor="tests", now=books.now)
    books.sql("UPDATE points_entry SET points = 90, available_change = -90, balance_after = 10 WHERE member_id = %s AND kind = 'expire'", books.id)
    books.sql("UPDATE points_allocation SET points = 90 WHERE member_id = %s", books.id)
    books.sql("UPDATE points_lot SET remaining = 10, is_open = true WHERE id = %s", lot_of(entry))
    books.sql("UPDATE points_account SET available = 10 WHERE member_id = %s", books.id)

    found(4, "all that remains of lot")


# 5. One key, one effect.


def test_5_two_entries_with_one_key(books, found):
    first, second = books.earn(), books.earn()
    books.sql("UPDATE points_entry SET key = %s WHERE id = %s", first.key, second.id)

    found(5, f"its key: expected a new one, found {first.key}")


# 6. What a clawback may take, charge and waive; debt is paid by what comes in.


def clawed(books, column, change):
    """A clawback of which 40 remained, 30 were spent and 30 expired; then one of its figures changed."""
    own = books.earn(100, books.days(1))
    spent = books.do(ledger.spend, points=70)
    books.pass_days(5)
    ledger.expire(member_id=books.id, actor="tests", now=books.now)
    books.do(ledger.restore, entry_id=spent.id, points=40, grace=timedelta(days=9))
    entry = books.do(ledger.clawback, entry_id=own.id, points=100)
    books.sql(f"UPDATE points_entry SET {column} = {column} + %s WHERE id = %s", change, entry.id)


@pytest.mark.parametrize(
    ("column", "saying"), [("waived", "what is waived: expected 30, found 31"), ("debt_change", "what becomes debt: expected 30, found 31")]
)
def test_6_a_clawback_that_charges_or_waives_something_else(books, found, column, saying):
    clawed(books, column, 1)

    found(6, saying)


def test_6_a_clawback_that_was_clamped_away(books, found):
    own = books.earn()
    books.do(ledger.spend, points=100)
    entry = books.do(ledger.clawback, entry_id=own.id, points=100)
    books.sql("UPDATE points_entry SET debt_change = 0, waived = 100 WHERE id = %s", entry.id)
    books.sql("UPDATE points_account SET debt = 0 WHERE member_id = %s", books.id)

    found(6, "what becomes debt: expected 100, found 0")


def test_6_a_clawback_from_other_lots_while_its_own_had_points(books, found):
    own, other = books.earn(), books.earn()
    entry = books.do(ledger.clawback, entry_id=own.id, points=30)
    books.sql("UPDATE points_allocation SET lot_id = %s WHERE entry_id = %s", lot_of(other), entry.id)
    books.sql("UPDATE points_lot SET remaining = 170 - remaining WHERE member_id = %s", books.id)

    found(6, "what remains of its own lot: expected 30, found 0")


def test_6_a_clawback_of_nothing_that_was_earned(books, found):
    own = books.earn()
    spent = books.do(ledger.spend, points=10)
    entry = books.do(ledger.clawback, entry_id=own.id, points=30)
    books.sql("UPDATE points_entry SET refers_to_id = %s WHERE id = %s", spent.id, entry.id)

    found(6, "the earning that it takes back")


def test_6_a_settlement_that_pays_less_than_it_could(books, found):
    books.do(ledger.spend, points=50, overdraw=True)
    books.earn(100)
    books.sql(
        "UPDATE points_entry SET points = 40, available_change = -40, debt_change = -40, balance_after = 60 WHERE member_id = %s AND kind = 'settle'", books.id
    )

    found(6, "what is paid of the debt: expected 50, found 40")


# 7. A restored lot keeps its own expiry; otherwise an entry says so.


def test_7_a_restored_lot_with_another_expiry_and_no_entry_that_says_so(books, found):
    own = books.earn(100, books.days(3))
    spent = books.do(ledger.spend, points=100)
    books.do(ledger.restore, entry_id=spent.id, points=100)
    books.sql("UPDATE points_lot SET expires_at = expires_at + interval '1 day' WHERE id = %s", lot_of(own))

    found(7, "expires_at")


def test_7_points_given_back_to_an_expired_lot_that_neither_expired_nor_got_grace(books, found):
    own = books.earn(100, books.days(3))
    spent = books.do(ledger.spend, points=100)
    books.pass_days(9)
    books.do(ledger.restore, entry_id=spent.id, points=100)
    books.sql("DELETE FROM points_allocation WHERE entry_id = (SELECT id FROM points_entry WHERE member_id = %s AND kind = 'expire')", books.id)
    books.sql("DELETE FROM points_entry WHERE member_id = %s AND kind = 'expire'", books.id)
    books.sql("UPDATE points_lot SET remaining = 100, is_open = true WHERE id = %s", lot_of(own))
    books.sql("UPDATE points_account SET available = 100, last_seq = last_seq - 1 WHERE member_id = %s", books.id)

    found(7, "expected expired again, or postponed, found neither")


def test_7_a_postponement_that_is_none(books, found):
    books.earn(100, books.days(3))
    spent = books.do(ledger.spend, points=100)
    books.pass_days(9)
    books.do(ledger.restore, entry_id=spent.id, points=100, grace=timedelta(days=5))
    books.sql("UPDATE points_entry SET expires_at = expires_at - interval '30 days' WHERE member_id = %s AND kind = 'postpone'", books.id)

    found(7, "postpones lot")


# 8. Holds, and debt while points are available.


def test_8_a_hold_captured_past_its_deadline(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    books.do(ledger.capture, hold_id=hold.id)
    books.sql("UPDATE points_hold SET expires_at = %s WHERE id = %s", books.now, hold.id)

    found(8, "whose deadline is")


def test_8_a_capture_of_more_than_the_hold(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    entry = books.do(ledger.capture, hold_id=hold.id)
    books.sql("UPDATE points_entry SET points = 11, held_change = -11 WHERE id = %s", entry.id)
    books.sql("UPDATE points_allocation SET points = 11, held = -11 WHERE entry_id = %s", entry.id)

    found(8, "entry 3 (capture), its lots")


def test_8_a_captured_hold_whose_rest_was_never_released(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    books.do(ledger.capture, hold_id=hold.id, points=4)
    books.sql("DELETE FROM points_allocation WHERE entry_id = (SELECT id FROM points_entry WHERE member_id = %s AND kind = 'release')", books.id)
    books.sql("DELETE FROM points_entry WHERE member_id = %s AND kind = 'release'", books.id)

    found(8, "what is left of captured hold")


@pytest.mark.parametrize(
    "change",
    ["status = 'open', captured = 0, settled_at = NULL", "status = 'released', captured = 0", "captured = 9", "settled_at = settled_at + interval '1 second'"],
)
def test_8_a_hold_that_says_something_else_than_its_entries(books, found, change):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    books.do(ledger.capture, hold_id=hold.id)
    books.sql(f"UPDATE points_hold SET {change} WHERE id = %s", hold.id)

    found(8, f"hold {hold.id}")


def test_8_a_hold_released_twice(books, found):
    books.earn()
    held = [books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1)) for _ in range(2)]
    for hold in held:
        books.do(ledger.release, hold_id=hold.id)
    books.sql("UPDATE points_entry SET refers_to_id = %s WHERE member_id = %s AND kind = 'release'", held[0].entry_id, books.id)

    found(8, "status of the hold until then")


def test_8_points_available_while_something_is_owed(books, found):
    books.do(ledger.spend, points=50, overdraw=True)
    books.earn(100)
    books.sql("DELETE FROM points_allocation WHERE member_id = %s", books.id)
    books.sql("DELETE FROM points_entry WHERE member_id = %s AND kind = 'settle'", books.id)
    books.sql("UPDATE points_account SET available = 100, debt = 50, last_seq = 2 WHERE member_id = %s", books.id)
    books.sql("UPDATE points_lot SET remaining = 100 WHERE member_id = %s", books.id)

    found(8, "after the last entry, debt while 100 are available: expected 0, found 50")


# 9. A replay rebuilds everything.


@pytest.mark.parametrize(("column", "value"), [("last_seq", "last_seq + 1"), ("frozen", "NOT frozen"), ("available", "available + 1")])
def test_9_an_account_that_the_entries_do_not_rebuild(books, found, column, value):
    books.earn()
    books.sql(f"UPDATE points_account SET {column} = {value} WHERE member_id = %s", books.id)

    found(9, f"account, {column}")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("remaining", "remaining - 1"),
        ("held", "held + 1"),
        ("is_open", "NOT is_open"),
        ("is_pending", "NOT is_pending"),
        ("available_at", "available_at + interval '1 second'"),
        ("expires_at", "expires_at + interval '1 day'"),
        ("expires_at", "NULL"),
        ("earned_at", "earned_at + interval '1 second'"),
    ],
)
def test_9_a_lot_that_the_entries_do_not_rebuild(books, found, column, value):
    entry = books.earn(100, books.days(3))
    books.sql(f"UPDATE points_lot SET {column} = {value} WHERE id = %s", lot_of(entry))

    found(9, {"earned_at": "earned at"}.get(column, column))


def test_9_a_matured_lot_that_the_entries_do_not_rebuild(books, found):
    entry = books.earn(100, books.days(3), waits=True)
    books.do(ledger.mature, entry_id=entry.id)
    books.sql("UPDATE points_lot SET is_pending = true, available_at = NULL, expires_at = NULL WHERE id = %s", lot_of(entry))

    found(9, "is_pending: expected False, found True")


def test_9_numbers_with_a_gap(books, found):
    books.earn()
    second = books.earn()
    books.sql("UPDATE points_entry SET seq = 3 WHERE id = %s", second.id)

    found(9, "numbers without a gap: expected 2, found 3")


def test_9_an_entry_that_disappeared(books, found):
    books.earn()
    books.do(ledger.freeze, reason="sample")
    books.earn()
    books.sql("DELETE FROM points_entry WHERE member_id = %s AND kind = 'freeze'", books.id)

    found(9, "numbers without a gap")


def test_9_a_lot_without_an_entry(books, found):
    entry = books.earn()
    books.sql("DELETE FROM points_entry WHERE id = %s", entry.id)

    found(9, "the entry that made it")


def test_9_a_hold_entry_without_a_hold(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    books.sql("DELETE FROM points_hold WHERE id = %s", hold.id)

    found(9, "its hold: expected one, found none")


def test_9_a_hold_of_another_size_or_start_than_its_entry(books, found):
    books.earn()
    hold = books.do(ledger.hold, points=10, expires_at=books.now + timedelta(hours=1))
    books.sql("UPDATE points_hold SET created_at = created_at + interval '1 second' WHERE id = %s", hold.id)

    found(9, "points and start of its hold")
    assert Hold.objects.count() == 1


def test_9_an_entry_of_an_unknown_kind(books, found):
    entry = books.earn()
    books.sql("UPDATE points_entry SET kind = 'gift' WHERE id = %s", entry.id)

    found(9, "its kind: expected a known one, found gift")


def test_9_books_without_an_account(books, audit):
    books.earn()
    books.sql("DELETE FROM points_account WHERE member_id = %s", books.id)

    verdict = audit()

    assert verdict.code == 1
    assert "invariant 9: member M-1: rows in points_entry without an account: expected 0, found 1" in verdict


def test_a_member_whose_row_is_missing_is_named_by_our_id(books, audit):
    books.earn()
    books.sql("UPDATE points_account SET available = 1 WHERE member_id = %s", books.id)
    books.sql("DELETE FROM accounts_member WHERE id = %s", books.id)

    verdict = audit()

    assert any(line.startswith(f"invariant 1: member {books.id}: ") for line in verdict)


def test_two_wrongs_in_two_accounts_are_not_netted(books, audit, other_member):
    type(books)(other_member).earn()
    books.earn()
    books.sql("UPDATE points_account SET available = available + CASE member_id WHEN %s THEN 5 ELSE -5 END", books.id)

    verdict = audit()

    assert verdict.code == 1
    assert any("member M-1: account, available, against its entries" in line for line in verdict)
    assert any("member M-2: account, available, against its entries" in line for line in verdict)
