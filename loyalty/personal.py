"""What webhooks keep of members: what becomes of it when a member is erased, and which part of their copy it is."""

from accounts.leaving.services import Erasing, erasable, erases, portable
from loyalty.webhooks import services as webhooks

# What still waits is not sent any more.
erasable("loyalty.WebhookDelivery", members=("member_id",), deleted=True)
erasable("loyalty.WebhookAttempt", members=("member_id",), deleted=True)

portable("webhooks", "loyalty.WebhookDelivery", members=("member_id",), without=("member_id", "attempts", "due_at", "claimed_until", "last_error"))


@erases
def webhooks_of_others(about: Erasing) -> int:
    """Events of other members that name this one, such as the friend they invited."""
    return webhooks.forget_names(names=about.names, token=about.token)
