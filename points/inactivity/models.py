from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id

from . import rules


class InactivityTerms(Configuration):
    enabled = models.BooleanField(
        _("void points of inactive members"),
        default=False,
        help_text=_(
            "Ask a lawyer before you switch this on. Where you do business, laws on gift cards, stored value or consumers’ points may forbid it, "
            "or ask for longer times, and your terms of use must say it. Off: what was announced is cancelled, and nothing is voided."
        ),
    )
    days = models.PositiveSmallIntegerField(
        _("days without activity"),
        default=365,
        validators=[MinValueValidator(60), MaxValueValidator(3650)],
        help_text=_("Since the last purchase, check-in or anything else that the member did."),
    )
    ahead_days = models.PositiveSmallIntegerField(
        _("announced so many days ahead"),
        default=30,
        validators=[MinValueValidator(14), MaxValueValidator(365)],
        help_text=_("Counted from when the message left. Where it left late, the day is put off; where none could be sent, nothing is voided."),
    )
    percent = models.PositiveSmallIntegerField(
        _("part that is voided, in %"),
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Of the available points; never more than was announced."),
    )
    inbox_counts = models.BooleanField(
        _("the inbox alone is an announcement"), default=False, help_text=_("Off: an e-mail, an SMS or the like must have been handed over.")
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("terms of inactivity")
        verbose_name_plural = _("terms of inactivity")

    def __str__(self) -> str:
        return str(_("Terms of inactivity"))

    def clean(self) -> None:
        if self.days is not None and self.ahead_days is not None and self.ahead_days >= self.days:
            raise ValidationError({"ahead_days": _("This is as long as the inactivity itself: give fewer days.")})

    @property
    def plain(self) -> rules.Terms:
        return rules.Terms(self.days, self.ahead_days, self.percent)


class InactivityCase(models.Model):
    class Status(models.TextChoices):
        TOLD = "told", _("message not handed over yet")
        ANNOUNCED = "announced", _("announced")
        VOIDED = "voided", _("voided")
        CANCELLED = "cancelled", _("cancelled")

    ARROWS = {
        Status.TOLD: (Status.ANNOUNCED, Status.CANCELLED),
        Status.ANNOUNCED: (Status.VOIDED, Status.CANCELLED),
        Status.VOIDED: (),
        Status.CANCELLED: (Status.TOLD,),
    }
    OPEN = (Status.TOLD, Status.ANNOUNCED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    since = models.DateField(_("last active on"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.TOLD)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)
    told_at = models.DateTimeField(_("message made"))
    announced_at = models.DateTimeField(_("message handed over"), null=True, blank=True)
    due_at = models.DateTimeField(_("to be voided at"), null=True, blank=True)
    points = models.BigIntegerField(_("points announced"))
    voided = models.BigIntegerField(_("points voided"), default=0)
    turned_at = models.DateTimeField(_("in this status since"))

    class Meta:
        verbose_name = _("inactive member")
        verbose_name_plural = _("inactive members")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "since"], name="inactivity_once"),
            models.CheckConstraint(
                name="inactivity_announced_before_voided",
                condition=~Q(status__in=["announced", "voided"]) | Q(announced_at__isnull=False, due_at__isnull=False, due_at__gt=models.F("announced_at")),
            ),
            models.CheckConstraint(name="inactivity_voids_not_below_zero", condition=Q(points__gte=0, voided__gte=0)),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="inactivity_due", condition=Q(status="announced")),
            models.Index(fields=["member"], name="inactivity_open", condition=Q(status__in=["told", "announced"])),
            models.Index(fields=["status", "-id"], name="inactivity_of_status"),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.since}"

    @property
    def key(self) -> str:
        """Of its message and of its forfeit."""
        return f"inactivity/{self.since}" + (f"/{self.attempt}" if self.attempt > 1 else "")
