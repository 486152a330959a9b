from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.lib.localtime import local_date
from loyalty.lib.screens import ConfigurationAdmin
from loyalty.programme import selectors as programme
from tiers.standing.admin import OfMembersAdmin

from . import rules
from .models import Dormancy, DormancyTerms

Stage = Dormancy.Stage
STAGE_COLOURS = {Stage.ACTIVE: "success", Stage.QUIET: "info", Stage.DORMANT: "warning", Stage.LOST: "danger"}


@admin.register(DormancyTerms)
class DormancyTermsAdmin(ConfigurationAdmin):
    fieldsets = [
        (
            None,
            {
                "fields": ["quiet_days", "dormant_months", "lost_months"],
                "description": _(
                    "Counted from the day on which a member last bought, checked in or did anything else; birthdays and what the programme gives do not count. "
                    "A change reaches every member within four weeks. Who is dormant now stays so until they are back."
                ),
            },
        ),
    ]


@admin.register(Dormancy)
class DormancyAdmin(OfMembersAdmin):
    """Who was not seen for how long, as the job has seen it. Nothing is changed here."""

    list_display = ["whose", "in_stage", "days", "active_at", "slept_at", "woke_at"]
    list_filter = ["stage"]
    explanation = _(
        "For how long members have not bought, checked in or done anything else, as the job saw it when it last looked at each: "
        "those who sleep each night, the others when something may change. Who is dormant is offered the wake-up missions."
    )
    fields = ["whose", "in_stage", "days", "active_at", "slept_at", "woke_at", "due_on"]
    readonly_fields = ["whose", "in_stage", "days"]

    @display(description=_("stage"), label=STAGE_COLOURS)
    def in_stage(self, row: Dormancy) -> tuple[str, Any]:
        return row.stage, row.get_stage_display()

    @display(description=_("days not seen"))
    def days(self, row: Dormancy) -> str:
        now = timezone.now()
        zone = programme.zone(now=now)
        return f"{rules.value(local_date(row.active_at, zone), local_date(now, zone)):,}"
