from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.members import selectors as members
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ConfigurationAdmin, NoQuestion, ReadOnlyAdmin, ReasonForm, confirm, operator_name

from . import selectors, services
from .models import Copy, Erasure, LeavingTerms

Status = Erasure.Status
STATUS_COLOURS = {
    Status.WAITING: "warning", Status.APPROVED: "warning", Status.DONE: "success", Status.REFUSED: "danger", Status.CALLED_OFF: "info",
}  # fmt: skip


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


class OfMembersAdmin(ReadOnlyAdmin):
    """Rows of members, found by the storefront's id."""

    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    list_select_related = ["member"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(member_id=members.id_of(external_id=search_term.strip())) if search_term.strip() else queryset), False

    @display(description=_("member"))
    def whose(self, row: Any) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:accounts_member_change", args=[row.member_id]), row.member)


@admin.register(LeavingTerms)
class LeavingTermsAdmin(ConfigurationAdmin):
    """How long an erasure can be called off, and a copy can be downloaded."""

    fields = ["erasure_days", "copy_days"]


@admin.register(Copy)
class CopyAdmin(OfMembersAdmin):
    list_display = ["asked_at", "whose", "state", "asked_by", "made_at", "until", "size", "rows"]
    list_filter = ["status", "asked_at"]
    fields = ["whose", "status", "asked_by", "asked_at", "made_at", "until", "size", "rows"]
    readonly_fields = ["whose", "size"]
    actions_detail = ["download_file"]

    @display(description=_("status"), label={Copy.Status.WAITING: "warning", Copy.Status.READY: "success", Copy.Status.DELETED: "info"})
    def state(self, copy: Copy) -> tuple[str, str]:
        return copy.status, copy.get_status_display()

    @display(description=_("size"))
    def size(self, copy: Copy) -> str:
        return filesizeformat(copy.bytes) if copy.bytes else ""

    def has_download_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.export_member")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        ready = Copy.objects.filter(pk=object_id, status=Copy.Status.READY).exists()
        return super().get_actions_detail(request, object_id) if ready else []

    @action(description=_("Download"), permissions=["download"], icon="download")
    def download_file(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        copy = get_object_or_404(Copy, pk=_uuid(object_id))
        try:
            services.note_download(copy=copy, actor=operator_name(request), now=timezone.now())
        except BusinessError as refusal:
            self.message_user(request, refusal.message, level="error")
            return HttpResponseRedirect(reverse("admin:accounts_copy_change", args=[copy.id]))
        return StreamingHttpResponse(selectors.content(copy), content_type="application/zip", headers=selectors.headers(copy))


@admin.register(Erasure)
class ErasureAdmin(OfMembersAdmin):
    list_display = ["requested_at", "whose", "state", "reason", "requested_by", "decided_by", "due_at", "done_at"]
    list_filter = ["status", "requested_at"]
    list_select_related = ["member", "requested_by", "decided_by"]
    fieldsets = [
        (None, {"fields": ["status", "whose", "reason", "due_at", "done_at"]}),
        (_("Who and when"), {"fields": ["requested_by", "requested_at", "decided_by", "decided_at", "decision_reason"]}),
        (_("What was cleared"), {"fields": ["cleared"]}),
    ]
    readonly_fields = ["whose", "cleared"]
    actions_detail = ["approve", "refuse", "call_off"]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status=Status.WAITING, then=0), When(status=Status.APPROVED, then=1), default=2), "-requested_at", "-id"]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, erasure: Erasure) -> tuple[str, str]:
        return erasure.status, erasure.get_status_display()

    @display(description=_("rows"))
    def cleared(self, erasure: Erasure) -> str:
        return ", ".join(f"{name}: {count:,}" for name, count in erasure.figures.items()) or gettext("nothing yet")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.decide_erasure")

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.erase_member") or self.has_decide_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        erasure = Erasure.objects.filter(pk=object_id, status__in=Erasure.OPEN).first()
        decides = erasure is not None and erasure.status == Status.WAITING and erasure.requested_by_id != request.user.pk
        offered = {"approve", "refuse"} if decides else {"call_off"} if erasure else set()
        return [one for one in super().get_actions_detail(request, object_id) if one.path.replace("-", "_") in offered]

    @action(description=_("Approve"), permissions=["decide"], icon="check", variant=ActionVariant.DANGER)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.approve_erasure(erasure_id=erasure.id, operator_id=request.user.pk, now=timezone.now())
            return _("The erasure is approved. Until it is carried out it can be called off.")

        erasure = get_object_or_404(Erasure.objects.select_related("member", "requested_by"), pk=_uuid(object_id))
        consequence = gettext(
            "%(who)s asks to erase %(member)s: “%(reason)s”. After %(days)s days everything that says who this is is cleared, and nobody can bring it back. "
            "Points still there are forfeited; rows and figures stay."
        ) % {"who": erasure.requested_by, "member": erasure.member, "reason": erasure.reason, "days": selectors.terms().erasure_days}
        form = NoQuestion(request.POST if request.method == "POST" else None)
        return self._ask(request, erasure, act, form, title=_("Approve erasure"), consequence=consequence, danger=True)

    @action(description=_("Refuse"), permissions=["decide"], icon="block")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.refuse_erasure(erasure_id=erasure.id, operator_id=request.user.pk, reason=asked["reason"], now=timezone.now())
            return _("The erasure is refused. Nothing was cleared.")

        erasure = get_object_or_404(Erasure, pk=_uuid(object_id))
        consequence = _("Nothing is cleared. Who asked for it sees your reason.")
        return self._ask(request, erasure, act, ReasonForm(request.POST or None), title=_("Refuse erasure"), consequence=consequence)

    @action(description=_("Call off"), permissions=["ask"], icon="undo")
    def call_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.call_off_erasure(erasure_id=erasure.id, operator_id=request.user.pk, reason=asked["reason"], now=timezone.now())
            return _("The erasure is called off. Nothing was cleared.")

        erasure = get_object_or_404(Erasure, pk=_uuid(object_id))
        consequence = _("The member stays as they are. It can be asked for again.")
        return self._ask(request, erasure, act, ReasonForm(request.POST or None), title=_("Call off erasure"), consequence=consequence)

    def _ask(self, request: HttpRequest, erasure: Erasure, act: Callable[[Mapping[str, Any]], Any], form: forms.Form, **page: Any) -> HttpResponse:
        back = reverse("admin:accounts_erasure_change", args=[erasure.id])
        context = {"opts": self.opts, "object": erasure, "original": erasure}
        return confirm(request, site=self.admin_site, form=form, act=act, back=back, context=context, **page)
