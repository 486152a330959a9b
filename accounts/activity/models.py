from functools import cached_property
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named

from . import rules


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


class FactKind(Named):
    """What members can do besides buying. Operators add kinds; those that came with the programme are `built_in`."""

    class Once(models.TextChoices):
        EACH = "each", _("every time")
        EVER = "ever", _("once ever")
        DAY = "day", _("once a day")
        SUBJECT = "subject", _("once for each subject")
        SUBJECT_DAY = "subject_day", _("once a day for each subject")

    code = models.CharField(
        _("code"),
        primary_key=True,
        max_length=40,
        validators=[RegexValidator(rules.NAME, _("Small letters, digits and underscores, a letter first: photo_shared."))],
        help_text=_("What the storefront's messages and the rules call it, like photo_shared. It stays as it is for good."),
    )
    name_zh = models.CharField(_("Chinese name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60)
    # Of a built-in kind an English sentence of ours, translated where it is shown; so is the help of its fields.
    description = models.CharField(
        _("description"), max_length=300, blank=True, help_text=_("When the storefront tells it, for whoever writes a rule about it.")
    )
    once = models.CharField(
        _("how often it counts"), max_length=12, choices=Once, default=Once.EACH, help_text=_("How often the same member can do it. More is refused.")
    )
    subject = models.JSONField(_("subject"), default=list, blank=True, help_text=_("The fields that say what it was about: together they are the subject."))
    fields = models.JSONField(_("fields"), default=list, blank=True)
    ours = models.BooleanField(_("told by the programme itself"), default=False, editable=False)
    built_in = models.BooleanField(_("built in"), default=False, editable=False)
    active = models.BooleanField(_("accepted"), default=True, help_text=_("Off: messages of this kind are refused from now on. What was told before stays."))
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("kind of fact")
        verbose_name_plural = _("kinds of facts")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def explained(self) -> str:
        """Its description, in the language of whoever reads where it is built in."""
        return gettext(self.description) if self.description else ""

    @property
    def needed(self) -> bool:
        """Whether the programme itself would be broken without it."""
        return self.ours or self.code == "registered"

    @cached_property
    def shape(self) -> tuple[rules.Field, ...]:
        return tuple(rules.field_from_json(one) for one in self.fields)


class Behaviour(models.Model):
    """`data` is what was told first, and stays; `amended` what it turned out to be."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.ForeignKey(FactKind, verbose_name=_("kind"), on_delete=models.PROTECT, related_name="+", db_index=False)
    external_id = models.CharField(_("id of the message"), max_length=128)
    once_key = models.TextField(editable=False)
    occurred_at = models.DateTimeField(_("happened at"))
    local_date = models.DateField(_("business day"))
    data = models.JSONField(_("as it came"), default=dict)
    amended = models.JSONField(_("as it turned out"), null=True, blank=True)
    digest = models.CharField(max_length=32, editable=False)
    recorded_at = models.DateTimeField(_("recorded"))
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        verbose_name = _("behaviour")
        verbose_name_plural = _("behaviours")
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "kind", "external_id"], name="behaviour_once"),
            models.UniqueConstraint(fields=["member", "kind", "once_key"], name="behaviour_once_only"),
        ]
        indexes = [
            models.Index(fields=["member", "kind", "occurred_at"], name="behaviour_of_member"),
            models.Index(fields=["kind", "-id"], name="behaviour_newest"),
            models.Index(fields=["occurred_at", "id"], name="behaviour_by_time"),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def said(self) -> dict[str, Any]:
        """What holds: as it turned out, else as it came."""
        return self.data if self.amended is None else self.amended


class PurchaseNumber(models.Model):
    """Whose a purchase of the storefront's is. Without a member: heard of (a refund came first, or a guest's), not yet anybody's."""

    external_id = models.CharField(_("storefront's id"), max_length=64, primary_key=True)
    member = models.ForeignKey("accounts.Member", null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    purchase_id = models.UUIDField(null=True)
    delivered_at = models.DateTimeField(null=True, help_text=_("Where the delivery was told before the purchase was anybody's."))

    # Of a purchase of somebody who was erased only this is left: told again, it is gone, and nobody knows whose it was.
    GONE = "gone/"

    @property
    def gone(self) -> bool:
        return self.external_id.startswith(self.GONE) and self.purchase_id is None

    class Meta:
        verbose_name = _("purchase number")
        verbose_name_plural = _("purchase numbers")

    def __str__(self) -> str:
        return self.external_id


class Purchase(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    external_id = models.CharField(_("storefront's id"), max_length=64)
    occurred_at = models.DateTimeField(_("paid at"))
    currency = models.CharField(_("currency"), max_length=3)
    paid_cents = models.BigIntegerField(_("paid in money"))
    shipping_cents = models.BigIntegerField(_("shipping"), default=0)
    channel = models.CharField(_("channel"), max_length=40, blank=True, default="", db_default="", help_text=_("Where it was bought: app, web, a branch."))
    discounts = models.JSONField(_("discounts"), default=list)
    hold_ref = models.CharField(max_length=64, blank=True)
    digest = models.CharField(max_length=32, editable=False)
    recorded_at = models.DateTimeField(_("recorded"))
    refunded = models.BooleanField(_("refunded completely"), default=False, db_default=False)

    class Meta:
        verbose_name = _("purchase")
        verbose_name_plural = _("purchases")
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "external_id"], name="purchase_once"),
            models.CheckConstraint(name="purchase_paid_not_below_zero", condition=Q(paid_cents__gte=0, shipping_cents__gte=0)),
        ]
        indexes = [
            models.Index(fields=["member", "-occurred_at", "-id"], name="purchase_newest"),
            models.Index(fields=["occurred_at", "id"], name="purchase_by_time"),
        ]

    def __str__(self) -> str:
        return self.external_id


