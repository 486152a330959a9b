import secrets
from datetime import datetime

import pgtrigger
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration

from . import rules

PURCHASE = rules.PURCHASE


def new_roll_key() -> str:
    return secrets.token_hex(16)


class Named(models.Model):
    """What operators call something, in both languages."""

    name_zh = models.CharField(_("name, Chinese"), max_length=100)
    name_en = models.CharField(_("name, English"), max_length=100)

    class Meta:
        abstract = True

    @property
    def name(self) -> str:
        chinese = (get_language() or "").startswith("zh")
        return (self.name_zh if chinese else self.name_en) or self.name_en or self.name_zh

    def __str__(self) -> str:
        return self.name


class Rule(Named):
    code = models.SlugField(_("code"), max_length=60, unique=True, help_text=_("Short and for good: it names the rule in exports and explanations."))
    fact = models.CharField(_("answers"), max_length=40, default=PURCHASE, help_text=_("The kind of fact that this rule gives something for."))
    created_at = models.DateTimeField(_("made"))
    created_by = models.CharField(_("written by"), max_length=150)

    class Meta:
        verbose_name = _("earning rule")
        verbose_name_plural = _("earning rules")
        ordering = ["code"]


class RuleVersion(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        SUBMITTED = "submitted", _("submitted")
        PUBLISHED = "published", _("in the rulebook")
        RETIRED = "retired", _("retired")

    ARROWS = {
        Status.DRAFT: (Status.SUBMITTED, Status.PUBLISHED),
        Status.SUBMITTED: (Status.DRAFT, Status.PUBLISHED),
        Status.PUBLISHED: (Status.RETIRED,),
        Status.RETIRED: (),
    }
    FINAL = (Status.PUBLISHED, Status.RETIRED)

    rule = models.ForeignKey(Rule, verbose_name=_("rule"), on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField(_("version"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    definition = models.JSONField(_("definition"), default=dict)
    note = models.CharField(_("what is new"), max_length=300, blank=True, help_text=_("For whoever reads the versions later."))
    effective_from = models.DateTimeField(_("in force from"), null=True, blank=True, help_text=_("Decides facts that happened from then on."))
    effective_until = models.DateTimeField(_("in force until"), null=True, blank=True)
    made_by = models.CharField(_("written by"), max_length=150)
    made_at = models.DateTimeField(_("made"))
    submitted_by = models.CharField(_("submitted by"), max_length=150, blank=True)
    submitted_at = models.DateTimeField(_("handed in"), null=True, blank=True)
    published_by = models.CharField(_("published by"), max_length=150, blank=True)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    retired_by = models.CharField(_("retired by"), max_length=150, blank=True)
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)
    retire_reason = models.CharField(_("why retired"), max_length=300, blank=True)
    # What the last simulation of this very definition said: by how much points cost more than before.
    simulated_percent = models.DecimalField(_("simulated cost, ± %"), max_digits=9, decimal_places=2, null=True, blank=True, editable=False)
    simulated_at = models.DateTimeField(_("simulated"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("rule version")
        verbose_name_plural = _("rule versions")
        ordering = ["rule", "-number"]
        permissions = [("publish_ruleversion", "Can publish and retire rule versions")]
        constraints = [
            models.UniqueConstraint(fields=["rule", "number"], name="rule_version_once"),
            models.CheckConstraint(
                name="rule_version_in_force_for_a_while",
                condition=Q(effective_until__isnull=True) | Q(effective_from__isnull=True) | Q(effective_from__lte=F("effective_until")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="published_rule_version_stays", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__status__in=["published", "retired"])),
            pgtrigger.Protect(
                name="published_rule_version_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status__in=["published", "retired"])
                & (
                    pgtrigger.Q(old__definition__df=pgtrigger.F("new__definition"))
                    | pgtrigger.Q(old__rule__df=pgtrigger.F("new__rule"))
                    | pgtrigger.Q(old__number__df=pgtrigger.F("new__number"))
                    | pgtrigger.Q(old__effective_from__df=pgtrigger.F("new__effective_from"))
                    | pgtrigger.Q(old__published_at__df=pgtrigger.F("new__published_at"))
                    | pgtrigger.Q(old__published_by__df=pgtrigger.F("new__published_by"))
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(_("%(rule)s, version %(number)s") % {"rule": self.rule, "number": self.number})

    @property
    def said(self) -> rules.Definition:
        return rules.from_json(self.definition)

    def in_force_at(self, moment: datetime) -> bool:
        """Whether it decides a fact that happened then, provided that it was ever published."""
        begun = self.effective_from is None or self.effective_from <= moment
        return begun and (self.effective_until is None or moment < self.effective_until)


class SharedLimit(Named):
    class Per(models.TextChoices):
        FACT = "fact", _("one fact")
        DAY = "day", _("one day")
        WEEK = "week", _("one week")
        MONTH = "month", _("one month")
        LIFE = "life", _("a member’s life")

    code = models.SlugField(_("code"), max_length=60, unique=True)
    over = models.JSONField(_("over"), default=list, help_text=_("behaviours (all but purchases), purchases, everything, or kinds of facts by their code."))
    per = models.CharField(_("within"), max_length=5, choices=Per, default=Per.DAY)
    points = models.PositiveIntegerField(_("points at most"), null=True, blank=True)
    times = models.PositiveIntegerField(_("times at most"), null=True, blank=True)
    active = models.BooleanField(_("in use"), default=True)
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("shared limit")
        verbose_name_plural = _("shared limits")
        ordering = ["code"]


class Festival(Named):
    code = models.SlugField(_("code"), max_length=40, unique=True)
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("festival")
        verbose_name_plural = _("festivals")
        ordering = ["code"]


# In days. Every process holds each of them, so a slip of the pen must not be a thousand years.
LONGEST_FESTIVAL = 366


class FestivalDays(models.Model):
    festival = models.ForeignKey(Festival, verbose_name=_("festival"), on_delete=models.CASCADE, related_name="days")
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))

    class Meta:
        verbose_name = _("days of a festival")
        verbose_name_plural = _("days of a festival")
        ordering = ["first"]
        constraints = [models.CheckConstraint(name="festival_has_a_day", condition=Q(first__lte=F("last")))]

    def __str__(self) -> str:
        return f"{self.first} – {self.last}"

    def clean(self) -> None:
        if self.first is None or self.last is None:
            return
        if self.last < self.first:
            raise ValidationError({"last": _("The last day comes before the first.")})
        if (self.last - self.first).days >= LONGEST_FESTIVAL:
            raise ValidationError({"last": _("A festival lasts at most %(most)s days.") % {"most": LONGEST_FESTIVAL}})


class EarningSettings(Configuration):
    class SecondPerson(models.TextChoices):
        NEVER = "never", _("never")
        COSTLY = "costly", _("where a simulation shows more cost than the gate, or there is none")
        ALWAYS = "always", _("always")

    second_person = models.CharField(
        _("a second person publishes rules"),
        max_length=10,
        choices=SecondPerson,
        default=SecondPerson.NEVER,
        help_text=_("Who made or submitted a version may then not publish it."),
    )
    gate_percent = models.PositiveIntegerField(
        _("gate: more cost than before, in %"), default=10, help_text=_("Only for the choice that asks for a simulation.")
    )
    points_per_unit = models.PositiveIntegerField(
        _("points that cost one unit of money"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("What points cost the shop, for margin caps and simulations: 100 means that 100 points cost 1 yuan, dollar …"),
    )
    decision_days = models.PositiveIntegerField(
        _("days that explanations are kept"),
        default=730,
        validators=[MinValueValidator(30)],
        help_text=_("After that the trace of a decision is dropped; what was granted stays, and so does what a refund needs."),
    )
    roll_key = models.CharField(max_length=64, default=new_roll_key, editable=False)
    history = HistoricalRecords(app="points", excluded_fields=["roll_key"])

    class Meta:
        verbose_name = _("settings of earning")
        verbose_name_plural = _("settings of earning")

    def __str__(self) -> str:
        return str(_("Settings of earning"))


class RulebookGeneration(models.Model):
    """Counts the changes of what is in force; one row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("generation of the rulebook")
        verbose_name_plural = _("generation of the rulebook")

    def __str__(self) -> str:
        return str(self.number)
