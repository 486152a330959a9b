"""Boards as operators set them, look at them, confirm them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.audit.models import AuditEntry
from points.boards import selectors, services
from points.boards.models import Board, BoardPeriod, BoardResult

CLOSING = datetime(2024, 4, 3, 4, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("places_give_points")]
BOARDS, PERIODS, RESULTS = "/admin/points/board/", "/admin/points/boardperiod/", "/admin/points/boardresult/"
FORM = {
    "code": "top-comments", "active": "on", "name_zh": "热评榜", "name_en": "Best comments", "counted": "liked", "field": "subject",
    "ranked": "reviewed", "span": "month", "starts_on": "2024-03-01", "places": "10", "minimum": "1", "once_per_member": "on", "wait_days": "1",
}  # fmt: skip


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def queries(client, url):
    with CaptureQueriesContext(connection) as captured:
        text(client.get(url))
    return len(captured)


@pytest.fixture
def march(board, review):
    for who, likes in (("ann", 3), ("ben", 2), ("cid", 1)):
        review(who, f"R-{who}", likes)
    services.close(board=board, period="2024-03", now=CLOSING)
    return BoardPeriod.objects.get()


def page(period, what="change"):
    return f"{PERIODS}{period.id}/{what}/"


class TestSetting:
    def test_a_board_is_made_with_likes_of_reviews_offered_first(self, browser):
        client = browser("add_board")
        offered = text(client.get(f"{BOARDS}add/"))
        assert 'value="liked" selected' in offered
        assert 'value="reviewed" selected' in offered
        assert client.post(f"{BOARDS}add/", FORM).status_code == 302
        made = Board.objects.get(code="top-comments")
        assert (made.counted, made.ranked, made.places, made.automatic) == ("liked", "reviewed", 10, False)
        assert AuditEntry.objects.get(subject="board/top-comments").verb == "board.added"

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"field": "about"}, "has no text field of that name. It has: subject."),
            ({"counted": "registered"}, "has no text field: it cannot be counted."),
            ({"places": "0"}, "greater than or equal to 1"),
            ({"places": "101"}, "less than or equal to 100"),
            ({"minimum": "0"}, "greater than or equal to 1"),
            ({"wait_days": "28"}, "less than or equal to 27"),
            ({"counted": "nothing"}, "Select a valid choice"),
            ({"starts_on": ""}, "This field is required."),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence(self, browser, wrong, sentence):
        assert sentence in text(browser("add_board").post(f"{BOARDS}add/", {**FORM, **wrong}))
        assert not Board.objects.exists()

    def test_code_and_span_stay_and_who_changed_it_is_in_its_history(self, browser, board):
        client = browser("change_board")
        client.post(f"{BOARDS}top-reviews/change/", {**FORM, "code": "other", "span": "week", "places": "5"})
        assert list(Board.objects.values_list("code", "span", "places")) == [("top-reviews", "month", 5)]
        assert Board.history.first().history_user.username == "sample"

    def test_it_is_stopped_and_never_deleted(self, browser, board):
        assert browser("change_board", "delete_board").post(f"{BOARDS}top-reviews/delete/", {"post": "yes"}).status_code == 403


class TestHowItStands:
    def test_this_month_so_far_and_the_last_one_are_counted_and_nothing_is_kept(self, browser, board, review):
        review("ann", "R-1", 2)
        review("ben", "R-2", 1, liked_at=CLOSING - timedelta(days=1))
        with time_machine.travel(CLOSING, tick=False):
            shown = text(browser().get(f"{BOARDS}top-reviews/standings/"))
        so_far, last = shown.split("The period before: 2024-03")
        assert "So far: 2024-04" in so_far
        assert ("R-2" in so_far, "R-1" in so_far) == (True, False)
        assert ("R-1" in last, "ann" in last) == (True, True)
        assert not BoardPeriod.objects.exists()

    def test_what_was_counted_is_a_click_away(self, browser, march):
        with time_machine.travel(CLOSING, tick=False):
            assert page(march) in text(browser().get(f"{BOARDS}top-reviews/standings/"))

    def test_without_any_like_it_says_that_nobody_takes_a_place(self, browser, board):
        assert text(browser().get(f"{BOARDS}top-reviews/standings/")).count("Nobody takes a place.") == 2


class TestConfirming:
    def test_the_places_are_shown_with_member_review_and_count(self, browser, march):
        shown = text(browser().get(page(march)))
        for found in ("ann", "R-ann", "not granted yet", "to be confirmed"):
            assert found in shown
        assert "Confirm the places" not in shown

    def test_confirming_asks_for_a_reason_and_grants(self, browser, march, django_capture_on_commit_callbacks):
        client = browser("change_boardperiod")
        assert "3 places are granted" in text(client.get(page(march, "confirm")))
        assert "This field is required." in text(client.post(page(march, "confirm"), {"reason": ""}))
        with time_machine.travel(CLOSING, tick=False), django_capture_on_commit_callbacks(execute=True):
            assert client.post(page(march, "confirm"), {"reason": "looked through"}).status_code == 302
        assert list(BoardResult.objects.values_list("points", flat=True)) == [200] * 3
        shown = text(client.get(page(march)))
        assert "looked through" in shown
        assert "Confirm the places" not in shown

    def test_counting_again_asks_first(self, browser, march, tell):
        client = browser("change_boardperiod")
        for n in range(3):
            tell(f"late fan {n}", "liked", {"subject": "R-cid"})
        text(client.get(page(march, "count-again")))
        assert BoardResult.objects.get(place=1).fact == "R-ann"
        assert "Counted again: 3 places." in text(client.post(page(march, "count-again"), follow=True))
        assert BoardResult.objects.get(place=1).fact == "R-cid"

    def test_what_was_confirmed_before_is_told_with_a_sentence(self, browser, march):
        services.confirm(period_id=march.id, actor="first operator", reason="looked through", now=CLOSING)
        assert "This period was confirmed before." in text(browser("change_boardperiod").post(page(march, "confirm"), {"reason": "me too"}))

    def test_who_may_only_see_confirms_nothing(self, browser, march):
        client = browser()
        assert [client.post(page(march, what), {"reason": "x"}).status_code for what in ("confirm", "count-again")] == [403, 403]


class TestResults:
    def test_every_place_is_in_a_list_and_a_member_is_found_by_id(self, browser, march):
        client = browser()
        assert "Best reviews 2024-03" in text(client.get(RESULTS))
        found = text(client.get(RESULTS, {"q": "ben"}))
        results = {one.member.external_id: f"{RESULTS}{one.id}/" for one in selectors.results(march)}
        assert [name for name, address in results.items() if address in found] == ["ben"]

    def test_withdrawing_asks_for_a_reason(self, browser, march):
        result, client = selectors.results(march)[0], browser("change_boardresult")
        address = f"{RESULTS}{result.id}/withdraw/"
        assert address in text(client.get(page(march)))
        assert "ann loses place 1" in text(client.get(address))
        assert "This field is required." in text(client.post(address, {"reason": ""}))
        assert client.post(address, {"reason": "bought likes"})["Location"] == page(march)
        result.refresh_from_db()
        assert (result.status, result.reason) == ("withdrawn", "bought likes")

    def test_who_may_only_see_withdraws_nothing(self, browser, march):
        assert browser().post(f"{RESULTS}{selectors.results(march)[0].id}/withdraw/", {"reason": "x"}).status_code == 403

    @pytest.mark.parametrize("address", [PERIODS, RESULTS])
    def test_more_rows_are_no_more_queries(self, browser, march, board, address):
        client = browser()
        text(client.get(address))
        before = queries(client, address)
        services.close(board=board, period="2024-02", now=CLOSING)
        BoardResult.objects.bulk_create(
            [BoardResult(member_id=one.member_id, board_period=BoardPeriod.objects.get(period="2024-02"), place=n, fact=str(n), count=1)
             for n, one in enumerate(selectors.results(march), start=1)]
        )  # fmt: skip
        assert queries(client, address) == before
