"""Real threads on a real PostgreSQL; each race has a control that goes wrong without the guard."""

from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import transaction

from accounts.members import selectors as members
from points.boards import selectors, services
from points.boards.models import BoardPeriod, BoardResult
from points.ledger import selectors as books
from tests.together import at_once

CLOSING = datetime(2024, 4, 3, 4, tzinfo=UTC)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def march(board, review, places_give_points):
    """March, to be counted: ann before ben before cid."""
    with transaction.atomic():
        for who, likes in (("ann", 3), ("ben", 2), ("cid", 1)):
            review(who, f"R-{who}", likes)
    return board


def has(who):
    return books.balance(member_id=members.id_of(external_id=who), now=CLOSING).available


def test_jobs_at_once_count_a_period_once(march):
    outcomes = at_once(*[lambda: services.close(board=march, period="2024-03", now=CLOSING)] * 5)
    assert sorted(outcomes, key=str) == [3, None, None, None, None]
    assert BoardResult.objects.count() == 3


def test_without_the_one_row_a_period_two_jobs_would_both_count(march):
    """The control: look whether it was counted, then count."""
    looked = Barrier(2)

    def careless() -> int:
        assert list(selectors.due(now=CLOSING)) == [(march, "2024-03")]
        looked.wait(timeout=20)
        return len(selectors.count(march, since=datetime(2024, 3, 1, tzinfo=UTC), until=CLOSING))

    assert at_once(careless, careless) == [3, 3]


def test_grants_at_once_give_each_place_once(march, assert_books_balance):
    services.close(board=march, period="2024-03", now=CLOSING)
    period = BoardPeriod.objects.get()
    with transaction.atomic():
        services.confirm(period_id=period.id, actor="sample operator", reason="looked through", now=CLOSING)
        transaction.get_connection().run_on_commit.clear()
    at_once(*[lambda: services.grant_all(period_id=period.id, now=CLOSING)] * 6)
    assert [has(who) for who in ("ann", "ben", "cid")] == [200, 200, 200]
    assert_books_balance()


def test_of_confirming_and_counting_again_at_once_one_comes_first_and_every_place_is_granted_once(march):
    services.close(board=march, period="2024-03", now=CLOSING)
    period = BoardPeriod.objects.get()
    about = {"period_id": period.id, "now": CLOSING}
    at_once(
        lambda: services.confirm(actor="one", reason="looked through", **about),
        lambda: services.count_again(actor="another", **about),
        lambda: services.confirm(actor="third", reason="looked through", **about),
    )
    services.grant_all(**about)
    assert list(BoardResult.objects.values_list("status", flat=True)) == ["granted"] * 3
    assert [has(who) for who in ("ann", "ben", "cid")] == [200, 200, 200]


def test_a_place_that_is_struck_while_it_is_granted_ends_without_points(march):
    services.close(board=march, period="2024-03", now=CLOSING)
    with transaction.atomic():
        services.confirm(period_id=BoardPeriod.objects.get().id, actor="one", reason="looked through", now=CLOSING)
        transaction.get_connection().run_on_commit.clear()
    result = BoardResult.objects.get(place=1)
    at_once(
        lambda: services.grant(result_id=result.id, now=CLOSING),
        lambda: services.withdraw(result_id=result.id, actor="another", reason="bought likes", now=CLOSING),
    )
    result.refresh_from_db()
    assert (result.status, has("ann")) == ("withdrawn", 0)
