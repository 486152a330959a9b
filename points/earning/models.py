import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _


class RuleVersion(models.Model):
    number = models.PositiveIntegerField(_("version"), unique=True)
    fact = models.CharField(_("fact"), max_length=30, default="purchase", editable=False)
    points_per_unit = models.DecimalField(
        _("points per unit of money"), max_digits=8, decimal_places=4, default=1, help_text=_("1: one point for each whole yuan, dollar … paid for goods.")
    )
    categories = models.JSONField(_("by category"), default=dict, blank=True)
    source = models.CharField(max_length=12, default="purchase", editable=False)
    cost_centre = models.CharField(_("cost centre"), max_length=50, blank=True, help_text=_("Who pays for these points in the books."))
    published_at = models.DateTimeField(_("published"))
    published_by = models.CharField(_("published by"), max_length=150)

    class Meta:
        verbose_name = _("earning rule version")
        verbose_name_plural = _("earning rule versions")
        ordering = ["-number"]
        triggers = [pgtrigger.Protect(name="rule_version_is_published", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(_("version %(number)s") % {"number": self.number})
