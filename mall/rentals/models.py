from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named
from mall.rewards.models import CODE, MOST_POINTS

MOST_DAYS = 3650


class RentalTerms(Named):
    code = models.CharField(
        _("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("By which a reward names what is lent, like miles-30. It stays.")
    )
    product = models.ForeignKey(
        "mall.ProviderProduct",
        verbose_name=_("product of a provider"),
        on_delete=models.PROTECT,
        related_name="+",
        help_text=_("What the partner lends. It is asked to lend it until the end, to make that later, and to take it back."),
    )
    days = models.PositiveSmallIntegerField(
        _("days"),
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
        help_text=_("Through the end of that day after it is redeemed, in the programme's zone."),
    )
    renewals = models.PositiveSmallIntegerField(
        _("renewals"), default=0, help_text=_("How often it can be renewed, each time for as many days. 0: not at all.")
    )
    renewal_points = models.PositiveBigIntegerField(
        _("points for a renewal"), null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(MOST_POINTS)], help_text=_("For one.")
    )
    remind_days = models.PositiveSmallIntegerField(
        _("reminded, days before"), default=3, help_text=_("So many days before the end the member is reminded. 0: not at all.")
    )
    at_once = models.PositiveSmallIntegerField(
        _("per member at one time"),
        null=True,
        blank=True,
        default=1,
        validators=[MinValueValidator(1)],
        help_text=_("How many of it a member may have borrowed at one time. Empty: as many as the reward allows."),
    )
    active = models.BooleanField(_("can be chosen"), default=True, help_text=_("Off: nothing more is lent on these terms. What is out goes on, renewals too."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("set of rental terms")
        verbose_name_plural = _("sets of rental terms")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="rental_terms_last", condition=Q(days__gte=1)),
            models.CheckConstraint(name="rental_terms_price_renewals", condition=Q(renewals=0) | Q(renewal_points__isnull=False, renewal_points__gte=1)),
        ]

    def clean(self) -> None:
        if self.renewals and not self.renewal_points:
            raise ValidationError({"renewal_points": _("What can be renewed says for how many points.")})

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class Rental(models.Model):
    class State(models.TextChoices):
        ASKED = "asked", _("asked of the partner")
        LENT = "lent", _("lent")
        ENDING = "ending", _("is to come back")
        TAKEN_BACK = "taken_back", _("back with the partner")
        REFUSED = "refused", _("refused, points back")

    ARROWS = {
        State.ASKED: (State.LENT, State.REFUSED),
        State.LENT: (State.LENT, State.ENDING),
        State.ENDING: (State.TAKEN_BACK,),
    }
    # With the member, or on its way there or back.
    OUT = (State.ASKED, State.LENT, State.ENDING)

    class Cause(models.TextChoices):
        TERM = "term", _("its term was over")
        MEMBER = "member", _("given back early")
        OPERATOR = "operator", _("ended by an operator")
        ERASED = "erased", _("the member was erased")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), on_delete=models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey("mall.VoucherOrder", verbose_name=_("order at the partner"), on_delete=models.PROTECT, related_name="+", db_index=False)
    terms = models.ForeignKey(RentalTerms, verbose_name=_("terms of a rental"), on_delete=models.PROTECT, related_name="+", db_index=False)
    quantity = models.PositiveIntegerField(_("quantity"))
    days = models.PositiveSmallIntegerField(_("days"))
    renewal_points = models.BigIntegerField(_("points for a renewal"), default=0, help_text=_("For all of it."))
    most_renewals = models.PositiveSmallIntegerField(_("renewals at most"), default=0)
    remind_days = models.PositiveSmallIntegerField(_("reminded, days before"), default=0)
    stocked = models.BooleanField(_("goes back to the stock"), default=False)

    state = models.CharField(_("status"), max_length=10, choices=State, default=State.ASKED)
    renewals = models.PositiveSmallIntegerField(_("renewed"), default=0, help_text=_("How often."))
    renews_itself = models.BooleanField(_("renews itself"), default=False, help_text=_("On its last day, where the points suffice: the member wants it so."))
    asked_at = models.DateTimeField(_("asked"))
    started_at = models.DateTimeField(_("lent since"), null=True)
    ends_at = models.DateTimeField(_("ends"), help_text=_("The first instant at which it is over."))
    due_at = models.DateTimeField(_("reminder due"), null=True)
    cause = models.CharField(_("ended because"), max_length=8, choices=Cause, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("ended by"), max_length=150, blank=True)
    closed_at = models.DateTimeField(_("ended on"), null=True)
    settled_at = models.DateTimeField(_("back, or refused, on"), null=True)

    class Meta:
        verbose_name = _("rental")
        verbose_name_plural = _("rentals")
        ordering = ["-id"]
        permissions = [("end_rental", "Can end rentals and renew them")]
        constraints = [
            models.UniqueConstraint(fields=["member", "redemption"], name="rental_of_redemption_once"),
            models.UniqueConstraint(fields=["member", "order"], name="rental_of_order_once"),
            models.CheckConstraint(name="rental_of_something", condition=Q(quantity__gte=1, days__gte=1, renewal_points__gte=0)),
            models.CheckConstraint(name="rental_renewed_at_most_so_often", condition=Q(renewals__lte=F("most_renewals"))),
            models.CheckConstraint(
                name="rental_ends_for_a_cause", condition=~Q(state__in=["ending", "taken_back"]) | (~Q(cause="") & Q(closed_at__isnull=False))
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="rental_newest"),
            models.Index(fields=["ends_at"], name="rental_to_end", condition=Q(state="lent")),
            models.Index(fields=["due_at"], name="rental_to_remind", condition=Q(state="lent", due_at__isnull=False)),
            models.Index(fields=["ends_at"], name="rental_to_renew", condition=Q(state="lent", renews_itself=True)),
            models.Index(fields=["member", "terms"], name="rental_out", condition=Q(state__in=["asked", "lent", "ending"])),
        ]

    @property
    def over_at(self) -> datetime:
        """The first instant at which it is over: the end of its term, or when it was ended before that."""
        return min(self.ends_at, self.closed_at) if self.closed_at else self.ends_at

    def __str__(self) -> str:
        return f"{self.terms.name} × {self.quantity}"


