import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.channels.providers.connections import Client, ended_after, keeping_connections, tls
from accounts.channels.providers.connections import connection as kept_connection
from accounts.channels.rules import short, wait_said
from loyalty.audit import services as audit
from loyalty.lib.configuration import forget as forget_held
from loyalty.lib.ids import new_id
from loyalty.lib.redaction import replace
from loyalty.lib.refusals import BusinessError
from loyalty.lib.threads import in_threads
from loyalty.outbox.rules import Event

from . import rules, selectors
from .models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from .rules import Answer

logger = structlog.get_logger(__name__)

Status = WebhookDelivery.Status
OffWhy = WebhookEndpoint.OffWhy
# The job's own name among actors.
ACTOR = "webhooks"
# What is in a sender's hands for longer is anybody's again: its worker died. No request takes as long.
LEASE = timedelta(minutes=3)
# What one sender sends of one line before it looks at others.
LINE_AT_ONCE = 20
# Of an answer so much is read.
MOST_READ = 4096
# How many of a host's addresses are tried.
MOST_ADDRESSES = 3


class AddressRefused(BusinessError):
    code, status, title = "webhook_address_refused", 422, _("No events are sent to that address.")


class NothingAsked(BusinessError):
    code, status, title = "webhook_topics_missing", 422, _("Choose at least one event.")


class SecretLost(BusinessError):
    code, status, title = "webhook_secret_lost", 409, _("The SECRET_KEY of this installation is another than before: rotate the secret of this endpoint.")


class EndpointOff(BusinessError):
    code, status, title = "webhook_endpoint_off", 409, _("This endpoint is switched off.")


class EndpointOn(BusinessError):
    code, status, title = "webhook_endpoint_on", 409, _("This endpoint is switched on already.")


class NotToReplay(BusinessError):
    code, status, title = "webhook_delivery_open", 409, _("This delivery is on its way already.")


class NotToDrop(BusinessError):
    code, status, title = "webhook_delivery_settled", 409, _("This was delivered or dropped already.")


# Endpoints.


