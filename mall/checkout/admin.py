from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.activity import rules as facts
from accounts.activity import selectors as activity
from accounts.activity.models import GuestPurchase, UnmatchedRefund
from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.callers import named
from loyalty.lib.ids import new_id
from loyalty.lib.money import minor_digits, show, to_cents
from loyalty.lib.screens import PublishedAdmin, PublishForm, ReadOnlyAdmin, ReasonForm, moment, operator_name
from loyalty.programme import selectors as programme
from tiers.ladder import selectors as ladder

from . import rules, selectors, services
from .models import BurnPolicy, CheckoutHold, RefundSettlement, Settlement

SPARE_ROWS, MOST_ROWS = 3, 50
# The cells of a row of each table.
TABLES = {
    "bands": ("from", "share"),
    "categories": ("category", "share"),
    "tiers": ("tier", "share", "factor"),
    "cart": ("category", "quantity", "price"),
}
FAULTS = {
    "band": _("A band begins above 0; what holds below it is the share above."),
    "band_twice": _("Two bands begin at the same total."),
    "category": _("Name a category by its path, like HOME/KITCHEN."),
    "category_twice": _("This category stands here twice."),
    "tier_twice": _("This tier stands here twice."),
}
OF_TABLE = {"band": "bands", "band_twice": "bands", "category": "categories", "category_twice": "categories", "tier_twice": "tiers"}


