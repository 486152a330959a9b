import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from loyalty.audit import services as audit
from loyalty.lib.localtime import add_months, local_date
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ConfigurationAdmin, HistoryAdmin, ReadOnlyAdmin, ReasonForm, operator_name
from loyalty.programme import selectors as programme
from points.terms.rules import ExpiryPolicy

from . import rules, selectors, services
from .models import PURCHASE, EarningSettings, Festival, FestivalDays, Rule, RuleVersion, SharedLimit

Status = RuleVersion.Status

STATES = {"in_force": _("in force"), "coming": _("begins later"), "submitted": _("submitted"), "draft": _("draft"), "over": _("over")}
STATE_COLOURS = {"in_force": "success", "coming": "info", "submitted": "warning", "draft": "warning", "over": "default"}
FACTS = {PURCHASE: _("Purchase")}


class LinesField(forms.CharField):
    """Texts, one a line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else "\n".join(value)

    def clean(self, value: Any) -> tuple[str, ...]:
        lines = (line.strip() for line in super().clean(value).replace("\r\n", "\n").split("\n"))
        return tuple(line for line in lines if line)


class NumbersField(forms.CharField):
    """Whole numbers, separated by commas."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return value if value is None or isinstance(value, str) else ", ".join(map(str, value))

    def clean(self, value: Any) -> tuple[int, ...]:
        try:
            return tuple(int(part) for part in super().clean(value).replace("，", ",").split(",") if part.strip())
        except ValueError:
            raise forms.ValidationError(_("Whole numbers, separated by commas.")) from None


class ScaledField(forms.DecimalField):
    """A decimal that is kept as a whole number of its last place."""

    def __init__(self, *, digits: int, **kwargs: Any) -> None:
        super().__init__(required=False, max_digits=15, decimal_places=digits, widget=UnfoldAdminDecimalFieldWidget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value).scaleb(-self.decimal_places):f}".rstrip("0").rstrip(".") if self.decimal_places and isinstance(value, int) else value

    def clean(self, value: Any) -> int | None:
        given = super().clean(value)
        return None if given is None else int(given.scaleb(self.decimal_places))


def _whole(label: Any, help_text: Any = "") -> forms.Field:
    return forms.IntegerField(label=label, help_text=help_text, required=False, widget=UnfoldAdminIntegerFieldWidget)


def _text(label: Any, help_text: Any = "", most: int = 100) -> forms.Field:
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=most, widget=UnfoldAdminTextInputWidget)


def _one_of(label: Any, choices: Sequence[tuple[str, Any]], help_text: Any = "", model: str = "") -> forms.Field:
    """`model`: by what name the page knows the choice, to show only what belongs to it."""
    widget = UnfoldAdminSelectWidget(attrs={"x-model": model} if model else {})
    return forms.ChoiceField(label=label, help_text=help_text, required=False, choices=choices, widget=widget)


def _some_of(label: Any, choices: Sequence[tuple[str, Any]], help_text: Any = "") -> forms.Field:
    return forms.MultipleChoiceField(label=label, help_text=help_text, required=False, choices=choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)


def _day(label: Any, help_text: Any = "") -> forms.Field:
    return forms.DateField(label=label, help_text=help_text, required=False, widget=UnfoldAdminSingleDateWidget)


def _yes(label: Any, help_text: Any = "") -> forms.Field:
    return forms.BooleanField(label=label, help_text=help_text, required=False, widget=UnfoldBooleanWidget)


def _with(choices: Mapping[str, Any], *codes: str) -> list[tuple[str, Any]]:
    """Choices, with those that are chosen and not offered any more."""
    return [*choices.items(), *((code, code) for code in codes if code and code not in choices)]


EFFECTS = {
    "fixed": _("a fixed number of points"),
    "per_unit": _("points for each unit of money"),
    "bands": _("points by bands"),
    "ladder": _("points step by step, by a count such as a streak"),
    "stated": _("as many points as the fact states"),
    "random": _("a random number of points"),
    "multiplier": _("multiply what other rules give"),
    "tier_multiplier": _("multiply by the member’s tier"),
    "tier_birthday_multiplier": _("multiply by what the member’s tier brings for birthdays"),
    "card": _("a card"),
    "badge": _("a badge"),
    "coupon": _("a coupon"),
    "chance": _("a chance in a draw"),
    "benefit": _("a benefit of the storefront’s"),
}
PERIODS = {"": "—", **dict(SharedLimit.Per.choices)}
EXPIRIES = {
    "": _("as the programme says"),
    "months": _("a number of months later"),
    "days": _("a number of days later"),
    "calendar_year": _("at the end of a calendar year"),
    "fiscal_year": _("at the end of a fiscal year"),
    "never": _("never"),
}
PENDINGS = {"": _("as the programme says"), "none": _("at once"), "days": _("a number of days later"), "delivered": _("when the order was delivered")}
COMBINES = {"": "—", "best": _("the best counts"), "first": _("the one of the highest priority counts"), "product": _("multipliers multiply each other")}
TABLES: Mapping[str, tuple[Sequence[str], Any]] = {
    "effect.by_category": (("category", "rate"), _("Other rates by category")),
    "effect.bands": (("start", "end", "points", "rate"), _("Bands")),
    "limits": (("by", "per", "points", "times"), _("At most")),
}
SPARE_ROWS, MOST_ROWS = 2, 100
VARIABLE_HELP = {
    "amount_cents": _("What was paid for goods, in the minor unit: 100 yuan are 10000."),
    "categories": _("The categories of the lines: 'HOME' in categories"),
    "brands": _("The brands of the lines."),
    "skus": _("The products of the lines."),
    "quantity": _("How many pieces in all."),
    "channel": _("Where it was bought or done: app, web, a branch."),
    "nth_purchase": _("Which purchase of the member’s it is; the first is 1."),
    "days_since_last": _("Days since the purchase before; -1 where there was none."),
    "tier": _("The code of the member’s tier."),
    "sprint": _("Whether the term of the member’s tier is in its last days, the sprint."),
    "segments": _("The codes of the member’s segments."),
    "member_days": _("Days since the member registered; -1 before."),
    "registered": _("Whether the member has registered."),
    "weekday": _("1 is Monday, 7 is Sunday."),
    "hour": _("The hour of the day, 0 to 23."),
    "day": _("The day of the month."),
    "month": _("The month, 1 to 12."),
    "festivals": _("The codes of the festivals of that day."),
    "birthday": _("Whether it is the member’s birthday."),
    "birthday_month": _("Whether it is the month of the member’s birthday."),
}
TYPES = {"number": _("whole number"), "text": _("text"), "flag": _("yes or no"), "texts": _("list of texts"), "time": _("time")}


class Shown(NamedTuple):
    """A field or a table of the form, and when it is shown: always, or where the page's choices say so."""

    place: str
    when: str = ""


def flat(said: rules.Definition) -> dict[str, Any]:
    """What a definition says, by the places of its form."""
    found: dict[str, Any] = {}
    for part in ("conditions", "effect", "release"):
        holder = getattr(said, part)
        found |= {f"{part}.{one.name}": getattr(holder, one.name) for one in fields(holder) if one.name not in ("bands", "by_category")}
    found |= {one.name: getattr(said, one.name) for one in fields(said) if one.name not in ("conditions", "effect", "release", "limits", "expiry", "pending")}
    found["pending"], _colon, days = said.pending.partition(":")
    found["pending.days"] = int(days) if days.isdecimal() else None
    found["expiry"] = said.expiry
    try:
        policy = ExpiryPolicy.parse(said.expiry) if said.expiry else ExpiryPolicy("never")
    except (ValueError, TypeError):
        return found
    if said.expiry:
        found |= {"expiry": policy.kind, "expiry.length": policy.length, "expiry.first_month": policy.first_month, "expiry.zone": policy.zone}
    return found


