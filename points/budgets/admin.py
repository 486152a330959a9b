from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Case, CharField, DateField, Max, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.lib.localtime import local_date
from loyalty.lib.screens import HistoryAdmin, operator_name
from loyalty.programme import selectors as programme
from points.rulebook import selectors as rulebook

from . import rules, selectors, services
from .models import Budget, BudgetAlarm, SharedUse

SHOWN_AT_MOST = 60


def _today(now: datetime) -> date:
    return local_date(now, programme.zone(now=now))


class BudgetForm(forms.ModelForm):
    stop_at_once = forms.BooleanField(
        label=_("Yes, stop at once"),
        required=False,
        help_text=_("Only asked for where the new limit is below what is spent in this period already. Nothing is taken back; nothing more is granted."),
    )

    class Meta:
        model = Budget
        fields = ["code", "name", "scope", "of", "period", "points", "at_end", "starts_on", "ends_on", "active"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("scope") == Budget.Scope.RULE and given.get("of"):
            try:
                rulebook.rule(code=given["of"])
            except rulebook.RuleUnknown as refusal:
                self.add_error("of", refusal.message)
        if self.instance.pk and given.get("points") and given.get("at_end") != Budget.AtEnd.GO_ON and not given.get("stop_at_once"):
            before = Budget.objects.get(pk=self.instance.pk)
            spent = selectors.spent(budget_id=before.pk, starts=rules.period_start(before.period, _today(timezone.now())))
            if given["points"] < spent and given["points"] < before.points:
                said = _("%(spent)s points are spent in this period already: with this limit the budget stops at once. If that is meant, tick the box.")
                self.add_error("stop_at_once", said % {"spent": f"{spent:,}"})
        return given


@admin.register(Budget)
class BudgetAdmin(HistoryAdmin):
    """Limits on what rules give to all members together. What a budget pays for stays once something was spent from it."""

    form = BudgetForm
    list_display = ["name", "code", "pays_for", "period", "bar", "alarm", "state"]
    list_filter = ["scope", "period", "active"]
    explanation = _("Each budget with what is spent in its current period. Alarms (50, 80, 100 %) stay for the period. A budget is not deleted: switch it off.")
    search_fields = ["code", "name", "of"]
    sortable_by = ("name", "code")
    list_per_page = 50
    actions = None
    readonly_fields = ["now", "guarded", "periods"]
    conditional_fields = {"of": "typeof scope == 'undefined' || scope != 'all'"}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        asked = [] if obj is None or not self.has_change_permission(request, obj) else ["stop_at_once"]
        seen = [] if obj is None else [(_("Spent"), {"fields": ["now", "periods"]})]
        return [
            *seen,
            (_("What it pays for"), {"fields": ["name", "code", "scope", "of", *([] if obj is None else ["guarded"])]}),
            (
                _("How much"),
                {
                    "fields": ["points", *asked, "period", "at_end"],
                    "description": _("Points that refunds take back are free again in the period that had paid for them. A change of the limit holds at once."),
                },
            ),
            (_("When"), {"fields": ["starts_on", "ends_on", "active"]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        used = obj is not None and selectors.uses(budget_id=obj.pk).exists()
        return [*self.readonly_fields, *(["code"] if obj else []), *(["scope", "of", "period"] if used else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        """With what the current period has spent and the highest alarm it has raised."""
        today = _today(timezone.now())
        starts = Case(*(When(period=name, then=Value(rules.period_start(name, today))) for name in Budget.Period.values), output_field=DateField())
        counter = Concat(Value(rules.COUNTER), Cast("pk", CharField()))
        used = SharedUse.objects.filter(counter=OuterRef("counter"), starts=OuterRef("current")).values("points")
        raised = BudgetAlarm.objects.filter(budget=OuterRef("pk"), starts=OuterRef("current")).values("budget").annotate(most=Max("percent")).values("most")
        seen = super().get_queryset(request).annotate(current=starts, counter=counter)
        return seen.annotate(spent=Coalesce(Subquery(used), 0), raised=Subquery(raised))

    @display(description=_("pays for"))
    def pays_for(self, budget: Budget) -> str:
        return budget.get_scope_display() if budget.scope == Budget.Scope.ALL else f"{budget.get_scope_display()}: {budget.of}"

    @display(description=_("spent / limit"))
    def bar(self, budget: Any) -> str:
        percent = 100 * budget.spent // budget.points
        return format_html(
            '<svg viewBox="0 0 100 8" preserveAspectRatio="none" style="width:160px;height:8px;display:block" aria-hidden="true">'
            '<rect width="100" height="8" opacity=".12"></rect><rect class="{}" width="{}" height="8"></rect></svg>'
            '<span class="console-quiet" style="white-space:nowrap">{} / {} · {} %</span>',
            "console-a" if percent < 80 else "console-b", min(100, percent), f"{budget.spent:,}", f"{budget.points:,}", percent,
        )  # fmt: skip

    @display(description=_("alarm"), label={50: "info", 80: "warning", 100: "danger"})
    def alarm(self, budget: Any) -> tuple[int, str] | None:
        return (budget.raised, f"{budget.raised} %") if budget.raised else None

    @display(description=_("status"), label={"runs": "success", "full": "danger", "waits": "info", "over": "warning", "off": "warning"})
    def state(self, budget: Any) -> tuple[str, Any]:
        today = _today(timezone.now())
        if not budget.active:
            return "off", _("switched off")
        if budget.starts_on and today < budget.starts_on:
            return "waits", _("not begun")
        if budget.ends_on and today > budget.ends_on:
            return "over", _("over")
        return ("full", _("used up")) if budget.spent >= budget.points else ("runs", _("in force"))

    @display(description=_("this period"))
    def now(self, budget: Any) -> str:
        return format_html("{}{}", self.bar(budget), format_html("<div>{}</div>", self.state(budget)[1]))

    @display(description=_("rules it pays for now"))
    def guarded(self, budget: Budget) -> str:
        paid = sorted(set(self._paid(budget)))
        return ", ".join(paid) or gettext("none: no rule in force names it, so it limits nothing yet")

    def _paid(self, budget: Budget) -> Iterator[str]:
        now = timezone.now()
        for found in rulebook.rulebook().versions.values():
            for version, said in found:
                code = version.rule.code
                if version.in_force_at(now) and rules.matches(budget.plan, rule_code=code, campaign=said.campaign, cost_centre=said.cost_centre):
                    yield f"{version.rule} ({code})"

    @display(description=_("by period, the newest first"))
    def periods(self, budget: Budget) -> str:
        alarms: dict[date, list[str]] = {}
        for alarm in selectors.alarms(budget_id=budget.pk)[: SHOWN_AT_MOST * len(rules.ALARMS)]:
            alarms.setdefault(alarm.starts, []).append(f"{alarm.percent} % ({timezone.localtime(alarm.at):%Y-%m-%d %H:%M})")
        rows = [
            (
                self._period(budget, use.starts),
                f"{use.points:,}",
                f"{100 * use.points // budget.points} %",
                f"{use.times:,}",
                ", ".join(alarms.get(use.starts, [])),
            )
            for use in selectors.uses(budget_id=budget.pk)[:SHOWN_AT_MOST]
        ]
        if not rows:
            return gettext("Nothing was spent yet.")
        titles = (gettext("from"), gettext("points"), gettext("of today's limit"), gettext("facts"), gettext("alarms"))
        head = format_html("<tr>{}</tr>", format_html_join("", "<th>{}</th>", ((title,) for title in titles)))
        body = format_html_join("", '<tr><td style="white-space:nowrap">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>', rows)
        return format_html('<table class="console-table">{}{}</table>', head, body)

    @staticmethod
    def _period(budget: Budget, starts: date) -> str:
        return gettext("since the beginning") if budget.period == Budget.Period.TOTAL else date_format(starts, "Y-m-d")

    def save_model(self, request: HttpRequest, obj: Budget, form: forms.ModelForm, change: bool) -> None:
        kept = services.keep(
            code=obj.code,
            name=obj.name,
            scope=obj.scope,
            of=obj.of,
            period=obj.period,
            points=obj.points,
            at_end=obj.at_end,
            starts_on=obj.starts_on,
            ends_on=obj.ends_on,
            active=obj.active,
            actor=operator_name(request),
            now=timezone.now(),
        )
        obj.pk = kept.pk
