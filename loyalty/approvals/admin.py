from collections.abc import Callable, Collection, Mapping
from typing import Any

from django.db.models import Case, Model, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from loyalty.lib.screens import ReadOnlyAdmin

from .models import Request

Status = Request.Status
COLOURS = {Status.WAITING: "warning", Status.APPLIED: "success", Status.REFUSED: "danger", Status.WITHDRAWN: "info"}


class RequestAdmin(ReadOnlyAdmin):
    """What waits stands first; a request's page has the buttons that can do something now, and each of them asks before it acts.

    Subclasses name the `verbs` behind the buttons, which take the request as `<model>_id`, and say what approving it means.
    """

    verbs: Mapping[str, Callable[..., Any]]
    # The sentence that reports an approval.
    approved: Any
    list_filter = ["status", "requested_at"]
    who_and_when = (_("Who and when"), {"fields": ["requested_by", "requested_at", "decided_by", "decided_at", "decision_reason"]})
    actions_detail = ["approve", "refuse", "withdraw"]

    def approval(self, row: Any) -> dict[str, Any]:
        """What the page says that asks before `row` is approved, as `confirm` takes it: its `consequence` at least."""
        raise NotImplementedError

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.decide_{self.opts.model_name}")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status=Status.WAITING, then=0), default=1), "-requested_at", "-id"]

    @display(description=_("status"), label=COLOURS)
    def state(self, row: Any) -> tuple[str, str]:
        return row.status, row.get_status_display()

    def offered(self, row: Any, *, own: bool) -> Collection[str]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        if row.status != Status.WAITING:
            return ()
        return ("withdraw",) if own else ("approve", "refuse")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, str(object_id))
        offered = self.offered(row, own=row.requested_by_id == request.user.pk) if row else ()
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    @action(description=_("Approve"), permissions=["decide"], icon="check", variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.found(request, object_id)
        return self.decide(request, row, "approve", report=self.approved, title=_("Approve"), **self.approval(row))

    @action(description=_("Refuse"), permissions=["decide"], icon="block")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = {"title": _("Refuse"), "consequence": _("Nothing happens. Who asked for it sees your reason.")}
        return self.decide(request, self.found(request, object_id), "refuse", report=_("It is refused. Nothing happened."), **said, with_reason=True)

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = {"title": _("Withdraw request"), "consequence": _("You take your own request back. Nothing happens.")}
        return self.decide(request, self.found(request, object_id), "withdraw", report=_("Your request is withdrawn. Nothing happened."), **said)

    def decide(self, request: HttpRequest, row: Model, verb: str, *, report: Any, **page: Any) -> HttpResponse:
        """Ask, then let that verb do it; `report` is the sentence that says so."""

        def act(given: Mapping[str, Any]) -> Any:
            self.verbs[verb](**{f"{self.opts.model_name}_id": row.pk}, operator_id=request.user.pk, **given, now=timezone.now())
            return report

        return self.ask(request, row, act, **page)
