"""Counting a period that is over, and counting it again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.members import selectors as members
from loyalty.audit.models import AuditEntry
from points.boards import selectors, services
from points.boards.models import BoardPeriod, BoardResult
from points.ledger import selectors as books

CLOSING = datetime(2024, 4, 3, 4, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places_give_points")]


def told(period):
    return [(one.place, one.member.external_id, one.count, one.status) for one in selectors.results(period)]


@pytest.fixture
def march(board, review):
    """March, counted: ann before ben before cid."""
    for who, likes in (("ann", 3), ("ben", 2), ("cid", 1), ("dan", 1)):
        review(who, f"R-{who}", likes)
    services.close(board=board, period="2024-03", now=CLOSING)
    return BoardPeriod.objects.select_related("board").get()


def test_a_period_that_is_over_is_proposed_and_grants_nothing(march):
    assert march.status == BoardPeriod.Status.PROPOSED
    assert told(march) == [(1, "ann", 3, "proposed"), (2, "ben", 2, "proposed"), (3, "cid", 1, "proposed")]
    assert books.balance(member_id=members.id_of(external_id="ann"), now=CLOSING).available == 0


def test_a_period_is_counted_once(march, board):
    assert services.close(board=board, period="2024-03", now=CLOSING) is None
    assert BoardResult.objects.count() == 3


def test_an_empty_period_is_counted_too(board):
    assert services.close(board=board, period="2024-03", now=CLOSING) == 0
    assert list(selectors.due(now=CLOSING)) == []


def test_what_is_due_is_each_running_boards_periods_that_are_over_and_not_counted(board):
    assert [(one.code, period) for one, period in selectors.due(now=CLOSING + timedelta(days=31))] == [("top-reviews", "2024-03"), ("top-reviews", "2024-04")]
    services.close(board=board, period="2024-03", now=CLOSING)
    assert [period for _board, period in selectors.due(now=CLOSING + timedelta(days=31))] == ["2024-04"]
    board.active = False
    board.save()
    assert list(selectors.due(now=CLOSING + timedelta(days=31))) == []


class TestCountingAgain:
    def test_what_became_known_meanwhile_counts(self, march, tell):
        for n in range(4):
            tell(f"late fan {n}", "liked", {"subject": "R-cid"})
        assert services.count_again(period_id=march.id, actor="sample operator", now=CLOSING) == 3
        assert told(march) == [(1, "cid", 5, "proposed"), (2, "ann", 3, "proposed"), (3, "ben", 2, "proposed")]

    def test_the_others_move_up_where_a_member_was_struck(self, march):
        services.withdraw(result_id=selectors.results(march)[0].id, actor="sample operator", reason="bought likes", now=CLOSING)
        services.count_again(period_id=march.id, actor="sample operator", now=CLOSING)
        assert told(march) == [(1, "ann", 3, "withdrawn"), (1, "ben", 2, "proposed"), (2, "cid", 1, "proposed"), (3, "dan", 1, "proposed")]

    def test_it_is_the_boards_present_settings_that_count(self, march, board):
        board.minimum = 2
        board.save()
        assert services.count_again(period_id=march.id, actor="sample operator", now=CLOSING) == 2

    def test_what_was_confirmed_is_not_counted_again(self, march, refuses):
        services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
        with refuses(services.PeriodConfirmed):
            services.count_again(period_id=march.id, actor="another", now=CLOSING)

    def test_who_counted_again_is_in_the_audit_trail(self, march):
        services.count_again(period_id=march.id, actor="sample operator", now=CLOSING)
        entry = AuditEntry.objects.get(verb="board.counted_again")
        assert (entry.actor, entry.subject, entry.figures) == ("sample operator", "board/top-reviews/2024-03", {"places": 3})


@pytest.mark.parametrize("wrong", [{"status": "granted"}, {"status": "withdrawn"}, {"points": 1}])
def test_the_database_keeps_status_and_figures_together(march, wrong):
    with pytest.raises(IntegrityError, match="board_result_status_says_what_happened"), transaction.atomic():
        BoardResult.objects.filter(place=1).update(**wrong)


def test_the_database_keeps_one_row_a_period(march, board):
    with pytest.raises(IntegrityError, match="board_period_once"), transaction.atomic():
        BoardPeriod.objects.create(board=board, period="2024-03", since=CLOSING, until=CLOSING, counted_at=CLOSING)
