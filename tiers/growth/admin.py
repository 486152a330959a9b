from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.screens import ConfigurationAdmin, ReasonForm, ScreenAdmin, operator_name
from tiers.evaluation import services as evaluation
from tiers.standing.admin import OfMembersAdmin

from . import rules, services
from .models import GrowthEntry, GrowthRate, GrowthTerms

# Beyond it is a slip of the keyboard.
MOST_BY_HAND = 1_000_000


class TermsForm(forms.ModelForm):
    per_unit = forms.DecimalField(
        label=_("Growth per unit of money"),
        min_value=Decimal(0),
        max_value=Decimal(100),
        decimal_places=4,
        initial=Decimal(1),
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Of what was paid in money for goods, after refunds: 1 is one growth for each yuan. 0: purchases do not grow."),
    )

    class Meta:
        model = GrowthTerms
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["per_unit"] = Decimal(self.instance.per_unit_bps) / rules.ONCE

    def clean_per_unit(self) -> Decimal:
        self.instance.per_unit_bps = int(self.cleaned_data["per_unit"] * rules.ONCE)
        return self.cleaned_data["per_unit"]


@admin.register(GrowthTerms)
class GrowthTermsAdmin(ConfigurationAdmin):
    """What purchases grow by. A refund is reckoned by the rate of its purchase."""

    form = TermsForm
    fieldsets = [
        (
            None,
            {
                "fields": ["per_unit"],
                "description": _(
                    "Growth decides about the tier and is never spent. A change holds for purchases from now on; what has grown stays, "
                    "and a refund takes back what its purchase grew by the rate of then."
                ),
            },
        )
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [] if obj is None or self.has_change_permission(request, obj) else ["per_unit"]

    @display(description=_("Growth per unit of money"))
    def per_unit(self, row: GrowthTerms) -> str:
        return f"{(Decimal(row.per_unit_bps) / rules.ONCE).normalize():f}"


@admin.register(GrowthRate)
class GrowthRateAdmin(ScreenAdmin):
    """What behaviours grow by, each kind of fact for itself. Who changed what is in the audit trail."""

    list_display = ["kind", "growth", "most_a_day", "active"]
    explanation = _(
        "What members do besides buying can count for their tier, too: a review, a share, a check-in. Kinds that are not listed bring no growth. "
        "A change holds from now on; what has grown stays."
    )
    list_select_related = ["kind"]
    sortable_by = ()
    actions = None
    fields = ["kind", "growth", "most_a_day", "active"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["kind"] if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: GrowthRate, form: forms.ModelForm, change: bool) -> None:
        services.keep_rate(rate=obj)
        figures = {"growth": obj.growth, "most_a_day": obj.most_a_day, "active": obj.active}
        audit.record(actor=operator_name(request), verb="growth_rate.kept", subject=f"fact_kind/{obj.kind_id}", figures=figures, now=timezone.now())


class AdjustForm(ReasonForm):
    member = forms.CharField(label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))
    growth = forms.IntegerField(
        label=_("Growth"),
        min_value=-MOST_BY_HAND,
        max_value=MOST_BY_HAND,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Above zero gives, below zero takes away. It counts from now on."),
    )
    # Made with the page, so that sending it twice does it once.
    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    field_order = ["member", "growth", "reason"]

    def clean_member(self) -> Member:
        try:
            return members.get(self.cleaned_data["member"].strip())
        except members.MemberUnknown as refusal:
            raise forms.ValidationError(refusal.message) from refusal


@admin.register(GrowthEntry)
class GrowthEntryAdmin(OfMembersAdmin):
    """What has grown, line by line. Giving or taking by hand, with a reason, is all that can be done here."""

    list_display = ["recorded_at", "whose", "kind", "subject", "growth", "amount_cents", "occurred_at", "by"]
    list_display_links = ["recorded_at"]
    list_filter = ["kind"]
    explanation = _(
        "Growth of members, the newest first. It is dated to when the thing happened; what a refund takes away is dated to its purchase. "
        "Lines are never changed: a correction is a further line."
    )
    fields = ["whose", "kind", "fact", "subject", "number", "growth", "amount_cents", "orders", "occurred_at", "recorded_at", "by", "reason"]
    readonly_fields = ["whose", "by"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tiers.add_growthentry")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()

        def act(asked: Mapping[str, Any]) -> Any:
            member, growth = asked["member"], asked["growth"]
            evaluation.adjust(member_id=member.id, growth_change=growth, reason=asked["reason"], actor=operator_name(request), key=asked["key"], now=now)
            said = ngettext("%(member)s: %(n)s growth point.", "%(member)s: %(n)s growth points.", abs(growth))
            return said % {"member": member, "n": f"{growth:+,}"}

        form = AdjustForm(request.POST or None, initial={"member": request.GET.get("member", ""), "key": str(new_id())})
        consequence = _("It counts at once: it may lift the member to a tier, or undo a tier that rested on what is taken away.")
        return self.ask(request, None, act, form, title=_("Give or take growth"), consequence=consequence)
