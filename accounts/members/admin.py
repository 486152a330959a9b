from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from loyalty.lib.screens import ReadOnlyAdmin

from . import selectors


class MemberField(forms.CharField):
    """A member by the storefront's id; what a form gets is ours."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"label": _("Member"), "max_length": 64, "widget": UnfoldAdminTextInputWidget, "help_text": _("The storefront's id."), **kwargs})

    def clean(self, value: Any) -> UUID:
        found = selectors.id_of(external_id=super().clean(value))
        if found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found


class OfMembersAdmin(ReadOnlyAdmin):
    """Rows of members, found by the storefront's id."""

    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    list_select_related = ["member"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return (queryset.filter(member_id=selectors.id_of(external_id=search_term.strip())) if search_term.strip() else queryset), False

    @display(description=_("member"))
    def whose(self, row: Any) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:accounts_member_change", args=[row.member_id]), row.member)
