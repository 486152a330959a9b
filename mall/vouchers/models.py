from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named
from mall.rewards.models import CODE

ADDRESS = RegexValidator(
    r"^(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost)(:\d+)?)(/[^\s?#]*)?\Z",
    _("Write an https address without user, query or fragment; http only for this very machine."),
)


class Provider(Named):
    code = models.CharField(
        _("code"),
        max_length=30,
        primary_key=True,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*\Z", _("Small letters, digits and underscores, a letter first."))],
        help_text=_("Names its secret in the environment: for cinema, VOUCHER_SECRET_CINEMA. It stays."),
    )
    base_url = models.CharField(
        _("address"),
        max_length=200,
        validators=[ADDRESS],
        help_text=_("What comes before /orders: https://api.example.com/v1. VOUCHER_URL_… in the environment goes before it."),
    )
    key_id = models.CharField(
        _("number of the key"), max_length=60, validators=[RegexValidator(r"^[A-Za-z0-9._:-]+\Z")], help_text=_("Tells the provider whose secret has signed.")
    )
    days = models.PositiveSmallIntegerField(
        _("days until an operator decides"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text=_("For so long the provider is asked again where it does not answer. After that, somebody decides what becomes of the order."),
    )
    active = models.BooleanField(_("in use"), default=False, help_text=_("Off: nothing is asked of this provider; its orders wait, and no new ones are made."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("provider of vouchers")
        verbose_name_plural = _("providers of vouchers")
        ordering = ["code"]

    def clean(self) -> None:
        self.base_url = (self.base_url or "").rstrip("/")


class ProviderProduct(Named):
    code = models.CharField(_("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("By which a reward names what it hands out. It stays."))
    provider = models.ForeignKey(Provider, verbose_name=_("provider of vouchers"), on_delete=models.PROTECT, related_name="products")
    sku = models.CharField(_("SKU at the provider"), max_length=100, help_text=_("What the provider calls it. Orders made before keep the one of their day."))
    active = models.BooleanField(_("in use"), default=True, help_text=_("Off: no new orders are made of it."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("product of a provider")
        verbose_name_plural = _("products of providers")
        ordering = ["provider", "code"]

    def clean(self) -> None:
        if not self.sku.isprintable():
            raise ValidationError({"sku": _("Write it in one line.")})


class VoucherOrder(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", _("waits for the provider")
        SENDING = "sending", _("being asked")
        DELIVERED = "delivered", _("issued")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("cancelled at the provider")
        UNKNOWN = "unknown", _("to be decided")

    class Purpose(models.TextChoices):
        VOUCHER = "voucher", _("vouchers")
        LOAN = "loan", _("rental")
        RENEWAL = "renewal", _("renewal")

    class Ask(models.TextChoices):
        POST = "POST", _("to issue it")
        GET = "GET", _("how it stands")
        DELETE = "DELETE", _("to cancel it")
        # By DELETE, too.
        RETURN = "RETURN", _("to take back what was lent")

    # From `waiting` and `unknown` also where the answer to an earlier attempt comes late.
    ARROWS = {
        State.WAITING: (State.SENDING, State.DELIVERED, State.REFUSED, State.WITHDRAWN),
        State.SENDING: (State.WAITING, State.DELIVERED, State.REFUSED, State.WITHDRAWN, State.UNKNOWN),
        State.UNKNOWN: (State.WAITING, State.DELIVERED, State.REFUSED, State.WITHDRAWN),
        State.DELIVERED: (State.WAITING,),
    }
    # The member has, and will have, nothing of it (any more).
    VOID = (State.REFUSED, State.WITHDRAWN)

    # The key at the provider.
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), on_delete=models.PROTECT, related_name="+", db_index=False)
    product = models.ForeignKey(ProviderProduct, verbose_name=_("product of a provider"), on_delete=models.PROTECT, related_name="+", db_index=False)
    provider = models.ForeignKey(Provider, verbose_name=_("provider of vouchers"), on_delete=models.PROTECT, related_name="+", db_index=False)
    sku = models.CharField(_("SKU at the provider"), max_length=100)
    quantity = models.PositiveIntegerField(_("quantity"))
    purpose = models.CharField(_("for"), max_length=8, choices=Purpose, default=Purpose.VOUCHER)
    ends_at = models.DateTimeField(_("lent until"), null=True)
    extends = models.ForeignKey("self", verbose_name=_("makes longer"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    asks = models.CharField(_("what is asked next"), max_length=6, choices=Ask, default=Ask.POST)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    vouchers = models.JSONField(_("vouchers"), default=list)
    number = models.CharField(_("provider's number"), max_length=100, blank=True)
    detail = models.CharField(_("what the provider said"), max_length=300, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("decided by"), max_length=150, blank=True)
    created_at = models.DateTimeField(_("made"))
    due_at = models.DateTimeField(_("next attempt"))
    until = models.DateTimeField(_("asked until"))
    lease_until = models.DateTimeField(null=True, editable=False)
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("order of vouchers")
        verbose_name_plural = _("orders of vouchers")
        ordering = ["-id"]
        permissions = [("decide_voucherorder", "Can decide on orders of vouchers, and take vouchers back")]
        constraints = [
            models.UniqueConstraint(fields=["member", "redemption"], name="voucher_order_once", condition=Q(extends=None)),
            models.CheckConstraint(
                name="voucher_order_of_a_loan_ends",
                condition=Q(purpose="voucher", ends_at=None, extends=None)
                | Q(purpose="loan", ends_at__isnull=False, extends=None)
                | Q(purpose="renewal", ends_at__isnull=False, extends__isnull=False),
            ),
            models.CheckConstraint(name="voucher_order_of_something", condition=Q(quantity__gte=1)),
            models.CheckConstraint(name="voucher_order_asks_under_a_lease", condition=Q(state="sending", lease_until__isnull=False) | Q(lease_until=None)),
        ]
        indexes = [
            models.Index(fields=["provider", "due_at"], name="voucher_order_due", condition=Q(state="waiting")),
            models.Index(fields=["lease_until"], name="voucher_order_lease", condition=Q(state="sending")),
            models.Index(fields=["settled_at"], name="voucher_order_to_decide", condition=Q(state="unknown")),
            models.Index(fields=["redemption"], name="voucher_order_of_redemption"),
            models.Index(fields=["number"], name="voucher_order_by_number", condition=~Q(number="")),
        ]

    def __str__(self) -> str:
        return f"{self.product} × {self.quantity}"


class VoucherAttempt(models.Model):
    """One question to the provider. Without an outcome: under way, or its worker died."""

    class Outcome(models.TextChoices):
        ISSUED = "issued", _("issued")
        REFUSED = "refused", _("refused")
        PENDING = "pending", _("being made")
        ABSENT = "absent", _("not known there")
        CANCELLED = "cancelled", _("cancelled at the provider")
        THROTTLED = "throttled", _("too many at once")
        UNREACHABLE = "unreachable", _("not reached")
        UNKNOWN = "unknown", _("no answer")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey(VoucherOrder, verbose_name=_("order of vouchers"), on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveSmallIntegerField(_("number"))
    ask = models.CharField(_("question"), max_length=6, choices=VoucherOrder.Ask)
    started_at = models.DateTimeField(_("begun"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    counted = models.BooleanField(
        _("counts"), default=True, help_text=_("Off: it came when the order was settled already, or another question had been asked meanwhile.")
    )

    class Meta:
        verbose_name = _("attempt at a voucher")
        verbose_name_plural = _("attempts at vouchers")
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["member", "order", "number"], name="voucher_attempt_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_outcome_display() or '…'}"
