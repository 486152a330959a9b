from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.activity import selectors as facts
from accounts.members.models import Member
from loyalty.lib import money
from loyalty.programme import selectors as programme
from points.earning.admin import TryIt
from points.earning.models import Decision
from points.ledger.admin import BooksAdmin
from points.ledger.models import Entry
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE

from . import selectors


class KindFilter(admin.SimpleListFilter):
    title, parameter_name = _("kind of fact"), "fact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(PURCHASE, gettext("purchase")), *((code, kind.name) for code, kind in sorted(facts.fact_kinds().items()))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Decision]) -> QuerySet[Decision]:
        return queryset.filter(fact=self.value()) if self.value() else queryset


class OutcomeFilter(admin.SimpleListFilter):
    title, parameter_name = _("outcome"), "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("nothing", _("no points given")), ("screened", _("refused by risk control"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Decision]) -> QuerySet[Decision]:
        match self.value():
            case "nothing":
                return queryset.filter(points=0)
            case "screened":
                return queryset.exclude(screened="")
        return queryset


@admin.register(Decision)
class DecisionAdmin(TryIt, BooksAdmin):
    """Every evaluation of a fact, zero awards included; and in the same words, why any entry is what it is."""

    list_display = ["subject", "whose", "given", "back", "screened", "occurred_at", "evaluated"]
    list_filter = [KindFilter, OutcomeFilter, "decided_at"]
    searched = ("subject",)
    search_help_text = _(
        "A member's storefront id, or that id, a space and the beginning of what it is about, like M-1 shared/; or purchase/ and an order's id"
    )

    def tell(self, decision: Decision) -> selectors.Told:
        return selectors.of_decision(decision, for_member=False, now=timezone.now())

    @display(description=_("points"))
    def given(self, decision: Decision) -> str:
        return f"{decision.points:,}"

    @display(description=_("taken back"))
    def back(self, decision: Decision) -> str:
        return f"{decision.taken_back:,}" if decision.taken_back else ""

    @display(description=_("evaluated"))
    def evaluated(self, decision: Decision) -> datetime:
        return decision.decided_at

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.explain)
        return [path("of-entry/<uuid:entry_id>/", view, name="points_decision_explain"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        decision = self.get_object(request, object_id)
        if decision is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        now = timezone.now()
        told = selectors.of_decision(decision, for_member=False, now=now)
        with override(_read_by(decision.member)):
            as_member = selectors.of_decision(decision, for_member=True, now=now).sentences
        return self._page(request, decision.member, told.sentences, as_member, told, title=decision.subject)

    def explain(self, request: HttpRequest, entry_id: UUID) -> HttpResponse:
        entry = Entry.objects.select_related("member").filter(pk=entry_id).first()
        if entry is None:
            raise Http404
        now = timezone.now()
        about = {"member_id": entry.member_id, "entry_id": entry.id, "now": now}
        explained = selectors.explain(**about, for_member=False)
        with override(_read_by(entry.member)):
            as_member = selectors.explain(**about, for_member=True).sentences
        return self._page(request, entry.member, explained.sentences, as_member, explained.told, title=str(entry), entry=entry)

    def _page(
        self, request: HttpRequest, member: Member, text: Sequence[str], as_member: Sequence[str], told: selectors.Told | None, **more: Any
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        currency, language = programme.programme().currency or "CNY", get_language() or "en"
        page = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "member": member,
            "text": text,
            "member_text": as_member,
            "told": told,
            "parts": [(part.category, money.show(part.basis_cents, currency, language), part.points) for part in told.parts] if told else [],
            "seen": list(_seen(told.decision)) if told else [],
            **more,
        }
        return TemplateResponse(request, "admin/points/decision/explanation.html", page)


def _read_by(member: Member) -> str:
    """The language in which the member reads, as far as it is known."""
    return member.language or get_language() or "en"


def _seen(decision: Decision) -> Iterator[tuple[Any, str]]:
    """What the decision saw of the fact, the member and the moment, as far as its rules asked."""
    given, called = decision.given, rulebook.names()

    def names(known: Any, codes: Sequence[str]) -> str:
        return ", ".join(known.get(code, code) for code in codes)

    celebrates = {"day": gettext("on that day"), "month": gettext("in that month")}
    rows = [
        (_("business day"), given.get("day", "")),
        (_("hour"), str(given.get("hour", ""))),
        (_("channel"), given.get("channel", "")),
        (_("tier"), names(called.tiers, [given["tier"]] if "tier" in given else [])),
        (_("sprint"), gettext("in the last days of the term") if given.get("sprint") else ""),
        (_("segments"), names(called.segments, given.get("segments", ()))),
        (_("registered"), given.get("registered", "")),
        (_("birthday"), celebrates.get(given.get("birthday", ""), "")),
        (_("purchases before"), str(given.get("purchases", "")) if decision.fact == PURCHASE else ""),
        (_("last purchase"), given.get("last", "")),
        *((category, day) for category, day in given.get("last_by", {}).items()),
        (_("festivals"), names(called.festivals, given.get("festivals", ()))),
        (_("cards"), names(called.things.get("card", {}), given.get("cards", ()))),
    ]
    behaviour = None
    if decision.fact != PURCHASE:
        name = decision.subject.removeprefix(f"{decision.fact}/")
        behaviour = facts.behaviour(member_id=decision.member_id, kind=decision.fact, external_id=name)
    yield from ((name, value) for name, value in rows if value)
    yield from ((name, str(value)) for name, value in (behaviour.said if behaviour else {}).items())
