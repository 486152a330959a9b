from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.approvals.models import operator
from loyalty.lib.ids import new_id

DECIDED = ("applying", "applied", "stopped", "reversal_asked", "reversing", "reversed")


class Batch(models.Model):
    class Kind(models.TextChoices):
        GRANT = "grant", _("grant")
        CORRECTION = "correction", _("correction")
        IMPORT = "import", _("opening balances")

    class Shortfall(models.TextChoices):
        REFUSE = "refuse", _("leave that line out")
        DEBT = "debt", _("take what there is, and let the member owe the rest")

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("waits to be checked")
        CHECKING = "checking", _("being checked")
        CHECKED = "checked", _("checked")
        SUBMITTED = "submitted", _("waits for a second person")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")
        APPLYING = "applying", _("being applied")
        APPLIED = "applied", _("applied")
        STOPPED = "stopped", _("stopped half-way")
        REVERSAL_ASKED = "reversal_asked", _("reversal waits for a second person")
        REVERSING = "reversing", _("being reversed")
        REVERSED = "reversed", _("reversed")

    ARROWS = {
        Status.UPLOADED: (Status.CHECKING, Status.WITHDRAWN),
        Status.CHECKING: (Status.CHECKED, Status.WITHDRAWN),
        Status.CHECKED: (Status.SUBMITTED, Status.WITHDRAWN),
        Status.SUBMITTED: (Status.APPLYING, Status.REFUSED, Status.WITHDRAWN),
        Status.REFUSED: (),
        Status.WITHDRAWN: (),
        Status.APPLYING: (Status.APPLIED, Status.STOPPED),
        Status.APPLIED: (Status.REVERSAL_ASKED,),
        Status.STOPPED: (Status.REVERSAL_ASKED,),
        Status.REVERSAL_ASKED: (Status.REVERSING, Status.APPLIED, Status.STOPPED),
        Status.REVERSING: (Status.REVERSED,),
        Status.REVERSED: (),
    }
    WORKED_ON = (Status.UPLOADED, Status.CHECKING, Status.APPLYING, Status.REVERSING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    status = models.CharField(_("status"), max_length=14, choices=Status, default=Status.UPLOADED)
    paused_at = models.DateTimeField(_("paused"), null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)
    file_name = models.CharField(_("file"), max_length=200)
    digest = models.CharField(max_length=64, editable=False)
    encoding = models.CharField(max_length=10, editable=False)
    separator = models.CharField(max_length=1, editable=False)
    # What its victims were found by, where it was made of them.
    found_by = models.JSONField(null=True, editable=False)
    reason = models.CharField(_("reason"), max_length=300)
    cost_centre = models.CharField(_("cost centre"), max_length=50, blank=True)
    shortfall = models.CharField(_("where a member has too few points"), max_length=10, choices=Shortfall, default=Shortfall.REFUSE)

    lines = models.BigIntegerField(_("lines"), default=0)
    checked = models.BigIntegerField(_("lines checked"), default=0)
    # The last line of the file that was checked.
    cursor = models.BigIntegerField(default=0, editable=False)
    # What the dry run found; null until it is over.
    result = models.JSONField(null=True, editable=False)
    applied_lines = models.BigIntegerField(_("lines applied"), default=0)
    refused_lines = models.BigIntegerField(_("lines refused"), default=0)
    given = models.BigIntegerField(_("points given"), default=0)
    taken = models.BigIntegerField(_("points taken"), default=0)
    reversed_lines = models.BigIntegerField(_("lines reversed"), default=0)
    kept_lines = models.BigIntegerField(_("lines that could not be reversed"), default=0)
    owed = models.BigIntegerField(_("owed by the reversal"), default=0)
    waived = models.BigIntegerField(_("waived by the reversal"), default=0)

    made_by = operator(_("made by"), null=False)
    made_at = models.DateTimeField(_("made"))
    submitted_at = models.DateTimeField(_("submitted"), null=True, blank=True)
    decided_by = operator(_("decided by"))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.CharField(_("why it was refused"), max_length=300, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    reversal_by = operator(_("reversal asked for by"))
    reversal_at = models.DateTimeField(_("reversal asked for"), null=True, blank=True)
    reversal_reason = models.CharField(_("why it is to be reversed"), max_length=300, blank=True)
    reversal_decided_by = operator(_("reversal decided by"))
    reversal_decided_at = models.DateTimeField(_("reversal decided"), null=True, blank=True)
    reversed_at = models.DateTimeField(_("reversed"), null=True, blank=True)

    class Meta:
        verbose_name = _("batch of points")
        verbose_name_plural = _("batches of points")
        ordering = ["-id"]
        permissions = [("decide_batch", "Can approve, refuse and reverse batches of others")]
        constraints = [
            models.CheckConstraint(name="batch_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="batch_decided_by_another", condition=Q(decided_by=None) | ~Q(decided_by=F("made_by"))),
            models.CheckConstraint(name="batch_reversal_decided_by_another", condition=Q(reversal_decided_by=None) | ~Q(reversal_decided_by=F("reversal_by"))),
            models.CheckConstraint(name="batch_applied_was_decided", condition=~Q(status__in=DECIDED) | Q(decided_by__isnull=False, decided_at__isnull=False)),
            models.CheckConstraint(
                name="batch_reversed_was_decided",
                condition=~Q(status__in=["reversing", "reversed"]) | Q(reversal_by__isnull=False, reversal_decided_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["made_at"], name="batch_worked_on", condition=Q(status__in=["uploaded", "checking", "applying", "reversing"])),
            models.Index(fields=["submitted_at"], name="batch_waiting", condition=Q(status__in=["submitted", "reversal_asked"])),
            models.Index(fields=["digest"], name="batch_by_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.file_name}"

    @property
    def ready(self) -> int:
        """How many lines can be applied."""
        return int(self.result["ready"]) if self.result else 0

    @property
    def percent(self) -> int:
        """How far it has come with what it is doing."""
        done, of = {
            self.Status.CHECKING: (self.checked, self.lines),
            self.Status.APPLYING: (self.applied_lines + self.refused_lines, self.ready),
            self.Status.REVERSING: (self.reversed_lines + self.kept_lines, self.applied_lines),
        }.get(self.Status(self.status), (0, 1))
        return min(99, done * 100 // of) if of else 99


class BatchPart(models.Model):
    """A piece of the file, kept until it is checked: the worker that reads it may run on another machine."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        verbose_name = _("part of a file")
        verbose_name_plural = _("parts of files")
        constraints = [models.UniqueConstraint(fields=["batch", "number"], name="batch_part_once")]

    def __str__(self) -> str:
        return str(self.number)


class BatchLine(models.Model):
    class Status(models.TextChoices):
        FAULTY = "faulty", _("faulty")
        READY = "ready", _("can be applied")
        APPLIED = "applied", _("applied")
        REFUSED = "refused", _("refused")
        REVERSED = "reversed", _("reversed")
        KEPT = "kept", _("could not be reversed")

    ARROWS = {
        Status.FAULTY: (),
        Status.READY: (Status.APPLIED, Status.REFUSED),
        Status.APPLIED: (Status.REVERSED, Status.KEPT),
        Status.REFUSED: (),
        Status.REVERSED: (),
        Status.KEPT: (),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    batch = models.ForeignKey(Batch, verbose_name=_("batch"), on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveIntegerField(_("line"), help_text=_("In the file, whose first line are the names of its columns."))
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    points = models.BigIntegerField(_("points"), null=True)
    earned_on = models.DateField(_("earned on"), null=True)
    # A policy as lots keep it; empty: the programme's terms.
    expiry = models.CharField(_("expires"), max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    cost_centre = models.CharField(_("cost centre"), max_length=50, blank=True)
    before = models.BigIntegerField(_("before"), null=True, help_text=_("Available when it was checked, earlier lines of the batch counted; below zero: owed."))
    faults = models.JSONField(_("faults"), default=list)
    # Of a faulty line: its cells by column as they stood in the file, to be corrected.
    cells = models.JSONField(null=True, editable=False)
    entry = models.ForeignKey("points.Entry", verbose_name=_("entry"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    undone_by = models.ForeignKey("points.Entry", verbose_name=_("reversed by"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        verbose_name = _("line of a batch")
        verbose_name_plural = _("lines of batches")
        ordering = ["batch", "number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_line_once"),
            models.CheckConstraint(
                name="batch_line_says_what_happened",
                condition=Q(status="faulty", entry=None)
                | (
                    Q(member__isnull=False, points__isnull=False)
                    & (
                        Q(status__in=["ready", "refused"], entry=None)
                        | Q(status__in=["applied", "kept"], entry__isnull=False, undone_by=None)
                        | Q(status="reversed", entry__isnull=False, undone_by__isnull=False)
                    )
                ),
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "status", "number"], name="batch_line_by_status"),
            models.Index(fields=["member", "batch"], name="batch_line_of_member", condition=Q(member__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def after(self) -> int | None:
        return None if self.before is None or self.points is None else self.before + self.points
