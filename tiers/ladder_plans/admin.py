from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.members import selectors as members
from loyalty.lib.ids import new_id
from loyalty.lib.money import show
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ConfigurationAdmin, ReadOnlyAdmin, operator_name
from loyalty.programme import selectors as programme
from tiers.evaluation.models import EvaluationPolicy
from tiers.ladder import rules as steps
from tiers.ladder import selectors as ladders

from . import rules, selectors, services
from .models import LadderPlan, LadderPlanSettings

Status = LadderPlan.Status
STATUS_COLOURS = {Status.DRAFT: "info", Status.COUNTING: "info", Status.COUNTED: "warning", Status.APPLIED: "success", Status.DISCARDED: "danger"}
UNITS = {
    "growth": _("growth"),
    "spend": _("in the smallest unit of the currency (cents)"),
    "two_dimensions": _("from 0 to 10,000"),
    "rfm_ltv": _("from 100 to 500"),
}
# Members a second that a first counting is expected to look at.
EXPECTED_SPEED = 5000


def _as_widget(field: models.Field, **said: Any) -> forms.Field | None:
    return field.formfield(**said, widget=UnfoldAdminSelectWidget if field.choices else UnfoldAdminIntegerFieldWidget)


class PlanForm(forms.ModelForm):
    """All thresholds and the whole evaluation. `key` is made with the form, so that a form sent twice is one plan."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    purpose = forms.CharField(
        label=_("What for"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Why the ladder changes. It is kept for good, and a second person reads it first."),
    )
    sprint = forms.DecimalField(
        label=_("Growth in these days, times"), min_value=Decimal(1), max_value=Decimal(100), decimal_places=4, widget=UnfoldAdminDecimalFieldWidget
    )

    class Meta:
        model = EvaluationPolicy
        fields = [name for name in selectors.POLICY if name != "sprint_bps"]
        formfield_callback = _as_widget

    def __init__(self, *args: Any, thresholds: Mapping[str, int], policy: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, instance=EvaluationPolicy(**policy), **kwargs)
        self.initial["sprint"] = steps.times(policy["sprint_bps"])
        self.steps = {f"threshold_{step.code}": step for step in rules.settable(ladders.ladder())}
        for name, step in self.steps.items():
            self.fields[name] = forms.IntegerField(
                label=step.name(get_language() or ""), min_value=0, initial=thresholds.get(step.code, step.threshold), widget=UnfoldAdminIntegerFieldWidget
            )
        for name in ("mode", "term_kind"):
            self.fields[name].widget.attrs["x-model"] = name

    def _post_clean(self) -> None:
        # What is wrong is said as for any other caller, all of it at once.
        if not self.errors.keys() - {"purpose"}:
            self.refuse(selectors.faults(thresholds=self.thresholds, policy=self.policy))

    @property
    def thresholds(self) -> dict[str, int]:
        return {step.code: self.cleaned_data[name] for name, step in self.steps.items()}

    @property
    def policy(self) -> dict[str, Any]:
        sprint = int(self.cleaned_data["sprint"] * steps.ONCE)
        return {name: sprint if name == "sprint_bps" else self.cleaned_data[name] for name in selectors.POLICY}

    def refuse(self, faults: Mapping[str, Sequence[str]]) -> None:
        for name, sentences in faults.items():
            for sentence in sentences:
                self.add_error({"sprint_bps": "sprint", "__all__": None}.get(name, name), sentence)

    def sections(self) -> list[tuple[Any, Any, list[tuple[forms.BoundField, str]]]]:
        """Title, explanation, and the fields, each with when it shows."""
        two, four = "mode == 'two_dimensions'", "mode == 'rfm_ltv'"
        weights = [(name, two) for name in ("spend_weight", "interaction_weight", "spend_full_cents", "interaction_full")]
        weights += [(name, four) for name in ("recency_weight", "frequency_weight", "monetary_weight", "lifetime_weight")]
        term = [("term_kind", ""), ("term_months", "term_kind == 'months'"), ("term_years", "term_kind == 'calendar_year'"), ("at_end", ""), ("grace_days", "")]
        told = [
            (_("What decides"), _("Of each member one figure is made and compared with the thresholds."), [("mode", ""), *weights]),
            (
                _("Thresholds"),
                _("From which figure on a member reaches the tier. Everybody begins in the lowest tier; 0 means that no figure leads into the tier."),
                [(name, "") for name in self.steps],
            ),
            (_("Term"), _("How long a tier lasts once it is reached, and what becomes of who does not keep it. Terms that run keep their end."), term),
            (_("Sprint"), _("The last days of a term, in which more grows. It holds for terms that begin from now on."), [("sprint_days", ""), ("sprint", "")]),
        ]
        return [(title, said, [(self[name], when) for name, when in fields]) for title, said, fields in told if fields]


@admin.register(LadderPlan)
class LadderPlanAdmin(ReadOnlyAdmin):
    """Proposals to change the ladder: who would move is counted before anybody does."""

    list_display = ["purpose", "stands", "moves", "who", "made_at", "applied_at"]
    list_filter = ["status"]
    explanation = _(
        "How thresholds, terms and the evaluation change: propose it, have it counted who would move, then apply it. "
        "Who rises is lifted at once; who falls, falls when their term ends."
    )
    sortable_by = ()
    show_add_link = False
    actions_list = ["propose"]
    actions_detail = ["edit", "count", "apply", "discard"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tiers.add_ladderplan")

    def has_propose_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_apply_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tiers.apply_ladderplan")

    @action(description=_("Propose a change"), permissions=["propose"], icon="edit_note", variant=ActionVariant.PRIMARY)
    def propose(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:tiers_ladderplan_add"))

    @display(description=_("status"), label=STATUS_COLOURS)
    def stands(self, row: LadderPlan) -> tuple[str, str]:
        return row.status, f"{row.get_status_display()} {row.percent} %" if row.status == Status.COUNTING else row.get_status_display()

    @display(description=_("would move"))
    def moves(self, row: LadderPlan) -> str:
        if not row.counted_at:
            return ""
        tally = rules.tally_from_json(row.counted)
        return f"↑ {tally.count('up'):,}  ↓ {tally.count('down'):,}"

    @display(description=_("authors"))
    def who(self, row: LadderPlan) -> str:
        return ", ".join(row.authors)

    # Proposing and changing.

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        thresholds, policy = selectors.in_force()
        form = PlanForm(request.POST or None, thresholds=thresholds, policy=policy, initial={"key": new_id()})
        return self._form(request, form, title=_("Propose a change of the ladder"), back=reverse("admin:tiers_ladderplan_changelist"))

    @action(description=_("Change"), url_path="edit", permissions=["propose"], icon="edit")
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(object_id)
        page = reverse("admin:tiers_ladderplan_change", args=[row.id])
        if row.status not in LadderPlan.OPEN:
            messages.warning(request, services.PlanOver.title)
            return HttpResponseRedirect(page)
        _thresholds, policy = selectors.in_force()
        initial = {"key": row.id, "purpose": row.purpose}
        form = PlanForm(request.POST or None, thresholds=row.thresholds, policy={**policy, **row.policy}, initial=initial)
        return self._form(request, form, row=row, title=_("Change the plan"), back=page)

    def _form(self, request: HttpRequest, form: PlanForm, *, row: LadderPlan | None = None, title: Any, back: str) -> HttpResponse:
        if form.is_valid():
            said = {"purpose": form.cleaned_data["purpose"], "thresholds": form.thresholds, "policy": form.policy, "actor": operator_name(request)}
            try:
                with transaction.atomic():
                    now = timezone.now()
                    kept = services.change(plan_id=row.id, **said, now=now) if row else services.propose(**said, key=form.cleaned_data["key"], now=now)
                    if "count" in request.POST:
                        services.count(plan_id=kept.id, actor=operator_name(request), now=now)
            except services.PlanInvalid as refusal:
                form.refuse(refusal.figures["fields"])
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
            else:
                return HttpResponseRedirect(reverse("admin:tiers_ladderplan_change", args=[kept.id]))
        page = self._page(request, title=title, form=form, back=back, original=row, units=UNITS, stands=selectors.anybody_stands())
        page |= {"mode": form["mode"].value(), "term_kind": form["term_kind"].value()}
        return TemplateResponse(request, "admin/tiers/ladderplan/form.html", page)

    # Looking.

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """What it changes, how far the counting has come, and who would move."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._row(object_id)
        stands, is_stale = selectors.anybody_stands(), selectors.stale(row)
        is_open = row.status in LadderPlan.OPEN
        page = self._page(request, title=row.purpose, row=row, original=row, colour=STATUS_COLOURS[Status(row.status)])
        page |= {
            "changed": selectors.said_changes(row) if row.status != Status.DISCARDED else [],
            "authors": ", ".join(row.authors),
            "stale": is_stale,
            "busy": row.status == Status.COUNTING or (row.status == Status.APPLIED and row.lifted_at is None),
            "may_edit": is_open and self.has_add_permission(request),
            "may_apply": self._may_apply(request, row, stands=stands, is_stale=is_stale),
            "why_not": self._why_not(request, row, stands=stands),
        }
        if row.counted_at:
            page |= self._counted(row)
        return TemplateResponse(request, "admin/tiers/ladderplan/plan.html", page)

    def _may_apply(self, request: HttpRequest, row: LadderPlan, *, stands: bool, is_stale: bool) -> bool:
        ready = (row.status == Status.COUNTED and not is_stale) or (row.status == Status.DRAFT and not stands)
        return ready and self.has_apply_permission(request) and not self._own(request, row)

    def _own(self, request: HttpRequest, row: LadderPlan) -> bool:
        return selectors.settings().second_person and operator_name(request) in row.authors

    def _why_not(self, request: HttpRequest, row: LadderPlan, *, stands: bool) -> str:
        """What has to come before it is applied; empty where nothing has to."""
        if row.status == Status.DRAFT and stands:
            return gettext("Next: have it counted who would move.")
        if row.status == Status.COUNTED and self._own(request, row):
            return gettext("A second person applies it: somebody who had no hand in it.")
        return ""

    def _counted(self, row: LadderPlan) -> dict[str, Any]:
        tally, ladder, language = rules.tally_from_json(row.counted), ladders.ladder(), get_language() or ""
        currency = programme.programme().currency or "CNY"
        pulls = selectors.pulls(row)
        called = members.external_ids_of([UUID(one) for pull in pulls for one in pull.samples])
        told = [
            {
                "way": pull.way,
                "before": pull.before.name(language),
                "after": pull.after.name(language),
                "members": pull.members,
                "anyway": pull.anyway,
                "spent": show(pull.spent_cents, currency, language),
                "multiplier": f"{steps.times(pull.before.multiplier_bps)} → {steps.times(pull.after.multiplier_bps)}",
                "gift": pull.gift,
                "allowance": pull.allowance,
                "samples": [(one, called[UUID(one)]) for one in pull.samples if UUID(one) in called],
            }
            for pull in pulls
        ]
        columns = [step.name(language) for step in sorted((step for step in ladder if step.active), key=lambda step: step.rank)]
        matrix = [(before.name(language), before.colour, squares, total) for before, squares, total in rules.matrix(tally, ladder)]
        return {
            "tally": tally,
            "figures": {"anyway": tally.anyway, **{way: tally.count(way) for way in ("up", "down", "held", "stays")}},
            "columns": columns,
            "matrix": matrix,
            "groups": [(way, title, [one for one in told if one["way"] == way]) for way, title in WAYS.items()],
            "gifts": sum(pull.gift for pull in pulls),
            "allowance_up": sum(pull.allowance for pull in pulls if pull.way == "up"),
            "allowance_down": sum(pull.allowance for pull in pulls if pull.way == "down"),
        }

    # Steps.

    @action(description=_("Count who would move"), url_path="count", permissions=["propose"], icon="calculate")
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.count(plan_id=row.id, actor=operator_name(request), now=timezone.now())
            return _("It is being counted. This page shows how far it is.")

        row, total = self._row(object_id), selectors.members_in_all()
        said = ngettext(
            "It looks at %(members)s member, which takes about %(takes)s. Nobody moves, and nobody is told anything.",
            "It looks at %(members)s members, which takes about %(takes)s. Nobody moves, and nobody is told anything.",
            total,
        )
        figures = {"members": f"{total:,}", "takes": _duration(round(total / EXPECTED_SPEED))}
        return self._ask(request, row, act, title=_("Count who would move"), consequence=said % figures)

    @action(description=_("Apply"), url_path="apply", permissions=["apply"], icon="check", variant=ActionVariant.PRIMARY)
    def apply(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.apply(plan_id=row.id, actor=operator_name(request), now=timezone.now())
            return _("The plan is in force.")

        row = self._row(object_id)
        told = [gettext("Thresholds and evaluation change at once, for everybody. To go back, propose and apply another plan.")]
        if row.counted_at:
            tally = rules.tally_from_json(row.counted)
            up, down = tally.count("up"), tally.count("down")
            told.append(ngettext("%(n)s member rises now.", "%(n)s members rise now.", up) % {"n": f"{up:,}"})
            falls = ngettext(
                "%(n)s member falls when their term ends, unless they do more until then.",
                "%(n)s members fall when their terms end, unless they do more until then.",
                down,
            )
            told.append(falls % {"n": f"{down:,}"})
        effect = selectors.said_changes(row)
        return self._ask(request, row, act, title=_("Apply"), consequence=" ".join(told), effect=effect, danger=True)

    @action(description=_("Discard"), url_path="discard", permissions=["propose"], icon="delete")
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.discard(plan_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The plan is discarded.")

        row = self._row(object_id)
        consequence = _("Nothing of it will ever hold. What was counted can still be read.")
        return self._ask(request, row, act, with_reason=True, title=_("Discard"), consequence=consequence)

    def _ask(self, request: HttpRequest, row: LadderPlan, act: Any, **page: Any) -> HttpResponse:
        if row.status not in LadderPlan.OPEN:
            messages.warning(request, services.PlanOver.title)
            return HttpResponseRedirect(reverse("admin:tiers_ladderplan_change", args=[row.id]))
        return self.ask(request, row, act, **page)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        # The page draws its own buttons, those that can do something.
        return []

    def _row(self, object_id: str | None) -> LadderPlan:
        try:
            return selectors.plan(UUID(object_id))
        except (ValueError, TypeError, selectors.PlanUnknown) as error:
            raise Http404 from error

    def _page(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "has_view_permission": True, **more}


WAYS = {"up": _("Up, now"), "down": _("Down, at the end of their term"), "held": _("Held: put there by hand, without an end")}


def _duration(seconds: int) -> str:
    if seconds < 60:
        return ngettext("%(n)s second", "%(n)s seconds", max(1, seconds)) % {"n": max(1, seconds)}
    minutes = -(-seconds // 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


@admin.register(LadderPlanSettings)
class LadderPlanSettingsAdmin(ConfigurationAdmin):
    fields = ["second_person"]
