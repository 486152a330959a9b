from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from loyalty.lib.refusals import BusinessError

from . import services
from .models import Scope, StorefrontKey


class KeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        label=_("scopes"), choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text=_("What the key may do. Grant what is needed, no more.")
    )

    class Meta:
        model = StorefrontKey
        fields = ["name", "scopes", "expires_at"]


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=UnfoldAdminTextInputWidget, help_text=_("Kept in the audit trail."))


class RotateForm(ReasonForm):
    GRACES = [(0, _("stops at once")), (1, _("works for one more hour")), (24, _("works for one more day")), (168, _("works for one more week"))]
    grace = forms.TypedChoiceField(
        label=_("The old secret"), choices=GRACES, coerce=int, initial=24, widget=UnfoldAdminSelectWidget,
        help_text=_("Long enough for the storefront to change over; at once if the secret may have leaked."),
    )  # fmt: skip


@admin.register(StorefrontKey)
class StorefrontKeyAdmin(ModelAdmin):
    form = KeyForm
    list_display = ["name", "shown_prefix", "state", "scope_list", "expires_at", "last_used_at"]
    search_fields = ["name", "prefix"]
    search_help_text = _("Name or prefix")
    readonly_fields = ["shown_prefix", "state", "created_at", "last_used_at", "previous_until", "revoked_at"]
    actions_detail = ["rotate_secret", "revoke_key"]

    def get_fields(self, request: HttpRequest, obj: StorefrontKey | None = None) -> list[str]:
        return ["name", "scopes", "expires_at", *(self.readonly_fields if obj else [])]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and not (isinstance(obj, StorefrontKey) and obj.revoked_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("key"))
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
        given = {"name": obj.name, "scopes": obj.scopes, "expires_at": obj.expires_at, "actor": request.user.get_username(), "now": timezone.now()}
        if change:
            services.change(key_id=obj.id, **given)
            return
        key, self_shown = services.issue(**given)
        obj.pk, obj.prefix, obj.created_at = key.pk, key.prefix, key.created_at
        obj.shown_once = self_shown  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: StorefrontKey, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, obj, obj.shown_once)  # type: ignore[attr-defined]

    @action(description=_("Rotate secret"), url_path="rotate", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        form = RotateForm(request.POST or None)
        if form.is_valid():
            grace = timedelta(hours=form.cleaned_data["grace"])
            actor, reason = request.user.get_username(), form.cleaned_data["reason"]
            try:
                key, secret = services.rotate(key_id=object_id, grace=grace, actor=actor, reason=reason, now=timezone.now())
            except BusinessError as refusal:
                return self._refused(request, refusal)
            return self._show_once(request, key, secret)
        return self._confirm(request, object_id, form, _("Rotate secret"), _("The key gets a new secret, which works at once and is shown on the next page."))

    @action(description=_("Revoke"), url_path="revoke", permissions=["change"])
    def revoke_key(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        form = ReasonForm(request.POST or None)
        if form.is_valid():
            try:
                key = services.revoke(key_id=object_id, actor=request.user.get_username(), reason=form.cleaned_data["reason"], now=timezone.now())
            except BusinessError as refusal:
                return self._refused(request, refusal)
            messages.success(request, _("%(key)s is revoked.") % {"key": key})
            return HttpResponseRedirect(reverse("admin:accounts_storefrontkey_changelist"))
        return self._confirm(request, object_id, form, _("Revoke"), _("The storefront can call no more with this key. This cannot be undone."))

    def _confirm(self, request: HttpRequest, key_id: UUID, form: forms.Form, title: Any, consequence: Any) -> HttpResponse:
        key = self.get_object(request, str(key_id))
        if key is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(key_id))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "key": key, "form": form, "consequence": consequence}
        return TemplateResponse(request, "admin/accounts/storefrontkey/confirm.html", context)

    def _show_once(self, request: HttpRequest, key: StorefrontKey, secret: str) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("The storefront's key"), "key": key, "secret": secret}
        return never_cache(lambda request: TemplateResponse(request, "admin/accounts/storefrontkey/secret.html", context))(request)

    def _refused(self, request: HttpRequest, refusal: BusinessError) -> HttpResponse:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("admin:accounts_storefrontkey_changelist"))
