from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from loyalty.lib.screens import ReasonForm, ScreenAdmin, operator_name

from . import services
from .models import Scope, StorefrontKey


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text=_("Grant what is needed, no more.")
    )

    class Meta:
        model = StorefrontKey
        fields = ["name", "scopes", "expires_at"]


class RotateForm(ReasonForm):
    GRACES = [(0, _("stops at once")), (1, _("works for one more hour")), (24, _("works for one more day")), (168, _("works for one more week"))]
    grace = forms.TypedChoiceField(
        label=_("The old secret"), choices=GRACES, coerce=int, initial=24, widget=UnfoldAdminSelectWidget,
        help_text=_("Long enough for the storefront to change over; at once if the secret may have leaked."),
    )  # fmt: skip


@admin.register(StorefrontKey)
class StorefrontKeyAdmin(ScreenAdmin):
    form = KeyForm
    list_display = ["name", "shown_prefix", "state", "scope_list", "expires_at", "last_used_at"]
    search_fields = ["name", "prefix"]
    search_help_text = _("Name or prefix")
    readonly_fields = ["shown_prefix", "created_at", "last_used_at", "previous_until", "revoked_at"]
    actions_detail = ["rotate_secret", "revoke_key"]

    def get_fields(self, request: HttpRequest, obj: StorefrontKey | None = None) -> list[str]:
        return ["name", "scopes", "expires_at", *(self.readonly_fields if obj else [])]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        revoked = StorefrontKey.objects.filter(pk=object_id, revoked_at__isnull=False).exists()
        return [] if revoked else super().get_actions_detail(request, object_id)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and not (isinstance(obj, StorefrontKey) and obj.revoked_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("storefront key"))
    def shown_prefix(self, key: StorefrontKey) -> str:
        return f"lk_{key.prefix}_…"

    @display(description=_("state"), label={"revoked": "danger", "expired": "warning", "works": "success"})
    def state(self, key: StorefrontKey) -> tuple[str, Any]:
        if key.revoked_at:
            return "revoked", _("revoked")
        if key.expires_at and key.expires_at <= timezone.now():
            return "expired", _("expired")
        return "works", _("works")

    @display(description=_("scopes"))
    def scope_list(self, key: StorefrontKey) -> str:
        return ", ".join(key.scopes)

    def save_model(self, request: HttpRequest, obj: StorefrontKey, form: KeyForm, change: bool) -> None:
        given = {"name": obj.name, "scopes": obj.scopes, "expires_at": obj.expires_at, "actor": operator_name(request), "now": timezone.now()}
        if change:
            services.change(key_id=obj.id, **given)
            return
        key, self_shown = services.issue(**given)
        obj.pk, obj.prefix, obj.created_at = key.pk, key.prefix, key.created_at
        obj.shown_once = self_shown  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: StorefrontKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, obj, obj.shown_once)  # type: ignore[attr-defined]

    @action(description=_("Rotate secret"), url_path="rotate", permissions=["change"], icon="autorenew")
    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        shown: list[HttpResponse] = []

        def act(asked: Mapping[str, Any]) -> Any:
            grace = timedelta(hours=asked["grace"])
            key, text = services.rotate(key_id=UUID(object_id), grace=grace, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            shown.append(self._show_once(request, key, text))
            return _("The secret was changed.")

        consequence = _("The key gets a new secret, which works at once and is shown on the next page.")
        answer = self.ask(request, self.found(request, object_id), act, RotateForm(request.POST or None), title=_("Rotate secret"), consequence=consequence)
        return shown[0] if shown else answer

    @action(description=_("Revoke"), url_path="revoke", permissions=["change"], icon="block")
    def revoke_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            key = services.revoke(key_id=UUID(object_id), actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("%(key)s is revoked.") % {"key": key}

        consequence = _("The storefront can call no more with this key. This cannot be undone.")
        return self.ask(request, self.found(request, object_id), act, with_reason=True, title=_("Revoke"), consequence=consequence, danger=True)

    def _show_once(self, request: HttpRequest, key: StorefrontKey, secret: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("The storefront's key"), "key": key, "secret": secret}
        return never_cache(lambda request: TemplateResponse(request, "admin/accounts/storefrontkey/secret.html", context))(request)
