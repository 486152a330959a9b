from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Brings the database up to this release: migrations, the roles' permissions, the jobs' schedules. Running it again changes nothing."
    # Made at the end instead: those of the admin ask tables that are only there then.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"], stdout=self.stdout)
        call_command("load_roles", stdout=self.stdout)
        call_command("schedule_jobs", stdout=self.stdout)
        self.check()
