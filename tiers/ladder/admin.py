from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminDecimalFieldWidget

from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, operator_name

from . import rules, selectors, services
from .models import Tier


class TierForm(forms.ModelForm):
    multiplier = forms.DecimalField(
        label=_("Multiplier"),
        min_value=Decimal(rules.LEAST) / rules.ONCE,
        max_value=Decimal(rules.MOST) / rules.ONCE,
        decimal_places=4,
        initial=Decimal(1),
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("What purchases earn is multiplied by it, where the earning rules take the tier into account: 1.2 is a fifth more, 1 changes nothing."),
    )

    class Meta:
        model = Tier
        fields = ["code", "name_zh", "name_en", "rank", "colour", "active"]
        widgets = {"colour": UnfoldAdminColorInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["multiplier"] = rules.times(self.instance.multiplier_bps)

    def clean_multiplier(self) -> Decimal:
        self.instance.multiplier_bps = int(self.cleaned_data["multiplier"] * rules.ONCE)
        return self.cleaned_data["multiplier"]


@admin.register(Tier)
class TierAdmin(HistoryAdmin):
    """The ladder. A tier that somebody belongs to, or once did, is not deleted but deactivated."""

    form = TierForm
    list_display = ["swatch", "code", "name_zh", "name_en", "rank", "times", "counts"]
    list_display_links = ["code"]
    list_before_template = "admin/explanation.html"
    ordering = ["-rank"]
    sortable_by = ()
    actions = None
    fieldsets = [
        (None, {"fields": ["code", "name_zh", "name_en", "colour"]}),
        (_("Place in the ladder"), {"fields": ["rank", "active"]}),
        (
            _("What it brings"),
            {
                "fields": ["multiplier"],
                "description": _("A change holds for what is earned from now on; what members have earned stays. It reaches every order within seconds."),
            },
        ),
    ]

    @display(description="")
    def swatch(self, tier: Tier) -> str:
        return format_html('<span style="display:inline-block;width:14px;height:14px;border-radius:3px;background:{}"></span>', tier.colour)

    @display(description=_("multiplier"))
    def times(self, tier: Tier) -> str:
        return f"{rules.times(tier.multiplier_bps)} ×"

    @display(description=_("status"), label={"active": "success", "inactive": "warning"})
    def counts(self, tier: Tier) -> tuple[str, Any]:
        return ("active", _("in use")) if tier.active else ("inactive", _("not in use"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        said = _(
            "Best first. Members whom nobody has put into a tier are in the lowest active one. Without any tier, everything counts once. "
            "A tier that somebody belongs to, or once did, cannot be deleted: deactivate it."
        )
        return super().changelist_view(request, {**(extra_context or {}), "explanation": said})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        # Who may only read gets no form, and so none of its fields.
        return ["code"] if self.has_change_permission(request, obj) else ["code", "times"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fieldsets
        return [(title, {**said, "fields": ["times" if name == "multiplier" else name for name in said["fields"]]}) for title, said in self.fieldsets]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not selectors.in_use(obj.pk))

    def save_model(self, request: HttpRequest, obj: Tier, form: forms.ModelForm, change: bool) -> None:
        services.keep(
            code=obj.code,
            name_zh=obj.name_zh,
            name_en=obj.name_en,
            rank=obj.rank,
            multiplier_bps=obj.multiplier_bps,
            colour=obj.colour,
            active=obj.active,
            actor=operator_name(request),
            now=timezone.now(),
        )

    def delete_model(self, request: HttpRequest, obj: Tier) -> None:
        services.remove(code=obj.code, actor=operator_name(request), now=timezone.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except BusinessError as refusal:
            # Somebody was put into it between the question and the answer.
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:tiers_tier_change", args=[object_id]))
