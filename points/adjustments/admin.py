from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.members.admin import MemberField, OfMembersAdmin
from loyalty.approvals.admin import RequestAdmin
from loyalty.lib.ids import new_id
from loyalty.lib.screens import HistoryAdmin, in_two_steps, page_link
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import rules, selectors, services
from .models import Adjustment, AdjustmentLimit

Status = Adjustment.Status
MOST = 1_000_000_000


class RequestForm(forms.Form):
    """`key` is made with the form, so that a form sent twice is one request."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    member = MemberField()
    points = forms.IntegerField(
        label=_("Points"),
        min_value=-MOST,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Above zero gives points, below zero takes them: 500 or -500."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Why it is right: a complaint's number, what went wrong. Kept for good with the entry."),
    )  # fmt: skip
    cost_centre = forms.CharField(
        label=_("Cost centre"),
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Who pays for these points in the books, if your books need it."),
    )

    def clean_points(self) -> int:
        if not self.cleaned_data["points"]:
            raise forms.ValidationError(services.NothingToAdjust.title)
        return self.cleaned_data["points"]


def effect(*, member_id: UUID, points: int) -> list[tuple[Any, str, str]]:
    """What an adjustment does to the buckets, for the page that asks before it."""
    before = books.balance(member_id=member_id, now=timezone.now())
    after = rules.effect(available=before.available, debt=before.debt, points=points)
    rows = [(_("available"), f"{before.available:,}", f"{after.available:,}")]
    return rows + ([(_("owed"), f"{before.debt:,}", f"{after.debt:,}")] if before.debt else [])


@admin.register(Adjustment)
class AdjustmentAdmin(RequestAdmin, OfMembersAdmin):
    list_display = ["requested_at", "whose", "signed", "state", "reason", "requested_by", "decided_by", "decided_at"]
    list_select_related = ["member", "requested_by", "decided_by"]
    fieldsets = [
        (None, {"fields": ["status", "whose", "signed", "reason", "cost_centre"]}),
        RequestAdmin.who_and_when,
        (_("In the books"), {"fields": ["booked"]}),
    ]
    readonly_fields = ["whose", "signed", "booked"]
    verbs = {"approve": services.approve, "refuse": services.refuse, "withdraw": services.withdraw}
    approved = _("The adjustment is approved and booked.")

    @display(description=_("points"))
    def signed(self, adjustment: Adjustment) -> str:
        return f"{adjustment.points:+,}"

    @display(description=_("entry"))
    def booked(self, adjustment: Adjustment) -> str:
        if adjustment.entry_id is None:
            return gettext("not booked")
        return page_link("points_entry", adjustment.entry_id, adjustment.entry)

    def approval(self, adjustment: Adjustment) -> dict[str, Any]:
        consequence = gettext("%(who)s asks for %(points)s points for %(member)s: “%(reason)s”. Once booked, it can only be undone by another adjustment.") % {
            "who": adjustment.requested_by, "points": f"{adjustment.points:+,}", "member": adjustment.member, "reason": adjustment.reason,
        }  # fmt: skip
        return {"consequence": consequence, "effect": effect(member_id=adjustment.member_id, points=adjustment.points)}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        def preview(asked: Mapping[str, Any]) -> Mapping[str, Any]:
            has = books.balance(member_id=asked["member"], now=timezone.now())
            if rules.effect(available=has.available, debt=has.debt, points=asked["points"]).available < 0:
                raise ledger.InsufficientPoints
            return {
                "effect": effect(member_id=asked["member"], points=asked["points"]),
                "asked": asked,
                "member": request.POST["member"],
                "waits": selectors.would_wait(operator_id=request.user.pk, points=asked["points"], now=timezone.now()),
                "signed": f"{asked['points']:+,}",
            }

        def act(asked: Mapping[str, Any]) -> str:
            about = {"points": asked["points"], "reason": asked["reason"], "cost_centre": asked["cost_centre"], "key": asked["key"]}
            adjustment = services.request(member_id=asked["member"], **about, operator_id=request.user.pk, now=timezone.now())
            if adjustment.status == Status.APPLIED:
                messages.success(request, _("The points were adjusted."))
            else:
                messages.warning(request, _("This waits for a second person, who finds it on the overview and in the list of adjustments."))
            return reverse("admin:points_adjustment_change", args=[adjustment.id])

        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RequestForm(request.POST or None, initial={"key": new_id(), "member": request.GET.get("member", "")})
        return in_two_steps(
            request, site=self.admin_site, title=_("Adjust points"), consequence=self._own_limit(request), form=form, preview=preview, act=act,
            back=reverse("admin:points_adjustment_changelist"), template="admin/points/adjustment/preview.html", context={"opts": self.opts},
        )  # fmt: skip

    def _own_limit(self, request: HttpRequest) -> str:
        limit = selectors.limit_of(operator_id=request.user.pk)
        if not min(limit):
            return gettext("Whatever you request here waits for a second person: your role has no limit of its own.")
        used = selectors.used_today(operator_id=request.user.pk, now=timezone.now())
        said = gettext("Up to %(per_adjustment)s points at a time, and %(left)s more today, are applied at once. Beyond that a second person decides.")
        return said % {"per_adjustment": f"{limit.per_adjustment:,}", "left": f"{max(0, limit.per_day - used):,}"}


@admin.register(AdjustmentLimit)
class AdjustmentLimitAdmin(HistoryAdmin):
    """How many points each role may move alone. A role that is not listed moves nothing alone; neither does a superuser without a role."""

    list_display = ["role", "per_adjustment", "per_day"]
    fields = ["group", "per_adjustment", "per_day"]
    list_select_related = ["group"]
    actions = None

    @display(description=_("role"))
    def role(self, limit: AdjustmentLimit) -> str:
        return gettext(limit.group.name)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.remote_field.model is Group:
            field.label_from_instance = lambda group: gettext(group.name)
            field.widget.can_add_related = field.widget.can_change_related = field.widget.can_delete_related = field.widget.can_view_related = False
        return field
