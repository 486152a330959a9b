import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


class PaidWith(models.TextChoices):
    POINTS = "points", _("points")
    CARD = "card", _("a make-up card")


def default_milestones() -> list[int]:
    return [7, 30]


class CheckInTerms(Configuration):
    class MakeUpBy(models.TextChoices):
        POINTS = "points", _("points only")
        CARD = "card", _("make-up cards only")
        EITHER = "either", _("points or a make-up card")

    milestones = ArrayField(
        models.IntegerField(),
        verbose_name=_("milestones, in days"),
        size=20,
        default=default_milestones,
        blank=True,
        help_text=_("Days in a row that a rule about “streak_reached” rewards, ascending: 7,30. A streak that is longer already does not reach a new one."),
    )
    make_up_by = models.CharField(_("a missed day is made up with"), max_length=10, choices=MakeUpBy, default=MakeUpBy.EITHER)
    make_up_fee = models.PositiveIntegerField(
        _("fee, in points"), default=10, validators=[MaxValueValidator(1_000_000)], help_text=_("For one day made up with points. 0: it costs nothing.")
    )
    make_ups_per_month = models.PositiveSmallIntegerField(
        _("days made up in a month"),
        default=3,
        validators=[MaxValueValidator(31)],
        help_text=_("By one member, in the month in which they are made up, whichever month they belong to. 0: none."),
    )
    make_up_days_back = models.PositiveSmallIntegerField(
        _("how far back, in days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(366)], help_text=_("1: only yesterday can be made up.")
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("check-in terms")
        verbose_name_plural = _("check-in terms")

    def __str__(self) -> str:
        return str(_("Check-in terms"))

    @property
    def ways(self) -> tuple[str, ...]:
        """How a missed day can be paid for; the first is taken where none is named."""
        both = (PaidWith.CARD.value, PaidWith.POINTS.value)
        return both if self.make_up_by == self.MakeUpBy.EITHER else (self.make_up_by,)

    def clean(self) -> None:
        if any(not 2 <= days <= 3650 for days in self.milestones or ()):
            raise ValidationError({"milestones": _("A milestone is 2 to 3650 days in a row.")})
        if list(self.milestones or ()) != sorted(set(self.milestones or ())):
            raise ValidationError({"milestones": _("Write them ascending, each once: 7,30.")})


class CheckIn(models.Model):
    """`streak`, `points` and `milestones` are what was so, and what it brought, when it was made: the answer for good."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    date = models.DateField(_("date"))
    streak = models.PositiveIntegerField(_("streak"), help_text=_("Days in a row up to this one, as it was then."))
    points = models.PositiveBigIntegerField(_("points"), default=0, help_text=_("Granted with it, milestones included."))
    claimable = models.PositiveBigIntegerField(_("to be claimed"), default=0, help_text=_("Offered with it by rules whose points must be claimed."))
    milestones = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("milestones reached"), default=list, blank=True)
    made_up_on = models.DateField(_("made up on"), null=True, blank=True, help_text=_("The day on which it was made up. Empty: checked in on its date."))
    paid_with = models.CharField(_("paid with"), max_length=10, choices=PaidWith, blank=True)
    entry = models.ForeignKey("points.Entry", verbose_name=_("fee"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    card = models.ForeignKey("points.Card", verbose_name=_("card"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    zone = models.CharField(_("zone"), max_length=64, help_text=_("The zone by which the business day was told."))
    actor = models.CharField(_("by"), max_length=100)
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("check-in")
        verbose_name_plural = _("check-ins")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "date"], name="check_in_once_a_day"),
            models.CheckConstraint(
                name="check_in_made_up_is_paid_for",
                condition=Q(made_up_on=None, paid_with="", entry=None, card=None)
                | Q(made_up_on__isnull=False, made_up_on__gt=models.F("date"), paid_with="points", card=None)
                | Q(made_up_on__isnull=False, made_up_on__gt=models.F("date"), paid_with="card", entry=None, card__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["member", "made_up_on"], name="check_in_made_up", condition=Q(made_up_on__isnull=False))]
        triggers = [pgtrigger.Protect(name="check_in_stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(self.date)

    @property
    def made_up(self) -> bool:
        return self.made_up_on is not None
