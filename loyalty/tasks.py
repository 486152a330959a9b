from .audit import tasks as audit
from .outbox import tasks as outbox

__all__ = ["audit", "outbox"]
