from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from loyalty.lib.screens import ConfigurationAdmin, ReadOnlyAdmin
from tiers.ladder_plans import selectors as plans
from tiers.standing.admin import OfMembersAdmin

from . import rules, selectors
from .models import CutPoints, Evaluation, EvaluationPolicy

ONCE = 10_000


class PolicyForm(forms.ModelForm):
    sprint_times = forms.DecimalField(
        label=_("Growth in the sprint"),
        min_value=Decimal(1),
        max_value=Decimal(100),
        decimal_places=4,
        initial=Decimal(2),
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("So many times as much: 2 is double. 1: no more than otherwise."),
    )

    class Meta:
        model = EvaluationPolicy
        fields = [
            "mode", "spend_weight", "interaction_weight", "spend_full_cents", "interaction_full", "recency_weight", "frequency_weight", "monetary_weight",
            "lifetime_weight", "term_kind", "term_months", "term_years", "at_end", "grace_days", "sprint_days",
        ]  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["sprint_times"] = Decimal(self.instance.sprint_bps) / ONCE

    def clean_sprint_times(self) -> Decimal:
        self.instance.sprint_bps = int(self.cleaned_data["sprint_times"] * ONCE)
        return self.cleaned_data["sprint_times"]


def _shown_for(field: str, value: str) -> str:
    # Who may only read gets no form, and so none of these variables.
    return f"typeof {field} == 'undefined' || {field} == '{value}'"


@admin.register(EvaluationPolicy)
class EvaluationPolicyAdmin(ConfigurationAdmin):
    """What decides about tiers. Once members belong to tiers, it changes by a ladder plan."""

    form = PolicyForm
    fieldsets = [
        (
            _("What decides"),
            {
                "fields": ["mode"],
                "description": _(
                    "Each way comes to one figure, compared with the thresholds of the ladder: growth in points, spend in the smallest unit of the currency, "
                    "two dimensions from 0 to 10,000, four quintiles from 100 to 500. As soon as members belong to tiers, this page is changed by a ladder "
                    "plan, which shows who would move before it is applied."
                ),
            },
        ),
        (
            _("Spend and interaction"),
            {
                "fields": ["spend_weight", "interaction_weight", "spend_full_cents", "interaction_full"],
                "description": _("Each of the two counts in proportion to its full share and no further; then they are weighed: 60 and 40 are 60 % and 40 %."),
            },
        ),
        (
            _("Recency, frequency, spend and lifetime value"),
            {
                "fields": ["recency_weight", "frequency_weight", "monetary_weight", "lifetime_weight"],
                "description": _(
                    "Each night all members who ever bought are parted into fifths, in each of the four; the best fifth is 5. The figure is a hundred times "
                    "the weighted mean. Rises happen at night, then."
                ),
            },
        ),
        (
            _("Term"),
            {
                "fields": ["term_kind", "term_months", "term_years", "at_end", "grace_days"],
                "description": _(
                    "Rising is decided by what happened in the last months (or the calendar year), at once. Keeping is decided at the end of a term, "
                    "by what happened in it after the tier was reached. Terms that run already keep their end."
                ),
            },
        ),
        (_("Sprint"), {"fields": ["sprint_days", "sprint_times"], "description": _("The last days of a term, in which members can still keep their tier.")}),
    ]
    conditional_fields = {
        **dict.fromkeys(("spend_weight", "interaction_weight", "spend_full_cents", "interaction_full"), _shown_for("mode", "two_dimensions")),
        **dict.fromkeys(("recency_weight", "frequency_weight", "monetary_weight", "lifetime_weight"), _shown_for("mode", "rfm_ltv")),
        "term_months": _shown_for("term_kind", "months"),
        "term_years": _shown_for("term_kind", "calendar_year"),
    }

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj is not None and plans.anybody_stands())

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = [name for _title, said in self.fieldsets for name in said["fields"]]
        return shown if plans.anybody_stands() or not self.has_change_permission(request, obj) else []

    @display(description=_("Growth in the sprint"))
    def sprint_times(self, row: EvaluationPolicy) -> str:
        return f"{(Decimal(row.sprint_bps) / ONCE).normalize():f} ×"


@admin.register(Evaluation)
class EvaluationAdmin(OfMembersAdmin):
    """Every decision that moved or kept somebody, with the figures it was made on."""

    list_display = ["at", "whose", "outcome", "was", "now_in", "has", "takes"]
    list_display_links = ["at"]
    list_select_related = ["member", "before", "tier"]
    list_filter = ["outcome", "tier"]
    explanation = _("Why members are in their tiers: every decision by figures, the newest first. What operators set by hand is under changes of tier.")
    fields = ["at", "whose", "sentence", "outcome", "was", "now_in", "has", "takes", "since", "until", "one_by_one", "how"]
    readonly_fields = ["whose", "sentence", "was", "now_in", "has", "takes", "one_by_one"]

    @display(description=_("in words"))
    def sentence(self, row: Evaluation) -> str:
        return selectors.because(row)

    @display(description=_("before"))
    def was(self, row: Evaluation) -> str:
        return str(row.before or gettext("the lowest"))

    @display(description=_("tier"))
    def now_in(self, row: Evaluation) -> str:
        return str(row.tier or gettext("the lowest"))

    @display(description=_("figure"))
    def has(self, row: Evaluation) -> str:
        return selectors.amount(row.figure, rules.policy_from_json(row.how))

    @display(description=_("threshold"))
    def takes(self, row: Evaluation) -> str:
        return selectors.amount(row.threshold, rules.policy_from_json(row.how))

    @display(description=_("figures"))
    def one_by_one(self, row: Evaluation) -> str:
        return format_html_join("", "<div>{}: {}</div>", selectors.figures_in_words(row))


@admin.register(CutPoints)
class CutPointsAdmin(ReadOnlyAdmin):
    """The quintiles of each night."""

    list_display = ["day", "members", "recency", "frequency", "spent", "ever"]
    explanation = _("Where the fifths of all members who ever bought lay on each night, while recency, frequency, spend and lifetime value decide.")
    sortable_by = ()
    fields = ["day", "computed_at", "members", "recency", "frequency", "spent", "ever"]
    readonly_fields = ["spent", "ever"]

    @display(description=_("spend"))
    def spent(self, row: CutPoints) -> str:
        return format_html("{}", " · ".join(selectors.money(cents) for cents in row.monetary))

    @display(description=_("lifetime value"))
    def ever(self, row: CutPoints) -> str:
        return format_html("{}", " · ".join(selectors.money(cents) for cents in row.lifetime))
