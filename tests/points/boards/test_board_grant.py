"""Confirming a period, granting its places, taking one back; by an operator and by the job."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.members import selectors as members
from loyalty.audit.models import AuditEntry, JobRun
from points.boards import selectors, services, tasks
from points.boards.models import Board, BoardPeriod, BoardResult
from points.ledger import selectors as books

CLOSING = datetime(2024, 4, 3, 4, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places_give_points")]
Status = BoardResult.Status


@pytest.fixture
def march(board, review):
    """March, counted: ann before ben before cid."""
    for who, likes in (("ann", 3), ("ben", 2), ("cid", 1)):
        review(who, f"R-{who}", likes)
    services.close(board=board, period="2024-03", now=CLOSING)
    return BoardPeriod.objects.get()


@pytest.fixture
def confirmed(march, django_capture_on_commit_callbacks):
    """March, confirmed and granted."""
    with django_capture_on_commit_callbacks(execute=True):
        services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
    march.refresh_from_db()
    return march


def has(who):
    return books.balance(member_id=members.id_of(external_id=who), now=CLOSING).available


def statuses():
    return list(BoardResult.objects.order_by("place").values_list("status", flat=True))


def run_the_job(at=CLOSING):
    with time_machine.travel(at, tick=False):
        tasks.close_boards()
    return JobRun.objects.order_by("-id").first()


class TestConfirming:
    def test_every_place_is_granted_with_the_commit(self, confirmed, assert_books_balance):
        assert (confirmed.status, confirmed.confirmed_by, confirmed.confirmed_at, confirmed.reason) == (
            BoardPeriod.Status.CONFIRMED, "sample operator", CLOSING, "looked through",
        )  # fmt: skip
        assert statuses() == [Status.GRANTED] * 3
        assert [has(who) for who in ("ann", "ben", "cid")] == [200, 200, 200]
        assert_books_balance()

    def test_a_place_is_a_fact_about_the_member(self, confirmed):
        fact = activity.behaviour(member_id=members.id_of(external_id="ben"), kind="board_placed", external_id="top-reviews/2024-03/2")
        assert fact.data == {"board": "top-reviews", "period": "2024-03", "place": 2}

    def test_it_needs_a_reason_and_happens_once(self, march, refuses):
        with refuses(services.ReasonMissing):
            services.confirm(period_id=march.id, actor="sample operator", reason=" ", now=CLOSING)
        services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
        with refuses(services.PeriodConfirmed) as refused:
            services.confirm(period_id=march.id, actor="another", reason="me too", now=CLOSING)
        assert refused.value.figures["by"] == "sample operator"

    def test_who_confirmed_and_why_is_in_the_audit_trail(self, confirmed):
        entry = AuditEntry.objects.get(verb="board.confirmed")
        assert (entry.actor, entry.subject, entry.reason) == ("sample operator", "board/top-reviews/2024-03", "looked through")

    def test_a_struck_place_is_not_granted(self, march, django_capture_on_commit_callbacks):
        services.withdraw(result_id=selectors.results(march)[1].id, actor="sample operator", reason="bought likes", now=CLOSING)
        with django_capture_on_commit_callbacks(execute=True):
            services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
        assert statuses() == [Status.GRANTED, Status.WITHDRAWN, Status.GRANTED]
        assert [has(who) for who in ("ann", "ben", "cid")] == [200, 0, 200]

    def test_the_same_member_may_be_granted_several_places(self, board, review, django_capture_on_commit_callbacks):
        Board.objects.update(once_per_member=False)
        board.refresh_from_db()
        review("ann", "R-1", 2)
        review("ann", "R-2", 1)
        services.close(board=board, period="2024-03", now=CLOSING)
        with django_capture_on_commit_callbacks(execute=True):
            services.confirm(period_id=BoardPeriod.objects.get().id, actor="sample operator", reason="looked through", now=CLOSING)
        assert (statuses(), has("ann")) == ([Status.GRANTED] * 2, 400)


class TestWithdrawing:
    def test_what_a_place_gave_is_taken_back(self, confirmed, assert_books_balance):
        result = selectors.results(confirmed)[0]
        assert services.withdraw(result_id=result.id, actor="another", reason="bought likes", now=CLOSING) == 200
        result.refresh_from_db()
        assert (result.status, result.withdrawn_by, result.reason, result.points) == (Status.WITHDRAWN, "another", "bought likes", 200)
        assert [has(who) for who in ("ann", "ben")] == [0, 200]
        assert_books_balance()

    def test_it_needs_a_reason_and_happens_once(self, confirmed, refuses):
        result = selectors.results(confirmed)[0]
        with refuses(services.ReasonMissing):
            services.withdraw(result_id=result.id, actor="another", reason="", now=CLOSING)
        services.withdraw(result_id=result.id, actor="another", reason="sample", now=CLOSING)
        with refuses(services.ResultWithdrawn):
            services.withdraw(result_id=result.id, actor="another", reason="sample", now=CLOSING)

    def test_what_was_counted_again_meanwhile_is_unknown(self, march, refuses):
        result = selectors.results(march)[0]
        services.count_again(period_id=march.id, actor="sample operator", now=CLOSING)
        with refuses(selectors.ResultUnknown):
            services.withdraw(result_id=result.id, actor="another", reason="sample", now=CLOSING)


class TestTheJob:
    def test_it_proposes_and_leaves_the_rest_to_an_operator(self, board, review):
        review("ann", "R-1", 1)
        run = run_the_job()
        assert (run.counts, statuses(), has("ann")) == ({"counted": 1}, [Status.PROPOSED], 0)

    def test_an_automatic_board_is_granted_at_once_by_nobody(self, board, review):
        Board.objects.update(automatic=True)
        review("ann", "R-1", 1)
        assert run_the_job().counts == {"counted": 1, "granted": 1}
        assert has("ann") == 200
        assert BoardPeriod.objects.get().confirmed_by == ""

    def test_it_waits_until_the_period_is_over_for_as_long_as_the_board_says(self, board):
        Board.objects.update(wait_days=2)
        # Midnight in Shanghai, where the third of April begins.
        begins = datetime(2024, 4, 2, 16, tzinfo=UTC)
        run_the_job(begins - timedelta(seconds=1))
        assert not BoardPeriod.objects.exists()
        run_the_job(begins)
        assert BoardPeriod.objects.get().period == "2024-03"

    def test_running_again_changes_nothing(self, board, review):
        Board.objects.update(automatic=True)
        review("ann", "R-1", 1)
        run_the_job()
        run_the_job(CLOSING + timedelta(days=1))
        assert (BoardPeriod.objects.count(), has("ann")) == (1, 200)

    def test_it_grants_what_a_crash_left_confirmed(self, march):
        services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
        services.grant(result_id=selectors.results(march)[0].id, now=CLOSING)
        assert statuses() == [Status.GRANTED, Status.PROPOSED, Status.PROPOSED]
        assert run_the_job().counts == {"granted": 2}
        assert [has(who) for who in ("ann", "ben", "cid")] == [200, 200, 200]

    def test_a_place_that_is_refused_stops_nobody_elses_and_is_tried_again(self, march):
        services.confirm(period_id=march.id, actor="sample operator", reason="looked through", now=CLOSING)
        in_the_way = {"member_id": members.id_of(external_id="ben"), "kind": "board_placed", "external_id": "top-reviews/2024-03/2"}
        data = {"board": "another", "period": "2024-03", "place": 1}
        recording.record_behaviour(**in_the_way, data=data, occurred_at=CLOSING, ours=True, now=CLOSING)
        assert run_the_job().counts == {"granted": 2, "failed": 1}
        assert statuses() == [Status.GRANTED, Status.PROPOSED, Status.GRANTED]
        activity.behaviour(**in_the_way).delete()
        assert run_the_job().counts == {"granted": 1}
        assert has("ben") == 200
