from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe
from loyalty.webhooks import rules as webhook_rules
from loyalty.webhooks import selectors as webhooks_seen
from loyalty.webhooks import services as webhooks


def _wanted(event: Event) -> bool:
    return event.member_id is not None and webhooks_seen.wanted(source=event.topic, payload=event.payload)


def tell_endpoints(event: Event) -> None:
    """The storefront's endpoints are told. One subscriber for all there is to tell, so that a member's events stay in order."""
    webhooks.enqueue(event=event)


for _source in webhook_rules.SOURCES:
    subscribe(_source, wants=_wanted)(tell_endpoints)
