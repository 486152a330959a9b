from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import forget
from loyalty.lib.ids import new_id

from . import rules

PROVIDERS = [(each.code, _(each.title)) for each in rules.PROVIDERS.values()]


class ChannelSettings(models.Model):
    """One provider's public parameters. Without a row, or not in use, nothing is sent through it."""

    provider = models.CharField(_("provider"), max_length=20, primary_key=True, choices=PROVIDERS)
    channel = models.CharField(_("channel"), max_length=10, editable=False)
    in_use = models.BooleanField(_("in use"), default=False, help_text=_("Off: nothing is sent through this provider."))
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ["channel", "provider"]
        constraints = [
            # Push is served by as many as there are kinds of devices; each address says by which.
            models.UniqueConstraint(fields=["channel"], name="channel_has_one_provider", condition=Q(in_use=True) & ~Q(channel="push"))
        ]

    def __str__(self) -> str:
        return str(self.get_provider_display())

    @property
    def about(self) -> rules.Provider:
        return rules.PROVIDERS[self.provider]

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.channel = self.about.channel
        super().save(*args, **kwargs)
        forget(ChannelSettings)


class ProviderTemplate(models.Model):
    """Which of the provider's approved templates carries which kind of message."""

    settings = models.ForeignKey(ChannelSettings, on_delete=models.CASCADE, related_name="templates")
    kind = models.SlugField(_("kind of message"), max_length=60, help_text=_("As notifications name it: points_expiring."))
    language = models.CharField(_("language"), max_length=10, choices=[("zh-hans", _("Chinese")), ("en", _("English"))], default="zh-hans")
    code = models.CharField(_("template"), max_length=80, help_text=_("Its number or code at the provider: SMS_154950909."))
    variables = models.TextField(
        _("variables"),
        blank=True,
        help_text=_("A line for each, the provider's name and ours: thing1=tier. Where the provider numbers them: ours alone, in its order."),
    )
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("template at the provider")
        verbose_name_plural = _("templates at the provider")
        ordering = ["kind", "language"]
        constraints = [models.UniqueConstraint(fields=["settings", "kind", "language"], name="provider_template_once")]

    def __str__(self) -> str:
        return f"{self.kind} ({self.language}): {self.code}"

    def clean(self) -> None:
        if self.read_variables() is None:
            raise ValidationError({"variables": _("Write a line like thing1=tier for each variable; where the provider numbers them, like tier.")})

    def read_variables(self) -> list[tuple[str, str]] | None:
        return rules.template_variables(self.variables, ordered=self.settings.about.templates == "ordered")

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        forget(ChannelSettings)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        gone = super().delete(*args, **kwargs)
        forget(ChannelSettings)
        return gone


class Receipt(models.Model):
    """What a provider has told of one message, once."""

    class State(models.TextChoices):
        DELIVERED = "delivered", _("arrived")
        BOUNCED = "bounced", _("bounced")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    provider = models.CharField(_("provider"), max_length=20, choices=PROVIDERS)
    provider_id = models.CharField(_("number at the provider"), max_length=rules.LONGEST_ID)
    key = models.CharField(
        _("key"), max_length=rules.LONGEST_ID, blank=True, help_text=_("Under which the message was handed over, where the provider tells it.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State)
    detail = models.CharField(_("what the provider said"), max_length=rules.MOST_KEPT, blank=True)
    address_gone = models.BooleanField(_("nobody is there any more"), default=False)
    received_at = models.DateTimeField(_("received"))
    times = models.PositiveIntegerField(_("how often told"), default=1)
    recognised = models.BooleanField(_("of a message of ours"), default=False)

    class Meta:
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["provider", "provider_id", "state"], name="receipt_once")]
        indexes = [models.Index(fields=["received_at"], name="receipt_by_time"), models.Index(fields=["key"], name="receipt_by_key", condition=~Q(key=""))]

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.get_state_display()}"
