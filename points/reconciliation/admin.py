from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.members import selectors as members
from loyalty.lib.screens import ReadOnlyAdmin, operator_name, page_link
from points.ledger.admin import BooksAdmin

from . import services
from .models import Finding, ReconciliationRound

# What each invariant of the audit is about.
SENTENCES = {
    1: _("The balance is not what the entries, lots and holds add up to."),
    2: _("A lot is not what its movements make of it."),
    3: _("More was taken or given back than there was."),
    4: _("Points were not taken in the order in which they expire, or after they had expired."),
    5: _("One key had two effects."),
    6: _("A clawback or a debt was not borne as it must be."),
    7: _("An expiry is not what was promised."),
    8: _("A hold was settled wrongly, or points are owed while some are available."),
    9: _("The entries do not rebuild what is stored."),
}


@admin.register(Finding)
class FindingAdmin(BooksAdmin):
    """Whose books do not balance. Nothing is repaired from here: find out why, correct it by an act with its own entry, then close."""

    list_display = ["about", "whose", "state", "breach_count", "frozen", "found_at", "seen_at"]
    list_filter = ["status", "found_at"]
    search_help_text = _("A member's storefront id")
    fields = ["whose", "status", "found_at", "seen_at", "frozen", "wrong", "closed_at", "closed_by", "reason"]
    readonly_fields = ["whose", "wrong"]
    actions_detail = ["close"]

    def get_queryset(self, request: HttpRequest) -> Any:
        # Without the member's row, which may be what is missing.
        return ReadOnlyAdmin.get_queryset(self, request)

    @display(description=_("what is wrong"))
    def about(self, finding: Finding) -> str:
        return str(SENTENCES[finding.breaches[0]["invariant"]])

    @display(description=_("member"))
    def whose(self, finding: Finding) -> str:
        name = members.external_ids_of([finding.member_id]).get(finding.member_id)
        if name is None:
            return str(finding.member_id)
        return page_link("accounts_member", finding.member_id, name)

    @display(description=_("status"), label={Finding.Status.OPEN: "danger", Finding.Status.CLOSED: "success"})
    def state(self, finding: Finding) -> tuple[str, str]:
        return finding.status, finding.get_status_display()

    @display(description=_("what is wrong"))
    def wrong(self, finding: Finding) -> str:
        head = [gettext("what is wrong"), gettext("where"), gettext("expected"), gettext("found")]
        rows = [(SENTENCES[one["invariant"]], one["what"], one["expected"], one["found"]) for one in finding.breaches]
        table = '<table class="console-table"><tr><th>{}</th><th>{}</th><th>{}</th><th>{}</th></tr>{}</table>'
        return format_html(table, *head, format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows))

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.close_finding")

    @action(description=_("Close the finding"), permissions=["close"], icon="task_alt")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            services.close(finding_id=finding.id, actor=operator_name(request), reason=asked["reason"], now=timezone.now())
            return _("Closed. If the account is frozen, it stays so until somebody unfreezes it on the member's page.")

        finding = self.found(request, object_id)
        consequence = _(
            "Say what was the matter and what was done about it. If the books still do not balance tonight, a new finding is opened and freezes again."
        )
        return self.ask(request, finding, act, with_reason=True, title=_("Close the finding"), consequence=consequence)


@admin.register(ReconciliationRound)
class ReconciliationRoundAdmin(ReadOnlyAdmin):
    list_display = ["started_at", "finished_at", "accounts", "entries", "found"]
