from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.members.admin import GrantForm, grant_by_hand
from loyalty.lib.screens import HistoryAdmin, operator_name
from points.ledger.admin import BooksAdmin

from . import selectors, services
from .models import Card, CardKind

Status = Card.Status
STATUS_COLOURS = {Status.AVAILABLE: "success", Status.USED: "info", Status.EXPIRED: "warning", Status.WITHDRAWN: "danger"}


class CardKindForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("use", self.instance.use) == CardKind.Use.MAKE_UP and given.get("factor_percent"):
            self.add_error("factor_percent", _("Only a multiplier card has a factor. Leave it empty."))
        return given


@admin.register(CardKind)
class CardKindAdmin(HistoryAdmin):
    """Cards that members have keep their expiry, whatever is changed here."""

    form = CardKindForm
    list_display = ["code", "name_zh", "name_en", "use", "factor_percent", "valid_days", "active"]
    list_filter = ["use", "active"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", "name_zh", "name_en", "use", "factor_percent", "valid_days", "active"]
    conditional_fields = {"factor_percent": "typeof use == 'undefined' || use == 'multiplier'"}
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: CardKind | None = None) -> list[str]:
        return ["code", "use"] if obj else []

    def get_fields(self, request: HttpRequest, obj: CardKind | None = None) -> list[str]:
        return [name for name in self.fields if name != "factor_percent" or obj is None or obj.use == CardKind.Use.MULTIPLIER]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class CardsForm(GrantForm):
    kind = forms.ModelChoiceField(label=_("Kind"), queryset=selectors.active_kinds(), widget=UnfoldAdminSelectWidget)


@admin.register(Card)
class CardAdmin(BooksAdmin):
    list_display = ["kind", "whose", "state", "granted_at", "expires_at", "subject", "used_by", "used_at", "by"]
    list_filter = ["kind", "status", "granted_at"]
    list_select_related = ["kind", "member"]
    searched = ("used_by", "subject")
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of what it was granted or used for")
    fieldsets = [
        (None, {"fields": ["whose", "kind", "state", "granted_at", "expires_at", "subject", "by", "key", "number"]}),
        (_("What became of it"), {"fields": ["used_by", "used_at", "withdrawn_for"]}),
    ]
    readonly_fields = ["whose", "state", "by"]
    actions_list = ["grant_cards"]
    actions_detail = ["withdraw_card"]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, card: Card) -> tuple[str, str]:
        seen = Status.EXPIRED if _is_due(card) else Status(card.status)
        return seen, seen.label

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("points.grant_card")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("points.withdraw_card")

    @action(description=_("Grant cards"), url_path="grant", permissions=["grant"], icon="add_card")
    def grant_cards(self, request: HttpRequest) -> HttpResponse:
        def grant(kind: CardKind, **asked: Any) -> str:
            granted = services.grant(kind=kind.code, **asked)
            return ngettext("%(count)s card was granted.", "%(count)s cards were granted.", len(granted)) % {"count": len(granted)}

        consequence = _("The member can use the cards at once. Those not used yet can be withdrawn again, one at a time.")
        return grant_by_hand(request, self, CardsForm(request), grant=grant, title=_("Grant cards"), consequence=consequence)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The button stands where it can do something now; who finds another way to it is told by the verb."""
        card = self.get_object(request, object_id)
        usable = card is not None and card.status == Status.AVAILABLE and not _is_due(card)
        return super().get_actions_detail(request, object_id) if usable else []

    @action(description=_("Withdraw"), url_path="withdraw", permissions=["withdraw"], icon="undo")
    def withdraw_card(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.withdraw(member_id=card.member_id, card_id=card.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The card is withdrawn.")

        card = self.found(request, object_id)
        consequence = _("%(member)s can no longer use this card. This cannot be undone.") % {"member": card.member}
        return self.ask(request, card, act, with_reason=True, title=_("Withdraw card"), consequence=consequence, danger=True)


def _is_due(card: Card) -> bool:
    return card.status == Status.AVAILABLE and card.expires_at is not None and card.expires_at <= timezone.now()
