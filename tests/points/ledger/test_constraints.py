"""What the database itself refuses, whoever asks."""

# ruff: noqa: S608

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, InternalError, connection, transaction

from points.ledger.models import Entry, Lot

from .conftest import days


def refused(statement: str, *values, by: type[DatabaseError] = IntegrityError, saying: str) -> None:
    with pytest.raises(by, match=saying), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, values)


@pytest.fixture
def rows(desk):
    """A spend from a lot, and a hold on it: an id of each kind of row."""
    earned = desk.earn(100, days(5))
    spent = desk.spend(30)
    hold = desk.hold(20)
    return {"points_entry": spent.id, "points_lot": desk.lot(earned).id, "points_hold": hold.id}


@pytest.mark.parametrize(
    "change",
    [
        "points = 31",
        "kind = 'earn'",
        "key = 'other'",
        "balance_after = 0",
        "recorded_at = now()",
        "subject = 'x'",
        "waived = 1",
        "refers_to_id = id",
    ],
)
def test_an_entry_is_never_updated(rows, change):
    saying = "Cannot update rows from points_entry|Texts of points_entry change only while a member is erased"
    refused(f"UPDATE points_entry SET {change} WHERE id = %s", rows["points_entry"], by=InternalError, saying=saying)


def test_an_entry_is_never_deleted(rows):
    refused("DELETE FROM points_entry WHERE id = %s", rows["points_entry"], by=InternalError, saying="Cannot delete rows from points_entry")


@pytest.mark.parametrize("statement", ["UPDATE points_allocation SET points = 1", "UPDATE points_allocation SET held = 0", "DELETE FROM points_allocation"])
def test_an_allocation_is_never_updated_nor_deleted(rows, statement):
    refused(statement, by=InternalError, saying="Cannot update or delete rows from points_allocation")


@pytest.mark.parametrize("table", ["points_lot", "points_hold", "points_account"])
def test_lots_holds_and_accounts_are_never_deleted(rows, table):
    refused(f"DELETE FROM {table}", by=InternalError, saying=f"Cannot delete rows from {table}")


@pytest.mark.parametrize(
    "change",
    [
        "original = 101", "source = 'campaign'", "earned_at = now()", "terms = 'never'", "cost_centre = 'x'",
        "entry_id = (SELECT id FROM points_entry WHERE kind = 'spend')", "member_id = '01a20000-0000-7000-8000-000000000000'",
    ],
)  # fmt: skip
def test_what_is_pinned_to_a_lot_never_changes(rows, change):
    refused(f"UPDATE points_lot SET {change} WHERE id = %s", rows["points_lot"], by=InternalError, saying="Cannot update rows from points_lot")


@pytest.mark.parametrize("bucket", ["available", "held", "pending", "debt"])
def test_no_bucket_goes_below_zero(rows, bucket):
    refused(f"UPDATE points_account SET {bucket} = -1", saying="account_buckets_never_below_zero")


def test_nothing_is_owed_while_points_are_available(rows):
    refused("UPDATE points_account SET debt = 1", saying="account_owes_only_with_nothing_available")


@pytest.mark.parametrize("change", ["remaining = -1, is_open = false", "held = -1", "remaining = 81", "held = 51"])
def test_a_lot_keeps_within_its_original(rows, change):
    refused(f"UPDATE points_lot SET {change} WHERE id = %s", rows["points_lot"], saying="lot_keeps_within_its_original|lot_open_says_remaining")


def test_no_lot_is_made_of_nothing(desk):
    entry = desk.earn(1)
    values = {f.attname: getattr(desk.lot(entry), f.attname) for f in Lot._meta.concrete_fields}
    with pytest.raises(IntegrityError, match="lot_keeps_within_its_original"), transaction.atomic():
        Lot.objects.create(**{**values, "id": uuid4(), "original": 0, "remaining": 0, "is_open": False})


@pytest.mark.parametrize("change", ["is_open = false", "remaining = 0, held = 0"])
def test_a_lot_is_open_exactly_while_points_remain(rows, change):
    refused(f"UPDATE points_lot SET {change} WHERE id = %s", rows["points_lot"], saying="lot_open_says_remaining")


