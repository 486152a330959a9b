"""Log lines: one for each request and each task, with the request's id on everything that happened because of it.

Lines hold paths, never query strings or bodies, and tracebacks without local variables: no secrets and no personal data.
"""

import sys
import time
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django_structlog.middlewares import RequestMiddleware

# Asked every few seconds; a line each would drown the rest.
PROBES = ("/healthz", "/readyz", "/metrics")


def logging_config(*, form: str, level: str) -> dict[str, Any]:
    """Django's LOGGING. `form`: "json" for one object a line, "console" for people."""
    before = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    if form == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str, ensure_ascii=False)]
    else:
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": before,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # The request's own line says it, with the traceback where there is one.
            "django.request": {"level": "CRITICAL"},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            # Scanners call by address all day; an unknown host is refused, and no news.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "axes": {"level": "WARNING"},
            "celery.app.trace": {"level": "CRITICAL"},
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
            # They log addresses with all that is in them, and headers.
            "httpx": {"level": "WARNING"},
            "httpcore": {"level": "WARNING"},
            "hpack": {"level": "WARNING"},
        },
    }


class RequestLog(RequestMiddleware):
    """One line when a request is finished: who, what, the status, how long. The request's id goes back in `X-Request-ID`."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path in PROBES:
            return self.get_response(request)
        request.began = time.monotonic()
        return super().__call__(request)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        context = structlog.contextvars.get_contextvars()
        response["X-Request-ID"] = context["request_id"]
        structlog.contextvars.bind_contextvars(duration_ms=round((time.monotonic() - request.began) * 1000))
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        from axes.helpers import get_client_ip_address  # needs settings, which need this module

        structlog.contextvars.bind_contextvars(ip=get_client_ip_address(request))