def rows(said: rules.Definition) -> dict[str, list[dict[str, Any]]]:
    """What a definition says in tables."""
    return {
        "effect.by_category": [{"category": category, "rate": rate} for category, rate in said.effect.by_category.items()],
        "effect.bands": [{"start": band.start, "end": band.end, "points": band.points or None, "rate": band.rate or None} for band in said.effect.bands],
        "limits": [{"by": limit.by, "per": limit.per, "points": limit.points, "times": limit.times} for limit in said.limits],
    }


class DefinitionForm(forms.Form):
    """What a version of a rule about that kind of fact says. Fields are named as `rules.Problem` names places.

    What cannot be said about that kind is left out, unless `said` says it. Where it is valid, `definition` is what it says.
    """

    def __init__(self, data: Any = None, *, said: rules.Definition, fact: str, note: str = "") -> None:
        self.said, self.fact, self.called = said, fact, selectors.names()
        self.currency = programme.programme().currency or "CNY"
        self.types = {one["name"]: one["type"] for one in self.called.kinds[fact].fields} if fact in self.called.kinds else {}
        super().__init__(data, initial={**flat(said), "note": note})
        self.at_tables: dict[str, list[str]] = {}
        for place, field in (self._conditions() | self._effect() | self._terms()).items():
            if self._can_say(place) or self.initial.get(place) != _BLANK.get(place):
                self.fields[place] = field
        self.fields["note"] = _text(_("What is new"), _("For whoever reads the versions later."), 300)
        self.row_counts = {table: self._build_rows(table, given) for table, given in rows(said).items()}

    # What can be said.

    def _can_say(self, place: str) -> bool:
        if self.fact == PURCHASE:
            return True
        needs = {"categories": "category", "brands": "brand", "skus": "sku", "channels": "channel"}
        part, _dot, name = place.partition(".")
        if part == "conditions" and name in needs:
            return needs[name] in self.types
        if place in ("conditions.min_cents", "conditions.max_cents"):
            return self.types.get("amount_cents") == "number"
        return place not in ("conditions.nth_purchase", "conditions.again_days", "conditions.again_scope", "margin_percent")

    def _conditions(self) -> dict[str, forms.Field]:
        c, digits = self.said.conditions, minor_digits(self.currency)
        called, any_ = self.called, [("", "—")]
        cards = called.things.get("card")
        return {
            "conditions.categories": LinesField(
                label=_("Categories"), help_text=_("One a line. HOME also means HOME/KITCHEN. Only these lines of an order count.")
            ),
            "conditions.brands": LinesField(label=_("Brands"), help_text=_("One a line. Only these lines of an order count.")),
            "conditions.skus": LinesField(label=_("Products"), help_text=_("SKUs, one a line. Only these lines of an order count.")),
            "conditions.min_cents": ScaledField(label=_("Paid at least"), digits=digits, help_text=_("For all goods of the order, without shipping.")),
            "conditions.max_cents": ScaledField(label=_("Paid at most"), digits=digits),
            "conditions.tiers": _some_of(_("Tiers"), _with(called.tiers, *c.tiers), _("None ticked: all.")),
            "conditions.sprint": _yes(
                _("Sprint"), _("Only for members in the last days of their tier’s term: how many, the settings of the evaluation of tiers say.")
            ),
            "conditions.segments": _some_of(_("Segments"), _with(called.segments, *c.segments), _("In one of them. None ticked: everybody.")),
            "conditions.new_member_days": _whole(_("New members, for days"), _("Registered at most so many days before; 0 is the day itself.")),
            "conditions.nth_purchase": NumbersField(label=_("Number of the purchase"), help_text=_("1 is the member’s first. Several with commas: 2, 3")),
            "conditions.again_days": _whole(_("Bought again within days"), _("So many days after the purchase before, at most.")),
            "conditions.again_scope": _one_of(_("Bought again"), [("member", _("anything")), ("category", _("of the same category"))]),
            "conditions.channels": LinesField(label=_("Channels"), help_text=_("One a line, as the storefront names them: app, web.")),
            "conditions.weekdays": forms.TypedMultipleChoiceField(
                label=_("Days of the week"), required=False, coerce=int, empty_value=[], choices=[(day + 1, name) for day, name in WEEKDAYS.items()],
                widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text=_("None ticked: all."),
            ),
            "conditions.hour_from": _whole(_("From hour"), _("0 to 23, by the programme’s clock.")),
            "conditions.hour_until": _whole(_("Until hour"), _("Not included: from 20 until 22 ends at 22:00. From 22 until 6 goes over midnight.")),
            "conditions.date_from": _day(_("First day")),
            "conditions.date_until": _day(_("Last day"), _("Included.")),
            "conditions.birthday": _one_of(_("Birthday"), [*any_, ("day", _("on the day")), ("month", _("in its month"))], _("Of the member.")),
            "conditions.festival": _one_of(
                _("Festival"), [*any_, *_with(called.festivals, c.festival)], _("Festivals and their days are kept under “Festivals”.")
            ),
            "conditions.card": (_text(_("Card"), most=60) if cards is None else _one_of(
                _("Card"), [*any_, *_with(cards, c.card)], _("Holds for members who have one; the rule uses it up.")
            )),
            "conditions.expression": forms.CharField(
                label=_("Condition of your own"), required=False,
                widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false", "class": "console-code"}),
                help_text=_("In CEL, for what the fields above cannot say: quantity >= 3 && !('staff' in segments). Texts stand in quotes."),
            ),
        }  # fmt: skip

    def _effect(self) -> dict[str, forms.Field]:
        effect, numbers = self.said.effect, {name: name for name, kind in self.types.items() if kind == "number" and name != "amount_cents"}
        amount = {"amount": _("the amount")} if self.fact == PURCHASE or self.types.get("amount_cents") == "number" else {}
        kinds = {kind: label for kind, label in EFFECTS.items() if kind in self._kinds_of_effects(numbers, bool(amount))}
        things = {effect: named for effect, named in self.called.things.items() if effect in rules.THINGS}
        known = gettext("There are:") + " " + "; ".join(f"{EFFECTS[one]} – {', '.join(named) or gettext('none')}" for one, named in things.items())
        return {
            "effect.kind": _one_of(_("It gives"), _with(kinds, effect.kind), model="kind"),
            "effect.points": _whole(_("Points")),
            "effect.rate": ScaledField(label=_("Points per unit of money"), digits=4, help_text=_("1: one point for each yuan, dollar … paid for goods.")),
            "effect.measure": _one_of(_("By"), [("", "—"), *_with(amount | numbers, effect.measure)], _("A number that the fact tells.")),
            "effect.ladder": NumbersField(label=_("Steps"), help_text=_("The points for 1, 2, 3 and so on, with commas: 10, 15, 20")),
            "effect.cycles": _yes(_("Past the last step it begins again"), _("Otherwise the last step goes on.")),
            "effect.minimum": _whole(_("At least")),
            "effect.maximum": _whole(_("At most"), _("Empty: no upper bound, or for random points always the least.")),
            "effect.chance": ScaledField(label=_("In how many percent of cases"), digits=4, help_text=_("100: always. 0.5: once in 200.")),
            "effect.factor": ScaledField(label=_("Factor"), digits=4, help_text=_("2: twice the points. 0.5: half.")),
            "effect.item": _text(_("Which one"), _("Its code.") + (" " + known if things else ""), 60),
            "effect.count": _whole(_("How many")),
            "group": _text(_("Group"), _("Rules of one group compete with each other. Empty: this rule stands by itself, and adds or multiplies."), 60),
            "combine": _one_of(_("In the group"), list(COMBINES.items()), _("All rules of a group must say the same.")),
            "priority": _whole(_("Priority"), _("The higher comes first: in its group, and at limits that several rules share.")),
            "multiplied": _yes(_("Multipliers count for it"), _("Untick for points that nothing should double.")),
        }  # fmt: skip

    def _kinds_of_effects(self, numbers: Mapping[str, str], amount: bool) -> Iterator[str]:
        for kind in EFFECTS:
            if kind == "per_unit" and self.fact != PURCHASE:
                continue
            if numbers or kind not in ("ladder", "stated", "bands") or (kind == "bands" and amount):
                yield kind

    def _terms(self) -> dict[str, forms.Field]:
        release, expiry = self.said.release, self.initial["expiry"]
        pendings = {code: label for code, label in PENDINGS.items() if code != "delivered" or self.fact == PURCHASE}
        releases = [("all", _("everybody")), ("staff", _("staff only")), ("segment", _("a segment")), ("percent", _("a percentage of the members"))]
        return {
            "margin_percent": _whole(
                _("Of the margin at most, in percent"), _("Of each line, at what points cost, where the storefront tells what it cost you.")
            ),
            "claim_days": _whole(_("To be claimed within days"), _("0: granted at once.")),
            "pending": _one_of(_("Its points can be spent"), _with(pendings, self.initial["pending"]), model="pending"),
            "pending.days": _whole(_("Days until then")),
            "expiry": _one_of(_("Its points expire"), _with(EXPIRIES, expiry), model="expiry"),
            "expiry.length": _whole(_("How many"), _("Months or days; for years, how many after the current one (0: at its end).")),
            "expiry.first_month": _whole(_("First month of the fiscal year"), _("4 is April.")),
            "expiry.zone": _text(_("By the days of another time zone"), _("Mostly empty. Like Asia/Tokyo."), 60),
            "cost_centre": _text(_("Cost centre"), _("Who pays for these points in the books."), 50),
            "campaign": _text(_("Campaign"), _("What it is part of. Budgets can be kept by campaign and by cost centre."), 100),
            "release.to": _one_of(_("Out for"), releases, _("Begin with few, widen by a new version."), model="release"),
            "release.segment": _one_of(_("Which segment"), [("", "—"), *_with(self.called.segments, release.segment)]),
            "release.percent": _whole(_("Percent of the members"), _("Always the same ones; a higher figure includes them.")),
        }  # fmt: skip

    # Tables.

    def _build_rows(self, table: str, given: Sequence[Mapping[str, Any]]) -> int:
        asked = self.data.get(f"rows:{table}", "") if self.is_bound else ""
        count = min(int(asked), MOST_ROWS) if asked.isdecimal() else len(given) + SPARE_ROWS
        if self.data.get("more") == table:
            count = min(count + SPARE_ROWS, MOST_ROWS)
        for row in range(count):
            for name in TABLES[table][0]:
                place = f"{table}.{row}.{name}"
                self.fields[place] = self._cell(table, name)
                self.initial[place] = given[row][name] if row < len(given) else {"by": "member"}.get(name)
        return count

    def _cell(self, table: str, name: str) -> forms.Field:
        match name:
            case "category":
                return _text(_("category"), most=200)
            case "rate":
                return ScaledField(label=_("points per unit of money"), digits=4)
            case "start" | "end":
                measure = self.data.get("effect.measure") if self.is_bound else self.said.effect.measure
                digits = minor_digits(self.currency) if measure in rules.AMOUNTS else 0
                return ScaledField(label={"start": _("from"), "end": _("to below")}[name], digits=digits)
            case "by":
                return _one_of(_("counted for"), [("member", _("each member")), ("rule", _("all members together"))])
            case "per":
                return _one_of(_("within"), list(PERIODS.items()))
        return _whole({"points": _("points"), "times": _("times")}[name])

    def _row(self, table: str, row: int) -> dict[str, Any]:
        return {name: self.cleaned_data.get(f"{table}.{row}.{name}") for name in TABLES[table][0]}

    @cached_property
    def kept(self) -> dict[str, list[int]]:
        """The rows of each table that say something; only once the form was cleaned."""
        return {table: [row for row in range(count) if self._says(table, row)] for table, count in self.row_counts.items()}

    def _says(self, table: str, row: int) -> bool:
        return any(value not in (None, "") for name, value in self._row(table, row).items() if name != "by")

    # What is said.

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        seen: set[str] = set()
        for row in self.kept["effect.by_category"]:
            category, rate = self._row("effect.by_category", row).values()
            if category and rate is None and f"effect.by_category.{row}.rate" not in self.errors:
                self.add_error(f"effect.by_category.{row}.rate", _("Give this category a rate; 0 earns nothing."))
            if not category:
                self.add_error(f"effect.by_category.{row}.category", _("Which category does this rate belong to?"))
            elif category in seen:
                self.add_error(f"effect.by_category.{row}.category", _("This category stands in the table twice."))
            seen.add(category or "")
        for row in self.kept["limits"]:
            if not asked.get(f"limits.{row}.per") and f"limits.{row}.per" not in self.errors:
                self.add_error(f"limits.{row}.per", _("In which period?"))
        return asked

    @cached_property
    def definition(self) -> rules.Definition:
        asked, blank = self.cleaned_data, rules.Definition()
        conditions = self._part("conditions", blank.conditions, [one.name for one in fields(blank.conditions)])
        counted = rules.PARTS.get(asked["effect.kind"], ())
        effect = self._part("effect", rules.Effect(points=0, factor=0, chance=0, count=0), [name for name in counted if name not in ("bands", "by_category")])
        if "by_category" in counted:
            pairs = [self._row("effect.by_category", row) for row in self.kept["effect.by_category"]]
            effect["by_category"] = {one["category"]: one["rate"] for one in pairs}
        if "bands" in counted:
            found = [self._row("effect.bands", row) for row in self.kept["effect.bands"]]
            effect["bands"] = tuple(rules.Band(one["start"] or 0, one["end"], one["points"] or 0, one["rate"] or 0) for one in found)
        limits = [self._row("limits", row) for row in self.kept["limits"]]
        to = asked["release.to"] or "all"
        return rules.Definition(
            conditions=rules.Conditions(**conditions),
            effect=rules.Effect(kind=asked["effect.kind"], **effect),
            group=asked["group"],
            combine=asked["combine"],
            priority=asked["priority"] or 0,
            multiplied=asked["multiplied"],
            limits=tuple(rules.Limit(one["per"], one["points"], one["times"], one["by"] or "member") for one in limits),
            margin_percent=asked.get("margin_percent"),
            expiry=self._expiry(),
            pending=f"days:{asked['pending.days'] or 0}" if asked["pending"] == "days" else asked["pending"],
            claim_days=asked["claim_days"] or 0,
            release=rules.Release(to, asked["release.segment"] if to == "segment" else "", (asked["release.percent"] or 0) if to == "percent" else 100),
            cost_centre=asked["cost_centre"],
            campaign=asked["campaign"],
        )

    def _part(self, part: str, blank: Any, names: Sequence[str]) -> dict[str, Any]:
        """The fields of a part that were asked for; what was left empty is as in `blank`."""
        given = {name: self.cleaned_data[f"{part}.{name}"] for name in names if f"{part}.{name}" in self.cleaned_data}
        return {name: tuple(value) if isinstance(value, list) else getattr(blank, name) if value in (None, "") else value for name, value in given.items()}

    def _expiry(self) -> str:
        asked = self.cleaned_data
        if asked["expiry"] in ("", *(raw for raw, _label in self.fields["expiry"].choices if raw not in EXPIRIES)):
            return asked["expiry"]
        length = 0 if asked["expiry"] == "never" else asked["expiry.length"] or 0
        first = (asked["expiry.first_month"] or 0) if asked["expiry"] == "fiscal_year" else 1
        return str(ExpiryPolicy(asked["expiry"], length, first, asked["expiry.zone"]))

    def tell(self, problems: Sequence[rules.Problem]) -> None:
        """Say each problem at its field."""
        for problem in problems:
            table = next((table for table in TABLES if problem.place.startswith(f"{table}.")), None)
            place = problem.place
            if table:
                row, _dot, name = place.removeprefix(f"{table}.").partition(".")
                place = f"{table}.{self.kept[table][int(row)]}.{name}"
            if place in self.fields:
                self.add_error(place, selectors.sentence(problem))
            elif place in TABLES:
                self.at_tables.setdefault(place, []).append(selectors.sentence(problem))
            else:
                self.add_error(None, selectors.sentence(problem))

    # What the page shows.

    def state(self) -> str:
        """The choices that decide what else is shown, for the page's script."""
        places = {"kind": "effect.kind", "pending": "pending", "expiry": "expiry", "release": "release.to"}
        return json.dumps({name: self[place].value() or "" for name, place in places.items()})

    def sections(self) -> list[tuple[Any, Any, list[dict[str, Any]]]]:
        shown = [(title, told, [self._item(one) for one in items if one.place in self.fields or one.place in TABLES]) for title, told, items in SECTIONS]
        return [section for section in shown if section[2]]

    def _item(self, one: Shown) -> dict[str, Any]:
        if one.place not in TABLES:
            field = self[one.place]
            return {"field": field, "when": "" if field.errors else one.when, "wide": isinstance(field.field.widget, UnfoldAdminCheckboxSelectMultipleWidget)}
        names, title = TABLES[one.place]
        cells = [[self[f"{one.place}.{row}.{name}"] for name in names] for row in range(self.row_counts[one.place])]
        wrong = self.at_tables.get(one.place, [])
        anything = wrong or any(cell.errors for row in cells for cell in row)
        return {"table": one.place, "title": title, "rows": cells, "count": len(cells), "errors": wrong, "when": "" if anything else one.when}

    def variables(self) -> list[tuple[str, Any, Any]]:
        """What an expression may speak of: name, type, meaning."""
        kind = self.called.kinds.get(self.fact)
        told = {f"data.{field.name}": gettext(field.help) if field.help else "" for field in kind.shape} if kind else {}
        return [(name, TYPES[type_], VARIABLE_HELP.get(name) or told.get(name, "")) for name, type_ in rules.variables(kind.fields if kind else []).items()]


