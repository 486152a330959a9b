from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.audit import services as audit
from loyalty.lib.screens import ConfigurationAdmin, operator_name
from points.ledger.admin import BooksAdmin

from . import selectors
from .models import ExpiryNotice, ReminderTerms


class ReminderTermsForm(ModelForm):
    class Meta:
        widgets = {"days": UnfoldAdminTextInputWidget}


@admin.register(ReminderTerms)
class ReminderTermsAdmin(ConfigurationAdmin):
    form = ReminderTermsForm
    fieldsets = [
        (
            _("When members are told"),
            {
                "fields": ["days", "after_expiry", "hour", "minimum_points"],
                "description": _(
                    "One message a member and day, whatever the number of lots: how many points end on which days. What it says, and by which "
                    "channels it goes, stands under the kinds of messages “points expiring” and “points expired”; quiet hours may delay it."
                ),
            },
        ),
        (
            _("Nothing may expire unannounced"),
            {
                "fields": ["must_announce", "announce_days", "inbox_counts"],
                "description": _(
                    "Where the law or your own terms ask for it. Points whose notice did not leave in time are good for so many days from when it does. "
                    "Should the jobs be down over the very end, the points are given back when they run again."
                ),
            },
        ),
    ]
    conditional_fields = {
        "announce_days": "typeof must_announce == 'undefined' || must_announce == true",
        "inbox_counts": "typeof must_announce == 'undefined' || must_announce == true",
    }
    change_form_after_template = "admin/points/reminderterms/today.html"

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **(_today() if request.method == "GET" else {})})

    def save_model(self, request: HttpRequest, obj: ReminderTerms, form: ModelForm, change: bool) -> None:
        if "must_announce" in form.changed_data:
            obj.must_announce_since = timezone.now() if obj.must_announce else None
        super().save_model(request, obj, form, change)
        figures = {name: str(getattr(obj, name)) for name in form.changed_data}
        audit.record(actor=operator_name(request), verb="reminders.changed", subject="reminders", figures=figures, now=timezone.now())


def _today() -> dict[str, Any]:
    """How many members and points would be told today, and what the last passes did."""
    now = timezone.now()
    try:
        today = audit.asked(selectors.how_many, now=now)
    except audit.NotPreviewed:
        today = None
    return {"today": today, "passes": selectors.last_passes()}


@admin.register(ExpiryNotice)
class ExpiryNoticeAdmin(BooksAdmin):
    """Which points a member was told of, and when the message left."""

    list_display = ["whose", "points", "ends", "ahead", "day", "told_at", "handed_over_at"]
    list_filter = ["day"]
    search_help_text = _("A member's storefront id")
    fields = ["whose", "points", "ends", "ahead", "lot", "day", "told_at", "handed_over_at"]
    readonly_fields = ["whose", "ends", "ahead"]

    @display(description=_("expires"))
    def ends(self, notice: ExpiryNotice) -> str:
        return f"{timezone.localtime(notice.expires_at):%Y-%m-%d %H:%M}"

    @display(description=_("told"))
    def ahead(self, notice: ExpiryNotice) -> str:
        return gettext("after it had expired") if notice.step == 0 else gettext("at the step of %(days)s days ahead") % {"days": notice.step}
