from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from accounts.members.admin import OfMembersAdmin
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError
from loyalty.lib.screens import HistoryAdmin, ReasonForm, operator_name

from . import rules, selectors, services
from .models import Proof, ProofTask

Status = Proof.Status
STATUS_COLOURS = {Status.WAITING: "warning", Status.APPROVED: "success", Status.REFUSED: "danger", Status.WITHDRAWN: "info"}
EARLIER, COUNTED_AT_MOST = 10, 100


class RefusalForm(forms.Form):
    refusal = forms.ChoiceField(
        label=_("Why"),
        choices=[("", "—"), *((value, Proof.Refusal(value).label) for value in Proof.BY_HAND)],
        widget=UnfoldAdminSelectWidget,
        help_text=_("The member reads this sentence in their own language."),
    )
    reason = forms.CharField(
        label=_("In your words"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("The member reads this as well, as you write it. Needed where none of the sentences fits."),
    )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or {}
        if asked.get("refusal") == Proof.Refusal.OTHER and not asked.get("reason"):
            self.add_error("reason", services.ReasonMissing.title)
        return asked


class StatusFilter(admin.SimpleListFilter):
    """What waits, unless something else is asked for."""

    title, parameter_name = _("status"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [*Status.choices, ("all", _("all"))]

    def value(self) -> str:
        return super().value() or Status.WAITING

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        return ({"selected": self.value() == value, "query_string": f"?{self.parameter_name}={value}", "display": name} for value, name in self.lookup_choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Proof]) -> QuerySet[Proof]:
        return queryset if self.value() == "all" else queryset.filter(status=self.value())


@admin.register(Proof)
class ProofAdmin(OfMembersAdmin):
    """The queue, the oldest first, and one page to decide on each."""

    list_display = ["uploaded_at", "whose", "task_code", "state", "grade", "points", "refusal", "decided_by", "decided_at"]
    list_filter = [StatusFilter]
    sortable_by = ()

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("points.change_proof")

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["uploaded_at", "id"] if request.GET.get("state", Status.WAITING) == Status.WAITING else ["-id"]

    @display(description=_("status"), label=STATUS_COLOURS)
    def state(self, proof: Proof) -> tuple[str, str]:
        return proof.status, proof.get_status_display()

    def get_urls(self) -> list[URLPattern]:
        own = path("<uuid:proof_id>/withdraw/", self.admin_site.admin_view(self.withdraw), name="points_proof_withdraw")
        return [own, *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        proof = self.get_object(request, object_id)
        if proof is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, proof):
            raise PermissionDenied
        may_decide = self.has_decide_permission(request)
        refusal = RefusalForm(request.POST if "refuse" in request.POST else None)
        if request.method == "POST":
            if not may_decide:
                raise PermissionDenied
            if ("grade" in request.POST or refusal.is_valid()) and (done := self._decide(request, proof, refusal)):
                return done
            proof = selectors.get(proof.id)
        elif may_decide:
            proof = services.look(proof_id=proof.id, operator=operator_name(request), now=timezone.now())
        return TemplateResponse(request, "admin/points/proof/review.html", self._page(request, proof, refusal, may_decide))

    def _decide(self, request: HttpRequest, proof: Proof, refusal: RefusalForm) -> HttpResponse | None:
        """On to the next proof; None: a refusal, which stands above the page."""
        operator, now = operator_name(request), timezone.now()
        try:
            with transaction.atomic():
                if "grade" in request.POST:
                    decided = services.approve(proof_id=proof.id, grade=_number(request.POST["grade"]), operator=operator, now=now)
                else:
                    decided = services.refuse(
                        proof_id=proof.id,
                        refusal=Proof.Refusal(refusal.cleaned_data["refusal"]),
                        reason=refusal.cleaned_data["reason"],
                        operator=operator,
                        now=now,
                    )
        except BusinessError as refused:
            messages.error(request, refused.message)
            return None
        messages.success(request, self._report(decided))
        following = selectors.next_for(decided, operator=operator, now=now)
        if following is None:
            messages.info(request, _("No further proof waits for you."))
        return HttpResponseRedirect(_address(following.id) if following else reverse("admin:points_proof_changelist"))

    def _report(self, proof: Proof) -> str:
        if proof.status == Status.REFUSED:
            said = gettext("Refused. The member reads why.")
        elif proof.points:
            said = ngettext("Approved: %(points)s point.", "Approved: %(points)s points.", proof.points) % {"points": f"{proof.points:,}"}
        else:
            said = gettext("Approved, but the rules gave no points for it: the explanation of the fact says why.")
        return format_html('{} <a class="console-link" href="{}">{}</a>', said, _address(proof.id), gettext("Show it again"))

    def _page(self, request: HttpRequest, proof: Proof, refusal: RefusalForm, may_decide: bool) -> dict[str, Any]:
        now, operator = timezone.now(), operator_name(request)
        task, waits = selectors.task(proof.task_code), proof.status == Status.WAITING
        opened = selectors.may_be_opened(proof.url)
        colleague = proof.seen_by if waits and proof.seen_by not in ("", operator) and proof.seen_at and proof.seen_at > now - selectors.LOOKING else ""
        count = selectors.waiting().order_by()[: COUNTED_AT_MOST + 1].count()
        tasks = selectors.tasks()
        earlier = selectors.of_member(member_id=proof.member_id).exclude(id=proof.id)[:EARLIER]
        graded = proof.grade and (task.grade_name(proof.grade) if task else str(proof.grade))
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "object": proof,
            "original": proof,
            "title": gettext("Proof by %(member)s") % {"member": proof.member},
            "proof": proof,
            "task": task,
            "graded": graded,
            "colour": STATUS_COLOURS[Status(proof.status)],
            "address": proof.url if opened else "",
            "host": rules.host_of(proof.url) if opened else "",
            "picture": opened and rules.shows_picture(proof.url),
            "shown": opened and ("picture" in request.GET or rules.host_of(proof.url) in settings.PROOF_IMAGE_HOSTS),
            "grades": [(number, task.grade_name(number)) for number in range(1, len(task.grades) + 1)] if task else [],
            "refusal": refusal,
            "may_decide": may_decide and waits,
            "may_withdraw": may_decide and proof.status == Status.APPROVED,
            "colleague": colleague,
            "waiting": f"{COUNTED_AT_MOST}+" if count > COUNTED_AT_MOST else str(count),
            "before": selectors.before(proof).first(),
            "behind": selectors.next_for(proof, operator=operator, now=now),
            "earlier": [(one, tasks.get(one.task_code, one.task_code), one.points if one.status == Status.APPROVED else None) for one in earlier],
        }

    def withdraw(self, request: HttpRequest, proof_id: UUID) -> HttpResponse:
        def act(asked: Mapping[str, Any]) -> Any:
            taken = services.withdraw(proof_id=proof_id, reason=asked["reason"], operator=operator_name(request), now=timezone.now())
            return _("The approval is withdrawn; %(points)s points were taken back.") % {"points": f"{taken:,}"}

        proof = self.get_object(request, str(proof_id))
        if proof is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, str(proof_id))
        if not self.has_decide_permission(request):
            raise PermissionDenied
        consequence = _("The points that the approval gave are taken back, also where they are spent already. This is final: the member would upload again.")
        form = ReasonForm(request.POST or None)
        form.fields["reason"].help_text = _("The member reads it.")
        return self.ask(request, proof, act, form, title=_("Withdraw approval"), consequence=consequence, danger=True)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 3 else 0


