from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id

from . import rules


def _weight(title: object, default: int) -> models.PositiveSmallIntegerField:
    return models.PositiveSmallIntegerField(title, default=default, validators=[MaxValueValidator(100)])


class EvaluationPolicy(Configuration):
    class Mode(models.TextChoices):
        GROWTH = "growth", _("growth in the term")
        SPEND = "spend", _("spend in the term")
        TWO_DIMENSIONS = "two_dimensions", _("spend and interaction")
        RFM_LTV = "rfm_ltv", _("recency, frequency, spend and lifetime value")

    class Term(models.TextChoices):
        MONTHS = "months", _("months from the day on which it is reached")
        CALENDAR_YEAR = "calendar_year", _("to the end of the calendar year")

    class AtEnd(models.TextChoices):
        FALL_TO_FIGURES = "fall_to_figures", _("fall to where the figures say")
        ONE_STEP = "one_step", _("fall one step")

    mode = models.CharField(
        _("what decides"),
        max_length=20,
        choices=Mode,
        default=Mode.GROWTH,
        help_text=_("Each comes to one figure, which is compared with the thresholds of the tiers."),
    )
    term_kind = models.CharField(_("term"), max_length=20, choices=Term, default=Term.MONTHS)
    term_months = models.PositiveSmallIntegerField(_("months"), default=12, validators=[MinValueValidator(1), MaxValueValidator(120)])
    term_years = models.PositiveSmallIntegerField(
        _("further years"),
        default=0,
        validators=[MaxValueValidator(10)],
        help_text=_("Of calendar years: 0 is to the end of the year in which the tier is reached, 1 to the end of the next."),
    )
    at_end = models.CharField(_("who does not keep the tier"), max_length=20, choices=AtEnd, default=AtEnd.FALL_TO_FIGURES)
    grace_days = models.PositiveSmallIntegerField(
        _("days of grace"),
        default=0,
        validators=[MaxValueValidator(366)],
        help_text=_("So many days after the end of a term a member can still keep the tier: what grows in them counts for the old term, too."),
    )
    spend_weight = _weight(_("weight of spend"), 60)
    interaction_weight = _weight(_("weight of interaction"), 40)
    spend_full_cents = models.BigIntegerField(
        _("spend for all of its share"),
        default=1_000_000,
        validators=[MinValueValidator(1)],
        help_text=_("In the smallest unit of the currency (cents). Spending this, or more, is 100 %; less is in proportion."),
    )
    interaction_full = models.PositiveIntegerField(
        _("interaction for all of its share"),
        default=1_000,
        validators=[MinValueValidator(1)],
        help_text=_("The growth of behaviours that is 100 %; less is in proportion."),
    )
    recency_weight = _weight(_("weight of recency"), 25)
    frequency_weight = _weight(_("weight of frequency"), 25)
    monetary_weight = _weight(_("weight of spend"), 25)
    lifetime_weight = _weight(_("weight of lifetime value"), 25)
    sprint_days = models.PositiveSmallIntegerField(
        _("last days of a term"),
        default=30,
        validators=[MaxValueValidator(366)],
        help_text=_("In these days growth is multiplied, and the member is told what is missing. 0: no sprint. Holds for terms that begin from now on."),
    )
    sprint_bps = models.PositiveIntegerField(_("growth in the sprint"), default=20_000, validators=[MinValueValidator(10_000), MaxValueValidator(1_000_000)])
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("evaluation of members")
        verbose_name_plural = _("evaluation of members")

    def __str__(self) -> str:
        return str(_("Evaluation of members"))

    def clean(self) -> None:
        if self.mode == self.Mode.TWO_DIMENSIONS and not self.spend_weight + self.interaction_weight:
            raise ValidationError({"spend_weight": _("At least one of the two must weigh something.")})
        weights = (self.recency_weight, self.frequency_weight, self.monetary_weight, self.lifetime_weight)
        if self.mode == self.Mode.RFM_LTV and not sum(weights):
            raise ValidationError({"recency_weight": _("At least one of the four must weigh something.")})

    @property
    def plain(self) -> rules.Policy:
        return rules.Policy(**{name: getattr(self, name) for name in rules.Policy.__dataclass_fields__ if name != "cuts"})


class CutPoints(models.Model):
    """Where the quintiles of the four dimensions lay on a day, over all active members who ever bought."""

    day = models.DateField(_("day"), primary_key=True)
    computed_at = models.DateTimeField(_("computed"))
    members = models.BigIntegerField(_("members who ever bought"))
    recency = models.JSONField(_("days since the last order"))
    frequency = models.JSONField(_("orders"))
    monetary = models.JSONField(_("spend"))
    lifetime = models.JSONField(_("lifetime value"))

    class Meta:
        verbose_name = _("quintiles of a day")
        verbose_name_plural = _("quintiles")
        ordering = ["-day"]

    def __str__(self) -> str:
        return str(self.day)


class Evaluation(models.Model):
    class Outcome(models.TextChoices):
        REACHED = "reached", _("reached")
        KEPT = "kept", _("kept")
        FELL = "fell", _("fell")
        UNDONE = "undone", _("undone")
        TIME = "time", _("time over")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(_("when"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome)
    tier = models.ForeignKey("tiers.Tier", verbose_name=_("tier"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    before = models.ForeignKey("tiers.Tier", verbose_name=_("before"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    figure = models.BigIntegerField(_("figure"))
    threshold = models.BigIntegerField(_("threshold"), help_text=_("Of the tier that was reached, kept, or missed."))
    since = models.DateTimeField(_("counted from"))
    until = models.DateTimeField(_("counted to"))
    # The figures one by one, and how they came to the one above: what is needed to do it again.
    figures = models.JSONField(_("figures"))
    how = models.JSONField(_("reckoned by"))
    # The standing that was left, so that it can be gone back to.
    left = models.JSONField(null=True, blank=True, editable=False)
    change = models.ForeignKey(
        "tiers.StandingChange", verbose_name=_("change"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        verbose_name = _("evaluation")
        verbose_name_plural = _("evaluations")
        ordering = ["-id"]
        indexes = [models.Index(fields=["member", "-id"], name="evaluation_of_member")]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} {self.figure}"


class Score(models.Model):
    """A member's four quintiles, as of the last night."""

    member = models.OneToOneField("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", primary_key=True)
    day = models.DateField(_("day"))
    recency = models.PositiveSmallIntegerField(_("recency"))
    frequency = models.PositiveSmallIntegerField(_("frequency"))
    monetary = models.PositiveSmallIntegerField(_("spend"))
    lifetime = models.PositiveSmallIntegerField(_("lifetime value"))
    figure = models.PositiveSmallIntegerField(_("figure"))

    class Meta:
        verbose_name = _("score of a member")
        verbose_name_plural = _("scores of members")

    def __str__(self) -> str:
        return f"{self.recency}{self.frequency}{self.monetary}{self.lifetime}"


class Night(models.Model):
    """How far the evaluation of all members has come on a day. Its row is the lock of whoever goes on with it."""

    day = models.DateField(_("day"), primary_key=True)
    after = models.UUIDField(null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    looked_at = models.BigIntegerField(_("members looked at"), default=0)
    moved = models.BigIntegerField(_("members moved"), default=0)

    class Meta:
        verbose_name = _("nightly evaluation")
        verbose_name_plural = _("nightly evaluations")
        ordering = ["-day"]

    def __str__(self) -> str:
        return str(self.day)
