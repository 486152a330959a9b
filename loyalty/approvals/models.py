from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


def operator(title: object, *, null: bool = True, help_text: object = "") -> models.ForeignKey:
    """A column for an operator, who stays on record."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=title, null=null, blank=null, on_delete=models.PROTECT, related_name="+", db_index=False, help_text=help_text
    )


class Request(models.Model):
    """Subclasses add what is asked for, and the `reason`."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting for a second person")
        APPLIED = "applied", _("applied")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {Status.WAITING: (Status.APPLIED, Status.REFUSED, Status.WITHDRAWN), Status.APPLIED: (), Status.REFUSED: (), Status.WITHDRAWN: ()}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    requested_by = operator(_("requested by"), null=False)
    requested_at = models.DateTimeField(_("requested"))
    decided_by = operator(_("decided by"), help_text=_("The second person; empty where none was needed."))
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision_reason = models.CharField(_("why it was refused"), max_length=300, blank=True)

    class Meta:
        abstract = True
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(name="%(class)s_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(name="%(class)s_decided_by_another", condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by"))),
        ]
        indexes = [
            models.Index(fields=["-requested_at", "-id"], name="%(class)s_newest"),
            models.Index(fields=["requested_at"], name="%(class)s_waiting", condition=Q(status="waiting")),
        ]
