from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.members import admin as members_admin
from accounts.members import selectors as members
from accounts.members.models import Member
from loyalty.lib.localtime import end_of_day, local_date
from loyalty.lib.screens import ReasonForm, operator_name
from loyalty.programme import selectors as programme
from tiers.evaluation import selectors as evaluation
from tiers.ladder.models import Tier

from . import selectors, services
from .models import Standing, StandingChange

SHOWN_AT_MOST = 50


class SetForm(ReasonForm):
    member = forms.CharField(label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))
    tier = forms.ModelChoiceField(label=_("Tier"), queryset=Tier.objects.none(), widget=UnfoldAdminSelectWidget)
    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("The tier holds through this day, then the figures say where the member belongs. Empty: until it is set again."),
    )
    field_order = ["member", "tier", "last_day", "reason"]

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["tier"].queryset = Tier.objects.filter(active=True).order_by("rank")

    def clean_member(self) -> Member:
        try:
            return members.get(self.cleaned_data["member"].strip())
        except members.MemberUnknown as refusal:
            raise forms.ValidationError(refusal.message) from refusal

    def clean_last_day(self) -> datetime | None:
        day, zone = self.cleaned_data["last_day"], programme.zone(now=self.now)
        if day is not None and day < local_date(self.now, zone):
            raise forms.ValidationError(_("This day is over."))
        return end_of_day(day, zone) if day else None

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if not self.errors:
            place = selectors.standing(member_id=asked["member"].id, now=self.now)
            if place.since and (place.code, place.until) == (asked["tier"].code, asked["last_day"]):
                self.add_error("tier", _("The member is in this tier already."))
        return asked


def _last_day(until: datetime | None) -> str:
    """The instant is the first one at which it no longer holds; people name the last day on which it does."""
    return str(local_date(until - timedelta(microseconds=1), programme.zone(now=until))) if until else ""


# Whom the rows name where no operator did it.
NOBODY = {"figures": _("their figures"), "time": _("time")}


def by_whom(actor: str) -> str:
    return str(NOBODY.get(actor, actor))


class OfMembersAdmin(members_admin.OfMembersAdmin):
    sortable_by = ()
    ordering = ["-id"]

    @display(description=_("last day"))
    def last_day(self, row: Standing | StandingChange) -> str:
        return _last_day(row.until)


@admin.register(Standing)
class StandingAdmin(OfMembersAdmin):
    """Who was put into a tier. Setting it again, by hand and with a reason, is all that can be done here."""

    list_display = ["whose", "tier", "since", "last_day", "by", "reason"]
    list_select_related = ["member", "tier"]
    list_filter = ["tier", "by_hand"]
    explanation = _("Members whom their figures, or an operator, put into a tier. Everybody else is in the lowest active one and not listed here.")
    fields = ["whose", "tier", "since", "last_day", "by", "reason", "figures", "why", "moves"]
    readonly_fields = ["whose", "last_day", "by", "figures", "why", "moves"]
    actions_detail = ["set_again"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tiers.add_standing")

    @display(description=_("set by"))
    def by(self, standing: Standing) -> str:
        return by_whom(standing.set_by)

    @display(description=_("figures"))
    def figures(self, standing: Standing) -> str:
        seen = evaluation.outlook(member_id=standing.member_id, now=timezone.now())
        return format_html_join("", "<div>{}</div>", ((line,) for line in evaluation.outlook_in_words(seen)))

    @display(description=_("why this tier"))
    def why(self, standing: Standing) -> str:
        told = evaluation.reasons(member_id=standing.member_id, now=timezone.now())
        return format_html_join("", "<div>{}</div>", ((line,) for line in told))

    @display(description=_("changes, the newest first"))
    def moves(self, standing: Standing) -> str:
        head = format_html("<tr>{}</tr>", format_html_join("", "<th>{}</th>", ((title,) for title in _titles())))
        rows = selectors.changes(member_id=standing.member_id)[:SHOWN_AT_MOST]
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", map(_cells, rows))
        return format_html('<table class="console-table">{}{}</table>', head, body)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()

        def act(asked: Mapping[str, Any]) -> Any:
            member = asked["member"]
            services.set_standing(
                member_id=member.id, tier=asked["tier"].code, reason=asked["reason"], until=asked["last_day"], actor=operator_name(request), now=now
            )
            return _("%(member)s is in the tier “%(tier)s” now.") % {"member": member, "tier": asked["tier"]}

        named = members.id_of(external_id=request.GET.get("member", ""))
        form = SetForm(request.POST or None, initial={"member": request.GET.get("member", "")}, now=now)
        consequence = _("What the member earns from now on is multiplied by the new tier; what was earned before stays. The storefront sees it at once.")
        back = reverse("admin:accounts_member_change", args=[named]) if named else ""
        return self.ask(request, None, act, form, title=_("Set a member's tier"), consequence=consequence, back=back)

    def has_set_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    @action(description=_("Set the tier"), url_path="set", permissions=["set"], icon="military_tech")
    def set_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        standing = self.get_object(request, object_id)
        member = f"?member={standing.member.external_id}" if standing else ""
        return HttpResponseRedirect(reverse("admin:tiers_standing_add") + member)


def _titles() -> list[str]:
    return [gettext("when"), gettext("before"), gettext("tier"), gettext("why"), gettext("last day"), gettext("by"), gettext("reason")]


def _cells(change: StandingChange) -> tuple[Any, ...]:
    lowest = gettext("the lowest")
    when = f"{timezone.localtime(change.at):%Y-%m-%d %H:%M}"
    return when, change.before or lowest, change.tier or lowest, change.get_cause_display(), _last_day(change.until), by_whom(change.actor), change.reason


@admin.register(StandingChange)
class StandingChangeAdmin(OfMembersAdmin):
    """Every move, for good."""

    list_display = ["at", "whose", "was", "now_in", "cause", "last_day", "by", "reason"]
    list_select_related = ["member", "before", "tier"]
    list_filter = ["cause", "tier", "at"]
    explanation = _("Every move of a member from one tier to another, the newest first, with who did it and why. Nothing is ever removed from here.")
    fields = ["at", "whose", "was", "now_in", "cause", "last_day", "by", "reason"]
    readonly_fields = ["whose", "was", "now_in", "last_day", "by"]

    @display(description=_("by"))
    def by(self, change: StandingChange) -> str:
        return by_whom(change.actor)

    @display(description=_("before"))
    def was(self, change: StandingChange) -> str:
        return str(change.before or gettext("the lowest"))

    @display(description=_("tier"))
    def now_in(self, change: StandingChange) -> str:
        return str(change.tier or gettext("the lowest"))
