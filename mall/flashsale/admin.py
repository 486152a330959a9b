import calendar
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from loyalty.lib.localtime import add_months, end_of_day, local_date, start_of_day
from loyalty.lib.money import show
from loyalty.lib.screens import HistoryAdmin, ReasonForm, operator_name, page_link
from loyalty.programme import selectors as programme
from mall.rewards import selectors as rewards
from mall.rewards.admin import AmountField, LeastForm
from mall.shelf import selectors as shelf

from . import rules, selectors, services
from .models import FlashPlan, FlashSale, FlashStock

PHASES = {
    "announced": _("to come"),
    "line": _("line is open"),
    "on": _("under way"),
    "over": _("over"),
    "called_off": _("called off"),
}
PHASE_COLOURS = {"announced": "info", "line": "warning", "on": "success", "over": "", "called_off": "danger"}
PRICE = ["reward", ("points", "cents"), ("quantity", "per_member")]
PRICE_READ = ["reward", "price", ("quantity", "per_member")]
TEXTS = [("name_zh", "name_en"), ("text_zh", "text_en")]
PACE = [("set_aside_hours", "line_minutes"), ("turn_minutes", "pay_minutes")]
SHOWN_AHEAD = 4


def price_of(row: FlashPlan | FlashSale) -> str:
    points = ngettext("%(n)s point", "%(n)s points", row.points) % {"n": f"{row.points:,}"}
    return f"{points} + {show(row.cents, programme.programme().currency or 'CNY', get_language() or 'zh')}" if row.cents else points


def _when(moment: datetime) -> str:
    return f"{timezone.localtime(moment, programme.zone(now=moment)):%Y-%m-%d %H:%M}"


def _span(begin: datetime, end: datetime) -> str:
    """From when to when, with the day of its end where that is another one."""
    return f"{begin:%H:%M}–{end:%H:%M}" if begin.date() == end.date() else f"{begin:%H:%M} – {end:%m-%d %H:%M}"


class PricedForm(LeastForm):
    cents = AmountField(label=capfirst(_("and money")), help_text=_("On top of the points: 500 points and 10.00. Empty: points alone."))

    class Meta:
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("text_zh", "text_en")}


class FlashPlanForm(PricedForm):
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days of the week"),
        coerce=int,
        choices=[(number + 1, name) for number, name in WEEKDAYS.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )


class FlashSaleForm(PricedForm):
    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        begin, end = asked.get("starts_at"), asked.get("ends_at")
        if begin and end and begin < end <= timezone.now():
            self.add_error("ends_at", services.ENDS_BEFORE_NOW)
        return asked


@admin.register(FlashPlan)
class FlashPlanAdmin(HistoryAdmin):
    """Each Friday at eight in the evening, and the like."""

    form = FlashPlanForm
    list_display = ["name", "when", "reward", "price", "quantity", "per_member", "active"]
    list_select_related = ["reward"]
    explanation = _(
        "A plan makes its flash sales four weeks ahead. Changing it changes those for which nothing is set aside yet, except the ones changed by hand."
    )
    sortable_by = ()
    list_per_page = 50
    actions = None
    readonly_fields = ["coming"]
    fieldsets = [
        (None, {"fields": [*TEXTS, "active"]}),
        (_("What, at what price"), {"fields": PRICE}),
        (_("When"), {"fields": ["weekdays", ("at", "minutes"), ("first_on", "last_on"), "every_weeks", "coming"]}),
        (_("Line and stock"), {"fields": PACE}),
    ]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = timezone.now()
        given = {"first_on": local_date(now, programme.zone(now=now)), "weekdays": [5], "at": "20:00"}
        return {**given, **super().get_changeform_initial_data(request)}

    @display(description=_("name"))
    def name(self, row: FlashPlan) -> str:
        return row.name

    @display(description=_("when"))
    def when(self, row: FlashPlan) -> str:
        days = ", ".join(str(WEEKDAYS_ABBR[number - 1]) for number in sorted(row.weekdays))
        weeks = "" if row.every_weeks == 1 else ngettext(", every week", ", every %(n)s weeks", row.every_weeks) % {"n": row.every_weeks}
        return f"{days} {row.at:%H:%M}{weeks}"

    @display(description=_("price"))
    def price(self, row: FlashPlan) -> str:
        return price_of(row)

    @display(description=_("the next ones"))
    def coming(self, row: FlashPlan) -> str:
        if not row.pk:
            return gettext("Shown once the plan is saved.")
        now = timezone.now()
        zone = programme.zone(now=now)
        today = local_date(now, zone)
        times = [one for one in rules.sales(row.calendar, today, today + timedelta(days=370), zone) if one.starts_at > now] if row.active else []
        return ", ".join(_when(one.starts_at) for one in times[:SHOWN_AHEAD]) or gettext("none")

    def save_model(self, request: HttpRequest, obj: FlashPlan, form: forms.ModelForm, change: bool) -> None:
        services.keep_plan(plan=obj, actor=operator_name(request), now=timezone.now())


