from django.db import models
from django.utils.translation import gettext_lazy as _


class Picture(models.Model):
    digest = models.CharField(_("digest"), max_length=64, primary_key=True, help_text=_("SHA-256 of the content, in hexadecimal."))
    content = models.BinaryField(_("content"))
    small = models.BinaryField(_("small content"))
    width = models.PositiveIntegerField(_("width"))
    height = models.PositiveIntegerField(_("height"))
    uploaded_at = models.DateTimeField(_("uploaded"))
    uploaded_by = models.CharField(_("uploaded by"), max_length=150)
    unused_since = models.DateTimeField(
        _("shown by nothing since"), null=True, help_text=_("As the nightly job found it; empty: it is shown, or was just uploaded.")
    )

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["-uploaded_at", "digest"]

    def __str__(self) -> str:
        return self.digest[:12]
