"""A request sent twice is answered once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from accounts.members.models import Member
from loyalty.idempotency import services, tasks
from loyalty.idempotency.api import idempotent
from loyalty.idempotency.models import AnsweredRequest
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError

ran: list[str] = []
committed: list[str] = []
inside, go_on = threading.Event(), threading.Event()


class Refused(BusinessError):
    code, status = "refused_here", 409


class Effects(APIView):
    """Each run leaves one member: the effect that must happen once."""

    scopes = {"POST": "points:spend"}

    @idempotent
    def post(self, request, what="write"):
        ran.append(request.idempotency_key)
        member = Member.objects.create(external_id=str(new_id()), created_at="2026-03-01T00:00:00Z")
        transaction.on_commit(lambda: committed.append(request.idempotency_key))
        match what:
            case "refuse":
                raise Refused
            case "answer-400":
                return Response({"no": 1}, status=400)
            case "break":
                raise RuntimeError
            case "empty":
                return Response(status=204)
            case "wait":
                inside.set()
                go_on.wait(20)
        return Response({"id": member.external_id, "名": "积分", "body": request.data}, status=201)


urlpatterns = [path("api/v1/effects", include([path("", Effects.as_view()), path("/<str:what>", Effects.as_view())]))]
handler500 = "loyalty.lib.problems.server_error"
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def from_nothing():
    for seen in (ran, committed):
        seen.clear()
    for event in (inside, go_on):
        event.clear()


def send(client, key="k-1", what="", body=None):
    headers = {} if key is None else {"Idempotency-Key": key}
    return client.post(f"/api/v1/effects{what and '/'}{what}", body or {"points": 1}, format="json", headers=headers)


def test_the_second_time_the_first_answer_is_given_again_to_the_letter(storefront):
    first, second = send(storefront), send(storefront)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second["Content-Type"] == first["Content-Type"] == "application/json; charset=utf-8"
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert ran == ["k-1"]
    assert Member.objects.count() == 1


def test_an_answer_without_a_body_is_replayed_too(storefront):
    first, second = send(storefront, what="empty"), send(storefront, what="empty")
    assert (first.status_code, first.content) == (second.status_code, second.content) == (204, b"")
    assert len(ran) == 1


def test_another_key_is_another_request(storefront):
    assert send(storefront, "k-1").content != send(storefront, "k-2").content
    assert Member.objects.count() == 2


def test_a_key_belongs_to_its_caller(client_with):
    mine, theirs = client_with("points:spend"), client_with("points:spend")
    assert send(mine).content != send(theirs).content
    assert "Idempotent-Replayed" not in send(client_with("points:spend"))
    assert ran == ["k-1"] * 3


@pytest.mark.parametrize("other", [{"body": {"points": 2}}, {"what": "write"}])
def test_the_same_key_with_another_request_is_refused(storefront, other):
    send(storefront)
    response = send(storefront, **other)
    assert (response.status_code, response.json()["code"]) == (422, "key_reused")
    assert Member.objects.count() == 1


@pytest.mark.parametrize(
    ("key", "code"),
    [(None, "key_missing"), *((key, "key_invalid") for key in ("", "a b", "a" * 256, "é", "a\tb")), ("a" * 255, None), ("!~", None)],
)
def test_a_key_is_1_to_255_visible_ascii_characters(storefront, key, code):
    response = send(storefront, key)
    assert (response.status_code, response.json().get("code")) == ((400, code) if code else (201, None))


@pytest.mark.parametrize(("what", "status"), [("refuse", 409), ("answer-400", 400), ("break", 500)])
def test_a_refusal_is_rolled_back_and_decided_anew(storefront, what, status):
    storefront.raise_request_exception = False
    for _ in range(2):
        response = send(storefront, what=what)
        assert response.status_code == status
        assert "Idempotent-Replayed" not in response
    assert len(ran) == 2
    assert not Member.objects.exists()
    assert not AnsweredRequest.objects.exists()
    assert send(storefront).status_code == 201


def test_a_body_that_cannot_be_read_takes_no_key(storefront):
    broken = storefront.post("/api/v1/effects", b"{", content_type="application/json", headers={"Idempotency-Key": "k-1"})
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
    assert send(storefront).status_code == 201


def test_it_costs_one_statement_before_and_one_after(storefront):
    send(storefront, "warm")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        send(storefront, "k-2")
    own = [query["sql"] for query in seen if "loyalty_answeredrequest" in query["sql"]]
    assert len(own) == 2
    with CaptureQueriesContext(connection) as seen:
        send(storefront, "k-2")
    assert len([query for query in seen if "loyalty_answeredrequest" in query["sql"]]) == 1


def test_the_view_waits_for_locks_as_long_as_ever(storefront, monkeypatch):
    """The limit on waiting is for the key alone."""
    limits = []
    keep = services.keep

    def look(**kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            limits.append(cursor.fetchone()[0])
        keep(**kwargs)

    monkeypatch.setattr(services, "keep", look)
    send(storefront)
    assert limits == ["0"]


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_the_commit_runs_once_and_after_it(storefront):
    send(storefront), send(storefront)
    assert committed == ["k-1"]
    storefront.raise_request_exception = False
    send(storefront, "k-2", what="break")
    assert committed == ["k-1"]


def at_once(client, times, threads, key="k-1"):
    """The statuses of that many requests with one key, sent by so many threads, each with a connection of its own."""
    start = threading.Barrier(threads)
    credentials = client._credentials

    def work(share):
        try:
            own = APIClient()
            own.credentials(**credentials)
            start.wait()
            return [(response.status_code, "Idempotent-Replayed" in response) for response in (send(own, key) for _ in range(share))]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return [answer for answers in pool.map(work, [times // threads] * threads) for answer in answers]


@pytest.mark.django_db(transaction=True)
def test_256_requests_with_one_key_have_one_effect(storefront):
    answers = at_once(storefront, 256, 64)
    assert len(answers) == 256
    assert {status for status, _replayed in answers} <= {201, 409}
    assert answers.count((201, False)) == 1
    assert Member.objects.count() == 1
    assert AnsweredRequest.objects.get().status == 201


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_row_they_have_many(storefront, monkeypatch):
    """The control: the race above is real."""
    monkeypatch.setattr(services, "claim", lambda **_: services.Claim(new_id(), None))
    answers = at_once(storefront, 64, 8)
    assert answers.count((201, False)) == Member.objects.count() == 64


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_being_answered_the_second_is_told_to_come_back(storefront):
    credentials = storefront._credentials

    def first():
        try:
            own = APIClient()
            own.credentials(**credentials)
            return send(own, what="wait").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert inside.wait(20)
        response = send(storefront, what="wait")
        assert (response.status_code, response.json()["code"], response["Retry-After"]) == (409, "in_flight", "1")
        go_on.set()
        assert running.result() == 201
    assert send(storefront, what="wait")["Idempotent-Replayed"] == "true"
    assert len(ran) == 1


@pytest.mark.django_db(transaction=True)
def test_when_the_first_is_rolled_back_the_second_runs(storefront):
    credentials = storefront._credentials

    def first():
        try:
            own = APIClient(raise_request_exception=False)
            own.credentials(**credentials)
            with transaction.atomic():
                send(own, what="wait")
                transaction.set_rollback(True)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first)
        assert inside.wait(20)
        go_on.set()
        assert send(storefront, what="wait").status_code == 201
        running.result()
    assert len(ran) == 2
    assert Member.objects.count() == 1


def keep_answer(key, now):
    return AnsweredRequest.objects.create(caller="key:x", key=key, digest="0" * 64, status=201, body="{}", created_at=now)


def test_old_answers_go_oldest_first_and_no_more_than_asked(db, now):
    for number in range(5):
        keep_answer(f"k-{number}", now)
    assert services.prune(before=now + timedelta(minutes=1), limit=2) == 2
    assert sorted(AnsweredRequest.objects.values_list("key", flat=True)) == ["k-2", "k-3", "k-4"]
    assert services.prune(before=now - timedelta(minutes=1), limit=10) == 0
    assert services.prune(before=now + timedelta(minutes=1), limit=10) == 3


def test_the_job_keeps_answers_for_the_days_that_are_set(db, now, settings):
    keep_answer("k-1", now)
    tasks.prune()
    assert AnsweredRequest.objects.exists()
    settings.IDEMPOTENCY_DAYS = -1
    tasks.prune()
    assert not AnsweredRequest.objects.exists()
