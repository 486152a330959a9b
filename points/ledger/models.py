import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id
from loyalty.lib.redaction import only_redacted


def member() -> models.ForeignKey:
    # For the ORM it names the member. The database ties it to the member's *account* instead (see the migration): a row of the books
    # without an account cannot exist, and the check meets the lock that the verb holds anyway instead of touching the member's row.
    return models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)


class Source(models.TextChoices):
    """Where points came from: a member's sub-accounts are a question to the lots by this column."""

    PURCHASE = "purchase", _("purchase")
    BEHAVIOUR = "behaviour", _("behaviour")
    CAMPAIGN = "campaign", _("campaign")
    TRANSFER = "transfer", _("transfer")
    ADJUSTMENT = "adjustment", _("adjustment")
    RESTORED = "restored", _("given back")
    IMPORT = "import", _("opening balance")
    BOUGHT = "bought", _("bought")


class Account(models.Model):
    member = models.OneToOneField("accounts.Member", verbose_name=_("member"), primary_key=True, on_delete=models.PROTECT, related_name="+")
    available = models.BigIntegerField(_("available"), default=0)
    held = models.BigIntegerField(_("held"), default=0)
    pending = models.BigIntegerField(_("pending"), default=0)
    debt = models.BigIntegerField(_("owed"), default=0)
    last_seq = models.BigIntegerField(default=0, editable=False)
    frozen = models.BooleanField(_("frozen"), default=False)
    # Known under the account's lock: whatever still arrives here is forwarded (`points/merging`).
    merged_into = models.UUIDField(null=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        constraints = [
            models.CheckConstraint(name="account_buckets_never_below_zero", condition=Q(available__gte=0, held__gte=0, pending__gte=0, debt__gte=0)),
            models.CheckConstraint(name="account_owes_only_with_nothing_available", condition=Q(available=0) | Q(debt=0)),
        ]
        triggers = [pgtrigger.Protect(name="account_stays", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(self.member_id)


class Entry(models.Model):
    class Kind(models.TextChoices):
        EARN = "earn", _("earned")
        MATURE = "mature", _("became available")
        SPEND = "spend", _("spent")
        HOLD = "hold", _("held")
        CAPTURE = "capture", _("held points spent")
        RELEASE = "release", _("hold released")
        RESTORE = "restore", _("given back")
        CLAWBACK = "clawback", _("taken back")
        EXPIRE = "expire", _("expired")
        POSTPONE = "postpone", _("expiry postponed")
        SETTLE = "settle", _("settled what was owed")
        ADJUST = "adjust", _("adjusted")
        FORFEIT = "forfeit", _("forfeited")
        TRANSFER_OUT = "transfer_out", _("transferred away")
        TRANSFER_IN = "transfer_in", _("received by transfer")
        FREEZE = "freeze", _("frozen")
        UNFREEZE = "unfreeze", _("unfrozen")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    seq = models.BigIntegerField(_("number"), help_text=_("Counts the member's entries without a gap."))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    points = models.BigIntegerField(_("points"), help_text=_("What the act was about. How it moved the buckets stands beside it."))
    available_change = models.BigIntegerField(_("available ±"), default=0)
    held_change = models.BigIntegerField(_("held ±"), default=0)
    pending_change = models.BigIntegerField(_("pending ±"), default=0)
    debt_change = models.BigIntegerField(_("owed ±"), default=0)
    balance_after = models.BigIntegerField(_("available after"))
    waived = models.BigIntegerField(_("waived"), default=0, help_text=_("Part of a clawback that is not claimed, because those points had expired."))
    expires_at = models.DateTimeField(_("expiry given"), null=True, blank=True)
    key = models.CharField(_("key"), max_length=300)
    digest = models.CharField(max_length=32, blank=True, editable=False)
    subject = models.CharField(_("about"), max_length=200, blank=True)
    refers_to = models.ForeignKey("self", verbose_name=_("refers to"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    actor = models.CharField(_("by"), max_length=100)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    occurred_at = models.DateTimeField(_("happened"))
    recorded_at = models.DateTimeField(_("recorded"))

    class Meta:
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        ordering = ["-recorded_at", "-id"]
        permissions = [("export_entry", "Can export entries as CSV")]
        constraints = [
            models.UniqueConstraint(fields=["member", "seq"], name="entry_numbered_without_doubles"),
            models.UniqueConstraint(fields=["member", "key"], name="entry_one_key_one_effect"),
            models.CheckConstraint(name="entry_amounts_never_below_zero", condition=Q(points__gte=0, balance_after__gte=0, waived__gte=0)),
        ]
        indexes = [
            models.Index(fields=["member", "refers_to"], name="entry_refers_to", condition=Q(refers_to__isnull=False)),
            # Entries come in the order in which they are booked, so a few pages of index find any day among millions.
            BrinIndex(fields=["recorded_at"], name="entry_recorded", autosummarize=True),
        ]
        triggers = [
            pgtrigger.Protect(name="entry_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="entry_is_append_only", exclude=["key", "digest", "subject", "reason"]),
            only_redacted("entry_texts_stay", "key", "digest", "subject", "reason"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.get_kind_display()} {self.points}"


class Lot(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    entry = models.ForeignKey(Entry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(_("source"), max_length=12, choices=Source)
    original = models.BigIntegerField(_("original"))
    remaining = models.BigIntegerField(_("remaining"))
    held = models.BigIntegerField(_("held"), default=0)
    is_open = models.BooleanField(default=True, editable=False)
    is_pending = models.BooleanField(_("pending"), default=False)
    earned_at = models.DateTimeField(_("earned"))
    matures_at = models.DateTimeField(_("matures"), null=True, blank=True, help_text=_("Empty for points that wait for an act, such as the delivery."))
    available_at = models.DateTimeField(_("available since"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("The first instant at which the points are gone. Empty: never."))
    terms = models.CharField(_("terms"), max_length=100)
    rule_version = models.ForeignKey(
        "points.RuleVersion", verbose_name=_("rule version"), null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    cost_centre = models.CharField(_("cost centre"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        ordering = [F("expires_at").asc(nulls_last=True), "earned_at", "id"]
        constraints = [
            models.CheckConstraint(
                name="lot_keeps_within_its_original", condition=Q(original__gt=0, remaining__gte=0, held__gte=0, original__gte=F("remaining") + F("held"))
            ),
            # A column of its own, so that a partial spend changes no indexed column.
            models.CheckConstraint(name="lot_open_says_remaining", condition=Q(is_open=True, remaining__gt=0) | Q(is_open=False, remaining=0)),
            models.CheckConstraint(
                name="lot_pending_is_neither_dated_nor_held",
                condition=Q(is_pending=True, available_at__isnull=True, expires_at__isnull=True, held=0) | Q(is_pending=False, available_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "expires_at", "earned_at", "id"], name="lot_fifo", condition=Q(is_open=True, is_pending=False)),
            models.Index(fields=["expires_at", "member"], name="lot_due", condition=Q(is_open=True, is_pending=False)),
            models.Index(fields=["matures_at", "member"], name="lot_maturing", condition=Q(is_open=True, is_pending=True)),
            models.Index(fields=["member", "entry"], name="lot_entry"),
        ]
        triggers = [
            pgtrigger.Protect(name="lot_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="lot_is_pinned", fields=["member", "entry", "source", "original", "earned_at", "matures_at", "terms", "rule_version", "cost_centre"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.remaining}/{self.original}"


class Allocation(models.Model):
    pk = models.CompositePrimaryKey("member_id", "entry_id", "lot_id")
    member = member()
    # Checking these keys, and the member's, would be a third of the work of the night's sweep. What they name is never deleted, allocations
    # are written in their entry's own statement, and `audit_ledger` (2, 9) finds one that hangs on another member's row, or on none.
    entry = models.ForeignKey(Entry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="allocations", db_constraint=False, db_index=False)
    lot = models.ForeignKey(Lot, verbose_name=_("lot"), on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    points = models.BigIntegerField(_("taken"), help_text=_("What left the lot for good; below zero, what came back."))
    held = models.BigIntegerField(_("held ±"), default=0)

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        indexes = [models.Index(fields=["member", "lot"], name="allocation_lot")]
        triggers = [pgtrigger.Protect(name="allocation_is_append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.points} ({self.held:+})"


class Hold(models.Model):
    class Status(models.TextChoices):
        OPEN = "open", _("open")
        CAPTURED = "captured", _("captured")
        RELEASED = "released", _("released")
        LAPSED = "lapsed", _("lapsed")

    ARROWS = {Status.OPEN: (Status.CAPTURED, Status.RELEASED, Status.LAPSED)}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = member()
    entry = models.ForeignKey(Entry, verbose_name=_("entry"), on_delete=models.PROTECT, related_name="+", db_index=False)
    points = models.BigIntegerField(_("points"))
    captured = models.BigIntegerField(_("captured"), default=0)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    subject = models.CharField(_("about"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("deadline"))
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(name="hold_captures_within_its_points", condition=Q(points__gt=0, captured__gte=0, captured__lte=F("points"))),
            models.CheckConstraint(
                name="hold_captured_is_settled",
                condition=Q(status="open", captured=0, settled_at__isnull=True)
                | Q(status="captured", captured__gt=0, settled_at__isnull=False, settled_at__lt=F("expires_at"))
                | Q(status__in=["released", "lapsed"], captured=0, settled_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["member", "expires_at"], name="hold_open", condition=Q(status="open")),
            models.Index(fields=["expires_at", "member"], name="hold_overdue", condition=Q(status="open")),
            models.Index(fields=["member", "entry"], name="hold_entry"),
        ]
        triggers = [
            pgtrigger.Protect(name="hold_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="hold_is_pinned", fields=["member", "entry", "points", "created_at", "expires_at"]),
            only_redacted("hold_subject_stays", "subject"),
        ]

    def __str__(self) -> str:
        return f"{self.points} {self.get_status_display()}"
