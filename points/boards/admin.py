from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.activity import selectors as activity
from accounts.members.admin import OfMembersAdmin
from loyalty.audit import services as audit
from loyalty.lib.localtime import local_date
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, operator_name, page_link
from loyalty.programme import selectors as programme

from . import rules, selectors, services
from .models import Board, BoardPeriod, BoardResult

PERIOD_COLOURS = {BoardPeriod.Status.PROPOSED: "warning", BoardPeriod.Status.CONFIRMED: "success"}
RESULT_COLOURS = {BoardResult.Status.PROPOSED: "warning", BoardResult.Status.GRANTED: "success", BoardResult.Status.WITHDRAWN: "info"}


def _address(page: str, key: Any) -> str:
    return reverse(f"admin:{page}", args=[key])


def _kinds() -> list[tuple[str, str]]:
    return [(kind.code, str(kind)) for kind in activity.fact_kinds().values()]


def _kind_of_fact(name: str) -> forms.ChoiceField:
    field = Board._meta.get_field(name)
    return forms.ChoiceField(
        label=capfirst(field.verbose_name), help_text=field.help_text, initial=field.default, choices=_kinds, widget=UnfoldAdminSelectWidget
    )


class BoardForm(forms.ModelForm):
    counted, ranked = _kind_of_fact("counted"), _kind_of_fact("ranked")

    class Meta:
        model = Board
        fields = [
            "code", "active", "name_zh", "name_en", "counted", "field", "ranked", "span", "starts_on", "places", "minimum", "once_per_member",
            "wait_days", "automatic",
        ]  # fmt: skip

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        counted, field = asked.get("counted"), asked.get("field")
        if counted and field:
            texts = [one.name for one in activity.fact_kind(counted).shape if one.type == "text"]
            if field not in texts:
                said = (
                    _("“%(kind)s” has no text field of that name. It has: %(fields)s.") if texts else _("“%(kind)s” has no text field: it cannot be counted.")
                )
                self.add_error("field", said % {"kind": selectors.kind_name(counted), "fields": ", ".join(texts)})
        return asked


