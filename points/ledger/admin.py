from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from accounts.activity import selectors as activity
from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.screens import ReadOnlyAdmin, operator_name, page_link
from loyalty.lib.spreadsheets import lines
from loyalty.programme import selectors as programme
from points.terms import selectors as terms

from .models import Account, Allocation, Entry, Hold, Lot

EARNED, SPENT, NEITHER = "success", "warning", "info"
KIND_COLOURS = dict.fromkeys(Entry.Kind.values, NEITHER) | {
    Entry.Kind.EARN: EARNED, Entry.Kind.MATURE: EARNED, Entry.Kind.RESTORE: EARNED, Entry.Kind.TRANSFER_IN: EARNED, Entry.Kind.RELEASE: EARNED,
    Entry.Kind.SPEND: SPENT, Entry.Kind.CAPTURE: SPENT, Entry.Kind.TRANSFER_OUT: SPENT, Entry.Kind.CLAWBACK: "danger", Entry.Kind.EXPIRE: "danger",
    Entry.Kind.FORFEIT: "danger", Entry.Kind.FREEZE: "danger",
}  # fmt: skip


class BooksAdmin(ReadOnlyAdmin):
    """A page of the books. Lists are found by a member, and go by primary key: no question reads millions of rows."""

    search_fields = ["member"]
    search_help_text = _("A member's storefront id, or that id, a space and the beginning of a key or subject; or purchase/ and an order's id")
    searched: tuple[str, ...] = ()
    sortable_by = ()
    ordering = ["-pk"]
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("member")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        who, _blank, text = term.partition(" ")
        if who.startswith("purchase/") and not text:
            number = activity.number(external_id=who.split("/")[1])
            member_id, text = (number.member_id if number else None), who
        else:
            member_id = members.id_of(external_id=who)
        if member_id is None:
            return (queryset.filter(pk=_uuid(term)) if _uuid(term) else queryset.none()), False
        found = Q()
        for name in self.searched if text else ():
            found |= Q(**{f"{name}__startswith": text})
        return queryset.filter(found, member_id=member_id), False

    @display(description=_("member"))
    def whose(self, row: Any) -> str:
        return page_link("accounts_member", row.member_id, row.member.external_id)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@admin.register(Account)
class AccountAdmin(BooksAdmin):
    list_display = ["whose", "available", "held", "pending", "debt", "frozen"]
    list_display_links = None
    fields = ["whose", "available", "held", "pending", "debt", "frozen"]
    readonly_fields = ["whose"]
    search_help_text = _("A member's storefront id")


