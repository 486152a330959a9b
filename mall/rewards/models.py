import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.names import Named

from . import rules

CODE = RegexValidator(r"^[a-z0-9][a-z0-9_-]*\Z", _("Write small letters, digits, hyphens and underscores."))
MOST_POINTS = 10**9


class _Coded(Named):
    code = models.CharField(_("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("By which the storefront names it. It stays."))

    class Meta:
        abstract = True


class Category(_Coded):
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Lower numbers come first."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("category of rewards")
        verbose_name_plural = _("categories of rewards")
        ordering = ["position", "code"]


class Partner(_Coded):
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        ordering = ["code"]


class Reward(Named):
    class Kind(models.TextChoices):
        GOODS = "goods", _("goods, shipped")
        COUPON = "coupon", _("coupon")
        CODE = "code", _("code from a pool")
        VOUCHER = "voucher", _("voucher or membership of a provider")
        PRIVILEGE = "privilege", _("privilege")
        RENTAL = "rental", _("rental: a partner's benefit, for a term")

    code = models.CharField(
        _("code"), max_length=40, unique=True, validators=[CODE], help_text=_("By which the storefront names the reward, like mug-white. It stays.")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, help_text=_("What happens once it is redeemed. It stays."))
    item = models.CharField(
        _("what is handed out"),
        max_length=60,
        blank=True,
        help_text=_("The code of the coupon template, of the pool of codes, of the provider's product, of the privilege or of the rental. Empty for goods."),
    )
    name_zh = models.CharField(_("name, Chinese"), max_length=80)
    name_en = models.CharField(_("name, English"), max_length=80)
    text_zh = models.TextField(_("description, Chinese"), max_length=2000, blank=True)
    text_en = models.TextField(_("description, English"), max_length=2000, blank=True)
    category = models.ForeignKey(Category, verbose_name=_("category"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    points = models.PositiveBigIntegerField(_("points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)], help_text=_("What one costs."))
    cents = models.PositiveBigIntegerField(
        _("and money"), default=0, help_text=_("In cents, on top of the points: 500 points and 1000 are 500 points + 10.00. 0: points alone.")
    )
    shipping_cents = models.PositiveBigIntegerField(
        _("shipping"),
        default=0,
        help_text=_("In cents, for each parcel, however many are in it: money due on top. Free for tiers with free shipping. 0: nothing; only goods have it."),
    )
    cost_cents = models.PositiveBigIntegerField(_("unit cost"), default=0, help_text=_("What one costs you, in cents; for the books, no member sees it."))
    sponsor = models.ForeignKey(Partner, verbose_name=_("sponsor"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    sponsor_bps = models.PositiveIntegerField(
        _("sponsor's share of the cost (1/100 %)"),
        default=0,
        validators=[MaxValueValidator(rules.ONE)],
        help_text=_("5000: the partner pays half of the unit cost."),
    )

    counted = models.BooleanField(
        _("has a stock"), default=True, help_text=_("Off: there is always one more. Pools of codes and coupons that are limited count for themselves.")
    )
    per_member = models.PositiveIntegerField(_("per member"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Empty: no limit."))
    per_member_day = models.PositiveIntegerField(_("per member and day"), null=True, blank=True, validators=[MinValueValidator(1)])
    per_day = models.PositiveIntegerField(_("per day, all members"), null=True, blank=True, validators=[MinValueValidator(1)])
    in_all = models.PositiveIntegerField(_("in total, all members"), null=True, blank=True, validators=[MinValueValidator(1)])

    least_tier = models.ForeignKey(
        "tiers.Tier",
        verbose_name=_("from this tier on"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Empty: for every tier."),
    )
    segment = models.ForeignKey(
        "accounts.Segment",
        verbose_name=_("only for a segment"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("Others do not see the reward at all."),
    )
    starts_at = models.DateTimeField(
        _("from"), null=True, blank=True, help_text=_("Shown before, but not redeemed; tiers and members with early access come sooner.")
    )
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    active = models.BooleanField(_("on the shelf"), default=True)
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("reward")
        verbose_name_plural = _("rewards")
        ordering = ["points", "cents", "code"]
        constraints = [
            models.CheckConstraint(name="reward_costs_points", condition=Q(points__gte=1)),
            models.CheckConstraint(name="reward_hands_something_out", condition=Q(kind="goods", item="") | (~Q(kind="goods") & ~Q(item=""))),
            models.CheckConstraint(name="reward_of_goods_alone_is_shipped", condition=Q(kind="goods") | Q(shipping_cents=0)),
            models.CheckConstraint(name="reward_sponsor_pays_at_most_all", condition=Q(sponsor_bps__lte=rules.ONE)),
            models.CheckConstraint(name="reward_ends_after_it_starts", condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class RewardPrice(models.Model):
    class Kind(models.TextChoices):
        TIER = "tier", _("for a tier")
        CLEARANCE = "clearance", _("clearance, for a time")
        SCARCITY = "scarcity", _("scarcity, while few are left")

    reward = models.ForeignKey(Reward, verbose_name=_("reward"), on_delete=models.CASCADE, related_name="prices")
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    points = models.PositiveBigIntegerField(_("points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)])
    cents = models.PositiveBigIntegerField(_("and money"), default=0)
    tier = models.ForeignKey("tiers.Tier", verbose_name=_("tier"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(_("from"), null=True, blank=True)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    left_at_most = models.PositiveIntegerField(_("while at most so many are left"), null=True, blank=True)
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("price of a reward")
        verbose_name_plural = _("prices of rewards")
        ordering = ["reward", "kind", "points"]
        constraints = [
            models.CheckConstraint(name="reward_price_costs_points", condition=Q(points__gte=1)),
            models.CheckConstraint(name="reward_price_for_a_tier_names_it", condition=Q(kind="tier", tier__isnull=False) | (~Q(kind="tier") & Q(tier=None))),
            models.CheckConstraint(
                name="reward_price_of_scarcity_says_how_few",
                condition=Q(kind="scarcity", left_at_most__isnull=False) | (~Q(kind="scarcity") & Q(left_at_most=None)),
            ),
            models.CheckConstraint(name="reward_price_ends_after_it_starts", condition=Q(starts_at=None) | Q(ends_at=None) | Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(name="reward_clearance_ends", condition=~Q(kind="clearance") | Q(ends_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.points}"


class RewardPicture(models.Model):
    reward = models.ForeignKey(Reward, verbose_name=_("reward"), on_delete=models.CASCADE, related_name="pictures")
    picture = models.ForeignKey("mall.Picture", verbose_name=_("picture"), on_delete=models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("picture of a reward")
        verbose_name_plural = _("pictures of rewards")
        ordering = ["reward", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["reward", "picture"], name="reward_picture_once")]

    def __str__(self) -> str:
        return str(self.picture_id)[:12]


class Stock(models.Model):
    reward = models.OneToOneField(Reward, verbose_name=_("reward"), primary_key=True, on_delete=models.PROTECT, related_name="+")
    on_hand = models.BigIntegerField(_("on hand"), default=0)
    changes = models.BigIntegerField(_("changes"), default=0)

    class Meta:
        verbose_name = _("stock")
        verbose_name_plural = _("stocks")
        constraints = [models.CheckConstraint(name="stock_not_below_zero", condition=Q(on_hand__gte=0))]

    def __str__(self) -> str:
        return f"{self.reward_id}: {self.on_hand}"


class StockChange(models.Model):
    class Kind(models.TextChoices):
        RESTOCK = "restock", _("restocked")
        STOCK_TAKE = "stock_take", _("stock-take")
        SOLD = "sold", _("redeemed")
        GIVEN_BACK = "given_back", _("given back")
        CARVED = "carved", _("set aside for a sale")
        RETURNED = "returned", _("back from a sale")
        TAKEN_BACK = "taken_back", _("back from a rental")

    reward = models.ForeignKey(Reward, verbose_name=_("reward"), on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.BigIntegerField(_("number"))
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    change = models.BigIntegerField(_("change"))
    on_hand_after = models.BigIntegerField(_("on hand after"))
    subject = models.CharField(_("about"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("change of stock")
        verbose_name_plural = _("changes of stock")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["reward", "number"], name="stock_change_gapless"),
            models.CheckConstraint(name="stock_change_changes", condition=~Q(change=0) | Q(kind="stock_take")),
            models.CheckConstraint(name="stock_change_not_below_zero", condition=Q(on_hand_after__gte=0)),
            models.CheckConstraint(name="stock_change_by_hand_says_why", condition=~Q(kind__in=["restock", "stock_take"]) | ~Q(reason="")),
        ]
        indexes = [models.Index(fields=["subject"], name="stock_change_subject", condition=~Q(subject=""))]
        triggers = [pgtrigger.Protect(name="stock_change_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.change:+}"
