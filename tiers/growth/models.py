import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id
from loyalty.lib.redaction import only_redacted

from .rules import ONCE


class GrowthTerms(Configuration):
    per_unit_bps = models.PositiveIntegerField(_("growth per unit of money"), default=ONCE, validators=[MaxValueValidator(100 * ONCE)])
    history = HistoricalRecords(app="tiers")

    class Meta:
        verbose_name = _("growth of purchases")
        verbose_name_plural = _("growth of purchases")

    def __str__(self) -> str:
        return str(_("Growth of purchases"))


class GrowthRate(models.Model):
    kind = models.OneToOneField(
        "accounts.FactKind",
        verbose_name=_("kind of fact"),
        on_delete=models.PROTECT,
        related_name="+",
        primary_key=True,
        help_text=_("What members do. Purchases have a rate of their own."),
    )
    growth = models.PositiveIntegerField(_("growth each time"), validators=[MinValueValidator(1), MaxValueValidator(1_000_000)])
    most_a_day = models.PositiveIntegerField(
        _("at most a day"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Growth of this kind on one day. Empty: no limit.")
    )
    active = models.BooleanField(_("in use"), default=True, help_text=_("Off: it brings no growth from now on. What has grown stays."))

    class Meta:
        verbose_name = _("growth of a behaviour")
        verbose_name_plural = _("growth of behaviours")
        ordering = ["kind_id"]
        constraints = [models.CheckConstraint(name="growth_rate_above_zero", condition=models.Q(growth__gt=0))]

    def __str__(self) -> str:
        return str(self.kind)


class GrowthEntry(models.Model):
    class Kind(models.TextChoices):
        PURCHASE = "purchase", _("purchase")
        BEHAVIOUR = "behaviour", _("behaviour")
        ADJUSTMENT = "adjustment", _("adjustment by hand")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    fact = models.CharField(_("kind of fact"), max_length=40, blank=True)
    subject = models.CharField(_("about"), max_length=200)
    number = models.PositiveIntegerField(_("line"), default=0)
    growth = models.BigIntegerField(_("growth"))
    amount_cents = models.BigIntegerField(_("paid for goods"), default=0)
    orders = models.SmallIntegerField(_("orders"), default=0)
    rate = models.BigIntegerField(_("rate"), default=0)
    occurred_at = models.DateTimeField(_("happened at"))
    recorded_at = models.DateTimeField(_("recorded"))
    actor = models.CharField(_("by"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("growth entry")
        verbose_name_plural = _("growth entries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "subject", "number"], name="growth_entry_once"),
            models.CheckConstraint(name="growth_entry_counts_an_order_once", condition=models.Q(orders__in=[-1, 0, 1])),
        ]
        indexes = [
            # Every figure is read from this index alone.
            models.Index(fields=["member", "occurred_at"], include=["growth", "amount_cents", "orders", "kind"], name="growth_entry_figures"),
            models.Index(fields=["member", "-id"], name="growth_entry_newest"),
        ]
        triggers = [
            pgtrigger.Protect(name="growth_entry_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="growth_entry_is_append_only", exclude=["subject", "reason"]),
            only_redacted("growth_entry_texts_stay", "subject", "reason"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.growth:+}"
