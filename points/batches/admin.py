from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.audit import selectors as trail
from loyalty.audit import services as audit
from loyalty.lib import spreadsheets
from loyalty.lib.ids import new_id
from loyalty.lib.money import minor_digits, show
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import ReadOnlyAdmin, operator_name, page_link
from loyalty.programme import selectors as programme
from points.ledger.models import Entry
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE, RuleVersion
from points.terms.selectors import in_words
from tiers.ladder import selectors as ladders

from . import rules, selectors, services
from .models import Batch, BatchLine

Kind, Status, LineStatus = Batch.Kind, Batch.Status, BatchLine.Status
STATUS_COLOURS = {
    Status.CHECKED: "info", Status.SUBMITTED: "warning", Status.REFUSED: "danger", Status.APPLYING: "info", Status.APPLIED: "success",
    Status.STOPPED: "danger", Status.REVERSAL_ASKED: "warning", Status.REVERSING: "info", Status.REVERSED: "warning",
}  # fmt: skip
LINE_COLOURS = {
    LineStatus.FAULTY: "danger", LineStatus.READY: "info", LineStatus.APPLIED: "success", LineStatus.REFUSED: "danger", LineStatus.REVERSED: "warning",
    LineStatus.KEPT: "danger",
}  # fmt: skip
STEPS = {
    "uploaded": _("file taken in"), "checked": _("checked"), "submitted": _("submitted"), "withdrawn": _("withdrawn"), "approved": _("approved"),
    "refused": _("refused"), "paused": _("paused"), "resumed": _("resumed"), "stopped": _("stopped"), "applied": _("applied"),
    "reversal_asked": _("reversal asked for"), "reversal_approved": _("reversal approved"), "reversal_dropped": _("reversal dropped"),
    "reversed": _("reversed"),
}  # fmt: skip
BUTTONS = {
    "submit": _("Submit to a second person"), "approve": _("Approve"), "refuse": _("Refuse"), "withdraw": _("Withdraw"), "resume": _("Resume"),
    "pause": _("Pause"), "stop": _("Stop for good"), "reverse": _("Ask to have it reversed"), "approve_reversal": _("Approve the reversal"),
    "drop_reversal": _("Drop the reversal"),
}  # fmt: skip
FILE_HELP = _(
    "CSV in UTF-8 or GB18030, as spreadsheets save it; commas, semicolons or tabs; at most 200,000 lines and 20 MB. The first line names the columns."
)
VERSIONS_SHOWN, SAMPLE = 200, 20