class PurchaseLine(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    purchase = models.ForeignKey(Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField(_("position"))
    external_id = models.CharField(_("storefront's id"), max_length=64)
    sku = models.CharField(_("SKU"), max_length=64, blank=True)
    category = models.CharField(_("category"), max_length=200, blank=True)
    brand = models.CharField(_("brand"), max_length=100, blank=True)
    quantity = models.BigIntegerField(_("quantity"))
    amount_cents = models.BigIntegerField(_("amount"))
    cost_cents = models.BigIntegerField(_("cost"), null=True, blank=True, help_text=_("What all of the line cost the shop, where the storefront says so."))
    paid_cents = models.BigIntegerField(
        _("paid in money"),
        null=True,
        blank=True,
        help_text=_("What of the line was paid in money, where points or coupons of ours paid part of the order; else its share by the amounts."),
    )

    class Meta:
        verbose_name = _("purchase line")
        verbose_name_plural = _("purchase lines")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["member", "purchase", "position"], name="purchase_line_once")]

    def __str__(self) -> str:
        return f"{self.external_id} {self.sku}"


class Refund(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    purchase = models.ForeignKey(Purchase, verbose_name=_("purchase"), on_delete=models.PROTECT, related_name="refunds", db_index=False)
    external_id = models.CharField(_("storefront's id"), max_length=64)
    occurred_at = models.DateTimeField(_("given back at"))
    amount_cents = models.BigIntegerField(_("money given back"))
    facts = models.JSONField(_("as it came"))
    digest = models.CharField(max_length=32, editable=False)
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "purchase", "external_id"], name="refund_once"),
            models.CheckConstraint(name="refund_not_below_zero", condition=Q(amount_cents__gte=0)),
        ]

    def __str__(self) -> str:
        return self.external_id


class UnmatchedRefund(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for its purchase")
        PARKED = "parked", _("parked for an operator")
        APPLIED = "applied", _("applied")
        CLOSED = "closed", _("closed")

    ARROWS = {
        Status.WAITING: (Status.APPLIED, Status.PARKED, Status.CLOSED),
        Status.PARKED: (Status.APPLIED, Status.PARKED, Status.CLOSED),
        Status.APPLIED: (),
        Status.CLOSED: (),
    }
    OPEN = (Status.WAITING, Status.PARKED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    external_id = models.CharField(_("storefront's id"), max_length=64)
    purchase_ref = models.CharField(
        _("purchase"), max_length=64, blank=True, help_text=_("The storefront's id of the purchase; empty where the message named none.")
    )
    member_ref = models.CharField(_("member"), max_length=64, blank=True, help_text=_("The storefront's id of the member, where the message named one."))
    status = models.CharField(_("status"), max_length=10, choices=Status)
    # An English sentence of ours, translated where it is shown.
    why = models.CharField(_("why it waits"), max_length=300, blank=True)
    facts = models.JSONField(_("as it came"))
    digest = models.CharField(max_length=32, editable=False)
    occurred_at = models.DateTimeField(_("given back at"))
    recorded_at = models.DateTimeField(_("recorded"))
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("refund without purchase")
        verbose_name_plural = _("refunds without purchase")
        ordering = [F("recorded_at").desc(), "-id"]
        constraints = [models.UniqueConstraint(fields=["purchase_ref", "external_id"], name="unmatched_refund_once")]
        indexes = [models.Index(fields=["status", "-recorded_at"], name="unmatched_refund_open", condition=Q(status__in=["waiting", "parked"]))]

    def __str__(self) -> str:
        return self.external_id


class GuestPurchase(models.Model):
    """A purchase of nobody's yet, as it came. Claimed, it becomes a member's purchase as if it had been theirs from the start."""

    external_id = models.CharField(_("storefront's id"), max_length=64, primary_key=True)
    facts = models.JSONField(_("as it came"))
    digest = models.CharField(max_length=32, editable=False)
    occurred_at = models.DateTimeField(_("paid at"))
    recorded_at = models.DateTimeField(_("recorded"))
    claimed_by = models.ForeignKey(
        "accounts.Member", verbose_name=_("claimed by"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    claimed_at = models.DateTimeField(_("claimed"), null=True, blank=True)

    class Meta:
        verbose_name = _("guest purchase")
        verbose_name_plural = _("guest purchases")

    def __str__(self) -> str:
        return self.external_id
