from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.members import selectors as members
from loyalty.lib.ids import new_id
from loyalty.lib.screens import HistoryAdmin, ReasonForm, confirm, operator_name
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
    list_before_template = "admin/explanation.html"

    def get_readonly_fields(self, request: HttpRequest, obj: PrivilegeKind | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        said = _("What the shop does for members for a while or so many times. What is changed here holds for new ones; members keep the terms they got.")
        return super().changelist_view(request, {**(extra_context or {}), "explanation": said})

    @display(description=_("good for"))
    def lasts(self, kind: PrivilegeKind) -> str:
        if kind.term == PrivilegeKind.Term.DAYS:
            return ngettext("%(count)s day", "%(count)s days", kind.term_days or 0) % {"count": kind.term_days}
        return str(kind.get_term_display())

    @display(description=_("uses"))
    def often(self, kind: PrivilegeKind) -> str:
        return gettext("at will") if kind.uses is None else f"{kind.uses:,}"


class GrantForm(ReasonForm):
    """`key` is made with the form, so that a form sent twice is one grant."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    member = forms.CharField(label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))
    kind = forms.ModelChoiceField(label=_("Kind"), queryset=PrivilegeKind.objects.none(), widget=UnfoldAdminSelectWidget)
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=services.MOST_AT_ONCE, initial=1, widget=UnfoldAdminIntegerFieldWidget)
    field_order = ["key", "member", "kind", "count", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].queryset = selectors.active_kinds()

    def clean_member(self) -> UUID:
        found = members.id_of(external_id=self.cleaned_data["member"].strip())
        if found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found


@admin.register(Privilege)
class PrivilegeAdmin(BooksAdmin):
    list_display = ["kind", "whose", "state", "starts_at", "ends_at", "left", "subject", "actor"]
    list_filter = ["kind"]
    list_select_related = ["kind", "member"]
    searched = ("subject",)
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of what it was granted for")
    fieldsets = [
        (None, {"fields": ["whose", "kind", "stands", "starts_at", "ends_at", "left", "granted_at", "subject", "actor", "number"]}),
        (_("What it was used for"), {"fields": ["used"]}),
        (_("What became of it"), {"fields": ["ended_at", "why"]}),
    ]
    readonly_fields = ["whose", "stands", "left", "used", "why"]
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

    @display(description=_("used for"))
    def used(self, row: Privilege) -> str:
        lines = []
        for use in selectors.uses(row)[:USES_SHOWN]:
            back = gettext("given back %(at)s") % {"at": _moment(use.given_back_at)} if use.given_back_at else ""
            lines.append((_moment(use.used_at), use.subject, back))
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
        def act(asked: Mapping[str, Any]) -> Any:
            about = {"member_id": asked["member"], "kind": asked["kind"].code, "count": asked["count"], "reason": asked["reason"]}
            granted = services.grant(**about, actor=operator_name(request), key=f"by-hand/{asked['key']}", now=timezone.now())
            return ngettext("%(count)s privilege was granted.", "%(count)s privileges were granted.", len(granted)) % {"count": len(granted)}

        form = GrantForm(request.POST or None, initial={"key": new_id(), "member": request.GET.get("member", "")})
        said = _("The member has it at once; one that can be used at will begins where another of its kind ends. It can be ended again.")
        back, page = reverse("admin:mall_privilege_changelist"), {"opts": self.opts}
        return confirm(request, site=self.admin_site, title=_("Grant privileges"), consequence=said, form=form, act=act, back=back, context=page)

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

        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return confirm(
            request,
            site=self.admin_site,
            title=_("End privilege"),
            consequence=_("%(member)s can use it no more. No points are given back by this. It cannot be undone.") % {"member": row.member},
            form=ReasonForm(request.POST or None),
            act=act,
            back=reverse("admin:mall_privilege_change", args=[row.id]),
            danger=True,
            context={"opts": self.opts, "object": row, "original": row},
        )


def _moment(at: Any) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}"
