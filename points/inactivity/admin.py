from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.lib.screens import ConfigurationAdmin
from points.ledger.admin import BooksAdmin

from .models import InactivityCase, InactivityTerms

Status = InactivityCase.Status
STATUS_COLOURS = {Status.TOLD: "info", Status.ANNOUNCED: "warning", Status.VOIDED: "danger", Status.CANCELLED: "success"}


@admin.register(InactivityTerms)
class InactivityTermsAdmin(ConfigurationAdmin):
    fieldsets = [
        (
            None,
            {
                "fields": ["enabled"],
                "description": _(
                    "Points of members who were not seen for long lapse in part: never unannounced, once for each time, and not if they come back before. "
                    "Switching it on tells all who are inactive already with the next run of the job; the first points are voided after the announced days."
                ),
            },
        ),
        (_("When and how much"), {"fields": ["days", "ahead_days", "percent"]}),
        (_("What counts as announced"), {"fields": ["inbox_counts"]}),
    ]


@admin.register(InactivityCase)
class InactivityCaseAdmin(BooksAdmin):
    list_display = ["whose", "since", "state", "points", "voided", "announced_at", "due_at"]
    list_filter = ["status"]
    explanation = _(
        "Members to whom it was told that points will be voided for inactivity, the newest first. It happens on the day shown, if they were not "
        "active until then; one purchase or check-in cancels it. Whether and when, the terms of inactivity say."
    )
    search_help_text = _("A member's storefront id")
    fields = ["whose", "since", "state", "attempt", "told_at", "announced_at", "due_at", "points", "voided", "turned_at"]
    readonly_fields = ["whose", "state"]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, case: InactivityCase) -> tuple[str, Any]:
        return case.status, case.get_status_display()
