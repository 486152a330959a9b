from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from loyalty.lib.callers import named
from loyalty.lib.ids import new_id
from loyalty.lib.screens import HistoryAdmin, ReasonForm, moment, operator_name, page_link
from mall.redemptions.admin import titled
from points.ledger.admin import BooksAdmin

from . import selectors, services
from .models import Renewal, Rental, RentalTerms

State = Rental.State
STATE_COLOURS = {State.ASKED: "info", State.LENT: "success", State.ENDING: "warning", State.TAKEN_BACK: "info", State.REFUSED: "danger"}
RENEWALS_SHOWN = 50


@admin.register(RentalTerms)
class RentalTermsAdmin(HistoryAdmin):
    list_display = ["code", "name_zh", "name_en", "product", "lasts", "renewable", "at_once", "active"]
    list_filter = ["active"]
    list_select_related = ["product"]
    search_fields = ["code", "name_zh", "name_en"]
    actions = None
    explanation = _(
        "A partner's benefit that members borrow for points and a term. A reward of the kind rental names these terms; its stock is what can be out at "
        "one time. What is changed here holds for new rentals."
    )
    conditional_fields = {"renewal_points": "renewals > 0"}
    fieldsets = [
        (None, {"fields": ["code", "name_zh", "name_en", "product", "active"]}),
        (_("Its term"), {"fields": ["days", "remind_days", "at_once"]}),
        (_("Renewing it"), {"fields": ["renewals", "renewal_points"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: RentalTerms | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: RentalTerms, form: forms.ModelForm, change: bool) -> None:
        services.keep(terms=obj, actor=operator_name(request), now=timezone.now())

    @display(description=_("lent for"))
    def lasts(self, terms: RentalTerms) -> str:
        return ngettext("%(count)s day", "%(count)s days", terms.days) % {"count": terms.days}

    @display(description=_("renewals"))
    def renewable(self, terms: RentalTerms) -> str:
        if not terms.renewals:
            return gettext("none")
        return gettext("%(count)s, for %(points)s points each") % {"count": terms.renewals, "points": f"{terms.renewal_points:,}"}


class RenewForm(ReasonForm):
    """`key` is made with the form, so that a form sent twice is one renewal."""

    key = forms.UUIDField(widget=forms.HiddenInput)


@admin.register(Rental)
class RentalAdmin(BooksAdmin):
    list_display = ["terms", "whose", "quantity", "status", "started_at", "over", "renewals", "renews_itself", "cause"]
    list_filter = ["state", "terms"]
    list_select_related = ["terms", "member"]
    search_help_text = _("A member's storefront id, or the number of a rental")
    fieldsets = [
        (None, {"fields": ["whose", "terms", "quantity", "stands", "started_at", "over", "reminder", "redeemed", "asked_for"]}),
        (_("Renewals"), {"fields": ["days", "left", "renewal_points", "renews_itself", "renewed"]}),
        (_("How it ended"), {"fields": ["cause", "reason", "by", "closed_at", "settled_at"]}),
    ]
    readonly_fields = ["whose", "stands", "over", "reminder", "redeemed", "asked_for", "left", "renewed", "by"]
    actions_detail = ["renew", "end"]

    @display(description=_("status"), label=STATE_COLOURS)
    def status(self, row: Rental) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("status"))
    def stands(self, row: Rental) -> str:
        return str(row.get_state_display())

    @display(description=_("ends"), ordering="ends_at")
    def over(self, row: Rental) -> str:
        at = moment(row.over_at)
        return gettext("ended %(at)s") % {"at": at} if row.closed_at else "" if row.state == State.REFUSED else at

    @display(description=_("reminder due"))
    def reminder(self, row: Rental) -> str:
        return moment(row.due_at) if row.state == State.LENT and not row.cause else ""

    @display(description=_("redemption"))
    def redeemed(self, row: Rental) -> str:
        return page_link("mall_redemption", row.redemption_id, titled(row.redemption))

    @display(description=_("at the partner"))
    def asked_for(self, row: Rental) -> str:
        return page_link("mall_voucherorder", row.order_id, row.order.get_state_display())

    @display(description=_("renewals left"))
    def left(self, row: Rental) -> str:
        return gettext("%(left)s of %(all)s") % {"left": row.most_renewals - row.renewals, "all": row.most_renewals}

    @display(description=_("renewals"))
    def renewed(self, row: Rental) -> str:
        lines = [
            (
                moment(one.asked_at),
                f"{one.points:,}",
                page_link("mall_voucherorder", one.order_id, _said(one)),
                named(one.actor),
                one.reason,
            )
            for one in selectors.renewals(row)[:RENEWALS_SHOWN]
        ]
        if not lines:
            return gettext("none")
        cells = "<tr><td>{}</td><td>{}</td><th scope='row'>{}</th><td>{}</td><td>{}</td></tr>"
        return format_html('<table class="console-table">{}</table>', format_html_join("", cells, lines))

    def has_end_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.end_rental")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """A button stands where it can do something now; who finds another way to it is told by the verb."""
        row = Rental.objects.filter(pk=object_id, state=State.LENT, cause="").first()
        return super().get_actions_detail(request, object_id) if row else []

    @action(description=_("Renew"), url_path="renew", permissions=["end"], icon="autorenew")
    def renew(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            about = {"actor": operator_name(request), "key": f"by-hand/{asked['key']}", "now": timezone.now()}
            services.renew(rental_id=row.id, reason=asked["reason"], **about)
            return _("The renewal is paid. The end moves as soon as the partner agrees.")

        row = self.found(request, object_id)
        said = ngettext(
            "%(member)s pays %(points)s point for %(days)s more days. Where the partner refuses, the points come back.",
            "%(member)s pays %(points)s points for %(days)s more days. Where the partner refuses, the points come back.",
            row.renewal_points,
        ) % {"member": row.member, "points": f"{row.renewal_points:,}", "days": row.days}
        form = RenewForm(request.POST or None, initial={"key": new_id()})
        return self.ask(request, row, act, form, title=_("Renew"), consequence=said)

    @action(description=_("End now"), url_path="end", permissions=["end"], icon="assignment_return")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.end(rental_id=row.id, cause=Rental.Cause.OPERATOR, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The rental has ended. The partner is asked to take it back.")

        row = self.found(request, object_id)
        said = _("%(member)s can use it no more, and the partner takes it back. No points are given back by this. It cannot be undone.") % {
            "member": row.member
        }
        return self.ask(request, row, act, with_reason=True, title=_("End now"), consequence=said, danger=True)


def _said(renewal: Renewal) -> str:
    return str(renewal.get_state_display())
