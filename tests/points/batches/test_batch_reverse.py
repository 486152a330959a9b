"""Reversing: what the preview says is what happens."""

from datetime import timedelta

import pytest

from points.batches import selectors
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from points.terms.rules import ExpiryPolicy

from .conftest import NOON, lines

pytestmark = pytest.mark.django_db


def test_what_remains_comes_back_what_was_spent_is_owed_and_what_expired_is_waived(applied, undone, shop, assert_books_balance):
    for ref in ("kept", "spent", "rich", "expired"):
        shop.member(ref)
    later = NOON + timedelta(days=20)
    shop.member("rich", 500)
    batch = applied("member,points,expires_on\nkept,100,\nspent,100,\nrich,100,2026-06-30\nexpired,100,2026-06-20\n")
    shop.spends("spent", 70)
    shop.spends("rich", 40)
    shop.spends("expired", 10)
    told = selectors.reversal(batch, now=later)
    assert told == selectors.Reversal(lines=4, remain=130, expired=60 + 90, used=120, debt=80, owing=2, back=0)
    batch = undone(batch, now=later)
    assert [shop.stands(ref, now=later) for ref in ("kept", "spent", "rich", "expired")] == [0, -70, 460, -10]
    assert (batch.status, batch.reversed_lines, batch.owed, batch.waived) == ("reversed", 4, told.debt, told.expired)
    assert_books_balance()


def test_what_a_correction_took_is_given_back_and_settles_debt_first(applied, undone, shop, assert_books_balance):
    shop.member("A", 100)
    shop.member("B", 10)
    batch = applied("member,points\nA,-60\nB,-25\n", kind="correction", shortfall="debt")
    assert (shop.stands("A"), shop.stands("B")) == (40, -15)
    assert selectors.reversal(batch, now=NOON) == selectors.Reversal(lines=2, remain=0, expired=0, used=0, debt=0, owing=0, back=85)
    undone(batch)
    assert (shop.stands("A"), shop.stands("B")) == (100, 10)
    assert_books_balance()


def test_an_imported_balance_is_taken_back_from_its_very_lots(applied, undone, shop, assert_books_balance):
    a = shop.member("A", 50)
    batch = applied("member,points,earned_on\nA,100,2026-01-31\nA,30,2026-02-01\n", kind="import")
    undone(batch)
    assert shop.stands("A") == 50
    assert [lot.remaining for lot in Lot.objects.filter(member_id=a, source="import")] == [0, 0]
    assert [entry.reason for entry in Entry.objects.filter(member_id=a, kind="clawback")] == ["wrong file"] * 2
    assert_books_balance()


def test_what_is_held_counts_as_used(applied, undone, shop, assert_books_balance):
    a = shop.member("A")
    batch = applied("member,points\nA,100\n")
    ledger.hold(member_id=a, points=30, expires_at=NOON + timedelta(days=9), actor="tests", key="hold", now=NOON)
    assert selectors.reversal(batch, now=NOON) == selectors.Reversal(lines=1, remain=70, expired=0, used=30, debt=30, owing=1, back=0)
    undone(batch)
    assert shop.stands("A") == -30
    assert_books_balance()


def test_a_line_that_was_taken_back_otherwise_is_kept_and_says_why(applied, undone, shop, assert_books_balance):
    a, _b = shop.member("A"), shop.member("B")
    batch = applied("member,points\nA,100\nB,10\n")
    entry = Entry.objects.get(member_id=a)
    ledger.clawback(member_id=a, entry_id=entry.id, points=1, actor="tests", key="else", now=NOON)
    batch = undone(batch)
    assert [(line.status, len(line.faults)) for line in lines(batch)] == [("kept", 1), ("reversed", 0)]
    assert (batch.status, batch.reversed_lines, batch.kept_lines) == ("reversed", 1, 1)
    assert_books_balance()


def test_other_points_of_the_member_are_left_alone_as_long_as_the_lot_lasts(applied, undone, shop):
    a = shop.member("A", 50, policy=ExpiryPolicy("days", 30))
    batch = applied("member,points\nA,100\n")
    shop.spends("A", 40)
    undone(batch)
    assert list(Lot.objects.filter(member_id=a).order_by("id").values_list("remaining", flat=True)) == [10, 0]
