from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import Truncator
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.callers import named
from loyalty.lib.ids import new_id
from loyalty.lib.money import show
from loyalty.lib.screens import ReasonForm, operator_name, page_link
from loyalty.lib.spreadsheets import lines
from loyalty.programme import selectors as programme
from mall.rewards import selectors as rewards
from mall.rewards.models import Reward
from points.ledger.admin import BooksAdmin

from . import rules, selectors, services
from .models import Redemption, Step

Status = Redemption.Status
STATUS_COLOURS = {
    Status.HELD: "warning", Status.CONFIRMED: "info", Status.FULFILLING: "info", Status.SHIPPED: "success", Status.DELIVERED: "success",
    Status.CANCELLED: "danger", Status.LAPSED: "danger", Status.RETURNED: "danger",
}  # fmt: skip
TABS = ((Status.CONFIRMED, _("To be made ready")), (Status.FULFILLING, _("Being made ready")), (Status.SHIPPED, _("On their way")))
COUNTED = 1000
# What is downloaded at once is marked in one transaction.
DOWNLOADED = 500
EXPORTED = (
    ("redemption", _("redemption")), ("carrier", _("carrier")), ("tracking", _("tracking number")), ("reward", _("reward")), ("name", _("name")),
    ("quantity", _("quantity")), ("recipient", _("recipient")), ("phone", _("phone")), ("address", _("address")), ("made", _("made")),
)  # fmt: skip
FAULTS = {
    "file_too_large": _("The file is too large: 1 MB at most."),
    "file_not_text": _("This is no text in UTF-8 or GB18030. Save the table as CSV."),
    "file_not_csv": _("This is no CSV. Save the table as CSV."),
    "columns_missing": _("The first line has to name the columns redemption, carrier and tracking number, each once."),
    "lines_too_many": _("These are too many parcels: 1,000 at most in one file."),
    "file_empty": _("No line has a carrier and a tracking number."),
}
OUTCOMES = {
    "shipped": _("is shipped"),
    "corrected": _("its number is corrected"),
    "unchanged": _("stands so already"),
    "redemption_unreadable": _("This is no redemption's number."),
    "redemption_unknown": _("There is no such redemption."),
    "parcel_incomplete": _("Carrier and tracking number are both needed."),
    "too_long": _("Carriers have 60 characters at most, tracking numbers 80."),
    "twice_in_file": _("It stands in this file before."),
    "not_goods": _("It is not shipped: it is no goods."),
    "not_open": _("It is not to be shipped: it was not paid, or is cancelled, delivered or returned."),
}
BOOKED = ("shipped", "corrected")


def _money(cents: int) -> str:
    return show(cents, programme.programme().currency or "CNY", get_language() or "en")


def _cost(points: int, cents: int, shipping: int = 0) -> str:
    said = ngettext("%(points)s point", "%(points)s points", points) % {"points": f"{points:,}"} + (f" + {_money(cents)}" if cents else "")
    return said + " + " + gettext("shipping %(amount)s") % {"amount": _money(shipping)} if shipping else said


def _several(points: int, *cents: int) -> int:
    """By how many things a sentence about a price goes: one point alone is one."""
    return 2 if any(cents) else points


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else ""


def titled(row: Redemption) -> str:
    """What was redeemed, in the reader's language: Mug × 2."""
    return f"{rewards.offer_of(row.reward_id).name(get_language() or 'zh')} ×\N{NO-BREAK SPACE}{row.quantity}"


def about(subject: str) -> str:
    """A subject as operators read it: a redemption is a link, anything else stands as it is."""
    kind, _slash, number = subject.partition("/")
    if kind != "redemption" or not rules.is_id(number):
        return subject
    return page_link("mall_redemption", number, gettext("redemption"))


class ShipForm(forms.Form):
    carrier = forms.CharField(label=_("Carrier"), max_length=60, widget=UnfoldAdminTextInputWidget)
    tracking = forms.CharField(label=_("Tracking number"), max_length=80, widget=UnfoldAdminTextInputWidget, help_text=_("The member can see it."))


