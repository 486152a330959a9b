from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from loyalty.audit import services as audit
from loyalty.lib.charts import chart
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import local_date
from loyalty.lib.money import show
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ReadOnlyAdmin, operator_name, page_link
from loyalty.programme import selectors as programme
from points.budgets.models import Budget
from points.rulebook import rules as book_rules
from points.rulebook import selectors as rulebook
from points.rulebook.models import EarningSettings, Rule, RuleVersion

from . import rules, selectors, services
from .models import SimulatedMember, Simulation

Status = Simulation.Status
STATUS_COLOURS = {Status.WAITING: "info", Status.RUNNING: "info", Status.DONE: "success", Status.FAILED: "danger", Status.CANCELLED: "warning"}
VERSION_STATES = {"coming": _("begins later"), "submitted": _("submitted"), "draft": _("draft")}
PRESETS = {
    "quarter": _("last quarter"),
    "month": _("last month"),
    "days_30": _("last 30 days"),
    "days_90": _("last 90 days"),
    "year": _("last year"),
    "days_365": _("last 365 days"),
}
NO_FIGURE = {
    "several": _("Several versions were tried together, so this is no figure for the gate: one of them might be published alone. Try each by itself for that."),
    "short": _("This is no figure for the gate: the span is shorter than %(days)s days."),
    "silent": _("This is no figure for the gate: no fact in this span met the version, so it says nothing about what the version costs."),
}
# Where no gate asks for a figure.
SILENT = _("No fact in this span met the version, so this says nothing about what it costs. Choose a span in which it would have counted.")
THINGS = {"card": _("cards"), "coupon": _("coupons"), "badge": _("badges"), "chance": _("chances in draws"), "benefit": _("benefits")}
# How fast a first simulation is expected to be, in facts a second.
EXPECTED_SPEED = 1000
EARLIER_SHOWN, MONTHS_NAMED, PERIODS_SHOWN = 5, 12, 12


def _today(now: datetime) -> date:
    return local_date(now, programme.zone(now=now))


def _span(first: date, last: date) -> str:
    return f"{date_format(first, 'Y-m-d')} – {date_format(last, 'Y-m-d')}"


