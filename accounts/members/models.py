from django.db import models
from django.db.models.functions import ExtractDay, ExtractMonth, Lower
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class Member(models.Model):
    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        CLOSED = "closed", _("closed")
        MERGED = "merged", _("merged")
        ERASED = "erased", _("erased")

    ARROWS = {
        Status.ACTIVE: (Status.CLOSED, Status.MERGED, Status.ERASED),
        Status.CLOSED: (Status.ACTIVE, Status.ERASED),
        Status.MERGED: (Status.ERASED,),
        Status.ERASED: (),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    external_id = models.CharField(_("storefront's id"), max_length=64, unique=True, help_text=_("The id by which the storefront knows this member."))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.ACTIVE)
    name = models.CharField(_("name"), max_length=100, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    referred_by = models.ForeignKey("self", verbose_name=_("invited by"), null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    merged_into = models.ForeignKey(
        "self",
        verbose_name=_("merged into"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        help_text=_("Who answers for this member's id since they were merged. Never a merged member itself."),
    )
    token_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("first seen"))
    registered_at = models.DateTimeField(_("registered"), null=True, blank=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        permissions = [("export_member", "Can make and download copies of a member's data"), ("erase_member", "Can ask for a member to be erased")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(referred_by=models.F("id")), name="member_not_invited_by_itself"),
            models.CheckConstraint(condition=~models.Q(merged_into=models.F("id")), name="member_not_merged_into_itself"),
            models.CheckConstraint(
                condition=models.Q(merged_into=None) & ~models.Q(status="merged") | models.Q(merged_into__isnull=False, status__in=["merged", "erased"]),
                name="member_merged_says_into_whom",
            ),
        ]
        # How operators find a member.
        indexes = [
            models.Index(fields=["phone"], name="member_by_phone", condition=~models.Q(phone="")),
            # Whole, unlike the other: of a partial index on an expression the planner does not know how few rows it gives.
            models.Index(Lower("email"), name="member_by_email"),
            models.Index(fields=["merged_into"], name="member_merged", condition=models.Q(merged_into__isnull=False)),
            # Whose birthday it is.
            models.Index(ExtractMonth("birthday"), ExtractDay("birthday"), name="member_by_birthday"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.name}".strip()
