from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from .rules import BENEFITS, LEAST, MOST, ONCE, Band, Benefit, Step


class Tier(models.Model):
    code = models.SlugField(
        _("code"),
        max_length=40,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]*\Z", _("Write small letters, digits, hyphens and underscores, a letter first."))],
        help_text=_("By which earning rules name this tier, like gold. It cannot change later."),
    )
    name_zh = models.CharField(_("name, Chinese"), max_length=30, help_text=_("As members read it: 金卡会员 …"))
    name_en = models.CharField(_("name, English"), max_length=30)
    rank = models.PositiveSmallIntegerField(
        _("rank"), unique=True, help_text=_("Higher is better. Leave room between tiers (10, 20, 30), so that another one fits in later.")
    )
    multiplier_bps = models.PositiveIntegerField(_("multiplier"), default=ONCE, validators=[MinValueValidator(LEAST), MaxValueValidator(MOST)])
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#8a8f98",
        validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", _("Write a colour like #c9a227."))],
        help_text=_("Of the member's card, for the storefront to use."),
    )
    active = models.BooleanField(
        _("in use"),
        default=True,
        help_text=_(
            "Off: nobody is put into this tier any more. Members in it count as in the next lower active tier, "
            "or the lowest one where there is none below, and are back in this one as soon as it is active again."
        ),
    )
    threshold = models.BigIntegerField(
        _("threshold"),
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_(
            "From this figure on members reach the tier: growth points, cents or a score, as the evaluation says. "
            "0: the lowest tier; of a tier above it, that no figure leads into it."
        ),
    )
    invited_only = models.BooleanField(
        _("by invitation only"), default=False, help_text=_("Nobody reaches this tier by figures: operators put members into it.")
    )
    card_url = models.URLField(
        _("picture of the card"), max_length=300, blank=True, help_text=_("An address that the storefront shows, like https://…/gold.png.")
    )
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("tier")
        verbose_name_plural = _("tier ladder")
        ordering = ["rank"]
        constraints = [
            models.CheckConstraint(name="tier_multiplier_in_range", condition=models.Q(multiplier_bps__gte=LEAST, multiplier_bps__lte=MOST)),
            models.CheckConstraint(name="tier_has_a_code", condition=~models.Q(code="")),
            models.CheckConstraint(name="tier_threshold_not_below_zero", condition=models.Q(threshold__gte=0)),
        ]

    def __str__(self) -> str:
        return self.step.name(get_language() or "")

    @property
    def step(self) -> Step:
        return Step(
            self.code,
            self.rank,
            self.multiplier_bps,
            self.name_zh,
            self.name_en,
            self.colour,
            self.active,
            self.threshold,
            self.invited_only,
            self.card_url,
        )


class TierBenefit(models.Model):
    class Kind(models.TextChoices):
        BIRTHDAY_MULTIPLIER = "birthday_multiplier", _("birthday multiplier")
        BIRTHDAY_GIFT = "birthday_gift", _("birthday gift")
        REDEMPTION_DISCOUNT = "redemption_discount", _("redemption discount")
        FREE_SHIPPING = "free_shipping", _("free shipping")
        EARLY_ACCESS = "early_access", _("early access")
        MONTHLY_ALLOWANCE = "monthly_allowance", _("monthly allowance")
        LEVEL_UP_GIFT = "level_up_gift", _("level-up gift")
        LEVEL_UP_COUPON = "level_up_coupon", _("coupon on reaching the tier")
        LOAN_LIMIT = "loan_limit", _("loan limit")
        OWN_AGENT = "own_agent", _("own agent")

    tier = models.ForeignKey(Tier, verbose_name=_("tier"), on_delete=models.CASCADE, related_name="benefits")
    kind = models.CharField(_("benefit"), max_length=30, choices=Kind)
    # In the unit of its kind: factors and percents in basis points.
    value = models.BigIntegerField(_("value"), default=0)
    item = models.CharField(_("code"), max_length=60, blank=True)
    bands = models.JSONField(_("with more orders"), default=list, blank=True)
    text_zh = models.CharField(_("text for members, Chinese"), max_length=200, blank=True)
    text_en = models.CharField(_("text for members, English"), max_length=200, blank=True)
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("benefit of a tier")
        verbose_name_plural = _("benefits of tiers")
        ordering = ["tier__rank", "id"]
        constraints = [
            models.UniqueConstraint(fields=["tier", "kind"], name="tier_benefit_once"),
            models.CheckConstraint(name="tier_benefit_of_a_known_kind", condition=models.Q(kind__in=list(BENEFITS))),
            models.CheckConstraint(name="tier_benefit_not_below_zero", condition=models.Q(value__gte=0)),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())

    @property
    def plain(self) -> Benefit:
        return Benefit(self.kind, self.value, self.item, tuple(Band(**band) for band in self.bands), self.text_zh, self.text_en)
