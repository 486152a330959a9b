from datetime import datetime
from functools import cached_property

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from . import rules


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


class BurnPolicy(models.Model):
    number = models.PositiveIntegerField(_("version"), unique=True)
    points_per_unit = models.PositiveIntegerField(
        _("points for one unit of money"),
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("100: a hundred points pay one yuan, dollar … This is what points are worth, wherever worth is shown."),
    )
    threshold = models.PositiveIntegerField(_("fewest points"), default=0, help_text=_("An order uses at least so many, or none. 0: no threshold."))
    step = models.PositiveIntegerField(
        _("in steps of"), default=1, validators=[MinValueValidator(1)], help_text=_("100: only 100, 200, 300 … points can be used.")
    )
    max_share_bps = models.PositiveIntegerField(
        _("up to a share of the order (1/100 %)"),
        default=10_000,
        validators=[MaxValueValidator(10_000)],
        help_text=_("How much of an order points may pay: 5000 is half of it, 10000 all, 0 nothing."),
    )
    bands = models.JSONField(_("by the order's total"), default=list, blank=True, help_text=_("From this total on, that share in the place of the one above."))
    dear_cents = models.PositiveBigIntegerField(
        _("from this unit price on"), null=True, blank=True, help_text=_("In cents: dearer goods have a share of their own. Empty: they have none.")
    )
    dear_share_bps = models.PositiveIntegerField(_("share of dearer goods (1/100 %)"), default=10_000, validators=[MaxValueValidator(10_000)])
    categories = models.JSONField(_("by category"), default=list, blank=True, help_text=_("Goods of these have a share of their own; 0: points pay nothing."))
    tiers = models.JSONField(_("by tier"), default=list, blank=True, help_text=_("Members of these have another share of the order."))
    with_coupons = models.BooleanField(_("points and coupons together"), default=True, help_text=_("Off: an order that uses a coupon uses no points."))
    in_force_from = models.DateTimeField(
        _("in force from"),
        null=True,
        blank=True,
        help_text=_("Announced until then, never for what was quoted, held or paid before. Empty: once it is published."),
    )
    published_at = models.DateTimeField(_("published"))
    published_by = models.CharField(_("published by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("burn policy version")
        verbose_name_plural = _("burn policy versions")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="burn_policy_makes_sense", condition=Q(points_per_unit__gte=1, step__gte=1, max_share_bps__lte=10_000)),
            models.CheckConstraint(name="burn_policy_dear_makes_sense", condition=Q(dear_share_bps__lte=10_000) & (Q(dear_cents=None) | Q(dear_cents__gte=1))),
            models.CheckConstraint(name="burn_policy_never_retroactive", condition=Q(in_force_from=None) | Q(in_force_from__gte=F("published_at"))),
        ]
        triggers = [pgtrigger.Protect(name="burn_policy_is_published", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(_("version %(number)s") % {"number": self.number})

    @property
    def starts_at(self) -> datetime:
        return self.in_force_from or self.published_at

    @cached_property
    def plain(self) -> rules.Policy:
        """In a currency of two decimals; whoever has another says so."""
        return rules.Policy(
            self.points_per_unit,
            self.threshold,
            self.step,
            self.max_share_bps,
            bands=tuple(rules.Band(**row) for row in self.bands),
            dear_cents=self.dear_cents,
            dear_share_bps=self.dear_share_bps,
            categories=tuple(rules.CategoryShare(**row) for row in self.categories),
            tiers=tuple(rules.TierShare(**row) for row in self.tiers),
            with_coupons=self.with_coupons,
        )


class CheckoutHold(models.Model):
    hold = models.OneToOneField("points.Hold", verbose_name=_("hold"), primary_key=True, on_delete=models.PROTECT, related_name="+")
    member = member()
    burn_policy = models.ForeignKey(BurnPolicy, verbose_name=_("burn policy"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    tier = models.CharField(_("tier"), max_length=40, blank=True, help_text=_("Whose share holds for it."))
    total_cents = models.BigIntegerField(_("order's total"), null=True, help_text=_("From the quote that it was made from, if any."))
    worth_cents = models.BigIntegerField(_("worth"))
    purchase_ref = models.CharField(_("purchase"), max_length=64, blank=True)

    class Meta:
        verbose_name = _("checkout hold")
        verbose_name_plural = _("checkout holds")

    def __str__(self) -> str:
        return str(self.hold)


class Settlement(models.Model):
    purchase = models.OneToOneField("accounts.Purchase", verbose_name=_("purchase"), primary_key=True, on_delete=models.PROTECT, related_name="+")
    member = member()
    spend_entry = models.ForeignKey("points.Entry", verbose_name=_("spent with"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    earn_entry = models.ForeignKey("points.Entry", verbose_name=_("earned with"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule_version = models.ForeignKey(
        "points.RuleVersion", verbose_name=_("rule version"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    paid_cents = models.BigIntegerField(_("paid in money"))
    basis_cents = models.BigIntegerField(_("basis"), help_text=_("What was paid in money for goods: what points are earned on."))
    worth_cents = models.BigIntegerField(_("paid with points"), default=0)
    spent = models.BigIntegerField(_("points spent"), default=0)
    restored = models.BigIntegerField(_("given back"), default=0)
    earned = models.BigIntegerField(_("points earned"), default=0)
    clawed_back = models.BigIntegerField(_("taken back"), default=0)
    refunded_cents = models.BigIntegerField(_("refunded"), default=0)
    delivered_at = models.DateTimeField(_("delivered on"), null=True)
    explanation = models.JSONField(_("explanation"), default=list)
    split = models.JSONField(_("split"), null=True, help_text=_("What coupons and points paid of each line and of shipping; empty where they paid nothing."))

    class Meta:
        verbose_name = _("settlement")
        verbose_name_plural = _("settlements")
        constraints = [
            models.CheckConstraint(name="settlement_gives_back_at_most_what_was_spent", condition=Q(restored__gte=0, restored__lte=F("spent"))),
            models.CheckConstraint(name="settlement_takes_back_at_most_what_was_earned", condition=Q(clawed_back__gte=0, clawed_back__lte=F("earned"))),
            models.CheckConstraint(name="settlement_refunds_at_most_what_was_paid", condition=Q(refunded_cents__gte=0, refunded_cents__lte=F("paid_cents"))),
        ]

    def __str__(self) -> str:
        return str(self.purchase)

    @property
    def how(self) -> rules.Split | None:
        return rules.Split.from_json(self.split) if self.split else None


class RefundSettlement(models.Model):
    refund = models.OneToOneField("accounts.Refund", verbose_name=_("refund"), primary_key=True, on_delete=models.PROTECT, related_name="+")
    member = member()
    restored = models.BigIntegerField(_("given back"))
    clawed_back = models.BigIntegerField(_("taken back"))
    waived = models.BigIntegerField(_("waived"))
    debt = models.BigIntegerField(_("owed after"))
    coupons = models.JSONField(_("coupons"), default=list, help_text=_("Of the order that it completed: given back, or why not."))

    class Meta:
        verbose_name = _("refund's settlement")
        verbose_name_plural = _("refunds' settlements")

    def __str__(self) -> str:
        return str(self.refund)