_BLANK = flat(rules.Definition())


def _of_kinds(part: str) -> str:
    kinds = ", ".join(f"'{kind}'" for kind, parts in rules.PARTS.items() if part in parts)
    return f"[{kinds}].includes(kind)"


SECTIONS: Sequence[tuple[Any, Any, Sequence[Shown]]] = [
    (
        _("What it gives"),
        "",
        [
            Shown("effect.kind"),
            *(Shown(f"effect.{part}", _of_kinds(part)) for part in ("points", "rate", "by_category", "measure", "bands", "ladder", "cycles")),
            *(Shown(f"effect.{part}", _of_kinds(part)) for part in ("minimum", "maximum", "chance", "factor", "item", "count")),
        ],
    ),
    (
        _("For what"),
        _("All that is filled in must hold. What is left empty is no condition."),
        [Shown(f"conditions.{name}") for name in ("categories", "brands", "skus", "min_cents", "max_cents", "channels")],
    ),
    (
        _("For whom"),
        "",
        [Shown(f"conditions.{name}") for name in ("tiers", "sprint", "segments", "new_member_days", "nth_purchase", "again_days", "again_scope", "card")],
    ),
    (
        _("When"),
        _("By the programme’s days and clock."),
        [Shown(f"conditions.{name}") for name in ("date_from", "date_until", "weekdays", "hour_from", "hour_until", "birthday", "festival")],
    ),
    (_("Anything else"), "", [Shown("conditions.expression")]),
    (_("With other rules"), "", [Shown("group"), Shown("combine"), Shown("priority"), Shown("multiplied")]),
    (_("Limits"), _("One line for each period and who. Rows that you do not need stay empty."), [Shown("limits"), Shown("margin_percent")]),
    (
        _("Terms of what it grants"),
        "",
        [
            Shown("claim_days"),
            Shown("pending"),
            Shown("pending.days", "pending == 'days'"),
            Shown("expiry"),
            Shown("expiry.length", "!['', 'never'].includes(expiry)"),
            Shown("expiry.first_month", "expiry == 'fiscal_year'"),
            Shown("expiry.zone", "!['', 'never'].includes(expiry)"),
            Shown("cost_centre"),
            Shown("campaign"),
        ],
    ),
    (
        _("To whom it is out"),
        "",
        [Shown("release.to"), Shown("release.segment", "release == 'segment'"), Shown("release.percent", "release == 'percent'")],
    ),
    (_("For the record"), "", [Shown("note")]),
]


