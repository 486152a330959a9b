import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminURLInputWidget

from accounts.members import selectors as members
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, ReasonForm, moment, operator_name, page_link

from . import rules, selectors, services
from .models import TYPES, WebhookDelivery, WebhookEndpoint

Status = WebhookDelivery.Status
STATUS_COLOURS = {Status.WAITING: "info", Status.FAILED: "danger", Status.DELIVERED: "success", Status.DROPPED: "warning"}
AT_ONCE = 10_000
COUNTED_AT_MOST = 1000


# What stands in an error, and what it means for who reads it; the first that is found counts.
MEANINGS = {
    rules.NOT_CALLED: _("The host is inside a network. If it is the storefront's, name it in WEBHOOK_INTERNAL_HOSTS of the environment."),
    "CERTIFICATE": _("Its certificate is not valid: for this host, or any more."),
    "gaierror": _("There is no such host. Check the address."),
    "ReadTimeout": _("It took longer than ten seconds to answer."),
    "ConnectTimeout": _("Nobody answers there. Check the address, and whether the server is up."),
    "Connect": _("Nobody answers there. Check the address, and whether the server is up."),
}


def in_words(error: str) -> str:
    """An error of the network with what it means, where that is known."""
    meaning = next((said for part, said in MEANINGS.items() if part in error), "")
    return f"{meaning} ({error})" if meaning else error