class ExportForm(forms.Form):
    since = forms.DateField(label=_("Booked from"), widget=UnfoldAdminDateWidget, help_text=_("The first business day."))
    until = forms.DateField(label=_("Booked until"), widget=UnfoldAdminDateWidget, help_text=_("The last business day, included."))
    member = forms.CharField(
        label=_("Member"), required=False, max_length=64, widget=UnfoldAdminTextInputWidget, help_text=_("The storefront's id. Empty: all members.")
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("since") and asked.get("until") and asked["since"] > asked["until"]:
            self.add_error("until", _("The last day lies before the first."))
        if asked.get("member") and members.id_of(external_id=asked["member"]) is None:
            self.add_error("member", _("There is no such member."))
        return asked


EXPORTED = (
    ("recorded_at", _("recorded")),
    ("occurred_at", _("happened")),
    ("member__external_id", _("member")),
    ("seq", _("number")),
    ("kind", _("kind")),
    ("points", _("points")),
    ("available_change", _("available ±")),
    ("held_change", _("held ±")),
    ("pending_change", _("pending ±")),
    ("debt_change", _("owed ±")),
    ("balance_after", _("available after")),
    ("waived", _("waived")),
    ("expires_at", _("expiry given")),
    ("lot_source", _("source")),
    ("lot_cost_centre", _("cost centre")),
    ("subject", _("about")),
    ("key", _("key")),
    ("actor", _("by")),
    ("reason", _("reason")),
    ("id", _("entry")),
    ("refers_to_id", _("refers to")),
)


def exported(*, since: datetime, until: datetime, member_id: UUID | None, zone: ZoneInfo) -> Iterator[Sequence[Any]]:
    """The entries booked in that time, the oldest first, as rows for finance; read a part at a time by a cursor on the server."""
    made = Lot.objects.filter(member_id=OuterRef("member_id"), entry_id=OuterRef("id"))
    entries = Entry.objects.filter(recorded_at__gte=since, recorded_at__lt=until)
    if member_id:
        entries = entries.filter(member_id=member_id)
    entries = entries.annotate(lot_source=Subquery(made.values("source")[:1]), lot_cost_centre=Subquery(made.values("cost_centre")[:1]))
    rows = entries.order_by("recorded_at", "id").values_list(*(name for name, _title in EXPORTED))
    for row in rows.iterator(chunk_size=2000):
        yield [value.astimezone(zone).isoformat() if isinstance(value, datetime) else str(value) if isinstance(value, UUID) else value for value in row]


@admin.register(Entry)
class EntryAdmin(BooksAdmin):
    list_display = ["shown", "whose", "state", "points", "moved", "balance_after", "subject", "by", "occurred_at", "recorded_at"]
    list_filter = ["kind", "recorded_at"]
    searched = ("key", "subject")
    fieldsets = [
        (None, {"fields": ["whose", "seq", "kind", "points", "why", "waived", "subject", "key", "by", "reason", "occurred_at", "recorded_at"]}),
        (_("What it moved"), {"fields": ["available_change", "held_change", "pending_change", "debt_change", "balance_after"]}),
        (_("Lots and other entries"), {"fields": ["allocated", "made", "about", "followed", "expires_at"]}),
    ]
    readonly_fields = ["whose", "why", "by", "allocated", "made", "about", "followed"]
    actions_list = ["export"]

    @display(description=_("entry"))
    def shown(self, entry: Entry) -> str:
        return f"#{entry.seq}"

    @display(description=_("kind"), label=KIND_COLOURS)
    def state(self, entry: Entry) -> tuple[str, str]:
        return entry.kind, entry.get_kind_display()

    @display(description=_("available ±"))
    def moved(self, entry: Entry) -> str:
        return f"{entry.available_change:+,}" if entry.available_change else ""

    @display(description=_("explanation"))
    def why(self, entry: Entry) -> str:
        return format_html('<a class="console-link" href="{}">{}</a>', reverse("admin:points_decision_explain", args=[entry.id]), gettext("why"))

    @display(description=_("lots it took from or gave back to"))
    def allocated(self, entry: Entry) -> str:
        taken = (
            Allocation.objects.filter(member_id=entry.member_id, entry_id=entry.id).select_related("lot").order_by("lot__expires_at", "lot__earned_at")[:100]
        )
        head = format_html("<tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr>", gettext("lot"), gettext("expires"), gettext("taken"), gettext("held ±"))
        rows = [
            (page_link("points_lot", part.lot_id, part.lot.get_source_display()), _moment(part.lot.expires_at), f"{part.points:+,}", f"{part.held:+,}")
            for part in taken
        ]
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html('<table class="console-table">{}{}</table>', head, body) if rows else gettext("none")

    @display(description=_("lots it made"))
    def made(self, entry: Entry) -> str:
        lots = Lot.objects.filter(member_id=entry.member_id, entry_id=entry.id)[:100]
        named = ((page_link("points_lot", lot.id, f"{lot.get_source_display()} {lot.original:,}"),) for lot in lots)
        return format_html_join(", ", "{}", named) or gettext("none")

    @display(description=_("refers to"))
    def about(self, entry: Entry) -> str:
        return page_link("points_entry", entry.refers_to_id, entry.refers_to) if entry.refers_to else gettext("none")

    @display(description=_("later entries about it"))
    def followed(self, entry: Entry) -> str:
        later = Entry.objects.filter(member_id=entry.member_id, refers_to_id=entry.id).order_by("seq")[:100]
        return format_html_join(", ", "{}", ((page_link("points_entry", one.id, one),) for one in later)) or gettext("none")

    def has_export_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("points.export_entry")

    @action(description=_("Export as CSV"), permissions=["export"], icon="download")
    def export(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        zone = programme.zone(now=now)
        today = local_date(now, zone)
        form = ExportForm(request.POST or None, initial={"since": today.replace(day=1), "until": today})
        if form.is_valid():
            return self._download(request, form.cleaned_data, zone=zone, now=now)
        page = {**self.admin_site.each_context(request), "opts": self.opts, "title": _("Export entries as CSV"), "form": form, "button": _("Export")}
        consequence = _("Every entry booked in these days, one a line, times in the programme's zone. That you exported them is kept in the audit trail.")
        back = reverse("admin:points_entry_changelist")
        return TemplateResponse(request, "admin/confirm.html", {**page, "consequence": consequence, "back": back, "media": form.media})

    def _download(self, request: HttpRequest, asked: Mapping[str, Any], *, zone: ZoneInfo, now: datetime) -> HttpResponse:
        figures = {"since": str(asked["since"]), "until": str(asked["until"]), "member": asked["member"]}
        audit.record(actor=operator_name(request), verb="ledger.exported", subject="ledger", figures=figures, now=now)
        member_id = members.id_of(external_id=asked["member"]) if asked["member"] else None
        rows = exported(since=start_of_day(asked["since"], zone), until=end_of_day(asked["until"], zone), member_id=member_id, zone=zone)
        titles = [str(title) for _name, title in EXPORTED]
        response = StreamingHttpResponse(lines(titles, rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="entries_{asked["since"]}_{asked["until"]}.csv"'
        return response


def _moment(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}" if moment else gettext("never")


@admin.register(Lot)
class LotAdmin(BooksAdmin):
    list_display = ["shown", "whose", "source", "original", "remaining", "held", "earned_at", "available_at", "expires_at", "term"]
    list_filter = ["source", "is_pending", "earned_at"]
    search_help_text = _("A member's storefront id")
    fieldsets = [
        (None, {"fields": ["whose", "source", "original", "remaining", "held", "is_pending", "cost_centre"]}),
        (_("Time"), {"fields": ["earned_at", "matures_at", "available_at", "expires_at", "term"]}),
        (_("Why, and where it went"), {"fields": ["made_by", "rule_version", "allocated"]}),
    ]
    readonly_fields = ["whose", "made_by", "allocated", "term"]

    @display(description=_("lot"))
    def shown(self, lot: Lot) -> str:
        return str(lot)

    @display(description=_("terms"))
    def term(self, lot: Lot) -> str:
        return terms.in_words(lot.terms)

    @display(description=_("made by"))
    def made_by(self, lot: Lot) -> str:
        return page_link("points_entry", lot.entry_id, lot.entry)

    @display(description=_("entries that took from it or gave back"))
    def allocated(self, lot: Lot) -> str:
        taken = Allocation.objects.filter(member_id=lot.member_id, lot_id=lot.id).select_related("entry").order_by("entry__seq")[:100]
        rows = [(page_link("points_entry", part.entry_id, part.entry), f"{part.points:+,}", f"{part.held:+,}") for part in taken]
        head = format_html("<tr><th>{}</th><th>{}</th><th>{}</th></tr>", gettext("entry"), gettext("taken"), gettext("held ±"))
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html('<table class="console-table">{}{}</table>', head, body) if rows else gettext("none")


@admin.register(Hold)
class HoldAdmin(BooksAdmin):
    list_display = ["shown", "whose", "state", "points", "captured", "subject", "created_at", "expires_at", "settled_at"]
    list_filter = ["status", "created_at"]
    searched = ("subject",)
    fields = ["whose", "status", "points", "captured", "subject", "made_by", "created_at", "expires_at", "settled_at"]
    readonly_fields = ["whose", "made_by"]

    @display(description=_("hold"))
    def shown(self, hold: Hold) -> str:
        return str(hold.id)[:8]

    @display(
        description=_("status"),
        label={Hold.Status.OPEN: "info", Hold.Status.CAPTURED: "success", Hold.Status.RELEASED: "warning", Hold.Status.LAPSED: "danger"},
    )
    def state(self, hold: Hold) -> tuple[str, str]:
        return hold.status, hold.get_status_display()

    @display(description=_("made by"))
    def made_by(self, hold: Hold) -> str:
        return page_link("points_entry", hold.entry_id, hold.entry)
