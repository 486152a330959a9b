from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    name = "loyalty"
    verbose_name = _("Programme")

    def ready(self) -> None:
        # Who sends a task needs the Celery app, who publishes an event its subscribers, who shows the schedules the jobs, who erases what is kept.
        from . import celery  # noqa: F401

        autodiscover_modules("subscribers", "tasks", "personal")


class ConsoleConfig(AdminConfig):
    """Django's admin, with our site in place of its own."""

    default = False
    default_site = "loyalty.console.api.ConsoleSite"
