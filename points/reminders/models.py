from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


def default_days() -> list[int]:
    return [30, 7, 3, 1]


class ReminderTerms(Configuration):
    days = ArrayField(
        models.PositiveSmallIntegerField(),
        verbose_name=_("days ahead"),
        size=10,
        default=default_days,
        blank=True,
        help_text=_("How many days before the last good day members are told: 30,7,3,1. At 1, tomorrow is the last day. Empty: never ahead."),
    )
    after_expiry = models.BooleanField(_("also tell what has expired"), default=True, help_text=_("In the message of the day after."))
    minimum_points = models.PositiveIntegerField(
        _("from how many points on"),
        default=1,
        help_text=_("Below this, a day's message is not worth sending. Not regarded where nothing may expire unannounced."),
    )
    hour = models.PositiveSmallIntegerField(
        _("from which hour"), default=10, validators=[MaxValueValidator(22)], help_text=_("Hour of the day in the programme's time zone, 0 to 22.")
    )
    must_announce = models.BooleanField(
        _("nothing may expire unannounced"),
        default=False,
        help_text=_(
            "Points that were not announced in time are postponed, by an entry, until they have been. Points of members whom no channel reaches never expire."
        ),
    )
    announce_days = models.PositiveSmallIntegerField(
        _("announced at least so many days before"),
        default=7,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("Counted from when the message was handed over to a channel."),
    )
    inbox_counts = models.BooleanField(
        _("the inbox alone is an announcement"),
        default=False,
        help_text=_("Off: only a message that left for the member's e-mail, phone, app or WeChat counts."),
    )
    must_announce_since = models.DateTimeField(null=True, editable=False)
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("reminders of expiry")
        verbose_name_plural = _("reminders of expiry")

    def __str__(self) -> str:
        return str(_("Reminders of expiry"))

    @property
    def steps(self) -> list[int]:
        """The days ahead at which members are told. Where everything must be announced, then at the latest."""
        return sorted({*self.days, *([self.announce_days] if self.must_announce else [])}, reverse=True)

    def clean(self) -> None:
        if any(not 1 <= days <= 365 for days in self.days or ()):
            raise ValidationError({"days": _("A reminder comes 1 to 365 days ahead.")})
        if list(self.days or ()) != sorted(set(self.days or ()), reverse=True):
            raise ValidationError({"days": _("Write them descending, each once: 30,7,3,1.")})


class ReminderPass(models.Model):
    day = models.DateField(_("day"), primary_key=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    # What was booked as expired from then on, until then, is told by this pass.
    expired_from = models.DateTimeField()
    expired_until = models.DateTimeField()
    members = models.PositiveIntegerField(_("members told"), default=0)
    points = models.BigIntegerField(_("points told"), default=0)
    postponed = models.PositiveIntegerField(_("members postponed"), default=0)
    given_back = models.PositiveIntegerField(_("times given back"), default=0)

    class Meta:
        verbose_name = _("reminder pass")
        verbose_name_plural = _("reminder passes")
        ordering = ["-day"]

    def __str__(self) -> str:
        return str(self.day)


class ExpiryNotice(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # As in the books: checked by what writes it, so that telling two hundred thousand members does not look each of them up twice.
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    lot = models.ForeignKey("points.Lot", verbose_name=_("lot"), on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    expires_at = models.DateTimeField(_("expiry told"))
    step = models.PositiveSmallIntegerField(_("days ahead"), help_text=_("0: told after it had expired."))
    points = models.BigIntegerField(_("points"))
    day = models.DateField(_("told on"))
    told_at = models.DateTimeField(_("told"))
    handed_over_at = models.DateTimeField(_("handed over"), null=True)

    class Meta:
        verbose_name = _("expiry notice")
        verbose_name_plural = _("expiry notices")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["member", "lot", "expires_at", "step"], name="expiry_notice_once_a_step")]
        indexes = [
            models.Index(fields=["member", "day"], name="expiry_notice_day"),
            BrinIndex(fields=["day"], name="expiry_notice_days", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.points} {self.expires_at:%Y-%m-%d}"
