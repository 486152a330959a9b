from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id

from . import rules


class Scope(models.TextChoices):
    MEMBERS_READ = "members:read", _("members:read – read members' profiles")
    MEMBERS_WRITE = "members:write", _("members:write – register members and change their profiles")
    MEMBERS_EXPORT = "members:export", _("members:export – get a copy of all that is kept of a member")
    TOKENS_ISSUE = "tokens:issue", _("tokens:issue – get tokens with which members' apps call for themselves")
    EVENTS_WRITE = "events:write", _("events:write – report what members did, which earns, and claim for them")
    POINTS_READ = "points:read", _("points:read – balances, entries, lots and quotes")
    POINTS_SPEND = "points:spend", _("points:spend – hold and spend members' points")
    PURCHASES_READ = "purchases:read", _("purchases:read – read purchases and refunds")
    PURCHASES_WRITE = "purchases:write", _("purchases:write – report purchases, refunds and deliveries, which earn, spend and give back points")


class StorefrontKey(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Which server uses it: “web shop, production”."))
    prefix = models.CharField(_("prefix"), max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    previous_digest = models.CharField(max_length=64, blank=True, editable=False)
    previous_until = models.DateTimeField(_("old secret works until"), null=True, blank=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope), verbose_name=_("scopes"), blank=True, help_text=_("What the key may do."))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Empty: it works until revoked."))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False, help_text=_("Exact to the hour."))
    created_at = models.DateTimeField(_("made"), editable=False)

    class Meta:
        verbose_name = _("storefront key")
        verbose_name_plural = _("storefront keys")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} (lk_{self.prefix}_…)"

    @property
    def lock(self) -> rules.Lock:
        return rules.Lock(self.digest, self.previous_digest, self.previous_until, self.expires_at, self.revoked_at)
