from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.approvals.models import operator
from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


class LeavingTerms(Configuration):
    erasure_days = models.PositiveSmallIntegerField(
        _("days until an erasure"),
        default=7,
        validators=[MaxValueValidator(90)],
        help_text=_("So many days after the second person approved it, an erasure is carried out. Until then it can be called off. 0: with the next run."),
    )
    copy_days = models.PositiveSmallIntegerField(
        _("days a copy can be downloaded"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(90)],
        help_text=_("Then the file is deleted; that it was made, and who downloaded it, stays on record."),
    )
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("terms of leaving")
        verbose_name_plural = _("terms of leaving")

    def __str__(self) -> str:
        return str(_("Terms of leaving"))


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


class Copy(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("being made")
        READY = "ready", _("ready")
        DELETED = "deleted", _("deleted")

    ARROWS = {Status.WAITING: (Status.READY, Status.DELETED), Status.READY: (Status.DELETED,), Status.DELETED: ()}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    asked_by = models.CharField(_("asked by"), max_length=150)
    asked_at = models.DateTimeField(_("asked"))
    made_at = models.DateTimeField(_("made"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("The file is deleted then."))
    bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    rows = models.PositiveBigIntegerField(_("rows"), default=0)

    class Meta:
        verbose_name = _("copy of a member's data")
        verbose_name_plural = _("copies of members' data")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member"], condition=Q(status="waiting"), name="copy_one_at_a_time"),
            models.CheckConstraint(name="copy_ready_has_an_end", condition=~Q(status="ready") | Q(made_at__isnull=False, until__isnull=False, bytes__gt=0)),
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="copy_waiting", condition=Q(status="waiting")),
            models.Index(fields=["until"], name="copy_over", condition=Q(status="ready")),
            models.Index(fields=["member", "-id"], name="copy_of_member"),
        ]

    def __str__(self) -> str:
        return f"{localtime(self.asked_at):%Y-%m-%d %H:%M}"


class CopyPart(models.Model):
    """A slice of a copy's file."""

    copy = models.ForeignKey(Copy, on_delete=models.CASCADE, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = _("part of a copy")
        verbose_name_plural = _("parts of copies")
        constraints = [models.UniqueConstraint(fields=["copy", "number"], name="copy_part_once")]

    def __str__(self) -> str:
        return str(self.number)


class Erasure(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for a second person")
        APPROVED = "approved", _("approved, not yet carried out")
        UNDER_WAY = "under_way", _("under way")
        DONE = "done", _("carried out")
        REFUSED = "refused", _("refused")
        CALLED_OFF = "called_off", _("called off")

    ARROWS = {
        Status.WAITING: (Status.APPROVED, Status.REFUSED, Status.CALLED_OFF),
        Status.APPROVED: (Status.UNDER_WAY, Status.CALLED_OFF),
        # Within one transaction: nobody else ever sees it so.
        Status.UNDER_WAY: (Status.DONE,),
        Status.DONE: (),
        Status.REFUSED: (),
        Status.CALLED_OFF: (),
    }
    OPEN = (Status.WAITING, Status.APPROVED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    reason = models.CharField(_("reason"), max_length=300, help_text=_("Who asked for it, and how you know that it was they. Cleared with the rest."))
    requested_by = operator(_("requested by"))
    requested_at = models.DateTimeField(_("requested"))
    decided_by = operator(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.CharField(_("why it was refused or called off"), max_length=300, blank=True)
    due_at = models.DateTimeField(_("carried out from"), null=True, blank=True)
    done_at = models.DateTimeField(_("carried out"), null=True, blank=True)
    figures = models.JSONField(_("what was cleared"), default=dict, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-id"]
        permissions = [("decide_erasure", "Can approve, refuse and call off erasures of others")]
        constraints = [
            models.UniqueConstraint(fields=["member"], condition=Q(status__in=["waiting", "approved", "under_way"]), name="erasure_one_open_per_member"),
            models.CheckConstraint(name="erasure_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="erasure_decided_by_another", condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")) | Q(status="called_off")),
            models.CheckConstraint(
                name="erasure_status_says_what_happened",
                condition=Q(status="waiting", decided_at=None, due_at=None, done_at=None)
                | Q(status__in=["approved", "under_way"], decided_by__isnull=False, due_at__isnull=False, done_at=None)
                | Q(status="done", decided_by__isnull=False, done_at__isnull=False)
                | Q(status__in=["refused", "called_off"], decided_by__isnull=False, decided_at__isnull=False, done_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["requested_at"], name="erasure_waiting", condition=Q(status="waiting")),
            models.Index(fields=["due_at"], name="erasure_due", condition=Q(status="approved")),
            models.Index(fields=["id"], name="erasure_under_way", condition=Q(status="under_way")),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.get_status_display()}"
