from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class Redemption(models.Model):
    class Status(models.TextChoices):
        HELD = "held", _("waits for payment")
        CONFIRMED = "confirmed", _("confirmed")
        FULFILLING = "fulfilling", _("being fulfilled")
        SHIPPED = "shipped", _("shipped")
        DELIVERED = "delivered", _("delivered")
        CANCELLED = "cancelled", _("cancelled")
        LAPSED = "lapsed", _("not paid in time")
        RETURNED = "returned", _("returned")

    ARROWS = {
        Status.HELD: (Status.CONFIRMED, Status.CANCELLED, Status.LAPSED),
        Status.CONFIRMED: (Status.FULFILLING, Status.DELIVERED, Status.CANCELLED),
        Status.FULFILLING: (Status.SHIPPED, Status.DELIVERED, Status.CANCELLED),
        Status.SHIPPED: (Status.DELIVERED, Status.RETURNED),
        Status.DELIVERED: (Status.RETURNED,),
    }
    # Nothing of it counts any more.
    VOID = (Status.CANCELLED, Status.LAPSED, Status.RETURNED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    reward = models.ForeignKey("mall.Reward", verbose_name=_("reward"), on_delete=models.PROTECT, related_name="+", db_index=False)
    sale = models.ForeignKey(
        "mall.FlashSale", verbose_name=_("flash sale"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False,
        help_text=_("In which it was redeemed."),
    )  # fmt: skip
    status = models.CharField(_("status"), max_length=10, choices=Status)
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])
    returned = models.PositiveIntegerField(_("of them returned"), default=0)
    unit_points = models.BigIntegerField(_("points for one"))
    unit_cents = models.BigIntegerField(_("money for one"), default=0)
    shipping_cents = models.PositiveBigIntegerField(_("shipping"), default=0, help_text=_("Money due for the parcel."))
    shipping_waived_cents = models.PositiveBigIntegerField(_("shipping not charged"), default=0, help_text=_("Because the member's tier ships free."))
    price = models.CharField(_("price"), max_length=16, help_text=_("Which price it was: list, clearance, scarcity, tier, tier_discount, markdown, sale."))
    unit_cost_cents = models.BigIntegerField(_("unit cost"), default=0)
    sponsor_bps = models.PositiveIntegerField(_("sponsor's share of the cost (1/100 %)"), default=0)
    points_per_unit = models.PositiveIntegerField(_("points for one unit of money"), help_text=_("What points were worth then."))
    item = models.CharField(_("what is handed out"), max_length=60, blank=True)

    spend = models.ForeignKey("points.Entry", verbose_name=_("spent with"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    revived = models.BooleanField(_("paid with expired points"), default=False)
    hold = models.ForeignKey("points.Hold", verbose_name=_("hold"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    pay_until = models.DateTimeField(_("to be paid until"), null=True)
    payment = models.CharField(_("payment"), max_length=64, blank=True, help_text=_("The storefront's own number of it."))

    name = models.CharField(_("recipient"), max_length=100, blank=True)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    address = models.CharField(_("address"), max_length=400, blank=True)
    carrier = models.CharField(_("carrier"), max_length=60, blank=True)
    tracking = models.CharField(_("tracking number"), max_length=80, blank=True)

    counted_on = models.DateField(_("counts for the day"))
    charged = models.JSONField(_("shared limits that count it"), default=list)
    stocked = models.BooleanField(_("taken from stock"), default=False)
    key = models.CharField(_("key"), max_length=300)
    digest = models.CharField(_("digest"), max_length=32)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("made"))
    changed_at = models.DateTimeField(_("last step"))

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        ordering = ["-id"]
        permissions = [("fulfil_redemption", "Can fulfil redemptions"), ("return_redemption", "Can cancel redemptions and take them back")]
        constraints = [
            models.UniqueConstraint(fields=["member", "key"], name="redemption_key_once"),
            models.CheckConstraint(name="redemption_of_something", condition=Q(quantity__gte=1, unit_points__gte=1, unit_cents__gte=0)),
            models.CheckConstraint(name="redemption_returns_at_most_all", condition=Q(returned__lte=F("quantity"))),
            models.CheckConstraint(
                name="redemption_that_waits_is_held",
                condition=~Q(status="held") | Q(hold__isnull=False, pay_until__isnull=False, spend=None),
            ),
            models.CheckConstraint(
                name="redemption_that_goes_on_is_paid",
                condition=Q(status__in=["held", "lapsed", "cancelled"]) | Q(spend__isnull=False) | Q(revived=True),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "reward"], name="redemption_of_reward"),
            models.Index(fields=["member", "-id"], name="redemption_newest"),
            models.Index(fields=["reward", "-id"], name="redemption_by_reward"),
            models.Index(fields=["sale", "-id"], name="redemption_in_sale", condition=Q(sale__isnull=False)),
            models.Index(fields=["pay_until"], name="redemption_to_lapse", condition=Q(status="held")),
            models.Index(fields=["tracking"], name="redemption_by_tracking", condition=~Q(tracking="")),
            models.Index(fields=["status", "id"], name="redemption_queue", condition=Q(status__in=["confirmed", "fulfilling", "shipped"])),
        ]

    def __str__(self) -> str:
        return f"{self.reward.name} × {self.quantity}"

    @property
    def points(self) -> int:
        return self.unit_points * self.quantity

    @property
    def cents(self) -> int:
        """Money for what is redeemed, without shipping."""
        return self.unit_cents * self.quantity

    @property
    def total_cents(self) -> int:
        """All the money due."""
        return self.cents + self.shipping_cents


class Step(models.Model):
    """One arrow that a redemption went; that it was made is on the redemption itself."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey(Redemption, verbose_name=_("redemption"), on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.CharField(_("from"), max_length=10, choices=Redemption.Status)
    status = models.CharField(_("to"), max_length=10, choices=Redemption.Status)
    quantity = models.PositiveIntegerField(_("quantity"))
    points = models.BigIntegerField(_("points given back"), default=0)
    cents = models.BigIntegerField(_("money to give back"), default=0)
    shipping_cents = models.PositiveBigIntegerField(_("of it for shipping"), default=0)
    restocked = models.BooleanField(_("back on the shelf"), default=False)
    key = models.CharField(_("key"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("step of a redemption")
        verbose_name_plural = _("steps of redemptions")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["member", "key"], name="redemption_step_key_once", condition=~Q(key=""))]
        indexes = [models.Index(fields=["member", "redemption", "id"], name="redemption_steps")]

    def __str__(self) -> str:
        return f"{self.before} → {self.status}"
