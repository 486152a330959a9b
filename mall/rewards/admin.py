from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.validators import MinValueValidator
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, ngettext, override
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline, TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.members import selectors as members
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import minor_digits, show, to_amount, to_cents
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, ReasonForm, operator_name
from loyalty.programme import selectors as programme
from mall.codes import selectors as codes
from mall.pictures import rules as picture_rules
from mall.pictures import selectors as pictures
from mall.pictures import services as keeping
from mall.redemptions.admin import PRICES
from mall.shelf import selectors as shelf
from mall.shelf import services as looking
from tiers.ladder.models import Tier

from . import selectors, services
from .models import CODE, Category, Partner, Reward, RewardPicture, RewardPrice, Stock, StockChange
from .rules import Margin, SetPrice

STATES = {"on": _("on the shelf"), "coming": _("comes later"), "out": _("sold out"), "empty": _("no stock yet"), "over": _("over"), "off": _("off the shelf")}
STATE_COLOURS = {"on": "success", "coming": "info", "out": "danger", "empty": "danger", "over": "warning", "off": "warning"}
CHANGE_COLOURS = {
    StockChange.Kind.RESTOCK: "success", StockChange.Kind.STOCK_TAKE: "warning", StockChange.Kind.SOLD: "info", StockChange.Kind.GIVEN_BACK: "info",
    StockChange.Kind.CARVED: "warning", StockChange.Kind.RETURNED: "warning",
}  # fmt: skip
# What a member reads beside a price that is not the usual one.
WHY = {
    "clearance": _("Clearance"), "scarcity": _("Few left"), "tier": _("Your tier's price"), "tier_discount": _("Your tier's discount"),
    "markdown": _("All rewards for less"),
}  # fmt: skip
MOST = 10**9


def _currency() -> str:
    return programme.programme().currency or "CNY"


def money(cents: int) -> str:
    return show(cents, _currency(), get_language() or "en")


def cost(points: int, cents: int) -> str:
    """A price as people read it: 500 points + ¥10.00."""
    said = ngettext("%(points)s point", "%(points)s points", points) % {"points": f"{points:,}"}
    return f"{said} + {money(cents)}" if cents else said


def _shipped(cents: int) -> str:
    return gettext("shipping %(amount)s") % {"amount": money(cents)}


class AmountField(forms.DecimalField):
    """Money as people write it, 10.00; kept in the currency's minor unit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, min_value=0, max_digits=12, widget=UnfoldAdminDecimalFieldWidget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{to_amount(value, _currency()):f}" if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial) or "0", data or "0")

    def clean(self, value: Any) -> int:
        given = super().clean(value) or Decimal(0)
        cents = to_cents(given, _currency())
        if to_amount(cents, _currency()) != given:
            raise forms.ValidationError(_("At most %(digits)s decimals."), params={"digits": minor_digits(_currency())})
        return cents


class ShareField(forms.DecimalField):
    """A share in percent; kept in ten-thousandths."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, min_value=0, max_value=100, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value) / 100:g}" if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        return int((super().clean(value) or Decimal(0)) * 100)