class Renewal(models.Model):
    """A longer term, paid for; the end moves once the partner has agreed."""

    class State(models.TextChoices):
        ASKED = "asked", _("asked of the partner")
        DONE = "done", _("renewed")
        REFUSED = "refused", _("refused, points back")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    rental = models.ForeignKey(Rental, verbose_name=_("rental"), on_delete=models.PROTECT, related_name="+", db_index=False)
    order = models.ForeignKey("mall.VoucherOrder", verbose_name=_("order at the partner"), on_delete=models.PROTECT, related_name="+", db_index=False)
    spend = models.ForeignKey("points.Entry", verbose_name=_("spent with"), on_delete=models.PROTECT, related_name="+", db_index=False)
    points = models.BigIntegerField(_("points"))
    state = models.CharField(_("status"), max_length=8, choices=State, default=State.ASKED)
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("until"))
    key = models.CharField(_("key"), max_length=300)
    actor = models.CharField(_("by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    asked_at = models.DateTimeField(_("asked"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("renewal of a rental")
        verbose_name_plural = _("renewals of rentals")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "key"], name="renewal_key_once"),
            models.UniqueConstraint(fields=["member", "order"], name="renewal_of_order_once"),
            models.UniqueConstraint(fields=["member", "rental"], name="renewal_one_at_a_time", condition=Q(state="asked")),
            models.CheckConstraint(name="renewal_makes_longer", condition=Q(points__gte=1, since__lt=F("until"))),
        ]
        indexes = [models.Index(fields=["member", "rental", "id"], name="renewals_of_rental")]

    def __str__(self) -> str:
        return str(self.id)
