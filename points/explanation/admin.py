from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from loyalty.lib import money
from loyalty.lib.screens import ReadOnlyAdmin
from loyalty.programme import selectors as programme
from points.earning.models import Decision

from . import selectors


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    """Every evaluation of a fact, zero awards included."""

    list_display = ["shown", "whose", "points", "taken_back", "screened", "occurred_at", "decided_at"]
    list_filter = ["fact", "decided_at"]
    list_select_related = ["member"]
    search_fields = ["member__external_id__exact", "subject__exact"]
    search_help_text = _("A member's storefront id, or what it is about, like purchase/1001")
    change_form_template = "admin/points/decision/explanation.html"

    @display(description=_("about"))
    def shown(self, decision: Decision) -> str:
        return decision.subject

    @display(description=_("member"))
    def whose(self, decision: Decision) -> str:
        return format_html('<a href="{}">{}</a>', reverse("admin:accounts_member_change", args=[decision.member_id]), decision.member)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        decision = self.get_object(request, object_id)
        more: dict[str, Any] = {}
        if decision is not None:
            told = selectors.of_decision(decision, for_member=False)
            currency = programme.programme().currency or "CNY"
            language = getattr(request, "LANGUAGE_CODE", "en")
            more = {
                "told": told,
                "decision": decision,
                "parts": [(part.category, money.show(part.basis_cents, currency, language), part.points) for part in told.parts],
                "member_text": selectors.of_decision(decision, for_member=True).sentences,
                "seen": seen(decision),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})


def seen(decision: Decision) -> list[tuple[Any, str]]:
    """What the decision saw of the member and the moment, as far as its rules asked."""
    given = decision.given
    rows = [
        (_("business day"), given.get("day", "")),
        (_("hour"), str(given.get("hour", ""))),
        (_("channel"), given.get("channel", "")),
        (_("tier"), given.get("tier", "")),
        (_("segments"), ", ".join(given.get("segments", ()))),
        (_("registered"), given.get("registered") or ""),
        (_("birthday"), given.get("birthday") or ""),
        (_("purchases before"), str(given.get("purchases", ""))),
        (_("last purchase"), given.get("last") or ""),
        (_("festivals"), ", ".join(given.get("festivals", ()))),
        (_("cards"), ", ".join(given.get("cards", ()))),
    ]
    return [(name, value) for name, value in rows if value]
