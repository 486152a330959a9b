from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, ReasonForm, moment, operator_name, page_link
from mall.redemptions.admin import titled

from . import rules, selectors, services
from .models import Provider, ProviderProduct, VoucherOrder

State = VoucherOrder.State
STATE_COLOURS = {
    State.WAITING: "info",
    State.SENDING: "info",
    State.DELIVERED: "success",
    State.REFUSED: "warning",
    State.WITHDRAWN: "warning",
    State.UNKNOWN: "danger",
}
# What an operator may do with an order, by its state.
OPEN_TO = {State.UNKNOWN: ("decide",), State.WAITING: ("ask-again", "withdraw"), State.DELIVERED: ("withdraw",)}


def _why(detail: str) -> str:
    """Why something was not asked, or what the provider said."""
    sentence = rules.WHY_NOT.get(detail)
    return gettext(sentence) if sentence else detail


class ProductForm(forms.ModelForm):
    class Meta:
        model = ProviderProduct
        fields = ["code", "sku", "name_zh", "name_en", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            # Not disabled: it says which row the line is.
            self.fields["code"].widget.attrs["readonly"] = True


class ProductInline(TabularInline):
    model = ProviderProduct
    form = ProductForm
    fields = ["code", "sku", "name_zh", "name_en", "active"]
    extra = 0
    can_delete = False
    verbose_name_plural = _("What it issues: each line is what a reward can hand out")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Provider)
class ProviderAdmin(HistoryAdmin):
    list_display = ["code", "named", "state", "reached_at"]
    actions = None
    inlines = [ProductInline]
    readonly_fields = ["reached_at", "environment"]
    actions_detail = ["try_out"]
    explanation = _("Who issues film tickets, memberships and the like: a reward of that kind names a product, and who redeems it gets one from its provider.")

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        about = _("How a provider must answer is written in the documentation, under “Vouchers: what a provider speaks”.")
        said = _("The secret that signs is set where the programs are started, and shown nowhere.")
        return [
            (None, {"fields": ["code", "name_zh", "name_en", "active"]}),
            (_("How it is reached"), {"fields": [*(["reached_at"] if obj else []), "base_url", "key_id", "days"], "description": about}),
            *([(_("From the environment"), {"fields": ["environment"], "description": said})] if obj else []),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Provider | None = None) -> list[str]:
        return ["code", *self.readonly_fields] if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_try_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        services.kept(form.instance, actor=operator_name(request), now=timezone.now())

    @display(description=_("name"))
    def named(self, provider: Provider) -> str:
        return provider.name

    @display(description=_("state"), label={"asked": "success", "stuck": "danger", "off": "info"})
    def state(self, provider: Provider) -> tuple[str, Any]:
        fault = selectors.fault(provider)
        if fault == "not_in_use":
            return "off", _("not in use")
        return ("stuck", _(rules.WHY_NOT[fault])) if fault else ("asked", _("in use"))

    @display(description=_("reached at"))
    def reached_at(self, provider: Provider) -> str:
        url, name = selectors.line(provider).base_url, rules.environment_name("URL", provider.code)
        return url if url == provider.base_url else gettext("%(url)s, as %(name)s says") % {"url": url, "name": name}

    @display(description=_("environment"))
    def environment(self, provider: Provider) -> str:
        about = {
            rules.environment_name("SECRET", provider.code): (True, gettext("A long random text that only the provider knows besides.")),
            rules.environment_name("URL", provider.code): (False, gettext("Where the provider is reached, in place of the address above.")),
        }
        lines = [(name, bool(settings.VOUCHERS.get(name)), needed, said) for name, (needed, said) in about.items()]
        return render_to_string("admin/accounts/channelsettings/environment.html", {"lines": lines})

    @action(description=_("Try the connection"), url_path="try", permissions=["try"], icon="cable")
    def try_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        provider = self.found(request, object_id)
        if request.method == "POST":
            # Not in a transaction: the provider is waited for.
            answer = services.try_out(provider=provider, actor=operator_name(request), now=timezone.now())
            said = gettext(rules.TRIED.get(answer.said, rules.UNEXPECTED)) % {"detail": _why(answer.detail)}
            messages.add_message(request, messages.SUCCESS if answer.said == "absent" else messages.WARNING, said)
            return HttpResponseRedirect(reverse("admin:mall_provider_change", args=[provider.pk]))
        consequence = _("The provider is asked for an order that does not exist. That shows whether address, key and secret are right; nothing is ordered.")
        return self.ask(request, provider, lambda _asked: "", title=_("Try the connection"), consequence=consequence)


