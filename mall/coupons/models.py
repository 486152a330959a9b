from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Described

from . import rules

CODE = RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", _("Write small letters, digits, hyphens and underscores."))


def category_paths(given: object) -> None:
    """Refuses what is no list of paths."""
    if not isinstance(given, list) or not all(isinstance(one, str) and 0 < len(one) <= 200 and one.strip("/ ") == one for one in given):
        raise ValidationError(_("Name categories by their paths, like HOME/KITCHEN."))


class CouponTemplate(Described):
    class Kind(models.TextChoices):
        AMOUNT = "amount", _("an amount off")
        PERCENT = "percent", _("a percentage off")
        FREE_SHIPPING = "free_shipping", _("free shipping")

    code = models.CharField(
        _("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("How rules, rewards and the storefront name it, like welcome-10. It stays.")
    )
    text_zh = models.CharField(_("small print, Chinese"), max_length=500, blank=True, help_text=_("What members should know besides what the fields say."))
    text_en = models.CharField(_("small print, English"), max_length=500, blank=True)
    kind = models.CharField(_("kind"), max_length=13, choices=Kind)
    amount_cents = models.PositiveBigIntegerField(_("amount off"), default=0, help_text=_("In cents: 1000 is 10.00."))
    percent_bps = models.PositiveIntegerField(
        _("percentage off (1/100 %)"), default=0, validators=[MaxValueValidator(rules.ONE)], help_text=_("1500 takes 15 % off, which leaves 85 %.")
    )
    cap_cents = models.PositiveBigIntegerField(
        _("at most so much off"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("In cents, of a percentage. Empty: no cap.")
    )
    threshold_cents = models.PositiveBigIntegerField(
        _("from this total on"), default=0, help_text=_("In cents: what the lines it is for must come to, before any coupon. 0: any order.")
    )
    categories = models.JSONField(_("only on these categories"), default=list, blank=True, validators=[category_paths])
    excluded = models.JSONField(_("not on these categories"), default=list, blank=True, validators=[category_paths])

    valid_days = models.PositiveIntegerField(
        _("good for so many days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("Through the end of that day after it was issued. Empty: until the last day below."),
    )
    starts_on = models.DateField(_("first day"), null=True, blank=True, help_text=_("Before it, a coupon is shown but cannot be used. Empty: at once."))
    ends_on = models.DateField(_("last day"), null=True, blank=True, help_text=_("No coupon is good after it, and none is issued. Empty: only the days count."))

    in_all = models.PositiveIntegerField(
        _("in all"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Issued in all, counted while a limit stands here. Empty: no limit.")
    )
    per_member = models.PositiveIntegerField(
        _("per member"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("However they come. What members may claim needs one.")
    )
    claimable = models.BooleanField(_("members may claim it"), default=False, help_text=_("Off: it is only issued by rules, rewards, tiers and operators."))
    least_tier = models.ForeignKey(
        "tiers.Tier",
        verbose_name=_("claimed from this tier on"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Empty: for every tier."),
    )
    segment = models.ForeignKey(
        "accounts.Segment",
        verbose_name=_("claimed only by a segment"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Others do not see that it can be claimed."),
    )
    combines_with_points = models.BooleanField(_("goes with points"), default=True, help_text=_("Off: an order that uses it uses no points."))
    combines_with_coupons = models.BooleanField(
        _("goes with other coupons"), default=False, help_text=_("With those that also do, one of each template. Off: alone on its order.")
    )
    active = models.BooleanField(
        _("can be had"),
        default=True,
        help_text=_("Off: not claimed, redeemed or issued by hand. Coupons that members hold stay good, and rules that give it go on until they are retired."),
    )
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("coupon template")
        verbose_name_plural = _("coupon templates")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                name="coupon_template_takes_something_off",
                condition=Q(kind="amount", amount_cents__gte=1, percent_bps=0, cap_cents=None)
                | Q(kind="percent", percent_bps__gte=1, percent_bps__lte=rules.ONE, amount_cents=0)
                | Q(kind="free_shipping", amount_cents=0, percent_bps=0, cap_cents=None),
                violation_error_message=_("Say how much it takes off: an amount, or a percentage."),
            ),
            models.CheckConstraint(
                name="coupon_template_ends",
                condition=Q(valid_days__isnull=False) | Q(ends_on__isnull=False),
                violation_error_message=_("Every coupon ends: say after how many days, or on which day."),
            ),
            models.CheckConstraint(
                name="coupon_template_ends_after_it_starts",
                condition=Q(starts_on=None) | Q(ends_on=None) | Q(starts_on__lte=F("ends_on")),
                violation_error_message=_("The last day comes before the first."),
            ),
            models.CheckConstraint(
                name="coupon_template_claimed_within_limits",
                condition=Q(claimable=False) | Q(per_member__isnull=False),
                violation_error_message=_("Say how many a member may have: what may be claimed without a limit would be claimed without end."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def terms(self) -> rules.Terms:
        return rules.Terms(
            kind=self.kind,
            amount_cents=self.amount_cents,
            percent_bps=self.percent_bps,
            cap_cents=self.cap_cents,
            threshold_cents=self.threshold_cents,
            categories=tuple(self.categories),
            excluded=tuple(self.excluded),
            with_points=self.combines_with_points,
            with_coupons=self.combines_with_coupons,
        )


class CouponBatch(models.Model):
    class Status(models.TextChoices):
        ISSUING = "issuing", _("being issued")
        DONE = "done", _("done")
        STOPPED = "stopped", _("stopped")
        WITHDRAWING = "withdrawing", _("being withdrawn")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {
        Status.ISSUING: (Status.DONE, Status.STOPPED, Status.WITHDRAWING),
        Status.DONE: (Status.WITHDRAWING,),
        Status.STOPPED: (Status.WITHDRAWING,),
        Status.WITHDRAWING: (Status.WITHDRAWN,),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    template = models.ForeignKey(CouponTemplate, verbose_name=_("template"), on_delete=models.PROTECT, related_name="+")
    segment = models.ForeignKey("accounts.Segment", verbose_name=_("segment"), null=True, on_delete=models.PROTECT, related_name="+")
    listed = models.JSONField(_("members of the file"), default=list, help_text=_("Our own ids, in their order; empty once they were issued to."))
    members = models.PositiveIntegerField(_("members"), help_text=_("As counted when it was asked for."))
    status = models.CharField(_("status"), max_length=11, choices=Status, default=Status.ISSUING)
    after = models.UUIDField(_("issued up to"), null=True)
    issued = models.PositiveIntegerField(_("issued"), default=0)
    left_out = models.PositiveIntegerField(_("left out"), default=0, help_text=_("Who had as many as one may have, or takes no part any more."))
    reason = models.CharField(_("reason"), max_length=300)
    why_stopped = models.CharField(_("why it stopped"), max_length=300, blank=True)
    made_by = models.CharField(_("by"), max_length=150)
    made_at = models.DateTimeField(_("made"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    to_withdraw = models.PositiveIntegerField(_("to be withdrawn"), default=0, help_text=_("Not used yet, as counted when it was asked for."))
    withdrawn = models.PositiveIntegerField(_("of them withdrawn"), default=0)
    withdrawn_up_to = models.UUIDField(_("withdrawn up to"), null=True)
    withdrawn_for = models.CharField(_("withdrawn because"), max_length=300, blank=True)
    withdrawn_by = models.CharField(_("withdrawn by"), max_length=150, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn on"), null=True)

    class Meta:
        verbose_name = _("issue of coupons to many")
        verbose_name_plural = _("issues of coupons to many")
        ordering = ["-id"]
        permissions = [("withdraw_couponbatch", "Can withdraw issues of coupons to many")]
        constraints = [
            models.CheckConstraint(name="coupon_batch_to_somebody", condition=Q(members__gte=1)),
            models.CheckConstraint(name="coupon_batch_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="coupon_batch_over_or_not", condition=Q(status="issuing", finished_at=None) | (~Q(status="issuing") & Q(finished_at__isnull=False))
            ),
            models.CheckConstraint(name="coupon_batch_withdrawn_says_why", condition=~Q(status__in=["withdrawing", "withdrawn"]) | ~Q(withdrawn_for="")),
        ]
        indexes = [
            models.Index(fields=["id"], name="coupon_batch_issuing", condition=Q(status="issuing")),
            models.Index(fields=["id"], name="coupon_batch_withdrawing", condition=Q(status="withdrawing")),
        ]

    def __str__(self) -> str:
        return f"{self.template_id}, {self.made_at:%Y-%m-%d}"

    @property
    def subject(self) -> str:
        """How its coupons and the audit trail name it."""
        return f"coupon-batch/{self.id}"


class Coupon(models.Model):
    class Status(models.TextChoices):
        RESERVED = "reserved", _("waits for payment")
        AVAILABLE = "available", _("available")
        USED = "used", _("used")
        WITHDRAWN = "withdrawn", _("withdrawn")

    class Source(models.TextChoices):
        RULE = "rule", _("earning rule")
        TIER = "tier", _("reaching a tier")
        CHECK_IN = "check_in", _("check-in")
        REDEMPTION = "redemption", _("redeemed")
        CLAIM = "claim", _("claimed by the member")
        OPERATOR = "operator", _("operator")

    ARROWS = {
        Status.RESERVED: (Status.AVAILABLE,),
        Status.AVAILABLE: (Status.USED, Status.WITHDRAWN),
        Status.USED: (Status.AVAILABLE, Status.WITHDRAWN),
    }
    # What its time makes of one that is available: no status of its own, and no job.
    EXPIRED = "expired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    template = models.ForeignKey(CouponTemplate, verbose_name=_("template"), on_delete=models.PROTECT, related_name="+", db_index=False)
    code = models.CharField(_("code"), max_length=rules.LENGTH)
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.AVAILABLE)
    terms = models.JSONField(_("terms"), help_text=_("What it does, as the template said when it was issued."))
    source = models.CharField(_("source"), max_length=10, choices=Source)
    subject = models.CharField(_("issued for"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    key = models.CharField(_("key"), max_length=300)
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("Counts the coupons of one issue."))
    counted = models.BooleanField(_("counts for the limit in all"), default=False)
    issued_at = models.DateTimeField(_("issued on"))
    starts_at = models.DateTimeField(_("good from"), null=True)
    expires_at = models.DateTimeField(_("expires"), help_text=_("The first instant at which the coupon is gone."))
    used_by = models.CharField(_("used for the purchase"), max_length=64, blank=True)
    used_at = models.DateTimeField(_("used at"), null=True)
    discount_cents = models.BigIntegerField(_("took off"), null=True, help_text=_("In cents; empty where it was not said."))
    with_order = models.BooleanField(_("comes back with its order only"), default=False, help_text=_("It was used in an order that is recorded here."))
    withdrawn_for = models.CharField(_("withdrawn because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        ordering = ["-id"]
        permissions = [("issue_coupon", "Can issue coupons"), ("withdraw_coupon", "Can withdraw coupons")]
        constraints = [
            models.UniqueConstraint(fields=["member", "key", "number"], name="coupon_issued_once"),
            models.UniqueConstraint(fields=["member", "code"], name="coupon_code_once"),
            models.CheckConstraint(
                name="coupon_used_says_for_what",
                condition=(Q(status="used", used_at__isnull=False) & ~Q(used_by="")) | (~Q(status="used") & Q(used_by="", used_at=None, discount_cents=None)),
            ),
            models.CheckConstraint(
                name="coupon_withdrawn_says_why",
                condition=(Q(status="withdrawn") & ~Q(withdrawn_for="")) | Q(status__in=["reserved", "available"], withdrawn_for="") | Q(status="used"),
            ),
            models.CheckConstraint(name="coupon_expires_after_it_starts", condition=Q(starts_at=None) | Q(starts_at__lt=F("expires_at"))),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="coupon_newest"),
            models.Index(fields=["code"], name="coupon_by_code"),
            models.Index(fields=["template", "-id"], name="coupon_by_template"),
            models.Index(fields=["member", "template"], name="coupon_of_template", condition=~Q(status="withdrawn")),
            models.Index(fields=["member", "subject"], name="coupon_issued_for", condition=~Q(subject="")),
            models.Index(fields=["member", "used_by"], name="coupon_used_for", condition=Q(status="used")),
            models.Index(fields=["subject", "id"], name="coupon_of_issue", condition=Q(source="operator")),
        ]

    def __str__(self) -> str:
        return self.code