class LeastForm(forms.ModelForm):
    """Of a number that has to be more than zero its field says so at once, in one sentence for zero and for what is below."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for column in self._meta.model._meta.fields:
            field = self.fields.get(column.name)
            least = max((one.limit_value for one in column.validators if isinstance(one, MinValueValidator)), default=0)
            if isinstance(field, forms.IntegerField) and least > 0:
                field.validators = [one for one in field.validators if not isinstance(one, MinValueValidator)] + [MinValueValidator(least)]
                field.widget.attrs["min"] = least


class ItemWidget(UnfoldAdminTextInputWidget):
    """A box that offers what there is of the kind that is chosen, by code and name. Anything else may be typed."""

    def __init__(self, choices: Mapping[str, Sequence[tuple[str, str]]], *, kind: str) -> None:
        self.offered = choices
        chosen = f"typeof kind == 'undefined' ? 'items-{kind}' : 'items-' + kind"
        super().__init__(attrs={"list": f"items-{kind}", "x-bind:list": chosen, "autocomplete": "off"})

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        lists = [(kind, format_html_join("", '<option value="{}">{}</option>', rows)) for kind, rows in self.offered.items()]
        return super().render(name, value, attrs, renderer) + format_html_join("", '<datalist id="items-{}">{}</datalist>', lists)


class RewardForm(LeastForm):
    cents = AmountField(label=capfirst(_("and money")), help_text=_("On top of the points: 500 points and 10.00. Empty: points alone."))
    shipping_cents = AmountField(
        label=capfirst(_("shipping")),
        help_text=_(
            "Money due for each parcel, however many are in it, on top of the price; free for tiers with free shipping. Empty: nothing. "
            "It is given back with a cancellation, not with a return unless who takes it back says so."
        ),
    )
    cost_cents = AmountField(label=capfirst(_("unit cost")), help_text=_("What one costs you; for the books, no member sees it."))
    sponsor_bps = ShareField(label=_("Sponsor's share of the cost, %"), help_text=_("50: the partner pays half of the unit cost."))

    class Meta:
        model = Reward
        exclude = ()  # noqa: DJ006 (the fieldsets say which)
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("text_zh", "text_en")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "item" in self.fields:
            self.fields["item"].widget = ItemWidget(services.item_choices(), kind=self.instance.kind)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        kind = asked.get("kind", self.instance.kind)
        item = asked.get("item", self.instance.item)
        if kind == Reward.Kind.GOODS:
            if item:
                self.add_error("item", _("Goods are themselves what is handed out. Leave it empty."))
        elif kind and not item:
            self.add_error("item" if "item" in self.fields else None, _("Say what is handed out."))
        elif kind and (fault := services.item_fault(kind, item)):
            self.add_error("item" if "item" in self.fields else None, fault)
        if kind and kind != Reward.Kind.GOODS and asked.get("shipping_cents"):
            self.add_error("shipping_cents", _("Only goods are shipped. Leave it empty."))
        starts, ends = asked.get("starts_at"), asked.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("It has to end after it starts."))
        if asked.get("sponsor_bps") and not asked.get("sponsor"):
            self.add_error("sponsor", _("Say who pays that share."))
        return asked


class PriceForm(LeastForm):
    cents = AmountField(label=capfirst(_("and money")))

    class Meta:
        model = RewardPrice
        fields = ["kind", "points", "cents", "tier", "left_at_most", "starts_at", "ends_at"]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        kind, starts, ends = asked.get("kind"), asked.get("starts_at"), asked.get("ends_at")
        for field, belongs, needed in (
            ("tier", "tier", _("Say for which tier.")),
            ("left_at_most", "scarcity", _("Say how few have to be left.")),
        ):
            if kind == belongs and asked.get(field) is None and field not in self.errors:
                self.add_error(field, needed)
            elif kind and kind != belongs:
                asked[field] = None
        if kind == RewardPrice.Kind.CLEARANCE and not ends and "ends_at" not in self.errors:
            self.add_error("ends_at", _("A clearance price ends some day."))
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("It has to end after it starts."))
        return asked


class PictureForm(forms.ModelForm):
    """A row brings a file, or keeps the picture that it has."""

    file = forms.FileField(
        label=_("File"),
        required=False,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/jpeg,image/png,image/webp"}),
        help_text=_("JPEG, PNG or WebP, at most 8 MB and 40 megapixels. Where it was taken is left out."),
    )
    pair: picture_rules.Pair | None = None

    class Meta:
        model = RewardPicture
        fields = ["position"]

    def clean_file(self) -> Any:
        given = self.cleaned_data["file"]
        if given:
            try:
                self.pair = keeping.read(given.read(picture_rules.MOST_BYTES + 1))
            except keeping.PictureUnfit as unfit:
                raise forms.ValidationError(unfit.message) from unfit
        elif not self.instance.pk:
            raise forms.ValidationError(_("Choose a file."))
        return given


class PictureFormSet(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        seen: set[str] = set()
        for row in self.forms:
            digest = row.pair.digest if row.pair else row.instance.picture_id
            if digest is None or row in self.deleted_forms:
                continue
            if digest in seen:
                row.add_error("file", _("This picture stands here twice."))
            seen.add(digest)


class PartOfAReward:
    """An inline: who may change a reward may change its parts."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.view_reward")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.change_reward")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.change_reward") or request.user.has_perm("mall.add_reward")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)


