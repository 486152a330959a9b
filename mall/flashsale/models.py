from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Described

from . import rules

MOST_POINTS = 10**9


class _Terms(Described):
    """What a plan and each of its sales say alike."""

    reward = models.ForeignKey("mall.Reward", verbose_name=_("reward"), on_delete=models.PROTECT, related_name="+", help_text=_("It may be off the shelf."))
    name_zh = models.CharField(_("name, Chinese"), max_length=60, help_text=_("As members read it: 周五秒杀."))
    name_en = models.CharField(_("name, English"), max_length=60)
    text_zh = models.TextField(_("preview, Chinese"), max_length=1000, blank=True, help_text=_("What members read before it begins."))
    text_en = models.TextField(_("preview, English"), max_length=1000, blank=True)
    points = models.PositiveBigIntegerField(
        _("points"), validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)], help_text=_("What one costs in the sale, the same for every tier.")
    )
    cents = models.PositiveBigIntegerField(_("and money"), default=0, help_text=_("In cents, on top of the points. 0: points alone."))
    quantity = models.PositiveIntegerField(
        _("units"),
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text=_("So many are set aside from the reward's stock; if there are fewer, all there are."),
    )
    per_member = models.PositiveIntegerField(_("per member"), default=1, validators=[MinValueValidator(1), MaxValueValidator(1000)])
    set_aside_hours = models.PositiveSmallIntegerField(
        _("set aside, in hours before"),
        default=24,
        validators=[MaxValueValidator(24 * 28)],
        help_text=_("From then on nobody else gets these units. What is left returns to the shelf when the sale ends."),
    )
    line_minutes = models.PositiveSmallIntegerField(
        _("line opens, in minutes before"), default=10, validators=[MaxValueValidator(24 * 60)], help_text=_("From then on members can take a ticket.")
    )
    turn_minutes = models.PositiveSmallIntegerField(
        _("a turn, in minutes"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_("Whoever's turn it is has so long to redeem; then the unit goes to the next in line."),
    )
    pay_minutes = models.PositiveSmallIntegerField(
        _("to be paid within, in minutes"),
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
        help_text=_("Where money is due. What is not paid in time goes to the next in line."),
    )

    class Meta:
        abstract = True


TERMS = tuple(field.attname for field in _Terms._meta.local_fields)


class FlashPlan(_Terms):
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(7)]),
        verbose_name=_("days of the week"),
        size=7,
        help_text=_("1 is Monday, 7 is Sunday."),
    )
    every_weeks = models.PositiveSmallIntegerField(
        _("every so many weeks"), default=1, validators=[MinValueValidator(1), MaxValueValidator(52)], help_text=_("Counted from the week of the first day.")
    )
    at = models.TimeField(_("begins at"), help_text=_("Time of day in the programme's time zone."))
    minutes = models.PositiveSmallIntegerField(_("lasts, in minutes"), default=60, validators=[MinValueValidator(1), MaxValueValidator(7 * 24 * 60)])
    first_on = models.DateField(_("first day"))
    last_on = models.DateField(_("last day"), null=True, blank=True, help_text=_("Empty: no end."))
    active = models.BooleanField(_("in use"), default=True, help_text=_("Off: no more sales are made, and those for which nothing is set aside yet go."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("plan of flash sales")
        verbose_name_plural = _("plans of flash sales")
        ordering = ["-active", "name_zh", "id"]
        constraints = [
            models.CheckConstraint(name="flash_plan_ends_after_it_begins", condition=Q(last_on=None) | Q(last_on__gte=F("first_on"))),
            models.CheckConstraint(name="flash_plan_costs_points", condition=Q(points__gte=1, quantity__gte=1, per_member__gte=1)),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.weekdays is not None and not self.weekdays:
            raise ValidationError({"weekdays": _("Choose at least one day.")})
        if self.first_on and self.last_on and self.last_on < self.first_on:
            raise ValidationError({"last_on": _("The last day comes before the first.")})

    @property
    def calendar(self) -> rules.Calendar:
        return rules.Calendar(frozenset(self.weekdays), self.at, timedelta(minutes=self.minutes), self.first_on, self.last_on, self.every_weeks)


class FlashSale(_Terms):
    plan = models.ForeignKey(FlashPlan, verbose_name=_("plan"), null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+")
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    by_hand = models.BooleanField(_("changed by hand"), default=False, editable=False, help_text=_("Changes of the plan leave it as it is."))
    called_off_at = models.DateTimeField(_("called off on"), null=True, blank=True, editable=False)
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("flash sale")
        verbose_name_plural = _("flash sales")
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "starts_at"], name="flash_sale_once_in_a_plan"),
            models.CheckConstraint(name="flash_sale_ends_after_it_begins", condition=Q(starts_at__lt=F("ends_at"))),
            models.CheckConstraint(name="flash_sale_costs_points", condition=Q(points__gte=1, quantity__gte=1, per_member__gte=1)),
        ]
        indexes = [models.Index(fields=["ends_at"], name="flash_sale_ends"), models.Index(fields=["starts_at"], name="flash_sale_starts")]

    def __str__(self) -> str:
        if not self.starts_at:
            return self.name
        return f"{self.name}, {timezone.localtime(self.starts_at):%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValidationError({"ends_at": _("It ends before it begins.")})

    @property
    def line_opens_at(self) -> Any:
        return self.starts_at - timedelta(minutes=self.line_minutes)

    @property
    def set_aside_at(self) -> Any:
        return self.starts_at - timedelta(hours=self.set_aside_hours)


class FlashStock(models.Model):
    """The units of a sale, once they were set aside. Moved by verbs alone."""

    sale = models.OneToOneField(FlashSale, verbose_name=_("flash sale"), primary_key=True, on_delete=models.PROTECT, related_name="stock")
    set_aside = models.BigIntegerField(_("set aside"), default=0)
    left = models.BigIntegerField(_("left"), default=0)
    promised = models.BigIntegerField(_("promised"), default=0, help_text=_("To those whose turn it is."))
    returned = models.BigIntegerField(_("given back"), default=0, help_text=_("To the shelf, at the end."))
    set_aside_at = models.DateTimeField(_("set aside at"), null=True)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name = _("stock of a flash sale")
        verbose_name_plural = _("stocks of flash sales")
        constraints = [
            models.CheckConstraint(name="flash_stock_promises_what_is_left", condition=Q(promised__gte=0, left__gte=F("promised"))),
            models.CheckConstraint(name="flash_stock_adds_up", condition=Q(set_aside__gte=F("left") + F("returned"), returned__gte=0)),
            models.CheckConstraint(name="flash_stock_closed_is_empty", condition=Q(closed_at=None) | Q(left=0)),
        ]

    def __str__(self) -> str:
        return f"{self.left}/{self.set_aside}"


class FlashTicket(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waits in line")
        ADMITTED = "admitted", _("has its turn")
        USED = "used", _("redeemed")
        PASSED = "passed", _("let its turn pass")
        LEFT = "left", _("left the line")

    ARROWS = {
        Status.WAITING: (Status.ADMITTED, Status.LEFT),
        Status.ADMITTED: (Status.USED, Status.PASSED, Status.LEFT),
    }
    LIVE = (Status.WAITING, Status.ADMITTED)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    sale = models.ForeignKey(FlashSale, verbose_name=_("flash sale"), on_delete=models.PROTECT, related_name="+", db_index=False)
    # From a sequence of the database: clocks of several servers do not decide who was first.
    number = models.BigIntegerField(_("number"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.WAITING)
    quantity = models.PositiveIntegerField(_("units"), default=1, validators=[MinValueValidator(1)])
    matures_at = models.DateTimeField(_("can be served from"))
    until = models.DateTimeField(_("its turn ends"), null=True)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(_("ticket taken"))

    class Meta:
        verbose_name = _("ticket of a flash sale")
        verbose_name_plural = _("tickets of flash sales")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "sale"], name="flash_ticket_one_at_a_time", condition=Q(status__in=["waiting", "admitted"])),
            models.CheckConstraint(name="flash_ticket_turn_ends", condition=~Q(status="admitted") | Q(until__isnull=False)),
            models.CheckConstraint(name="flash_ticket_used_names_its_redemption", condition=~Q(status="used") | Q(redemption__isnull=False)),
        ]
        indexes = [
            models.Index(fields=["sale"], name="flash_ticket_by_sale"),
            models.Index(fields=["member", "sale", "-id"], name="flash_ticket_newest"),
            models.Index(fields=["sale", "number"], name="flash_ticket_line", condition=Q(status="waiting")),
            models.Index(fields=["sale", "until"], name="flash_ticket_turns", condition=Q(status="admitted")),
        ]

    def __str__(self) -> str:
        return f"{self.number}"
