from datetime import UTC, datetime

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.names import Described
from mall.rewards.models import CODE

from . import rules

# Stands for “always good” where codes are put in order.
FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)


class CodePool(Described):
    code = models.CharField(
        _("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("By which rewards name the pool, like video-month. It stays.")
    )
    text_zh = models.CharField(
        _("what to do with a code, Chinese"), max_length=500, blank=True, help_text=_("Members read it beside their code: where to enter it.")
    )
    text_en = models.CharField(_("what to do with a code, English"), max_length=500, blank=True)
    low_water = models.PositiveIntegerField(
        _("call for more at"), default=10, help_text=_("Once so many are left, or fewer, the pool is marked and told of once. 0: not before it is empty.")
    )
    low_since = models.DateTimeField(_("low since"), null=True, blank=True, editable=False)
    history = HistoricalRecords(app="mall", excluded_fields=["low_since"])

    class Meta:
        verbose_name = _("pool of codes")
        verbose_name_plural = _("pools of codes")
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class CodeImport(models.Model):
    pool = models.ForeignKey(CodePool, verbose_name=_("pool"), on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(_("file"), max_length=100, blank=True)
    digest = models.CharField(_("digest"), max_length=64, help_text=_("SHA-256 of the file, which itself is not kept."))
    added = models.PositiveIntegerField(_("codes taken in"))
    there = models.PositiveIntegerField(_("there already"))
    faulty = models.PositiveIntegerField(_("lines left out"))
    actor = models.CharField(_("by"), max_length=150)
    at = models.DateTimeField(_("at"))
    voided = models.PositiveIntegerField(_("of them voided"), default=0)
    withdrawn_at = models.DateTimeField(_("withdrawn on"), null=True, blank=True)
    withdrawn_by = models.CharField(_("withdrawn by"), max_length=150, blank=True)
    reason = models.CharField(_("withdrawn because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("import of codes")
        verbose_name_plural = _("imports of codes")
        ordering = ["-id"]
        permissions = [("withdraw_codeimport", "Can withdraw imports of codes")]
        constraints = [models.CheckConstraint(name="code_import_withdrawn_says_why", condition=Q(withdrawn_at=None) | (~Q(reason="") & ~Q(withdrawn_by="")))]

    def __str__(self) -> str:
        return f"#{self.pk} {self.file_name}".strip()


class Code(models.Model):
    """One that nobody has got is of nobody; from when it is reserved on it is its member's for ever."""

    pool = models.ForeignKey(CodePool, verbose_name=_("pool"), on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(_("redemption code"), max_length=rules.LONGEST)
    batch = models.ForeignKey(CodeImport, verbose_name=_("import"), on_delete=models.PROTECT, related_name="+", db_index=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("The first instant at which nobody gets it any more. Empty: never."))
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    handed_at = models.DateTimeField(_("handed out on"), null=True, blank=True)
    voided_at = models.DateTimeField(_("voided on"), null=True, blank=True)
    voided_for = models.CharField(_("voided because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("redemption code")
        verbose_name_plural = _("redemption codes")
        ordering = ["-id"]
        permissions = [("replace_code", "Can replace codes that do not work")]
        constraints = [
            models.UniqueConstraint(fields=["pool", "value"], name="code_once_in_a_pool"),
            models.CheckConstraint(
                name="code_of_a_redemption_is_its_members",
                condition=Q(member=None, redemption=None, handed_at=None) | Q(member__isnull=False, redemption__isnull=False),
            ),
        ]
        indexes = [
            models.Index(F("pool"), Coalesce(F("expires_at"), Value(FOR_EVER)), F("id"), name="code_free", condition=Q(redemption=None, voided_at=None)),
            models.Index(fields=["member", "redemption"], name="code_of_redemption", condition=Q(redemption__isnull=False)),
            models.Index(fields=["batch"], name="code_of_import", condition=Q(redemption=None, voided_at=None)),
        ]

    def __str__(self) -> str:
        return rules.masked(self.value)
