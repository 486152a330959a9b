from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Case, Q, QuerySet, When
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
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.members.models import Member
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import NoQuestion, ReadOnlyAdmin, ReasonForm, confirm

from . import selectors, services
from .models import Merge

Status = Merge.Status
STATUS_COLOURS = {Status.WAITING: "warning", Status.APPLIED: "success", Status.REFUSED: "danger", Status.WITHDRAWN: "info"}
ASKED = "admin/points/merge/preview.html"
SHOWN = "admin/points/merge/decide.html"


class MergeForm(forms.Form):
    """`key` is made with the form, so that a form sent twice is one request."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    merged = forms.CharField(
        label=_("Who is merged"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The storefront's id of the record that goes. Its id then answers for the other."),
    )
    survivor = forms.CharField(
        label=_("Who survives"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("The storefront's id of the record that stays and gets the points."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("How you know that both are one person. Kept for good."),
    )

    def _member(self, name: str) -> Member:
        found = Member.objects.filter(external_id=self.cleaned_data[name].strip()).first()
        if found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found

    def clean_merged(self) -> Member:
        return self._member("merged")

    def clean_survivor(self) -> Member:
        return self._member("survivor")


def table(seen: selectors.Preview) -> list[tuple[Any, Any, Any, Any]]:
    """What both bring, and what the survivor has then: rows of (what, merged, survivor, afterwards)."""
    old, stays = seen.merged, seen.survivor
    rows = [
        (_("name"), old.member.name, stays.member.name, stays.member.name or old.member.name),
        (_("phone"), old.member.phone, stays.member.phone, stays.member.phone or old.member.phone),
        (_("birthday"), old.member.birthday, stays.member.birthday, stays.member.birthday or old.member.birthday),
        (_("tier"), old.tier, stays.tier, old.tier if old.rank > stays.rank else stays.tier),
        (_("available"), old.balance.available, stays.balance.available, seen.available),
        (_("held"), old.balance.held, stays.balance.held, stays.balance.held),
        (_("pending"), old.balance.pending, stays.balance.pending, seen.pending),
        (_("owed"), old.balance.debt, stays.balance.debt, seen.debt),
        (_("cards"), old.cards, stays.cards, old.cards + stays.cards),
    ]
    return [tuple(f"{cell:,}" if isinstance(cell, int) else cell or "" for cell in row) for row in rows]  # type: ignore[misc]


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


@admin.register(Merge)
class MergeAdmin(ReadOnlyAdmin):
    list_display = ["requested_at", "old", "stays", "state", "reason", "requested_by", "decided_by", "decided_at"]
    list_filter = ["status", "requested_at"]
    list_select_related = ["merged", "survivor", "requested_by", "decided_by"]
    search_fields = ["merged"]
    search_help_text = _("The storefront's id of either of them")
    fieldsets = [
        (None, {"fields": ["status", "old", "stays", "reason"]}),
        (_("Who and when"), {"fields": ["requested_by", "requested_at", "decided_by", "decided_at", "decision_reason"]}),
        (_("What moved"), {"fields": ["moved"]}),
    ]
    readonly_fields = ["old", "stays", "moved"]
    actions_detail = ["approve", "refuse", "withdraw"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.add_merge")

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.decide_merge")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status=Status.WAITING, then=0), default=1), "-requested_at", "-id"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Merge], search_term: str) -> tuple[QuerySet[Merge], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(merged__external_id=term) | Q(survivor__external_id=term)) if term else queryset), False

    def _page_of(self, member: Member) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:accounts_member_change", args=[member.id]), member)

    @display(description=_("is merged"))
    def old(self, merge: Merge) -> str:
        return self._page_of(merge.merged)

    @display(description=_("survives"))
    def stays(self, merge: Merge) -> str:
        return self._page_of(merge.survivor)

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, merge: Merge) -> tuple[str, str]:
        return merge.status, merge.get_status_display()

    @display(description=_("what moved"))
    def moved(self, merge: Merge) -> str:
        if merge.status != Status.APPLIED:
            return gettext("nothing yet")
        said = gettext(
            "%(points)s points; %(holds)s holds released, %(offers)s offers claimed, %(cards)s cards, %(segments)s segments, %(referrals)s referrals"
        )
        return said % {**merge.figures, "points": f"{merge.figures['points']:,}"}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Two steps: whom, then what both bring and what comes of it, with the question whether to go on."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MergeForm(request.POST or None, initial={"key": new_id(), "merged": request.GET.get("member", "")})
        back = reverse("admin:points_merge_changelist")
        page = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Merge two members"), "back": back, "form": form}
        page |= {"button": _("Go on"), "consequence": _("For two records of one person. A second person has to approve it; it cannot be undone.")}
        if not form.is_valid() or "again" in request.POST:
            return TemplateResponse(request, "admin/confirm.html", page)
        asked, now = form.cleaned_data, timezone.now()
        if "confirmed" in request.POST:
            about = {"merged_id": asked["merged"].id, "survivor_id": asked["survivor"].id, "reason": asked["reason"], "key": asked["key"]}
            try:
                with transaction.atomic():
                    merge = services.request(**about, operator_id=request.user.pk, now=now)
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
                return TemplateResponse(request, "admin/confirm.html", page)
            messages.warning(request, _("This waits for a second person, who finds it on the overview and in the list of merges."))
            return HttpResponseRedirect(reverse("admin:points_merge_change", args=[merge.id]))
        return TemplateResponse(request, ASKED, {**page, **self._preview(asked["merged"], asked["survivor"])})

    def _preview(self, merged: Member, survivor: Member) -> dict[str, Any]:
        seen = selectors.preview(merged=merged, survivor=survivor, now=timezone.now())
        return {"merged": merged, "survivor": survivor, "both": table(seen), "notes": seen.notes}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        merge = Merge.objects.filter(pk=object_id, status=Status.WAITING).first()
        own = merge is not None and merge.requested_by_id == request.user.pk
        offered = {"withdraw"} if own else {"approve", "refuse"} if merge else set()
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    @action(description=_("Approve"), permissions=["decide"], icon="check", variant=ActionVariant.PRIMARY)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.approve(merge_id=merge.id, operator_id=request.user.pk, now=timezone.now())
            return _("The members are merged.")

        merge = get_object_or_404(Merge.objects.select_related("merged", "survivor", "requested_by"), pk=_uuid(object_id))
        consequence = gettext("%(who)s asks to merge %(merged)s into %(survivor)s: “%(reason)s”. It cannot be undone.") % {
            "who": merge.requested_by, "merged": merge.merged, "survivor": merge.survivor, "reason": merge.reason,
        }  # fmt: skip
        form = NoQuestion(request.POST if request.method == "POST" else None)
        page = {"title": _("Approve merge"), "consequence": consequence, "danger": True, "template": SHOWN}
        return self._ask(request, merge, act, form, **page, more=self._preview(merge.merged, merge.survivor))

    @action(description=_("Refuse"), permissions=["decide"], icon="block")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.refuse(merge_id=merge.id, operator_id=request.user.pk, reason=asked["reason"], now=timezone.now())
            return _("The merge is refused. Nothing moved.")

        merge = get_object_or_404(Merge, pk=_uuid(object_id))
        consequence = _("Nothing moves. Who asked for it sees your reason.")
        return self._ask(request, merge, act, ReasonForm(request.POST or None), title=_("Refuse merge"), consequence=consequence)

    @action(description=_("Withdraw"), permissions=["withdraw"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.withdraw(merge_id=merge.id, operator_id=request.user.pk, now=timezone.now())
            return _("Your request is withdrawn. Nothing moved.")

        merge = get_object_or_404(Merge, pk=_uuid(object_id))
        form = NoQuestion(request.POST if request.method == "POST" else None)
        return self._ask(request, merge, act, form, title=_("Withdraw request"), consequence=_("You take your own request back. Nothing moves."))

    def _ask(
        self,
        request: HttpRequest,
        merge: Merge,
        act: Callable[[Mapping[str, Any]], Any],
        form: forms.Form,
        *,
        more: Mapping[str, Any] | None = None,
        **page: Any,
    ) -> HttpResponse:
        back = reverse("admin:points_merge_change", args=[merge.id])
        context = {"opts": self.opts, "object": merge, "original": merge, **(more or {})}
        return confirm(request, site=self.admin_site, form=form, act=act, back=back, context=context, **page)