class ReturnForm(ReasonForm):
    """`key` is made with the form, so that a form sent twice is one return."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    quantity = forms.IntegerField(label=_("How many came back"), min_value=1, widget=UnfoldAdminIntegerFieldWidget)
    restock = forms.BooleanField(
        label=_("Back on the shelf"), required=False, widget=UnfoldBooleanWidget, help_text=_("Only what can be sold again. Off: the stock stays as it is.")
    )
    shipping = forms.BooleanField(
        label=_("Give back shipping"), required=False, widget=UnfoldBooleanWidget, help_text=_("Once, as where the parcel came damaged. Off: it stays paid.")
    )
    field_order = ["key", "quantity", "restock", "shipping", "reason"]

    def __init__(self, *args: Any, left: int, shipping_cents: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not shipping_cents:
            del self.fields["shipping"]
        self.fields["quantity"].max_value = left
        self.fields["quantity"].validators.append(forms.fields.validators.MaxValueValidator(left))


class DownloadForm(forms.Form):
    which = forms.ChoiceField(
        label=_("Which"),
        choices=[(Status.CONFIRMED, _("to be made ready")), (Status.FULFILLING, _("being made ready")), ("both", _("both"))],
        widget=UnfoldAdminSelectWidget,
    )
    begin = forms.BooleanField(
        label=_("They are being made ready now"),
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        help_text=_("From then on members cannot cancel them by themselves."),
    )


class ParcelsForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,text/csv"}),
        help_text=_(
            "CSV in UTF-8 or GB18030, as spreadsheets save it, with the columns redemption, carrier, tracking number: the downloaded queue, filled in."
        ),
    )

    def clean_file(self) -> list[rules.Parcel]:
        try:
            return rules.parcels(rules.text_of(self.cleaned_data["file"].read(rules.MOST_BYTES + 1)))
        except rules.FileFault as fault:
            raise forms.ValidationError(FAULTS[fault.code]) from fault


def exported(rows: Sequence[Redemption]) -> Iterator[Sequence[Any]]:
    """The lines of the file. Moments stand as in the admin, by the programme's clock, and say how far that is from UTC."""
    for row in rows:
        offer = rewards.offer_of(row.reward_id)
        made = timezone.localtime(row.created_at).isoformat(timespec="seconds")
        yield (str(row.id), row.carrier, row.tracking, offer.code, offer.name(get_language() or "zh"), row.quantity, row.name, row.phone, row.address, made)


