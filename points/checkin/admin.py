from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.lib.screens import ConfigurationAdmin, page_link
from points.ledger.admin import BooksAdmin

from .models import CheckIn, CheckInTerms


class CheckInTermsForm(forms.ModelForm):
    class Meta:
        widgets = {"milestones": UnfoldAdminTextInputWidget}


@admin.register(CheckInTerms)
class CheckInTermsAdmin(ConfigurationAdmin):
    form = CheckInTermsForm
    fieldsets = [
        (
            _("Days in a row"),
            {
                "fields": ["milestones"],
                "description": _("What a check-in and a milestone bring is said by the earning rules about “checked_in” and “streak_reached”."),
            },
        ),
        (
            _("Making up a missed day"),
            {
                "fields": ["make_up_by", "make_up_fee", "make_ups_per_month", "make_up_days_back"],
                "description": _("A day that is made up earns nothing itself, but it may join days in a row and so reach a milestone."),
            },
        ),
    ]
    conditional_fields = {"make_up_fee": "typeof make_up_by == 'undefined' || make_up_by != 'card'"}


@admin.register(CheckIn)
class CheckInAdmin(BooksAdmin):
    list_display = ["date", "whose", "how", "streak", "milestones_shown", "points", "recorded_at", "zone"]
    list_filter = [("made_up_on", admin.EmptyFieldListFilter), "date"]
    search_help_text = _("A member's storefront id")
    fieldsets = [
        (None, {"fields": ["whose", "date", "streak", "points", "claimable", "milestones_shown"]}),
        (_("Making up a missed day"), {"fields": ["made_up_on", "paid_with", "fee", "used_card"]}),
        (_("Who and when"), {"fields": ["by", "recorded_at", "zone"]}),
    ]
    readonly_fields = ["whose", "milestones_shown", "fee", "used_card", "by"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("entry", "card")

    @display(description=_("how"), label={"checked": "success", "made_up": "info"})
    def how(self, check_in: CheckIn) -> tuple[str, Any]:
        return ("made_up", _("made up")) if check_in.made_up else ("checked", _("checked in"))

    @display(description=_("milestones reached"))
    def milestones_shown(self, check_in: CheckIn) -> str:
        return ", ".join(map(str, check_in.milestones))

    @display(description=_("fee"))
    def fee(self, check_in: CheckIn) -> str:
        return _link("points_entry", check_in.entry_id, check_in.entry)

    @display(description=_("card"))
    def used_card(self, check_in: CheckIn) -> str:
        return _link("points_card", check_in.card_id, check_in.card)


def _link(model: str, pk: Any, row: Any) -> str:
    return page_link(model, pk, row) if pk else gettext("none")
