from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Named


class Segment(Named):
    code = models.CharField(
        _("code"),
        primary_key=True,
        max_length=40,
        validators=[RegexValidator(r"^[a-z][a-z0-9_-]{0,39}$", _("Small letters, digits, hyphens and underscores, a letter first: spring-testers."))],
        help_text=_("What rules call it, like spring-testers. It stays as it is for good."),
    )
    name_zh = models.CharField(_("Chinese name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60)
    description = models.CharField(_("description"), max_length=300, blank=True, help_text=_("Who belongs here, and why; for other operators."))
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class SegmentMember(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    segment = models.ForeignKey(Segment, verbose_name=_("segment"), on_delete=models.PROTECT, related_name="+", db_index=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    added_at = models.DateTimeField(_("added"))
    added_by = models.CharField(_("added by"), max_length=150)

    class Meta:
        verbose_name = _("member of a segment")
        verbose_name_plural = _("members of segments")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["member", "segment"], name="segment_member_once")]
        indexes = [models.Index(fields=["segment", "-id"], name="segment_newest")]

    def __str__(self) -> str:
        return f"{self.segment_id}: {self.member_id}"