def _address(proof_id: UUID) -> str:
    return reverse("admin:points_proof_change", args=[proof_id])


class GradesField(forms.CharField):
    """One grade a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return rules.grades_as_lines(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        try:
            return rules.grades_from_lines(super().to_python(value))
        except ValueError as error:
            raise forms.ValidationError(_("Give one to nine grades, one a line, each with a name.")) from error


class ProofTaskForm(forms.ModelForm):
    grades = GradesField(
        label=_("Grades"),
        help_text=_(
            "One a line, the first is grade 1, at most nine: 合格 | Good. Rules about reviewed proofs see the number, and operators press it. "
            "Proofs already approved keep their number: add at the end."
        ),
    )

    class Meta:
        model = ProofTask
        fields = ["code", "name_zh", "name_en", "description_zh", "description_en", "grades", "most_per_month", "active"]
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("description_zh", "description_en")}


@admin.register(ProofTask)
class ProofTaskAdmin(HistoryAdmin):
    """What members may prove. A task is closed, never deleted: its proofs stay."""

    form = ProofTaskForm
    list_display = ["code", "name", "grade_names", "most_per_month", "active"]
    fieldsets = [
        (None, {"fields": ["code", "active", ("name_zh", "name_en"), "description_zh", "description_en"]}),
        (_("Deciding"), {"fields": ["grades", "most_per_month"], "description": _("How many points a grade gives is a rule about reviewed proofs.")}),
    ]
    actions = None

    @display(description=_("name"))
    def name(self, task: ProofTask) -> str:
        return task.name

    @display(description=_("grades"))
    def grade_names(self, task: ProofTask) -> str:
        return " · ".join(f"{number} {task.grade_name(number)}" for number in range(1, len(task.grades) + 1))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ProofTask, form: forms.ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        verb = "proof_task.changed" if change else "proof_task.added"
        audit.record(actor=operator_name(request), verb=verb, subject=f"proof_task/{obj.code}", figures={"fields": form.changed_data}, now=timezone.now())
