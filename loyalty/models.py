from .approvals.models import Request
from .audit.models import AuditEntry, JobRun
from .idempotency.models import AnsweredRequest
from .outbox.models import OutboxRow
from .programme.models import Programme
from .webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint

__all__ = ["AnsweredRequest", "AuditEntry", "JobRun", "OutboxRow", "Programme", "Request", "WebhookAttempt", "WebhookDelivery", "WebhookEndpoint"]
