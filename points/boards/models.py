from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from points.rulebook.models import Named

from . import rules


class Board(Named):
    class Span(models.TextChoices):
        MONTH = rules.MONTH, _("month")
        WEEK = rules.WEEK, _("week, Monday to Sunday")

    code = models.SlugField(_("code"), max_length=40, primary_key=True, help_text=_("The rules know the board by it. It stays."))
    counted = models.CharField(_("what is counted"), max_length=40, default="liked", help_text=_("Each such fact counts one for what it is about."))
    field = models.CharField(
        _("its field"), max_length=40, default="subject", help_text=_("The field of the counted fact that names what it is about, by the id of its message.")
    )
    ranked = models.CharField(
        _("what is ranked"),
        max_length=40,
        default="reviewed",
        help_text=_("What the counted facts are about. Whoever did it takes the place; what they counted for themselves does not count."),
    )
    span = models.CharField(_("span"), max_length=5, choices=Span, default=Span.MONTH)
    places = models.PositiveSmallIntegerField(_("places"), default=10, validators=[MinValueValidator(1), MaxValueValidator(100)])
    minimum = models.PositiveIntegerField(
        _("least count"), default=1, validators=[MinValueValidator(1)], help_text=_("Whoever has fewer takes no place, even if places stay empty.")
    )
    once_per_member = models.BooleanField(_("one place per member"), default=True, help_text=_("With their best. Off: a member may take several places."))
    wait_days = models.PositiveSmallIntegerField(
        _("days to wait"), default=1, validators=[MaxValueValidator(27)],
        help_text=_("So many days after the period's end it is counted, so that facts that arrive late are in."),
    )  # fmt: skip
    automatic = models.BooleanField(
        _("grant without asking"), default=False, help_text=_("Off: what was counted is proposed, and an operator confirms it. On: it is granted at once.")
    )
    starts_on = models.DateField(_("first day"), help_text=_("The period in which this day lies is the first that counts."))
    active = models.BooleanField(_("running"), default=True, help_text=_("Off: no further period is counted. What is proposed can still be confirmed."))
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("board")
        verbose_name_plural = _("boards")
        ordering = ["code"]


class BoardPeriod(models.Model):
    class Status(models.TextChoices):
        PROPOSED = "proposed", _("to be confirmed")
        CONFIRMED = "confirmed", _("confirmed")

    ARROWS = {Status.PROPOSED: (Status.CONFIRMED,), Status.CONFIRMED: ()}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    board = models.ForeignKey(Board, verbose_name=_("board"), on_delete=models.PROTECT, related_name="+", db_index=False)
    period = models.CharField(_("period"), max_length=8, help_text=_("A month like 2026-10, or an ISO week like 2026-W41."))
    since = models.DateTimeField(_("begins"))
    until = models.DateTimeField(_("ends before"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PROPOSED)
    counted_at = models.DateTimeField(_("counted"))
    confirmed_by = models.CharField(_("confirmed by"), max_length=150, blank=True, help_text=_("Empty where the board grants without asking."))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("board period")
        verbose_name_plural = _("board periods")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["board", "period"], name="board_period_once"),
            models.CheckConstraint(
                name="board_period_confirmed_at_some_time",
                condition=Q(status="proposed", confirmed_at=None) | Q(status="confirmed", confirmed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.board_id} {self.period}"


class BoardResult(models.Model):
    class Status(models.TextChoices):
        PROPOSED = "proposed", _("not granted yet")
        GRANTED = "granted", _("granted")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {Status.PROPOSED: (Status.GRANTED, Status.WITHDRAWN), Status.GRANTED: (Status.WITHDRAWN,), Status.WITHDRAWN: ()}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    board_period = models.ForeignKey(BoardPeriod, verbose_name=_("period"), on_delete=models.PROTECT, related_name="results")
    place = models.PositiveSmallIntegerField(_("place"))
    fact = models.CharField(_("what was ranked"), max_length=128, help_text=_("The storefront's id of it."))
    count = models.PositiveIntegerField(_("count"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PROPOSED)
    points = models.BigIntegerField(_("points"), null=True, blank=True, help_text=_("What the place gave, or offers to be claimed."))
    granted_at = models.DateTimeField(_("granted"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    withdrawn_by = models.CharField(_("withdrawn by"), max_length=150, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("board result")
        verbose_name_plural = _("board results")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "board_period", "fact"], name="board_result_once"),
            models.CheckConstraint(name="board_result_place_counts_from_one", condition=Q(place__gte=1, count__gte=1)),
            models.CheckConstraint(
                name="board_result_status_says_what_happened",
                condition=Q(status="proposed", points=None, granted_at=None, withdrawn_at=None)
                | Q(status="granted", points__isnull=False, granted_at__isnull=False, withdrawn_at=None)
                | (Q(status="withdrawn", withdrawn_at__isnull=False) & ~Q(reason="")),
            ),
        ]
        indexes = [models.Index(fields=["board_period", "place"], name="board_result_to_grant", condition=Q(status="proposed"))]

    def __str__(self) -> str:
        return f"{self.place}"