class AskForm(forms.Form):
    """`key` is made with the form, so that a form sent twice is one simulation."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    versions = forms.TypedMultipleChoiceField(label=_("What to try"), coerce=int, error_messages={"required": _("Choose at least one version.")})
    span = forms.ChoiceField(label=_("On the facts of"), widget=UnfoldAdminSelectWidget(attrs={"x-model": "span"}))
    first = forms.DateField(label=_("First day"), required=False, widget=UnfoldAdminSingleDateWidget)
    last = forms.DateField(label=_("Last day"), required=False, widget=UnfoldAdminSingleDateWidget, help_text=_("Both days are included."))

    def __init__(self, *args: Any, candidates: Sequence[RuleVersion], now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.candidates = {version.id: version for version in candidates}
        self.today, self.now = _today(now), now
        self.presets = rules.presets(self.today)
        self.fields["versions"].choices = [(version.id, str(version)) for version in candidates]
        named = [(name, f"{PRESETS[name]}: {_span(*days)}") for name, days in self.presets.items()]
        self.fields["span"].choices = [*named, ("own", _("other days"))]

    def clean_versions(self) -> list[int]:
        chosen = [self.candidates[number] for number in self.cleaned_data["versions"]]
        if len({version.rule_id for version in chosen}) < len(chosen):
            raise forms.ValidationError(_("Two of these are versions of one rule: try one at a time."))
        for version in chosen:
            if rulebook.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=self.now):
                raise forms.ValidationError(_("“%(version)s” cannot work as it stands. Its page says why."), params={"version": version})
        return [version.id for version in chosen]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("span") in self.presets:
            asked["first"], asked["last"] = self.presets[asked["span"]]
        elif asked.get("span"):
            for name in ("first", "last"):
                if not asked.get(name) and name not in self.errors:
                    self.add_error(name, _("Which day?"))
            if asked.get("first") and asked.get("last"):
                if asked["first"] > asked["last"]:
                    self.add_error("last", services.SpanInvalid.title)
                elif asked["first"] > self.today:
                    self.add_error("first", _("Nothing has happened yet on these days."))
        return asked


@admin.register(Simulation)
class SimulationAdmin(ReadOnlyAdmin):
    list_display = ["whats_tried", "span", "stands", "change", "points", "asked_by", "asked_at"]
    list_display_links = ["whats_tried"]
    list_filter = ["status", "asked_at"]
    explanation = _("What versions of rules would have cost on facts that have happened. Nothing here touches anybody's points.")
    sortable_by = ()
    show_add_link = False
    actions_list = ["try_rules"]
    actions_detail = ["cancel"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.add_simulation")

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request)

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    @action(description=_("Try rules on history"), permissions=["ask"], icon="manage_history", variant=ActionVariant.PRIMARY)
    def try_rules(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_simulation_add"))

    @display(description=_("tried"))
    def whats_tried(self, row: Simulation) -> str:
        return str(row)

    @display(description=_("on the facts of"))
    def span(self, row: Simulation) -> str:
        return format_html('<span style="white-space:nowrap">{}</span>', _span(row.first, row.last))

    @display(description=_("status"), label=STATUS_COLOURS)
    def stands(self, row: Simulation) -> tuple[str, str]:
        return row.status, f"{row.get_status_display()} {row.percent} %" if row.status == Status.RUNNING else row.get_status_display()

    @display(description=_("cost"))
    def change(self, row: Simulation) -> str:
        return format_html('<span style="white-space:nowrap">{}</span>', _percent(row.result)) if row.result else ""

    @display(description=_("points"))
    def points(self, row: Simulation) -> str:
        return f"{row.result['points'][0]:,} → {row.result['points'][1]:,}" if row.result else ""

    # Asking.

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Two steps: what to try on which days, then how long it will take, with the question whether to start."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()
        candidates = selectors.candidates(now=now)
        form = AskForm(request.POST or None, candidates=candidates, now=now, initial=self._initial(request))
        page = self._page(request, title=_("Try rules on history"), form=form, back=reverse("admin:points_simulation_changelist"))
        if not form.is_valid() or "again" in request.POST:
            return TemplateResponse(request, "admin/points/simulation/ask.html", page | self._choices(form, now))
        asked = form.cleaned_data
        if "confirmed" in request.POST:
            try:
                with transaction.atomic():
                    row = services.ask(
                        version_ids=asked["versions"],
                        first=asked["first"],
                        last=asked["last"],
                        actor=operator_name(request),
                        key=asked["key"],
                        now=now,
                    )
                    audit.wake(job="points.simulate")
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
                return TemplateResponse(request, "admin/points/simulation/ask.html", page | self._choices(form, now))
            return HttpResponseRedirect(reverse("admin:points_simulation_change", args=[row.id]))
        return TemplateResponse(request, "admin/points/simulation/start.html", page | self._estimate(form, now))

    def _initial(self, request: HttpRequest) -> dict[str, Any]:
        chosen = [int(one) for one in request.GET.getlist("version") if one.isdecimal()]
        initial = {"key": new_id(), "versions": chosen, "span": "quarter"}
        try:
            days = {name: date.fromisoformat(request.GET[name]) for name in ("first", "last")}
        except (KeyError, ValueError):
            return initial
        return initial | days | {"span": "own"}

    def _choices(self, form: AskForm, now: datetime) -> dict[str, Any]:
        called, chosen = rulebook.names(), [str(one) for one in form["versions"].value() or ()]
        shown = []
        for version in form.candidates.values():
            state = rulebook.state(version, now=now)
            said = rulebook.in_words(version.said, fact=version.rule.fact, called=called)[0]
            shown.append({"version": version, "state": VERSION_STATES.get(state, state), "said": said, "checked": str(version.id) in chosen})
        earlier = list(selectors.of_version(int(chosen[0]))[:EARLIER_SHOWN]) if len(chosen) == 1 and chosen[0].isdecimal() else []
        return {"candidates": shown, "span": form["span"].value() or "quarter", "earlier": earlier, "back_rules": reverse("admin:points_rule_changelist")}

    def _estimate(self, form: AskForm, now: datetime) -> dict[str, Any]:
        asked = form.cleaned_data
        count, exact = selectors.about(first=asked["first"], last=asked["last"], now=now)
        seconds = round(count / (selectors.facts_per_second() or EXPECTED_SPEED))
        days = (asked["last"] - asked["first"]).days + 1
        no_figure = "several" if len(asked["versions"]) > 1 else "short" if days < rules.GATE_DAYS else ""
        chosen = [form.candidates[number] for number in asked["versions"]]
        return {
            "tried": [(str(one), rulebook.in_words(one.said, fact=one.rule.fact)) for one in chosen],
            "span": _span(asked["first"], asked["last"]),
            "count": f"{count:,}" if exact else gettext("about %(count)s") % {"count": f"{round(count, -4):,}"},
            "nothing": not count,
            "takes": _duration(seconds),
            "ahead": selectors.ahead(),
            "no_figure": NO_FIGURE[no_figure] % {"days": rules.GATE_DAYS} if no_figure and self._gated() else "",
        }

    def _gated(self) -> bool:
        return rulebook.settings().second_person == EarningSettings.SecondPerson.COSTLY

    # Looking.

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """How far it has come, or what has come of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._row(object_id)
        language, called = get_language() or "", rulebook.names()
        page = self._page(request, title=str(row), row=row, original=row, colour=STATUS_COLOURS[Status(row.status)], takes=_duration(round(row.seconds)))
        existing = set(RuleVersion.objects.filter(id__in=[one["version"] for one in row.tried]).values_list("id", flat=True))
        page["tried"] = [
            {
                "name": name,
                "version": one["version"] if one["version"] in existing else None,
                "words": rulebook.in_words(book_rules.from_json(one["definition"]), fact=one["fact"], called=called),
            }
            for name, one in zip(row.names, row.tried, strict=True)
        ]
        page |= {
            "span": _span(row.first, row.last),
            "is_open": row.status in Simulation.OPEN,
            "may_cancel": row.status in Simulation.OPEN and self.has_cancel_permission(request),
            "again": self._again(row, existing) if self.has_add_permission(request) else "",
            "ahead": selectors.ahead(of=row) if row.status == Status.WAITING else 0,
        }
        if row.result:
            page |= self._result(row, language)
            if len(row.tried) == 1 and page["tried"][0]["version"]:
                page |= self._gate(row, request)
        return TemplateResponse(request, "admin/points/simulation/simulation.html", page)

    def _row(self, object_id: str | None) -> Simulation:
        try:
            return selectors.simulation(UUID(object_id))
        except (ValueError, selectors.SimulationUnknown) as error:
            raise Http404 from error

    def _again(self, row: Simulation, existing: set[int]) -> str:
        versions = "".join(f"version={one['version']}&" for one in row.tried if one["version"] in existing)
        return f"{reverse('admin:points_simulation_add')}?{versions}first={row.first}&last={row.last}"

    def _result(self, row: Simulation, language: str) -> dict[str, Any]:
        result, currency = row.result, programme.programme().currency or "CNY"
        old, new = result["points"]
        names = {rule.code: rule.name for rule in Rule.objects.filter(code__in=result["by_rule"])}
        by_rule = [(names.get(code, code), before, after, after - before) for code, (before, after) in result["by_rule"].items()]
        largest = SimulatedMember.objects.filter(simulation=row, member__in=[member for member, _old, _new in result["largest"]])
        whose = {str(one.member_id): one.member for one in largest.select_related("member")}
        money = [show(cents, currency, language) for cents in result["cents"]]
        months, bars = list(result["by_month"]), list(result["by_month"].values())
        monthly = chart(months, [[before for before, _after in bars], [after for _before, after in bars]])
        step = -(-len(months) // MONTHS_NAMED) or 1
        members_page = f"{reverse('admin:points_simulatedmember_changelist')}?simulation={row.id}"
        return {
            "result": result,
            "change": new - old,
            "percent": _percent(result),
            "money": money,
            "money_change": _signed_money(result["cents"][1] - result["cents"][0], currency, language),
            "histogram": chart([_bin(low, high) for low, high, _count in result["histogram"]], [[count for _low, _high, count in result["histogram"]]]),
            "monthly": monthly._replace(names=monthly.names[::step]),
            "by_rule": sorted(by_rule, key=lambda one: (-abs(one[3]), one[0])),
            "largest": [(whose.get(member), before, after, after - before) for member, before, after in result["largest"]],
            "budgets": self._budgets(result["budgets"]),
            "won": [(_won(name), before, after, after - before) for name, (before, after) in result["won"].items()],
            "members_page": members_page,
            "no_figure": self._no_figure(result["no_figure"]),
        }

    def _no_figure(self, why: str) -> str:
        if why and self._gated():
            return NO_FIGURE[why] % {"days": rules.GATE_DAYS}
        return str(SILENT) if why == "silent" else ""

    def _budgets(self, spent: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Each budget with how much of it the new rules would have used, period by period, the fullest first."""
        names = dict(Budget.objects.filter(code__in=spent).values_list("code", "name"))
        shown = []
        for code, one in spent.items():
            fullest = sorted(one["by_period"].items(), key=lambda period: (-period[1], period[0]))
            periods = [(date.fromisoformat(starts), points, 100 * points // one["limit"]) for starts, points in fullest]
            shown.append({"name": names.get(code, code), "limit": one["limit"], "periods": periods[:PERIODS_SHOWN], "more": len(periods) - PERIODS_SHOWN})
        return shown

    def _gate(self, row: Simulation, request: HttpRequest) -> dict[str, Any]:
        """What its figure means for publishing the version, where that is still to be done."""
        version = RuleVersion.objects.select_related("rule").get(id=row.tried[0]["version"])
        if version.status in RuleVersion.FINAL:
            return {}
        told = {"publish": reverse("admin:points_ruleversion_publish", args=[version.id]) if request.user.has_perm("points.publish_ruleversion") else ""}
        if version.definition != row.tried[0]["definition"]:
            return told | {"publish": "", "gate": gettext("The draft was changed since: what it says now was not tried here.")}
        if self._gated() and not row.result["no_figure"]:
            figures = {"percent": _percent(row.result), "gate": rulebook.settings().gate_percent}
            within = row.result["percent"] <= figures["gate"]
            told["gate"] = (
                gettext("%(percent)s is within the gate of +%(gate)s %%: who made this version may publish it.") % figures
                if within
                else gettext("%(percent)s is above the gate of +%(gate)s %%: a second person has to publish this version.") % figures
            )
        return told

    @action(description=_("Stop the simulation"), url_path="cancel", permissions=["cancel"], icon="cancel")
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.cancel(simulation_id=row.id, actor=operator_name(request), now=timezone.now())
            return _("Stopped. Nothing of it is kept.")

        row = self._row(object_id)
        page = reverse("admin:points_simulation_change", args=[row.id])
        if row.status not in Simulation.OPEN:
            messages.warning(request, services.SimulationOver.title)
            return HttpResponseRedirect(page)
        consequence = _("It stops within a few seconds, and what it has found so far is dropped.")
        return self.ask(request, row, act, title=_("Stop the simulation"), consequence=consequence)

    def _page(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "has_view_permission": True, **more}


def _percent(result: Mapping[str, Any]) -> str:
    """By how much points cost more; where they cost nothing before, there is no such figure."""
    old, new = result["points"]
    if not old and new:
        return gettext("new cost")
    return f"{result['percent']:+.2f} %" if result["percent"] else "±0 %"


def _signed_money(cents: int, currency: str, language: str) -> str:
    return f"{'−' if cents < 0 else '+'}{show(abs(cents), currency, language)}"


def _duration(seconds: int) -> str:
    if seconds < 60:
        return ngettext("%(n)s second", "%(n)s seconds", max(1, seconds)) % {"n": max(1, seconds)}
    minutes = -(-seconds // 60)
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}


def _bin(low: int | None, high: int | None) -> str:
    """A range of changes in few letters: +11–100, −11–100."""
    if low is None or high is None:
        return f"> {low - 1}" if low is not None else f"< −{-high - 1}" if high is not None else ""
    return f"+{low}–{high}" if low > 0 else f"−{-high}–{-low}" if high < 0 else "0"


def _won(name: str) -> str:
    effect, _slash, item = name.partition("/")
    return f"{THINGS[effect]}: {item}" if effect in THINGS else name


@admin.register(SimulatedMember)
class SimulatedMemberAdmin(ReadOnlyAdmin):
    """Found by way of a simulation."""

    list_display = ["whose", "old", "new", "signed"]
    list_display_links = None
    list_select_related = ["member"]
    sortable_by = ("signed",)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            simulation = selectors.simulation(UUID(request.GET.get("simulation", "")))
        except (ValueError, selectors.SimulationUnknown):
            return HttpResponseRedirect(reverse("admin:points_simulation_changelist"))
        said = format_html(
            '{} <a class="console-link" href="{}">{}</a>',
            gettext("What the simulation gives each member."),
            reverse("admin:points_simulation_change", args=[simulation.id]),
            simulation,
        )
        return super().changelist_view(request, {**(extra_context or {}), "explanation": said})

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # There is no page of one; none can be added either.
        if not object_id:
            raise PermissionDenied
        raise Http404

    def get_queryset(self, request: HttpRequest) -> QuerySet[SimulatedMember]:
        # While it runs, what is known of a member may still change.
        return super().get_queryset(request).filter(simulation__status=Status.DONE)

    @display(description=_("member"))
    def whose(self, one: SimulatedMember) -> str:
        return page_link("accounts_member", one.member_id, one.member)

    @display(description=_("change"), ordering="change")
    def signed(self, one: SimulatedMember) -> str:
        return f"{one.change:+,}" if one.change else "0"
