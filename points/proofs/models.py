from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from points.rulebook.models import Named

from .rules import LONGEST_ADDRESS


def one_grade() -> list[dict[str, str]]:
    return [{"zh": "合格", "en": "Accepted"}]


class ProofTask(Named):
    code = models.SlugField(_("code"), max_length=40, primary_key=True, help_text=_("The storefront sends it with each proof, as task. It stays."))
    description_zh = models.TextField(_("what a proof must show, Chinese"), max_length=1000, blank=True, help_text=_("Operators read it beside each proof."))
    description_en = models.TextField(_("what a proof must show, English"), max_length=1000, blank=True)
    grades = models.JSONField(_("grades"), default=one_grade)
    most_per_month = models.PositiveIntegerField(
        _("most per member and month"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Proofs that wait or are approved, by calendar month; refused ones leave room for another try. Empty: any number."),
    )
    active = models.BooleanField(_("takes proofs"), default=True, help_text=_("A closed task takes no more proofs; those that wait can still be decided."))
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("proof task")
        verbose_name_plural = _("proof tasks")
        ordering = ["code"]

    @property
    def description(self) -> str:
        return self.description_zh if _chinese() else self.description_en

    def grade_name(self, grade: int) -> str:
        """What the grade is called now; its number where the task has fewer grades than it had."""
        if not 1 <= grade <= len(self.grades):
            return str(grade)
        return self.grades[grade - 1]["zh" if _chinese() else "en"]


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


class Proof(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for a decision")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("approval withdrawn")

    ARROWS = {Status.WAITING: (Status.APPROVED, Status.REFUSED), Status.APPROVED: (Status.WITHDRAWN,), Status.REFUSED: (), Status.WITHDRAWN: ()}
    # Those that take room in the month.
    COUNTED = (Status.WAITING, Status.APPROVED)

    class Refusal(models.TextChoices):
        """Why it was refused, as the member reads it."""

        UNREADABLE = "unreadable", _("The picture or page cannot be seen.")
        NOT_SHOWN = "not_shown", _("It does not show what the task asks for.")
        NOT_OWN = "not_own", _("It is somebody else's.")
        REPEATED = "repeated", _("It was handed in before.")
        ALTERED = "altered", _("It looks altered.")
        OTHER = "other", _("Another reason.")
        ADDRESS = "address", _("We only open addresses that begin with https:// and a public name, of 500 characters at most.")
        TASK_UNKNOWN = "task_unknown", _("There is no such task.")
        TASK_CLOSED = "task_closed", _("The task is closed.")
        TOO_MANY = "too_many", _("The task takes no more proofs of one member this month.")

    BY_HAND = (Refusal.UNREADABLE, Refusal.NOT_SHOWN, Refusal.NOT_OWN, Refusal.REPEATED, Refusal.ALTERED, Refusal.OTHER)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    behaviour = models.ForeignKey("accounts.Behaviour", verbose_name=_("fact"), on_delete=models.PROTECT, related_name="+", db_index=False)
    # As the storefront named it: a fact may name a task that does not exist.
    task_code = models.CharField(_("task"), max_length=100)
    url = models.CharField(_("address"), max_length=LONGEST_ADDRESS)
    uploaded_at = models.DateTimeField(_("uploaded"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    grade = models.PositiveSmallIntegerField(_("grade"), null=True, blank=True)
    points = models.BigIntegerField(_("points"), null=True, blank=True, help_text=_("What the approval gave, or offers to be claimed."))
    refusal = models.CharField(_("why it was refused"), max_length=20, choices=Refusal, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True, help_text=_("Empty where it was refused as it came in."))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    seen_by = models.CharField(_("opened by"), max_length=150, blank=True)
    seen_at = models.DateTimeField(_("opened"), null=True, blank=True)

    class Meta:
        verbose_name = _("proof")
        verbose_name_plural = _("proofs")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "behaviour"], name="proof_once"),
            models.CheckConstraint(
                name="proof_status_says_what_happened",
                condition=Q(status="waiting", grade=None, refusal="", decided_at=None)
                | Q(status="approved", grade__isnull=False, points__isnull=False, refusal="", decided_at__isnull=False)
                | (Q(status="refused", grade=None, decided_at__isnull=False) & ~Q(refusal=""))
                | (Q(status="withdrawn", grade__isnull=False, refusal="", decided_at__isnull=False) & ~Q(reason="")),
            ),
        ]
        indexes = [
            models.Index(fields=["uploaded_at", "id"], name="proof_waiting", condition=Q(status="waiting")),
            models.Index(fields=["member", "-uploaded_at", "-id"], name="proof_of_member"),
        ]

    def __str__(self) -> str:
        return f"{self.task_code} {str(self.id)[-6:]}"

    @property
    def why(self) -> str:
        """Why it was refused or withdrawn, in words for the member; empty where it was not."""
        said = [str(Proof.Refusal(self.refusal).label)] if self.refusal and self.refusal != Proof.Refusal.OTHER else []
        return " ".join([*said, self.reason]).strip()
