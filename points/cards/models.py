from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named


class CardKind(Named):
    class Use(models.TextChoices):
        MULTIPLIER = "multiplier", _("multiplies what an order earns")
        MAKE_UP = "make_up", _("makes up a missed check-in")

    code = models.SlugField(_("code"), max_length=40, primary_key=True, help_text=_("How rules and the storefront name it, like double. It stays."))
    name_zh = models.CharField(_("name, Chinese"), max_length=40, help_text=_("As members read it: 翻倍卡, 补签卡 …"))
    name_en = models.CharField(_("name, English"), max_length=40)
    use = models.CharField(_("use"), max_length=12, choices=Use)
    factor_percent = models.PositiveIntegerField(
        _("factor, in percent"),
        null=True,
        blank=True,
        validators=[MinValueValidator(101)],
        help_text=_("What members are told of a multiplier card; 200 is twice the points. What it does is set in the earning rule that uses it."),
    )
    valid_days = models.PositiveIntegerField(
        _("valid, in days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("A card is good through the end of that day after it was granted. Empty: for ever. Cards granted already keep their expiry."),
    )
    active = models.BooleanField(
        _("can be chosen"),
        default=True,
        help_text=_("Off: for no new rule and no new grant. Members keep the cards they have, and rules that give it go on until they are retired."),
    )
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("kind of card")
        verbose_name_plural = _("kinds of cards")
        ordering = ["code"]
        constraints = [models.CheckConstraint(name="card_kind_factor_is_a_multipliers", condition=Q(use="multiplier") | Q(factor_percent=None))]


class Card(models.Model):
    class Status(models.TextChoices):
        AVAILABLE = "available", _("available")
        USED = "used", _("used")
        EXPIRED = "expired", _("expired")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {
        Status.AVAILABLE: (Status.USED, Status.EXPIRED, Status.WITHDRAWN),
        Status.USED: (Status.AVAILABLE, Status.EXPIRED, Status.WITHDRAWN),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.ForeignKey(CardKind, verbose_name=_("kind"), on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.AVAILABLE)
    granted_at = models.DateTimeField(_("granted"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("The first instant at which the card is gone. Empty: never."))
    subject = models.CharField(_("granted for"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=100)
    key = models.CharField(_("key"), max_length=300)
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("Counts the cards of one grant."))
    used_by = models.CharField(_("used for"), max_length=200, blank=True)
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    withdrawn_for = models.CharField(_("withdrawn because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("card")
        verbose_name_plural = _("cards")
        ordering = ["-id"]
        permissions = [("grant_card", "Can grant cards"), ("withdraw_card", "Can withdraw cards")]
        constraints = [
            models.UniqueConstraint(fields=["member", "key", "number"], name="card_granted_once"),
            models.UniqueConstraint(fields=["member", "kind", "used_by"], name="card_one_of_a_kind_for_a_subject", condition=Q(status="used")),
            models.CheckConstraint(
                name="card_used_says_for_what",
                condition=(Q(status="used", used_at__isnull=False) & ~Q(used_by="")) | (~Q(status="used") & Q(used_by="", used_at=None)),
            ),
            models.CheckConstraint(
                name="card_withdrawn_says_why",
                condition=(Q(status="withdrawn") & ~Q(withdrawn_for="")) | Q(status="available", withdrawn_for="") | Q(status__in=["used", "expired"]),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="card_newest"),
            models.Index(fields=["member", "kind", "expires_at"], name="card_available", condition=Q(status="available")),
            models.Index(fields=["expires_at"], name="card_due", condition=Q(status="available")),
        ]

    def __str__(self) -> str:
        return f"{self.kind_id} {self.get_status_display()}"