@pytest.mark.parametrize("change", ["available_at = NULL", "is_pending = true", "is_pending = true, available_at = NULL, expires_at = NULL"])
def test_a_pending_lot_is_neither_dated_nor_held(rows, change):
    refused(f"UPDATE points_lot SET {change} WHERE id = %s", rows["points_lot"], saying="lot_pending_is_neither_dated_nor_held")


@pytest.mark.parametrize("change", ["captured = 21, status = 'captured', settled_at = now()", "captured = -1"])
def test_a_hold_captures_within_its_points(rows, change):
    refused(f"UPDATE points_hold SET {change} WHERE id = %s", rows["points_hold"], saying="hold_captures_within_its_points|hold_captured_is_settled")


@pytest.mark.parametrize(
    "change",
    [
        "status = 'captured', captured = 5",
        "status = 'captured', settled_at = now()",
        "status = 'released'",
        "status = 'released', captured = 5, settled_at = now()",
        "status = 'lapsed'",
        "settled_at = now()",
        "captured = 5",
        "status = 'other'",
    ],
)
def test_a_hold_says_one_thing_about_how_it_was_settled(rows, change):
    refused(f"UPDATE points_hold SET {change} WHERE id = %s", rows["points_hold"], saying="hold_captured_is_settled")


def copied(entry, **changes):
    values = {f.attname: getattr(entry, f.attname) for f in Entry._meta.concrete_fields}
    return Entry(**{**values, "id": uuid4(), "seq": 99, "key": "other", **changes})


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"seq": 1}, "entry_numbered_without_doubles"),
        ({"key": "order/1"}, "entry_one_key_one_effect"),
        ({"points": -1}, "entry_amounts_never_below_zero"),
        ({"balance_after": -1}, "entry_amounts_never_below_zero"),
        ({"waived": -1}, "entry_amounts_never_below_zero"),
    ],
)
def test_an_entry_that_can_not_be_is_not_written(desk, changes, constraint):
    entry = desk.earn(100, key="order/1")

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        copied(entry, **changes).save(force_insert=True)


def test_one_entry_takes_from_one_lot_once(rows):
    refused(
        "INSERT INTO points_allocation (member_id, entry_id, lot_id, points, held) SELECT member_id, entry_id, lot_id, 1, 0 FROM points_allocation",
        saying="points_allocation_pkey",
    )


@pytest.mark.parametrize("table", ["points_entry", "points_lot", "points_hold"])
def test_no_row_of_the_books_is_without_an_account(rows, other_member, table):
    """Of a member who has none, that is: each row of `rows`, copied to a member without books."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'", [table])
        names = [name for (name,) in cursor.fetchall()]
    values = ", ".join({"id": "gen_random_uuid()", "member_id": f"'{other_member.id}'"}.get(name, name) for name in names)
    refused(f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}", saying=f"{table}_account")


@pytest.mark.parametrize(("table", "column"), [("points_lot", "entry_id"), ("points_hold", "entry_id"), ("points_entry", "refers_to_id")])
def test_no_row_points_at_nothing(rows, table, column):
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public'", [table])
        names = [name for (name,) in cursor.fetchall()]
    values = {"id": "gen_random_uuid()", "key": "'copy'", "seq": "seq + 90", column: "gen_random_uuid()"}
    copies = ", ".join(values.get(name, name) for name in names)
    refused(f"INSERT INTO {table} ({', '.join(names)}) SELECT {copies} FROM {table} LIMIT 1", saying="violates foreign key constraint")


def test_a_member_with_books_is_never_deleted(desk):
    desk.earn(1)

    refused("DELETE FROM accounts_member WHERE id = %s", desk.id, saying="violates foreign key constraint")


def test_a_hold_that_lapsed_and_lots_that_expire_are_ordinary_updates(desk):
    desk.earn(100, days(1))
    desk.hold(50, lasts=timedelta(hours=1))
    desk.later(days=5)

    desk.sweep()

    assert desk.stored == (0, 0, 0, 0)
