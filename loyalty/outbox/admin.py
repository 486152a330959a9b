import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from loyalty.lib.screens import ReadOnlyAdmin, operator_name

from . import services
from .models import OutboxRow

Status = OutboxRow.Status
STATUS_COLOURS = {Status.WAITING: "info", Status.FAILED: "danger", Status.DELIVERED: "success", Status.DROPPED: "warning"}


class TopicFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [(topic, topic) for topic in sorted(services.SUBSCRIBERS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> QuerySet[OutboxRow]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(OutboxRow)
class OutboxRowAdmin(ReadOnlyAdmin):
    list_display = ["id", "topic", "subscriber", "member_id", "state", "created_at", "due_at", "attempts", "error_shown"]
    list_filter = ["status", TopicFilter]
    search_fields = ["id"]
    search_help_text = _("The number of an event, or the id of a member")
    ordering = ["-id"]
    fields = ["topic", "subscriber", "member_id", "status", "content", "created_at", "attempts", "due_at", "last_error", "settled_at"]
    readonly_fields = ["content"]
    actions_list = ["retry_all"]
    actions_detail = ["retry", "drop"]

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("loyalty.decide_outboxrow")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[OutboxRow], search_term: str) -> tuple[QuerySet[OutboxRow], bool]:
        if not search_term:
            return queryset, False
        if search_term.isascii() and search_term.isdigit():
            return queryset.filter(id=min(int(search_term), 2**63 - 1)), False
        try:
            return queryset.filter(member_id=UUID(search_term)), False
        except ValueError:
            return queryset.none(), False

    @action(description=_("Retry"), permissions=["decide"], icon="replay")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("The event is delivered again at once, and with it what waits behind it.")
        return self._act(request, object_id, services.retry, _("The event is on its way again."), title=_("Retry this event"), consequence=consequence)

    @action(description=_("Drop"), permissions=["decide"], icon="delete", variant=ActionVariant.DANGER)
    def drop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("The subscriber never hears of this event, and what waits behind it goes on. This cannot be undone.")
        return self._act(request, object_id, services.drop, _("The event was dropped."), title=_("Drop this event"), consequence=consequence, danger=True)

    def _act(self, request: HttpRequest, object_id: str, verb: Callable[..., OutboxRow], said: Any, **page: Any) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            verb(row_id=row.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return said

        row = self.found(request, object_id)
        return self.ask(request, row, act, with_reason=True, **page)

    @action(description=_("Retry all that failed"), permissions=["decide"], icon="replay")
    def retry_all(self, request: HttpRequest) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            count = services.retry_all(limit=1000, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return gettext("Events on their way again: %(count)s.") % {"count": count}

        consequence = _("Every event that has failed for good is tried again by the job within a minute, 1,000 at a time.")
        return self.ask(request, None, act, with_reason=True, title=_("Retry all that failed"), consequence=consequence)

    @display(description=_("status"), label=STATUS_COLOURS, ordering="status")
    def state(self, row: OutboxRow) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("error"))
    def error_shown(self, row: OutboxRow) -> str:
        return row.last_error[:80]

    @display(description=_("content"))
    def content(self, row: OutboxRow) -> Any:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))
