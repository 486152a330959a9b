import re

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration
from loyalty.lib.ids import new_id


class ReferralTerms(Configuration):
    active = models.BooleanField(
        _("members may invite"),
        default=True,
        help_text=_("Off: nobody gets a code, and whoever registers makes no new referral; who invited them is still kept. Open referrals go on."),
    )
    window_days = models.PositiveIntegerField(
        _("days for the first order"),
        default=90,
        validators=[MaxValueValidator(3650)],
        help_text=_("So many days after registering, the friend's first order must be paid. 0: no limit. Holds for friends who register from now on."),
    )
    link_template = models.CharField(
        _("link"),
        max_length=300,
        blank=True,
        help_text=_("The page of the shop to which an invitation leads, with {code} in the place of the code: https://shop.example/r/{code}. Empty: no link."),
    )
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("terms of referrals")
        verbose_name_plural = _("terms of referrals")

    def __str__(self) -> str:
        return str(_("Terms of referrals"))

    def clean(self) -> None:
        if not self.link_template:
            return
        if re.findall(r"\{code\}|[{}]", self.link_template) != ["{code}"]:
            raise ValidationError({"link_template": _("Write {code} once, where the code belongs, and no other braces.")})
        try:
            URLValidator(schemes=["http", "https"])(self.link_template.replace("{code}", "CODE"))
        except ValidationError as error:
            raise ValidationError({"link_template": _("This is no address of a page. Begin with https://")}) from error


class ReferralCode(models.Model):
    """Whose a code is. Found by the code alone, like a purchase by its number."""

    code = models.CharField(max_length=8, primary_key=True)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    made_at = models.DateTimeField(_("made"))

    class Meta:
        verbose_name = _("referral code")
        verbose_name_plural = _("referral codes")
        constraints = [models.UniqueConstraint(fields=["member"], name="referral_code_one_per_member")]

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """The friend is the member: it is theirs, and there is one of it."""

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        COMPLETED = "completed", _("completed")
        REVOKED = "revoked", _("revoked")
        LAPSED = "lapsed", _("lapsed")
        CANCELLED = "cancelled", _("cancelled")
        NOT_NEW = "not_new", _("not a new customer")

    ARROWS = {
        Status.OPEN: (Status.COMPLETED, Status.LAPSED, Status.CANCELLED),
        Status.COMPLETED: (Status.REVOKED, Status.CANCELLED),
        Status.REVOKED: (Status.COMPLETED, Status.CANCELLED),
        # By an order that was paid in time and told too late.
        Status.LAPSED: (Status.COMPLETED, Status.CANCELLED),
        Status.CANCELLED: (),
        Status.NOT_NEW: (),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("friend"), on_delete=models.PROTECT, related_name="+", db_index=False)
    inviter = models.ForeignKey("accounts.Member", verbose_name=_("invited by"), on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    registered_at = models.DateTimeField(_("friend registered"))
    until = models.DateTimeField(_("order until"), null=True, blank=True, help_text=_("An order paid then or later comes too late. Empty: no limit."))
    purchase_ref = models.CharField(
        _("purchase"), max_length=64, blank=True, help_text=_("The storefront's id of the order that completed it, also where it was revoked later.")
    )
    amount_cents = models.BigIntegerField(
        _("amount"), default=0, help_text=_("What of that order was paid in money for goods, net of refunds: by it the rules decide.")
    )
    completed_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    settled_at = models.DateTimeField(_("last change"))
    cancelled_by = models.CharField(_("cancelled by"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member"], name="referral_one_per_friend"),
            models.CheckConstraint(name="referral_not_by_oneself", condition=~Q(inviter=F("member"))),
            models.CheckConstraint(
                name="referral_completed_by_something",
                condition=~Q(status="completed") | (~Q(purchase_ref="") & Q(amount_cents__gt=0, completed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="referral_cancelled_by_somebody", condition=(~Q(status="cancelled") & Q(cancelled_by="")) | (Q(status="cancelled") & ~Q(cancelled_by=""))
            ),
        ]
        indexes = [
            models.Index(fields=["inviter", "-id"], name="referral_by_inviter"),
            models.Index(fields=["until"], name="referral_lapsing", condition=Q(status="open", until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.inviter.external_id} → {self.member.external_id}"
