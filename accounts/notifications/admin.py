from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.channels.rules import WHY_NOT as CHANNELS_WHY_NOT
from loyalty.audit import services as audit
from loyalty.lib.ids import new_id
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ConfigurationAdmin, HistoryAdmin, ReadOnlyAdmin, moment, operator_name, page_link

from . import rules, selectors, services
from .models import Attempt, Channel, Delivery, Language, NotificationKind, NotificationSettings, Template

State = Delivery.State
STATE_COLOURS = {
    State.WAITING: "info",
    State.STANDBY: "info",
    State.SENDING: "info",
    State.HANDED_OVER: "success",
    State.DELIVERED: "success",
    State.BOUNCED: "danger",
    State.REFUSED: "danger",
    State.UNKNOWN: "warning",
    State.GAVE_UP: "danger",
    State.SKIPPED: "info",
}
VERSIONS_SHOWN = 10
# What every message may speak of.
STANDARD = {
    "member_name": _("The member's name"),
    "points_name": _("What the points are called"),
    "points_unit": _("Their unit"),
    "unsubscribe_link": _("A link under which the member says that they want no more of these"),
}


def _why(detail: str) -> str:
    """Why something was not sent, or what the provider said."""
    sentence = rules.WHY_NOT.get(detail) or CHANNELS_WHY_NOT.get(detail)
    return gettext(sentence) if sentence else detail


@admin.register(NotificationSettings)
class NotificationSettingsAdmin(ConfigurationAdmin):
    fieldsets = [
        (_("Quiet hours"), {"fields": ["quiet_from", "quiet_until"]}),
        (_("Marketing"), {"fields": ["marketing_needs_consent", "marketing_per_day"]}),
        (
            _("How fast"),
            {
                "fields": ["email_per_minute", "sms_per_minute", "push_per_minute", "wechat_per_minute"],
                "description": _("What your provider allows, or a little less. What is more waits for the next minute."),
            },
        ),
    ]


class KindForm(forms.ModelForm):
    channels = forms.MultipleChoiceField(
        label=_("Channels"),
        choices=Channel.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Those without a text, or without a provider, are passed over."),
    )

    class Meta:
        model = NotificationKind
        fields = ["name_zh", "name_en", "purpose", "channels", "way", "resend_unknown", "hours", "active"]

    def clean_channels(self) -> list[str]:
        # In the order in which they are tried where the first that works is enough.
        chosen = self.cleaned_data["channels"]
        return [channel for channel in ("inbox", "push", "wechat", "sms", "email") if channel in chosen]


class TextForm(forms.Form):
    """What a kind says on one channel, in one language. Left empty, it says nothing in that language."""

    subject = forms.CharField(label=_("Subject"), required=False, max_length=120, widget=UnfoldAdminTextInputWidget)
    text = forms.CharField(label=_("Text"), required=False, max_length=4000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 10}))
    html = forms.CharField(
        label=_("HTML"),
        required=False,
        max_length=60_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "console-code"}),
        help_text=_("Only for a mail with a design of its own. Left empty, it is made of the text."),
    )

    def __init__(self, *args: Any, kind: NotificationKind, channel: str, language: str, **kwargs: Any) -> None:
        super().__init__(*args, prefix=language, **kwargs)
        self.kind, self.channel, self.language = kind, channel, language
        if channel not in rules.WITH_SUBJECT:
            del self.fields["subject"]
        if channel != Channel.EMAIL:
            del self.fields["html"]

    def typed(self) -> dict[str, str]:
        """What stands in the fields now, right or not."""
        names = ("subject", "text", "html")
        said = {name: str(self[name].value() or "") if name in self.fields else "" for name in names}
        return {name: value.replace("\r\n", "\n").strip() for name, value in said.items()}

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if any(self.typed().values()):
            for field, sentence in selectors.faults(kind=self.kind, channel=self.channel, **self.typed()):
                self.add_error(field, sentence)
        return asked

    def example(self) -> SafeString:
        """How it reads with sample values, in the look of its channel."""
        typed = self.typed()
        message = services.example(kind=self.kind, channel=self.channel, language=self.language, **typed) if any(typed.values()) else None
        return _look(self.channel, message)


class ExampleForm(forms.Form):
    to = forms.CharField(label=_("Your own address"), max_length=512, widget=UnfoldAdminTextInputWidget)


def _look(channel: str, message: Any) -> SafeString:
    shown = {"channel": channel, "message": message, "label": Channel(channel).label}
    if message:
        shown |= {"signs": len(message.text), "segments": rules.segments(message.text)}
    return render_to_string("admin/accounts/notificationkind/look.html", shown)


