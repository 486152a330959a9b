"""Whatever goes wrong under /api is a problem with a type and a code."""

import json

import pytest
import structlog
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty.lib import problems
from loyalty.lib.fields import CentsField, IdField, StrictSerializer
from loyalty.lib.refusals import BusinessError


class Line(StrictSerializer):
    id = IdField()
    amount_cents = CentsField()


class Body(StrictSerializer):
    id = IdField()
    lines = Line(many=True)


class TooDear(BusinessError):
    code, status, title = "too_dear", 422, "That costs too much."


class Open(APIView):
    scopes = None

    def get(self, request):
        match request.query_params.get("what"):
            case "missing":
                raise Http404
            case "dear":
                raise TooDear("It costs 7.", price_cents=7, code="stolen", status=1)
            case "database":
                raise OperationalError
            case "nul":
                raise ValueError("A string literal cannot contain NUL (0x00) characters.")
            case "bug":
                raise RuntimeError("secret detail")
        return Response({"名": "积分"})

    def post(self, request):
        body = Body(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.validated_data)


urlpatterns = [path("api/v1/open", Open.as_view()), path("", include("loyalty.urls"))]
handler400, handler404, handler500 = problems.bad_request, problems.not_found, problems.server_error
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def is_problem(response, status, code):
    body = json.loads(response.content)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert body["type"] == f"urn:loyalty:problem:{code}"
    assert (body["code"], body["status"]) == (code, status)
    assert body["title"]
    assert body["detail"]
    return body


def test_answers_are_json_in_utf_8_as_it_is_written(anonymous):
    response = anonymous.get("/api/v1/open")
    assert response["Content-Type"] == "application/json; charset=utf-8"
    assert response.content.decode() == '{"名":"积分"}'


def test_a_refusal_says_why_with_its_figures_which_replace_nothing(anonymous):
    body = is_problem(anonymous.get("/api/v1/open?what=dear"), 422, "too_dear")
    assert (body["title"], body["detail"], body["price_cents"]) == ("That costs too much.", "It costs 7.", 7)


def test_each_wrong_field_is_listed_by_its_path(anonymous):
    wrong = {"lines": [{"id": "1", "amount_cents": 1}, {"id": "a/b", "amount_cents": "1"}], "x": 1}
    body = is_problem(anonymous.post("/api/v1/open", wrong, format="json"), 400, "invalid")
    assert [(line["field"], line["code"]) for line in body["errors"]] == [
        ("x", "unknown"),
        ("id", "required"),
        ("lines.1.id", "invalid"),
        ("lines.1.amount_cents", "invalid"),
    ]
    body = is_problem(anonymous.post("/api/v1/open", [], format="json"), 400, "invalid")
    assert [line["field"] for line in body["errors"]] == [""]


@pytest.mark.parametrize(
    ("send", "status", "code"),
    [
        (lambda c: c.get("/api/v1/open?what=missing"), 404, "not_found"),
        (lambda c: c.get("/api/v1/nowhere"), 404, "not_found"),
        (lambda c: c.put("/api/v1/open"), 405, "method_not_allowed"),
        (lambda c: c.options("/api/v1/open"), 405, "method_not_allowed"),
        (lambda c: c.get("/api/v1/open", headers={"Accept": "text/html"}), 406, "not_acceptable"),
        (lambda c: c.post("/api/v1/open", b"a=1", content_type="application/x-www-form-urlencoded"), 415, "unsupported_media_type"),
        (lambda c: c.post("/api/v1/open", b"{", content_type="application/json"), 400, "parse_error"),
        (lambda c: c.post("/api/v1/open", rb'{"id": "\u0000"}', content_type="application/json"), 400, "parse_error"),
        (lambda c: c.get("/api/v1/open?what=nul&q=%00"), 400, "parse_error"),
        (lambda c: c.get("/api/v1/open?what=database"), 503, "unavailable"),
    ],
)
def test_every_other_error_is_a_problem_too(anonymous, send, status, code):
    is_problem(send(anonymous), status, code)


def test_a_value_error_of_our_own_stays_a_bug(anonymous):
    with pytest.raises(ValueError, match="NUL"):
        anonymous.get("/api/v1/open?what=nul")


def test_a_body_over_the_limit_is_too_large(anonymous, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    is_problem(anonymous.post("/api/v1/open", b'{"id": "' + b"a" * 100 + b'"}', content_type="application/json"), 413, "too_large")


def test_a_bug_is_a_problem_that_tells_nothing_of_itself(anonymous):
    anonymous.raise_request_exception = False
    response = anonymous.get("/api/v1/open?what=bug")
    is_problem(response, 500, "server_error")
    assert "secret" not in response.content.decode()


def test_a_problem_names_the_request(anonymous):
    assert is_problem(anonymous.get("/api/v1/open?what=missing"), 404, "not_found")["request_id"]
    structlog.contextvars.clear_contextvars()
    assert "request_id" not in problems.problem("not_found", 404)


def test_outside_the_api_errors_are_pages(settings):
    request = RequestFactory().get("/elsewhere")
    assert problems.not_found(request, Http404())["Content-Type"].startswith("text/html")
    assert problems.server_error(request)["Content-Type"].startswith("text/html")
    assert problems.bad_request(request, ValueError())["Content-Type"].startswith("text/html")
    is_problem(problems.bad_request(RequestFactory().get("/api/v1/x"), ValueError()), 400, "parse_error")


def test_titles_speak_the_language_asked_for(anonymous):
    assert anonymous.get("/api/v1/nowhere").json()["title"] == "There is nothing here."
