from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from loyalty.lib.screens import ConfigurationAdmin

from . import services
from .models import Programme


@admin.register(Programme)
class ProgrammeAdmin(ConfigurationAdmin):
    fieldsets = [
        (_("What the points are called"), {"fields": ["points_name_zh", "points_name_en", "points_unit_zh", "points_unit_en"]}),
        (
            _("Where and in what money"),
            {
                "fields": ["currency", "zone", "zone_in_force"],
                "description": _(
                    "Another zone takes effect at its next local midnight; expiry instants that points were given stay. The currency is fixed once it is set."
                ),
            },
        ),
        (_("What is accepted"), {"fields": ["fact_window_days"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = obj is not None and Programme.objects.filter(pk=obj.pk).exclude(currency="").exists()
        return ["zone_in_force", *(["currency"] if fixed else [])]

    @admin.display(description=_("in force now"))
    def zone_in_force(self, programme: Programme) -> str:
        # As it is stored: the form may hold what was just refused.
        programme, now = Programme.current(), timezone.now()
        name = programme.zone_at(now).key
        if programme.zone_from and now < programme.zone_from and name != programme.zone:
            return str(
                _("%(old)s until %(moment)s, then %(new)s") % {"old": name, "moment": f"{programme.zone_from:%Y-%m-%d %H:%M} UTC", "new": programme.zone}
            )
        return name

    def save_model(self, request: HttpRequest, obj: Programme, form: forms.ModelForm, change: bool) -> None:
        """The zone goes by its verb, which lets the old one end its day."""
        wanted = obj.zone
        if "zone" in form.changed_data and change:
            obj.zone = form.initial["zone"]
        super().save_model(request, obj, form, change)
        if wanted != obj.zone:
            changed = services.change_zone(zone=wanted, now=timezone.now())
            messages.info(
                request, _("Business days follow %(zone)s from %(moment)s (UTC).") % {"zone": wanted, "moment": f"{changed.zone_from:%Y-%m-%d %H:%M}"}
            )