@admin.register(NotificationKind)
class NotificationKindAdmin(HistoryAdmin):
    form = KindForm
    list_display = ["title", "code", "purpose", "by", "way", "used"]
    list_display_links = ["title"]
    list_filter = ["purpose", "active"]
    actions = None
    fieldsets = [
        (None, {"fields": ["code", "name_zh", "name_en", "purpose", "active"]}),
        (_("How it is sent"), {"fields": ["channels", "way", "resend_unknown", "hours"]}),
        (_("What it says"), {"fields": ["texts"]}),
    ]
    readonly_fields = ["code", "texts"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("kind of message"))
    def title(self, kind: NotificationKind) -> str:
        return kind.name

    @display(description=_("channels"))
    def by(self, kind: NotificationKind) -> str:
        return ", ".join(str(Channel(channel).label) for channel in kind.channels)

    @display(description=_("in use"), boolean=True, ordering="active")
    def used(self, kind: NotificationKind) -> bool:
        return kind.active

    @display(description=_("texts"))
    def texts(self, kind: NotificationKind) -> SafeString:
        """Every channel in both languages as it reads now, with the way to change it."""
        written = {(text.channel, text.language): text for text in Template.objects.filter(kind=kind)}
        in_use = selectors.channels_in_use()
        rows = []
        for channel in Channel:
            looks = []
            for language in Language:
                text = written.get((channel, language))
                said = {"subject": text.subject, "text": text.text, "html": text.html} if text else None
                message = services.example(kind=kind, channel=channel, language=language, **said) if said else None
                looks.append((language.label, _look(channel, message)))
            link = reverse("admin:notification_texts", args=[kind.code, channel])
            rows.append({"channel": channel.label, "link": link, "looks": looks, "chosen": channel in kind.channels, "provided": channel in in_use})
        return render_to_string("admin/accounts/notificationkind/texts.html", {"rows": rows})

    def save_model(self, request: HttpRequest, obj: NotificationKind, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        figures = {name: str(getattr(obj, name)) for name in form.changed_data}
        audit.record(actor=operator_name(request), verb="message_kind.change", subject=f"message/{obj.code}", figures=figures, now=timezone.now())

    def get_urls(self) -> list[Any]:
        own = path("<slug:code>/texts/<slug:channel>/", self.admin_site.admin_view(self.texts_view), name="notification_texts")
        return [own, *super().get_urls()]

    def texts_view(self, request: HttpRequest, code: str, channel: str) -> HttpResponse:
        """The texts of one channel in both languages, side by side with how they read."""
        kind = get_object_or_404(NotificationKind, pk=code)
        if channel not in Channel.values:
            raise Http404
        if not self.has_view_permission(request, kind):
            raise PermissionDenied
        may_write = self.has_change_permission(request, kind)
        there = {text.language: text for text in Template.objects.filter(kind=kind, channel=channel)}
        posted = request.POST if request.method == "POST" else None
        forms_by = {
            language: TextForm(
                posted, kind=kind, channel=channel, language=language,
                initial={name: getattr(there.get(language), name, "") for name in ("subject", "text", "html")},
            )
            for language in Language.values
        }  # fmt: skip
        if "live" in request.POST:
            return JsonResponse({language: form.example() for language, form in forms_by.items()})
        if posted is not None and not may_write:
            raise PermissionDenied
        asked = ExampleForm(posted if "test" in request.POST else None, initial={"to": request.user.email if channel == Channel.EMAIL else ""})
        valid = [form.is_valid() for form in forms_by.values()]
        if posted is not None and all(valid):
            if "test" in request.POST:
                if asked.is_valid() and request.POST["test"] in forms_by:
                    self._send_example(request, forms_by[request.POST["test"]], asked.cleaned_data["to"].strip())
            else:
                with transaction.atomic():
                    for language, form in forms_by.items():
                        services.write_text(kind=code, channel=channel, language=language, **form.typed(), actor=operator_name(request), now=timezone.now())
                messages.success(request, _("The texts are saved. Whatever is sent from now on reads so."))
                return HttpResponseRedirect(request.path)
        elif posted is not None:
            messages.error(request, _("Nothing was saved. Please look at the fields that are marked below."))
        chinese = (request.LANGUAGE_CODE or "zh").startswith("zh")
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{kind.name}: {Channel(channel).label}",
            "kind": kind,
            "channel": channel,
            "forms": [(Language(language).label, language, form) for language, form in forms_by.items()],
            "variables": [
                *((v.name, v.zh if chinese else v.en, rules.shown(v.type, v.sample, "zh-hans" if chinese else "en")) for v in kind.known),
                *((name, meaning, "") for name, meaning in STANDARD.items()),
            ],
            "may_write": may_write,
            "asked": asked if may_write and channel != Channel.INBOX else None,
            "versions": self._versions(kind, channel),
            "back": reverse("admin:accounts_notificationkind_change", args=[code]),
            "others": [(one.label, reverse("admin:notification_texts", args=[code, one]), one == channel) for one in Channel],
        }
        return TemplateResponse(request, "admin/accounts/notificationkind/editor.html", page)

    def _send_example(self, request: HttpRequest, form: TextForm, to: str) -> None:
        message = services.example(kind=form.kind, channel=form.channel, language=form.language, **form.typed())
        try:
            # Outside any transaction: the provider is waited for.
            outcome = services.send_example(to=to, message=message, channel=form.channel, key=str(new_id()), actor=operator_name(request), now=timezone.now())
        except BusinessError as refusal:
            messages.error(request, refusal.message)
            return
        said = gettext("%(outcome)s. %(detail)s") % {"outcome": Attempt.Outcome(outcome.state).label, "detail": _why(outcome.detail)}
        (messages.success if outcome.state == "accepted" else messages.error)(request, said)

    def _versions(self, kind: NotificationKind, channel: str) -> list[dict[str, Any]]:
        """What it said before, the latest first."""
        rows = Template.history.filter(kind=kind, channel=channel).select_related("history_user").order_by("-history_date", "-history_id")
        return [
            {
                "at": row.history_date,
                "by": row.history_user,
                "language": row.get_language_display(),
                "subject": row.subject,
                "text": row.text if row.history_type != "-" else "",
            }
            for row in rows[:VERSIONS_SHOWN]
        ]


