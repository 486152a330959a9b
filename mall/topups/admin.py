from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from loyalty.audit import services as audit
from loyalty.lib.money import show
from loyalty.lib.screens import ConfigurationAdmin, operator_name
from loyalty.programme import selectors as programme
from mall.rewards.admin import AmountField
from points.ledger.admin import BooksAdmin

from . import selectors, services
from .models import TopUp, TopUpTerms


def _money(cents: int) -> str:
    return show(cents, programme.programme().currency or "CNY", get_language() or "zh")


class TopUpTermsForm(forms.ModelForm):
    LIMITS = ("least_cents", "most_cents", "most_cents_month")

    least_cents = AmountField(label=capfirst(_("least in one go")), help_text=_("Nobody buys for less: 1.00 is one unit of money."))
    most_cents = AmountField(label=capfirst(_("most in one go")), help_text=_("Nobody buys for more at once; at least the least."))
    most_cents_month = AmountField(label=capfirst(_("most of a member in a month")), help_text=_("By the programme's calendar month. At least the least."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.LIMITS:
            self.fields[name].required = self.fields[name].widget.is_required = True
            self.fields[name].initial = TopUpTerms._meta.get_field(name).default

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name in self.LIMITS:
            if given.get(name) == 0:
                self.add_error(name, _("Give an amount above 0."))
        for name in ("most_cents", "most_cents_month"):
            if given.get(name) and given.get("least_cents") and given[name] < given["least_cents"]:
                self.add_error(name, _("This is less than the least in one go: nobody could buy anything."))
        return given


@admin.register(TopUpTerms)
class TopUpTermsAdmin(ConfigurationAdmin):
    form = TopUpTermsForm
    fieldsets = [
        (
            None,
            {
                "fields": ["active", "points_per_unit", ("least_cents", "most_cents"), "most_cents_month"],
                "description": _(
                    "Bought points never expire, are told apart from earned ones and raise no tier. In some countries selling them needs a licence."
                ),
            },
        )
    ]

    def save_model(self, request: HttpRequest, obj: TopUpTerms, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        figures = {"active": obj.active, "points_per_unit": obj.points_per_unit}
        audit.record(actor=operator_name(request), verb="top_up_terms.changed", subject="top-up-terms", figures=figures, now=timezone.now())


@admin.register(TopUp)
class TopUpAdmin(BooksAdmin):
    list_display = ["created_at", "whose", "paid", "points", "points_back", "back", "payment"]
    searched = ("payment",)
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of a payment's number")
    fields = ["whose", "paid", "points", "points_back", "back", "payment", "created_at", "changed_at", "by"]
    readonly_fields = ["whose", "paid", "back", "by"]
    actions_detail = ["give_back"]

    @display(description=_("paid"))
    def paid(self, row: TopUp) -> str:
        return _money(row.cents)

    @display(description=_("money given back"))
    def back(self, row: TopUp) -> str:
        return _money(row.cents_back)

    def has_give_back_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.change_topup")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """The button stands where points are left to be given back."""
        row = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if row is not None and selectors.unspent(row) else []

    @action(description=_("Give back"), url_path="give-back", permissions=["give_back"], icon="undo")
    def give_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            before = row.cents_back
            done = services.give_back(top_up_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The points are taken back. Give the member %(money)s.") % {"money": _money(done.cents_back - before)}

        row = self.found(request, object_id)
        left = selectors.unspent(row)
        consequence = _("%(points)s of the %(bought)s points bought were not spent: they are taken back. The money is given back by the storefront.")
        figures = {"points": f"{left:,}", "bought": f"{row.points:,}"}
        return self.ask(request, row, act, with_reason=True, title=_("Give bought points back"), consequence=consequence % figures, danger=True)
