from .audit import tasks as audit
from .idempotency import tasks as idempotency
from .outbox import tasks as outbox
from .webhooks import tasks as webhooks

__all__ = ["audit", "idempotency", "outbox", "webhooks"]
