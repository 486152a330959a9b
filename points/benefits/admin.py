from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.lib.screens import ConfigurationAdmin, ReadOnlyAdmin

from .models import AllowanceRound, BenefitTerms


@admin.register(BenefitTerms)
class BenefitTermsAdmin(ConfigurationAdmin):
    fieldsets = [
        (
            None,
            {
                "fields": ["birthday_on"],
                "description": _(
                    "What birthdays, reached tiers and new months bring stands with each tier on the ladder; the earning rules about these facts give it."
                ),
            },
        ),
    ]


@admin.register(AllowanceRound)
class AllowanceRoundAdmin(ReadOnlyAdmin):
    """How each month's allowances went. The job does it; operators look."""

    list_display = ["month", "state", "told", "left_out", "as_of", "again_on", "done_at"]
    explanation = _(
        "Monthly allowances by month: to how many members they were told, by the tier in which each was at midnight of the 1st. "
        "Who could not be served, as a term was still to be decided on, is tried again the next night."
    )
    sortable_by = ()
    ordering = ["-month"]
    fields = ["month", "state", "told", "left_out", "as_of", "again_on", "done_at"]
    readonly_fields = ["state"]

    @display(description=_("status"), label={"done": "success", "again": "warning", "open": "info"})
    def state(self, row: AllowanceRound) -> tuple[str, Any]:
        if row.done_at:
            return "done", _("done")
        return ("again", _("tried again")) if row.again_on else ("open", _("under way"))
