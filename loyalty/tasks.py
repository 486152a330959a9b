from .audit import tasks as audit
from .idempotency import tasks as idempotency
from .outbox import tasks as outbox

__all__ = ["audit", "idempotency", "outbox"]
