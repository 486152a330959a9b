from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named
from mall.rewards.models import MOST_POINTS


class RevivalWindow(Named):
    name_zh = models.CharField(_("name, Chinese"), max_length=60, help_text=_("As members read it: 年末复活季 …"))
    name_en = models.CharField(_("name, English"), max_length=60)
    opens_at = models.DateTimeField(_("open from"))
    closes_at = models.DateTimeField(_("until"))
    expired_from = models.DateTimeField(_("takes points that expired from"))
    expired_until = models.DateTimeField(_("and before"), help_text=_("The first instant of what is not taken any more. It may lie within the window itself."))
    active = models.BooleanField(_("in use"), default=True)
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("revival window")
        verbose_name_plural = _("revival windows")
        ordering = ["-opens_at"]
        constraints = [
            models.CheckConstraint(name="revival_closes_after_it_opens", condition=Q(opens_at__lt=F("closes_at"))),
            models.CheckConstraint(name="revival_takes_a_span", condition=Q(expired_from__lt=F("expired_until"))),
        ]


class RevivalReward(models.Model):
    window = models.ForeignKey(RevivalWindow, verbose_name=_("window"), on_delete=models.CASCADE, related_name="rewards")
    reward = models.ForeignKey("mall.Reward", verbose_name=_("reward"), on_delete=models.PROTECT, related_name="+")
    points = models.PositiveBigIntegerField(_("expired points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)])
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("reward for expired points")
        verbose_name_plural = _("rewards for expired points")
        ordering = ["points", "id"]
        constraints = [
            models.UniqueConstraint(fields=["window", "reward"], name="revival_reward_once"),
            models.CheckConstraint(name="revival_reward_costs_points", condition=Q(points__gte=1)),
        ]

    def __str__(self) -> str:
        return f"{self.reward_id}: {self.points}"


class RevivalUse(models.Model):
    """What of an expired lot a redemption was paid with. `given_back` of it can be used again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    window = models.ForeignKey(RevivalWindow, verbose_name=_("window"), on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), on_delete=models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey("points.Lot", verbose_name=_("lot"), on_delete=models.PROTECT, related_name="+", db_index=False)
    points = models.BigIntegerField(_("points"))
    given_back = models.BigIntegerField(_("given back"), default=0)
    used_at = models.DateTimeField(_("used at"))

    class Meta:
        verbose_name = _("use of expired points")
        verbose_name_plural = _("uses of expired points")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "redemption", "lot"], name="revival_use_once"),
            models.CheckConstraint(name="revival_use_gives_back_at_most_all", condition=Q(points__gte=1, given_back__gte=0, given_back__lte=F("points"))),
        ]
        indexes = [models.Index(fields=["member", "lot"], name="revival_use_of_lot")]

    def __str__(self) -> str:
        return f"{self.points}"
