from .audit.models import AuditEntry, JobRun
from .outbox.models import OutboxRow
from .programme.models import Programme

__all__ = ["AuditEntry", "JobRun", "OutboxRow", "Programme"]
