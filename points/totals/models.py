from django.db import models
from django.utils.translation import gettext_lazy as _


class DayTotals(models.Model):
    day = models.DateField(_("day"), primary_key=True)
    earned = models.BigIntegerField(_("earned"), default=0)
    spent = models.BigIntegerField(_("spent"), default=0)
    expired = models.BigIntegerField(_("expired"), default=0)
    given_back = models.BigIntegerField(_("given back"), default=0)
    taken_back = models.BigIntegerField(_("taken back"), default=0)
    accounts = models.BigIntegerField(_("accounts"), default=0)
    available = models.BigIntegerField(_("available"), default=0)
    held = models.BigIntegerField(_("held"), default=0)
    pending = models.BigIntegerField(_("pending"), default=0)
    debt = models.BigIntegerField(_("owed"), default=0)
    computed_at = models.DateTimeField(_("put together"))

    class Meta:
        verbose_name = _("totals of a day")
        verbose_name_plural = _("totals by day")
        ordering = ["-day"]

    def __str__(self) -> str:
        return str(self.day)