@admin.register(Redemption)
class RedemptionAdmin(BooksAdmin):
    """What members redeemed; for goods the queue of those who make them ready."""

    list_display = ["made", "what", "whose", "state", "paid_with", "to_whom", "parcel"]
    list_filter = ["status", "reward__kind", "created_at"]
    search_fields = ["member"]
    search_help_text = _("A member's storefront id, a redemption's number, a tracking number, or reward/ and its code")
    fieldsets = [
        (None, {"fields": ["stands", "what", "whose", "paid_with", "price_shown", "to_be_paid", "payment"]}),
        (_("Parcel"), {"fields": ["name", "phone", "address", "carrier", "tracking"]}),
        (_("How it came here"), {"fields": ["history_shown", "to_give_back"]}),
        (_("In the books"), {"fields": ["books", "worth", "key", "by", "number"]}),
    ]
    readonly_fields = ["stands", "what", "whose", "paid_with", "price_shown", "to_be_paid", "history_shown", "to_give_back", "books", "worth", "by", "number"]
    actions_list = ["download_queue", "upload_parcels"]
    actions_detail = ["begin", "ship", "deliver", "take_back", "cancel"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("reward", "member")

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """In the queue, who came first is first."""
        return ["pk"] if request.GET.get("status__exact") in selectors.OPEN else ["-pk"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.startswith("reward/"):
            offer = rewards.catalogue().by_code.get(term.removeprefix("reward/"))
            return (queryset.filter(reward_id=offer.id) if offer else queryset.none()), False
        term = term.removeprefix("redemption/")
        if rules.is_id(term):
            return queryset.filter(pk=term), False
        member_id = members.id_of(external_id=term)
        return (queryset.filter(member_id=member_id) if member_id else queryset.filter(tracking=term)), False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        here, at = reverse("admin:mall_redemption_changelist"), request.GET.get("status__exact", "")
        counts = selectors.waiting(most=COUNTED)
        items = [{"title": _("All"), "link": here, "active": not at, "has_permission": True}]
        for status, title in TABS:
            how_many = f"{counts[status]:,}" + ("+" if counts[status] >= COUNTED else "")
            items.append({"title": f"{title} · {how_many}", "link": f"{here}?status__exact={status}", "active": at == status, "has_permission": True})
        tabs = [{"models": ["mall.redemption"], "items": items}]
        return super().changelist_view(request, {**(extra_context or {}), "tab_list": tabs})

    # What it says

    @display(description=_("made"))
    def made(self, row: Redemption) -> str:
        return _moment(row.created_at)

    @display(description=_("reward"))
    def what(self, row: Redemption) -> str:
        back = " " + gettext("(%(returned)s of them returned)") % {"returned": row.returned} if row.returned else ""
        return f"{titled(row)}{back}"

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, row: Redemption) -> tuple[str, str]:
        seen = Status(selectors.status_at(row, now=timezone.now()))
        return seen, seen.label

    @display(description=_("redemption's number"))
    def number(self, row: Redemption) -> str:
        return str(row.id)

    @display(description=_("status"))
    def stands(self, row: Redemption) -> str:
        return self.state(row)[1]

    @display(description=_("for"))
    def paid_with(self, row: Redemption) -> str:
        return _cost(row.points, row.cents, row.shipping_cents)

    @display(description=_("recipient"))
    def to_whom(self, row: Redemption) -> str:
        return ", ".join(part for part in (row.name, row.phone, row.address) if part)

    @display(description=_("parcel"))
    def parcel(self, row: Redemption) -> str:
        return f"{row.carrier} {row.tracking}".strip()

    @display(description=_("price"))
    def price_shown(self, row: Redemption) -> str:
        said = f"{_cost(row.unit_points, row.unit_cents)} · {PRICES.get(row.price, row.price)}"
        waived = gettext("shipping of %(amount)s not charged: the tier ships free") % {"amount": _money(row.shipping_waived_cents)}
        return f"{said} · {waived}" if row.shipping_waived_cents else said

    @display(description=_("to be paid until"))
    def to_be_paid(self, row: Redemption) -> str:
        return _moment(row.pay_until) or gettext("nothing to pay")

    @display(description=_("steps"))
    def history_shown(self, row: Redemption) -> str:
        first = [(_moment(row.created_at), gettext("redeemed"), named(row.actor), "")]
        return format_html_join("", "<p>{} · <b>{}</b> · {} {}</p>", [*first, *map(_step_shown, selectors.steps(redemption=row)[:200])])

    @display(description=_("money to give back"))
    def to_give_back(self, row: Redemption) -> str:
        cents = selectors.money_back(row)
        return gettext("%(amount)s in all, by the storefront") % {"amount": _money(cents)} if cents else gettext("none")

    @display(description=_("entry"))
    def books(self, row: Redemption) -> str:
        links = [("points_entry", row.spend_id, gettext("spent"))] if row.spend_id else []
        links += [("points_hold", row.hold_id, gettext("held"))] if row.hold_id else []
        return format_html_join(", ", "{}", [(page_link(*one),) for one in links])

    @display(description=_("cost"))
    def worth(self, row: Redemption) -> str:
        cost = row.unit_cost_cents * row.quantity
        if not row.sponsor_bps:
            return _money(cost)
        said = gettext("%(cost)s, of which the sponsor pays %(sponsored)s")
        return said % {"cost": _money(cost), "sponsored": _money(cost * row.sponsor_bps // 10_000)}

    # What can be done

    def has_fulfil_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.fulfil_redemption")

    def has_undo_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.return_redemption")

    def ask(self, request: HttpRequest, row: Any, *args: Any, **asked: Any) -> HttpResponse:
        """What can be done no more from where it stands is not asked about, also where somebody comes by its address."""
        wanted = asked.pop("wanted")
        if request.method != "POST" and (why := services.why_not(row, wanted, now=timezone.now())):
            messages.error(request, why.message)
            return HttpResponseRedirect(reverse("admin:mall_redemption_change", args=[row.pk]))
        return super().ask(request, row, *args, **asked)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        row = self.get_object(request, object_id)
        offered: set[str] = set()
        if row is not None:
            arrows = Redemption.ARROWS.get(Status(selectors.status_at(row, now=timezone.now())), ())
            goods = row.reward.kind == Reward.Kind.GOODS
            offered |= {"cancel"} if Status.CANCELLED in arrows and (goods or row.status == Status.HELD) else set()
            offered |= {"take-back"} if Status.RETURNED in arrows else set()
            offered |= {"begin"} if goods and Status.FULFILLING in arrows else set()
            offered |= {"ship"} if goods and row.status in (*selectors.OPEN, Status.SHIPPED) else set()
            offered |= {"deliver"} if goods and row.status in (*selectors.OPEN, Status.SHIPPED) else set()
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    @action(description=_("Begin to make ready"), url_path="begin", permissions=["fulfil"], icon="inventory")
    def begin(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.begin(redemption_id=row.id, actor=operator_name(request), now=timezone.now())
            return _("It is being made ready.")

        row = self.found(request, object_id)
        return self.ask(request, row, act, wanted=Status.FULFILLING, title=_("Begin to make ready"), consequence=_("From now on the member cannot cancel it."))

    @action(description=_("Ship"), url_path="ship", permissions=["fulfil"], icon="local_shipping", variant=ActionVariant.PRIMARY)
    def ship(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.ship(redemption_id=row.id, carrier=asked["carrier"], tracking=asked["tracking"], actor=operator_name(request), now=timezone.now())
            return _("It is on its way, under that number.")

        row = self.found(request, object_id)
        form = ShipForm(request.POST or None, initial={"carrier": row.carrier, "tracking": row.tracking})
        title, told = _("Ship"), _("The member is told that it is on its way, and can no longer cancel it.")
        if row.status == Status.SHIPPED:
            title, told = _("Correct the tracking number"), _("Only the number is corrected; what it was before is kept.")
        return self.ask(request, row, act, form, wanted=Status.SHIPPED, title=title, consequence=told)

    @action(description=_("It has arrived"), url_path="deliver", permissions=["fulfil"], icon="task_alt")
    def deliver(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.deliver(redemption_id=row.id, actor=operator_name(request), now=timezone.now())
            return _("It is delivered.")

        row = self.found(request, object_id)
        told = _("It stands as delivered from now on, also where it was handed over in a shop without being shipped.")
        return self.ask(request, row, act, wanted=Status.DELIVERED, title=_("It has arrived"), consequence=told)

    @action(description=_("Take back"), url_path="take-back", permissions=["undo"], icon="assignment_return")
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            about = {name: asked.get(name, False) for name in ("quantity", "restock", "shipping", "reason")}
            key = f"by-hand/{asked['key']}"
            services.return_(redemption_id=row.id, **about, actor=operator_name(request), key=key, now=timezone.now())
            step = selectors.steps(redemption=row).last()
            assert step is not None, "what came back has a step"
            said = ngettext("%(points)s point is restored.", "%(points)s points are restored.", step.points) % {"points": f"{step.points:,}"}
            return said + " " + gettext("Give back %(amount)s in the storefront.") % {"amount": _money(step.cents)} if step.cents else said

        row = self.found(request, object_id)
        left = row.quantity - row.returned
        form = ReturnForm(request.POST or None, left=left, shipping_cents=row.shipping_cents, initial={"key": new_id(), "quantity": left})
        told = ngettext(
            "For each, %(cost)s goes back: points to the lots that they came from, money by the storefront. This cannot be undone.",
            "For each, %(cost)s go back: points to the lots that they came from, money by the storefront. This cannot be undone.",
            _several(row.unit_points, row.unit_cents),
        ) % {"cost": _cost(row.unit_points, row.unit_cents)}
        return self.ask(request, row, act, form, wanted=Status.RETURNED, title=_("Take back"), consequence=told, danger=True)

    @action(description=_("Cancel it"), url_path="cancel", permissions=["undo"], icon="block")
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.cancel(redemption_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            cents = selectors.money_back(row)
            if cents:
                return gettext("It is cancelled. Give back %(amount)s in the storefront.") % {"amount": _money(cents)}
            return _("It is cancelled, and its points are free again.")

        row = self.found(request, object_id)
        told = ngettext(
            "%(cost)s goes back to the member, and the stock to the shelf. This cannot be undone.",
            "%(cost)s go back to the member, and the stock to the shelf. This cannot be undone.",
            _several(row.points, row.cents, row.shipping_cents),
        ) % {"cost": _cost(row.points, row.cents, row.shipping_cents)}
        return self.ask(request, row, act, wanted=Status.CANCELLED, with_reason=True, title=_("Cancel redemption"), consequence=told, danger=True)

    # The queue as a file

    @action(description=_("Download the queue"), url_path="queue", permissions=["fulfil"], icon="download")
    def download_queue(self, request: HttpRequest) -> HttpResponse:
        form = DownloadForm(request.POST or None, initial={"which": Status.CONFIRMED, "begin": True})
        if form.is_valid():
            asked, actor, now = form.cleaned_data, operator_name(request), timezone.now()
            statuses = selectors.OPEN if asked["which"] == "both" else (asked["which"],)
            rows = list(selectors.to_fulfil(statuses=statuses)[:DOWNLOADED])
            if asked["begin"]:
                ids = [row.id for row in rows]
                services.begin_all(redemption_ids=ids, actor=actor, now=now)
                # Without what was cancelled in between.
                rows = list(selectors.to_fulfil().filter(id__in=ids))
            audit.record(actor=actor, verb="redemptions.exported", subject="redemptions", figures={"rows": len(rows), "which": asked["which"]}, now=now)
            titles = [str(title) for _name, title in EXPORTED]
            # Written while the programme's clock is in force, not as it is sent.
            table = list(exported(rows))
            name = f"redemptions_{timezone.localtime(now):%Y-%m-%dT%H%M%z}.csv"
            messages.success(request, _downloaded(len(table), name, begun=asked["begin"]))
            response = StreamingHttpResponse(lines(titles, table), content_type="text/csv; charset=utf-8")
            response["Content-Disposition"] = f'attachment; filename="{name}"'
            # By it the page that asked knows that the file is there.
            if (asked_by := request.POST.get("asked_by", "")).isdigit():
                response.set_cookie("downloaded", asked_by[:20], max_age=60, samesite="Lax", secure=request.is_secure())
            return response
        told = _(
            "Goods that wait, the oldest first, 500 at most. Fill in carrier and tracking number and upload the file again. "
            "It holds names and addresses; that you downloaded it is kept in the audit trail."
        )
        page = {"form": form, "button": _("Download"), "consequence": told, "back": reverse("admin:mall_redemption_changelist")}
        return TemplateResponse(request, "admin/mall/redemption/queue.html", self._page(request, title=_("Download the queue"), **page))

    @action(description=_("Upload tracking numbers"), url_path="parcels", permissions=["fulfil"], icon="upload_file")
    def upload_parcels(self, request: HttpRequest) -> HttpResponse:
        """Two steps: the file, then what it would do, line by line; only then it is booked."""
        back = reverse("admin:mall_redemption_changelist")
        page: dict[str, Any] = {
            "form": ParcelsForm(),
            "back": back,
            "button": _("Check"),
            "consequence": _("Nothing is booked yet: you see first what it would do."),
        }
        parcels: list[rules.Parcel] = []
        if "checked" in request.POST:
            parcels = _unsealed(request.POST["checked"])
            done = services.book_parcels(parcels=parcels, actor=operator_name(request), now=timezone.now())
            booked = [one for one in done if one.outcome in BOOKED]
            said = ngettext("%(n)s parcel was booked.", "%(n)s parcels were booked.", len(booked)) % {"n": f"{len(booked):,}"}
            wrong = [one for one in done if one.outcome not in (*BOOKED, "unchanged")]
            if not wrong:
                messages.success(request, said)
                return HttpResponseRedirect(back)
            messages.warning(request, said + " " + gettext("Lines that were not are shown."))
            page |= {"told": [_told(one) for one in wrong], "done": True}
        elif request.method == "POST":
            form = ParcelsForm(request.POST, request.FILES)
            page["form"] = form
            if form.is_valid():
                parcels = form.cleaned_data["file"]
                told = selectors.bookings(parcels)
                count = sum(one.outcome in BOOKED for one in told)
                sealed = signing.dumps([list(one) for one in parcels], salt=SEAL, compress=True)
                page |= {"told": [_told(one) for one in told], "count": count, "rest": len(told) - count, "checked": sealed}
        template = "admin/mall/redemption/parcels.html" if "told" in page else "admin/confirm.html"
        return TemplateResponse(request, template, self._page(request, title=_("Upload tracking numbers"), **page))

    def _page(self, request: HttpRequest, **page: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, **page}


SEAL = "mall.redemptions.parcels"
PRICES = {
    "list": _("list price"), "clearance": _("clearance"), "scarcity": _("scarcity"), "tier": _("price for a tier"), "tier_discount": _("discount of the tier"),
    "markdown": _("markdown"), "sale": _("price of a sale"), "revival": _("for expired points"),
}  # fmt: skip


def _downloaded(count: int, name: str, *, begun: bool) -> str:
    """What became of the queue that was downloaded."""
    if not count:
        return gettext("Nothing waits: the file %(name)s is empty.") % {"name": name}
    said = ngettext("%(n)s redemption is in the file %(name)s.", "%(n)s redemptions are in the file %(name)s.", count) % {"n": f"{count:,}", "name": name}
    begins = ngettext("It is being made ready from now on.", "They are being made ready from now on.", count)
    return f"{said} {begins}" if begun else said


def _unsealed(text: str) -> list[rules.Parcel]:
    """The parcels that were shown, as they were shown."""
    try:
        return [rules.Parcel(*one) for one in signing.loads(text, salt=SEAL, max_age=3600)]
    except signing.BadSignature as error:
        raise PermissionDenied from error


def _told(one: selectors.Booking) -> dict[str, Any]:
    row = one.row
    return {
        "line": one.parcel.line,
        "redemption": one.parcel.redemption,
        "link": reverse("admin:mall_redemption_change", args=[row.id]) if row else "",
        "member": row.member.external_id if row else "",
        "before": f"{row.carrier} {row.tracking}".strip() if row and one.outcome == "corrected" else "",
        "after": f"{_short(one.parcel.carrier, 'carrier')} {_short(one.parcel.tracking, 'tracking')}".strip(),
        "good": one.outcome in (*BOOKED, "unchanged"),
        "outcome": OUTCOMES[one.outcome],
    }


def _short(text: str, column: str) -> str:
    """As much of it as a redemption could keep."""
    return Truncator(text).chars(rules.LONGEST[column])


def _step_shown(step: Step) -> tuple[str, str, str, str]:
    said = step.get_status_display()
    if step.before == step.status:
        said = gettext("%(quantity)s returned") % {"quantity": step.quantity} if step.points else gettext("tracking number corrected")
    more = [format_html("({})", _cost(step.points, step.cents))] if step.points else []
    more += [gettext("back on the shelf")] if step.restocked else []
    more += [f"“{step.reason}”"] if step.reason else []
    return _moment(step.at), said, named(step.actor), ", ".join(more)
