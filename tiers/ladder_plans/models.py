from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


class LadderPlan(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        COUNTING = "counting", _("being counted")
        COUNTED = "counted", _("counted, to be applied")
        APPLIED = "applied", _("applied")
        DISCARDED = "discarded", _("discarded")

    ARROWS = {
        Status.DRAFT: (Status.COUNTING, Status.APPLIED, Status.DISCARDED),
        Status.COUNTING: (Status.DRAFT, Status.COUNTED, Status.DISCARDED),
        Status.COUNTED: (Status.DRAFT, Status.COUNTING, Status.APPLIED, Status.DISCARDED),
        Status.APPLIED: (),
        Status.DISCARDED: (),
    }
    OPEN = (Status.DRAFT, Status.COUNTING, Status.COUNTED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    purpose = models.CharField(_("what for"), max_length=200, help_text=_("Why the ladder changes. It is kept for good, and a second person reads it first."))
    # Tier's code → threshold; and every value of the evaluation by its name.
    thresholds = models.JSONField(_("thresholds"), default=dict)
    policy = models.JSONField(_("evaluation"), default=dict)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    # Everybody who had a hand in it, in their order.
    authors = models.JSONField(_("authors"), default=list)
    made_at = models.DateTimeField(_("made"))
    # What it was counted against, and how far that has come: after which member, how many of how many.
    basis = models.CharField(max_length=32, blank=True, editable=False)
    cursor = models.UUIDField(null=True, editable=False)
    total = models.BigIntegerField(_("members in all"), default=0)
    done = models.BigIntegerField(_("members counted"), default=0)
    counted = models.JSONField(_("who would move"), default=dict)
    counted_at = models.DateTimeField(_("counted at"), null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)
    # What was in force before it: as `thresholds` and `policy`.
    before = models.JSONField(null=True, editable=False)
    applied_by = models.CharField(_("applied by"), max_length=150, blank=True)
    applied_at = models.DateTimeField(_("applied at"), null=True, blank=True)
    # Of those whom it lifts: after which member it goes on, how many were lifted, when all were.
    lift_after = models.UUIDField(null=True, editable=False)
    lifted = models.BigIntegerField(_("members lifted"), default=0)
    lifted_at = models.DateTimeField(_("all lifted"), null=True, blank=True)
    discarded_by = models.CharField(_("discarded by"), max_length=150, blank=True)
    discarded_at = models.DateTimeField(_("discarded at"), null=True, blank=True)
    discard_reason = models.CharField(_("why discarded"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("ladder plan")
        verbose_name_plural = _("ladder plans")
        ordering = ["-id"]
        permissions = [("apply_ladderplan", "Can apply ladder plans")]
        indexes = [
            models.Index(fields=["made_at"], name="ladder_plan_counting", condition=models.Q(status="counting")),
            models.Index(fields=["applied_at"], name="ladder_plan_lifting", condition=models.Q(status="applied", lifted_at=None)),
        ]

    def __str__(self) -> str:
        return self.purpose

    @property
    def percent(self) -> int:
        """How far the counting has come."""
        return 100 if self.status != self.Status.COUNTING else min(99, self.done * 100 // self.total) if self.total else 0


class LadderPlanSettings(Configuration):
    second_person = models.BooleanField(
        _("a second person applies plans"), default=False, help_text=_("Whoever had a hand in a plan may then not apply it; superusers neither.")
    )
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("settings of ladder plans")
        verbose_name_plural = _("settings of ladder plans")

    def __str__(self) -> str:
        return str(_("Settings of ladder plans"))