@admin.register(Board)
class BoardAdmin(HistoryAdmin):
    """What is counted, and how many are placed. A board is stopped, never deleted: its results stay."""

    form = BoardForm
    list_display = ["code", "name", "counted_name", "ranked_name", "span", "places", "automatic", "active"]
    fieldsets = [
        (None, {"fields": ["code", "active", ("name_zh", "name_en")]}),
        (
            _("What counts"),
            {
                "fields": [("counted", "field"), "ranked", "minimum"],
                "description": _("Reviews with the most likes: count “liked” by its field subject, rank “reviewed”. Equal counts: who was earlier is ahead."),
            },
        ),
        (_("Places"), {"fields": [("span", "starts_on"), ("places", "once_per_member"), ("wait_days", "automatic")],
                       "description": _("How many points a place gives is a rule about places on boards.")}),
    ]  # fmt: skip
    actions = None
    actions_detail = ["standings"]

    @display(description=_("name"))
    def name(self, board: Board) -> str:
        return board.name

    @display(description=_("what is counted"))
    def counted_name(self, board: Board) -> str:
        return selectors.kind_name(board.counted)

    @display(description=_("what is ranked"))
    def ranked_name(self, board: Board) -> str:
        return selectors.kind_name(board.ranked)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Another span would count days twice.
        return ["code", "span"] if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        today = local_date(now, programme.zone(now=now))
        return {"starts_on": today.replace(day=1), **super().get_changeform_initial_data(request)}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Board, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        verb = "board.changed" if change else "board.added"
        audit.record(actor=operator_name(request), verb=verb, subject=f"board/{obj.code}", figures={"fields": form.changed_data}, now=timezone.now())

    def has_standings_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    @action(description=_("How it stands"), permissions=["standings"], icon="leaderboard", variant=ActionVariant.PRIMARY)
    def standings(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The places of the period that runs and of the one before, counted now; nothing is written."""
        board, now = get_object_or_404(Board, pk=object_id), timezone.now()
        running = selectors.present(board, now=now)
        last = selectors.span(rules.before(running.name), now=now)
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": board,
            "original": board,
            "title": gettext("%(board)s: how it stands") % {"board": board.name},
            "board": board,
            "counted": selectors.kind_name(board.counted),
            "ranked": selectors.kind_name(board.ranked),
            "periods": [
                (title, one.name, selectors.count(board, since=one.since, until=one.until), selectors.period_of(board, one.name))
                for title, one in ((_("So far"), running), (_("The period before"), last))
            ],
        }
        return TemplateResponse(request, "admin/points/board/standings.html", page)


@admin.register(BoardPeriod)
class BoardPeriodAdmin(ReadOnlyAdmin):
    """What was counted: looked at, confirmed, granted."""

    list_display = ["shown", "board", "state", "places", "counted_at", "confirmed_by", "confirmed_at"]
    list_filter = ["status", "board"]
    list_select_related = ["board"]
    sortable_by = ()

    @display(description=_("period"))
    def shown(self, period: BoardPeriod) -> str:
        return period.period

    @display(description=_("status"), label=PERIOD_COLOURS)
    def state(self, period: BoardPeriod) -> tuple[str, str]:
        return period.status, period.get_status_display()

    @display(description=_("places"))
    def places(self, period: BoardPeriod) -> int:
        return len([one for one in period.results.all() if one.status != BoardResult.Status.WITHDRAWN])

    def get_queryset(self, request: HttpRequest) -> QuerySet[BoardPeriod]:
        return super().get_queryset(request).prefetch_related("results")

    def has_confirm_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_boardperiod")

    def get_urls(self) -> list[URLPattern]:
        pages = {"confirm": self.confirm, "count-again": self.count_again}
        own = [path(f"<uuid:period_id>/{name}/", self.admin_site.admin_view(view), name=f"points_boardperiod_{view.__name__}") for name, view in pages.items()]
        return own + super().get_urls()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        period = self.get_object(request, object_id)
        if period is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, period):
            raise PermissionDenied
        found = selectors.results(period)
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": period,
            "original": period,
            "title": f"{period.board.name} {period.period}",
            "period": period,
            "counted": selectors.kind_name(period.board.counted),
            "ranked": selectors.kind_name(period.board.ranked),
            "colour": PERIOD_COLOURS[BoardPeriod.Status(period.status)],
            "results": [(one, RESULT_COLOURS[BoardResult.Status(one.status)]) for one in found],
            "may_confirm": self.has_confirm_permission(request) and period.status == BoardPeriod.Status.PROPOSED,
            "may_withdraw": request.user.has_perm("points.change_boardresult"),
            "gave_nothing": [one for one in found if one.points == 0],
        }
        return TemplateResponse(request, "admin/points/boardperiod/period.html", page)

    def confirm(self, request: HttpRequest, period_id: UUID) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.confirm(period_id=period.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("Confirmed. What the rules give for each place is granted now.")

        period = self._period(request, period_id)
        places = self.places(period)
        consequence = ngettext(
            "%(places)s place is granted, and what the rules give for it. It can be withdrawn, and the points are taken back.",
            "%(places)s places are granted, and what the rules give for them. Each can be withdrawn, and its points are taken back.",
            places,
        ) % {"places": places}
        return self.ask(request, period, act, with_reason=True, title=_("Confirm the places"), consequence=consequence)

    def count_again(self, request: HttpRequest, period_id: UUID) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            places = services.count_again(period_id=period.id, actor=operator_name(request), now=timezone.now())
            return ngettext("Counted again: %(places)s place.", "Counted again: %(places)s places.", places) % {"places": places}

        period = self._period(request, period_id)
        consequence = _(
            "The places are proposed anew, as the facts and the board stand now. Members whose place was withdrawn are left out, the others move up."
        )
        return self.ask(request, period, act, title=_("Count again"), consequence=consequence)

    def _period(self, request: HttpRequest, period_id: UUID) -> BoardPeriod:
        if not self.has_confirm_permission(request):
            raise PermissionDenied
        return get_object_or_404(self.get_queryset(request).select_related("board"), pk=period_id)


@admin.register(BoardResult)
class BoardResultAdmin(OfMembersAdmin):
    """Every place that anybody ever had."""

    list_display = ["place", "of", "whose", "count", "state", "points", "granted_at"]
    list_filter = ["status", "board_period__board"]
    list_select_related = ["member", "board_period__board"]
    sortable_by = ()
    fields = [
        "of", "place", "whose", "fact", "count", "status", "points", "granted_at", "withdrawn_at", "withdrawn_by", "reason",
    ]  # fmt: skip
    readonly_fields = ["of", "whose"]
    actions_detail = ["withdraw"]

    @display(description=_("period"))
    def of(self, result: BoardResult) -> str:
        return page_link("points_boardperiod", result.board_period_id, f"{result.board_period.board.name} {result.board_period.period}")

    @display(description=_("status"), label=RESULT_COLOURS)
    def state(self, result: BoardResult) -> tuple[str, str]:
        return result.status, result.get_status_display()

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_boardresult")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        result = BoardResult.objects.filter(pk=object_id).first()
        return [] if result is None or result.status == BoardResult.Status.WITHDRAWN else super().get_actions_detail(request, object_id)

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            taken = services.withdraw(result_id=result.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The place is withdrawn; %(points)s points were taken back.") % {"points": f"{taken:,}"}

        result = get_object_or_404(BoardResult.objects.select_related("member", "board_period__board"), pk=object_id)
        back = _address("points_boardperiod_change", result.board_period_id)
        consequence = gettext(
            "%(member)s loses place %(place)s; what it gave is taken back, also where it is spent already. The place stays empty unless the period is "
            "counted again before it is confirmed. This is final."
        ) % {"member": result.member, "place": result.place}
        return self.ask(request, result, act, with_reason=True, title=_("Withdraw place"), consequence=consequence, back=back, danger=True)
