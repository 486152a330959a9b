from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.activity import rules as activity
from accounts.activity import selectors as facts
from accounts.activity.models import Behaviour, FactKind
from accounts.members import selectors as members
from loyalty.lib.expressions import ExpressionInvalid
from loyalty.lib.ids import new_id
from loyalty.lib.localtime import local_date
from loyalty.lib.money import minor_digits, to_cents
from loyalty.lib.screens import page_link
from loyalty.programme import selectors as programme
from points.ledger.admin import BooksAdmin
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE, RuleVersion

from . import rules, selectors
from .models import Decision, Grant, Offer

SPARE_LINES, MOST_LINES = 3, 50
LINE = ("category", "brand", "sku", "quantity", "amount", "cost")


def _text(label: Any, help_text: Any = "", most: int = 200) -> forms.Field:
    return forms.CharField(label=label, help_text=help_text, required=False, max_length=most, widget=UnfoldAdminTextInputWidget)


class TryForm(forms.Form):
    """A member and a fact made up. `trial` is what they come to."""

    member = _text(_("Member"), _("The storefront’s id. Empty: somebody new."), 64)
    occurred_at = forms.SplitDateTimeField(
        label=_("When"), required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text=_("Empty: now. By the programme’s clock.")
    )  # fmt: skip
    version = forms.TypedChoiceField(
        label=_("Also with"), required=False, coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget,
        help_text=_("A version that is not in force, in the place of the one that is."),
    )  # fmt: skip

    def __init__(self, data: Any = None, *, fact: str, kind: FactKind | None, now: datetime) -> None:
        super().__init__(data)
        self.fact, self.kind, self.now, self.line_count = fact, kind, now, 0
        self.versions = {one.id: one for one in rulebook.not_in_force(fact=fact, now=now)}
        self.fields["version"].choices = [("", "—"), *((one.id, str(one)) for one in self.versions.values())]
        if kind is None:
            self._ask_for_a_cart()
        else:
            for field in kind.shape:
                self.fields[f"data.{field.name}"] = _field_of(field)

    def _ask_for_a_cart(self) -> None:
        currency = programme.programme().currency or "CNY"
        money = {"required": False, "min_value": 0, "max_digits": 12, "decimal_places": minor_digits(currency), "widget": UnfoldAdminDecimalFieldWidget}
        self.fields["channel"] = _text(_("Channel"), _("As the storefront names it: app, web."), 40)
        asked = self.data.get("lines", "")
        self.line_count = min(int(asked), MOST_LINES) if asked.isdecimal() else SPARE_LINES
        if "more" in self.data:
            self.line_count = min(self.line_count + SPARE_LINES, MOST_LINES)
        made = {
            "category": lambda: _text(_("category")),
            "brand": lambda: _text(_("brand"), most=100),
            "sku": lambda: _text(_("SKU"), most=100),
            "quantity": lambda: forms.IntegerField(label=_("quantity"), required=False, min_value=0, initial=1, widget=UnfoldAdminIntegerFieldWidget),
            "amount": lambda: forms.DecimalField(label=_("amount"), **money),
            "cost": lambda: forms.DecimalField(label=_("cost"), **money),
        }
        for line in range(self.line_count):
            for name in LINE:
                self.fields[f"line.{line}.{name}"] = made[name]()

    def clean_member(self) -> UUID | None:
        given = self.cleaned_data["member"].strip()
        found = members.id_of(external_id=given) if given else None
        if given and found is None:
            raise forms.ValidationError(_("There is no member of that id."))
        return found

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if self.kind is None:
            if not self.errors and not self._lines():
                self.add_error("line.0.amount", _("Give at least one line an amount."))
            return asked
        data = {name: asked[f"data.{name}"] for name in (field.name for field in self.kind.shape) if asked.get(f"data.{name}") not in (None, "")}
        try:
            self.told = facts.checked(kind=self.kind, data=data)
        except facts.FactDataInvalid as refusal:
            for name, sentence in refusal.figures["fields"].items():
                if f"data.{name}" not in self.errors:
                    self.add_error(f"data.{name}", sentence)
        return asked

    def _lines(self) -> list[activity.Line]:
        currency, asked = programme.programme().currency or "CNY", self.cleaned_data
        found = []
        for n in range(self.line_count):
            line = {name: asked.get(f"line.{n}.{name}") for name in LINE}
            if line["amount"] is not None:
                cost = None if line["cost"] is None else to_cents(line["cost"], currency)
                named = {name: line[name] for name in ("sku", "category", "brand")}
                quantity = 1 if line["quantity"] is None else line["quantity"]
                found.append(activity.Line(str(n + 1), **named, quantity=quantity, amount_cents=to_cents(line["amount"], currency), cost_cents=cost))
        return found

    @property
    def trial(self) -> "Trial":
        """A new id each time, so that what is random is drawn anew."""
        asked, name = self.cleaned_data, str(new_id())
        at = asked["occurred_at"] or self.now
        if self.kind is None:
            lines = self._lines()
            paid = sum(line.amount_cents for line in lines)
            purchase = activity.Purchase(name, at, programme.programme().currency or "CNY", paid, tuple(lines), channel=asked["channel"])
            fact = selectors.purchase_fact(purchase)
        else:
            day = local_date(at, programme.zone(now=at))
            behaviour = Behaviour(kind=self.kind, external_id=name, occurred_at=at, local_date=day, data=self.told)
            fact = selectors.behaviour_fact(behaviour)
        return Trial(asked["member"], fact, at, self.versions.get(asked["version"]))

    def head(self) -> list[BoundField]:
        return [field for field in self if not field.name.startswith("line.")]

    def lines(self) -> list[list[BoundField]]:
        return [[self[f"line.{line}.{name}"] for name in LINE] for line in range(self.line_count)]


