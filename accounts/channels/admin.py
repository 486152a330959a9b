import re
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, operator_name

from . import rules, selectors, services
from .models import ChannelSettings, ProviderTemplate, Receipt

CHANNEL_TITLES = {"email": _("E-mail"), "sms": _("SMS"), "push": _("App push"), "wechat": _("WeChat")}
ADDRESSES = {
    "email": _("An e-mail address of your own."),
    "sms": _("A mobile number of your own, with its country: +8613800138000."),
    "push": _("A device's token with its provider before it: fcm:… or apns:…"),
    "wechat": _("The OpenID of a follower, such as yourself."),
}


NO_ADDRESS = rules.WHY_NOT["address_invalid"]


class ChannelForm(forms.ModelForm):
    """Asks for what this very provider needs to be told; kept together in `parameters`."""

    class Meta:
        model = ChannelSettings
        fields = ["in_use"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.instance.about.parameters:
            field = self.fields.get(one.name)
            if field is not None:
                field.initial = self.instance.parameters.get(one.name) or one.default

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        about = self.instance.about
        for one in about.parameters:
            said = (given.get(one.name) or "").strip()
            if said and one.pattern and not re.fullmatch(one.pattern, said):
                self.add_error(one.name, gettext("That cannot be right. %(about)s") % {"about": gettext(one.about)})
            elif not said and one.required and given.get("in_use"):
                self.add_error(one.name, _("Needed before the provider is in use."))
        rival = ChannelSettings.objects.filter(channel=about.channel, in_use=True).exclude(pk=self.instance.pk).exclude(channel="push").first()
        if given.get("in_use") and rival:
            self.add_error("in_use", gettext("“%(rival)s” serves this channel. Take it out of use first.") % {"rival": rival})
        self.instance.parameters = {one.name: (given.get(one.name) or "").strip() for one in about.parameters}
        return given


class TemplateForm(forms.ModelForm):
    class Meta:
        model = ProviderTemplate
        fields = ["kind", "language", "code", "variables"]
        widgets = {"variables": UnfoldAdminTextareaWidget(attrs={"rows": 3})}


class TemplateInline(TabularInline):
    model = ProviderTemplate
    form = TemplateForm
    extra = 0
    verbose_name_plural = _("Templates: which one of the provider's carries which kind of message")


class TestForm(forms.Form):
    """`key` is made with the form: sent twice, it is the same message to whoever can tell."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    to = forms.CharField(label=_("Send to"), max_length=4200, widget=UnfoldAdminTextInputWidget)
    template = forms.ModelChoiceField(label=_("Template"), queryset=ProviderTemplate.objects.none(), widget=UnfoldAdminSelectWidget)
    values = forms.CharField(
        label=_("Values"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("A line for each variable of the template, by our name for it: points=300."),
    )

    def __init__(self, row: ChannelSettings, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.row = row
        self.fields["to"].help_text = ADDRESSES[row.channel]
        if row.about.templates:
            self.fields["template"].queryset = row.templates.all()
        else:
            del self.fields["template"], self.fields["values"]

    def clean_to(self) -> str:
        to = str(self.cleaned_data["to"]).strip()
        if not rules.well_formed(self.row.channel, to) or not rules.serves(self.row.about, self.row.channel, to):
            raise forms.ValidationError(_(NO_ADDRESS))
        return to

    def message(self, actor: str) -> rules.Rendered:
        text = gettext("This is a test of “%(provider)s”, sent by %(actor)s.") % {"provider": self.row, "actor": actor}
        plain = rules.Rendered(subject=gettext("A test"), text=text)
        if "template" not in self.fields:
            return plain
        lines = [line.partition("=") for line in self.cleaned_data["values"].splitlines() if "=" in line]
        chosen = self.cleaned_data["template"]
        values = {name.strip(): value.strip() for name, _equals, value in lines}
        return plain._replace(template=chosen.kind, language=chosen.language, parameters=values)


@admin.register(ChannelSettings)
class ChannelSettingsAdmin(HistoryAdmin):
    form = ChannelForm
    list_display = ["shown", "serves", "state", "missing"]
    list_display_links = ["shown"]
    actions = None
    ordering = ["channel", "provider"]
    readonly_fields = ["environment", "receipts_to"]
    inlines = [TemplateInline]
    actions_detail = ["send_test"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_test_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    def get_form(self, request: HttpRequest, obj: ChannelSettings | None = None, change: bool = False, **kwargs: Any) -> type[forms.ModelForm]:
        # Its fields are the provider's, which the model knows nothing of.
        kwargs["fields"] = ["in_use"]
        base = super().get_form(request, obj, change, **kwargs)
        parameters = obj.about.parameters if obj else ()
        return type("ProvidersForm", (base,), {one.name: _field(one) for one in parameters})

    def get_fieldsets(self, request: HttpRequest, obj: ChannelSettings | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ["in_use"]})]
        parameters = [one.name for one in obj.about.parameters] if self.has_change_permission(request, obj) else ["parameters"]
        environment = _("Secrets, and the addresses to which they are sent, are set where the programs are started, and shown nowhere.")
        return [
            (None, {"fields": ["in_use"], "description": gettext(obj.about.about)}),
            (_("What the provider must know"), {"fields": parameters}),
            (_("From the environment"), {"fields": ["environment", *(["receipts_to"] if obj.about.receipts is not None else [])], "description": environment}),
        ]

    def get_inlines(self, request: HttpRequest, obj: ChannelSettings | None) -> list[Any]:
        return self.inlines if obj and obj.about.templates else []

    @display(description=_("provider"), ordering="provider")
    def shown(self, row: ChannelSettings) -> str:
        return str(row)

    @display(description=_("channel"), ordering="channel")
    def serves(self, row: ChannelSettings) -> Any:
        return CHANNEL_TITLES[row.channel]

    @display(description=_("state"), label={"sends": "success", "stuck": "danger", "off": "info"})
    def state(self, row: ChannelSettings) -> tuple[str, Any]:
        if not row.in_use:
            return "off", _("not in use")
        return ("stuck", _("cannot send")) if selectors.fault(row) else ("sends", _("in use"))

    @display(description=_("still missing"))
    def missing(self, row: ChannelSettings) -> str:
        held = selectors.environment(row.about)
        asked = [capfirst(gettext(one.label)) for one in row.about.parameters if one.required and not (row.parameters.get(one.name) or one.default)]
        return ", ".join([*asked, *(name for name in row.about.needs if not held[name])])

    @display(description=_("environment"))
    def environment(self, row: ChannelSettings) -> str:
        held = selectors.environment(row.about)
        lines = [(name, bool(held[name]), name in row.about.needs, gettext(rules.ENVIRONMENT[name])) for name in held]
        return render_to_string("admin/accounts/channelsettings/environment.html", {"lines": lines})

    @display(description=_("receipts go to"))
    def receipts_to(self, row: ChannelSettings) -> str:
        address = f"{settings.PUBLIC_URL.rstrip('/')}/api/v1/receipts/{row.provider}{row.about.receipts}"
        about = _("Enter this address at the provider, with the value of that name in its place.") if row.about.receipts else _("Enter it at the provider.")
        return format_html("<code>{}</code><p>{}</p>", address, about)

    @action(description=_("Send a test"), url_path="test", permissions=["test"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.found(request, object_id)
        form = TestForm(row, request.POST if request.method == "POST" else None, initial={"key": new_id()})
        if request.method == "POST" and form.is_valid():
            actor, asked = operator_name(request), form.cleaned_data
            try:
                # Not in a transaction: the provider is waited for.
                outcome = services.send_test(
                    provider=row.provider, to=asked["to"], message=form.message(actor), key=f"test/{asked['key']}", actor=actor, now=timezone.now()
                )
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
            else:
                said = gettext(rules.TESTED[outcome.state]) % {"number": outcome.provider_id, "detail": outcome.detail}
                messages.add_message(request, messages.SUCCESS if outcome.state == "accepted" else messages.WARNING, said)
                return HttpResponseRedirect(reverse("admin:accounts_channelsettings_change", args=[row.pk]))
        consequence = _("A real message goes out at once, in use or not. It may cost what a message costs.")
        return self.ask(request, row, lambda _asked: "", form, title=_("Send a test"), consequence=consequence)


def _field(one: rules.Parameter) -> forms.CharField:
    return forms.CharField(label=capfirst(gettext(one.label)), help_text=gettext(one.about), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["received_at", "provider", "provider_id", "shown_state", "detail", "recognised", "times"]
    list_filter = ["provider", "state", "recognised"]
    search_fields = ["provider_id"]
    search_help_text = _("The provider's number of the message, or the key under which it was handed over")
    sortable_by = ()
    ordering = ["-id"]
    fields = ["received_at", "provider", "provider_id", "key", "state", "detail", "address_gone", "recognised", "times"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Receipt], search_term: str) -> tuple[QuerySet[Receipt], bool]:
        term = search_term.strip()
        return (queryset.filter(Q(provider_id=term) | Q(key=term)) if term else queryset), False

    @display(description=_("state"), label={Receipt.State.DELIVERED: "success", Receipt.State.BOUNCED: "danger"})
    def shown_state(self, receipt: Receipt) -> tuple[str, str]:
        return receipt.state, receipt.get_state_display()
