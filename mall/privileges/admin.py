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
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.members.admin import GrantForm, grant_by_hand
from loyalty.lib.screens import HistoryAdmin, moment, operator_name
from mall.redemptions.admin import about
from points.ledger.admin import BooksAdmin

from . import selectors, services
from .models import Privilege, PrivilegeKind

State = Privilege.State
STATE_COLOURS = {State.CURRENT: "success", State.COMING: "info", State.USED_UP: "warning", State.OVER: "warning", State.ENDED: "danger"}
USES_SHOWN = 50


class PrivilegeKindForm(forms.ModelForm):
    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        in_days = given.get("term") == PrivilegeKind.Term.DAYS
        if in_days and not given.get("term_days") and "term_days" not in self.errors:
            self.add_error("term_days", _("For how many days?"))
        if not in_days:
            given["term_days"] = None
        if given.get("what") != PrivilegeKind.What.EARLY_ACCESS:
            given["early_minutes"] = None
        return given


@admin.register(PrivilegeKind)
class PrivilegeKindAdmin(HistoryAdmin):
    form = PrivilegeKindForm
    list_display = ["code", "name_zh", "name_en", "what", "lasts", "often", "active"]
    list_filter = ["what", "active"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", "what", "name_zh", "name_en", "text_zh", "text_en", "term", "term_days", "uses", "early_minutes", "active"]
    conditional_fields = {"term_days": "term == 'days'", "early_minutes": "what == 'early_access'"}
    actions = None
    explanation = _("What the shop does for members for a while or so many times. What is changed here holds for new ones; members keep the terms they got.")

    def get_readonly_fields(self, request: HttpRequest, obj: PrivilegeKind | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("good for"))
    def lasts(self, kind: PrivilegeKind) -> str:
        if kind.term == PrivilegeKind.Term.DAYS:
            return ngettext("%(count)s day", "%(count)s days", kind.term_days or 0) % {"count": kind.term_days}
        return str(kind.get_term_display())

    @display(description=_("uses"))
    def often(self, kind: PrivilegeKind) -> str:
        return gettext("at will") if kind.uses is None else f"{kind.uses:,}"


class PrivilegesForm(GrantForm):
    kind = forms.ModelChoiceField(label=_("Kind"), queryset=selectors.active_kinds(), widget=UnfoldAdminSelectWidget)


@admin.register(Privilege)
class PrivilegeAdmin(BooksAdmin):
    list_display = ["kind", "whose", "state", "starts_at", "ends_at", "left", "about", "by"]
    list_filter = ["kind"]
    list_select_related = ["kind", "member"]
    searched = ("subject",)
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of what it was granted for")
    fieldsets = [
        (None, {"fields": ["whose", "kind", "stands", "starts_at", "ends_at", "left", "granted_at", "about", "by", "number"]}),
        (_("What it was used for"), {"fields": ["used"]}),
        (_("What became of it"), {"fields": ["ended_at", "why"]}),
    ]
    readonly_fields = ["whose", "stands", "left", "about", "by", "used", "why"]
    actions_list = ["grant"]
    actions_detail = ["end"]

    @display(description=_("status"), label=STATE_COLOURS)
    def state(self, row: Privilege) -> tuple[str, str]:
        seen = selectors.state_of(row, now=timezone.now())
        return seen, seen.label

    @display(description=_("status"))
    def stands(self, row: Privilege) -> str:
        return self.state(row)[1]

    @display(description=_("uses left"))
    def left(self, row: Privilege) -> str:
        return gettext("at will") if row.uses is None else gettext("%(left)s of %(all)s") % {"left": row.uses_left, "all": row.uses}

    @display(description=_("about"))
    def about(self, row: Privilege) -> str:
        return about(row.subject)

    @display(description=_("used for"))
    def used(self, row: Privilege) -> str:
        lines = []
        for use in selectors.uses(row)[:USES_SHOWN]:
            back = gettext("given back %(at)s") % {"at": moment(use.given_back_at)} if use.given_back_at else ""
            lines.append((moment(use.used_at), use.subject, back))
        if not lines:
            return gettext("nothing yet")
        return format_html('<table class="console-table">{}</table>', format_html_join("", "<tr><td>{}</td><th scope='row'>{}</th><td>{}</td></tr>", lines))

    @display(description=_("ended because"))
    def why(self, row: Privilege) -> str:
        return gettext("its redemption came back") if row.ended_for == services.RETURNED else row.ended_for

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.grant_privilege")

    def has_end_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.end_privilege")

    @action(description=_("Grant privileges"), url_path="grant", permissions=["grant"], icon="add_moderator")
    def grant(self, request: HttpRequest) -> HttpResponse:
        def give(kind: PrivilegeKind, **asked: Any) -> str:
            granted = services.grant(kind=kind.code, **asked)
            return ngettext("%(count)s privilege was granted.", "%(count)s privileges were granted.", len(granted)) % {"count": len(granted)}

        said = _("The member has it at once; one that can be used at will begins where another of its kind ends. It can be ended again.")
        return grant_by_hand(request, self, PrivilegesForm(request), grant=give, title=_("Grant privileges"), consequence=said)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The button stands where it can do something now; who finds another way to it is told by the verb."""
        row = self.get_object(request, object_id)
        over = row is None or selectors.state_of(row, now=timezone.now()) in (State.OVER, State.ENDED)
        return [] if over else super().get_actions_detail(request, object_id)

    @action(description=_("End"), url_path="end", permissions=["end"], icon="block")
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.end(member_id=row.member_id, privilege_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The privilege has ended.")

        row = self.found(request, object_id)
        said = _("%(member)s can use it no more. No points are given back by this. It cannot be undone.") % {"member": row.member}
        return self.ask(request, row, act, with_reason=True, title=_("End privilege"), consequence=said, danger=True)
