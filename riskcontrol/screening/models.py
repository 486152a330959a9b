import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id
from loyalty.lib.redaction import only_redacted


class BlockListEntry(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(_("reason"), max_length=300, help_text=_("Operators read it, the member does not."))
    blocked_by = models.CharField(_("blocked by"), max_length=100)
    blocked_at = models.DateTimeField(_("blocked since"))
    until = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("The block ends by itself then. Empty: when it is lifted."))
    lifted_at = models.DateTimeField(_("lifted"), null=True, blank=True)
    lifted_by = models.CharField(_("lifted by"), max_length=100, blank=True)
    lift_reason = models.CharField(_("reason for lifting"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("blocked member")
        verbose_name_plural = _("block list")
        ordering = ["-blocked_at", "-id"]
        permissions = [("lift_blocklistentry", _("Can lift blocks"))]
        constraints = [
            models.UniqueConstraint(fields=["member"], condition=Q(lifted_at=None), name="block_list_one_open_entry_per_member"),
            models.CheckConstraint(condition=Q(until=None) | Q(until__gt=F("blocked_at")), name="block_list_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by="") | Q(lifted_at__isnull=False) & ~Q(lifted_by=""), name="block_list_lifted_by_somebody"
            ),
        ]
        indexes = [
            models.Index(fields=["member", "-blocked_at"], name="block_list_by_member"),
            models.Index(fields=["until"], condition=Q(lifted_at=None), name="block_list_lapsing"),
        ]
        triggers = [
            pgtrigger.Protect(name="block_list_entry_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="block_list_entry_is_pinned", fields=["member", "blocked_by", "blocked_at", "until"]),
            only_redacted("block_list_reason_stays", "reason"),
        ]

    def __str__(self) -> str:
        return f"{self.member}: {self.reason}"
