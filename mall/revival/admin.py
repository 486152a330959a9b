from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from loyalty.lib.screens import HistoryAdmin

from .models import RevivalReward, RevivalUse, RevivalWindow


class RevivalWindowForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for first, last in (("opens_at", "closes_at"), ("expired_from", "expired_until")):
            if given.get(first) and given.get(last) and given[first] >= given[last]:
                self.add_error(last, _("This must come after the time before it."))
        return given


class RevivalRewardInline(TabularInline):
    model = RevivalReward
    fields = ["reward", "points"]
    autocomplete_fields = ["reward"]
    extra = 0


@admin.register(RevivalWindow)
class RevivalWindowAdmin(HistoryAdmin):
    form = RevivalWindowForm
    inlines = [RevivalRewardInline]
    list_display = ["__str__", "state", "opens_at", "closes_at", "expired_from", "expired_until"]
    explanation = _("In a window members redeem listed rewards for points that have expired. Where several are open, the one that opened last counts.")
    fieldsets = [
        (None, {"fields": ["name_zh", "name_en", "active"]}),
        (_("When it is open"), {"fields": ["opens_at", "closes_at"]}),
        (
            _("Which points it takes"),
            {
                "fields": ["expired_from", "expired_until"],
                "description": _("By when they expired. Each point is used once, over all windows; it never becomes a point to spend again."),
            },
        ),
    ]

    @display(description=_("status"), label={"open": "success", "ahead": "info", "over": "warning", "off": "danger"})
    def state(self, row: RevivalWindow) -> tuple[str, Any]:
        now = timezone.now()
        if not row.active:
            return "off", _("not in use")
        if now < row.opens_at:
            return "ahead", _("ahead")
        return ("open", _("open")) if now < row.closes_at else ("over", _("over"))

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.instance.active and not form.instance.rewards.exists():
            messages.warning(request, _("It is in use and lists no reward: members find nothing in it. Add rewards, or take it out of use."))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and RevivalUse.objects.filter(window=obj).exists())
