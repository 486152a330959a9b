"""What a machine asks: is this process alive (`/healthz`), can it serve (`/readyz`), how is it doing (`/metrics`)."""

import hmac
import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django_prometheus.exports import ExportToDjangoView
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from loyalty.audit import selectors as audit
from loyalty.lib.readiness import CHECKS, NotReady, readiness
from loyalty.outbox import selectors as outbox

logger = logging.getLogger(__name__)

HEARTBEAT_MAX_AGE = timedelta(minutes=5)
_migrated = False


@readiness("database")
def database_answers(*, now: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "The database answers."


@readiness("broker")
def broker_answers(*, now: datetime) -> str:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_connect_timeout=2, socket_timeout=2) as broker:
        broker.ping()
    return "The broker answers."


@readiness("migrations")
def migrations_are_applied(*, now: datetime) -> str:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            raise NotReady(f"{len(missing)} migrations are not applied, {missing[0][0]} the first of them.")
        _migrated = True
    return "All migrations are applied."


@readiness("heartbeat")
def jobs_are_running(*, now: datetime) -> str:
    last = audit.last_runs(jobs=["loyalty.heartbeat"]).get("loyalty.heartbeat")
    if last is None:
        return "No job has run yet: start beat and a worker if this stays so."
    if now - last.heartbeat_at > HEARTBEAT_MAX_AGE:
        raise NotReady(f"No job has run since {last.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC: beat or the workers are away.")
    return "Jobs are running."


@dataclass(frozen=True)
class Finding:
    ready: bool
    sentence: str


def ask_all(*, now: datetime) -> dict[str, Finding]:
    findings = {}
    for name, check in CHECKS.items():
        try:
            findings[name] = Finding(True, check(now=now))
        except NotReady as reason:
            findings[name] = Finding(False, str(reason))
        except Exception as error:
            logger.exception("The readiness check %s failed.", name)
            findings[name] = Finding(False, f"The check failed: {type(error).__name__}.")
    return findings


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while this process answers at all; nothing else is asked."""
    return JsonResponse({"status": "alive"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every check holds, else 503; each check with its sentence."""
    findings = ask_all(now=timezone.now())  # noqa: TID251 (the edge)
    ready = all(finding.ready for finding in findings.values())
    body = {"status": "ready" if ready else "not ready", "checks": {name: asdict(finding) for name, finding in findings.items()}}
    return JsonResponse(body, status=200 if ready else 503)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text: for whoever has `METRICS_TOKEN`; without such a token, for this machine only."""
    if settings.METRICS_TOKEN:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
            return HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401, headers={"WWW-Authenticate": "Bearer"}, content_type="text/plain")
    elif "X-Forwarded-For" in request.headers or not ip_address(request.META["REMOTE_ADDR"]).is_loopback:
        return HttpResponse("Set METRICS_TOKEN to read the metrics from another machine.\n", status=403, content_type="text/plain")
    answer = ExportToDjangoView(request)
    answer.content += generate_latest(_of_this_moment(now=timezone.now()))  # noqa: TID251 (the edge)
    return answer


def _of_this_moment(*, now: datetime) -> CollectorRegistry:
    """What is read from the database at each scrape rather than counted by each process."""
    registry = CollectorRegistry()
    ready = Gauge("loyalty_ready", "Whether this readiness check holds.", ["check"], registry=registry)
    for name, finding in ask_all(now=now).items():
        ready.labels(name).set(finding.ready)
    rows = Gauge("loyalty_outbox_rows", "Events that are not delivered, by status.", ["status"], registry=registry)
    for status, count in outbox.open_rows_by_status().items():
        rows.labels(status).set(count)
    return registry
