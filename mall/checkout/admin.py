from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.activity import selectors as activity
from accounts.activity.models import GuestPurchase, UnmatchedRefund
from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.money import minor_digits, show, to_cents
from loyalty.lib.screens import PublishedAdmin, PublishForm, ReadOnlyAdmin, ReasonForm, confirm, operator_name
from loyalty.programme import selectors as programme

from . import rules, selectors, services
from .models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement


class PolicyForm(PublishForm):
    tried = ("order", "available")
    points_per_unit = forms.IntegerField(
        label=_("Points for one unit of money"), min_value=1, max_value=1_000_000, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("100: a hundred points pay one yuan, dollar … This is what points are worth, wherever worth is shown."),
    )  # fmt: skip
    threshold = forms.IntegerField(
        label=_("From"),
        min_value=0,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("The fewest points that an order may use. 0: no threshold."),
    )
    step = forms.IntegerField(
        label=_("In steps of"),
        min_value=1,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("100: only 100, 200, 300 … points can be used."),
    )
    max_share = forms.DecimalField(
        label=_("Up to a share of the order, in percent"), min_value=0, max_value=100, max_digits=5, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("How much of an order points may pay: 50 is half of it, 100 all, 0 nothing."),
    )  # fmt: skip
    order = forms.DecimalField(
        label=_("Try it: the order's total"),
        min_value=0,
        max_digits=12,
        decimal_places=2,
        initial=100,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Only for the preview."),
    )
    available = forms.IntegerField(
        label=_("Try it: points that the member has"),
        min_value=0,
        max_value=1_000_000_000,
        initial=5000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Only for the preview."),
    )

    @property
    def max_share_bps(self) -> int:
        return int(self.cleaned_data["max_share"] * 100)


