import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


def member() -> models.ForeignKey:
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)


def tier(title: object, **options: object) -> models.ForeignKey:
    return models.ForeignKey("tiers.Tier", verbose_name=title, on_delete=models.PROTECT, related_name="+", **options)


class Standing(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    tier = tier(_("tier"))
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("From then on the member is in the lowest tier. Empty: no end."))
    set_by = models.CharField(_("set by"), max_length=100)
    reason = models.CharField(_("reason"), max_length=300)

    class Meta:
        verbose_name = _("member's tier")
        verbose_name_plural = _("members' tiers")
        constraints = [
            models.UniqueConstraint(fields=["member"], name="standing_one_per_member"),
            models.CheckConstraint(name="standing_ends_after_it_begins", condition=models.Q(until=None) | models.Q(until__gt=models.F("since"))),
        ]
        indexes = [models.Index(fields=["until"], name="standing_lapsing", condition=models.Q(until__isnull=False))]

    def __str__(self) -> str:
        return f"{self.member}: {self.tier}"


class StandingChange(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    at = models.DateTimeField(_("when"))
    before = tier(_("before"), null=True, blank=True)
    tier = tier(_("tier"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    actor = models.CharField(_("by"), max_length=100)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("change of tier")
        verbose_name_plural = _("changes of tier")
        ordering = ["-id"]
        indexes = [models.Index(fields=["member", "-id"], name="standing_change_of_member")]
        triggers = [pgtrigger.Protect(name="standing_change_stays", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.before or '–'} → {self.tier or '–'}"
