import pgtrigger
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from . import rules


class Budget(models.Model):
    class Scope(models.TextChoices):
        ALL = "all", _("everything that rules give")
        RULE = "rule", _("one rule")
        CAMPAIGN = "campaign", _("one campaign")
        COST_CENTRE = "cost_centre", _("one cost centre")

    class Period(models.TextChoices):
        TOTAL = "total", _("in all")
        YEAR = "year", _("in each year")
        MONTH = "month", _("in each month")
        WEEK = "week", _("in each week")
        DAY = "day", _("on each day")

    class AtEnd(models.TextChoices):
        STOP = "stop", _("stop: what no longer fits whole is not granted")
        CUT = "cut", _("cut: what is left is granted, then nothing")
        GO_ON = "go_on", _("go on: only raise alarms")

    code = models.SlugField(_("code"), max_length=60, unique=True, help_text=_("Names the budget in explanations and exports. It cannot change later."))
    name = models.CharField(_("name"), max_length=100, help_text=_("For operators."))
    scope = models.CharField(_("pays for"), max_length=12, choices=Scope, default=Scope.RULE)
    of = models.CharField(
        _("its code"),
        max_length=100,
        blank=True,
        help_text=_("The rule’s code, or the campaign or cost centre as rules name it. Empty for everything."),
    )
    period = models.CharField(
        _("how often it is filled"),
        max_length=6,
        choices=Period,
        default=Period.MONTH,
        help_text=_("By business days; weeks begin on Monday."),
    )
    points = models.PositiveBigIntegerField(_("points"), validators=[MinValueValidator(1)], help_text=_("At most so many points in each period."))
    at_end = models.CharField(
        _("at its end"),
        max_length=6,
        choices=AtEnd,
        default=AtEnd.STOP,
        help_text=_("What happens to a fact for which not enough is left. Whatever you choose, an alarm is raised at 50, 80 and 100 %."),
    )
    starts_on = models.DateField(_("first day"), null=True, blank=True, help_text=_("Empty: from now on. Before its first day a budget limits nothing."))
    ends_on = models.DateField(_("last day"), null=True, blank=True, help_text=_("Empty: no end. After its last day a budget limits nothing."))
    active = models.BooleanField(_("in use"), default=True, help_text=_("Off: it limits nothing, counts nothing and raises no alarm."))
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="budget_has_points", condition=Q(points__gt=0)),
            models.CheckConstraint(name="budget_pays_for_something_named", condition=Q(scope="all", of="") | ~Q(scope="all") & ~Q(of="")),
            models.CheckConstraint(name="budget_ends_after_it_begins", condition=Q(starts_on=None) | Q(ends_on=None) | Q(ends_on__gte=F("starts_on"))),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plan(self) -> rules.Budget:
        """As decisions know it."""
        return rules.Budget(
            id=self.id, code=self.code, scope=self.scope, of=self.of, period=self.period, points=self.points, at_end=self.at_end,
            starts_on=self.starts_on, ends_on=self.ends_on,
        )  # fmt: skip

    def clean(self) -> None:
        if self.scope == self.Scope.ALL:
            self.of = ""
        elif not self.of:
            raise ValidationError({"of": _("Say which one the budget pays for.")})
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValidationError({"ends_on": _("The last day comes before the first.")})


class SharedUse(models.Model):
    """What all members together have used of a counter in the period that begins at `starts`."""

    counter = models.CharField(_("counter"), max_length=150)
    starts = models.DateField(_("from"))
    points = models.BigIntegerField(_("points"), default=0)
    times = models.BigIntegerField(_("facts"), default=0)

    class Meta:
        verbose_name = _("used of a counter")
        verbose_name_plural = _("used of counters")
        constraints = [
            models.UniqueConstraint(fields=["counter", "starts"], name="shared_use_once"),
            models.CheckConstraint(name="shared_use_never_below_zero", condition=Q(points__gte=0, times__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.counter} {self.starts}: {self.points:,}"


class BudgetAlarm(models.Model):
    budget = models.ForeignKey(Budget, verbose_name=_("budget"), on_delete=models.PROTECT, related_name="+", db_index=False)
    starts = models.DateField(_("from"))
    percent = models.PositiveSmallIntegerField(_("percent"))
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("alarm of a budget")
        verbose_name_plural = _("alarms of budgets")
        constraints = [models.UniqueConstraint(fields=["budget", "starts", "percent"], name="budget_alarm_once")]
        triggers = [pgtrigger.Protect(name="budget_alarm_stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.percent} %"