class KindFilter(admin.SimpleListFilter):
    title, parameter_name = _("kind of message"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.code, kind.name) for kind in selectors.kinds().values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(message__kind=self.value()) if self.value() else queryset


class TroubleFilter(admin.SimpleListFilter):
    title, parameter_name = _("failed"), "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", str(_("given up or without an answer, last 24 hours")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(pk__in=selectors.failed(now=timezone.now()).values("pk")) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "whose", "about", "channel", "shown", "to", "attempts", "why"]
    list_filter = [TroubleFilter, "state", "channel", KindFilter]
    list_select_related = ["member", "message", "message__kind"]
    search_fields = ["to"]
    search_help_text = _("A member's storefront id, phone or e-mail address, the address it went to, or the provider's number")
    sortable_by = ()
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["whose", "about", "key", "channel", "state", "why", "to", "provider_id"]}),
        (_("When"), {"fields": ["created_at", "due", "until", "settled_at"]}),
        (_("What it said"), {"fields": ["language", "subject", "said"]}),
        (_("Attempts"), {"fields": ["chain"]}),
    ]
    readonly_fields = ["whose", "about", "key", "why", "due", "said", "chain"]
    actions_detail = ["send_again"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str) -> tuple[QuerySet[Delivery], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=selectors.found(term).values("pk")) if term else queryset), False

    @display(description=_("member"))
    def whose(self, delivery: Delivery) -> str:
        return page_link("accounts_member", delivery.member_id, delivery.member)

    @display(description=_("kind of message"))
    def about(self, delivery: Delivery) -> str:
        return delivery.message.kind.name

    @display(description=_("key"))
    def key(self, delivery: Delivery) -> str:
        return delivery.message.key

    @display(description=_("state"), label=STATE_COLOURS)
    def shown(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description=_("detail"))
    def why(self, delivery: Delivery) -> str:
        return _why(delivery.detail)

    @display(description=_("next attempt"))
    def due(self, delivery: Delivery) -> str:
        return moment(delivery.due_at) if delivery.state == State.WAITING else ""

    @display(description=_("text"))
    def said(self, delivery: Delivery) -> str:
        return format_html('<div class="console-lines">{}</div>', delivery.text) if delivery.text else gettext("not sent yet")

    @display(description=_("attempts"))
    def chain(self, delivery: Delivery) -> SafeString:
        rows = Attempt.objects.filter(member_id=delivery.member_id, delivery=delivery).order_by("number")
        shown = [{"row": row, "outcome": row.get_outcome_display() or gettext("under way, or its program was ended"), "why": _why(row.detail)} for row in rows]
        return render_to_string("admin/accounts/delivery/chain.html", {"attempts": shown})

    def has_resend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.resend_delivery")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        there = Delivery.objects.filter(pk=object_id).first()
        return super().get_actions_detail(request, object_id) if there and there.state in Delivery.RESENT else []

    @action(description=_("Send again"), permissions=["resend"], icon="send")
    def send_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.send_again(delivery_id=delivery.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("It will be sent again in a moment.")

        delivery = self.found(request, object_id)
        consequence = (
            _("The provider did not answer: the member may have it already, and would then get it twice.")
            if delivery.state == State.UNKNOWN
            else _("It was surely not handed over. It is tried again, with the text as it is now.")
        )
        return self.ask(request, delivery, act, with_reason=True, title=_("Send again"), consequence=consequence)
