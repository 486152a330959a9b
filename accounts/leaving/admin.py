from collections.abc import Collection
from typing import Any

from django.contrib import admin
from django.db.models import Case, When
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.members.admin import OfMembersAdmin
from loyalty.approvals.admin import RequestAdmin
from loyalty.lib.callers import named
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ConfigurationAdmin, operator_name

from . import selectors, services
from .models import Copy, Erasure, LeavingTerms

Status = Erasure.Status
STATUS_COLOURS = {
    Status.WAITING: "warning", Status.APPROVED: "warning", Status.DONE: "success", Status.REFUSED: "danger", Status.CALLED_OFF: "info",
}  # fmt: skip


@admin.register(LeavingTerms)
class LeavingTermsAdmin(ConfigurationAdmin):
    """How long an erasure can be called off, and a copy can be downloaded."""

    fields = ["erasure_days", "copy_days"]


@admin.register(Copy)
class CopyAdmin(OfMembersAdmin):
    list_display = ["asked_at", "whose", "state", "by", "made_at", "until", "size", "rows"]
    list_filter = ["status", "asked_at"]
    fields = ["whose", "status", "by", "asked_at", "made_at", "until", "size", "rows"]
    readonly_fields = ["whose", "by", "size"]
    actions_detail = ["download_file"]

    @display(description=_("status"), label={Copy.Status.WAITING: "warning", Copy.Status.READY: "success", Copy.Status.DELETED: "info"})
    def state(self, copy: Copy) -> tuple[str, str]:
        return copy.status, copy.get_status_display()

    @display(description=_("asked by"))
    def by(self, copy: Copy) -> str:
        return named(copy.asked_by)

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
        copy = self.found(request, object_id)
        try:
            services.note_download(copy=copy, actor=operator_name(request), now=timezone.now())
        except BusinessError as refusal:
            self.message_user(request, refusal.message, level="error")
            return HttpResponseRedirect(reverse("admin:accounts_copy_change", args=[copy.id]))
        return StreamingHttpResponse(selectors.content(copy), content_type="application/zip", headers=selectors.headers(copy))


@admin.register(Erasure)
class ErasureAdmin(RequestAdmin, OfMembersAdmin):
    list_display = ["requested_at", "whose", "state", "reason", "requested_by", "decided_by", "due_at", "done_at"]
    list_select_related = ["member", "requested_by", "decided_by"]
    fieldsets = [
        (None, {"fields": ["status", "whose", "reason", "due_at", "done_at"]}),
        RequestAdmin.who_and_when,
        (_("What was cleared"), {"fields": ["cleared"]}),
    ]
    readonly_fields = ["whose", "cleared"]
    actions_detail = ["approve", "refuse", "call_off"]
    verbs = {"approve": services.approve_erasure, "refuse": services.refuse_erasure, "call_off": services.call_off_erasure}
    approved = _("The erasure is approved. Until it is carried out it can be called off.")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status=Status.WAITING, then=0), When(status=Status.APPROVED, then=1), default=2), "-requested_at", "-id"]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, erasure: Erasure) -> tuple[str, str]:
        return erasure.status, erasure.get_status_display()

    @display(description=_("rows"))
    def cleared(self, erasure: Erasure) -> str:
        return ", ".join(f"{name}: {count:,}" for name, count in erasure.figures.items()) or gettext("nothing yet")

    def has_add_permission(self, request: HttpRequest) -> bool:
        # It is asked for on the member's page.
        return False

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.erase_member") or self.has_decide_permission(request)

    def offered(self, erasure: Erasure, *, own: bool) -> Collection[str]:
        if erasure.status == Status.WAITING and not own:
            return ("approve", "refuse")
        return ("call_off",) if erasure.status in Erasure.OPEN else ()

    def approval(self, erasure: Erasure) -> dict[str, Any]:
        consequence = gettext(
            "%(who)s asks to erase %(member)s: “%(reason)s”. After %(days)s days everything that says who this is is cleared, and nobody can bring it back. "
            "Points still there are forfeited; rows and figures stay."
        ) % {"who": erasure.requested_by, "member": erasure.member, "reason": erasure.reason, "days": selectors.terms().erasure_days}
        return {"consequence": consequence, "danger": True}

    @action(description=_("Call off"), permissions=["ask"], icon="undo")
    def call_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = {"title": _("Call off erasure"), "consequence": _("The member stays as they are. It can be asked for again.")}
        report = _("The erasure is called off. Nothing was cleared.")
        return self.decide(request, self.found(request, object_id), "call_off", report=report, **said, with_reason=True)
