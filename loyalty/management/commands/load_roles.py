from typing import Any

from django.core.management.base import BaseCommand

from loyalty.console import services


class Command(BaseCommand):
    help = "Set the roles' permissions to what loyalty/console/rules.py says. Run after every migration; running it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        for role, count in services.load_roles().items():
            self.stdout.write(f"{role}: {count} permissions")