@transaction.atomic(savepoint=False)
def make_endpoint(*, name: str, url: str, topics: Sequence[str], actor: str, now: datetime) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, switched on, and, this once, its secret as the receiver configures it. Refuses: AddressRefused, NothingAsked."""
    endpoint = WebhookEndpoint(id=new_id(), created_at=now)
    _describe(endpoint, name=name, url=url, topics=topics)
    secret = rules.derived(settings.SECRET_KEY, endpoint=str(endpoint.id), generation=endpoint.generation)
    endpoint.digest = rules.digest(secret)
    _keep(endpoint, "made", actor, now=now)
    return endpoint, rules.shown(secret)


@transaction.atomic(savepoint=False)
def change_endpoint(*, endpoint_id: UUID, name: str, url: str, topics: Sequence[str], actor: str, now: datetime) -> WebhookEndpoint:
    """Another address, other events. What waits goes to the new address, at once. Refuses: EndpointUnknown, AddressRefused, NothingAsked."""
    if moved := WebhookEndpoint.objects.filter(id=endpoint_id).exclude(url=url).exists():
        _hurry(endpoint_id, now=now)
    endpoint = _locked(endpoint_id)
    if moved:
        endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
    _describe(endpoint, name=name, url=url, topics=topics)
    return _keep(endpoint, "changed", actor, now=now)


def _describe(endpoint: WebhookEndpoint, *, name: str, url: str, topics: Sequence[str]) -> None:
    if fault := selectors.url_fault(url):
        raise AddressRefused(gettext(rules.NO_ADDRESS[fault]), reason=fault)
    asked = set(topics)
    if not asked:
        raise NothingAsked
    assert asked <= rules.TOPICS.keys(), "a type of event that does not exist"
    endpoint.name, endpoint.url, endpoint.topics = name, url, [topic for topic in rules.TOPICS if topic in asked]


@transaction.atomic(savepoint=False)
def rotate_secret(*, endpoint_id: UUID, grace: timedelta, actor: str, reason: str, now: datetime) -> tuple[WebhookEndpoint, str]:
    """A new secret, given this once. The one before signs as well for `grace`; one from before that no more. Refuses: EndpointUnknown."""
    endpoint = _locked(endpoint_id)
    endpoint.previous_digest, endpoint.previous_until = endpoint.digest, now + grace
    endpoint.generation += 1
    secret = rules.derived(settings.SECRET_KEY, endpoint=str(endpoint.id), generation=endpoint.generation)
    endpoint.digest = rules.digest(secret)
    return _keep(endpoint, "rotated", actor, reason=reason, now=now), rules.shown(secret)


@transaction.atomic(savepoint=False)
def switch_off(*, endpoint_id: UUID, actor: str, reason: str, now: datetime) -> WebhookEndpoint:
    """Nothing new is kept for it and nothing is sent; what waits stays. Refuses: EndpointUnknown, EndpointOff."""
    endpoint = _locked(endpoint_id)
    if endpoint.off_at is not None:
        raise EndpointOff
    return _switch_off(endpoint, OffWhy.BY_HAND, actor=actor, reason=reason, now=now)


@transaction.atomic(savepoint=False)
def switch_on(*, endpoint_id: UUID, actor: str, reason: str, now: datetime) -> WebhookEndpoint:
    """What waits is sent at once, the oldest first, and what happens from now on. Refuses: EndpointUnknown, EndpointOn."""
    _hurry(endpoint_id, now=now)
    endpoint = _locked(endpoint_id)
    if endpoint.off_at is None:
        raise EndpointOn
    endpoint.off_at, endpoint.off_why = None, ""
    endpoint.failures, endpoint.failing_since, endpoint.rests_until = 0, None, None
    return _keep(endpoint, "switched_on", actor, reason=reason, now=now)


def _switch_off(endpoint: WebhookEndpoint, why: OffWhy, *, actor: str, reason: str = "", now: datetime) -> WebhookEndpoint:
    endpoint.off_at, endpoint.off_why = now, why
    return _keep(endpoint, "switched_off", actor, reason=reason, now=now)


def _hurry(endpoint_id: UUID, *, now: datetime) -> None:
    """What was put off because the endpoint was away need not wait for its turn."""
    WebhookDelivery.objects.filter(endpoint_id=endpoint_id, status=Status.WAITING, due_at__gt=now).update(due_at=now)


def _locked(endpoint_id: UUID) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(id=endpoint_id).first()
    if endpoint is None:
        raise selectors.EndpointUnknown
    return endpoint


def _keep(endpoint: WebhookEndpoint, what: str, actor: str, *, reason: str = "", now: datetime) -> WebhookEndpoint:
    endpoint.save()
    forget_held(WebhookEndpoint)
    figures = {"url": endpoint.url, "events": len(endpoint.topics)} | ({"why": str(endpoint.off_why)} if endpoint.off_why else {})
    audit.record(actor=actor, verb=f"webhook.{what}", subject=f"webhook/{endpoint.id}", reason=reason, figures=figures, now=now)
    return endpoint


# What happens becomes deliveries.


def enqueue(*, event: Event) -> int:
    """Put an event on its way to every endpoint that asked for its type; to how many."""
    assert event.member_id is not None, "every event that endpoints can ask for is a member's"
    heard = selectors.listening()
    rows = []
    for topic in rules.topics_of(event.topic, event.payload):
        if endpoints := heard.endpoints.get(topic.name):
            said = selectors.told(topic=topic, member_id=event.member_id, payload=event.payload, at=event.now)
            about = {"member_id": event.member_id, "message_id": new_id(), "topic": topic.name, "payload": said, "created_at": event.now, "due_at": event.now}
            rows += [WebhookDelivery(endpoint_id=endpoint_id, **about) for endpoint_id in endpoints]
    WebhookDelivery.objects.bulk_create(rows)
    return len(rows)


# Sending.


def send_due(*, limit: int, at_once: int = 1, until: datetime | None = None, clock: Callable[[], datetime], luck: Callable[[], float]) -> Counter[str]:
    """Send what is due, of at most `limit` lines of each endpoint; how many deliveries came to what. Outside any transaction.

    Safe in several workers at once. `at_once` requests wait for their answers at the same time, each on a database connection of its own;
    none is begun after `until`. `clock` tells the time, since the network takes some; `luck` gives numbers from 0 to 1.
    """
    work: list[tuple[WebhookEndpoint, list[WebhookDelivery]]] = []
    for endpoint in selectors.sending(now=clock()):
        # One that has just failed is asked with a single delivery, whatever waits.
        most = 1 if endpoint.failures else limit
        rows = list(selectors.due(endpoint_id=endpoint.id, now=clock()).order_by("due_at", "id")[:most])
        work += [(endpoint, part) for part in (rows[first::at_once] for first in range(at_once)) if part]

    def send_part(part: tuple[WebhookEndpoint, list[WebhookDelivery]]) -> Counter[str]:
        with keeping_connections():
            return _send_lines(*part, until=until, clock=clock, luck=luck)

    return in_threads(send_part, work, at_once=at_once)


def _send_lines(
    endpoint: WebhookEndpoint, rows: Sequence[WebhookDelivery], *, until: datetime | None, clock: Callable[[], datetime], luck: Callable[[], float]
) -> Counter[str]:
    """Each of these and what waits behind it, until something fails: then this endpoint is left to the next round."""
    outcomes: Counter[str] = Counter()
    for first in rows:
        row: WebhookDelivery | None = first
        for _turn in range(1 if endpoint.failures else LINE_AT_ONCE):
            if row is None or (until is not None and clock() >= until):
                break
            outcome = _send(endpoint, row, clock, luck)
            if not outcome:
                break
            outcomes[outcome] += 1
            if outcome != "delivered":
                return outcomes
            row = selectors.next_of_line(row, now=clock())
    return outcomes


def _send(endpoint: WebhookEndpoint, row: WebhookDelivery, clock: Callable[[], datetime], luck: Callable[[], float]) -> str:
    """What became of it; empty where it is not ours to send now."""
    now = clock()
    # Switched off, moved or given another secret since this round began: what waits is left to the next.
    same = WebhookEndpoint.objects.filter(id=endpoint.id, off_at=None, url=endpoint.url, generation=endpoint.generation)
    if not selectors.due(endpoint_id=endpoint.id, now=now).filter(Exists(same), id=row.id).update(claimed_until=now + LEASE):
        return ""
    # Read again: what it said of somebody who was erased meanwhile is not sent.
    payload = WebhookDelivery.objects.filter(id=row.id).values_list("payload", flat=True).first()
    if payload is None:
        return ""
    answer = _post(endpoint, message=row.message, payload=payload, now=now)
    return _finish(endpoint, row, answer, luck=luck(), began=now, now=clock())


@transaction.atomic
def _finish(endpoint: WebhookEndpoint, row: WebhookDelivery, answer: Answer, *, luck: float, began: datetime, now: datetime) -> str:
    ours = WebhookDelivery.objects.filter(id=row.id, status=Status.WAITING)
    if answer.accepted:
        kept = ours.update(status=Status.DELIVERED, settled_at=now, claimed_until=None, last_error="")
    else:
        failures = row.attempts + 1
        # An endpoint that is gone is no fault of what was sent there.
        again = now if answer.gone else rules.next_attempt(failures=failures, luck=luck, now=now)
        status = Status.WAITING if again else Status.FAILED
        kept = ours.update(status=status, attempts=failures, due_at=again or now, claimed_until=None, last_error=str(answer)[:320])
    if not kept:
        # Dropped, or its member erased, while the answer was waited for.
        return ""
    said = "" if answer.accepted else answer.detail
    WebhookAttempt.objects.create(
        delivery_id=row.id, member_id=row.member_id, at=began, status_code=answer.status, detail=said, milliseconds=answer.milliseconds
    )
    if answer.accepted:
        if endpoint.failures:
            _recovered(endpoint, now=now)
        return "delivered"
    _failed(endpoint, answer, now=now)
    return "failed" if again else "given_up"


def _recovered(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    if endpoint.failures >= rules.RESTS_AFTER:
        _hurry(endpoint.id, now=now)
    WebhookEndpoint.objects.filter(id=endpoint.id).update(failures=0, failing_since=None, rests_until=None)
    endpoint.failures = 0


def _failed(endpoint: WebhookEndpoint, answer: Answer, *, now: datetime) -> None:
    row = _locked(endpoint.id)
    row.failures, row.failing_since = row.failures + 1, row.failing_since or now
    row.rests_until = rules.rests_until(failures=row.failures, asked=answer.retry_after, now=now)
    WebhookEndpoint.objects.filter(id=row.id).update(failures=row.failures, failing_since=row.failing_since, rests_until=row.rests_until)
    endpoint.failures = row.failures
    logger.warning("webhook failed", endpoint=str(row.id), failures=row.failures, status=answer.status)
    if row.off_at is None and (answer.gone or now - row.failing_since >= rules.GIVES_UP_AFTER):
        _switch_off(row, OffWhy.GONE if answer.gone else OffWhy.FAILING, actor=ACTOR, now=now)
        logger.error("webhook endpoint switched off", endpoint=str(row.id), why=row.off_why)


def send_test(*, endpoint_id: UUID, actor: str, now: datetime) -> Answer:
    """Send a test event at once, switched on or not; what it was answered. It is no delivery. Outside any transaction.

    Refuses: EndpointUnknown, SecretLost.
    """
    endpoint = WebhookEndpoint.objects.filter(id=endpoint_id).first()
    if endpoint is None:
        raise selectors.EndpointUnknown
    if not selectors.secrets(endpoint, now=now):
        raise SecretLost
    payload = {"type": rules.TEST, "timestamp": now.isoformat(), "data": {"endpoint": endpoint.name}}
    answer = _post(endpoint, message=f"msg_{new_id()}", payload=payload, now=now)
    audit.record(actor=actor, verb="webhook.test", subject=f"webhook/{endpoint.id}", figures={"answer": str(answer)}, now=now)
    return answer


def _post(endpoint: WebhookEndpoint, *, message: str, payload: Mapping[str, Any], now: datetime) -> Answer:
    """One request. Never raises for what the network does."""
    began = time.monotonic()
    try:
        status, said, retry_after = _ask(endpoint, message=message, payload=payload, now=now)
        answer = Answer(status=status, detail=short(said), retry_after=wait_said(retry_after, now) if status in (429, 503) else None)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        answer = Answer(detail=short(f"{type(error).__name__}: {error}"))
    return Answer(status=answer.status, detail=answer.detail, retry_after=answer.retry_after, milliseconds=round((time.monotonic() - began) * 1000))


def _ask(endpoint: WebhookEndpoint, *, message: str, payload: Mapping[str, Any], now: datetime) -> tuple[int, str, str]:
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    url = urlsplit(endpoint.url)
    host = url.hostname or ""
    allowed = [] if selectors.url_fault(endpoint.url) else selectors.addresses(host=host, port=url.port or (443 if url.scheme == "https" else 80))
    if not allowed:
        raise ConnectionRefusedError(rules.NOT_CALLED)
    port = f":{url.port}" if url.port else ""
    headers = {**rules.headers(selectors.secrets(endpoint, now=now), message=message, body=body, now=now), "host": url.netloc, "accept-encoding": "identity"}
    timeout = httpx.Timeout(settings.WEBHOOK_ANSWER_SECONDS, connect=settings.WEBHOOK_CONNECT_SECONDS, pool=settings.WEBHOOK_CONNECT_SECONDS)

    def make() -> Client:
        return Client(
            verify=tls() if url.scheme == "https" else False,
            timeout=timeout,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1, keepalive_expiry=5),
        )

    def ask(address: str) -> tuple[int, str, str]:
        # To the very address that was looked at: asked again, the name might lead elsewhere. Its certificate is still the host's.
        there = url._replace(netloc=(f"[{address}]" if ":" in address else address) + port).geturl()
        with (
            kept_connection(("webhook", host, address), make) as client,
            ended_after(settings.WEBHOOK_CONNECT_SECONDS + 2 * settings.WEBHOOK_ANSWER_SECONDS, lambda: client.sockets),
            client.stream("POST", there, headers=headers, content=body, extensions={"sni_hostname": host, "trace": client.note_socket}) as response,
        ):
            read = bytearray()
            for piece in response.iter_raw():
                read += piece
                if len(read) >= MOST_READ:
                    break
            return response.status_code, bytes(read[:MOST_READ]).decode(errors="replace"), response.headers.get("retry-after", "")

    *others, last = allowed[:MOST_ADDRESSES]
    for address in others:
        try:
            return ask(address)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return ask(last)


# What operators decide.


@transaction.atomic(savepoint=False)
def replay(*, delivery_id: int, actor: str, reason: str, now: datetime) -> WebhookDelivery:
    """Send it again, with all its attempts before it: a dead letter, or what was delivered or dropped. Its `webhook-id` stays.

    Refuses: NotToReplay.
    """
    row = WebhookDelivery.objects.select_for_update().get(id=delivery_id)
    if Status.WAITING not in WebhookDelivery.ARROWS[Status(row.status)] or row.status == Status.WAITING:
        raise NotToReplay
    was, row.status, row.attempts, row.due_at, row.settled_at = row.status, Status.WAITING, 0, now, None
    row.save(update_fields=["status", "attempts", "due_at", "settled_at"])
    figures = {"event": row.topic, "message": row.message, "was": was}
    audit.record(actor=actor, verb="webhook.replay", subject=f"webhook/{row.endpoint_id}", reason=reason, figures=figures, now=now)
    return row


@transaction.atomic(savepoint=False)
def replay_since(*, endpoint_id: UUID, since: datetime, statuses: Collection[str], limit: int, actor: str, reason: str, now: datetime) -> int:
    """Send again what happened from `since` on and came to one of these statuses, the oldest `limit` of it; how many there were."""
    assert Status.WAITING not in statuses
    found = selectors.since(endpoint_id=endpoint_id, since=since, statuses=statuses).select_for_update(skip_locked=True)
    ids = list(found.values_list("id", flat=True)[:limit])
    WebhookDelivery.objects.filter(id__in=ids, status__in=statuses).update(status=Status.WAITING, attempts=0, due_at=now, settled_at=None)
    figures = {"deliveries": len(ids), "since": since.isoformat(), "statuses": sorted(statuses)}
    audit.record(actor=actor, verb="webhook.replay_since", subject=f"webhook/{endpoint_id}", reason=reason, figures=figures, now=now)
    return len(ids)


@transaction.atomic(savepoint=False)
def drop(*, delivery_id: int, actor: str, reason: str, now: datetime) -> WebhookDelivery:
    """The endpoint is not told of this; what waits behind it goes on. Refuses: NotToDrop."""
    row = WebhookDelivery.objects.select_for_update().get(id=delivery_id)
    if row.status not in WebhookDelivery.OPEN:
        raise NotToDrop
    row.status, row.settled_at, row.claimed_until = Status.DROPPED, now, None
    row.save(update_fields=["status", "settled_at", "claimed_until"])
    figures = {"event": row.topic, "message": row.message}
    audit.record(actor=actor, verb="webhook.drop", subject=f"webhook/{row.endpoint_id}", reason=reason, figures=figures, now=now)
    return row


@transaction.atomic(savepoint=False)
def drop_all(*, endpoint_id: UUID, limit: int, actor: str, reason: str, now: datetime) -> int:
    """The endpoint is not told of what waits or has failed, the oldest `limit` of it; how many there were."""
    ids = list(selectors.open_rows(endpoint_id=endpoint_id).select_for_update(skip_locked=True).order_by("id").values_list("id", flat=True)[:limit])
    WebhookDelivery.objects.filter(id__in=ids).update(status=Status.DROPPED, settled_at=now, claimed_until=None)
    audit.record(actor=actor, verb="webhook.drop_all", subject=f"webhook/{endpoint_id}", reason=reason, figures={"deliveries": len(ids)}, now=now)
    return len(ids)


# Keeping.


def forget_names(*, names: Collection[str], token: str) -> int:
    """Put `token` in the place of these names wherever a delivery or an answer says them; in how many rows."""
    return replace(WebhookDelivery, "payload", "last_error", names=names, token=token) + replace(WebhookAttempt, "detail", names=names, token=token)


@transaction.atomic(savepoint=False)
def prune(*, before: datetime, limit: int) -> int:
    """Delete at most `limit` deliveries from before that time, with their attempts; how many it was.

    What still waits stays, unless its endpoint has been switched off since before then.
    """
    old = WebhookDelivery.objects.filter(created_at__lt=before).order_by("created_at")
    settled = Q(status__in=[Status.DELIVERED, Status.DROPPED])
    ids = list(old.filter(settled | Q(endpoint__off_at__lt=before)).values_list("id", flat=True)[:limit])
    WebhookAttempt.objects.filter(delivery_id__in=ids).delete()
    return WebhookDelivery.objects.filter(id__in=ids).delete()[0] if ids else 0
