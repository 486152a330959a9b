import socket
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.members import selectors as members
from loyalty.lib.configuration import held
from loyalty.lib.refusals import BusinessError
from points.ledger import selectors as books

from . import rules
from .models import WebhookDelivery, WebhookEndpoint

Status = WebhookDelivery.Status


class EndpointUnknown(BusinessError):
    code, status, title = "webhook_endpoint_unknown", 404, _("There is no such webhook endpoint.")


class Listening(NamedTuple):
    """Who wants to be told: endpoints by the type of event, and the outbox's topics that any of them are made of."""

    endpoints: Mapping[str, Sequence[UUID]]
    sources: frozenset[str]


def listening() -> Listening:
    """As it was at most CONFIGURATION_SECONDS ago: it is asked for each event that is published."""

    def read() -> Listening:
        wanted: dict[str, list[UUID]] = {}
        for endpoint_id, names in WebhookEndpoint.objects.filter(off_at=None).order_by("id").values_list("id", "topics"):
            for name in names:
                wanted.setdefault(name, []).append(endpoint_id)
        return Listening(wanted, frozenset(rules.TOPICS[name].source for name in wanted if name in rules.TOPICS))

    return held(WebhookEndpoint, read)  # type: ignore[arg-type, return-value]


def wanted(*, source: str, payload: Mapping[str, Any]) -> bool:
    """Whether any endpoint is to be told of such an event. Asked on hot paths, within the transaction of the fact."""
    heard = listening()
    return source in heard.sources and any(topic.name in heard.endpoints for topic in rules.topics_of(source, payload))


def told(*, topic: rules.Topic, member_id: UUID, payload: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """An event as endpoints are told of it: its type, when it happened, and its data, with the member as the storefront knows them.

    Of a merged member's points, what is available afterwards is what who answers for them has: that is where they went.
    """
    whose = members.survivor_id(member_id)
    named = members.external_ids_of([whose, *(UUID(payload[name]) for name in topic.members)])
    # What was told before a name was added has not got it.
    data = {"member": named[whose], **{name: payload[name] for name in topic.gives if name in payload}}
    data |= {name: named[UUID(payload[name])] for name in topic.members}
    if "entry" in topic.gives and whose != member_id:
        data["available_after"] = books.balance(member_id=whose, now=at).available
    elif "entry" in topic.gives:
        data["available_after"] = books.entry_of(member_id=member_id, entry_id=UUID(payload["entry"])).balance_after
    return {"type": topic.name, "timestamp": at.isoformat(), "data": data}


def secrets(endpoint: WebhookEndpoint, *, now: datetime) -> list[bytes]:
    """What requests to the endpoint are signed with now; none where SECRET_KEY is no longer the one it was made with."""
    signs = [_secret(endpoint, endpoint.generation, endpoint.digest)]
    if endpoint.previous_until is not None and now < endpoint.previous_until and signs[0]:
        signs.append(_secret(endpoint, endpoint.generation - 1, endpoint.previous_digest))
    return [secret for secret in signs if secret]


def _secret(endpoint: WebhookEndpoint, generation: int, digest: str) -> bytes:
    secret = rules.derived(settings.SECRET_KEY, endpoint=str(endpoint.id), generation=generation)
    return secret if rules.digest(secret) == digest else b""


def internal_hosts() -> Collection[str]:
    return [host.lower() for host in settings.WEBHOOK_INTERNAL_HOSTS]


def url_fault(url: str) -> str:
    """Why no request may go to that address, a code of `rules.NO_ADDRESS`; empty when it may."""
    return rules.url_fault(url, internal=internal_hosts())


def addresses(*, host: str, port: int) -> list[str]:
    """The IP addresses to which a request to that host may go, in the system's order. OSError where the name leads nowhere."""
    found = dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [address for address in found if host.lower() in internal_hosts() or rules.is_public(address)]


def sending(*, now: datetime) -> list[WebhookEndpoint]:
    """The endpoints to which something may be sent now."""
    awake = Q(rests_until=None) | Q(rests_until__lte=now)
    return [endpoint for endpoint in WebhookEndpoint.objects.filter(awake, off_at=None).order_by("id") if secrets(endpoint, now=now)]


def due(*, endpoint_id: UUID, now: datetime) -> QuerySet[WebhookDelivery]:
    """What may be sent to that endpoint now: due, the first of its line, and in no other sender's hands."""
    earlier = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, member_id=OuterRef("member_id"), id__lt=OuterRef("id"), status__in=WebhookDelivery.OPEN)
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    return WebhookDelivery.objects.filter(free, ~Exists(earlier), endpoint_id=endpoint_id, status=Status.WAITING, due_at__lte=now)


def next_of_line(row: WebhookDelivery, *, now: datetime) -> WebhookDelivery | None:
    """The first open delivery of that line, if it may be sent now."""
    first = WebhookDelivery.objects.filter(endpoint_id=row.endpoint_id, member_id=row.member_id, status__in=WebhookDelivery.OPEN).order_by("id")
    return due(endpoint_id=row.endpoint_id, now=now).filter(id=first.values("id")[:1]).first()


def open_rows(*, endpoint_id: UUID) -> QuerySet[WebhookDelivery]:
    """What was neither delivered nor dropped."""
    return WebhookDelivery.objects.filter(endpoint_id=endpoint_id, status__in=WebhookDelivery.OPEN)


def since(*, endpoint_id: UUID, since: datetime, statuses: Collection[str]) -> QuerySet[WebhookDelivery]:
    """What happened from then on and came to that, the first thing first."""
    return WebhookDelivery.objects.filter(endpoint_id=endpoint_id, created_at__gte=since, status__in=statuses).order_by("id")


def dead_letters() -> QuerySet[WebhookDelivery]:
    return WebhookDelivery.objects.filter(status=Status.FAILED)


def troubled() -> QuerySet[WebhookEndpoint]:
    """Endpoints that were switched off because they failed, or that rest because they are failing."""
    failing = Q(off_at=None, failures__gte=rules.RESTS_AFTER)
    return WebhookEndpoint.objects.filter(failing | Q(off_why__in=[WebhookEndpoint.OffWhy.GONE, WebhookEndpoint.OffWhy.FAILING]))


def last_delivered(*, endpoint_id: UUID) -> datetime | None:
    """When the newest of what was delivered to it was."""
    rows = WebhookDelivery.objects.filter(endpoint_id=endpoint_id, status=Status.DELIVERED).order_by("-id")
    return rows.values_list("settled_at", flat=True).first()
