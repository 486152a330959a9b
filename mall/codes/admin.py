import hashlib
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.members import selectors as members
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, ReadOnlyAdmin, operator_name, page_link
from mall.redemptions.admin import titled

from . import rules, selectors, services
from .models import Code, CodeImport, CodePool

STATES = {
    "free": (_("free"), "info"), "reserved": (_("waits for payment"), "warning"), "handed": (_("handed out"), "success"), "voided": (_("voided"), "danger"),
    "over": (_("past its last day"), "warning"),
}  # fmt: skip
STATE_COLOURS = {name: colour for name, (_title, colour) in STATES.items()}
FAULTS_SHOWN, NUMBERS_SHOWN = 50, 20


class FileForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,text/csv"}),
        help_text=_("CSV in UTF-8 or GB18030, as spreadsheets save it; commas, semicolons or tabs; at most 100,000 lines and 5 MB."),
    )
    mark = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean_file(self) -> bytes:
        file = self.cleaned_data["file"]
        content: bytes = file.read(rules.MOST_BYTES + 1)
        return content

    def mark_of_file(self) -> str:
        """Tells whether what is taken in is what was checked."""
        return hashlib.sha256(self.cleaned_data["file"]).hexdigest()


def as_shown(report: selectors.Report) -> dict[str, Any]:
    """A report as the page shows it: how many lines are left out why, and the first of them with their sentence."""
    kinds = []
    for code, lines in report.by_kind.items():
        more = "…" if len(lines) > NUMBERS_SHOWN else ""
        kinds.append((KINDS[code], len(lines), ", ".join(map(str, lines[:NUMBERS_SHOWN])) + more))
    shown = [(fault.line, selectors.sentence(fault)) for fault in report.faults if fault.code != "there"]
    return {"new": len(report.rows), "kinds": kinds, "faults": shown[:FAULTS_SHOWN], "more": max(len(shown) - FAULTS_SHOWN, 0)}


# What is wrong, as a heading.
KINDS = {
    "there": _("there already"), "twice": _("twice in the file"), "empty": _("empty"), "too_long": _("too long"), "unreadable": _("unreadable"),
    "rounded": _("rounded by a spreadsheet"), "day": _("last day unreadable"), "over": _("over already"),
}  # fmt: skip


@admin.register(CodePool)
class CodePoolAdmin(HistoryAdmin):
    list_display = ["code", "named", "how_many", "low_water", "low_since"]
    search_fields = ["code", "name_zh", "name_en"]
    fields = ["code", "name_zh", "name_en", "text_zh", "text_en", "low_water", "standing"]
    actions = None
    explanation = _("Codes that somebody else honours, bought in advance: a reward of that kind names its pool, and who redeems it gets one.")
    actions_detail = ["take_in", "see_codes", "see_imports"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[CodePool]:
        return selectors.pools(now=timezone.now())

    def get_readonly_fields(self, request: HttpRequest, obj: CodePool | None = None) -> list[str]:
        return ["code", "standing"] if obj else ["standing"]

    def get_fields(self, request: HttpRequest, obj: CodePool | None = None) -> list[str]:
        return self.fields if obj else self.fields[:-1]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_take_in_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.add_codeimport")

    def has_see_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("mall.view_code")

    @display(description=_("name"))
    def named(self, pool: CodePool) -> str:
        return pool.name

    @display(description=_("left"), label={"low": "danger", "enough": "success"})
    def how_many(self, pool: Any) -> tuple[str, str]:
        return ("low" if pool.left <= pool.low_water else "enough"), _left(pool.left)

    @display(description=_("how it stands"))
    def standing(self, pool: CodePool) -> str:
        found = selectors.standing(pool=pool.code, now=timezone.now())
        return ", ".join(f"{title} {found[name]:,}" for name, (title, _colour) in STATES.items())

    def response_add(self, request: HttpRequest, obj: CodePool, post_url_continue: Any = None) -> HttpResponse:
        """A new pool is empty: what comes next is a file."""
        if "_addanother" in request.POST or "_continue" in request.POST or not self.has_take_in_permission(request):
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("The pool is there. Now its codes."))
        return HttpResponseRedirect(reverse("admin:mall_codepool_take_in", args=[obj.pk]))

    @action(description=_("Take in codes"), url_path="take-in", permissions=["take_in"], icon="upload_file", variant=ActionVariant.PRIMARY)
    def take_in(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file is checked first. Who sends it to be taken in sends what was checked: it is not kept in between."""
        pool = get_object_or_404(CodePool, pk=object_id)
        if not self.has_take_in_permission(request):
            raise PermissionDenied
        form = FileForm(request.POST, request.FILES) if request.method == "POST" else FileForm()
        back = reverse("admin:mall_codepool_change", args=[pool.pk])
        page = {**self.admin_site.each_context(request), "opts": self.opts, "object": pool, "original": pool, "title": _("Take in codes"), "back": back}
        if form.is_valid():
            content, mark = form.cleaned_data["file"], form.mark_of_file()
            about = {"pool": pool.code, "content": content, "now": timezone.now()}
            try:
                if "apply" in request.POST and form.cleaned_data["mark"] == mark:
                    with transaction.atomic():
                        made = services.take_in(**about, file_name=request.FILES["file"].name or "", actor=operator_name(request))
                    said = ngettext("%(count)s code was taken in.", "%(count)s codes were taken in.", made.added) % {"count": f"{made.added:,}"}
                    messages.success(request, said)
                    return HttpResponseRedirect(back)
                page |= {"report": as_shown(selectors.check(**about)), "mark": mark, "changed": "apply" in request.POST}
            except BusinessError as refusal:
                form.add_error("file", refusal.message)
        return TemplateResponse(request, "admin/mall/codepool/take_in.html", {**page, "form": form})

    @action(description=_("Its codes"), url_path="codes", permissions=["see"], icon="list")
    def see_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:mall_code_changelist") + f"?pool__code__exact={object_id}")

    @action(description=_("Its imports"), url_path="imports", permissions=["see"], icon="history")
    def see_imports(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:mall_codeimport_changelist") + f"?pool__code__exact={object_id}")


def _left(count: int) -> str:
    return f"{selectors.COUNTED:,}+" if count > selectors.COUNTED else f"{count:,}"


@admin.register(CodeImport)
class CodeImportAdmin(ReadOnlyAdmin):
    list_display = ["at", "pool", "file_name", "added", "there", "faulty", "actor", "voided", "withdrawn_at"]
    list_filter = ["pool"]
    list_select_related = ["pool"]
    sortable_by = ()
    fields = ["pool", "at", "actor", "file_name", "digest", "added", "there", "faulty", "voided", "withdrawn_at", "withdrawn_by", "reason"]
    actions_detail = ["withdraw"]

    def has_withdraw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.withdraw_codeimport")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The button stands where there is something to withdraw; who finds another way to it is told by the verb."""
        row = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if row and selectors.free_of(row).exists() else []

    @action(description=_("Withdraw"), url_path="withdraw", permissions=["withdraw"], icon="undo")
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            done = services.withdraw(import_id=row.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return ngettext("%(count)s code was voided.", "%(count)s codes were voided.", done.voided) % {"count": f"{done.voided:,}"}

        row = self.found(request, object_id)
        free = selectors.free_of(row).count()
        said = gettext("%(count)s codes of it that nobody has are voided, and cannot be taken in again. What members have stays theirs. This cannot be undone.")
        return self.ask(request, row, act, with_reason=True, title=_("Withdraw import"), consequence=said % {"count": f"{free:,}"}, danger=True)


class StateFilter(admin.SimpleListFilter):
    title, parameter_name = _("status"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _colour) in STATES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Code]) -> QuerySet[Code]:
        return queryset.filter(selectors.in_state(self.value(), now=timezone.now())) if self.value() in STATES else queryset


