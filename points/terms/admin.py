from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from loyalty.lib.screens import ConfigurationAdmin

from .models import Terms


@admin.register(Terms)
class TermsAdmin(ConfigurationAdmin):
    """Changes hold for points earned from then on; those that members have keep their expiry."""

    fieldsets = [
        (
            _("Expiry"),
            {
                "fields": ["expiry", "length", "first_month", "restore_grace_days"],
                "description": _("Holds for points earned from now on. Points that members have already keep the expiry they were given."),
            },
        ),
        (_("Waiting after a purchase"), {"fields": ["pending", "pending_days"]}),
    ]
    conditional_fields = {"length": "expiry != 'never'", "first_month": "expiry == 'fiscal_year'", "pending_days": "pending == 'days'"}
