from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSplitDateTimeWidget

from loyalty.lib.screens import ConfigurationAdmin, ReadOnlyAdmin, ReasonForm, operator_name
from mall.rewards import selectors as rewards
from mall.rewards.rules import less

from . import selectors, services
from .models import Markdown, MarkdownTerms

Status = Markdown.Status
STATUS_COLOURS = {
    Status.PROPOSED: "warning", selectors.ANNOUNCED: "warning", Status.RUNNING: "success", Status.OVER: "info", Status.DECLINED: "danger", Status.ENDED: "info",
}  # fmt: skip
EXAMPLES = 5


def _stands(now: Any) -> str:
    """What members hold together against the plan, in a sentence."""
    seen = selectors.outstanding(now=now)
    if seen.computed_at is None:
        return gettext("The totals of today are not put together yet.")
    figures = {"points": f"{seen.points:,}", "budget": f"{seen.budget:,}", "percent": seen.excess_percent}
    if not seen.budget:
        return gettext("Members hold %(points)s points together. No plan is set, so nothing is proposed.") % figures
    if seen.points <= seen.budget:
        return gettext("Members hold %(points)s points together, within the %(budget)s planned.") % figures
    return gettext("Members hold %(points)s points together: %(percent)s %% above the %(budget)s planned.") % figures


@admin.register(MarkdownTerms)
class MarkdownTermsAdmin(ConfigurationAdmin):
    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [
            (_("When"), {"fields": ["budget_points", "excess_percent", "rest_days"], "description": _stands(timezone.now())}),
            (_("What"), {"fields": ["off_percent", "days", "starts_itself"]}),
        ]


class LaterForm(forms.Form):
    starts_at = forms.SplitDateTimeField(
        label=_("From"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Empty: at once. Otherwise it is announced until then: members read of it, and prices stay as they are."),
    )


class StartForm(ReasonForm, LaterForm):
    off_percent = forms.IntegerField(label=_("Off the points, in %"), min_value=1, max_value=90, widget=UnfoldAdminIntegerFieldWidget)
    days = forms.IntegerField(
        label=_("Days"),
        min_value=1,
        max_value=90,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Where it begins is the first; the last one ends at midnight."),
    )
    field_order = ["off_percent", "days", "starts_at", "reason"]


@admin.register(Markdown)
class MarkdownAdmin(ReadOnlyAdmin):
    list_display = ["off", "state", "days", "starts_at", "ends_at", "held_then", "proposer", "decided_by", "reason"]
    fields = ["off", "stands", "days", "starts_at", "ends_at", "held_then", "proposed_at", "proposer", "decided_at", "decided_by", "reason"]
    readonly_fields = ["off", "stands", "held_then", "proposer"]
    actions_list = ["start_one"]
    actions_detail = ["start", "decline", "end"]

    @display(description=_("off"))
    def off(self, row: Markdown) -> str:
        return f"−{row.off_percent} %"

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, row: Markdown) -> tuple[str, Any]:
        seen = selectors.status_at(row, now=timezone.now())
        return seen, _("begins later") if seen == selectors.ANNOUNCED else Status(seen).label

    @display(description=_("status"))
    def stands(self, row: Markdown) -> Any:
        return self.state(row)[1]

    @display(description=_("proposed by"))
    def proposer(self, row: Markdown) -> str:
        return gettext("the nightly job") if row.proposed_by == services.BY_JOB else row.proposed_by

    @display(description=_("members held, of planned"))
    def held_then(self, row: Markdown) -> str:
        return f"{row.outstanding:,} / {row.budget:,}" if row.budget else f"{row.outstanding:,}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        said = _("Times in which every reward costs fewer points. Who redeems pays the better of this and of their tier's discount. %(stands)s")
        return super().changelist_view(request, {**(extra_context or {}), "explanation": said % {"stands": _stands(timezone.now())}})

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.decide_markdown")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """The buttons that can do something now; who finds another way to one is told by the verb."""
        row = self.get_object(request, object_id)
        shown = {Status.PROPOSED: ("start", "decline"), Status.RUNNING: ("end",), selectors.ANNOUNCED: ("end",)}
        names = shown.get(selectors.status_at(row, now=timezone.now()), ()) if row is not None else ()
        return [one for one in super().get_actions_detail(request, object_id) if one.path in names]

    @action(description=_("Start one"), url_path="start-one", permissions=["decide"], icon="sell")
    def start_one(self, request: HttpRequest) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            row = services.start_by_hand(**asked, actor=operator_name(request), now=timezone.now())
            return _runs(row)

        said = MarkdownTerms.current()
        form = StartForm(request.POST or None, initial={"off_percent": said.off_percent, "days": said.days})
        off = form.cleaned_data["off_percent"] if form.is_bound and form.is_valid() else said.off_percent
        consequence = gettext("It is for everybody, at once or from a time on. Redemptions made meanwhile keep their price. %(stands)s")
        stands = {"stands": _stands(timezone.now())}
        return self.ask(request, None, act, form, title=_("Start a markdown"), consequence=consequence % stands, effect=_examples(off))

    @action(description=_("Start"), url_path="start", permissions=["decide"], icon="sell", variant=ActionVariant.PRIMARY)
    def start(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            return _runs(services.start(markdown_id=row.id, **asked, actor=operator_name(request), now=timezone.now()))

        row = self.found(request, object_id)
        days = ngettext("for %(n)s day", "for %(n)s days", row.days) % {"n": row.days}
        figures = {"percent": row.off_percent, "days": days}
        consequence = gettext("Every reward costs %(percent)s %% fewer points %(days)s, that on which it begins the first of them.") % figures
        form = LaterForm(request.POST if request.method == "POST" else None)
        return self.ask(request, row, act, form, title=_("Start the markdown"), consequence=consequence, effect=_examples(row.off_percent))

    @action(description=_("Decline"), url_path="decline", permissions=["decide"], icon="close")
    def decline(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.decline(markdown_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The proposal is declined.")

        row, rest = self.found(request, object_id), MarkdownTerms.current().rest_days
        consequence = ngettext("None is proposed again for %(n)s day.", "None is proposed again for %(n)s days.", rest) % {"n": rest}
        return self.ask(request, row, act, with_reason=True, title=_("Decline the proposal"), consequence=consequence)

    @action(description=_("End now"), url_path="end", permissions=["decide"], icon="stop_circle")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.end(markdown_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The markdown is over.")

        row = self.found(request, object_id)
        consequence = _("Members pay the usual prices from now on, though a later end was told. Redemptions made meanwhile keep their price.")
        return self.ask(request, row, act, with_reason=True, title=_("End the markdown"), consequence=consequence, danger=True)


def _runs(row: Markdown) -> str:
    return selectors.in_words(row, now=timezone.now())


def _examples(off_percent: int) -> list[tuple[Any, Any, Any]]:
    """What the dearest rewards on the shelf cost now, and would."""
    dearest = sorted((one for one in rewards.catalogue().by_code.values() if one.active), key=lambda one: -one.points)[:EXAMPLES]
    language = get_language() or ""
    return [(one.name(language), f"{one.points:,}", f"{less(one.points, off_percent * 100):,}") for one in dearest]
