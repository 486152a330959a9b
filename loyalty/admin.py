from .approvals.admin import RequestAdmin
from .audit.admin import AuditEntryAdmin, JobRunAdmin, ScheduleAdmin
from .console.admin import LockedLoginAdmin, MemberAdmin, OperatorAdmin, RoleAdmin
from .outbox.admin import OutboxRowAdmin
from .programme.admin import ProgrammeAdmin
from .webhooks.admin import WebhookDeliveryAdmin, WebhookEndpointAdmin

__all__ = [
    "AuditEntryAdmin",
    "JobRunAdmin",
    "LockedLoginAdmin",
    "MemberAdmin",
    "OperatorAdmin",
    "OutboxRowAdmin",
    "ProgrammeAdmin",
    "RequestAdmin",
    "RoleAdmin",
    "ScheduleAdmin",
    "WebhookDeliveryAdmin",
    "WebhookEndpointAdmin",
]