def _whole(label: Any, help_text: Any = "", *, least: int = 0, most: int = 1_000_000_000, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(label=label, help_text=help_text, min_value=least, max_value=most, widget=UnfoldAdminIntegerFieldWidget, **more)


def _percent(label: Any, help_text: Any = "", **more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, min_value=0, max_value=100, max_digits=5, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget, **more
    )


def _amount(label: Any, help_text: Any = "", **more: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, help_text=help_text, min_value=0, max_digits=12, decimal_places=_digits(), widget=UnfoldAdminDecimalFieldWidget, **more
    )


def _digits() -> int:
    return minor_digits(_currency())


def _currency() -> str:
    return programme.programme().currency or "CNY"


def _money(cents: int) -> str:
    return show(cents, _currency(), get_language() or "en")


def _share(bps: int) -> str:
    return f"{Decimal(bps) / 100:f} %"


def _plain(value: Decimal) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


class PolicyForm(PublishForm):
    """A version of the burn policy, its tables as rows; and a cart to try it on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now: rules.Policy = self.initial["policy"]
        self.fields["points_per_unit"] = _whole(
            _("Points for one unit of money"),
            _("100: a hundred points pay one yuan, dollar … This is what points are worth, wherever worth is shown."),
            least=1,
            most=1_000_000,
        )
        self.fields["threshold"] = _whole(_("Fewest points"), _("An order uses at least so many, or none. 0: no threshold."))
        self.fields["step"] = _whole(_("In steps of"), _("100: only 100, 200, 300 … points can be used."), least=1)
        self.fields["max_share"] = _percent(
            _("Up to a share of the order, in percent"), _("How much of an order points may pay: 50 is half of it, 100 all, 0 nothing.")
        )
        self.fields["dear"] = _amount(
            _("Dearer goods: from this unit price on"), _("They have a share of their own, where their category has none. Empty: no exception."), required=False
        )
        self.fields["dear_share"] = _percent(_("Points may pay of them, in percent"), required=False)
        self.fields["with_coupons"] = forms.BooleanField(
            label=_("Points and coupons together"), required=False, widget=UnfoldBooleanSwitchWidget,
            help_text=_("Off: an order that uses a coupon uses no points. A coupon that does not go with points stays so."),
        )  # fmt: skip
        self.fields["in_force_from"] = forms.SplitDateTimeField(
            label=_("In force from"), required=False, widget=UnfoldAdminSplitDateTimeWidget,
            help_text=_("Empty: at once. Until then it is announced to everybody who asks the programme. By the programme’s clock."),
        )  # fmt: skip
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), required=False, max_length=300, widget=UnfoldAdminTextInputWidget,
            help_text=_("Kept with the version. Needed where what points are worth changes less than seven days ahead."),
        )  # fmt: skip
        self.tables = [
            self._table("bands", _("By the order’s total"), [(_scaled(band.from_cents), _scaled(band.share_bps, 2)) for band in now.bands]),
            self._table("categories", _("By category; 0 excludes it"), [(one.category, _scaled(one.share_bps, 2)) for one in now.categories]),
            self._table(
                "tiers",
                _("By tier: a share of their own, or so many times the order’s"),
                [(one.tier, "", _scaled(one.factor_bps, 4)) if one.share_bps is None else (one.tier, _scaled(one.share_bps, 2), "") for one in now.tiers],
            ),
            self._table("cart", _("Try it: goods of the cart"), []),
        ]
        self.fields["order"] = _amount(_("Try it: other goods"), _("Of no category. Only for the preview."), initial=100)
        self.fields["shipping"] = _amount(_("Try it: shipping"), required=False)
        self.fields["off"] = _amount(_("Try it: coupons take off"), required=False)
        self.fields["member"] = forms.CharField(
            label=_("Try it: for this member"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget,
            help_text=_("The storefront’s id: by the tier and the points that they have. Empty: for nobody in particular."),
        )  # fmt: skip
        self.fields["available"] = _whole(_("Try it: points that the member has"), _("Only for the preview, where no member is named."), initial=5000)
        tried = ["order", "shipping", "off", "member", "available", *(name for name in self.fields if name.startswith("cart."))]
        self.tried = tuple(tried)

    # The tables.

    def _table(self, table: str, title: Any, given: Sequence[Sequence[Any]]) -> dict[str, Any]:
        asked = self.data.get(f"rows:{table}", "") if self.is_bound else ""
        count = min(int(asked), MOST_ROWS) if asked.isdecimal() else len(given) + SPARE_ROWS
        if self.data.get("more") == table:
            count = min(count + SPARE_ROWS, MOST_ROWS)
        for row in range(count):
            for i, name in enumerate(TABLES[table]):
                self.fields[f"{table}.{row}.{name}"] = self._cell(name)
                self.initial[f"{table}.{row}.{name}"] = given[row][i] if row < len(given) else None
        return {"table": table, "title": title, "count": count}

    def _cell(self, name: str) -> forms.Field:
        match name:
            case "from":
                return _amount(_("from a total of"), required=False)
            case "share":
                return _percent(_("percent of it"), required=False)
            case "factor":
                return forms.DecimalField(
                    label=_("or times"), min_value=0, max_value=100, max_digits=7, decimal_places=4, required=False, widget=UnfoldAdminDecimalFieldWidget
                )
            case "tier":
                choices = [("", "—"), *((step.code, step.name(get_language() or "")) for step in ladder.ladder())]
                return forms.ChoiceField(label=_("tier"), choices=choices, required=False, widget=UnfoldAdminSelectWidget)
            case "quantity":
                return _whole(_("how many"), least=0, most=1_000_000, required=False)
            case "price":
                return _amount(_("unit price"), required=False)
        return forms.CharField(label=_("category"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)

    @property
    def sections(self) -> list[dict[str, Any]]:
        """What the page shows: single fields, and tables between them."""
        single = [{"field": self[name]} for name in self.fields if "." not in name]
        at = {"bands": 4, "categories": 6, "tiers": 6, "cart": 9}
        for item in reversed(self.tables):
            table = item["table"]
            rows = [[self[f"{table}.{row}.{name}"] for name in TABLES[table]] for row in range(item["count"])]
            single.insert(at[table], {**item, "rows": rows, "errors": self.errors.get(f"{table}.0.{TABLES[table][0]}", []) if self.is_bound else []})
        return single

    def _rows(self, asked: Mapping[str, Any], table: str) -> list[tuple[Any, ...]]:
        """The rows that say anything."""
        count = next(item["count"] for item in self.tables if item["table"] == table)
        rows = [tuple(asked.get(f"{table}.{row}.{name}") for name in TABLES[table]) for row in range(count)]
        return [row for row in rows if any(value not in (None, "") for value in row)]

    # What it comes to.

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if self.errors:
            return asked
        for table in ("bands", "categories"):
            if any(None in row or "" in row for row in self._rows(asked, table)):
                self.add_error(f"{table}.0.{TABLES[table][0]}", _("Fill in both, or leave the row empty."))
        if any(not tier or (share is None) == (factor is None) for tier, share, factor in self._rows(asked, "tiers")):
            self.add_error("tiers.0.tier", _("Choose a tier, and either a share or how many times."))
        if asked["dear"] is not None and asked["dear_share"] is None:
            self.add_error("dear_share", _("How much of them may points pay?"))
        if asked["in_force_from"] and asked["in_force_from"] < timezone.now():
            self.add_error("in_force_from", services.PolicyRetroactive.title)
        if asked["member"] and members.id_of(external_id=asked["member"].strip()) is None:
            self.add_error("member", _("There is no member of that id."))
        if not self.errors:
            for code in rules.faults(self.policy):
                table = OF_TABLE.get(code, "bands")
                self.add_error(f"{table}.0.{TABLES[table][0]}", FAULTS.get(code, services.PolicyInvalid.title))
        return asked

    @property
    def policy(self) -> rules.Policy:
        asked = self.cleaned_data
        return rules.Policy(
            asked["points_per_unit"],
            asked["threshold"],
            asked["step"],
            _bps(asked["max_share"]),
            _digits(),
            [rules.Band(to_cents(start, _currency()), _bps(share)) for start, share in self._rows(asked, "bands")],
            None if asked["dear"] is None else to_cents(asked["dear"], _currency()),
            rules.ONE if asked["dear_share"] is None else _bps(asked["dear_share"]),
            [rules.CategoryShare(category.strip(), _bps(share)) for category, share in self._rows(asked, "categories")],
            [
                rules.TierShare(tier, None if share is None else _bps(share), rules.ONE if factor is None else int(factor * rules.ONE))
                for tier, share, factor in self._rows(asked, "tiers")
            ],
            asked["with_coupons"],
        )

    @property
    def cart(self) -> facts.Purchase:
        """The cart to try it on."""
        asked = self.cleaned_data
        lines = [
            facts.Line(str(number), category=(category or "").strip(), quantity=1 if quantity is None else quantity, amount_cents=_times(price, quantity))
            for number, (category, quantity, price) in enumerate(self._rows(asked, "cart"), 1)
        ]
        if asked["order"]:
            lines.append(facts.Line("0", amount_cents=to_cents(asked["order"], _currency())))
        off = to_cents(asked["off"] or 0, _currency())
        discounts = ({"kind": "coupon", "discount_cents": off},) if off else ()
        return facts.Purchase("", timezone.now(), _currency(), 0, tuple(lines), to_cents(asked["shipping"] or 0, _currency()), discounts)


def _bps(percent: Decimal) -> int:
    return int(percent * 100)


def _times(price: Decimal | None, quantity: int | None) -> int:
    return to_cents((price or Decimal(0)) * (1 if quantity is None else quantity), _currency())


def _scaled(number: int, digits: int | None = None) -> str:
    return _plain(Decimal(number).scaleb(-(_digits() if digits is None else digits)))


def _said(policy: rules.Policy) -> dict[str, str]:
    """A policy in words, by what each is about."""
    names = {step.code: step.name(get_language() or "") for step in ladder.ladder()}
    yes, none = gettext("yes"), "—"
    dear = f"{_money(policy.dear_cents)}: {_share(policy.dear_share_bps)}" if policy.dear_cents is not None else none
    tiers = [
        f"{names.get(one.tier, one.tier)}: " + (f"× {_scaled(one.factor_bps, 4)}" if one.share_bps is None else _share(one.share_bps)) for one in policy.tiers
    ]
    return {
        gettext("points for one unit of money"): f"{policy.points_per_unit:,}",
        gettext("fewest points of an order"): f"{policy.threshold:,}",
        gettext("in steps of"): f"{policy.step:,}",
        gettext("up to a share of the order"): _share(policy.max_share_bps),
        gettext("by the order's total"): "; ".join(f"{_money(one.from_cents)}: {_share(one.share_bps)}" for one in policy.bands) or none,
        gettext("from this unit price on"): dear,
        gettext("by category"): "; ".join(f"{one.category}: {_share(one.share_bps)}" for one in policy.categories) or none,
        gettext("by tier"): "; ".join(tiers) or none,
        gettext("points and coupons together"): yes if policy.with_coupons else gettext("no"),
    }


def _diff(old: rules.Policy, new: rules.Policy) -> list[tuple[str, str, str]]:
    """What the one says otherwise than the other: (what, before, after)."""
    before, after = _said(old), _said(new)
    return [(what, before[what], after[what]) for what in after if before[what] != after[what]]


class MakeGoodForm(ReasonForm):
    cost_centre = forms.CharField(
        label=_("Cost centre"), required=False, max_length=50, widget=UnfoldAdminTextInputWidget, help_text=_("Who pays for these points in the books.")
    )


@admin.register(BurnPolicy)
class BurnPolicyAdmin(PublishedAdmin):
    list_display = ["shown", "state", "points_per_unit", "threshold", "step", "share", "starts", "published_by"]
    fields = ["number", "stands", "says", "otherwise", "starts", "published_at", "published_by", "reason"]
    readonly_fields = ["stands", "says", "otherwise", "starts"]
    publish_form = PolicyForm
    publish_template = "admin/mall/burnpolicy/publish.html"
    consequence = _("From the moment it is in force, quotes follow the new version. Holds and purchases made before keep theirs, with the worth they had.")
    actions_detail = ["make_good"]

    @display(description=_("version"))
    def shown(self, policy: BurnPolicy) -> str:
        return str(policy)

    @display(description=_("state"), label={"in_force": "success", "announced": "info", "over": "warning"})
    def state(self, policy: BurnPolicy) -> tuple[str, Any]:
        now = timezone.now()
        current = selectors.burn_policy(now=now)
        if current is not None and current.number == policy.number:
            return "in_force", _("in force")
        return ("announced", _("announced for later")) if policy.starts_at > now else ("over", _("replaced"))

    @display(description=_("state"))
    def stands(self, policy: BurnPolicy) -> Any:
        return self.state(policy)[1]

    @display(description=_("in force from"))
    def starts(self, policy: BurnPolicy) -> str:
        return moment(policy.starts_at)

    @display(description=_("up to a share of the order"))
    def share(self, policy: BurnPolicy) -> str:
        said, bands = _share(policy.max_share_bps), [band.share_bps for band in selectors.policy_rules(policy).bands]
        return gettext("%(share)s (by the total up to %(most)s)") % {"share": said, "most": _share(max(bands))} if bands else said

    @display(description=_("says"))
    def says(self, policy: BurnPolicy) -> str:
        return format_html_join("", "<div>{}: {}</div>", _said(selectors.policy_rules(policy)).items())

    @display(description=_("otherwise than the version before it"))
    def otherwise(self, policy: BurnPolicy) -> str:
        earlier = selectors.version_before(policy)
        if earlier is None:
            return "—"
        return format_html_join("", "<div>{}: {} → {}</div>", _diff(selectors.policy_rules(earlier), selectors.policy_rules(policy))) or "—"

    def initial(self) -> dict[str, Any]:
        policy = selectors.policy_rules(selectors.burn_policy(now=timezone.now()))
        return {
            "policy": policy,
            "points_per_unit": policy.points_per_unit,
            "threshold": policy.threshold,
            "step": policy.step,
            "max_share": _scaled(policy.max_share_bps, 2),
            "dear": None if policy.dear_cents is None else _scaled(policy.dear_cents),
            "dear_share": None if policy.dear_cents is None else _scaled(policy.dear_share_bps, 2),
            "with_coupons": policy.with_coupons,
            "order": 100,
            "available": 5000,
        }

    def preview(self, form: PublishForm) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
        assert isinstance(form, PolicyForm)
        now = timezone.now()
        old, new = selectors.policy_rules(selectors.burn_policy(now=form.cleaned_data["in_force_from"] or now)), form.policy
        form.changes = _diff(old, new)
        member_id = members.id_of(external_id=form.cleaned_data["member"].strip()) if form.cleaned_data["member"] else None
        tried = [selectors.tried(policy, form.cart, member_id=member_id, available=form.cleaned_data["available"], now=now) for policy in (old, new)]
        rows: list[Sequence[Any]] = [
            (_("points that this order may use"), *(f"{one.points:,}" for one in tried)),
            (_("what they pay"), *(_money(one.worth_cents) for one in tried)),
        ]
        others = gettext("other goods")
        for i, line in enumerate(form.cart.lines if len(form.cart.lines) > 1 or form.cart.shipping_cents else ()):
            what = f"{line.category or others} × {line.quantity}, {_money(line.amount_cents)}"
            rows.append(
                (what, *(f"{_money(one.how.lines[i].worth_cents)} ({_share(one.allowed.lines[i][0])}, {BY[one.allowed.lines[i][1]]})" for one in tried))
            )
        if form.cart.shipping_cents:
            rows.append((_("shipping"), *(f"{_money(one.how.shipping.worth_cents)} ({_share(one.allowed.share_bps)})" for one in tried)))
        return ("", _("now"), _("then")), rows

    def publish(self, form: PublishForm, *, actor: str) -> Any:
        assert isinstance(form, PolicyForm)
        new = form.policy
        policy = services.publish_policy(
            **{field: getattr(new, field) for field in new.__slots__ if field != "minor_digits"},
            in_force_from=form.cleaned_data["in_force_from"],
            reason=form.cleaned_data["reason"],
            actor=actor,
            now=timezone.now(),
        )
        if policy.in_force_from:
            return _("Burn policy %(version)s is announced.") % {"version": policy}
        return _("Burn policy %(version)s is in force.") % {"version": policy}

    # Making good what a change takes from members.

    def has_make_good_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.add_batch")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        policy = BurnPolicy.objects.filter(pk=object_id).first()
        before = selectors.version_before(policy) if policy else None
        loses = policy is not None and before is not None and policy.points_per_unit > before.points_per_unit
        return [one for one in super().get_actions_detail(request, object_id) if one.path != "make_good" or loses]

    @action(description=_("Make good to members"), permissions=["make_good"], icon="volunteer_activism")
    def make_good(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.propose_make_good(
                policy_id=policy.pk, reason=asked["reason"], cost_centre=asked["cost_centre"], operator_id=request.user.pk, key=new_id(), now=timezone.now()
            )
            return _("A batch of grants is being checked. Submit it there; a second person decides.")

        policy = self.found(request, object_id)
        found = selectors.make_good(policy, now=timezone.now())
        effect = [
            (_("members"), "0", f"{found.members:,}"),
            (_("points"), "0", f"{found.points:,}"),
            (_("what that costs"), _money(0), _money(found.cost_cents)),
        ]
        consequence = _(
            "Members who hold points now get as many more as keep them worth what they were, rounded up. This makes a batch of grants that a second "
            "person decides on; nothing is booked before."
        )
        return self.ask(
            request, policy, act, MakeGoodForm(request.POST or None), title=_("Make good to members"), consequence=consequence, effect=effect,
            done=reverse("admin:points_batch_changelist"),
        )  # fmt: skip


BY = {"order": _("the order"), "category": _("category"), "unit_price": _("unit price")}


class LinkForm(ReasonForm):
    purchase = forms.CharField(
        label=_("Purchase"), max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id of the purchase that this refund belongs to.")
    )
    field_order = ["purchase", "reason"]


@admin.register(UnmatchedRefund)
class UnmatchedRefundAdmin(ReadOnlyAdmin):
    """Refunds that have no purchase: those that wait are applied with it when it comes; those parked need a person."""

    list_display = ["external_id", "state", "purchase_ref", "member_ref", "reason_kept", "occurred_at", "recorded_at"]
    list_filter = ["status"]
    search_fields = ["external_id__exact", "purchase_ref__exact", "member_ref__exact"]
    search_help_text = _("The storefront's id of the refund, the purchase or the member")
    fields = ["external_id", "status", "reason_kept", "purchase_ref", "member_ref", "occurred_at", "recorded_at", "facts", "by", "decided_at", "reason"]
    readonly_fields = ["reason_kept", "by"]
    actions_detail = ["retry", "link", "close"]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status__in=UnmatchedRefund.OPEN, then=0), default=1), "-recorded_at", "-id"]

    @display(description=_("decided by"))
    def by(self, refund: UnmatchedRefund) -> str:
        return named(refund.decided_by)

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

        refund = self.found(request, object_id)
        consequence = _("The refund is applied to the purchase it names, if that has come and allows it. This cannot be undone.")
        return self.ask(request, refund, act, with_reason=True, title=_("Try refund again"), consequence=consequence)

    @action(description=_("Apply to a purchase"), permissions=["decide"], icon="link", variant=ActionVariant.PRIMARY)
    def link(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.link_refund(
                unmatched_id=refund.id, purchase_ref=asked["purchase"].strip(), actor=operator_name(request), reason=asked["reason"], now=timezone.now()
            )
            return _("The refund is applied: points were given back and taken back as it says.")

        refund = self.found(request, object_id)
        form = LinkForm(request.POST or None, initial={"purchase": refund.purchase_ref})
        consequence = _("The refund is applied to that purchase: spent points are given back, earned points are taken back. This cannot be undone.")
        return self.ask(request, refund, act, form, title=_("Apply refund to a purchase"), consequence=consequence)

    @action(description=_("Close"), permissions=["decide"], icon="block")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.close_refund(unmatched_id=refund.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("The refund is closed. No points were moved.")

        refund = self.found(request, object_id)
        consequence = _("Nothing is given back or taken back for this refund, also when its purchase comes later.")
        return self.ask(request, refund, act, with_reason=True, title=_("Close refund"), consequence=consequence, danger=True)


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

        bought = self.found(request, object_id)
        consequence = _(
            "The purchase becomes the member's as if it had been theirs from the start, and earns what it earns. This can be done once and not undone."
        )
        return self.ask(request, bought, act, ClaimForm(request.POST or None), title=_("Give purchase to a member"), consequence=consequence)


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
        "split_shown", "delivered_at",
    ]  # fmt: skip
    readonly_fields = ["paid", "basis", "worth", "refunded", "split_shown"]

    def _money(self, settlement: Settlement, cents: int) -> str:
        return show(cents, settlement.purchase.currency, get_language() or "en")

    @display(description=_("paid in money"))
    def paid(self, settlement: Settlement) -> str:
        return self._money(settlement, settlement.paid_cents)

    @display(description=_("how each line was paid"), empty_value=_("in money alone"))
    def split_shown(self, settlement: Settlement) -> str | None:
        how = settlement.how
        if how is None:
            return None
        named = [*(line.external_id for line in activity.lines_of(settlement.purchase)), gettext("shipping")]
        said = [
            (
                name,
                gettext("%(money)s in money, %(worth)s with %(points)s points, %(coupons)s by coupons")
                % {
                    "money": self._money(settlement, part.paid_cents),
                    "worth": self._money(settlement, part.worth_cents),
                    "points": f"{part.points:,}",
                    "coupons": self._money(settlement, sum((part.coupons or {}).values())),
                },
            )
            for name, part in zip(named, how.parts, strict=True)
        ]
        return format_html_join("", "<div>{}: {}</div>", said)

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
    def deadline(self, hold: CheckoutHold) -> str:
        return moment(hold.hold.expires_at)