class ProviderFilter(admin.SimpleListFilter):
    title, parameter_name = _("provider of vouchers"), "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.code, one.name) for one in Provider.objects.all()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[VoucherOrder]) -> QuerySet[VoucherOrder]:
        return queryset.filter(provider_id=self.value()) if self.value() else queryset


DECISIONS = {
    "ask_again": _("Ask the provider again, for as many days as before."),
    "withdraw": _("Have the provider cancel it; once it says so, the points go back."),
    "write_off": _("The provider has told us that nothing was or will be issued: the points go back now."),
    "hand_over": _("The provider has given us the vouchers by another way: the member gets them now."),
}
# Of a longer term, and of what was lent and is to come back.
OF_A_RENEWAL = {**DECISIONS, "hand_over": _("The provider has told us that it agrees: the term is longer now.")}
TO_COME_BACK = {"ask_again": DECISIONS["ask_again"], "write_off": _("The provider has told us that it has it back, or it is lost: others can borrow it now.")}


class DecisionForm(ReasonForm):
    decision = forms.ChoiceField(label=_("What becomes of it"), widget=UnfoldAdminRadioSelectWidget)
    vouchers = forms.CharField(
        label=_("Vouchers"),
        required=False,
        max_length=200_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=_("Only to hand them over. A line for each: its code and, where there are any, its address and its last day, with commas between."),
    )
    field_order = ["decision", "vouchers", "reason"]

    def __init__(self, *args: Any, order: VoucherOrder, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        open_to = TO_COME_BACK if order.asks == VoucherOrder.Ask.RETURN else OF_A_RENEWAL if order.extends_id else DECISIONS
        self.fields["decision"].choices = list(open_to.items())
        if open_to is not DECISIONS:
            del self.fields["vouchers"]


@admin.register(VoucherOrder)
class VoucherOrderAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "whose", "ordered", "used_for", "issuer", "shown", "why"]
    list_filter = ["state", "purpose", ProviderFilter]
    list_select_related = ["member", "product", "provider"]
    search_fields = ["number"]
    search_help_text = _("A member's storefront id, the redemption, the key of the order, or the provider's number")
    sortable_by = ()
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["whose", "redeemed", "what", "quantity", "used_for", "ends_at", "stands", "why", "issued"]}),
        (_("At the provider"), {"fields": ["issuer", "key", "sku", "number"]}),
        (_("When"), {"fields": ["created_at", "due", "until", "settled_at"]}),
        (_("Decided"), {"fields": ["reason", "actor"]}),
        (_("What was asked of the provider"), {"fields": ["chain"]}),
    ]
    readonly_fields = ["whose", "redeemed", "what", "used_for", "issuer", "stands", "why", "issued", "key", "due", "chain"]
    actions_detail = ["decide", "ask_again", "withdraw"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[VoucherOrder], search_term: str) -> tuple[QuerySet[VoucherOrder], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=selectors.found(term).values("pk")) if term else queryset), False

    @display(description=_("member"))
    def whose(self, order: VoucherOrder) -> str:
        return page_link("accounts_member", order.member_id, order.member)

    @display(description=_("redemption"))
    def redeemed(self, order: VoucherOrder) -> str:
        return page_link("mall_redemption", order.redemption_id, titled(order.redemption))

    @display(description=_("product"))
    def what(self, order: VoucherOrder) -> str:
        return order.product.name

    @display(description=_("product"))
    def ordered(self, order: VoucherOrder) -> str:
        return f"{order.product.name} × {order.quantity}"

    @display(description=_("purpose"))
    def used_for(self, order: VoucherOrder) -> str:
        return str(order.get_purpose_display())

    @display(description=_("provider"))
    def issuer(self, order: VoucherOrder) -> str:
        return page_link("mall_provider", order.provider_id, order.provider)

    @display(description=_("state"), label=STATE_COLOURS)
    def shown(self, order: VoucherOrder) -> tuple[str, str]:
        return order.state, self.stands(order)

    @display(description=_("state"))
    def stands(self, order: VoucherOrder) -> str:
        being_cancelled = order.asks == VoucherOrder.Ask.DELETE and order.state in (State.WAITING, State.SENDING)
        if order.asks == VoucherOrder.Ask.RETURN and order.state in (State.WAITING, State.SENDING):
            return gettext("is to come back")
        return gettext("is to be cancelled") if being_cancelled else order.get_state_display()

    @display(description=_("key"))
    def key(self, order: VoucherOrder) -> str:
        return str(order.id)

    @display(description=_("what the provider said"))
    def why(self, order: VoucherOrder) -> str:
        return _why(order.detail)

    @display(description=_("vouchers"))
    def issued(self, order: VoucherOrder) -> str:
        # Never whole: who reads this page is not who may use them.
        return ", ".join(rules.masked(one["code"] or one["url"]) for one in order.vouchers) or gettext("none")

    @display(description=_("next attempt"))
    def due(self, order: VoucherOrder) -> str:
        return moment(order.due_at) if order.state == State.WAITING else ""

    @display(description=_("attempts"))
    def chain(self, order: VoucherOrder) -> SafeString:
        rows = [
            {"row": row, "outcome": row.get_outcome_display() or gettext("under way, or its program was ended"), "why": _why(row.detail)}
            for row in selectors.attempts(order)
        ]
        return render_to_string("admin/mall/voucherorder/chain.html", {"attempts": rows})

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.decide_voucherorder")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        there = VoucherOrder.objects.filter(pk=object_id).first()
        names = OPEN_TO.get(State(there.state), ()) if there else ()
        if there and (there.asks == VoucherOrder.Ask.RETURN or (there.state == State.DELIVERED and there.purpose != VoucherOrder.Purpose.VOUCHER)):
            # What is lent is ended at its rental.
            names = tuple(name for name in names if name != "withdraw")
        return [one for one in super().get_actions_detail(request, object_id) if one.path in names]

    @action(description=_("Decide"), url_path="decide", permissions=["decide"], icon="gavel")
    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the network could not settle, a person does."""

        def act(asked: Mapping[str, Any]) -> Any:
            verb = {"ask_again": services.ask_again, "withdraw": services.withdraw, "write_off": services.write_off, "hand_over": services.hand_over}
            typed = {"vouchers": rules.typed(asked.get("vouchers", ""))} if asked["decision"] == "hand_over" else {}
            order = verb[asked["decision"]](**self._about(request, object_id, asked), **typed)
            return gettext("It is decided: %(state)s.") % {"state": order.get_state_display()}

        order = self.found(request, object_id)
        consequence = ngettext(
            "For %(count)s day its provider gave no answer that says what became of it. The points are spent, and there is no voucher.",
            "For %(count)s days its provider gave no answer that says what became of it. The points are spent, and there is no voucher.",
            max((order.until - order.created_at).days, 1),
        ) % {"count": max((order.until - order.created_at).days, 1)}
        if order.asks == VoucherOrder.Ask.RETURN:
            consequence = gettext("Its term is over, and for days its provider gave no answer that says that it has it back. Nobody else can borrow it.")
        elif order.extends_id:
            consequence = gettext("The points for a longer term are spent, and for days its provider gave no answer that says what became of it.")
        return self.ask(request, order, act, DecisionForm(request.POST or None, order=order), title=_("Decide"), consequence=consequence)

    @action(description=_("Ask now"), url_path="ask-again", permissions=["decide"], icon="sync")
    def ask_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.ask_again(**self._about(request, object_id, asked))
            return _("The provider is asked in a moment.")

        order = self.found(request, object_id)
        return self.ask(request, order, act, with_reason=True, title=_("Ask now"), consequence=_("The provider is asked at once what became of it."))

    @action(description=_("Take back"), url_path="withdraw", permissions=["decide"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.withdraw(**self._about(request, object_id, asked))
            return _("The provider is asked to cancel it. Once it says so, the points go back.")

        order = self.found(request, object_id)
        consequence = _("The provider is asked to cancel the voucher. Once it has, the points go back; where it was used already, all stays as it is.")
        return self.ask(request, order, act, with_reason=True, title=_("Take back"), consequence=consequence, danger=True)

    @staticmethod
    def _about(request: HttpRequest, object_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"order_id": UUID(object_id), "reason": asked["reason"], "actor": operator_name(request), "now": timezone.now()}
