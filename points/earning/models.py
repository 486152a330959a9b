import json
from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


class WholeJSON(models.TextField):
    """JSON that is only ever read whole: kept as the text that it was written as, which takes half the time."""

    holds_json = True
    _encode = json.JSONEncoder(separators=(",", ":")).encode

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else self._encode(value)


class Decision(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    fact = models.CharField(_("kind of fact"), max_length=40)
    subject = models.CharField(_("about"), max_length=200, help_text=_("The fact: its kind and the id that it came with."))
    occurred_at = models.DateTimeField(_("happened"))
    decided_at = models.DateTimeField(_("decided"))
    points = models.BigIntegerField(_("points"), help_text=_("What was granted or offered."))
    taken_back = models.BigIntegerField(_("taken back"), default=0)
    screened = models.CharField(_("refused by risk control"), max_length=40, blank=True)
    # What a refund needs to decide again: as it was seen, and what was charged.
    given = WholeJSON(default=dict, editable=False)
    # The explanation; null once its time is over.
    trace = WholeJSON(null=True, editable=False)

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        ordering = ["-decided_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "subject"], name="decision_once"),
            models.CheckConstraint(name="decision_takes_back_at_most_what_it_gave", condition=Q(taken_back__gte=0, taken_back__lte=F("points"))),
        ]
        indexes = [
            models.Index(fields=["member", "-decided_at", "-id"], name="decision_newest"),
            # For the job that drops explanations.
            models.Index(fields=["decided_at"], name="decision_explained", condition=Q(trace__isnull=False)),
            # For lists of everybody's.
            models.Index(fields=["fact", "-id"], name="decision_of_kind"),
            models.Index(fields=["-id"], name="decision_without_points", condition=Q(points=0)),
            models.Index(fields=["-id"], name="decision_screened", condition=~Q(screened="")),
            # For whom a fault has hit: decisions come in the order of time, so a few pages find any hour among millions.
            BrinIndex(fields=["decided_at"], name="decision_decided", autosummarize=True),
        ]

    def __str__(self) -> str:
        return self.subject


class Grant(models.Model):
    class Status(models.TextChoices):
        GRANTED = "granted", _("granted")
        OFFERED = "offered", _("waiting to be claimed")
        LAPSED = "lapsed", _("not claimed in time")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {
        Status.OFFERED: (Status.GRANTED, Status.LAPSED, Status.WITHDRAWN),
        Status.GRANTED: (),
        Status.LAPSED: (),
        Status.WITHDRAWN: (),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    decision = models.ForeignKey(Decision, verbose_name=_("decision"), on_delete=models.PROTECT, related_name="grants", db_index=False)
    entry = models.ForeignKey("points.Entry", verbose_name=_("entry"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule_version = models.ForeignKey("points.RuleVersion", verbose_name=_("rule version"), on_delete=models.PROTECT, related_name="+", db_index=False)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    points = models.BigIntegerField(_("points"))
    taken_back = models.BigIntegerField(_("taken back"), default=0)
    claim_until = models.DateTimeField(_("to be claimed until"), null=True, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "decision", "rule_version"], name="grant_once"),
            models.CheckConstraint(name="grant_takes_back_at_most_what_it_gave", condition=Q(points__gt=0, taken_back__gte=0, taken_back__lte=F("points"))),
        ]
        indexes = [
            models.Index(fields=["member", "entry"], name="grant_by_entry", condition=Q(entry__isnull=False)),
            models.Index(fields=["claim_until"], name="grant_offered", condition=Q(status="offered")),
            models.Index(fields=["member", "-id"], name="grant_claimable", condition=Q(claim_until__isnull=False)),
            models.Index(fields=["-id"], name="grant_claimable_of_all", condition=Q(claim_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.left} {self.get_status_display()}"

    @property
    def left(self) -> int:
        """What of it was not taken back."""
        return self.points - self.taken_back


class Offer(Grant):
    """A grant that had, or has, to be claimed: for its page in the admin."""

    class Meta:
        proxy = True
        verbose_name = _("points to be claimed")
        verbose_name_plural = _("points to be claimed")


class MemberUse(models.Model):
    """How much of a limit a member has used in a period."""

    id = models.BigAutoField(primary_key=True)
    member = member()
    counter = models.CharField(max_length=100)
    starts = models.DateField()
    points = models.BigIntegerField(default=0)
    times = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("use of limits")
        verbose_name_plural = _("use of limits")
        constraints = [
            models.UniqueConstraint(fields=["member", "starts", "counter"], name="member_use_once"),
            models.CheckConstraint(name="member_use_not_below_zero", condition=Q(points__gte=0, times__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.counter} {self.starts}"
