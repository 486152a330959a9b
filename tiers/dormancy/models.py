from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id

from . import rules


class DormancyTerms(Configuration):
    quiet_days = models.PositiveSmallIntegerField(
        _("quiet after, in days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)], help_text=_("For lists and segments; nobody is told.")
    )
    dormant_months = models.PositiveSmallIntegerField(
        _("dormant after, in months"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_("Without a purchase, a check-in or anything else that the member does. Then wake-up missions are offered, and the message is sent."),
    )
    lost_months = models.PositiveSmallIntegerField(
        _("lost after, in months"), default=12, validators=[MinValueValidator(2), MaxValueValidator(120)], help_text=_("For lists; must be later.")
    )
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("terms of dormancy")
        verbose_name_plural = _("terms of dormancy")

    def __str__(self) -> str:
        return str(_("Terms of dormancy"))

    def clean(self) -> None:
        if self.lost_months is not None and self.dormant_months is not None and self.lost_months <= self.dormant_months:
            raise ValidationError({"lost_months": _("Members are dormant before they are lost: give more months than above.")})
        if self.quiet_days is not None and self.dormant_months is not None and self.quiet_days >= 28 * self.dormant_months:
            raise ValidationError(
                {"quiet_days": _("Members are quiet before they are dormant: give less than %(days)s days.") % {"days": 28 * self.dormant_months}}
            )

    @property
    def plain(self) -> rules.Terms:
        return rules.Terms(self.quiet_days, self.dormant_months, self.lost_months)


class Dormancy(models.Model):
    """`slept_at` and `woke_at` are of the last episode; without the latter it is under way, as far as the job knows."""

    class Stage(models.TextChoices):
        ACTIVE = "active", _("active")
        QUIET = "quiet", _("quiet")
        DORMANT = "dormant", _("dormant")
        LOST = "lost", _("lost")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    active_at = models.DateTimeField(_("last seen"))
    stage = models.CharField(_("stage"), max_length=10, choices=Stage, default=Stage.ACTIVE)
    slept_at = models.DateTimeField(_("dormant since"), null=True, blank=True)
    woke_at = models.DateTimeField(_("back since"), null=True, blank=True)
    due_on = models.DateField(_("looked at again on"))

    class Meta:
        verbose_name = _("dormancy of a member")
        verbose_name_plural = _("dormancy of members")
        constraints = [models.UniqueConstraint(fields=["member"], name="dormancy_one_per_member")]
        indexes = [
            models.Index(fields=["due_on"], name="dormancy_due"),
            models.Index(fields=["stage", "-active_at"], name="dormancy_of_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.get_stage_display()}"