@admin.register(BurnPolicy)
class BurnPolicyAdmin(PublishedAdmin):
    list_display = ["shown", "points_per_unit", "threshold", "step", "share", "published_at", "published_by"]
    fields = ["number", "points_per_unit", "threshold", "step", "share", "published_at", "published_by"]
    readonly_fields = ["share"]
    publish_form = PolicyForm
    consequence = _("From the moment it is published, quotes follow the new version. Holds and purchases made before keep theirs, with the worth they had.")

    @display(description=_("version"))
    def shown(self, policy: BurnPolicy) -> str:
        return str(policy)

    @display(description=_("up to a share of the order"))
    def share(self, policy: BurnPolicy) -> str:
        return f"{Decimal(policy.max_share_bps) / 100:f} %"

    def initial(self) -> dict[str, Any]:
        policy = selectors.policy_rules(selectors.burn_policy(now=timezone.now()))
        share = Decimal(policy.max_share_bps) / 100
        return {
            "points_per_unit": policy.points_per_unit,
            "threshold": policy.threshold,
            "step": policy.step,
            "max_share": f"{share:f}",
            "order": 100,
            "available": 5000,
        }

    def preview(self, form: PublishForm) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
        assert isinstance(form, PolicyForm)
        asked, currency = form.cleaned_data, programme.programme().currency or "CNY"
        total = to_cents(asked["order"], currency)
        new = rules.Policy(asked["points_per_unit"], asked["threshold"], asked["step"], form.max_share_bps, minor_digits(currency))
        both = (selectors.policy_rules(selectors.burn_policy(now=timezone.now())), new)
        most = [policy.within(worth_cents=total * policy.share_of(total) // rules.ONE, available=asked["available"]) for policy in both]
        worth = [show(policy.worth(points), currency, get_language() or "en") for policy, points in zip(both, most, strict=True)]
        rows = [(_("points that this order may use"), *(f"{points:,}" for points in most)), (_("what they pay"), *worth)]
        return ("", _("now"), _("then")), rows

    def publish(self, form: PublishForm, *, actor: str) -> Any:
        assert isinstance(form, PolicyForm)
        asked = form.cleaned_data
        policy = services.publish_policy(
            points_per_unit=asked["points_per_unit"],
            threshold=asked["threshold"],
            step=asked["step"],
            max_share_bps=form.max_share_bps,
            actor=actor,
            now=timezone.now(),
        )
        return _("Burn policy %(version)s is in force.") % {"version": policy}


class LinkForm(ReasonForm):
    purchase = forms.CharField(
        label=_("Purchase"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id of the purchase that this refund belongs to.")
    )
    field_order = ["purchase", "reason"]


def _refund_of(object_id: str) -> UnmatchedRefund:
    try:
        return UnmatchedRefund.objects.get(pk=UUID(object_id))
    except (ValueError, UnmatchedRefund.DoesNotExist) as error:
        raise Http404 from error


@admin.register(UnmatchedRefund)
class UnmatchedRefundAdmin(ReadOnlyAdmin):
    """Refunds that have no purchase: those that wait are applied with it when it comes; those parked need a person."""

    list_display = ["external_id", "state", "purchase_ref", "member_ref", "reason_kept", "occurred_at", "recorded_at"]
    list_filter = ["status"]
    search_fields = ["external_id__exact", "purchase_ref__exact", "member_ref__exact"]
    search_help_text = _("The storefront's id of the refund, the purchase or the member")
    fields = ["external_id", "status", "reason_kept", "purchase_ref", "member_ref", "occurred_at", "recorded_at", "facts", "decided_by", "decided_at", "reason"]
    readonly_fields = ["reason_kept"]
    actions_detail = ["retry", "link", "close"]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status__in=UnmatchedRefund.OPEN, then=0), default=1), "-recorded_at", "-id"]

    @display(description=_("why it waits"))
    def reason_kept(self, refund: UnmatchedRefund) -> str:
        return gettext(refund.why) if refund.why else ""

    @display(
        description=_("status"),
        label={
            UnmatchedRefund.Status.WAITING: "info",
            UnmatchedRefund.Status.PARKED: "warning",
            UnmatchedRefund.Status.APPLIED: "success",
            UnmatchedRefund.Status.CLOSED: "danger",
        },
    )
    def state(self, refund: UnmatchedRefund) -> tuple[str, str]:
        return refund.status, refund.get_status_display()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        refund = UnmatchedRefund.objects.filter(pk=object_id, status__in=UnmatchedRefund.OPEN).first()
        offered = set() if refund is None else {"retry", "link", "close"} if refund.purchase_ref else {"link", "close"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.change_unmatchedrefund")

    @action(description=_("Try again"), permissions=["decide"], icon="replay")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.retry_refund(unmatched_id=refund.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The refund is applied: points were given back and taken back as it says.")

        refund = _refund_of(object_id)
        consequence = _("The refund is applied to the purchase it names, if that has come and allows it. This cannot be undone.")
        return self._ask(request, refund, ReasonForm(request.POST or None), act, title=_("Try refund again"), consequence=consequence)

    @action(description=_("Apply to a purchase"), permissions=["decide"], icon="link", variant=ActionVariant.PRIMARY)
    def link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.link_refund(
                unmatched_id=refund.id, purchase_ref=asked["purchase"].strip(), actor=operator_name(request), reason=asked["reason"], now=timezone.now()
            )
            return _("The refund is applied: points were given back and taken back as it says.")

        refund = _refund_of(object_id)
        form = LinkForm(request.POST or None, initial={"purchase": refund.purchase_ref})
        consequence = _("The refund is applied to that purchase: spent points are given back, earned points are taken back. This cannot be undone.")
        return self._ask(request, refund, form, act, title=_("Apply refund to a purchase"), consequence=consequence)

    @action(description=_("Close"), permissions=["decide"], icon="block")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.close_refund(unmatched_id=refund.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The refund is closed. No points were moved.")

        refund = _refund_of(object_id)
        consequence = _("Nothing is given back or taken back for this refund, also when its purchase comes later.")
        return self._ask(request, refund, ReasonForm(request.POST or None), act, title=_("Close refund"), consequence=consequence, danger=True)

    def _ask(self, request: HttpRequest, refund: UnmatchedRefund, form: forms.Form, act: Any, **page: Any) -> HttpResponse:
        back = reverse("admin:accounts_unmatchedrefund_change", args=[refund.id])
        return confirm(request, site=self.admin_site, form=form, act=act, back=back, context={"opts": self.opts, "object": refund, "original": refund}, **page)


class ClaimForm(ReasonForm):
    member = forms.CharField(
        label=_("Member"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id of whoever made this purchase.")
    )
    field_order = ["member", "reason"]

    def clean_member(self) -> str:
        named = self.cleaned_data["member"].strip()
        if members.id_of(external_id=named) is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return named


@admin.register(GuestPurchase)
class GuestPurchaseAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "occurred_at", "recorded_at", "claimed_by", "claimed_at"]
    search_fields = ["external_id__exact"]
    search_help_text = _("The storefront's id of the purchase")
    list_select_related = ["claimed_by"]
    fields = ["external_id", "occurred_at", "recorded_at", "facts", "claimed_by", "claimed_at"]
    ordering = ["-recorded_at"]
    sortable_by = ()
    actions_detail = ["claim"]

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.change_unmatchedrefund")

    @action(description=_("Give it to a member"), permissions=["decide"], icon="person_add", variant=ActionVariant.PRIMARY)
    def claim(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            actor, now = operator_name(request), timezone.now()
            services.claim(purchase_ref=bought.external_id, member_ref=asked["member"], actor=actor, now=now)
            figures = {"member": asked["member"]}
            audit.record(actor=actor, verb="purchase.claimed", subject=f"purchase/{bought.external_id}", reason=asked["reason"], figures=figures, now=now)
            return _("The purchase is the member's now, with the points it earns.")

        bought = get_object_or_404(GuestPurchase, pk=object_id)
        consequence = _(
            "The purchase becomes the member's as if it had been theirs from the start, and earns what it earns. This can be done once and not undone."
        )
        back = reverse("admin:accounts_guestpurchase_change", args=[bought.pk])
        context = {"opts": self.opts, "object": bought, "original": bought}
        form = ClaimForm(request.POST or None)
        return confirm(
            request, site=self.admin_site, title=_("Give purchase to a member"), consequence=consequence, form=form, act=act, back=back, context=context
        )


class OfPurchase(ReadOnlyAdmin):
    """What points did at the till, found by the storefront's id of the purchase. `purchase` is the path to it."""

    purchase = "purchase"
    search_fields = ["member"]
    search_help_text = _("The storefront's id of a purchase, or of a member")
    sortable_by = ()

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        number = activity.number(external_id=term)
        if number and number.purchase_id:
            return queryset.filter(**{"member_id": number.member_id, self.purchase: number.purchase_id}), False
        return queryset.filter(member_id=members.id_of(external_id=term)), False


@admin.register(Settlement)
class SettlementAdmin(OfPurchase):
    list_display = ["purchase", "member", "paid", "earned", "clawed_back", "spent", "restored"]
    list_select_related = ["purchase", "member"]
    ordering = ["-purchase_id"]
    fields = [
        "purchase", "member", "paid", "basis", "worth", "refunded", "rule_version", "earn_entry", "earned", "clawed_back", "spend_entry", "spent", "restored",
        "delivered_at",
    ]  # fmt: skip
    readonly_fields = ["paid", "basis", "worth", "refunded"]

    def _money(self, settlement: Settlement, cents: int) -> str:
        return show(cents, settlement.purchase.currency, get_language() or "en")

    @display(description=_("paid in money"))
    def paid(self, settlement: Settlement) -> str:
        return self._money(settlement, settlement.paid_cents)

    @display(description=_("basis"))
    def basis(self, settlement: Settlement) -> str:
        return self._money(settlement, settlement.basis_cents)

    @display(description=_("paid with points"))
    def worth(self, settlement: Settlement) -> str:
        return self._money(settlement, settlement.worth_cents)

    @display(description=_("refunded"))
    def refunded(self, settlement: Settlement) -> str:
        return self._money(settlement, settlement.refunded_cents)


@admin.register(RefundSettlement)
class RefundSettlementAdmin(OfPurchase):
    purchase = "refund__purchase"
    list_display = ["refund", "of", "member", "restored", "clawed_back", "waived", "debt"]
    list_select_related = ["refund__purchase", "member"]
    ordering = ["-refund_id"]
    fields = ["refund", "of", "member", "restored", "clawed_back", "waived", "debt"]
    readonly_fields = ["of"]

    @display(description=_("purchase"))
    def of(self, settlement: RefundSettlement) -> str:
        return str(settlement.refund.purchase)


@admin.register(CheckoutHold)
class CheckoutHoldAdmin(ReadOnlyAdmin):
    list_display = ["hold", "member", "purchase_ref", "worth", "deadline"]
    list_select_related = ["hold", "member"]
    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    ordering = ["-hold_id"]
    sortable_by = ()
    fields = ["hold", "member", "purchase_ref", "total", "worth", "burn_policy", "deadline"]
    readonly_fields = ["total", "worth", "deadline"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[CheckoutHold], search_term: str) -> tuple[QuerySet[CheckoutHold], bool]:
        return (queryset.filter(member_id=members.id_of(external_id=search_term.strip())) if search_term.strip() else queryset), False

    def _money(self, cents: int) -> str:
        return show(cents, programme.programme().currency or "CNY", get_language() or "en")

    @display(description=_("order's total"))
    def total(self, hold: CheckoutHold) -> str:
        return "" if hold.total_cents is None else self._money(hold.total_cents)

    @display(description=_("worth"))
    def worth(self, hold: CheckoutHold) -> str:
        return self._money(hold.worth_cents)

    @display(description=_("deadline"))
    def deadline(self, hold: CheckoutHold) -> Any:
        return hold.hold.expires_at
