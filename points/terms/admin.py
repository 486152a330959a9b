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
    # Who may only read gets no form, and so none of these variables.
    conditional_fields = {
        "length": "typeof expiry == 'undefined' || expiry != 'never'",
        "first_month": "typeof expiry == 'undefined' || expiry == 'fiscal_year'",
        "pending_days": "typeof pending == 'undefined' || pending == 'days'",
    }
