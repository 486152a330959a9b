from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration


class MarkdownTerms(Configuration):
    budget_points = models.PositiveBigIntegerField(
        _("points that members may hold together"), default=0, help_text=_("The plan against which the nightly job looks. 0: it proposes nothing.")
    )
    excess_percent = models.PositiveSmallIntegerField(
        _("propose from so many % above it"), default=20, validators=[MaxValueValidator(1000)], help_text=_("20: from 120 percent of the plan on.")
    )
    off_percent = models.PositiveSmallIntegerField(
        _("off the points, in %"), default=30, validators=[MinValueValidator(1), MaxValueValidator(90)], help_text=_("Of every reward on the shelf.")
    )
    days = models.PositiveSmallIntegerField(
        _("days"), default=7, validators=[MinValueValidator(1), MaxValueValidator(90)], help_text=_("Counted from the start; the last one ends at midnight.")
    )
    rest_days = models.PositiveSmallIntegerField(
        _("days of rest"),
        default=30,
        validators=[MaxValueValidator(366)],
        help_text=_("After a markdown, or a proposal that was declined, none is proposed for so long."),
    )
    starts_itself = models.BooleanField(
        _("start without asking"), default=False, help_text=_("Off: the job proposes, and an operator starts or declines. On: it starts the next morning.")
    )
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("terms of markdowns")
        verbose_name_plural = _("terms of markdowns")

    def __str__(self) -> str:
        return str(_("Terms of markdowns"))


class Markdown(models.Model):
    class Status(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        RUNNING = "running", _("running")
        OVER = "over", _("over")
        DECLINED = "declined", _("declined")
        ENDED = "ended", _("ended early")

    ARROWS = {Status.PROPOSED: (Status.RUNNING, Status.DECLINED), Status.RUNNING: (Status.OVER, Status.ENDED)}
    OPEN = (Status.PROPOSED, Status.RUNNING)

    status = models.CharField(_("status"), max_length=10, choices=Status)
    off_percent = models.PositiveSmallIntegerField(_("off the points, in %"))
    days = models.PositiveSmallIntegerField(_("days"))
    outstanding = models.BigIntegerField(_("points that members held"))
    budget = models.BigIntegerField(_("of planned"))
    proposed_at = models.DateTimeField(_("proposed on"))
    proposed_by = models.CharField(_("proposed by"), max_length=150)
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("markdown")
        verbose_name_plural = _("markdowns")
        ordering = ["-id"]
        permissions = [("decide_markdown", "Can start, decline and end markdowns")]
        constraints = [
            models.UniqueConstraint(fields=["status"], name="markdown_one_proposed", condition=Q(status="proposed")),
            models.UniqueConstraint(fields=["status"], name="markdown_one_running", condition=Q(status="running")),
            models.CheckConstraint(name="markdown_takes_a_part", condition=Q(off_percent__gte=1, off_percent__lte=90, days__gte=1)),
            models.CheckConstraint(name="markdown_runs_for_a_time", condition=Q(starts_at=None, ends_at=None) | Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(name="markdown_that_runs_has_a_time", condition=Q(status__in=["proposed", "declined"]) | Q(starts_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"−{self.off_percent} %"