class NameForm(forms.Form):
    name_zh = _text(_("Name, Chinese"))
    name_en = _text(_("Name, English"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name_zh"].required = self.fields["name_en"].required = True


class NewRuleForm(NameForm):
    code = forms.SlugField(
        label=_("Code"), max_length=60, widget=UnfoldAdminTextInputWidget,
        help_text=_("Short and for good: it names the rule in exports and explanations. Letters, digits, hyphens and underscores."),
    )  # fmt: skip
    field_order = ["code", "name_zh", "name_en"]


class PublishForm(forms.Form):
    effective_from = forms.SplitDateTimeField(
        label=_("In force from"), required=False, widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Decides facts that happen from then on. Empty: from now on. By the programme’s clock."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text=_("Kept for good. May stay empty.")
    )

    def clean_effective_from(self) -> datetime | None:
        given = self.cleaned_data["effective_from"]
        if given and given < timezone.now() - timedelta(minutes=1):
            raise forms.ValidationError(_("This has passed, and what happened then is decided. Leave it empty to begin now."))
        return given


class RetireForm(ReasonForm):
    at = forms.SplitDateTimeField(
        label=_("Until"), required=False, widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Facts that happen from then on are not decided by it. Empty: from now on."),
    )  # fmt: skip
    field_order = ["at", "reason"]

    def clean_at(self) -> datetime | None:
        given = self.cleaned_data["at"]
        if given and given < timezone.now() - timedelta(minutes=1):
            raise forms.ValidationError(_("This has passed, and what happened then is decided. Leave it empty to end now."))
        return given


def _sent(request: HttpRequest) -> Any:
    """What the form was sent with, be it nothing; None where it is only asked for."""
    return request.POST if request.method == "POST" else None


class FactFilter(admin.SimpleListFilter):
    title, parameter_name = _("answers"), "fact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        called = selectors.names()
        return [(fact, fact_label(fact, called)) for fact in Rule.objects.order_by("fact").values_list("fact", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        return queryset.filter(fact=self.value()) if self.value() else queryset


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = _("status"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(STATES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        """Rules that have such a version; over are those without any other."""
        now, version = timezone.now(), RuleVersion.objects
        ends_later = Q(effective_until=None) | Q(effective_until__gt=now)
        published = version.filter(ends_later, status__in=RuleVersion.FINAL)
        having = {
            "draft": version.filter(status=Status.DRAFT),
            "submitted": version.filter(status=Status.SUBMITTED),
            "in_force": published.filter(Q(effective_from=None) | Q(effective_from__lte=now)),
            "coming": published.filter(effective_from__gt=now),
        }
        if self.value() == "over":
            return queryset.exclude(versions__in=version.filter(ends_later | ~Q(status__in=RuleVersion.FINAL)))
        return queryset.filter(id__in=having[self.value()].values("rule_id")) if self.value() in having else queryset


class CampaignFilter(admin.SimpleListFilter):
    title, parameter_name = _("campaign"), "campaign"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        known = RuleVersion.objects.exclude(definition__campaign=None).values_list("definition__campaign", flat=True)
        return [(campaign, campaign) for campaign in sorted(set(known))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        named = RuleVersion.objects.filter(definition__campaign=self.value())
        return queryset.filter(id__in=named.values("rule_id")) if self.value() else queryset


def fact_label(fact: str, called: selectors.Names) -> str:
    return str(FACTS.get(fact) or selectors.fact_name(fact, called))


def rule_page(rule: Rule) -> str:
    return reverse("admin:points_rule_change", args=[rule.id])


def version_page(version: RuleVersion) -> str:
    return reverse("admin:points_ruleversion_change", args=[version.id])


def in_words(version: RuleVersion) -> list[str]:
    return selectors.in_words(version.said, fact=version.rule.fact)


class RulebookAdmin(ReadOnlyAdmin):
    """What the pages of rules and of versions share."""

    def has_draft_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.add_ruleversion")

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.publish_ruleversion")

    def has_duplicate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.add_rule")

    def has_read_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_simulate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.add_simulation")

    def _page(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "has_view_permission": True, **more}

    def _form(
        self, request: HttpRequest, *, said: rules.Definition, fact: str, code: str = "", note: str = "", save: Callable[[DefinitionForm, Any], RuleVersion],
        names: forms.Form | None = None, draft: RuleVersion | None = None, **page: Any,
    ) -> HttpResponse:  # fmt: skip
        """The form of a version. It is saved where nothing is wrong with it, or where the operator wants it unfinished."""
        now = timezone.now()
        form = DefinitionForm(_sent(request), said=said, fact=fact, note=note)
        page |= {"form": form, "names": names, "fact": fact_label(fact, form.called), "words": None, "unfinished": False, "wrong": []}
        if request.method == "GET" and draft is not None:
            page["wrong"] = _wrong(draft, now)
        if request.method == "POST" and "more" not in request.POST and all([form.is_valid(), names is None or names.is_valid()]):
            found = selectors.problems(form.definition, fact=fact, code=code, now=now)
            if "preview" in request.POST or (found and "unfinished" not in request.POST):
                form.tell(found)
                page |= {"words": selectors.in_words(form.definition, fact=fact, called=form.called), "unfinished": bool(found)}
            else:
                try:
                    with transaction.atomic():
                        version = save(form, names.cleaned_data if names else {})
                except BusinessError as refusal:
                    form.add_error(None, refusal.message)
                else:
                    messages.success(request, gettext("Saved as a draft: %(version)s.") % {"version": version})
                    return HttpResponseRedirect(version_page(version))
        return TemplateResponse(request, "admin/points/rule/form.html", self._page(request, **page))

    def _duplicate(self, request: HttpRequest, version: RuleVersion, *, back: str) -> HttpResponse:
        """A new rule that begins as a version of another one."""

        def save(form: DefinitionForm, named: Mapping[str, Any]) -> RuleVersion:
            said = {"definition": form.definition, "note": form.cleaned_data["note"]}
            return services.make(**named, fact=rule.fact, **said, actor=operator_name(request), now=timezone.now())

        rule = version.rule
        initial = {"code": f"{rule.code}-2"[:60], "name_zh": rule.name_zh, "name_en": rule.name_en}
        names = NewRuleForm(_sent(request), initial=initial)
        title = gettext("Duplicate “%(rule)s”") % {"rule": rule.name}
        return self._form(request, said=version.said, fact=rule.fact, save=save, names=names, title=title, back=back)

    def _draft(self, request: HttpRequest, version: RuleVersion, *, back: str) -> HttpResponse:
        """A further version of a rule, beginning as one that it has."""

        def save(form: DefinitionForm, named: Mapping[str, Any]) -> RuleVersion:
            said = {"definition": form.definition, "note": form.cleaned_data["note"]}
            return services.draft(code=rule.code, **said, actor=operator_name(request), now=timezone.now())

        rule = version.rule
        title = gettext("New version of “%(rule)s”") % {"rule": rule.name}
        return self._form(request, said=version.said, fact=rule.fact, code=rule.code, save=save, title=title, back=back)


@admin.register(Rule)
class RuleAdmin(RulebookAdmin):
    list_display = ["title", "about", "gives", "state", "since", "until", "works", "campaign"]
    list_filter = [FactFilter, StateFilter, CampaignFilter]
    search_fields = ["code", "name_zh", "name_en"]
    search_help_text = _("A rule’s code or name")
    sortable_by = ()
    fields = [("name_zh", "name_en"), ("code", "answers"), ("created_by", "created_at")]
    readonly_fields = ["answers"]
    actions_list = ["calendar", "try_rules"]
    actions_detail = ["new_version", "duplicate", "rename"]
    change_form_before_template = "admin/points/rule/versions.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.add_rule")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        return super().get_queryset(request).prefetch_related(Prefetch("versions", RuleVersion.objects.order_by("-number")))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Each rule of the page comes with the version that says most about it, told once for all of them."""
        changes, called, now = super().get_changelist_instance(request), selectors.names(), timezone.now()
        changes.result_list = list(changes.result_list)
        for rule in changes.result_list:
            rule.telling = version = selectors.telling(rule.versions.all(), now=now)
            rule.fact_label = fact_label(rule.fact, called)
            rule.words = selectors.in_short(version.said, fact=rule.fact, called=called) if version else ""
            rule.telling_state = selectors.state(version, now=now) if version else "over"
        return changes

    @display(description=_("rule"))
    def title(self, rule: Rule) -> str:
        return f"{rule.name} ({rule.code})"

    @display(description=_("answers"))
    def about(self, rule: Rule) -> str:
        return rule.fact_label  # type: ignore[attr-defined]

    @display(description=_("answers"))
    def answers(self, rule: Rule) -> str:
        return fact_label(rule.fact, selectors.names())

    @display(description=_("gives"))
    def gives(self, rule: Rule) -> str:
        return rule.words  # type: ignore[attr-defined]

    @display(description=_("status"), label=STATE_COLOURS)
    def state(self, rule: Rule) -> tuple[str, Any]:
        return rule.telling_state, STATES[rule.telling_state]  # type: ignore[attr-defined]

    @display(description=_("in force from"))
    def since(self, rule: Rule) -> datetime | None:
        return rule.telling and rule.telling.effective_from  # type: ignore[attr-defined]

    @display(description=_("in force until"))
    def until(self, rule: Rule) -> datetime | None:
        return rule.telling and rule.telling.effective_until  # type: ignore[attr-defined]

    @display(description=_("in the works"))
    def works(self, rule: Rule) -> str:
        """Versions that are not published yet."""
        states = {RuleVersion.Status.DRAFT, RuleVersion.Status.SUBMITTED}
        return ", ".join(f"{version.number}: {version.get_status_display()}" for version in rule.versions.all() if version.status in states)

    @display(description=_("campaign"))
    def campaign(self, rule: Rule) -> str:
        return rule.telling.said.campaign if rule.telling else ""  # type: ignore[attr-defined]

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        rule, now = get_object_or_404(self.get_queryset(request), pk=object_id), timezone.now()
        called = selectors.names()
        versions = [(version, selectors.state(version, now=now)) for version in rule.versions.all()]
        leading = [
            {
                "version": version, "state": STATES[state], "colour": STATE_COLOURS[state],
                "words": selectors.in_words(version.said, fact=rule.fact, called=called),
                "wrong": _wrong(version, now) if state == "draft" else [],
            }
            for version, state in sorted(versions, key=lambda one: selectors.TELLING.index(one[1]))
            if state != "over"
        ]  # fmt: skip
        listed = [(version, STATES[state], STATE_COLOURS[state]) for version, state in versions]
        told = {"leading": leading, "versions": listed, "fact": fact_label(rule.fact, called), "title": rule.name}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **told})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """First the kind of fact, then the form for it."""

        def save(form: DefinitionForm, named: Mapping[str, Any]) -> RuleVersion:
            said = {"definition": form.definition, "note": form.cleaned_data["note"]}
            return services.make(**named, fact=fact, **said, actor=operator_name(request), now=timezone.now())

        if not self.has_add_permission(request):
            raise PermissionDenied
        fact, kinds = request.GET.get("fact", ""), selectors.names().kinds
        back = reverse("admin:points_rule_changelist")
        if fact != PURCHASE and fact not in kinds:
            told = [(kind.name, kind.code, kind.explained) for kind in kinds.values() if kind.active]
            return TemplateResponse(request, "admin/points/rule/facts.html", self._page(request, title=_("New rule: for what?"), kinds=told, back=back))
        kind = "per_unit" if fact == PURCHASE else "fixed"
        said = rules.Definition(effect=rules.Effect(kind, rate=rules.ONE if fact == PURCHASE else 0))
        return self._form(request, said=said, fact=fact, save=save, names=NewRuleForm(_sent(request)), title=_("New rule"), back=back)

    def _told(self, rule_id: str) -> tuple[Rule, RuleVersion]:
        rule = get_object_or_404(Rule, pk=rule_id)
        version = selectors.telling(rule.versions.select_related("rule"), now=timezone.now())
        assert version is not None, "a rule without versions is thrown away with its last"
        return rule, version

    @action(description=_("New version"), url_path="new-version", permissions=["draft"], icon="add", variant=ActionVariant.PRIMARY)
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule, version = self._told(object_id)
        return self._draft(request, version, back=rule_page(rule))

    @action(description=_("Duplicate as a new rule"), url_path="duplicate", permissions=["duplicate"], icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rule, version = self._told(object_id)
        return self._duplicate(request, version, back=rule_page(rule))

    @action(description=_("Rename"), url_path="rename", permissions=["duplicate"], icon="edit")
    def rename(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.rename(code=rule.code, **asked, actor=operator_name(request), now=timezone.now())
            return _("The rule is renamed.")

        rule = self.found(request, object_id)
        form = NameForm(_sent(request), initial={"name_zh": rule.name_zh, "name_en": rule.name_en})
        consequence = _("What people call it, also in what they are told of the past. Its code stays.")
        return self.ask(request, rule, act, form, title=_("Rename"), consequence=consequence)

    @action(description=_("Try it"), url_path="try-it", permissions=["read"], icon="science")
    def try_rules(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_decision_try_it"))

    @action(description=_("Calendar"), url_path="calendar", permissions=["read"], icon="calendar_month")
    def calendar(self, request: HttpRequest) -> HttpResponse:
        """What runs when, over some months."""
        now = timezone.now()
        today = local_date(now, programme.zone(now=now))
        begin = _month(request.GET.get("from", "")) or today.replace(day=1)
        months = [add_months(begin, n) for n in range(MONTHS_DRAWN + 1)]
        within = rules.Span(begin, months[-1] - timedelta(days=1))
        undated = "all" in request.GET
        called = selectors.names()
        lines = [
            (line, STATES[line.state], selectors.in_short(line.version.said, fact=line.version.rule.fact, called=called))
            for line in selectors.calendar(within=within, undated=undated, now=now)
        ]
        heads = rules.bars([rules.Span(first, following - timedelta(days=1)) for first, following in pairwise(months)], within)
        page = {
            "title": _("What runs when"), "lines": lines, "undated": undated,
            "heads": [(head, date_format(head.span.first, "YEAR_MONTH_FORMAT")) for head in heads],
            "today": rules.bars([rules.Span(today, today)], within)[0] if begin <= today <= within.last else None,
            "earlier": add_months(begin, -MONTHS_DRAWN), "later": months[-1], "begin": begin,
            "back": reverse("admin:points_rule_changelist"),
        }  # fmt: skip
        return TemplateResponse(request, "admin/points/rule/calendar.html", self._page(request, **page))


MONTHS_DRAWN = 4


def _month(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
    except ValueError:
        return None


def _wrong(version: RuleVersion, now: datetime) -> list[tuple[str, str]]:
    """What keeps a draft from being published: where, and why."""
    problems = selectors.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=now)
    labels = _labels(version) if problems else {}
    return [(labels.get(one.place, ""), selectors.sentence(one)) for one in problems]


def _labels(version: RuleVersion) -> dict[str, str]:
    form = DefinitionForm(said=version.said, fact=version.rule.fact)
    labels = {place: str(field.label) for place, field in form.fields.items()}
    for table, (names, title) in TABLES.items():
        labels[table] = str(title)
        for row in range(form.row_counts[table]):
            labels |= {(place := f"{table}.{row}.{name}"): f"{title} {row + 1}, {labels[place]}" for name in names}
    return labels


VERSION_FIELDS = [
    ("note",), ("effective_from", "effective_until"), ("made_by", "made_at"), ("submitted_by", "submitted_at"), ("published_by", "published_at"),
    ("retired_by", "retired_at"), ("retire_reason",), ("simulated_percent", "simulated_at"),
]  # fmt: skip


@admin.register(RuleVersion)
class RuleVersionAdmin(RulebookAdmin):
    """Found by way of its rule."""

    actions_detail = [
        "edit",
        "submit",
        "publish",
        "send_back",
        "retire",
        "try_it",
        "simulate",
        {"title": _("More"), "items": ["new_version", "compare", "duplicate", "drop"]},
    ]
    change_form_before_template = "admin/points/ruleversion/told.html"

    def get_fields(self, request: HttpRequest, obj: RuleVersion | None = None) -> list[Any]:
        """What is known of it by now."""
        return [names for names in VERSION_FIELDS if any(getattr(obj, name) not in (None, "") for name in names)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleVersion]:
        return super().get_queryset(request).select_related("rule")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:points_rule_changelist"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        raise PermissionDenied

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        version = RuleVersion.objects.filter(pk=object_id).first()
        offered = {"new-version", "compare", "try-it", "duplicate"} | {
            Status.DRAFT: {"edit", "submit", "publish", "drop"},
            Status.SUBMITTED: {"publish", "send-back"},
            Status.PUBLISHED: {"retire"},
        }.get(Status(version.status) if version else Status.RETIRED, set())
        state = selectors.state(version, now=timezone.now()) if version else ""
        if state == "over":
            offered -= {"retire"}
        if state in ("draft", "submitted", "coming"):
            offered |= {"try-on-history"}
        return [one for one in super().get_actions_detail(request, object_id) if one.path in offered]

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        version, now = get_object_or_404(self.get_queryset(request), pk=object_id), timezone.now()
        state = selectors.state(version, now=now)
        told = {
            "title": str(version), "version": version, "state": STATES[state], "colour": STATE_COLOURS[state], "words": in_words(version),
            "wrong": _wrong(version, now) if version.status in (Status.DRAFT, Status.SUBMITTED) else [],
            "fact": fact_label(version.rule.fact, selectors.names()),
        }  # fmt: skip
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **told})

    def _named(self, object_id: str) -> RuleVersion:
        return get_object_or_404(RuleVersion.objects.select_related("rule"), pk=object_id)

    @action(description=_("Edit"), url_path="edit", permissions=["draft"], icon="edit", variant=ActionVariant.PRIMARY)
    def edit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def save(form: DefinitionForm, named: Mapping[str, Any]) -> RuleVersion:
            said = {"definition": form.definition, "note": form.cleaned_data["note"]}
            return services.edit(version_id=version.id, **said, actor=operator_name(request), now=timezone.now())

        version = self._named(object_id)
        if version.status != Status.DRAFT:
            messages.warning(request, services.VersionDecided.title)
            return HttpResponseRedirect(version_page(version))
        about = {"code": version.rule.code, "fact": version.rule.fact, "note": version.note, "draft": version}
        return self._form(request, said=version.said, **about, save=save, title=str(version), back=version_page(version))

    @action(description=_("New version from this"), url_path="new-version", permissions=["draft"], icon="add")
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self._named(object_id)
        return self._draft(request, version, back=version_page(version))

    @action(description=_("Duplicate as a new rule"), url_path="duplicate", permissions=["duplicate"], icon="content_copy")
    def duplicate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self._named(object_id)
        return self._duplicate(request, version, back=version_page(version))

    @action(description=_("Submit"), url_path="submit", permissions=["draft"], icon="send")
    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.submit(version_id=version.id, actor=operator_name(request), now=timezone.now())
            return _("Submitted: it waits to be published.")

        version = self._named(object_id)
        consequence = _("It is handed to whoever publishes rules. Until it is published or sent back, nobody edits it.")
        return self._ask(request, version, act, title=_("Submit"), consequence=consequence)

    @action(description=_("Send back"), url_path="send-back", permissions=["publish"], icon="undo")
    def send_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.send_back(version_id=version.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("Sent back: it is a draft again.")

        version = self._named(object_id)
        consequence = _("It becomes a draft again, for its maker to change. The reason is kept in the audit trail.")
        return self._ask(request, version, act, with_reason=True, title=_("Send back"), consequence=consequence)

    @action(description=_("Publish"), url_path="publish", permissions=["publish"], icon="publish", variant=ActionVariant.PRIMARY)
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            done = services.publish(version_id=version.id, **asked, actor=operator_name(request), now=timezone.now())
            return _("%(version)s is in force from %(moment)s on.") % {"version": done, "moment": _moment(done.effective_from)}

        version, now = self._named(object_id), timezone.now()
        before = next((one for one in version.rule.versions.all() if selectors.state(one, now=now) == "in_force"), None)
        notes = [*self._gate(version, operator_name(request)), *_mind(version, now)]
        context = {"sides": _sides(before, version, now), "notes": notes, "wrong": _wrong(version, now)}
        consequence = _("From then on facts are decided by this version. It never changes again; another one can take its place.")
        return self._ask(request, version, act, PublishForm(_sent(request)), title=_("Publish"), consequence=consequence, context=context)

    def _gate(self, version: RuleVersion, actor: str) -> Iterator[str]:
        """What the settings say about who may publish it, and why."""
        terms = selectors.settings()
        if terms.second_person == EarningSettings.SecondPerson.COSTLY:
            figures = {"percent": version.simulated_percent, "gate": terms.gate_percent}
            if version.simulated_percent is None:
                yield gettext("It was not simulated since it was last changed.")
            else:
                yield gettext("The simulation shows %(percent)s %% of cost against before; the gate is +%(gate)s %%.") % figures
        if services.needs_second_person(version):
            if actor in (version.made_by, version.submitted_by):
                yield gettext("A second person must publish it: somebody other than you, who made or submitted it.")
            else:
                yield gettext("You are the second person: %(maker)s has made it.") % {"maker": version.made_by}

    @action(description=_("Retire"), url_path="retire", permissions=["publish"], icon="archive")
    def retire(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            done = services.retire(version_id=version.id, **asked, actor=operator_name(request), now=timezone.now())
            return _("%(version)s decides nothing from %(moment)s on.") % {"version": done, "moment": _moment(done.effective_until)}

        version = self._named(object_id)
        consequence = _("From then on it decides nothing, unless another version is published. What it has given stays, and refunds still know it.")
        return self._ask(request, version, act, RetireForm(_sent(request)), title=_("Retire"), consequence=consequence, danger=True)

    @action(description=_("Throw away"), url_path="drop", permissions=["draft"], icon="delete")
    def drop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.drop(version_id=version.id, actor=operator_name(request), now=timezone.now())
            return _("The draft is gone.")

        version = self._named(object_id)
        alone = not version.rule.versions.exclude(id=version.id).exists()
        consequence = _("The draft is lost, and with it the rule, which has no other version.") if alone else _("The draft is lost. Other versions stay.")
        done = reverse("admin:points_rule_changelist") if alone else rule_page(version.rule)
        return self._ask(request, version, act, title=_("Throw away"), consequence=consequence, danger=True, done=done)

    @action(description=_("Compare"), url_path="compare", permissions=["read"], icon="compare")
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version, now = self._named(object_id), timezone.now()
        others = [one for one in version.rule.versions.select_related("rule") if one.id != version.id]
        chosen = next((one for one in others if str(one.number) == request.GET.get("with")), None)
        other = chosen or selectors.telling(others, now=now)
        numbered = [(one.number, STATES[selectors.state(one, now=now)]) for one in others]
        page = {"title": str(version), "version": version, "other": other, "others": numbered, "back": version_page(version)}
        if other:
            page |= {"sides": _sides(other, version, now), "differing": _differing(other, version)}
        return TemplateResponse(request, "admin/points/ruleversion/compare.html", self._page(request, **page))

    @action(description=_("Try it"), url_path="try-it", permissions=["read"], icon="science")
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self._named(object_id)
        return HttpResponseRedirect(f"{reverse('admin:points_decision_try_it')}?fact={version.rule.fact}&version={version.id}")

    @action(description=_("Try on history"), url_path="try-on-history", permissions=["simulate"], icon="manage_history")
    def simulate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(f"{reverse('admin:points_simulation_add')}?version={self._named(object_id).id}")

    def _ask(
        self, request: HttpRequest, version: RuleVersion, act: Any, form: forms.Form | None = None, *, title: Any, context: Any = None, **page: Any
    ) -> HttpResponse:  # fmt: skip
        told = {"about": version, "words": in_words(version), **(context or {})}
        return self.ask(request, version, act, form, title=f"{title}: {version}", template="admin/points/ruleversion/ask.html", context=told, **page)


def _moment(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATETIME_FORMAT") if moment else gettext("ever")


def _mind(version: RuleVersion, now: datetime) -> Iterator[str]:
    """What keeps a version that is right from doing anything."""
    last = version.said.conditions.date_until
    if last and last < local_date(now, programme.zone(now=now)):
        yield gettext("Mind: its last day has passed, so it will give nothing.")
    kind = selectors.names().kinds.get(version.rule.fact)
    if kind and not kind.active:
        yield gettext("Mind: facts of this kind are not accepted now, so it will give nothing.")


def _sides(one: RuleVersion | None, other: RuleVersion, now: datetime) -> list[dict[str, Any]]:
    """Two versions side by side, what only one of them says being marked."""
    told = [in_words(version) if version else [] for version in (one, other)]
    return [
        {
            "version": version,
            "state": STATES[selectors.state(version, now=now)] if version else "",
            "words": [(sentence, sentence not in there) for sentence in here],
        }
        for version, here, there in zip((one, other), told, reversed(told), strict=True)
    ]


def _differing(one: RuleVersion, other: RuleVersion) -> list[tuple[str, str, str]]:
    """Field by field, what two versions say differently."""
    shown = [_as_shown(version) for version in (one, other)]
    labels = _labels(one) | _labels(other)
    places = dict.fromkeys([*shown[0], *shown[1]])
    told = [(labels.get(place, place), shown[0].get(place, ""), shown[1].get(place, "")) for place in places]
    return [row for row in told if row[1] != row[2]]


def _as_shown(version: RuleVersion) -> dict[str, str]:
    """What the form of a version shows in its fields and tables, as text."""
    form = DefinitionForm(said=version.said, fact=version.rule.fact)
    found = {}
    for place in form.fields:
        if place == "note" or any(place.startswith(f"{table}.") for table in TABLES):
            continue
        counts = not place.startswith("effect.") or place == "effect.kind" or place.removeprefix("effect.") in rules.PARTS[version.said.effect.kind]
        if counts and (text := _shown(form, place)):
            found[place] = text
    for table, count in form.row_counts.items():
        lines = [" · ".join(filter(None, (_cell(form, f"{table}.{row}.{name}") for name in TABLES[table][0]))) for row in range(count - SPARE_ROWS)]
        if lines:
            found[table] = "\n".join(lines)
    return found


def _cell(form: DefinitionForm, place: str) -> str:
    text = _shown(form, place)
    return f"{form.fields[place].label} {text}" if text else ""


def _shown(form: DefinitionForm, place: str) -> str:
    field, value = form.fields[place], form[place].value()
    if isinstance(field, forms.BooleanField):
        return gettext("yes") if value else gettext("no")
    if isinstance(field, forms.ChoiceField):
        chosen = value if isinstance(value, (list, tuple)) else [value]
        labels = {str(code): str(label) for code, label in field.choices if code != ""}
        return ", ".join(labels.get(str(one), str(one)) for one in chosen if one not in (None, ""))
    return "" if value is None else str(value)


class SettingsAdmin(ConfigurationAdmin):
    """A change of what decides: every process hears of it, and the audit trail keeps who made it."""

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _changed(request, form, f"{self.opts.model_name}/{obj.pk}")


def _changed(request: HttpRequest, form: forms.ModelForm, subject: str) -> None:
    figures = {name: str(form.cleaned_data[name]) for name in form.changed_data if name in form.cleaned_data}
    audit.record(actor=operator_name(request), verb="rulebook.set", subject=subject, figures=figures, now=timezone.now())
    services.changed_what_is_in_force()


@admin.register(EarningSettings)
class EarningSettingsAdmin(SettingsAdmin):
    fieldsets = [
        (_("Publishing rules"), {"fields": ["second_person", "gate_percent"]}),
        (_("How facts are decided"), {"fields": ["points_per_unit", "decision_days"]}),
    ]
    conditional_fields = {"gate_percent": "typeof second_person == 'undefined' || second_person == 'costly'"}


class SharedLimitForm(forms.ModelForm):
    over = forms.MultipleChoiceField(
        label=_("What counts"), widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text=_("What counts towards it, all of it together.")
    )  # fmt: skip

    class Meta:
        model = SharedLimit
        fields = ["code", "name_zh", "name_en", "over", "per", "points", "times", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "over" in self.fields:
            self.fields["over"].choices = [(code, over_label(code)) for code in (*OVER, *(kind for kind in selectors.names().kinds))]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("points") is None and given.get("times") is None and not {"points", "times"} & self.errors.keys():
            self.add_error("points", _("Limit the points, the times, or both."))
        for name in ("points", "times"):
            if given.get(name) == 0:
                self.add_error(name, _("Give at least 1."))
        return given


OVER = {"behaviours": _("all behaviours (everything but purchases)"), "purchases": _("all purchases"), "everything": _("everything")}


def over_label(code: str) -> str:
    return str(OVER.get(code) or fact_label(code, selectors.names()))


@admin.register(SharedLimit)
class SharedLimitAdmin(HistoryAdmin):
    form = SharedLimitForm
    list_display = ["name", "code", "over_what", "per", "points", "times", "active"]
    list_filter = ["active", "per"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", ("name_zh", "name_en"), "over", "per", ("points", "times"), "active"]
    actions = None

    @display(description=_("name"))
    def name(self, limit: SharedLimit) -> str:
        return limit.name

    @display(description=_("what counts"))
    def over_what(self, limit: SharedLimit) -> str:
        return ", ".join(over_label(code) for code in limit.over)

    def get_readonly_fields(self, request: HttpRequest, obj: SharedLimit | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """It is switched off instead: explanations go on naming it."""
        return False

    def save_model(self, request: HttpRequest, obj: SharedLimit, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        _changed(request, form, f"sharedlimit/{obj.code}")


class FestivalDaysInline(TabularInline):
    model = FestivalDays
    fields = ["first", "last"]

    # Who may change a festival may change its days.

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.view_festival")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_festival")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_festival")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_festival")

    def get_extra(self, request: HttpRequest, obj: Festival | None = None, **kwargs: Any) -> int:
        return 0 if obj else 1


@admin.register(Festival)
class FestivalAdmin(HistoryAdmin):
    """Its days move every year: add those of the next one in time."""

    list_display = ["name", "code", "next_days"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", ("name_zh", "name_en")]
    inlines = [FestivalDaysInline]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Festival]:
        return super().get_queryset(request).prefetch_related("days")

    @display(description=_("name"))
    def name(self, festival: Festival) -> str:
        return festival.name

    @display(description=_("next days"))
    def next_days(self, festival: Festival) -> str:
        today = local_date(timezone.now(), programme.zone(now=timezone.now()))
        return next((str(days) for days in festival.days.all() if days.last >= today), gettext("none"))

    def get_readonly_fields(self, request: HttpRequest, obj: Festival | None = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Festival | None = None) -> bool:
        """Not where a rule names it."""
        named = obj is not None and RuleVersion.objects.filter(definition__conditions__festival=obj.code).exists()
        return super().has_delete_permission(request, obj) and not named

    def save_related(self, request: HttpRequest, form: forms.ModelForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        _changed(request, form, f"festival/{form.instance.code}")

    def delete_model(self, request: HttpRequest, obj: Festival) -> None:
        super().delete_model(request, obj)
        audit.record(actor=operator_name(request), verb="rulebook.set", subject=f"festival/{obj.code}", reason="deleted", now=timezone.now())
        services.changed_what_is_in_force()
