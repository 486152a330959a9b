from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.forms.boundfield import BoundField
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from loyalty.lib.money import minor_digits, to_cents
from loyalty.lib.screens import PublishedAdmin, PublishForm
from loyalty.programme import selectors as programme

from . import rules, selectors, services
from .models import RuleVersion

SPARE_ROWS, MOST_ROWS = 3, 200
RATE = {"min_value": 0, "max_value": 9999, "max_digits": 8, "decimal_places": 4}
MONEY = {"min_value": 0, "max_digits": 12, "decimal_places": 2}


class RuleForm(PublishForm):
    points_per_unit = forms.DecimalField(
        label=_("Points per unit of money"),
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("For every category without a rate of its own. 1: one point for each whole yuan, dollar …"),
        **RATE,
    )
    cost_centre = forms.CharField(
        label=_("Cost centre"),
        required=False,
        max_length=50,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Who pays for these points in the books. May stay empty."),
    )
    example = forms.DecimalField(
        label=_("Example basket: paid for everything else"), required=False, initial=100, widget=UnfoldAdminDecimalFieldWidget,
        help_text=_("Only to try the version out, together with the amounts in the table."), **MONEY,
    )  # fmt: skip
    rows = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=MOST_ROWS, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        categories = list(self.initial.get("categories", {}).items())
        given = self.data.get("rows", "")
        rows = int(given) if given.isdecimal() and int(given) <= MOST_ROWS else len(categories) + SPARE_ROWS
        if "more" in self.data:
            rows = min(rows + SPARE_ROWS, MOST_ROWS)
            self.data = self.data.copy()
            self.data["rows"] = str(rows)
        self.initial["rows"], self.row_count = rows, rows
        for i in range(rows):
            category, rate = categories[i] if i < len(categories) else ("", "")
            self.fields[f"category_{i}"] = forms.CharField(required=False, max_length=200, initial=category, widget=UnfoldAdminTextInputWidget)
            self.fields[f"rate_{i}"] = forms.DecimalField(required=False, initial=rate, widget=UnfoldAdminDecimalFieldWidget, **RATE)
            self.fields[f"amount_{i}"] = forms.DecimalField(required=False, widget=UnfoldAdminDecimalFieldWidget, **MONEY)
        self.tried = ("example", "rows", *(f"amount_{i}" for i in range(rows)))

    def table(self) -> list[list[BoundField]]:
        return [[self[f"{name}_{i}"] for name in ("category", "rate", "amount")] for i in range(self.row_count)]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        seen: set[str] = set()
        for i in range(self.row_count):
            category, rate = asked.get(f"category_{i}"), asked.get(f"rate_{i}")
            if category and rate is None and f"rate_{i}" not in self.errors:
                self.add_error(f"rate_{i}", _("Give this category a rate; 0 earns nothing."))
            if category and category in seen:
                self.add_error(f"category_{i}", _("This category stands in the table twice."))
            if not category and rate is not None:
                self.add_error(f"category_{i}", _("Which category does this rate belong to?"))
            seen.add(category or "")
        return asked

    @property
    def categories(self) -> dict[str, str]:
        pairs = ((self.cleaned_data[f"category_{i}"], self.cleaned_data[f"rate_{i}"]) for i in range(self.row_count))
        return {category: _plain(rate) for category, rate in pairs if category}

    @property
    def basket(self) -> list[tuple[str, Decimal]]:
        rows = [(self.cleaned_data[f"category_{i}"], self.cleaned_data.get(f"amount_{i}") or Decimal(0)) for i in range(self.row_count)]
        return [("", self.cleaned_data.get("example") or Decimal(0)), *(row for row in rows if row[0])]


def _plain(rate: Decimal) -> str:
    return f"{rate.normalize():f}"


@admin.register(RuleVersion)
class RuleVersionAdmin(PublishedAdmin):
    list_display = ["shown", "rate", "by_category", "cost_centre", "published_at", "published_by"]
    fields = ["number", "rate", "by_category", "cost_centre", "published_at", "published_by"]
    readonly_fields = ["rate", "by_category"]
    publish_form = RuleForm
    publish_template = "admin/points/ruleversion/publish.html"
    consequence = _("From the moment it is published, purchases earn by the new version. Purchases paid before keep theirs, also when they are refunded.")

    @display(description=_("version"))
    def shown(self, version: RuleVersion) -> str:
        return str(version)

    @display(description=_("points per unit of money"))
    def rate(self, version: RuleVersion) -> str:
        return _plain(version.points_per_unit)

    @display(description=_("by category"))
    def by_category(self, version: RuleVersion) -> str:
        return ", ".join(f"{category}: {rate}" for category, rate in version.categories.items()) or "–"

    def initial(self) -> dict[str, Any]:
        version = selectors.current()
        if version is None:
            return {"points_per_unit": "1", "example": 100}
        return {"points_per_unit": _plain(version.points_per_unit), "categories": version.categories, "cost_centre": version.cost_centre, "example": 100}

    def preview(self, form: PublishForm) -> tuple[Sequence[Any], Sequence[Sequence[Any]]]:
        assert isinstance(form, RuleForm)
        currency = programme.programme().currency or "CNY"
        basis = [rules.Basis(category, to_cents(amount, currency)) for category, amount in form.basket]
        new = RuleVersion(points_per_unit=form.cleaned_data["points_per_unit"], categories=form.categories)
        now, then = (rules.decide(selectors.formula(version, currency=currency), basis) for version in (selectors.current(), new))
        digits = minor_digits(currency)
        lines = [
            (line.category or _("everything else"), f"{line.cents / 10**digits:,.{digits}f}", f"{old:,}", f"{fresh:,}")
            for line, old, fresh in zip(basis, now.parts, then.parts, strict=True)
        ]
        total = (_("the whole basket"), f"{sum(line.cents for line in basis) / 10**digits:,.{digits}f}", f"{now.points:,}", f"{then.points:,}")
        return (_("category"), _("paid"), _("points now"), _("points then")), [*lines, total]

    def publish(self, form: PublishForm, *, actor: str) -> Any:
        assert isinstance(form, RuleForm)
        asked = form.cleaned_data
        version = services.publish(
            points_per_unit=asked["points_per_unit"], categories=form.categories, cost_centre=asked["cost_centre"], actor=actor, now=timezone.now()
        )
        return _("Earning rule %(version)s is in force.") % {"version": version}