class PriceInline(PartOfAReward, StackedInline):
    model = RewardPrice
    form = PriceForm
    fields = [("kind", "tier"), ("points", "cents"), "left_at_most", "starts_at", "ends_at"]
    verbose_name = _("other price")
    verbose_name_plural = _("Other prices: for a tier, for a time, while few are left")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return _bare(super().formfield_for_dbfield(db_field, request, **kwargs))


class PictureInline(PartOfAReward, TabularInline):
    model = RewardPicture
    form = PictureForm
    formset = PictureFormSet
    fields = ["seen", "file", "position"]
    readonly_fields = ["seen"]
    hide_title = True
    verbose_name_plural = _("Pictures, the first of them on the shelf")

    @display(description=_("picture"))
    def seen(self, row: RewardPicture) -> str:
        return _thumbnail(row.picture_id, 72) if row.picture_id else "–"


def _thumbnail(digest: str | None, size: int) -> str:
    if not digest:
        return ""
    return format_html('<img class="console-thumbnail" src="{}" alt="" width="{}" height="{}">', pictures.path(digest, small=True), size, size)


def _bare(field: Any) -> Any:
    """A choice without the buttons that open another page over this one."""
    if field is None:
        return None
    for name in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
        if hasattr(field.widget, name):
            setattr(field.widget, name, False)
    return field


class RestockForm(ReasonForm):
    """`key` is made with the form, so that a form sent twice is one change."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    change = forms.IntegerField(
        label=_("How many"),
        min_value=-MOST,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Above zero: so many came in. Below zero: so many are taken off."),
    )
    field_order = ["key", "change", "reason"]

    def clean_change(self) -> int:
        if not self.cleaned_data["change"]:
            raise forms.ValidationError(_("Nothing would change."))
        return self.cleaned_data["change"]


class StockTakeForm(ReasonForm):
    """`seen`: what the books said when the page was opened."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    seen = forms.IntegerField(min_value=0, max_value=MOST, widget=forms.HiddenInput)
    counted = forms.IntegerField(
        label=_("Counted"),
        min_value=0,
        max_value=MOST,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("How many there really were, when the page was opened."),
    )
    field_order = ["key", "seen", "counted", "reason"]


class NewCodeForm(forms.Form):
    code = forms.CharField(
        label=_("New code"),
        max_length=40,
        validators=[CODE],
        widget=UnfoldAdminTextInputWidget,
        help_text=_("By which the storefront names the reward, like mug-white. It stays."),
    )

    def clean_code(self) -> str:
        if Reward.objects.filter(code=self.cleaned_data["code"]).exists():
            raise forms.ValidationError(_("There is a reward of that code."))
        return self.cleaned_data["code"]


class SpanForm(forms.Form):
    """Which days' redemptions are looked at: the last thirty where nothing is asked, or nothing that could be."""

    USUAL, MOST = 30, 366

    begin = forms.DateField(label=_("First day"), widget=UnfoldAdminDateWidget)
    end = forms.DateField(label=_("Last day"), widget=UnfoldAdminDateWidget, help_text=_("Included. At most 366 days in all."))

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        self.zone = programme.zone(now=now)
        self.today = local_date(now, self.zone)
        super().__init__(*args, initial={"begin": self.today - timedelta(days=self.USUAL - 1), "end": self.today}, **kwargs)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        begin, end = asked.get("begin"), asked.get("end")
        if begin and end and end < begin:
            self.add_error("end", _("The last day lies before the first."))
        elif begin and end and (end - begin).days >= self.MOST:
            self.add_error("begin", _("These are more than 366 days."))
        return asked

    def span(self) -> tuple[datetime, datetime]:
        """The first instant of it, and the first after it."""
        days = self.cleaned_data if self.is_valid() else self.initial
        return start_of_day(days["begin"], self.zone), end_of_day(days["end"], self.zone)


