from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from . import services


@shared_task
def prune_answered_requests() -> int:
    return services.prune(before=timezone.now() - timedelta(days=settings.IDEMPOTENCY_DAYS))