def _field_of(field: activity.Field) -> forms.Field:
    """How a field of a kind of fact is asked for; whether the answer is good, the kind itself says."""
    told: dict[str, Any] = {"label": field.name, "help_text": _(field.help) if field.help else "", "required": False}
    if field.choices:
        return forms.ChoiceField(**told, choices=[("", "—"), *((one, one) for one in field.choices)], widget=UnfoldAdminSelectWidget)
    if field.type == "number":
        return forms.IntegerField(**told, widget=UnfoldAdminIntegerFieldWidget)
    if field.type == "flag":
        return forms.BooleanField(**told, widget=UnfoldBooleanWidget)
    return forms.CharField(**told, max_length=500, widget=UnfoldAdminTextInputWidget)


@dataclass(frozen=True)
class Trial:
    """Who is to have done what, when; `version`: what is tried in the place of what is in force."""

    member_id: UUID | None
    fact: rules.Fact
    at: datetime
    version: RuleVersion | None

    def decision(self, *, with_version: bool, now: datetime) -> Decision:
        """What would be decided. Raises ExpressionInvalid."""
        drafts = selectors.instead(self.version, at=self.at) if with_version and self.version else None
        return selectors.would_be(member_id=self.member_id, fact=self.fact, occurred_at=self.at, drafts=drafts, now=now)


class TryIt:
    """A page on which rules are tried: a member and a fact in, the decision out; nothing is written. For the admin of decisions."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_it)  # type: ignore[attr-defined]
        return [path("try-it/", view, name="points_decision_try_it"), *super().get_urls()]  # type: ignore[misc]

    def tell(self, decision: Decision) -> Any:
        """A decision as people read it."""
        raise NotImplementedError

    def try_it(self, request: HttpRequest) -> HttpResponse:
        if not (self.has_view_permission(request) and request.user.has_perm("accounts.view_member")):  # type: ignore[attr-defined]
            raise PermissionDenied
        now, kinds = timezone.now(), facts.fact_kinds()
        fact = request.GET.get("fact", PURCHASE)
        kind = kinds.get(fact)
        fact = fact if kind else PURCHASE
        form = TryForm(request.GET if "member" in request.GET else None, fact=fact, kind=kind, now=now)
        form.fields["version"].initial = request.GET.get("version")
        named = [(PURCHASE, _("Purchase")), *((code, one.name) for code, one in kinds.items() if one.active)]
        page: Mapping[str, Any] = {
            **self.admin_site.each_context(request), "opts": self.opts, "title": _("Try it"), "form": form, "fact": fact, "kinds": named, "sides": None,  # type: ignore[attr-defined]
        }  # fmt: skip
        if "more" not in request.GET and form.is_valid():
            page = {**page, "sides": list(self._sides(form.trial, now))}
        return TemplateResponse(request, "admin/points/decision/try_it.html", page)

    def _sides(self, trial: Trial, now: datetime) -> Any:
        yield {"title": _("As it is"), "told": self.tell(trial.decision(with_version=False, now=now))}
        if trial.version is None:
            return
        version = trial.version
        problems = rulebook.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=now)
        try:
            told = self.tell(trial.decision(with_version=True, now=now))
        except ExpressionInvalid:
            told = None
        yield {"title": version, "told": told, "wrong": [("", rulebook.sentence(one)) for one in problems]}


@admin.register(Offer)
class OfferAdmin(BooksAdmin):
    """What members had or have to claim. They claim it themselves; operators only look."""

    list_display = ["shown", "whose", "rule", "state", "worth", "claim_until"]
    list_filter = ["status", "claim_until"]
    searched = ("decision__subject",)
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of what it is about")
    fields = ["whose", "about", "rule_version", "stands", "points", "taken_back", "claim_until", "claimed"]
    readonly_fields = ["whose", "about", "stands", "claimed"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).filter(claim_until__isnull=False).select_related("member", "decision", "rule_version__rule", "entry")

    @display(description=_("about"))
    def shown(self, grant: Grant) -> str:
        return grant.decision.subject

    @display(description=_("about"))
    def about(self, grant: Grant) -> str:
        return page_link("points_decision", grant.decision_id, grant.decision)

    @display(description=_("rule"))
    def rule(self, grant: Grant) -> str:
        return grant.rule_version.rule.name

    @display(
        description=_("status"),
        label={Grant.Status.OFFERED: "info", Grant.Status.GRANTED: "success", Grant.Status.LAPSED: "warning", Grant.Status.WITHDRAWN: "danger"},
    )
    def state(self, grant: Grant) -> tuple[str, Any]:
        status = Grant.Status(selectors.status_at(grant, now=timezone.now()))
        return status, status.label

    @display(description=_("status"))
    def stands(self, grant: Grant) -> Any:
        return self.state(grant)[1]

    @display(description=_("points"))
    def worth(self, grant: Grant) -> str:
        return f"{grant.left:,}"

    @display(description=_("claimed with"))
    def claimed(self, grant: Grant) -> Any:
        return grant.entry and page_link("points_entry", grant.entry_id, grant.entry)
