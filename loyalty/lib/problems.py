"""Every error of the API is a problem (RFC 9457, `application/problem+json`) with a stable `type` and `code`.

`code` is for programs and never changes its meaning; `title` and `detail` are sentences for people, in the language asked for;
further members are the figures that explain it. A refused body lists each field that was wrong under `errors`.
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from rest_framework import exceptions, renderers
from rest_framework.response import Response
from rest_framework.settings import api_settings

from .refusals import BusinessError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TITLES = {
    "invalid": _("The request does not say what it should."),
    "parse_error": _("The request could not be read."),
    "not_authenticated": _("Say who you are: no valid credentials were given."),
    "authentication_failed": _("The credentials are not valid."),
    "permission_denied": _("You may not do this."),
    "not_found": _("There is nothing here."),
    "method_not_allowed": _("This address does not offer that method."),
    "not_acceptable": _("The API answers in JSON only."),
    "unsupported_media_type": _("The API reads JSON only."),
    "too_large": _("The request is too large."),
    "throttled": _("Too many requests; wait a little."),
    "server_error": _("Something went wrong on our side."),
    "unavailable": _("The service cannot answer right now; nothing was done. Try again."),
}


# What REST framework says in words of Python's, by its code and, for a null body, where it stands.
SENTENCES = {"not_a_list": _("Give a list, in brackets."), "not_a_dict": _("Give an object: fields and their values, in braces.")}
NO_BODY = _("The body is null. Give an object: fields and their values, in braces.")


class JSONRenderer(renderers.JSONRenderer):
    """JSON in UTF-8 as it is written, and said so: some clients guess otherwise."""

    charset = "utf-8"
    ensure_ascii = False


def problem(code: str, status: int, *, title: Any = None, detail: Any = None, members: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body of a problem. `members` add to it and replace nothing of what RFC 9457 and this API define."""
    title = str(title or TITLES.get(code) or HTTPStatus(status).phrase)
    body = {**(members or {}), "type": f"urn:loyalty:problem:{code}", "title": title, "status": status, "code": code, "detail": str(detail or title)}
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        body["request_id"] = request_id
    return body


def answer(exc: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's exception handler. None for what nobody foresaw: Django logs it and `server_error` below answers."""
    if isinstance(exc, BusinessError):
        body = problem(exc.code, exc.status, title=exc.title, detail=exc.message, members=exc.figures)
        return _response(body, exc.status, retry_after=getattr(exc, "retry_after", None))
    if isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, PermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, RequestDataTooBig):
        return _response(problem("too_large", 413), 413)
    elif isinstance(exc, OperationalError | InterfaceError):
        logger.exception("The database did not answer")
        return _response(problem("unavailable", 503), 503, retry_after=1)
    elif isinstance(exc, ValueError) and _nul_in_address(context.get("request")):
        exc = exceptions.ParseError(_("The address contains a NUL character."))
    if not isinstance(exc, exceptions.APIException):
        return None
    if isinstance(exc, exceptions.ValidationError):
        return _response(problem("invalid", 400, members={"errors": list(_flat(exc.detail, []))}), 400)
    body = problem(exc.default_code, exc.status_code, detail=exc.detail)
    response = _response(body, exc.status_code, retry_after=getattr(exc, "wait", None))
    if exc.status_code == HTTPStatus.UNAUTHORIZED:
        view, request = context["view"], context["request"]
        response["WWW-Authenticate"] = ", ".join(each.authenticate_header(request) for each in view.get_authenticators())
    return response


def _response(body: dict[str, Any], status: int, retry_after: float | None = None) -> Response:
    headers = {} if retry_after is None else {"Retry-After": str(max(1, round(retry_after)))}
    return Response(body, status=status, headers=headers, content_type=MEDIA_TYPE)


def _flat(detail: Any, path: list[str]) -> Iterator[dict[str, str]]:
    """One line per thing that was wrong; `field` is a dotted path like `lines.0.quantity`, empty for the body as a whole."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, path if name == api_settings.NON_FIELD_ERRORS_KEY else [*path, str(name)])
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from _flat(inner, [*path, str(index)] if isinstance(inner, dict | list) else path)
    else:
        said = NO_BODY if detail.code == "null" and not path else SENTENCES.get(detail.code, detail)
        yield {"field": ".".join(path), "code": detail.code, "message": str(said)}


def _nul_in_address(request: Any) -> bool:
    return request is not None and ("\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""))


def _plain(request: HttpRequest, code: str, status: int) -> HttpResponse | None:
    """The problem for an API address that no view answered; None elsewhere."""
    if not request.path.startswith("/api/"):
        return None
    return HttpResponse(JSONRenderer().render(problem(code, status)), status=status, content_type=MEDIA_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, "parse_error", 400) or defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _plain(request, "not_found", 404) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return _plain(request, "server_error", 500) or defaults.server_error(request)
