from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.members import selectors as members
from accounts.members.admin import GrantForm
from accounts.segments import selectors as segments
from accounts.segments.admin import IdsForm
from loyalty.lib.ids import new_id
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, in_two_steps, moment, operator_name, page_link
from mall.redemptions.admin import about
from mall.rewards.admin import AmountField, ShareField
from points.ledger.admin import BooksAdmin
from tiers.ladder import selectors as ladder

from . import rules, selectors, services
from .models import Coupon, CouponBatch, CouponTemplate

Status = Coupon.Status
STATUS_COLOURS = {Status.RESERVED: "warning", Status.AVAILABLE: "success", Status.USED: "info", Coupon.EXPIRED: "warning", Status.WITHDRAWN: "danger"}
UNKNOWN_SHOWN = 100
# How the coupons of an issue stand, in the order of `selectors.Issued`.
STANDING = (_("not used"), _("used"), _("expired"), _("withdrawn"))


class PathsField(forms.CharField):
    """Paths of categories, one a line, as the list that is kept."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 2})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        lines = value if isinstance(value, list) else (value or "").splitlines()
        return list(dict.fromkeys(one.strip(" /") for one in lines if one.strip(" /")))

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class CapField(AmountField):
    """An amount of money; empty is none at all, not zero."""

    def clean(self, value: Any) -> Any:
        return None if value in (None, "") else super().clean(value)


class TemplateForm(forms.ModelForm):
    # What is not of a kind, and what stands there then.
    OTHERS = {"amount": {"percent_bps": 0, "cap_cents": None}, "percent": {"amount_cents": 0}}
    NONE = {"amount_cents": 0, "percent_bps": 0, "cap_cents": None}

    amount_cents = AmountField(label=capfirst(_("amount off")), help_text=_("10.00 takes ten off."))
    percent_bps = ShareField(label=_("Percentage off"), help_text=_("15 takes 15 % off, which leaves 85 %."))
    cap_cents = CapField(label=capfirst(_("at most so much off")), help_text=_("However much the percentage comes to. Empty: no cap."))
    threshold_cents = AmountField(
        label=capfirst(_("from this total on")), help_text=_("What the lines it is for must come to, before any coupon. Empty: any order.")
    )
    categories = PathsField(
        label=_("Only on these categories"), required=False, help_text=_("One path a line, like HOME/KITCHEN; it stands for all below it. Empty: on all.")
    )
    excluded = PathsField(label=_("Not on these categories"), required=False, help_text=_("One path a line, like GIFT-CARDS."))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        return {**given, **self.OTHERS.get(given.get("kind", ""), self.NONE)}


@admin.register(CouponTemplate)
class CouponTemplateAdmin(HistoryAdmin):
    """Coupons that members have keep their terms, whatever is changed here."""

    form = TemplateForm
    list_display = ["code", "named", "does", "good", "claimable", "left", "active"]
    list_filter = ["kind", "claimable", "active"]
    search_fields = ["code", "name_zh", "name_en"]
    actions = None
    explanation = _("What coupons do. Rules, tiers, rewards and check-in prizes name a template by its code; operators issue its coupons under “Coupons”.")
    fieldsets = [
        (None, {"fields": ["code", ("name_zh", "name_en"), ("text_zh", "text_en"), "active"]}),
        (
            _("What it takes off"),
            {"fields": ["kind", "amount_cents", ("percent_bps", "cap_cents"), "threshold_cents", ("categories", "excluded")]},
        ),
        (_("What it goes with"), {"fields": [("combines_with_points", "combines_with_coupons")]}),
        (_("How long it is good"), {"fields": ["valid_days", ("starts_on", "ends_on")]}),
        (_("How many there are"), {"fields": [("in_all", "per_member")]}),
        (_("Who may claim it"), {"fields": ["claimable", ("least_tier", "segment")]}),
    ]
    conditional_fields = {
        "amount_cents": "kind == 'amount'",
        "percent_bps": "kind == 'percent'",
        "cap_cents": "kind == 'percent'",
        "least_tier": "claimable",
        "segment": "claimable",
    }

    def get_fieldsets(self, request: HttpRequest, obj: CouponTemplate | None = None) -> list[Any]:
        return [(_("As members see it"), {"fields": ["preview"]}), *self.fieldsets] if obj else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: CouponTemplate | None = None) -> list[str]:
        return ["code", "preview"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        left = selectors.left(list(found.result_list))
        for row in found.result_list:
            row.left_now = left.get(row.code)
        return found

    def save_model(self, request: HttpRequest, obj: CouponTemplate, form: forms.ModelForm, change: bool) -> None:
        services.keep(template=obj, actor=operator_name(request), now=timezone.now())

    @display(description=_("name"))
    def named(self, template: CouponTemplate) -> str:
        return template.name

    @display(description=_("what it does"))
    def does(self, template: CouponTemplate) -> str:
        return selectors.what_it_does(template.terms)

    @display(description=_("how long it is good"))
    def good(self, template: CouponTemplate) -> str:
        return selectors.until(template)

    @display(description=_("left"), empty_value="∞")
    def left(self, template: Any) -> str | None:
        return None if template.left_now is None else f"{template.left_now:,}"

    @display(description=_("in short"))
    def preview(self, template: CouponTemplate) -> str:
        """In both languages, and on carts below, at and above its threshold."""
        said = []
        for language in ("zh-hans", "en"):
            with translation.override(language):
                said.append((template.name, selectors.what_it_does(template.terms), selectors.until(template), template.text))
        return render_to_string("admin/mall/coupontemplate/preview.html", {"said": said, "carts": samples(template.terms)})


def samples(terms: rules.Terms) -> Sequence[tuple[str, str, str, str]]:
    """What it does on carts around its threshold: (goods, shipping, taken off, why not)."""
    at, shipping = terms.threshold_cents or 10_000, 1_000
    category = terms.categories[0] if terms.categories else ""
    rows = []
    for cents in (at - 1, at, 3 * at):
        found = rules.apply(terms, [rules.Line("1", category=category, amount_cents=cents)], shipping)
        off, why = (found.cents, "") if isinstance(found, rules.Off) else (0, selectors.sentence(found))
        rows.append((selectors.amount(cents), selectors.amount(shipping), selectors.amount(off) if off else "–", why))
    return rows


def template_choices() -> list[tuple[str, str]]:
    return [("", "–"), *((one.code, f"{one} · {selectors.what_it_does(one.terms)}") for one in selectors.active_templates())]


class IssueForm(GrantForm):
    template = forms.ChoiceField(label=_("Template"), choices=template_choices, widget=UnfoldAdminSelectWidget)

    @property
    def told(self) -> list[tuple[Any, Any]]:
        """What is about to be issued, and to whom."""
        asked = self.cleaned_data
        of = selectors.template(asked["template"])
        return [
            (_("Template"), of),
            (_("What it does"), f"{selectors.what_it_does(of.terms)} · {selectors.until(of)}"),
            (_("To whom"), members.get(self["member"].value().strip())),
            (_("How many"), f"{asked['count']:,}"),
            (_("Reason"), asked["reason"]),
        ]


@admin.register(Coupon)
class CouponAdmin(BooksAdmin):
    list_display = ["code", "template", "whose", "state", "source", "issued_on", "expires_at", "used_by", "took_off"]
    list_filter = ["status", "source", "template"]
    list_select_related = ["template", "member"]
    searched = ("used_by", "subject")
    search_help_text = _("A coupon's code; a member's storefront id; or that id, a space and the beginning of what it was issued or used for")
    fieldsets = [
        (None, {"fields": ["code", "whose", "template", "does", "stands", "issued_on", "starts_at", "expires_at"]}),
        (_("Where it comes from"), {"fields": ["source", "about", "by", "key", "number"]}),
        (_("What became of it"), {"fields": ["used_by", "used_at", "order_only", "took_off", "withdrawn_for"]}),
    ]
    readonly_fields = ["whose", "stands", "issued_on", "does", "about", "by", "order_only", "took_off"]
    actions_list = ["issue_coupons"]
    actions_detail = ["withdraw_coupon"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Coupon], search_term: str) -> tuple[QuerySet[Coupon], bool]:
        code = rules.as_written(search_term.strip())
        if len(code) == rules.LENGTH and (found := queryset.filter(code=code)).exists():
            return found, False
        return super().get_search_results(request, queryset, search_term)

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, coupon: Coupon) -> tuple[str, Any]:
        seen = selectors.status_at(coupon, now=timezone.now())
        return seen, _("expired") if seen == Coupon.EXPIRED else Status(seen).label

    @display(description=_("status"))
    def stands(self, coupon: Coupon) -> Any:
        return self.state(coupon)[1]

    @display(description=_("issued on"), ordering="issued_at")
    def issued_on(self, coupon: Coupon) -> str:
        return moment(coupon.issued_at)

    @display(description=_("what it does"))
    def does(self, coupon: Coupon) -> str:
        return selectors.what_it_does(rules.Terms.from_json(coupon.terms))

    @display(description=_("about"))
    def about(self, coupon: Coupon) -> str:
        match coupon.subject.split("/"):
            case ["tier_reached", tier, at]:
                return gettext("%(tier)s, reached %(at)s") % {"tier": ladder.name(tier), "at": moment(datetime.fromisoformat(at))}
            case ["coupon-batch", batch]:
                return page_link("mall_couponbatch", batch, gettext("issue to many"))
        return about(coupon.subject)

    @display(description=_("comes back with its order only"))
    def order_only(self, coupon: Coupon) -> str:
        return (gettext("yes") if coupon.with_order else gettext("no")) if coupon.used_at else ""

    @display(description=_("took off"))
    def took_off(self, coupon: Coupon) -> str:
        return "" if coupon.discount_cents is None else selectors.amount(coupon.discount_cents)

    def has_issue_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.issue_coupon")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.withdraw_coupon")

    @action(description=_("Issue coupons"), url_path="issue", permissions=["issue"], icon="add_card", variant=ActionVariant.PRIMARY)
    def issue_coupons(self, request: HttpRequest) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> str:
            given = {name: asked[name] for name in ("template", "count", "reason")}
            about = {"member_id": asked["member"], "actor": operator_name(request), "key": f"by-hand/{asked['key']}", "now": timezone.now()}
            issued = len(services.issue(**given, **about))
            messages.success(request, ngettext("%(count)s coupon was issued.", "%(count)s coupons were issued.", issued) % {"count": issued})
            return back

        form, back = IssueForm(request), reverse("admin:mall_coupon_changelist")
        return in_two_steps(
            request,
            site=self.admin_site,
            title=_("Issue coupons"),
            consequence=_("The member can use the coupons at once. Those not used yet can be withdrawn again, one at a time."),
            form=form,
            preview=lambda _asked: {"told": form.told},
            act=act,
            back=back,
            template="admin/mall/coupon/preview.html",
            context={"opts": self.opts},
        )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The button stands where it can do something now; who finds another way to it is told by the verb."""
        coupon = self.get_object(request, object_id)
        usable = coupon is not None and selectors.status_at(coupon, now=timezone.now()) == Status.AVAILABLE
        return super().get_actions_detail(request, object_id) if usable else []

    @action(description=_("Withdraw"), url_path="withdraw", permissions=["withdraw"], icon="undo")
    def withdraw_coupon(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.withdraw(coupon_id=coupon.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The coupon is withdrawn.")

        coupon = self.found(request, object_id)
        consequence = _("%(member)s can no longer use this coupon: %(coupon)s, which is %(does)s. This cannot be undone.") % {
            "member": coupon.member, "coupon": coupon.template.name, "does": self.does(coupon),
        }  # fmt: skip
        return self.ask(request, coupon, act, with_reason=True, title=_("Withdraw coupon"), consequence=consequence, danger=True)


class ManyForm(IdsForm):
    """A template, and to whom: a segment, or ids that are pasted or stand in a file. `key` is made with the form."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    template = forms.ChoiceField(label=_("Template"), choices=template_choices, widget=UnfoldAdminSelectWidget)
    segment = forms.ChoiceField(
        label=_("Segment"), required=False, widget=UnfoldAdminSelectWidget, help_text=_("Everybody in it when it is issued. Or name the members below.")
    )
    field_order = ["key", "template", "segment", "ids", "file", "reason"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["segment"].choices = [("", "–"), *((one.code, str(one)) for one in segments.segments())]

    def clean(self) -> dict[str, Any]:
        asked = self.cleaned_data
        if not asked.get("segment"):
            return super().clean()
        if asked.get("ids") or asked.get("file"):
            raise forms.ValidationError(_("Choose a segment, or name members: not both."))
        return {**asked, "found": []}


@admin.register(CouponBatch)
class CouponBatchAdmin(ReadOnlyAdmin):
    list_display = ["made_at", "template", "whom", "state", "members", "issued", "left_out", "made_by"]
    list_filter = ["status", "template"]
    list_select_related = ["template", "segment"]
    ordering = ["-id"]
    sortable_by = ()
    explanation = _("One coupon each for a segment or a list of members, issued a page at a time by the job “Issue coupons to many members”.")
    fieldsets = [
        (None, {"fields": ["template", "whom", "status", "members", "issued", "left_out", "reason", "made_by", "made_at", "finished_at", "why", "standing"]}),
        (_("Withdrawal"), {"fields": ["how_far", "withdrawn_for", "withdrawn_by", "withdrawn_at"]}),
    ]
    readonly_fields = ["whom", "why", "standing", "how_far"]
    actions_list = ["issue_to_many"]
    actions_detail = ["stop_issuing", "withdraw_issue"]

    @display(description=_("to whom"))
    def whom(self, row: CouponBatch) -> Any:
        return str(row.segment) if row.segment else _("a list of members")

    def get_fieldsets(self, request: HttpRequest, obj: CouponBatch | None = None) -> list[Any]:
        return self.fieldsets if obj is not None and obj.withdrawn_for else self.fieldsets[:1]

    @display(description=_("status"), label={"issuing": "info", "done": "success", "stopped": "warning", "withdrawing": "warning", "withdrawn": "danger"})
    def state(self, row: CouponBatch) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("its coupons now"))
    def standing(self, row: CouponBatch) -> str:
        found = selectors.issued(row, now=timezone.now())
        return ", ".join(f"{title} {count:,}" for title, count in zip(STANDING, found, strict=True))

    @display(description=_("withdrawn so far"))
    def how_far(self, row: CouponBatch) -> str:
        done = row.status == CouponBatch.Status.WITHDRAWN
        percent = 100 if done else min(99, 100 * row.withdrawn // max(1, row.to_withdraw))
        return format_html(
            '<svg viewBox="0 0 100 4" preserveAspectRatio="none" style="width:240px;height:8px;display:block" aria-hidden="true">'
            '<rect width="100" height="4" opacity=".12"></rect><rect class="console-a" width="{}" height="4"></rect></svg><span>{}</span>',
            percent,
            gettext("%(done)s of %(all)s") % {"done": f"{row.withdrawn:,}", "all": f"{row.to_withdraw:,}"},
        )

    @display(description=_("why it stopped"))
    def why(self, row: CouponBatch) -> str:
        return str(_(row.why_stopped)) if row.why_stopped else ""

    def has_many_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.add_couponbatch")

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.withdraw_couponbatch")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        row = self.get_object(request, object_id)
        if row is None or row.status in (CouponBatch.Status.WITHDRAWING, CouponBatch.Status.WITHDRAWN):
            return []
        shown = {"stop", "withdraw"} if row.status == CouponBatch.Status.ISSUING else {"withdraw"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path in shown]

    @action(description=_("Issue to many"), url_path="issue", permissions=["many"], icon="group_add", variant=ActionVariant.PRIMARY)
    def issue_to_many(self, request: HttpRequest) -> HttpResponse:
        def preview(asked: Mapping[str, Any]) -> Mapping[str, Any]:
            """How many that is, and whom nobody knows."""
            of, known = selectors.template(asked["template"]), members.ids_of(asked["found"])
            unknown = [one for one in asked["found"] if one not in known]
            return {
                "template": of,
                "does": f"{selectors.what_it_does(of.terms)} · {selectors.until(of)}",
                "segment": segments.segment(asked["segment"]) if asked["segment"] else None,
                "count": segments.size(segment=asked["segment"]) if asked["segment"] else len(set(known.values())),
                "left": selectors.left([of]).get(of.code),
                "unknown": unknown[:UNKNOWN_SHOWN],
                "more_unknown": max(0, len(unknown) - UNKNOWN_SHOWN),
                "asked": {**asked, "ids": "\n".join(asked["found"])},
            }

        def act(asked: Mapping[str, Any]) -> str:
            given = {name: asked[name] for name in ("template", "segment", "reason", "key")}
            known = members.ids_of(asked["found"])
            made = services.issue_to_many(**given, member_ids=list(known.values()), actor=operator_name(request), now=timezone.now())
            said = ngettext("%(count)s coupon is being issued.", "%(count)s coupons are being issued.", made.members)
            messages.success(request, said % {"count": f"{made.members:,}"})
            return reverse("admin:mall_couponbatch_change", args=[made.id])

        return in_two_steps(
            request,
            site=self.admin_site,
            title=_("Issue coupons to many"),
            consequence=_("One coupon for each. You see how many that is before anything happens."),
            form=ManyForm(request.POST or None, request.FILES or None, initial={"key": new_id()}),
            preview=preview,
            act=act,
            back=reverse("admin:mall_couponbatch_changelist"),
            template="admin/mall/couponbatch/preview.html",
            context={"opts": self.opts},
        )

    @action(description=_("Stop"), url_path="stop", permissions=["many"], icon="stop_circle")
    def stop_issuing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.stop(batch_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("It is stopped. What was issued stays.")

        consequence = _("No more coupons are issued. Those that were issued stay with their members.")
        row = self.found(request, object_id)
        return self.ask(request, row, act, with_reason=True, title=_("Stop issuing"), consequence=consequence, danger=True)

    @action(description=_("Withdraw the issue"), url_path="withdraw", permissions=["withdraw"], icon="undo")
    def withdraw_issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            done = services.withdraw_batch(batch_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return ngettext("%(count)s coupon is being withdrawn.", "%(count)s coupons are being withdrawn.", done.to_withdraw) % {
                "count": f"{done.to_withdraw:,}"
            }

        row = self.found(request, object_id)
        found = selectors.issued(row, now=timezone.now())
        after = (0, found.used, found.over, found.withdrawn + found.unused)
        consequence = _(
            "Nobody can use the coupons of this issue any more that are not used yet. What was used stays so; where such an order is undone later, its coupon "
            "does not come back. If it is still being issued, that ends. This cannot be undone."
        )
        return self.ask(
            request,
            row,
            act,
            with_reason=True,
            title=_("Withdraw the issue"),
            consequence=consequence,
            effect=[(title, f"{before:,}", f"{then:,}") for title, before, then in zip(STANDING, found, after, strict=True)],
            danger=True,
        )
