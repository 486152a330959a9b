from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.members import selectors as members
from loyalty.lib.money import show
from loyalty.lib.screens import ReadOnlyAdmin

from . import selectors
from .models import Purchase, PurchaseLine, Refund


def _money(cents: int, currency: str) -> str:
    return show(cents, currency, get_language() or "en")


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        owner = Purchase.objects.filter(pk=request.resolver_match.kwargs["object_id"]).values("member_id")
        return super().get_queryset(request).filter(member_id__in=owner)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(ReadOnlyInline):
    model = PurchaseLine
    fields = ["external_id", "sku", "category", "brand", "quantity", "amount", "cost"]
    readonly_fields = ["amount", "cost"]

    @display(description=_("amount"))
    def amount(self, line: PurchaseLine) -> str:
        return _money(line.amount_cents, line.purchase.currency)

    @display(description=_("cost"), empty_value=_("not told"))
    def cost(self, line: PurchaseLine) -> str | None:
        return None if line.cost_cents is None else _money(line.cost_cents, line.purchase.currency)


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["external_id", "occurred_at", "amount"]
    readonly_fields = ["amount"]

    @display(description=_("money given back"))
    def amount(self, refund: Refund) -> str:
        return _money(refund.amount_cents, refund.purchase.currency)


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "whose", "occurred_at", "paid", "recorded_at"]
    search_fields = ["external_id"]
    search_help_text = _("The storefront's id of a purchase, or of a member")
    list_select_related = ["member"]
    sortable_by = ()
    ordering = ["-id"]
    fields = ["external_id", "whose", "occurred_at", "channel", "paid", "shipping", "discounts", "refunded", "recorded_at"]
    readonly_fields = ["whose", "paid", "shipping"]
    inlines = [LineInline, RefundInline]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str) -> tuple[QuerySet[Purchase], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        number = selectors.number(external_id=term)
        if number and number.member_id:
            return queryset.filter(member_id=number.member_id, external_id=term), False
        return queryset.filter(member_id=members.id_of(external_id=term)), False

    @display(description=_("member"))
    def whose(self, purchase: Purchase) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:accounts_member_change", args=[purchase.member_id]), purchase.member)

    @display(description=_("paid in money"))
    def paid(self, purchase: Purchase) -> str:
        return _money(purchase.paid_cents, purchase.currency)

    @display(description=_("shipping"))
    def shipping(self, purchase: Purchase) -> str:
        return _money(purchase.shipping_cents, purchase.currency)
