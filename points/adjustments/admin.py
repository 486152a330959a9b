from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.members import selectors as members
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, NoQuestion, ReadOnlyAdmin, ReasonForm, confirm
from points.ledger import selectors as books
from points.ledger import services as ledger

from . import rules, selectors, services
from .models import Adjustment, AdjustmentLimit

Status = Adjustment.Status
STATUS_COLOURS = {Status.WAITING: "warning", Status.APPLIED: "success", Status.REFUSED: "danger", Status.WITHDRAWN: "info"}
MOST = 1_000_000_000


class RequestForm(forms.Form):
    """`key` is made with the form, so that a form sent twice is one request."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    member = forms.CharField(label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))
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

    def clean_member(self) -> UUID:
        found = members.id_of(external_id=self.cleaned_data["member"].strip())
        if found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found

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


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@admin.register(Adjustment)
class AdjustmentAdmin(ReadOnlyAdmin):
    list_display = ["requested_at", "whose", "signed", "state", "reason", "requested_by", "decided_by", "decided_at"]
    list_filter = ["status", "requested_at"]
    list_select_related = ["member", "requested_by", "decided_by"]
    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    fieldsets = [
        (None, {"fields": ["status", "whose", "signed", "reason", "cost_centre"]}),
        (_("Who and when"), {"fields": ["requested_by", "requested_at", "decided_by", "decided_at", "decision_reason"]}),
        (_("In the books"), {"fields": ["booked"]}),
    ]
    readonly_fields = ["whose", "signed", "booked"]
    actions_detail = ["approve", "refuse", "withdraw"]

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.decide_adjustment")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.add_adjustment")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status=Status.WAITING, then=0), default=1), "-requested_at", "-id"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Adjustment], search_term: str) -> tuple[QuerySet[Adjustment], bool]:
        return (queryset.filter(member_id=members.id_of(external_id=search_term.strip())) if search_term.strip() else queryset), False

    @display(description=_("member"))
    def whose(self, adjustment: Adjustment) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:accounts_member_change", args=[adjustment.member_id]), adjustment.member)

    @display(description=_("points"))
    def signed(self, adjustment: Adjustment) -> str:
        return f"{adjustment.points:+,}"

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, adjustment: Adjustment) -> tuple[str, str]:
        return adjustment.status, adjustment.get_status_display()

    @display(description=_("entry"))
    def booked(self, adjustment: Adjustment) -> str:
        if adjustment.entry_id is None:
            return gettext("not booked")
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:points_entry_change", args=[adjustment.entry_id]), adjustment.entry)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Two steps: the form, then what it would do, with the question whether to go on."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RequestForm(request.POST or None, initial={"key": new_id(), "member": request.GET.get("member", "")})
        back = reverse("admin:points_adjustment_changelist")
        page = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Adjust points"), "back": back, "form": form}
        if not form.is_valid() or "again" in request.POST:
            page |= {"button": _("Go on"), "consequence": self._own_limit(request)}
            return TemplateResponse(request, "admin/confirm.html", page)
        asked, now = form.cleaned_data, timezone.now()
        if "confirmed" in request.POST:
            try:
                with transaction.atomic():
                    adjustment = services.request(
                        member_id=asked["member"],
                        points=asked["points"],
                        reason=asked["reason"],
                        cost_centre=asked["cost_centre"],
                        operator_id=request.user.pk,
                        key=asked["key"],
                        now=now,
                    )
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
                return TemplateResponse(request, "admin/confirm.html", {**page, "button": _("Go on"), "consequence": self._own_limit(request)})
            if adjustment.status == Status.APPLIED:
                messages.success(request, _("The points were adjusted."))
            else:
                messages.warning(request, _("This waits for a second person, who finds it on the overview and in the list of adjustments."))
            return HttpResponseRedirect(reverse("admin:points_adjustment_change", args=[adjustment.id]))
        has = books.balance(member_id=asked["member"], now=now)
        if rules.effect(available=has.available, debt=has.debt, points=asked["points"]).available < 0:
            form.add_error(None, ledger.InsufficientPoints.title)
            return TemplateResponse(request, "admin/confirm.html", {**page, "button": _("Go on"), "consequence": self._own_limit(request)})
        waits = selectors.would_wait(operator_id=request.user.pk, points=asked["points"], now=now)
        page |= {
            "effect": effect(member_id=asked["member"], points=asked["points"]),
            "asked": asked,
            "member": request.POST["member"],
            "waits": waits,
            "signed": f"{asked['points']:+,}",
        }  # fmt: skip
        return TemplateResponse(request, "admin/points/adjustment/preview.html", page)

    def _own_limit(self, request: HttpRequest) -> str:
        limit = selectors.limit_of(operator_id=request.user.pk)
        if not min(limit):
            return gettext("Whatever you request here waits for a second person: your role has no limit of its own.")
        used = selectors.used_today(operator_id=request.user.pk, now=timezone.now())
        said = gettext("Up to %(per_adjustment)s points at a time, and %(left)s more today, are applied at once. Beyond that a second person decides.")
        return said % {"per_adjustment": f"{limit.per_adjustment:,}", "left": f"{max(0, limit.per_day - used):,}"}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        adjustment = Adjustment.objects.filter(pk=object_id, status=Status.WAITING).first()
        own = adjustment is not None and adjustment.requested_by_id == request.user.pk
        offered = {"withdraw"} if own else {"approve", "refuse"} if adjustment else set()
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    @action(description=_("Approve"), permissions=["decide"], icon="check", variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.approve(adjustment_id=adjustment.id, operator_id=request.user.pk, now=timezone.now())
            return _("The adjustment is approved and booked.")

        adjustment = get_object_or_404(Adjustment.objects.select_related("member", "requested_by"), pk=_uuid(object_id))
        consequence = gettext("%(who)s asks for %(points)s points for %(member)s: “%(reason)s”. Once booked, it can only be undone by another adjustment.") % {
            "who": adjustment.requested_by, "points": f"{adjustment.points:+,}", "member": adjustment.member, "reason": adjustment.reason,
        }  # fmt: skip
        shown = effect(member_id=adjustment.member_id, points=adjustment.points)
        return self._ask(
            request,
            adjustment,
            act,
            NoQuestion(request.POST if request.method == "POST" else None),
            title=_("Approve adjustment"),
            consequence=consequence,
            effect=shown,
        )

    @action(description=_("Refuse"), permissions=["decide"], icon="block")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.refuse(adjustment_id=adjustment.id, operator_id=request.user.pk, reason=asked["reason"], now=timezone.now())
            return _("The adjustment is refused. Nothing was booked.")

        adjustment = get_object_or_404(Adjustment, pk=_uuid(object_id))
        consequence = _("Nothing is booked. Who asked for it sees your reason.")
        return self._ask(request, adjustment, act, ReasonForm(request.POST or None), title=_("Refuse adjustment"), consequence=consequence, danger=True)

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.withdraw(adjustment_id=adjustment.id, operator_id=request.user.pk, now=timezone.now())
            return _("Your request is withdrawn. Nothing was booked.")

        adjustment = get_object_or_404(Adjustment, pk=_uuid(object_id))
        consequence = _("You take your own request back. Nothing is booked.")
        return self._ask(
            request, adjustment, act, NoQuestion(request.POST if request.method == "POST" else None), title=_("Withdraw request"), consequence=consequence
        )

    def _ask(self, request: HttpRequest, adjustment: Adjustment, act: Any, form: forms.Form, **page: Any) -> HttpResponse:
        back = reverse("admin:points_adjustment_change", args=[adjustment.id])
        context = {"opts": self.opts, "object": adjustment, "original": adjustment}
        return confirm(request, site=self.admin_site, form=form, act=act, back=back, context=context, **page)


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
