from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class AnsweredRequest(models.Model):
    """`status` is empty only inside the transaction that answers: nobody else ever sees it so."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    caller = models.CharField(_("caller"), max_length=64)
    key = models.CharField(_("Idempotency-Key"), max_length=255)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(_("status"), null=True)
    body = models.TextField(_("answer"), blank=True)
    # Whom the request was about, where its address says so: erasing a member takes their answers along.
    member_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("answered request")
        verbose_name_plural = _("answered requests")
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="one_answer_per_caller_and_key")]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
