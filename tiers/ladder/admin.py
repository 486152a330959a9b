from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget, UnfoldAdminURLInputWidget

from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, operator_name
from tiers.ladder_plans import selectors as plans

from . import rules, selectors, services
from .models import Tier, TierBenefit


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

    card_url = forms.URLField(
        label=Tier._meta.get_field("card_url").verbose_name,
        help_text=Tier._meta.get_field("card_url").help_text,
        max_length=300,
        required=False,
        assume_scheme="https",
        widget=UnfoldAdminURLInputWidget,
    )

    class Meta:
        model = Tier
        fields = ["code", "name_zh", "name_en", "rank", "colour", "card_url", "active", "threshold", "invited_only"]
        widgets = {"colour": UnfoldAdminColorInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["multiplier"] = rules.times(self.instance.multiplier_bps)

    def clean_multiplier(self) -> Decimal:
        self.instance.multiplier_bps = int(self.cleaned_data["multiplier"] * rules.ONCE)
        return self.cleaned_data["multiplier"]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not self.errors and "threshold" in self.fields:
            mine = self.instance.code or said["code"]
            step = rules.Step(mine, said["rank"], active=said["active"], threshold=said["threshold"], invited_only=said["invited_only"])
            wrong = rules.disordered([*(other for other in selectors.ladder() if other.code != mine), step])
            if wrong is not None:
                self.add_error("threshold", _("Thresholds rise with the rank: that of “%(tier)s” would not be above the one below it.") % {"tier": wrong.code})
        return said


class BenefitForm(forms.ModelForm):
    """A benefit as people write it: its value in the unit of its kind, what it grows to in one line."""

    said = forms.CharField(label=_("Value"), required=False, max_length=60, widget=UnfoldAdminTextInputWidget)
    grows = forms.CharField(
        label=_("With more orders"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "3: 200, 6: 300"})
    )

    class Meta:
        model = TierBenefit
        fields = ["kind", "said", "grows", "text_zh", "text_en"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            told = self.instance.plain
            unit = rules.BENEFITS[told.kind].unit
            self.initial["said"] = told.item or rules.shown(unit, told.value)
            self.initial["grows"] = rules.bands_shown(unit, told.bands)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        kind = rules.BENEFITS.get(asked.get("kind", ""))
        if kind is None:
            return asked
        value = rules.read(kind.unit, asked.get("said", "")) if kind.counted else 0
        bands = rules.read_bands(kind.unit, asked.get("grows", ""))
        if value is None:
            self.add_error("said", selectors.FAULTS["value_unread"])
        if bands is None:
            self.add_error("grows", selectors.FAULTS["bands_unread"])
        if value is None or bands is None:
            return asked
        item = asked.get("said", "").strip() if kind.unit == "code" else ""
        self.benefit = rules.Benefit(kind.code, value, item, tuple(bands), asked.get("text_zh", ""), asked.get("text_en", ""))
        for fault in rules.faults(self.benefit):
            self.add_error({"kind": "kind", "value": "said", "bands": "grows"}[fault.field], selectors.fault_in_words(fault))
        # One that was good when it was written keeps nobody from changing the rest; the page says so.
        if item and not self.errors and {"kind", "said"} & set(self.changed_data) and (unknown := selectors.item_fault(kind.code, item)):
            self.add_error("said", unknown)
        return asked


class BenefitInline(StackedInline):
    """What the tier brings besides its multiplier."""

    model = TierBenefit
    form = BenefitForm
    extra = 0
    fields = ["kind", ("said", "grows"), ("text_zh", "text_en"), "members_read"]
    readonly_fields = ["members_read"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # Who may only read gets no form, and so none of its fields.
        return self.fields if self.has_change_permission(request, obj) else ["kind", "members_read"]

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tiers.change_tier") or (obj is None and request.user.has_perm("tiers.add_tier"))

    has_add_permission = has_change_permission = has_delete_permission = _may

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tiers.view_tier")

    @display(description=_("what members read"))
    def members_read(self, row: TierBenefit) -> str:
        if row.pk is None:
            return gettext("Save to see it.")
        said = []
        for language in ("zh-hans", "en"):
            with translation.override(language):
                said.append(selectors.benefit_in_words(row.plain))
        warning = selectors.item_fault(row.kind, row.item) if row.item else None
        if row.kind in selectors.promised_in_vain(row.tier_id, now=timezone.now()):
            warning = _unanswered(row.kind)
        note = format_html("<br><strong>{}</strong>", warning) if warning else ""
        return format_html("{}<br>{}{}", *said, note)


def _unanswered(kind: str) -> str:
    """What an operator must know where nobody would give what a tier promises."""
    if kind == "birthday_multiplier":
        return gettext("Mind: no earning rule in force multiplies by what tiers bring for birthdays, so it multiplies nothing. Publish such a rule.")
    facts = {"birthday_gift": gettext("birthdays"), "monthly_allowance": gettext("monthly allowances"), "level_up_gift": gettext("reached tiers")}
    return gettext("Mind: no earning rule about %(facts)s that gives points is in force, so these points would not be given. Publish such a rule.") % {
        "facts": facts.get(kind, kind)
    }


@admin.register(Tier)
class TierAdmin(HistoryAdmin):
    """The ladder. A tier that somebody belongs to, or once did, is not deleted but deactivated."""

    form = TierForm
    inlines = [BenefitInline]
    list_display = ["swatch", "code", "name_zh", "name_en", "rank", "leads", "times", "counts"]
    list_display_links = ["code"]
    explanation = _(
        "Best first. Members whom nobody has put into a tier are in the lowest active one. Without any tier, everything counts once. "
        "A tier that somebody belongs to, or once did, cannot be deleted: deactivate it."
    )
    ordering = ["-rank"]
    sortable_by = ()
    actions = None
    fieldsets = [
        (None, {"fields": ["code", "name_zh", "name_en", "colour", "card_url"]}),
        (
            _("Place in the ladder"),
            {
                "fields": ["rank", "active", "threshold", "invited_only"],
                "description": _("As soon as members belong to tiers, a threshold changes by a ladder plan, which shows who would move before it is applied."),
            },
        ),
        (
            _("What it brings"),
            {
                "fields": ["multiplier"],
                "description": _(
                    "A change holds for what is earned from now on; what members have earned stays. It reaches every order within seconds. "
                    "Below stand the benefits besides the multiplier. Their values are points, minutes, a factor like 2, percent like 5, or a coupon’s code; "
                    "where there is nothing to count, leave them empty. Gifts, allowances and loan limits may grow with the member’s orders of 12 months: "
                    "3: 200, 6: 300 is 200 from 3 orders on and 300 from 6."
                ),
            },
        ),
    ]

    @display(description="")
    def swatch(self, tier: Tier) -> str:
        return format_html('<span style="display:inline-block;width:14px;height:14px;border-radius:3px;background:{}"></span>', tier.colour)

    @display(description=_("threshold"))
    def leads(self, tier: Tier) -> str:
        return gettext("by invitation only") if tier.invited_only else f"{tier.threshold:,}" if tier.threshold else "–"

    @display(description=_("multiplier"))
    def times(self, tier: Tier) -> str:
        return f"{rules.times(tier.multiplier_bps)} ×"

    @display(description=_("status"), label={"active": "success", "inactive": "warning"})
    def counts(self, tier: Tier) -> tuple[str, Any]:
        return ("active", _("in use")) if tier.active else ("inactive", _("not in use"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["threshold"] if plans.anybody_stands() else []
        if obj is None:
            return fixed
        # Who may only read gets no form, and so none of its fields.
        return ["code", *fixed] if self.has_change_permission(request, obj) else ["code", "times"]

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
            threshold=obj.threshold,
            invited_only=obj.invited_only,
            card_url=obj.card_url,
            actor=operator_name(request),
            now=timezone.now(),
        )

    def save_formset(self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool) -> None:
        """The benefits go by their verbs: what was taken out first, so that a kind may move to another row."""
        formset.save(commit=False)
        tier, by = form.instance.code, {"actor": operator_name(request), "now": timezone.now()}
        for row in formset.deleted_objects:
            services.remove_benefit(tier=tier, kind=TierBenefit.objects.get(pk=row.pk).kind, **by)
        for one in formset.forms:
            if one.has_changed() and not formset._should_delete_form(one):
                told = one.benefit
                if one.initial.get("kind") not in (None, told.kind):
                    services.remove_benefit(tier=tier, kind=one.initial["kind"], **by)
                said = {"value": told.value, "item": told.item, "bands": told.bands, "text_zh": told.text_zh, "text_en": told.text_en}
                services.keep_benefit(tier=tier, kind=told.kind, **said, **by)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        tier = kwargs.get("obj")
        for kind in selectors.promised_in_vain(tier.code, now=timezone.now()) if tier and request.method == "GET" else ():
            messages.warning(request, f"{TierBenefit.Kind(kind).label}: {_unanswered(kind)}")
        return super().render_change_form(request, context, *args, **kwargs)

    def delete_model(self, request: HttpRequest, obj: Tier) -> None:
        services.remove(code=obj.code, actor=operator_name(request), now=timezone.now())

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except BusinessError as refusal:
            # Somebody was put into it between the question and the answer.
            messages.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:tiers_tier_change", args=[object_id]))
