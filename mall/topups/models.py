from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


class TopUpTerms(Configuration):
    active = models.BooleanField(_("members can buy points"), default=False, help_text=_("Off: no top-up is booked. What was bought stays."))
    points_per_unit = models.PositiveIntegerField(
        _("points for one unit paid"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("100: 1.00 brings 100 points. If points pay more at checkout than they cost here, buying them is a discount."),
    )
    least_cents = models.PositiveBigIntegerField(_("least in one go"), default=100, validators=[MinValueValidator(1)], help_text=_("In cents."))
    most_cents = models.PositiveBigIntegerField(_("most in one go"), default=100_000, validators=[MinValueValidator(1)], help_text=_("In cents."))
    most_cents_month = models.PositiveBigIntegerField(
        _("most of a member in a month"), default=500_000, validators=[MinValueValidator(1)], help_text=_("In cents, by the programme's calendar month.")
    )
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("points for money")
        verbose_name_plural = _("points for money")
        constraints = [models.CheckConstraint(name="top_up_least_below_most", condition=Q(least_cents__lte=F("most_cents")))]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)


class TopUp(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    cents = models.BigIntegerField(_("paid"), validators=[MinValueValidator(1)])
    points = models.BigIntegerField(_("points"))
    points_back = models.BigIntegerField(_("points given back"), default=0)
    cents_back = models.BigIntegerField(_("money given back"), default=0)
    payment = models.CharField(_("payment"), max_length=64, help_text=_("The storefront's own number of it."))
    entry = models.ForeignKey("points.Entry", verbose_name=_("booked with"), on_delete=models.PROTECT, related_name="+", db_index=False)
    counted_on = models.DateField(_("counts for the day"))
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("made"))
    changed_at = models.DateTimeField(_("last change"))

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "payment"], name="top_up_payment_once"),
            models.CheckConstraint(
                name="top_up_gives_back_at_most_all",
                condition=Q(points__gte=1, cents__gte=1, points_back__gte=0, cents_back__gte=0, points_back__lte=F("points"), cents_back__lte=F("cents")),
            ),
        ]
        indexes = [models.Index(fields=["member", "-id"], name="top_up_newest"), models.Index(fields=["member", "counted_on"], name="top_up_by_day")]

    def __str__(self) -> str:
        return str(self.id)
