from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from loyalty.lib.ids import new_id
from loyalty.lib.screens import ReadOnlyAdmin, ReasonForm, ScreenAdmin, operator_name, page_link

from . import selectors

# The verbs refuse more, too.
MOST_AT_ONCE = 100


class MemberField(forms.CharField):
    """A member by the storefront's id; what a form gets is ours."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": _("Member"), "max_length": 64, "widget": UnfoldAdminTextInputWidget, "help_text": _("The storefront's id."), **kwargs})

    def clean(self, value: Any) -> UUID:
        found = selectors.id_of(external_id=super().clean(value))
        if found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found


class GrantForm(ReasonForm):
    """What a member is given by hand. `key` is made with the form, so that a form sent twice is one grant. Subclasses add what is given."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    member = MemberField()
    count = forms.IntegerField(label=_("How many"), min_value=1, max_value=MOST_AT_ONCE, initial=1, widget=UnfoldAdminIntegerFieldWidget)
    field_order = ["key", "member", "kind", "template", "count", "reason"]

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request.POST or None, initial={"key": new_id(), "member": request.GET.get("member", "")})


def grant_by_hand(request: HttpRequest, on: ScreenAdmin, form: GrantForm, *, grant: Callable[..., str], title: Any, consequence: Any) -> HttpResponse:
    """Ask whom to give what, how many and why; then `grant` it with what a verb takes, and report it with the sentence it gives."""

    def act(asked: Mapping[str, Any]) -> str:
        said = {name: value for name, value in asked.items() if name not in ("key", "member")}
        return grant(**said, member_id=asked["member"], actor=operator_name(request), key=f"by-hand/{asked['key']}", now=timezone.now())

    return on.ask(request, None, act, form, title=title, consequence=consequence)


class OfMembersAdmin(ReadOnlyAdmin):
    """Rows of members, found by the storefront's id."""

    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    list_select_related = ["member"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(member_id=selectors.id_of(external_id=search_term.strip())) if search_term.strip() else queryset), False

    @display(description=_("member"))
    def whose(self, row: Any) -> str:
        return page_link("accounts_member", row.member_id, row.member)