@admin.register(Code)
class CodeAdmin(ReadOnlyAdmin):
    """Never shows a code whole, to whoever may do whatever. It is found by its whole text."""

    list_display = ["masked", "pool", "state", "expires_at", "whose", "handed_at", "voided_at"]
    list_display_links = ["masked"]
    list_filter = ["pool", StateFilter]
    list_select_related = ["pool", "member"]
    search_fields = ["value"]
    search_help_text = _("A whole code, or a member's storefront id")
    sortable_by = ()
    ordering = ["-id"]
    fieldsets = [
        (None, {"fields": ["masked", "pool", "stands", "expires_at", "taken_in_by"]}),
        (_("What became of it"), {"fields": ["whose", "redeemed", "handed_at", "voided_at", "why"]}),
    ]
    readonly_fields = ["masked", "stands", "taken_in_by", "whose", "redeemed", "why"]
    actions_detail = ["replace"]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Code], search_term: str) -> tuple[QuerySet[Code], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # By pool and value, which an index knows; pools are few.
        found = list(Code.objects.filter(pool__in=list(CodePool.objects.values_list("code", flat=True)), value=term).values_list("id", flat=True))
        member_id = None if found else members.id_of(external_id=term)
        return (queryset.filter(member_id=member_id) if member_id else queryset.filter(id__in=found)), False

    def has_replace_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("mall.replace_code")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The button stands where it can do something now; who finds another way to it is told by the verb."""
        code = self.get_object(request, object_id)
        return super().get_actions_detail(request, object_id) if code and code.handed_at and not code.voided_at else []

    @display(description=_("redemption code"))
    def masked(self, code: Code) -> str:
        return rules.masked(code.value)

    @display(description=_("status"), label=STATE_COLOURS)
    def state(self, code: Code) -> tuple[str, Any]:
        name = selectors.state_of(code, now=timezone.now())
        return name, STATES[name][0]

    @display(description=_("status"))
    def stands(self, code: Code) -> Any:
        return self.state(code)[1]

    @display(description=_("member"))
    def whose(self, code: Code) -> str:
        return page_link("accounts_member", code.member_id, code.member) if code.member_id else ""

    @display(description=_("redemption"))
    def redeemed(self, code: Code) -> str:
        return page_link("mall_redemption", code.redemption_id, titled(code.redemption)) if code.redemption else ""

    @display(description=_("import"))
    def taken_in_by(self, code: Code) -> str:
        return page_link("mall_codeimport", code.batch_id, f"{code.batch.at:%Y-%m-%d} {code.batch.file_name}".strip())

    @display(description=_("voided because"))
    def why(self, code: Code) -> str:
        return gettext("its redemption came back") if code.voided_for == services.RETURNED else code.voided_for

    @action(description=_("Replace"), url_path="replace", permissions=["replace"], icon="swap_horiz")
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.replace(member_id=code.member_id, code_id=code.id, reason=asked["reason"], actor=operator_name(request), now=timezone.now())
            return _("The member has another code now.")

        code = self.found(request, object_id)
        said = gettext("%(code)s is voided, and %(member)s gets another code of the same pool in its place. This cannot be undone.")
        figures = {"code": rules.masked(code.value), "member": code.member or "–"}
        return self.ask(request, code, act, with_reason=True, title=_("Replace code"), consequence=said % figures, danger=True)