class UnitsForm(ReasonForm):
    change = forms.IntegerField(
        label=_("Units"),
        min_value=-1_000_000,
        max_value=1_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Above zero sets more aside from the shelf, below zero gives some back: 20 or -20."),
    )
    field_order = ["change", "reason"]

    def clean_change(self) -> int:
        if not self.cleaned_data["change"]:
            raise forms.ValidationError(_("Give a number other than 0."))
        return self.cleaned_data["change"]


class Chip(NamedTuple):
    """A sale on the calendar, or one that a plan foresees and nobody has made yet (`sale` is None)."""

    sale: FlashSale | None
    name: str
    at: str
    phase: str
    phase_name: Any
    price: str
    units: str
    link: str


class Day(NamedTuple):
    day: date
    outside: bool
    today: bool
    chips: Sequence[Chip]


@admin.register(FlashSale)
class FlashSaleAdmin(HistoryAdmin):
    """Sales by hand and those that plans made. One that anything came of is never deleted; one that is not wanted is called off."""

    form = FlashSaleForm
    list_display = ["begins", "name", "reward", "price", "bar", "state"]
    list_filter = ["plan", "starts_at"]
    explanation = _("A reward for a short time, from units of its own. Who takes a ticket first is served first. What is left at the end returns to the shelf.")
    search_fields = ["name_zh", "name_en", "reward__code"]
    sortable_by = ()
    list_per_page = 50
    actions = None
    date_hierarchy = None
    readonly_fields = ["stands", "figures", "made_by", "price"]
    actions_list = ["calendar"]
    actions_detail = ["set_aside", "units", "call_off"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FlashSale]:
        return super().get_queryset(request).select_related("plan", "reward", "stock")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        seen = [(_("The sale now"), {"fields": ["stands", "figures", "made_by"]})] if obj else []
        price = PRICE if obj is None or self.has_change_permission(request, obj) else PRICE_READ
        return [
            *seen,
            (None, {"fields": TEXTS}),
            (
                _("What, at what price"),
                {
                    "fields": price,
                    "description": _("Price and limits of the sale hold beside those of the shelf, and count apart. Shipping costs what it does there."),
                },
            ),
            (_("When"), {"fields": ["starts_at", "ends_at"]}),
            (_("Line and stock"), {"fields": PACE}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["reward", "quantity"] if obj is not None and selectors.stock_of(obj) else []
        return [*self.readonly_fields, *fixed]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        over = obj is not None and selectors.phase(obj, now=timezone.now()) in ("over", "called_off")
        return super().has_change_permission(request, obj) and not over

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is not None and self.has_steer_permission(request) and selectors.may_go(obj, now=timezone.now())

    def delete_model(self, request: HttpRequest, obj: FlashSale) -> None:
        services.remove(sale_id=obj.pk, actor=operator_name(request), now=timezone.now())

    def has_steer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.change_flashsale")

    def has_read_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    @display(description=_("begins"))
    def begins(self, row: FlashSale) -> str:
        return _when(row.starts_at)

    @display(description=_("name"))
    def name(self, row: FlashSale) -> str:
        return row.name

    @display(description=_("price"))
    def price(self, row: FlashSale) -> str:
        return price_of(row)

    @display(description=_("taken / units"))
    def bar(self, row: FlashSale) -> str:
        stock = selectors.stock_of(row)
        if stock is None and selectors.phase(row, now=timezone.now()) in ("over", "called_off"):
            return "–"
        if stock is None:
            return gettext("%(n)s to be set aside") % {"n": f"{row.quantity:,}"}
        out = stock.set_aside - stock.left - stock.returned
        percent = 100 * out // stock.set_aside if stock.set_aside else 0
        return format_html(
            '<svg viewBox="0 0 100 8" preserveAspectRatio="none" style="width:140px;height:8px;display:block" aria-hidden="true">'
            '<rect width="100" height="8" opacity=".12"></rect><rect class="console-a" width="{}" height="8"></rect></svg>'
            '<span class="console-quiet" style="white-space:nowrap">{} / {}</span>',
            percent, f"{out:,}", f"{stock.set_aside:,}",
        )  # fmt: skip

    @display(description=_("status"), label=PHASE_COLOURS)
    def state(self, row: FlashSale) -> tuple[str, Any]:
        phase = selectors.phase(row, now=timezone.now())
        return phase, PHASES[phase]

    @display(description=_("status"))
    def stands(self, row: FlashSale) -> str:
        return str(PHASES[selectors.phase(row, now=timezone.now())])

    @display(description=_("units"))
    def figures(self, row: FlashSale) -> str:
        stock = selectors.stock_of(row)
        if stock is None or stock.set_aside >= row.quantity or stock.closed_at is not None:
            return self._in_words(row)
        short = gettext("The shelf had fewer than the %(wanted)s wanted.") % {"wanted": f"{row.quantity:,}"}
        return format_html('{} <strong class="console-minus">{}</strong>', self._in_words(row), short)

    def _in_words(self, row: FlashSale) -> str:
        if selectors.stock_of(row) is None:
            now = timezone.now()
            if selectors.phase(row, now=now) in ("over", "called_off"):
                return gettext("Nothing was set aside.")
            if row.set_aside_at <= now:
                return gettext("Nothing is set aside yet; that happens within the next minutes.")
            return gettext("Nothing is set aside yet; that happens at %(at)s.") % {"at": _when(row.set_aside_at)}
        said = gettext(
            "%(set_aside)s set aside: %(out)s redeemed, %(left)s left (%(promised)s of them promised), %(returned)s given back. %(waiting)s wait in line."
        )
        return said % {name: f"{value:,}" for name, value in selectors.sold(sale=row)._asdict().items()}

    @display(description=_("origin"))
    def made_by(self, row: FlashSale) -> str:
        if row.plan is None:
            return gettext("hand")
        link = page_link("mall_flashplan", row.plan_id, row.plan)
        return format_html("{}, {}", link, gettext("changed by hand")) if row.by_hand else link

    def save_model(self, request: HttpRequest, obj: FlashSale, form: forms.ModelForm, change: bool) -> None:
        services.keep_sale(sale=obj, actor=operator_name(request), now=timezone.now())
        if FlashStock.objects.filter(sale=obj).exists():
            return
        # The limit in all is the shelf's own: a sale counts apart.
        left = shelf.left([replace(rewards.offer_of(obj.reward_id), in_all=None)], now=timezone.now()).get(obj.reward_id)
        if left is not None and left < obj.quantity:
            said = _("The shelf has %(left)s of it, fewer than the %(wanted)s of the sale. Restock it in time, or all there are will be set aside.")
            if not obj.reward.counted:
                said = _("%(left)s of it can be handed out, fewer than the %(wanted)s of the sale. Add more in time, or not everybody gets one.")
            messages.warning(request, said % {"left": f"{left:,}", "wanted": f"{obj.quantity:,}"})

    # What is done to one

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[Any]:
        """The buttons that can do something now; who finds another way to one is told by the verb."""
        row = self.get_object(request, object_id)
        if row is None or selectors.phase(row, now=timezone.now()) in ("over", "called_off"):
            return []
        shown = {"units", "call-off"} if selectors.stock_of(row) else {"set-aside", "call-off"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path in shown]

    @action(description=_("Set aside now"), url_path="set-aside", permissions=["steer"], icon="inventory")
    def set_aside(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(_asked: Mapping[str, Any]) -> Any:
            stock = services.set_aside(sale_id=row.pk, actor=operator_name(request), now=timezone.now())
            return ngettext("%(n)s unit is set aside.", "%(n)s units are set aside.", stock.set_aside) % {"n": f"{stock.set_aside:,}"}

        row = self.found(request, object_id)
        consequence = _("So many units leave the shelf and wait for the sale. What is left returns when it ends.")
        return self.ask(request, row, act, title=_("Set units aside"), consequence=consequence)

    @action(description=_("Add or give back units"), url_path="units", permissions=["steer"], icon="exposure")
    def units(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            left = services.add_units(sale_id=row.pk, **asked, actor=operator_name(request), now=timezone.now())
            return ngettext("%(n)s unit is left in the sale.", "%(n)s units are left in the sale.", left) % {"n": f"{left:,}"}

        row = self.found(request, object_id)
        consequence = gettext("At once, and kept with the stock of the reward. Now: %(figures)s") % {"figures": self._in_words(row)}
        return self.ask(request, row, act, UnitsForm(request.POST or None), title=_("Add or give back units"), consequence=consequence)

    @action(description=_("Call off"), url_path="call-off", permissions=["steer"], icon="event_busy", variant=ActionVariant.DANGER)
    def call_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.call_off(sale_id=row.pk, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The flash sale is called off.")

        row = self.found(request, object_id)
        consequence = _("Nobody redeems in it any more, and who waits in line is told so. Units left return to the shelf. What was redeemed stays.")
        return self.ask(request, row, act, with_reason=True, title=_("Call off the flash sale"), consequence=consequence, danger=True)

    # The calendar

    @action(description=_("Calendar"), url_path="calendar", permissions=["read"], icon="calendar_month")
    def calendar(self, request: HttpRequest) -> HttpResponse:
        """A month in weeks, or one week, with what plans foresee beyond the sales that are made."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        today = local_date(now, programme.zone(now=now))
        if "week" in request.GET:
            day = _day(request.GET["week"]) or today
            first = day - timedelta(days=day.weekday())
            weeks, month = [[first + timedelta(days=n) for n in range(7)]], 0
            title = gettext("Week from %(day)s") % {"day": date_format(first, "DATE_FORMAT")}
            around = (first - timedelta(days=7), first + timedelta(days=7))
        else:
            first = (_day(f"{request.GET.get('month', '')}-01") or today).replace(day=1)
            weeks, month = calendar.Calendar().monthdatescalendar(first.year, first.month), first.month
            title = date_format(first, "YEAR_MONTH_FORMAT")
            around = (add_months(first, -1), add_months(first, 1))
        chips = self._chips(weeks[0][0], weeks[-1][-1], now=now)
        page = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": _("Calendar of flash sales"), "span": title, "month": month,
            "weeks": [[Day(day, bool(month) and day.month != month, day == today, chips.get(day, [])) for day in week] for week in weeks],
            "heads": WEEKDAYS_ABBR.values(), "earlier": around[0], "later": around[1], "first": first, "today": today, "zone": programme.zone(now=now),
            "may_add": self.has_add_permission(request),
        }  # fmt: skip
        return TemplateResponse(request, "admin/mall/flashsale/calendar.html", page)

    def _chips(self, begin: date, last: date, *, now: datetime) -> dict[date, list[Chip]]:
        zone = programme.zone(now=now)
        found: dict[date, list[tuple[datetime, Chip]]] = {}
        made = set()
        for row in selectors.between(begin=start_of_day(begin, zone), end=end_of_day(last, zone)):
            phase, stock, day = selectors.phase(row, now=now), selectors.stock_of(row), local_date(row.starts_at, zone)
            made.add((row.plan_id, day))
            units = f"{stock.set_aside - stock.left - stock.returned:,} / {stock.set_aside:,}" if stock else f"{row.quantity:,}"
            chip = Chip(
                row, row.name, _span(row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)), phase, PHASES[phase], price_of(row), units,
                reverse("admin:mall_flashsale_change", args=[row.pk]),
            )  # fmt: skip
            found.setdefault(day, []).append((row.starts_at, chip))
        for plan in selectors.plans():
            for one in rules.sales(plan.calendar, begin, last, zone):
                day = local_date(one.starts_at, zone)
                if one.starts_at > now and (plan.pk, day) not in made:
                    at = _span(one.starts_at.astimezone(zone), one.ends_at.astimezone(zone))
                    link = reverse("admin:mall_flashplan_change", args=[plan.pk])
                    chip = Chip(None, plan.name, at, "foreseen", _("planned ahead"), price_of(plan), f"{plan.quantity:,}", link)
                    found.setdefault(day, []).append((one.starts_at, chip))
        return {day: [chip for _at, chip in sorted(chips, key=lambda one: one[0])] for day, chips in found.items()}


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2200 else None
