from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.activity import selectors as activity
from accounts.members import selectors as members
from loyalty.lib.money import show
from loyalty.lib.screens import ConfigurationAdmin, ReadOnlyAdmin, operator_name, page_link
from loyalty.programme import selectors as programme

from . import services
from .models import Referral, ReferralTerms

Status = Referral.Status
STATUS_COLOURS = {
    Status.OPEN: "info",
    Status.COMPLETED: "success",
    Status.REVOKED: "warning",
    Status.LAPSED: "warning",
    Status.CANCELLED: "danger",
    Status.NOT_NEW: "danger",
}


@admin.register(ReferralTerms)
class ReferralTermsAdmin(ConfigurationAdmin):
    fieldsets = [
        (
            None,
            {
                "fields": ["active", "window_days", "link_template"],
                "description": _("When an invitation counts. What it brings in points, by the amount of the friend's first order, is set by rules."),
            },
        )
    ]


@admin.register(Referral)
class ReferralAdmin(ReadOnlyAdmin):
    list_display = ["brought", "friend", "state", "registered_at", "until", "purchase_ref", "amount", "completed_at"]
    list_filter = ["status", "registered_at"]
    list_select_related = ["member", "inviter"]
    search_fields = ["member"]
    search_help_text = _("The storefront's id of the friend or of who invited, or of the purchase that completed it")
    sortable_by = ()
    fieldsets = [
        (None, {"fields": ["brought", "friend", "status", "registered_at", "until"]}),
        (_("The friend's first order"), {"fields": ["purchase_ref", "amount", "completed_at"]}),
        (_("Cancelled"), {"fields": ["cancelled_by", "reason"]}),
    ]
    readonly_fields = ["brought", "friend", "amount"]
    actions_detail = ["cancel"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Referral], search_term: str) -> tuple[QuerySet[Referral], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        named = members.id_of(external_id=term)
        number = activity.number(external_id=term)
        found = Q(member_id=number.member_id, purchase_ref=term) if number and number.member_id else Q(pk=None)
        return queryset.filter(found | Q(member_id=named) | Q(inviter_id=named) if named else found), False

    @display(description=_("invited by"))
    def brought(self, referral: Referral) -> str:
        return page_link("accounts_member", referral.inviter_id, referral.inviter)

    @display(description=_("friend"))
    def friend(self, referral: Referral) -> str:
        return page_link("accounts_member", referral.member_id, referral.member)

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, referral: Referral) -> tuple[str, str]:
        return referral.status, referral.get_status_display()

    @display(description=_("amount"))
    def amount(self, referral: Referral) -> str:
        currency = programme.programme().currency
        return show(referral.amount_cents, currency, get_language() or "en") if referral.purchase_ref and currency else ""

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.change_referral")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        there = Referral.objects.filter(pk=object_id).first()
        return super().get_actions_detail(request, object_id) if there and Status.CANCELLED in Referral.ARROWS[Status(there.status)] else []

    @action(description=_("Cancel referral"), permissions=["cancel"], icon="block", variant=ActionVariant.DANGER)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.cancel(referral_id=referral.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The referral is cancelled.")

        referral = self.found(request, object_id)
        consequence = _(
            "For abuse: no order of the friend's completes it any more, and points that it brought to either of the two are taken back. This cannot be undone."
        )
        return self.ask(request, referral, act, with_reason=True, title=_("Cancel referral"), consequence=consequence, danger=True)
