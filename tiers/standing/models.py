import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id
from loyalty.lib.redaction import only_redacted


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


def tier(title: object, **options: object) -> models.ForeignKey:
    return models.ForeignKey("tiers.Tier", verbose_name=title, on_delete=models.PROTECT, related_name="+", **options)


class Cause(models.TextChoices):
    BY_HAND = "by_hand", _("set by hand")
    REACHED = "reached", _("reached")
    KEPT = "kept", _("kept")
    FELL = "fell", _("not kept")
    UNDONE = "undone", _("undone by a refund")
    TIME = "time", _("time over")
    MERGED = "merged", _("members merged")


class Standing(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    # What an operator has set and the member has risen above: it holds again where they fall below it.
    floor = tier(_("set by hand below it"), null=True, blank=True)
    floor_until = models.DateTimeField(null=True, blank=True, editable=False)
    tier = tier(_("tier"))
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Then the member is put where the figures say. Empty: no end."))
    by_hand = models.BooleanField(_("set by hand"), default=True, db_default=True)
    due_at = models.DateTimeField(
        _("to be decided on"), null=True, blank=True, help_text=_("When the job looks at it: at the end, or after the days of grace.")
    )
    sprint_from = models.DateTimeField(_("sprint from"), null=True, blank=True)
    sprint_told = models.BooleanField(default=False, db_default=False, editable=False)
    # The evaluation that led here, as long as a refund can undo it.
    reached_by = models.UUIDField(null=True, blank=True, editable=False)
    set_by = models.CharField(_("set by"), max_length=100)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("member's tier")
        verbose_name_plural = _("members' tiers")
        constraints = [
            models.UniqueConstraint(fields=["member"], name="standing_one_per_member"),
            models.CheckConstraint(name="standing_ends_after_it_begins", condition=models.Q(until=None) | models.Q(until__gt=models.F("since"))),
            models.CheckConstraint(name="standing_with_a_term_has_an_end", condition=models.Q(by_hand=True) | models.Q(until__isnull=False)),
            models.CheckConstraint(name="standing_with_an_end_is_decided_on", condition=models.Q(until=None) | models.Q(due_at__isnull=False)),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="standing_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["sprint_from"], name="standing_sprinting", condition=models.Q(sprint_from__isnull=False, sprint_told=False)),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.tier}"


class StandingChange(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    at = models.DateTimeField(_("when"))
    before = tier(_("before"), null=True, blank=True)
    tier = tier(_("tier"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    cause = models.CharField(_("why"), max_length=10, choices=Cause, default=Cause.BY_HAND, db_default=Cause.BY_HAND.value)
    actor = models.CharField(_("by"), max_length=100)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("change of tier")
        verbose_name_plural = _("changes of tier")
        ordering = ["-id"]
        indexes = [models.Index(fields=["member", "-id"], name="standing_change_of_member")]
        triggers = [
            pgtrigger.Protect(name="standing_change_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="standing_change_is_append_only", exclude=["reason"]),
            only_redacted("standing_change_reason_stays", "reason"),
        ]

    def __str__(self) -> str:
        return f"{self.before or '–'} → {self.tier or '–'}"
