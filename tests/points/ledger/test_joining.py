"""A verb is one transaction, or part of its caller's."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from points.ledger import services as ledger
from points.ledger.models import Account, Entry

from .conftest import days


class StopError(Exception):
    pass


def test_verbs_join_the_callers_transaction_and_go_with_it(desk):
    with pytest.raises(StopError), transaction.atomic():
        desk.earn(100)
        desk.spend(30)
        raise StopError

    assert not Entry.objects.exists()
    assert not Account.objects.exists()


def test_a_verb_makes_no_savepoint_of_its_own(desk):
    desk.earn(100)

    with CaptureQueriesContext(connection) as queries:
        desk.spend(30)

    assert not [query for query in queries if "SAVEPOINT" in query["sql"]]


def test_after_a_refusal_inside_a_transaction_nobody_can_go_on(desk):
    desk.earn(100)

    with pytest.raises(transaction.TransactionManagementError), transaction.atomic():
        with pytest.raises(ledger.InsufficientPoints):
            desk.spend(101)
        desk.spend(1)

    assert desk.stored == (100, 0, 0, 0)


def test_the_account_is_made_at_the_first_lock(desk):
    assert not Account.objects.filter(member_id=desk.id).exists()

    desk.earn(1)

    assert Account.objects.filter(member_id=desk.id).exists()


def test_what_one_verb_did_is_seen_by_the_next_in_the_same_transaction(desk):
    with transaction.atomic():
        entry = desk.earn(100, days(1))
        spent = desk.spend(60)
        desk.restore(spent, 10)
        desk.clawback(entry, 50)

    assert desk.stored == (0, 0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_alone_a_verb_is_its_own_transaction(desk):
    desk.earn(100)

    with pytest.raises(ledger.InsufficientPoints):
        desk.spend(101)

    assert not connection.in_atomic_block
    assert desk.kinds == ["earn"]