def _money(points: int, points_per_unit: int) -> str:
    currency = programme.programme().currency or "CNY"
    return show(points * 10 ** minor_digits(currency) // points_per_unit, currency, get_language() or "en")


class UploadForm(forms.Form):
    """`key` is made with the form, so that a form sent twice is one batch."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label=_("What it is"),
        choices=[
            (Kind.GRANT, _("A grant: points for members, as a make-good")),
            (Kind.CORRECTION, _("A correction: points with a sign, given or taken")),
            (Kind.IMPORT, _("Opening balances: points brought over, with the day on which they were earned")),
        ],
        widget=UnfoldAdminSelectWidget(attrs={"x-model": "kind"}),
    )
    file = forms.FileField(label=_("File"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,text/csv"}), help_text=FILE_HELP)
    shortfall = forms.ChoiceField(
        label=_("Where a member has too few points"),
        choices=Batch.Shortfall.choices,
        initial=Batch.Shortfall.REFUSE,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Only for lines that take points."),
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Why it is right. It stands on each entry whose line gives no reason of its own."),
    )  # fmt: skip
    cost_centre = forms.CharField(
        label=_("Cost centre"), required=False, max_length=50, widget=UnfoldAdminTextInputWidget, help_text=_("For lines that name none."),
    )  # fmt: skip

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if (file.size or 0) > rules.MOST_BYTES:
            raise forms.ValidationError(services.FileTooLarge.title)
        return file


class VictimsForm(forms.Form):
    """Whom something happened to; and, to make a batch of them, what they get for it."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    about = forms.ChoiceField(
        label=_("What happened"),
        choices=[
            ("facts", _("a kind of fact: they bought, or did something")),
            ("decisions", _("a version of a rule decided about them")),
            ("entries", _("a kind of entry was booked for them")),
        ],
        widget=UnfoldAdminSelectWidget(attrs={"x-model": "about"}),
    )
    fact = forms.ChoiceField(label=_("Kind of fact"), required=False, widget=UnfoldAdminSelectWidget)
    version = forms.TypedChoiceField(label=_("Version"), required=False, coerce=int, empty_value=None, widget=UnfoldAdminSelectWidget)
    entry = forms.ChoiceField(label=_("Kind of entry"), required=False, choices=Entry.Kind.choices, widget=UnfoldAdminSelectWidget)
    since = forms.SplitDateTimeField(
        label=_("From this moment"), widget=UnfoldAdminSplitDateTimeWidget, help_text=_("Facts by when they happened, all else by when it was booked.")
    )
    until = forms.SplitDateTimeField(label=_("To before this moment"), widget=UnfoldAdminSplitDateTimeWidget)
    granted = forms.ChoiceField(
        label=_("Points by it"),
        choices=[("any", _("whether or not")), ("some", _("points were granted")), ("none", _("nothing was granted"))],
        widget=UnfoldAdminSelectWidget,
        help_text=_("Of a version, nothing: facts that it was there to answer, and that it gave nothing for."),
    )
    category = forms.CharField(label=_("Category"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget, help_text=_("Of goods bought."))
    tier = forms.ChoiceField(label=_("Tier today"), required=False, widget=UnfoldAdminSelectWidget)
    segment = forms.ChoiceField(label=_("Segment"), required=False, widget=UnfoldAdminSelectWidget)
    way = forms.ChoiceField(
        label=_("What they get"),
        choices=[("each", _("so many points each")), ("times", _("so many points each time")), ("percent", _("a percentage of the points they got"))],
        widget=UnfoldAdminSelectWidget,
        help_text=_("As a percentage, 100 gives the same again and −100 takes it back."),
    )
    number = forms.IntegerField(
        label=_("Points, or percent"), min_value=-rules.MOST_POINTS, max_value=rules.MOST_POINTS, widget=UnfoldAdminIntegerFieldWidget, initial=100,
        help_text=_("Below zero takes points: that becomes a correction."),
    )  # fmt: skip
    shortfall = UploadForm.base_fields["shortfall"]
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text=_("Needed to make a batch of it.")
    )
    cost_centre = forms.CharField(label=_("Cost centre"), required=False, max_length=50, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        kinds = [(code, kind.name) for code, kind in sorted(facts.fact_kinds().items())]
        self.fields["fact"].choices = [(PURCHASE, gettext("purchase")), *kinds]
        published = RuleVersion.objects.select_related("rule").filter(status__in=RuleVersion.FINAL).order_by("-published_at", "-id")[:VERSIONS_SHOWN]
        self.fields["version"].choices = [("", "—"), *((one.id, str(one)) for one in published)]
        self.fields["tier"].choices = [("", "—"), *((step.code, step.name(get_language() or "")) for step in ladders.ladder())]
        self.fields["segment"].choices = [("", "—"), *((one.code, one.name) for one in segments.segments())]

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("about") == "decisions" and not asked.get("version"):
            self.add_error("version", _("Which version?"))
        if asked.get("since") and asked.get("until") and asked["since"] >= asked["until"]:
            self.add_error("until", _("The end lies before the beginning."))
        if asked.get("number") == 0:
            self.add_error("number", selectors.FAULTS["points_zero"])
        if "make" in self.data and not (asked.get("reason") or "").strip():
            self.add_error("reason", services.ReasonMissing.title)
        return asked

    def query(self) -> selectors.Query:
        asked = self.cleaned_data
        kind = {"facts": asked["fact"] or PURCHASE, "entries": asked["entry"], "decisions": ""}[asked["about"]]
        category = asked["category"].strip() if asked["about"] == "facts" and kind == PURCHASE else ""
        granted = asked["granted"] if asked["about"] != "entries" else "any"
        return selectors.Query(asked["about"], kind, asked["version"], asked["since"], asked["until"], granted, category, asked["tier"], asked["segment"])

    def suggestion(self) -> rules.Suggestion:
        return rules.Suggestion(self.cleaned_data["way"], self.cleaned_data["number"])


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ["named", "stands", "given_and_taken", "how_many", "made_by", "made_at", "decided_by"]
    list_display_links = ["named"]
    list_filter = ["status", "kind", "made_at"]
    list_select_related = ["made_by", "decided_by"]
    explanation = _(
        "Points for many members at once, from a file. What it would do is shown line by line before anything is booked, and a second person decides."
    )
    sortable_by = ()
    show_add_link = False
    actions_list = ["upload_file", "find_victims"]
    actions_detail = ["submit", "withdraw", "approve", "refuse", "pause", "resume", "stop", "reverse", "approve_reversal", "drop_reversal"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.add_batch")

    def has_make_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.decide_batch")

    def has_steer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) or self.has_decide_permission(request)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("victims/", self.admin_site.admin_view(self.victims), name="points_batch_victims"),
            path("empty/<slug:kind>.csv", self.admin_site.admin_view(self.empty_table), name="points_batch_empty"),
            path("<uuid:object_id>/<slug:which>.csv", self.admin_site.admin_view(self.download), name="points_batch_download"),
            *super().get_urls(),
        ]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [Case(When(status__in=[Status.SUBMITTED, Status.REVERSAL_ASKED], then=0), default=1), "-id"]

    @action(description=_("Upload a file"), permissions=["make"], icon="upload_file", variant=ActionVariant.PRIMARY)
    def upload_file(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_batch_add"))

    @action(description=_("Find whom a fault has hit"), permissions=["make"], icon="person_search")
    def find_victims(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:points_batch_victims"))

    @display(description=_("batch"))
    def named(self, row: Batch) -> str:
        return str(row)

    @display(description=_("status"), label=STATUS_COLOURS)
    def stands(self, row: Batch) -> tuple[str, str]:
        return row.status, _stand(row)

    @display(description=_("points"))
    def given_and_taken(self, row: Batch) -> str:
        if not row.result:
            return ""
        parts = [f"+{row.result['given']:,}" if row.result["given"] else "", f"−{row.result['taken']:,}" if row.result["taken"] else ""]
        return " ".join(part for part in parts if part) or "0"

    @display(description=_("members"))
    def how_many(self, row: Batch) -> str:
        return f"{row.result['members']:,}" if row.result else ""

    # Making one.

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None, initial={"key": new_id(), "kind": Kind.GRANT})
        if form.is_valid():
            asked = form.cleaned_data
            file = asked.pop("file")
            try:
                with transaction.atomic():
                    said = {"content": file.chunks(), "file_name": file.name or "", "operator_id": request.user.pk, "now": timezone.now()}
                    row = services.upload(**asked, **said)
                    audit.wake(job="points.work_batches")
            except BusinessError as refusal:
                form.add_error("file", refusal.message)
            else:
                return HttpResponseRedirect(_page_of(row))
        page = {"form": form, "kind": form["kind"].value(), "back": reverse("admin:points_batch_changelist")}
        page["columns"] = [(kind, *([selectors.called(one) for one in named[kind]] for named in (rules.COLUMNS, rules.NEEDED))) for kind in Kind.values]
        return TemplateResponse(request, "admin/points/batch/upload.html", self._page(request, title=_("Upload a file"), **page))

    def empty_table(self, request: HttpRequest, kind: str) -> HttpResponse:
        if not self.has_add_permission(request) or kind not in rules.COLUMNS:
            raise PermissionDenied
        return _csv(f"{kind}.csv", [selectors.called(one) for one in rules.COLUMNS[kind]], ())

    def victims(self, request: HttpRequest) -> HttpResponse:
        """Look for whom something happened to, download them, or make a batch of them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()
        begun = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        initial = {"key": new_id(), "about": "facts", "since": begun - timedelta(days=1), "until": begun, "granted": "any", "way": "each"}
        form = VictimsForm(request.POST or None, initial=initial)
        page = {"form": form, "about": form["about"].value(), "back": reverse("admin:points_batch_changelist")}
        if form.is_valid():
            try:
                found = selectors.victims(form.query(), now=now)
                if "download" in request.POST:
                    return self._download_victims(request, form.query(), found)
                if "make" in request.POST:
                    return self._compensate(request, form, found)
            except BusinessError as refusal:
                form.add_error(None, refusal.message)
            else:
                page |= self._found(form, found)
        return TemplateResponse(request, "admin/points/batch/victims.html", self._page(request, title=_("Whom a fault has hit"), **page))

    def _found(self, form: VictimsForm, found: list[selectors.Victim]) -> dict[str, Any]:
        suggestion, per_unit = form.suggestion(), rulebook.rulebook().points_per_unit
        points = [suggestion.points(times=one.times, got=one.got) for one in found]
        sample = [(ref, times, got, suggestion.points(times=times, got=got)) for ref, times, got in selectors.as_rows(found[:SAMPLE])]
        said = {"found": found, "members": len(found), "times": sum(one.times for one in found), "got": sum(one.got for one in found), "sample": sample}
        return {
            **said,
            "total": sum(points),
            "nothing": sum(not one for one in points),
            "worth": _money(abs(sum(points)), per_unit),
            "more": len(found) - SAMPLE,
        }

    def _compensate(self, request: HttpRequest, form: VictimsForm, found: list[selectors.Victim]) -> HttpResponse:
        asked = form.cleaned_data
        with transaction.atomic():
            row = services.compensate(
                found=found, query=form.query(), suggestion=form.suggestion(), shortfall=asked["shortfall"], reason=asked["reason"],
                cost_centre=asked["cost_centre"], operator_id=request.user.pk, key=asked["key"], now=timezone.now(),
            )  # fmt: skip
            audit.wake(job="points.work_batches")
        return HttpResponseRedirect(_page_of(row))

    def _download_victims(self, request: HttpRequest, query: selectors.Query, found: list[selectors.Victim]) -> HttpResponse:
        audit.record(actor=operator_name(request), verb="batch.victims_downloaded", subject="batch", figures=query.as_json(), now=timezone.now())
        return _csv("victims.csv", [gettext("member"), gettext("times"), gettext("points")], selectors.as_rows(found))

    # Looking.

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """What the dry run found, how far it has come, what has become of it; and what can be done with it now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._row(object_id)
        working = row.status in Batch.WORKED_ON
        same = selectors.same_file(row) if row.status in (Status.CHECKED, Status.SUBMITTED) else []
        page = {
            "row": row, "original": row, "working": working and not row.paused_at,
            "colour": STATUS_COLOURS.get(Status(row.status), "info"), "stand": _stand(row),
            "offered": self._offered(request, row), "same": same, "lines_page": f"{reverse('admin:points_batchline_changelist')}?batch={row.id}",
            "steps": [(one, STEPS.get(one.verb.removeprefix("batch."), one.verb)) for one in trail.about(subject=f"batch/{row.id}")],
            "shows_progress": working and row.status != Status.UPLOADED,
            "takes": bool(row.result and row.result["taken"]),
            "own": row.made_by_id == request.user.pk,
        }  # fmt: skip
        if row.result:
            page |= self._result(row)
        return TemplateResponse(request, "admin/points/batch/batch.html", self._page(request, title=str(row), **page))

    def _result(self, row: Batch) -> dict[str, Any]:
        result, per_unit = row.result, row.result["points_per_unit"]
        repeated = selectors.lines_of(row, [numbers[0] for numbers in result["repeated"]])
        said = {numbers[0]: numbers for numbers in result["repeated"]}
        faults = [(selectors.said_in_general(code), count) for code, count in result["faults"].items()]
        return {
            "result": result,
            "worth": {"given": _money(result["given"], per_unit), "taken": _money(result["taken"], per_unit)},
            "fault_kinds": faults,
            "largest": selectors.lines_of(row, result["largest"]),
            "repeated": [(line, said[line.number]) for line in repeated],
            "done": {name: (getattr(row, name), _money(getattr(row, name), per_unit)) for name in ("given", "taken", "owed", "waived")},
        }

    def _offered(self, request: HttpRequest, row: Batch) -> list[dict[str, Any]]:
        """The buttons that can do something now; who finds another way to them is told by the verb."""
        add, decide, me = self.has_add_permission(request), self.has_decide_permission(request), request.user.pk
        own, moving = row.made_by_id == me, row.status in (Status.APPLYING, Status.REVERSING)
        undecided = (Status.UPLOADED, Status.CHECKING, Status.CHECKED, Status.SUBMITTED)
        can = {
            "submit": row.status == Status.CHECKED and own and add and row.ready,
            "approve": row.status == Status.SUBMITTED and not own and decide,
            "refuse": row.status == Status.SUBMITTED and not own and decide,
            "withdraw": row.status in undecided and own and add,
            "resume": row.paused_at and row.status in Batch.WORKED_ON and (add or decide),
            "pause": moving and not row.paused_at and (add or decide),
            "stop": row.status == Status.APPLYING and (add or decide),
            "reverse": row.status in (Status.APPLIED, Status.STOPPED) and row.applied_lines and (add or decide),
            "approve_reversal": row.status == Status.REVERSAL_ASKED and row.reversal_by_id != me and decide,
            "drop_reversal": row.status == Status.REVERSAL_ASKED and (row.reversal_by_id == me or decide),
        }
        first = ("submit", "approve", "resume", "approve_reversal")
        return [
            {"name": BUTTONS[name], "url": reverse(f"admin:points_batch_{name}", args=[row.id]), "first": name in first} for name, one in can.items() if one
        ]

    def download(self, request: HttpRequest, object_id: UUID, which: str) -> HttpResponse:
        if not self.has_view_permission(request) or which not in ("faulty", "lines"):
            raise PermissionDenied
        row, faulty = self._row(str(object_id)), which == "faulty"
        audit.record(actor=operator_name(request), verb=f"batch.{which}_downloaded", subject=f"batch/{row.id}", now=timezone.now())
        return _csv(f"batch_{which}_{row.made_at:%Y%m%d}.csv", selectors.header(row, faulty=faulty), selectors.downloaded(row, faulty=faulty))

    # Deciding.

    @action(description=BUTTONS["submit"], url_path="submit", permissions=["make"], icon="send")
    def submit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(object_id)
        said = gettext("%(lines)s go to a second person, who finds them on the overview. Faulty lines are left out.") % {"lines": _lines(row.ready)}
        return self._ask(request, row, services.submit, said, done=_("It waits for a second person now."))

    @action(description=BUTTONS["withdraw"], url_path="withdraw", permissions=["make"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("You take your own batch back. Nothing is booked.")
        return self._ask(request, self._row(object_id), services.withdraw, said, done=_("Withdrawn. Nothing was booked."))

    @action(description=BUTTONS["approve"], url_path="approve", permissions=["decide"], icon="check")
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(object_id)
        result = row.result or {"members": 0, "given": 0, "taken": 0, "points_per_unit": 100}
        said = gettext("%(who)s asks for it: “%(reason)s”. It is booked line by line, and can be paused and stopped. Undoing it needs two persons again.") % {
            "who": row.made_by, "reason": row.reason,
        }  # fmt: skip
        shown = [(_("members"), f"{result['members']:,}"), (_("lines"), f"{row.ready:,}")]
        shown += [
            (title, f"{result[name]:,} ({_money(result[name], result['points_per_unit'])})")
            for name, title in (("given", _("points given")), ("taken", _("points taken")))
            if result[name]
        ]
        return self._ask(request, row, services.approve, said, done=_("Approved. It is being applied."), figures=shown, wakes=True)

    @action(description=BUTTONS["refuse"], url_path="refuse", permissions=["decide"], icon="block")
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("Nothing is booked. Who made it sees your reason.")
        return self._ask(request, self._row(object_id), services.refuse, said, done=_("Refused. Nothing was booked."), reason=True, danger=True)

    @action(description=BUTTONS["pause"], url_path="pause", permissions=["steer"], icon="pause")
    def pause(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("Nothing more of it is booked until somebody resumes it.")
        return self._ask(request, self._row(object_id), services.pause, said, done=_("Paused."))

    @action(description=BUTTONS["resume"], url_path="resume", permissions=["steer"], icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("It goes on where it was.")
        return self._ask(request, self._row(object_id), services.resume, said, done=_("It goes on."), wakes=True)

    @action(description=BUTTONS["stop"], url_path="stop", permissions=["steer"], icon="stop")
    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(object_id)
        said = gettext("%(done)s of %(all)s lines are applied. They stay; the rest never will be. What was applied can be reversed afterwards.") % {
            "done": f"{row.applied_lines:,}", "all": f"{row.ready:,}",
        }  # fmt: skip
        return self._ask(request, row, services.stop, said, done=_("Stopped."), reason=True, danger=True)

    @action(description=BUTTONS["reverse"], url_path="reverse", permissions=["steer"], icon="undo")
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("A second person has to approve it. This is what it would do now; by then members may have spent more.")
        done = _("The reversal waits for a second person now.")
        row = self._row(object_id)
        return self._ask(request, row, services.ask_reversal, said, done=done, figures=_reversal(row), reason=True, danger=True)

    @action(description=BUTTONS["approve_reversal"], url_path="approve_reversal", permissions=["decide"], icon="check")
    def approve_reversal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._row(object_id)
        said = gettext("%(who)s asks for it: “%(reason)s”. A reversal cannot be reversed.") % {"who": row.reversal_by, "reason": row.reversal_reason}
        done = _("Approved. It is being reversed.")
        return self._ask(request, row, services.approve_reversal, said, done=done, figures=_reversal(row), danger=True, wakes=True)

    @action(description=BUTTONS["drop_reversal"], url_path="drop_reversal", permissions=["steer"], icon="block")
    def drop_reversal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        said = gettext("Everything stays as it was booked.")
        return self._ask(request, self._row(object_id), services.drop_reversal, said, done=_("The batch stays as it is."), reason=True)

    def _ask(
        self, request: HttpRequest, row: Batch, verb: Any, consequence: str, *, done: Any, reason: bool = False, danger: bool = False, wakes: bool = False,
        figures: Any = (),
    ) -> HttpResponse:  # fmt: skip
        def act(asked: Mapping[str, Any]) -> Any:
            verb(batch_id=row.id, operator_id=request.user.pk, **asked, now=timezone.now())
            if wakes:
                audit.wake(job="points.work_batches")
            return done

        name = request.path.rstrip("/").rpartition("/")[2]
        if not any(one["url"] == request.path for one in self._offered(request, row)) and request.method == "GET":
            messages.warning(request, services.BatchMovedOn.title)
            return HttpResponseRedirect(_page_of(row))
        said = {"title": BUTTONS[name], "consequence": consequence, "danger": danger, "context": {"figures": figures}}
        return self.ask(request, row, act, with_reason=reason, template="admin/points/batch/ask.html", **said)

    def _row(self, object_id: str | None) -> Batch:
        try:
            return selectors.batch(UUID(object_id))
        except (ValueError, selectors.BatchUnknown) as error:
            raise Http404 from error

    def _page(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "has_view_permission": True, **more}


def _page_of(row: Batch) -> str:
    return reverse("admin:points_batch_change", args=[row.id])


def _stand(row: Batch) -> str:
    if row.paused_at:
        return gettext("paused at %(percent)s %%") % {"percent": row.percent}
    if row.status in (Status.CHECKING, Status.APPLYING, Status.REVERSING):
        return f"{row.get_status_display()} {row.percent} %"
    return str(row.get_status_display())


def _lines(count: int) -> str:
    return ngettext("%(count)s line", "%(count)s lines", count) % {"count": f"{count:,}"}


def _reversal(row: Batch) -> list[tuple[Any, str]]:
    """What reversing it now would do, for the page that asks before it."""
    told = selectors.reversal(row, now=timezone.now())
    per_unit = (row.result or {"points_per_unit": 100})["points_per_unit"]
    owed = f"{told.debt:,} ({_money(told.debt, per_unit)})"
    if told.owing:
        owed += " " + ngettext("of %(count)s member", "of %(count)s members", told.owing) % {"count": f"{told.owing:,}"}
    rows = [
        (_("lines"), f"{told.lines:,}"),
        (_("taken back from what remains of these points"), f"{told.remain:,}"),
        (_("held or spent meanwhile, taken from other points"), f"{told.used - told.debt:,}"),
        (_("spent meanwhile, becomes debt"), owed),
        (_("expired meanwhile, waived"), f"{told.expired:,}"),
        (_("given back of what was taken"), f"{told.back:,}"),
    ]
    return rows if told.back else rows[:-1]


def _csv(name: str, header: Any, rows: Any) -> HttpResponse:
    response = StreamingHttpResponse(spreadsheets.lines(header, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@admin.register(BatchLine)
class BatchLineAdmin(ReadOnlyAdmin):
    """Found by way of a batch."""

    list_display = ["number", "whose", "signed", "before", "afterwards", "good_until", "said", "stands"]
    list_display_links = None
    list_filter = ["status"]
    list_select_related = ["member"]
    search_fields = ["member"]
    search_help_text = _("A member's storefront id")
    sortable_by = ()
    ordering = ["number"]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            batch = selectors.batch(UUID(request.GET.get("batch", "")))
        except (ValueError, selectors.BatchUnknown):
            return HttpResponseRedirect(reverse("admin:points_batch_changelist"))
        told = gettext("Every line, with what the member had and has afterwards, as it was checked.")
        said = format_html('{} <a class="console-link" href="{}">{}</a>', told, _page_of(batch), batch)
        return super().changelist_view(request, {**(extra_context or {}), "explanation": said})

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # There is no page of one; none can be added either.
        if not object_id:
            raise PermissionDenied
        raise Http404

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[BatchLine], search_term: str) -> tuple[QuerySet[BatchLine], bool]:
        term = search_term.strip()
        return (queryset.filter(member_id=members.id_of(external_id=term)) if term else queryset), False

    @display(description=_("member"))
    def whose(self, line: BatchLine) -> str:
        if line.member_id is None:
            return str((line.cells or {}).get("member", ""))
        return page_link("accounts_member", line.member_id, line.member)

    @display(description=_("points"))
    def signed(self, line: BatchLine) -> str:
        return f"{line.points:+,}" if line.points is not None else str((line.cells or {}).get("points", ""))

    @display(description=_("afterwards"))
    def afterwards(self, line: BatchLine) -> str:
        return "" if line.after is None or line.status == LineStatus.FAULTY else f"{line.after:,}"

    @display(description=_("expires"))
    def good_until(self, line: BatchLine) -> str:
        return in_words(line.expiry) if line.expiry else ""

    @display(description=_("reason, or what is wrong"))
    def said(self, line: BatchLine) -> str:
        return " ".join(selectors.sentences(line.faults)) or line.reason

    @display(description=_("status"), label=LINE_COLOURS)
    def stands(self, line: BatchLine) -> tuple[str, str]:
        return line.status, line.get_status_display()
