from accounts.notifications import services as notifications
from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe


@subscribe("accounts.receipt_received")
def keep_receipt(event: Event) -> None:
    """A provider tells what became of a message that we handed over. One that we do not know is nobody's business here."""
    names = ("channel", "provider_id", "key", "state", "detail", "address_gone")
    notifications.hear_receipt(**{name: event.payload[name] for name in names}, now=event.now)
