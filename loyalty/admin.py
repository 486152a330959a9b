from .audit.admin import AuditEntryAdmin, JobRunAdmin, ScheduleAdmin
from .outbox.admin import OutboxRowAdmin

__all__ = ["AuditEntryAdmin", "JobRunAdmin", "OutboxRowAdmin", "ScheduleAdmin"]
