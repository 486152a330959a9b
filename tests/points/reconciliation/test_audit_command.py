from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from points.ledger import services as ledger
from points.reconciliation import selectors as reconciliation

from .conftest import Books


def test_the_command_says_how_much_it_checked(member, other_member, audit):
    for one in (Books(member), Books(other_member)):
        one.earn(10)
        one.earn(10)
        one.do(ledger.hold, points=15, expires_at=one.now + timedelta(hours=1))

    assert audit() == ["Checked 2 accounts, 4 lots, 6 entries, 4 allocations, 2 holds.", "The books balance."]
    assert audit(member="M-2") == ["Checked 1 accounts, 2 lots, 3 entries, 2 allocations, 1 holds.", "The books balance."]


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_small_batches_come_to_the_same(member, other_member, audit, batch):
    for one in (Books(member), Books(other_member)):
        for _ in range(3):
            one.earn(10)

    assert audit(batch=batch) == ["Checked 2 accounts, 6 lots, 6 entries, 0 allocations, 0 holds.", "The books balance."]


def test_without_books_there_is_nothing_to_find(db, audit):
    assert audit()[0] == "Checked 0 accounts, 0 lots, 0 entries, 0 allocations, 0 holds."


def test_a_member_without_books_is_no_breach(member, audit):
    assert audit(member="M-1") == ["Checked 0 accounts, 0 lots, 0 entries, 0 allocations, 0 holds.", "The books balance."]


def test_an_unknown_member_is_said_to_be_unknown(db):
    with pytest.raises(CommandError, match="There is no member M-9"):
        call_command("audit_ledger", member="M-9")


def test_a_batch_of_nothing_is_refused(db):
    with pytest.raises(CommandError, match="--batch must be 1 at least"):
        call_command("audit_ledger", batch=0)


@pytest.mark.django_db(transaction=True)
def test_the_command_reads_one_snapshot_and_can_write_nothing(member):
    books = Books(member)
    books.earn(10)
    with reconciliation.snapshot():
        first = [part.checked for part in reconciliation.audit()]
        _elsewhere(lambda: books.earn(10))
        assert [part.checked for part in reconciliation.audit()] == first
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("repeatable read",)
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
    assert reconciliation.breaches() == []
    assert next(reconciliation.audit()).checked["entries"] == 2


def _elsewhere(act) -> None:
    """Do it on a connection of its own."""

    def run():
        try:
            with transaction.atomic():
                act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()