class LookForm(forms.Form):
    """Through whose eyes: a member's, or a tier's; left empty, anybody's."""

    member = forms.CharField(label=_("Member"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id."))
    tier = forms.ChoiceField(label=_("or somebody of the tier"), required=False, widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tier"].choices = [("", "—"), *((tier.code, str(tier)) for tier in Tier.objects.order_by("rank"))]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        now = timezone.now()
        if name := asked.get("member", "").strip():
            found = members.id_of(external_id=name)
            if found is None:
                self.add_error("member", _("There is no member of that id."))
            else:
                asked["who"] = looking.who_looks(member_id=found, now=now)
        else:
            asked["who"] = shelf.as_tier(asked.get("tier", ""))
        return asked


@admin.register(Reward)
class RewardAdmin(HistoryAdmin):
    """What is edited here counts from the next click on. The stock is no field of it: it moves by changes, each with a reason."""

    form = RewardForm
    list_display = ["seen", "named", "costs", "kind", "how_many", "state", "category"]
    list_display_links = ["named"]
    list_filter = ["kind", "active", "category", "least_tier", "sponsor"]
    list_select_related = ["category"]
    list_per_page = 50
    search_fields = ["code", "name_zh", "name_en"]
    search_help_text = _("Code or name")
    inlines = [PictureInline, PriceInline]
    actions = None
    # Of one that is there the kind stays, and the field is not asked for where it has no use.
    conditional_fields = {
        "item": "typeof kind == 'undefined' || kind != 'goods'",
        "shipping_cents": "typeof kind == 'undefined' || kind == 'goods'",
    }
    actions_list = ["margins"]
    actions_detail = ["preview", "restock", "take_stock", {"title": _("More"), "items": ["changes", "margin", "duplicate"]}]
    explanation = _("What members get for their points. A reward that somebody has redeemed is taken off the shelf, never deleted.")

    def get_fieldsets(self, request: HttpRequest, obj: Reward | None = None) -> list[Any]:
        handed = ["kind"] if obj and obj.kind == Reward.Kind.GOODS else ["kind", "item"]
        money = ["shipping_cents"] if obj is None or obj.kind == Reward.Kind.GOODS else []
        stock = ["on_hand", "counted"] if obj else ["counted"]
        return [
            (_("What members see"), {"fields": ["code", ("name_zh", "name_en"), "text_zh", "text_en", ("category", "active")]}),
            (_("What is handed out"), {"fields": [tuple(handed)]}),
            (_("What it costs"), {"fields": [("points", "cents"), *money]}),
            (_("For whom and when"), {"fields": [("least_tier", "segment"), "starts_at", "ends_at"]}),
            (_("How many"), {"fields": [*stock, ("per_member", "per_member_day"), ("per_day", "in_all")]}),
            (_("For the books"), {"fields": ["cost_cents", ("sponsor", "sponsor_bps")]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Reward | None = None) -> list[str]:
        return ["code", "kind", "on_hand"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Reward | None = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name_en",)}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return _bare(super().formfield_for_dbfield(db_field, request, **kwargs))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reward]:
        first = RewardPicture.objects.filter(reward=OuterRef("pk")).order_by("position", "id").values("picture_id")[:1]
        stock = Stock.objects.filter(reward=OuterRef("pk")).values("on_hand")
        never = Exists(Stock.objects.filter(reward=OuterRef("pk"), changes=0))
        return super().get_queryset(request).annotate(first_picture=Subquery(first), left=Subquery(stock), never_stocked=never)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_stock_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.change_stock")

    def has_ledger_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.view_stockchange")

    def has_preview_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("accounts.view_member")

    def has_duplicate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def save_model(self, request: HttpRequest, obj: Reward, form: forms.ModelForm, change: bool) -> None:
        services.keep(reward=obj, actor=operator_name(request), now=timezone.now())

    def save_formset(self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool) -> None:
        for row in formset.forms:
            if getattr(row, "pair", None) and row not in formset.deleted_forms:
                row.instance.picture = keeping.keep(pair=row.pair, actor=operator_name(request), now=timezone.now())
        super().save_formset(request, form, formset, change)

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        before = selectors.parts(reward_id=form.instance.pk)
        super().save_related(request, form, formsets, change)
        services.parts_kept(reward=form.instance, before=before, actor=operator_name(request), now=timezone.now())

    def set_history_delta_changes(self, request: HttpRequest, historical_records: Any, foreign_keys_are_objs: bool = True) -> None:
        """What a save did to prices and pictures stands with what it did to the reward itself."""
        super().set_history_delta_changes(request, historical_records, foreign_keys_are_objs)
        rows = list(historical_records)[::-1]
        later = rows[-1].next_record if rows else None
        changes = selectors.parts_changes(reward_id=rows[0].id, saves=[row.history_date for row in rows], until=later and later.history_date) if rows else []
        for row, one in zip(rows, changes, strict=True):
            row.history_delta_changes = [*getattr(row, "history_delta_changes", []), *_parts_told(one)]

    def response_add(self, request: HttpRequest, obj: Reward, post_url_continue: Any = None) -> HttpResponse:
        """A new reward that is counted has nothing in stock: what comes next is a restock."""
        if "_addanother" in request.POST or "_continue" in request.POST or not obj.counted or not self.has_stock_permission(request):
            if obj.counted:
                messages.warning(request, self._nothing_yet(request, obj))
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("The reward is there. Now say how many there are."))
        return HttpResponseRedirect(reverse("admin:mall_reward_restock", args=[obj.pk]))

    @display(description=_("picture"))
    def seen(self, reward: Any) -> str:
        return _thumbnail(reward.first_picture, 40)

    @display(description=_("reward"), ordering="code")
    def named(self, reward: Reward) -> str:
        return str(reward)

    @display(description=_("price"), ordering="points")
    def costs(self, reward: Reward) -> str:
        return cost(reward.points, reward.cents) + (f" · {_shipped(reward.shipping_cents)}" if reward.shipping_cents else "")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        left = shelf.left(list(found.result_list), now=timezone.now())
        for row in found.result_list:
            row.left_now = left.get(row.id)
        return found

    @display(description=_("left"), empty_value="∞")
    def how_many(self, reward: Any) -> str | None:
        """By its stock, its codes or coupons, or its limit in all, whichever ends first."""
        if reward.left_now is None:
            return None
        many = reward.kind == Reward.Kind.CODE and reward.left_now > codes.COUNTED
        return f"{codes.COUNTED:,}+" if many else f"{reward.left_now:,}"

    @display(description=_("on hand"))
    def on_hand(self, reward: Any) -> str:
        return gettext("%(count)s; it moves by restocking and stock-taking, never by editing") % {"count": f"{getattr(reward, 'left', 0) or 0:,}"}

    @display(description=_("status"), label=STATE_COLOURS)
    def state(self, reward: Any) -> tuple[str, str]:
        now, found = timezone.now(), "on"
        if not reward.active:
            found = "off"
        elif reward.ends_at is not None and reward.ends_at <= now:
            found = "over"
        elif reward.starts_at is not None and now < reward.starts_at:
            found = "coming"
        elif reward.left_now == 0:
            found = "empty" if reward.never_stocked else "out"
        return found, str(STATES[found])

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something with this one."""
        counted = Stock.objects.filter(reward_id=object_id).exists()
        return [one for one in super().get_actions_detail(request, object_id) if counted or one.path not in ("restock", "take_stock", "changes")]

    @action(description=_("Preview"), url_path="preview", permissions=["preview"], icon="visibility", variant=ActionVariant.PRIMARY)
    def preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward = self._named(object_id)
        if not self.has_preview_permission(request):
            raise PermissionDenied
        form = LookForm(request.GET)
        page = self._page(request, reward, title=_("As a member sees it"), form=form)
        if Stock.objects.filter(reward=reward, changes=0).exists():
            page["note"] = self._nothing_yet(request, reward)
        if form.is_valid():
            now = timezone.now()
            who = form.cleaned_data["who"]
            [item] = shelf.items(shelf.at_price([selectors.as_offer(reward)], who=who, now=now), who=who, now=now)
            page["cards"] = [card(item, language, now=now) for language in ("zh-hans", "en")]
        return TemplateResponse(request, "admin/mall/reward/preview.html", page)

    @action(description=_("Restock"), url_path="restock", permissions=["stock"], icon="add_box")
    def restock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            about = {"actor": operator_name(request), "key": str(asked["key"]), "now": timezone.now()}
            after = services.restock(reward_id=reward.id, change=asked["change"], reason=asked["reason"], **about)
            return _("Booked. On hand now: %(count)s.") % {"count": f"{after:,}"}

        reward = self._named(object_id)
        consequence = gettext("On hand now: %(count)s. What you write is added to it, whatever is redeemed meanwhile.") % {"count": self._on_hand(reward)}
        form = RestockForm(request.POST or None, initial={"key": new_id()})
        return self.ask(request, reward, act, form, title=_("Restock"), consequence=consequence)

    @action(description=_("Stock-take"), url_path="stock-take", permissions=["stock"], icon="fact_check")
    def take_stock(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            about = {"actor": operator_name(request), "key": str(asked["key"]), "now": timezone.now()}
            after = services.take_stock(reward_id=reward.id, counted=asked["counted"], seen=asked["seen"], reason=asked["reason"], **about)
            return _("Booked. On hand now: %(count)s.") % {"count": f"{after:,}"}

        reward = self._named(object_id)
        on_hand = selectors.stocks(reward_ids=[reward.id]).get(reward.id, 0)
        form = StockTakeForm(request.POST or None, initial={"key": new_id(), "seen": on_hand})
        seen = form.data.get("seen", on_hand) if form.is_bound else on_hand
        consequence = gettext(
            "The books said %(count)s when you opened this page. What is missing or too many is booked as a change; what is redeemed meanwhile stays redeemed."
        ) % {"count": seen}
        return self.ask(request, reward, act, form, title=_("Stock-take"), consequence=consequence)

    @action(description=_("Changes of stock"), url_path="changes", permissions=["ledger"], icon="inventory")
    def changes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:mall_stockchange_changelist')}?reward__id__exact={self._named(object_id).pk}")

    @action(description=_("Margin"), url_path="margin", permissions=["view"], icon="stacked_bar_chart")
    def margin(self, request: HttpRequest, object_id: str) -> HttpResponse:
        reward, now = self._named(object_id), timezone.now()
        rows = [(_price_name(one.why, one.tier), cost(one.points, one.cents), one.margin) for one in shelf.margins(selectors.as_offer(reward), now=now)]
        form = SpanForm(request.GET or None, now=now)
        begin, end = form.span()
        sold = shelf.sold(reward_id=reward.id, begin=begin, end=end)
        page = {
            "title": _("What one brings at each price"), "rows": _drawn(rows), "form": form, "told": _sold(sold, ever=shelf.ever_sold(reward_id=reward.id)),
            "sold": _drawn([(PRICES.get(one.why, one.why), f"{one.count:,}", one.margin) for one in sold]),
        }  # fmt: skip
        return TemplateResponse(request, "admin/mall/reward/margin.html", self._page(request, reward, **page))

    @action(description=_("Margins"), url_path="margins", permissions=["view"], icon="stacked_bar_chart")
    def margins(self, request: HttpRequest) -> HttpResponse:
        found, more = shelf.least_margins(limit=100, now=timezone.now())
        rows = [(_link(_page(offer.id, "margin"), offer.name(get_language() or "zh")), cost(one.points, one.cents), one.margin) for offer, one in found]
        page = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": _("What rewards bring at their list price"), "rows": _drawn(rows),
            "back": reverse("admin:mall_reward_changelist"), "more": more,
        }  # fmt: skip
        return TemplateResponse(request, "admin/mall/reward/margin.html", page)

    @action(description=_("Duplicate"), url_path="duplicate", permissions=["duplicate"], icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        made = []

        def act(asked: Mapping[str, Any]) -> Any:
            made.append(services.duplicate(reward_id=reward.id, code=asked["code"], actor=operator_name(request), now=timezone.now()))
            return _("This is a reward of its own, off the shelf yet.")

        reward = self._named(object_id)
        consequence = _("You get a reward of its own with the same texts, pictures, prices and limits. It is off the shelf, and nothing of it is in stock.")
        form = NewCodeForm(request.POST or None, initial={"code": f"{reward.code[:38]}-2"})
        answer = self.ask(request, reward, act, form, title=_("Duplicate reward"), consequence=consequence)
        if made:
            answer["Location"] = _page(made[0].id)
        return answer

    def _named(self, object_id: str) -> Reward:
        rows = Reward.objects.select_related("least_tier").prefetch_related("prices", "pictures")
        return get_object_or_404(rows, pk=object_id) if object_id.isdigit() else _nothing()

    def _nothing_yet(self, request: HttpRequest, reward: Reward) -> str:
        """What is told of a reward that is counted and was never restocked, and where to do so for who may."""
        said = gettext("%(reward)s has no stock yet: nobody can redeem it.") % {"reward": reward}
        return format_html("{} {}", said, _link(_page(reward.pk, "restock"), gettext("Restock"))) if self.has_stock_permission(request) else said

    def _on_hand(self, reward: Reward) -> str:
        return f"{selectors.stocks(reward_ids=[reward.id]).get(reward.id, 0):,}"

    def _page(self, request: HttpRequest, reward: Reward, **page: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "object": reward, "original": reward, "back": _page(reward.id), **page}


def _nothing() -> Any:
    raise Http404


def _page(reward_id: int, what: str = "change") -> str:
    return reverse(f"admin:mall_reward_{what}", args=[reward_id])


def _link(address: str, text: Any) -> SafeString:
    return format_html('<a class="console-link" href="{}">{}</a>', address, text)


def card(item: shelf.Item, language: str, *, now: datetime) -> dict[str, Any]:
    """A reward as a member's app might show it, in that language."""
    with override(language):
        offer, price = item.offer, item.price
        if item.why_not is not None:
            # The sentence itself is in the operator's language already.
            said = type(item.why_not).title
        elif item.missing:
            said = ngettext("%(points)s point to go", "%(points)s points to go", item.missing) % {"points": f"{item.missing:,}"}
        else:
            said = ""
        return {
            "language": language,
            "picture": pictures.path(offer.pictures[0]) if offer.pictures else "",
            "name": offer.name(language),
            "text": offer.text(language),
            "price": cost(price.points, price.cents),
            "list": cost(price.list_points, price.list_cents) if price.is_less else "",
            "badges": [str(WHY[one]) for one in dict.fromkeys((price.base, price.why)) if one in WHY],
            "shipping": capfirst(_shipped(item.shipping.cents)) if item.shipping.cents else "",
            "told": [text for _code, text in shelf.in_words(item, now=now)],
            "left": "" if item.left is None else gettext("%(count)s left") % {"count": f"{item.left:,}"},
            "said": str(said),
            "button": gettext("Redeem"),
            "open": item.why_not is None and not item.missing,
        }


def _parts_told(change: selectors.PartsChange) -> list[dict[str, str]]:
    """As the page of the history shows changes."""
    told = []
    for before, after in change.prices:
        either = after or before
        assert either is not None, "a change is of something"
        told.append({"field": capfirst(_price_name(either.kind, either.tier)), "old": _price_said(before), "new": _price_said(after)})
    pictures = [ngettext("%(n)s added", "%(n)s added", change.added) % {"n": change.added}] if change.added else []
    pictures += [ngettext("%(n)s removed", "%(n)s removed", change.removed) % {"n": change.removed}] if change.removed else []
    if pictures or change.moved:
        told.append({"field": gettext("Pictures"), "new": ", ".join(pictures) or gettext("in another order")})
    return told


def _price_said(one: SetPrice | None) -> str:
    """A price with its conditions: 200 points, until 2026-12-01 00:00."""
    if one is None:
        return gettext("none")
    said = [cost(one.points, one.cents)]
    said += [gettext("from %(at)s") % {"at": _when(one.starts_at)}] if one.starts_at else []
    said += [gettext("until %(at)s") % {"at": _when(one.ends_at)}] if one.ends_at else []
    said += [gettext("while at most %(n)s are left") % {"n": one.left_at_most}] if one.left_at_most is not None else []
    return ", ".join(said)


def _when(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _price_name(why: str, of_tier: str) -> str:
    names: dict[str, Any] = {"list": _("list price"), "clearance": _("clearance"), "scarcity": _("scarcity"), "markdown": _("markdown of the whole shelf")}
    if of_tier:
        name = next((str(tier) for tier in Tier.objects.filter(code=of_tier)), of_tier)
        return gettext("%(tier)s: own price") % {"tier": name} if why == "tier" else gettext("%(tier)s: discount") % {"tier": name}
    return str(names[why])


WIDTH = 320


def _drawn(rows: Sequence[tuple[Any, str, Margin]]) -> list[dict[str, Any]]:
    """The rows of the table with their bars: what comes in, part by part, over what it costs."""
    most = max((max(margin.income_cents, margin.cost_cents) for _name, _said, margin in rows), default=0) or 1
    drawn = []
    for name, said, margin in rows:
        parts, x = [], 0.0
        for kind, cents in (("a", margin.worth_cents), ("b", margin.paid_cents), ("c", margin.sponsored_cents)):
            width = WIDTH * cents / most
            parts.append({"kind": kind, "x": f"{x:.1f}", "width": f"{width:.1f}"})
            x += width
        drawn.append({
            "name": name, "price": said, "worth": money(margin.worth_cents), "paid": money(margin.paid_cents),
            "sponsored": money(margin.sponsored_cents), "cost": money(margin.cost_cents), "margin": money(margin.margin_cents),
            "loss": margin.margin_cents < 0, "parts": parts, "line": f"{WIDTH * margin.cost_cents / most:.1f}",
        })  # fmt: skip
    return drawn


def _sold(sold: Sequence[shelf.Sold], *, ever: bool) -> str:
    if not sold:
        return gettext("Nobody redeemed it in these days.") if ever else gettext("Nobody has redeemed it yet.")
    count, income, spent = sum(one.count for one in sold), sum(one.margin.income_cents for one in sold), sum(one.margin.cost_cents for one in sold)
    said = ngettext(
        "%(count)s redeemed brought %(income)s and cost %(cost)s: %(margin)s.", "%(count)s redeemed brought %(income)s and cost %(cost)s: %(margin)s.", count
    )
    return said % {"count": f"{count:,}", "income": money(income), "cost": money(spent), "margin": money(income - spent)}


@admin.register(StockChange)
class StockChangeAdmin(ReadOnlyAdmin):
    """Every change of every stock, the newest first: what, by how much, what it left, who and why."""

    list_display = ["at", "whose", "what", "signed", "on_hand_after", "by", "reason", "about"]
    list_filter = ["kind", "at"]
    list_select_related = ["reward"]
    search_fields = ["=reward__code", "=subject"]
    search_help_text = _("A reward's code, or what it was about")
    fields = ["at", "whose", "kind", "signed", "on_hand_after", "number", "by", "reason", "about"]
    readonly_fields = ["whose", "signed", "by", "about"]

    @display(description=_("reward"))
    def whose(self, change: StockChange) -> str:
        return _link(_page(change.reward_id), change.reward)

    @display(description=_("what"), label=CHANGE_COLOURS)
    def what(self, change: StockChange) -> tuple[str, str]:
        return change.kind, change.get_kind_display()

    @display(description=_("change"))
    def signed(self, change: StockChange) -> SafeString:
        return format_html('<span class="console-strong {}">{}</span>', "console-plus" if change.change > 0 else "console-minus", f"{change.change:+,}")

    @display(description=_("about"))
    def about(self, change: StockChange) -> str:
        kind, _slash, number = change.subject.partition("/")
        pages = {"redemption": ("admin:mall_redemption_change", gettext("redemption")), "flash-sale": ("admin:mall_flashsale_change", gettext("flash sale"))}
        if kind not in pages:
            return "" if kind == "by-hand" else change.subject
        page, named = pages[kind]
        return _link(reverse(page, args=[number]), named)


class NamedAdmin(HistoryAdmin):
    """The catalogue holds their names: a change counts at once."""

    list_display = ["code", "name_zh", "name_en"]
    search_fields = ["code", "name_zh", "name_en"]
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code"] if obj else []

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name_en",)}

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        services.changed()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        services.changed()


@admin.register(Category)
class CategoryAdmin(NamedAdmin):
    list_display = ["code", "name_zh", "name_en", "position"]
    fields = ["code", ("name_zh", "name_en"), "position"]


@admin.register(Partner)
class PartnerAdmin(NamedAdmin):
    """Who pays a share of what rewards cost."""

    fields = ["code", ("name_zh", "name_en")]
