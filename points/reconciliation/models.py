from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class ReconciliationRound(models.Model):
    """One round over all books. `reached` is the last member whose books were looked at: a round that stops goes on behind it."""

    id = models.BigAutoField(primary_key=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)
    reached = models.UUIDField(null=True, editable=False)
    accounts = models.PositiveIntegerField(_("accounts"), default=0)
    entries = models.BigIntegerField(_("entries"), default=0)
    found = models.PositiveIntegerField(_("members whose books do not balance"), default=0)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class Finding(models.Model):
    """One member's books do not balance. Open until an operator says what was the matter."""

    class Status(models.TextChoices):
        OPEN = "open", _("not closed yet")
        CLOSED = "closed", _("closed")

    ARROWS = {Status.OPEN: (Status.CLOSED,)}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Whoever's id stands in the books, were it nobody's.
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    found_at = models.DateTimeField(_("found at"))
    seen_at = models.DateTimeField(_("last seen"))
    # Each with `invariant`, `what`, `expected`, `found`; at most so many as the verb keeps, `breach_count` counts all.
    breaches = models.JSONField(default=list, editable=False)
    breach_count = models.PositiveIntegerField(_("breaches"))
    frozen = models.BooleanField(
        _("frozen by it"), null=True, help_text=_("No: the account was frozen before, by somebody else. Unknown: it could not be frozen, see the log.")
    )
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.CharField(_("closed by"), max_length=100, blank=True)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("breach of the books")
        verbose_name_plural = _("breaches of the books")
        ordering = ["-found_at", "-id"]
        permissions = [("close_finding", _("Can close breaches of the books"))]
        constraints = [models.UniqueConstraint(fields=["member"], condition=Q(status="open"), name="finding_one_open_a_member")]
        indexes = [models.Index(fields=["-found_at", "-id"], name="finding_newest")]

    def __str__(self) -> str:
        return f"{self.member_id}"
