from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from loyalty.audit import services as audit
from loyalty.programme import selectors as programme


class Command(BaseCommand):
    help = "Gives every job that has no schedule the one it declares, and keeps daily jobs in the programme's zone. What operators changed stays."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        zone = programme.zone(now=timezone.now())
        for name in audit.create_schedules(zone=zone):
            self.stdout.write(f"{name}: scheduled")
        if moved := audit.follow_zone(zone=zone):
            self.stdout.write(f"{moved} daily jobs moved to {zone}")
