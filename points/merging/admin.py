from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.members.models import Member
from loyalty.approvals.admin import RequestAdmin
from loyalty.lib.ids import new_id
from loyalty.lib.screens import in_two_steps, page_link

from . import selectors, services
from .models import Merge

Status = Merge.Status
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


@admin.register(Merge)
class MergeAdmin(RequestAdmin):
    list_display = ["requested_at", "old", "stays", "state", "reason", "requested_by", "decided_by", "decided_at"]
    list_select_related = ["merged", "survivor", "requested_by", "decided_by"]
    search_fields = ["merged"]
    search_help_text = _("The storefront's id of either of them")
    fieldsets = [
        (None, {"fields": ["status", "old", "stays", "reason"]}),
        RequestAdmin.who_and_when,
        (_("What moved"), {"fields": ["moved"]}),
    ]
    readonly_fields = ["old", "stays", "moved"]
    verbs = {"approve": services.approve, "refuse": services.refuse, "withdraw": services.withdraw}
    approved = _("The members are merged.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Merge], search_term: str) -> tuple[QuerySet[Merge], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(merged__external_id=term) | Q(survivor__external_id=term)) if term else queryset), False

    def _page_of(self, member: Member) -> str:
        return page_link("accounts_member", member.id, member)

    @display(description=_("is merged"))
    def old(self, merge: Merge) -> str:
        return self._page_of(merge.merged)

    @display(description=_("survives"))
    def stays(self, merge: Merge) -> str:
        return self._page_of(merge.survivor)

    @display(description=_("what moved"))
    def moved(self, merge: Merge) -> str:
        if merge.status != Status.APPLIED:
            return gettext("nothing yet")
        said = gettext(
            "%(points)s points; %(holds)s holds released, %(offers)s offers claimed, %(cards)s cards, %(segments)s segments, %(referrals)s referrals"
        )
        return said % {**merge.figures, "points": f"{merge.figures['points']:,}"}

    def approval(self, merge: Merge) -> dict[str, Any]:
        consequence = gettext("%(who)s asks to merge %(merged)s into %(survivor)s: “%(reason)s”. It cannot be undone.") % {
            "who": merge.requested_by, "merged": merge.merged, "survivor": merge.survivor, "reason": merge.reason,
        }  # fmt: skip
        return {"consequence": consequence, "danger": True, "template": SHOWN, "context": _preview(merge.merged, merge.survivor)}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            about = {"merged_id": asked["merged"].id, "survivor_id": asked["survivor"].id, "reason": asked["reason"], "key": asked["key"]}
            merge = services.request(**about, operator_id=request.user.pk, now=timezone.now())
            messages.warning(request, _("This waits for a second person, who finds it on the overview and in the list of merges."))
            return reverse("admin:points_merge_change", args=[merge.id])

        if not self.has_add_permission(request):
            raise PermissionDenied
        return in_two_steps(
            request,
            site=self.admin_site,
            title=_("Merge two members"),
            consequence=_("For two records of one person. A second person has to approve it; it cannot be undone."),
            form=MergeForm(request.POST or None, initial={"key": new_id(), "merged": request.GET.get("member", "")}),
            preview=lambda asked: _preview(asked["merged"], asked["survivor"]),
            act=act,
            back=reverse("admin:points_merge_changelist"),
            template=ASKED,
            context={"opts": self.opts},
        )


def _preview(merged: Member, survivor: Member) -> dict[str, Any]:
    seen = selectors.preview(merged=merged, survivor=survivor, now=timezone.now())
    return {"merged": merged, "survivor": survivor, "both": table(seen), "notes": seen.notes}