class EndpointForm(forms.ModelForm):
    url = forms.CharField(
        label=capfirst(_("address")), max_length=500, widget=UnfoldAdminURLInputWidget, help_text=WebhookEndpoint._meta.get_field("url").help_text
    )
    topics = forms.MultipleChoiceField(
        label=capfirst(_("events")), choices=TYPES, widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=WebhookEndpoint._meta.get_field("topics").help_text,
    )  # fmt: skip

    class Meta:
        model = WebhookEndpoint
        fields = ["name", "url", "topics"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "topics" in self.fields:
            self.fields["topics"].choices = [(name, f"{name} · {gettext(about)}") for name, about in TYPES]  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if fault := selectors.url_fault(url):
            raise forms.ValidationError(gettext(rules.NO_ADDRESS[fault]))
        return url


class RotateForm(ReasonForm):
    GRACES = [
        (0, _("signs no more")),
        (1, _("signs as well for one more hour")),
        (24, _("signs as well for one more day")),
        (168, _("signs as well for one more week")),
    ]
    grace = forms.TypedChoiceField(
        label=_("The old secret"), choices=GRACES, coerce=int, initial=24, widget=UnfoldAdminSelectWidget,
        help_text=_("Long enough for the receiver to change over; not at all if the secret may have leaked."),
    )  # fmt: skip


class ReplayForm(ReasonForm):
    DEAD, UNSEEN, ALL = [Status.FAILED], [Status.FAILED, Status.DROPPED], [Status.FAILED, Status.DROPPED, Status.DELIVERED]
    WHICH = {
        "dead": (_("what has failed for good"), DEAD),
        "unseen": (_("what has failed or was dropped"), UNSEEN),
        "all": (_("what was delivered as well"), ALL),
    }
    which = forms.ChoiceField(label=_("Which"), choices=[(name, label) for name, (label, _statuses) in WHICH.items()], widget=UnfoldAdminSelectWidget)
    since = forms.SplitDateTimeField(label=_("What happened since"), widget=UnfoldAdminSplitDateTimeWidget, help_text=_("By the programme’s clock."))


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(HistoryAdmin):
    form = EndpointForm
    actions = None
    list_display = ["name", "url", "state", "waiting", "told"]
    ordering = ["-id"]
    list_per_page = 20
    readonly_fields = ["how", "waiting", "last_delivered", "created_at", "previous_until", "failures", "failing_since", "rests_until", "off_at"]
    actions_detail = ["send_test", "replay", "switch_on", "switch_off", {"title": _("More"), "items": ["rotate", "drop_all"]}]

    def get_fieldsets(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        what = (None, {"fields": ["name", "url", "topics"]})
        if obj is None:
            return [what]
        health = ["how", "waiting", "last_delivered", "failures", "failing_since", "rests_until", "off_at", "created_at", "previous_until"]
        return [(_("How it goes"), {"fields": health}), what]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What it was told stays on record with it.
        return False

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("loyalty.replay_webhookendpoint")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        on = WebhookEndpoint.objects.filter(pk=object_id, off_at=None).exists()
        hidden = "switch-on" if on else "switch-off"
        return [one for one in super().get_actions_detail(request, object_id) if one.path != hidden]

    @display(
        description=_("state"),
        label={"sends": "success", "fails": "warning", "rests": "danger", "gone": "danger", "failing": "danger", "secret": "danger", "by_hand": "info"},
    )
    def state(self, endpoint: WebhookEndpoint) -> tuple[str, Any]:
        now = timezone.now()
        if endpoint.off_at:
            return str(endpoint.off_why), endpoint.get_off_why_display()
        if not selectors.secrets(endpoint, now=now):
            return "secret", _("needs a new secret: SECRET_KEY was changed")
        if endpoint.rests_until and endpoint.rests_until > now:
            return "rests", _("fails, and rests for a while")
        return ("fails", _("fails")) if endpoint.failures else ("sends", _("on"))

    @display(description=_("state"))
    def how(self, endpoint: WebhookEndpoint) -> Any:
        return self.state(endpoint)[1]

    @display(description=_("waiting"))
    def waiting(self, endpoint: WebhookEndpoint) -> str:
        count = selectors.open_rows(endpoint_id=endpoint.id)[: COUNTED_AT_MOST + 1].count()
        link = reverse("admin:loyalty_webhookdelivery_changelist") + f"?endpoint__id__exact={endpoint.id}"
        return format_html('<a class="console-link" href="{}">{}</a>', link, f"{COUNTED_AT_MOST:,}+" if count > COUNTED_AT_MOST else f"{count:,}")

    @display(description=_("events"))
    def told(self, endpoint: WebhookEndpoint) -> str:
        return f"{len(endpoint.topics)} / {len(rules.TOPICS)}"

    @display(description=_("last delivered"))
    def last_delivered(self, endpoint: WebhookEndpoint) -> str:
        return moment(selectors.last_delivered(endpoint_id=endpoint.id)) or gettext("nothing yet")

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: EndpointForm, change: bool) -> None:
        given = {**form.cleaned_data, "actor": operator_name(request), "now": timezone.now()}
        if change:
            services.change_endpoint(endpoint_id=obj.id, **given)
            return
        made, secret = services.make_endpoint(**given)
        obj.pk = made.pk
        obj.shown_once = secret  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_once(request, obj, obj.shown_once)  # type: ignore[attr-defined]

    def _show_once(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("The secret of this endpoint"),
            "endpoint": endpoint,
            "secret": secret,
        }
        return never_cache(lambda request: TemplateResponse(request, "admin/loyalty/webhookendpoint/secret.html", context))(request)

    @action(description=_("Send a test"), url_path="test", permissions=["replay"], icon="send")
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.found(request, object_id)
        if request.method == "POST":
            try:
                # Not in a transaction: the receiver is waited for.
                answer = services.send_test(endpoint_id=endpoint.id, actor=operator_name(request), now=timezone.now())
            except BusinessError as refusal:
                messages.error(request, refusal.message)
            else:
                about = {"answer": in_words(str(answer)), "milliseconds": f"{answer.milliseconds:,}"}
                good, bad = _("It was taken within %(milliseconds)s ms: %(answer)s"), _("It was not taken (%(milliseconds)s ms): %(answer)s")
                messages.add_message(request, messages.SUCCESS if answer.accepted else messages.WARNING, (good if answer.accepted else bad) % about)
            return HttpResponseRedirect(reverse("admin:loyalty_webhookendpoint_change", args=[endpoint.id]))
        consequence = _("An event of the type webhook.test is sent to the address at once, signed like any other, whether or not the endpoint is switched on.")
        return self.ask(request, endpoint, lambda _asked: "", title=_("Send a test"), consequence=consequence)

    @action(description=_("Replay"), url_path="replay", permissions=["replay"], icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            _label, statuses = ReplayForm.WHICH[asked["which"]]
            about = {"since": asked["since"], "statuses": statuses, "limit": AT_ONCE, "actor": operator_name(request), "reason": asked["reason"]}
            count = services.replay_since(endpoint_id=endpoint.id, **about, now=timezone.now())
            return gettext("Deliveries on their way again: %(count)s.") % {"count": f"{count:,}"}

        endpoint = self.found(request, object_id)
        form = ReplayForm(request.POST or None, initial={"since": timezone.localtime(timezone.now() - timedelta(days=1))})
        consequence = _(
            "It is sent again, the oldest first, at most 10,000 at a time. Each keeps its webhook-id, so that a receiver can tell what it has had before. "
            "Where later things were delivered meanwhile, it comes out of order."
        )
        return self.ask(request, endpoint, act, form, title=_("Replay"), consequence=consequence)

    @action(description=_("Drop what waits"), url_path="drop", permissions=["replay"], icon="delete", variant=ActionVariant.DANGER)
    def drop_all(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            count = services.drop_all(endpoint_id=endpoint.id, limit=AT_ONCE, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return gettext("Deliveries dropped: %(count)s.") % {"count": f"{count:,}"}

        endpoint = self.found(request, object_id)
        consequence = _("What waits and what has failed is not sent, at most 10,000 at a time. As long as it is kept it can be replayed.")
        return self.ask(request, endpoint, act, with_reason=True, title=_("Drop what waits"), consequence=consequence, danger=True)

    @action(description=_("Rotate secret"), url_path="rotate", permissions=["change"], icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        shown: list[HttpResponse] = []

        def act(asked: Mapping[str, Any]) -> Any:
            grace = timedelta(hours=asked["grace"])
            made, secret = services.rotate_secret(
                endpoint_id=endpoint.id, grace=grace, actor=operator_name(request), reason=asked["reason"], now=timezone.now()
            )
            shown.append(self._show_once(request, made, secret))
            return _("The secret was changed.")

        endpoint = self.found(request, object_id)
        consequence = _("The endpoint gets a new secret, which signs at once and is shown on the next page. A receiver takes either signature.")
        answer = self.ask(request, endpoint, act, RotateForm(request.POST or None), title=_("Rotate secret"), consequence=consequence)
        return shown[0] if shown else answer

    @action(description=_("Switch on"), url_path="switch-on", permissions=["change"], icon="play_arrow")
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("What waits is sent at once, the oldest first. To begin without it, drop it before.")
        return self._switch(request, object_id, services.switch_on, title=_("Switch on"), consequence=consequence)

    @action(description=_("Switch off"), url_path="switch-off", permissions=["change"], icon="pause")
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("Nothing is sent any more, and what happens meanwhile is not kept for it. What waits stays.")
        return self._switch(request, object_id, services.switch_off, title=_("Switch off"), consequence=consequence)

    def _switch(self, request: HttpRequest, object_id: str, verb: Callable[..., WebhookEndpoint], **page: Any) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            done = verb(endpoint_id=endpoint.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return (
                gettext("“%(endpoint)s” is switched off.") % {"endpoint": done}
                if done.off_at
                else gettext("“%(endpoint)s” is switched on.") % {"endpoint": done}
            )

        endpoint = self.found(request, object_id)
        return self.ask(request, endpoint, act, with_reason=True, **page)


class TypeFilter(admin.SimpleListFilter):
    title = _("event")
    parameter_name = "topic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name, _about in TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
        return queryset.filter(topic=self.value()) if self.value() else queryset


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "topic", "whose", "endpoint", "state", "due", "attempts", "error"]
    list_display_links = ["created_at"]
    list_filter = ["status", "endpoint", TypeFilter]
    list_select_related = ["endpoint"]
    sortable_by = ()
    ordering = ["-id"]
    search_fields = ["id"]
    search_help_text = _("A webhook-id, or a member's storefront id")
    fieldsets = [
        (None, {"fields": ["topic", "endpoint", "whose", "status", "error", "message"]}),
        (_("When"), {"fields": ["created_at", "due", "settled_at"]}),
        (_("What it says"), {"fields": ["content"]}),
        (_("Attempts"), {"fields": ["chain"]}),
    ]
    readonly_fields = ["whose", "error", "message", "due", "content", "chain"]
    actions_detail = ["replay", "drop"]

    def has_replay_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("loyalty.replay_webhookendpoint")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery], search_term: str) -> tuple[QuerySet[WebhookDelivery], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(message_id=UUID(term.removeprefix("msg_"))), False
        except ValueError:
            return queryset.filter(member_id=members.id_of(external_id=term)), False

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        there = WebhookDelivery.objects.filter(pk=object_id).first()
        offered = {"replay": there and there.status != Status.WAITING, "drop": there and there.status in WebhookDelivery.OPEN}
        return [one for one in super().get_actions_detail(request, object_id) if offered[one.path]]

    @display(description=_("member"))
    def whose(self, row: WebhookDelivery) -> str:
        said = row.payload.get("data", {}).get("member", "")
        return page_link("accounts_member", row.member_id, said)

    @display(description=_("status"), label=STATUS_COLOURS, ordering="status")
    def state(self, row: WebhookDelivery) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("last error"))
    def error(self, row: WebhookDelivery) -> str:
        return in_words(row.last_error)

    @display(description=_("next attempt"))
    def due(self, row: WebhookDelivery) -> str:
        return moment(row.due_at) if row.status == Status.WAITING else ""

    @display(description="webhook-id")
    def message(self, row: WebhookDelivery) -> str:
        return row.message

    @display(description=_("content"))
    def content(self, row: WebhookDelivery) -> str:
        return format_html("<pre>{}</pre>", json.dumps(row.payload, indent=2, ensure_ascii=False))

    @display(description=_("attempts"))
    def chain(self, row: WebhookDelivery) -> SafeString:
        return render_to_string("admin/loyalty/webhookdelivery/attempts.html", {"attempts": row.tries.order_by("id")[:100]})

    @action(description=_("Replay"), url_path="replay", permissions=["replay"], icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("It is sent again with the same webhook-id, and what waits behind it for this member goes on after it.")
        return self._act(request, object_id, services.replay, _("It is on its way again."), title=_("Replay"), consequence=consequence)

    @action(description=_("Drop"), url_path="drop", permissions=["replay"], icon="delete", variant=ActionVariant.DANGER)
    def drop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        consequence = _("The endpoint is not told of this, and what waits behind it goes on.")
        return self._act(request, object_id, services.drop, _("It was dropped."), title=_("Drop"), consequence=consequence, danger=True)

    def _act(self, request: HttpRequest, object_id: str, verb: Callable[..., WebhookDelivery], said: Any, **page: Any) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            verb(delivery_id=row.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return said

        row = self.found(request, object_id)
        return self.ask(request, row, act, with_reason=True, **page)
