from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from accounts.members import selectors as members
from loyalty.lib.money import show
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, operator_name, page_link

from . import rules, selectors, services
from .models import Behaviour, FactKind, Purchase, PurchaseLine, Refund


def _money(cents: int, currency: str) -> str:
    return show(cents, currency, get_language() or "en")


class ReadOnlyInline(TabularInline):
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        owner = Purchase.objects.filter(pk=request.resolver_match.kwargs["object_id"]).values("member_id")
        return super().get_queryset(request).filter(member_id__in=owner)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LineInline(ReadOnlyInline):
    model = PurchaseLine
    fields = ["external_id", "sku", "category", "brand", "quantity", "amount", "cost"]
    readonly_fields = ["amount", "cost"]

    @display(description=_("amount"))
    def amount(self, line: PurchaseLine) -> str:
        return _money(line.amount_cents, line.purchase.currency)

    @display(description=_("cost"), empty_value=_("not told"))
    def cost(self, line: PurchaseLine) -> str | None:
        return None if line.cost_cents is None else _money(line.cost_cents, line.purchase.currency)


class RefundInline(ReadOnlyInline):
    model = Refund
    fields = ["external_id", "occurred_at", "amount"]
    readonly_fields = ["amount"]

    @display(description=_("money given back"))
    def amount(self, refund: Refund) -> str:
        return _money(refund.amount_cents, refund.purchase.currency)


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "whose", "occurred_at", "paid", "recorded_at"]
    search_fields = ["external_id"]
    search_help_text = _("The storefront's id of a purchase, or of a member")
    list_select_related = ["member"]
    sortable_by = ()
    ordering = ["-id"]
    fields = ["external_id", "whose", "occurred_at", "channel", "paid", "shipping", "discounts", "refunded", "recorded_at"]
    readonly_fields = ["whose", "paid", "shipping"]
    inlines = [LineInline, RefundInline]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Purchase], search_term: str) -> tuple[QuerySet[Purchase], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        number = selectors.number(external_id=term)
        if number and number.member_id:
            return queryset.filter(member_id=number.member_id, external_id=term), False
        return queryset.filter(member_id=members.id_of(external_id=term)), False

    @display(description=_("member"))
    def whose(self, purchase: Purchase) -> str:
        return page_link("accounts_member", purchase.member_id, purchase.member)

    @display(description=_("paid in money"))
    def paid(self, purchase: Purchase) -> str:
        return _money(purchase.paid_cents, purchase.currency)

    @display(description=_("shipping"))
    def shipping(self, purchase: Purchase) -> str:
        return _money(purchase.shipping_cents, purchase.currency)


TYPES = {"text": _("text"), "number": _("whole number"), "flag": _("yes or no"), "time": _("date and time")}
SPARE_ROWS, MOST_ROWS = 4, 40


class RowForm(forms.Form):
    """One field of a kind. A row without a name is left out."""

    name = forms.CharField(label=_("field"), required=False, max_length=40, widget=UnfoldAdminTextInputWidget)
    type = forms.ChoiceField(label=_("type"), choices=TYPES.items(), initial="text", widget=UnfoldAdminSelectWidget)
    required = forms.BooleanField(label=_("required"), required=False, widget=UnfoldBooleanWidget)
    subject = forms.BooleanField(label=_("subject"), required=False, widget=UnfoldBooleanWidget)
    minimum = forms.IntegerField(label=_("smallest value"), required=False, widget=UnfoldAdminIntegerFieldWidget)
    maximum = forms.IntegerField(label=_("largest value"), required=False, widget=UnfoldAdminIntegerFieldWidget)
    choices = forms.CharField(label=_("choices"), required=False, max_length=2000, widget=UnfoldAdminTextInputWidget)
    help = forms.CharField(label=_("what it says"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if not asked.get("name") and any(value for name, value in asked.items() if name != "type"):
            self.add_error("name", _("Give the field a name."))
        return asked

    def field(self) -> rules.Field:
        asked = self.cleaned_data
        choices = tuple(one.strip() for one in asked["choices"].replace("，", ",").split(",")) if asked["choices"] else ()
        return rules.Field(asked["name"], asked["type"], asked["required"], asked["help"], choices, asked["minimum"], asked["maximum"])


RowFormSet = forms.formset_factory(RowForm, extra=SPARE_ROWS, max_num=MOST_ROWS, absolute_max=MOST_ROWS)


class RowsWidget(forms.Widget):
    """A table of the rows, whose own inputs carry what is typed."""

    rows: Any = None

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("admin/accounts/factkind/rows.html", {"rows": self.rows})

    def value_from_datadict(self, data: Any, files: Any, name: str) -> None:
        return None


class KindForm(forms.ModelForm):
    rows = forms.Field(
        label=_("fields"), required=False, widget=RowsWidget,
        help_text=_(
            "What a message of this kind says besides who and when. Subject: the fields that say what it was about, for kinds that count once for each. "
            "Choices: the texts that are allowed, with commas between them. Rows without a name are left out; save to get more rows."
        ),
    )  # fmt: skip

    class Meta:
        model = FactKind
        fields = ["code", "name_zh", "name_en", "description", "once", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        subject = self.instance.subject
        there = [{**row, "subject": row["name"] in subject, "choices": ", ".join(row.get("choices", []))} for row in self.instance.fields]
        self.table = self.fields["rows"].widget.rows = RowFormSet(self.data if self.is_bound else None, initial=there, prefix="row")

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if code in rules.OTHER_WORDS:
            raise forms.ValidationError(services.FactKindTaken.title)
        return code

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if not self.table.is_valid():
            self.add_error("rows", _("Correct the rows below."))
            return asked
        rows = [row for row in self.table if row.cleaned_data.get("name")]
        self.instance.fields = [rules.field_as_json(row.field()) for row in rows]
        self.instance.subject = [row.cleaned_data["name"] for row in rows if row.cleaned_data["subject"]]
        if asked.get("once"):
            self.instance.once = asked["once"]
            before = None if self.instance._state.adding else FactKind.objects.get(code=self.instance.code)
            by_name = {row.cleaned_data["name"]: row for row in rows}
            for name, sentence in selectors.faults_of_kind(self.instance, before=before):
                by_name[name].add_error("name", sentence) if name in by_name else self.add_error("rows", sentence)
                if name in by_name and "rows" not in self.errors:
                    self.add_error("rows", _("Correct the rows below."))
        return asked


@admin.register(FactKind)
class FactKindAdmin(HistoryAdmin):
    list_display = ["code", "shown", "once", "teller", "active"]
    list_filter = ["ours", "active"]
    search_fields = ["code", "name_zh", "name_en"]
    actions = None

    def get_fields(self, request: HttpRequest, obj: FactKind | None = None) -> list[str]:
        if obj is None or self._open(request, obj):
            return ["code", "name_zh", "name_en", "description", "once", "rows", "active"]
        return ["code", "name_zh", "name_en", "explained", "once", "shape", "told_by", "active"]

    def get_readonly_fields(self, request: HttpRequest, obj: FactKind | None = None) -> list[str]:
        if obj is None:
            return []
        return ["code"] if self._open(request, obj) else ["code", "explained", "once", "shape", "told_by", *(["active"] if obj.needed else [])]

    def get_form(self, request: HttpRequest, obj: FactKind | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = KindForm if obj is None or self._open(request, obj) else forms.ModelForm
        return super().get_form(request, obj, change=change, **{"form": form, **kwargs})

    def _open(self, request: HttpRequest, kind: FactKind) -> bool:
        """Whether its fields are to be edited here: a built-in kind's never are."""
        return not kind.built_in and self.has_change_permission(request, kind)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: FactKind, form: forms.ModelForm, change: bool) -> None:
        services.keep_kind(kind=obj, actor=operator_name(request), now=timezone.now())

    @display(description=_("name"), ordering="name_zh")
    def shown(self, kind: FactKind) -> str:
        return kind.name

    @display(description=_("told by"), ordering="ours", label={True: "info", False: "success"})
    def teller(self, kind: FactKind) -> tuple[bool, str]:
        return kind.ours, self.told_by(kind)

    @display(description=_("told by"))
    def told_by(self, kind: FactKind) -> str:
        return gettext("the programme itself") if kind.ours else gettext("the storefront")

    @display(description=_("description"))
    def explained(self, kind: FactKind) -> str:
        return kind.explained

    @display(description=_("fields"))
    def shape(self, kind: FactKind) -> str:
        rows = [(field, TYPES[field.type], field.name in kind.subject, gettext(field.help) if field.help else "", _allowed(field)) for field in kind.shape]
        return render_to_string("admin/accounts/factkind/shape.html", {"rows": rows})


def _allowed(field: rules.Field) -> str:
    least, most = field.minimum, None if field.maximum == rules.MOST else field.maximum
    if least is not None and most is not None:
        return f"{least:,} – {most:,}"
    return f"≥ {least:,}" if least is not None else f"≤ {most:,}" if most is not None else ", ".join(field.choices)


@admin.register(Behaviour)
class BehaviourAdmin(ReadOnlyAdmin):
    list_display = ["external_id", "kind", "whose", "said", "state", "occurred_at", "recorded_at"]
    list_filter = ["kind", "recorded_at"]
    list_select_related = ["member", "kind"]
    search_fields = ["member"]
    search_help_text = _("A member's storefront id; or that id, a space and a message's id")
    sortable_by = ()
    ordering = ["-id"]
    show_facets = admin.ShowFacets.NEVER
    fields = ["external_id", "kind", "whose", "told", "turned_out", "occurred_at", "local_date", "recorded_at", "withdrawn_at"]
    readonly_fields = ["whose", "told", "turned_out"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Behaviour], search_term: str) -> tuple[QuerySet[Behaviour], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        whole = members.id_of(external_id=term)
        who, _blank, message = (term, "", "") if whole else term.rpartition(" ")
        queryset = queryset.filter(member_id=whole or members.id_of(external_id=who))
        return (queryset.filter(external_id=message) if message else queryset), False

    @display(description=_("member"))
    def whose(self, row: Behaviour) -> str:
        return page_link("accounts_member", row.member_id, row.member)

    @display(description=_("what it says"))
    def said(self, row: Behaviour) -> str:
        return _said(row.said)

    @display(description=_("as it came"))
    def told(self, row: Behaviour) -> str:
        return _said(row.data)

    @display(description=_("as it turned out"))
    def turned_out(self, row: Behaviour) -> str:
        return gettext("not amended") if row.amended is None else _said(row.amended)

    @display(description=_("status"), label={"holds": "success", "amended": "warning", "withdrawn": "danger"})
    def state(self, row: Behaviour) -> tuple[str, str]:
        if row.withdrawn_at:
            return "withdrawn", gettext("withdrawn")
        return ("holds", gettext("stands")) if row.amended is None else ("amended", gettext("amended"))


def _said(data: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in data.items()) or "–"
