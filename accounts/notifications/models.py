from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.configuration import Configuration, forget
from loyalty.lib.ids import new_id
from loyalty.lib.names import Named

from . import rules


class Channel(models.TextChoices):
    INBOX = "inbox", _("Inbox")
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")
    PUSH = "push", _("App push")
    WECHAT = "wechat", _("WeChat")


class Purpose(models.TextChoices):
    SERVICE = "service", _("news of the account")
    EXPIRY = "expiry", _("expiry of points")
    MARKETING = "marketing", _("marketing")


class Language(models.TextChoices):
    CHINESE = "zh-hans", _("Chinese")
    ENGLISH = "en", _("English")


def _every_channel() -> list[str]:
    return [Channel.INBOX.value, Channel.PUSH.value, Channel.WECHAT.value, Channel.SMS.value, Channel.EMAIL.value]


class NotificationSettings(Configuration):
    quiet_from = models.TimeField(
        _("quiet from"), null=True, blank=True, default=time(22), help_text=_("In the programme's time zone. Until quiet ends, only the inbox is filled.")
    )
    quiet_until = models.TimeField(
        _("quiet until"), null=True, blank=True, default=time(8), help_text=_("What came up meanwhile goes out then. Leave both empty for no quiet hours.")
    )
    marketing_needs_consent = models.BooleanField(
        _("marketing only by consent"),
        default=True,
        help_text=_("On: marketing leaves the inbox only for members who chose it. Off: for everybody who did not refuse. The law may decide for you."),
    )
    marketing_per_day = models.PositiveSmallIntegerField(
        _("marketing messages a day"), default=1, help_text=_("For each member, by business days. More than these are not sent. 0: none at all.")
    )
    email_per_minute = models.PositiveIntegerField(_("e-mails a minute"), default=600, help_text=_("0: no limit of ours. What is too much waits."))
    sms_per_minute = models.PositiveIntegerField(_("SMS a minute"), default=600)
    push_per_minute = models.PositiveIntegerField(_("push messages a minute"), default=6000)
    wechat_per_minute = models.PositiveIntegerField(_("WeChat messages a minute"), default=600)
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("settings of messages")
        verbose_name_plural = _("settings of messages")

    def __str__(self) -> str:
        return str(_("Settings of messages"))

    def clean(self) -> None:
        if (self.quiet_from is None) != (self.quiet_until is None):
            raise ValidationError({"quiet_until": _("Give both ends of the quiet hours, or neither.")})

    def per_minute(self, channel: str) -> int:
        """How many hand-overs a minute that channel may make; 0: as many as there are."""
        return getattr(self, f"{channel}_per_minute")


class NotificationKind(Named):
    class Way(models.TextChoices):
        ALL = "all", _("all of them")
        FIRST = "first", _("the first that works")

    code = models.CharField(
        _("code"), max_length=40, primary_key=True, validators=[RegexValidator(rules.CODE, _("Small letters, digits and underscores, a letter first."))]
    )
    name_zh = models.CharField(_("Chinese name"), max_length=60)
    name_en = models.CharField(_("English name"), max_length=60)
    purpose = models.CharField(
        _("purpose"), max_length=10, choices=Purpose, help_text=_("Members choose by purpose what they want. Marketing has limits of its own.")
    )
    variables = models.JSONField(_("what it may speak of"), default=list, editable=False)
    channels = models.JSONField(_("channels"), default=_every_channel, help_text=_("Those without a text, or without a provider, are passed over."))
    way = models.CharField(
        _("how many channels"), max_length=5, choices=Way, default=Way.ALL,
        help_text=_("The first that works: in the order push, WeChat, SMS, e-mail, the next one when the one before failed. The inbox is filled in any case."),
    )  # fmt: skip
    resend_unknown = models.BooleanField(
        _("send again without an answer"),
        default=False,
        help_text=_("When a provider does not answer, nobody knows whether it sent. On: sent again, so that a member may get it twice. Never for marketing."),
    )
    hours = models.PositiveSmallIntegerField(
        _("of use for, in hours"),
        default=48,
        validators=[MinValueValidator(24)],
        help_text=_("For so long it is tried; after that nobody wants to read it any more. At least 24, since quiet hours put it off."),
    )
    active = models.BooleanField(_("in use"), default=True, help_text=_("Off: nobody gets messages of this kind from now on."))
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("kind of message")
        verbose_name_plural = _("kinds of messages")
        ordering = ["purpose", "code"]
        constraints = [
            models.CheckConstraint(name="notification_marketing_never_twice", condition=~Q(purpose="marketing", resend_unknown=True)),
        ]

    @cached_property
    def known(self) -> list[rules.Variable]:
        return rules.variables(self.variables)

    @property
    def speaks_of(self) -> list[str]:
        """The names that may stand in its texts."""
        return [*(variable.name for variable in self.known), *rules.STANDARD]

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        forget(NotificationKind)

    def clean(self) -> None:
        if self.purpose == Purpose.MARKETING and self.resend_unknown:
            raise ValidationError({"resend_unknown": _("Marketing is never sent again without an answer: nobody should get it twice.")})


class Template(models.Model):
    """What a kind says on one channel, in one language."""

    kind = models.ForeignKey(NotificationKind, verbose_name=_("kind of message"), on_delete=models.PROTECT, related_name="+")
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    language = models.CharField(_("language"), max_length=10, choices=Language)
    subject = models.CharField(_("Subject"), max_length=120, blank=True)
    text = models.TextField(_("text"))
    html = models.TextField(_("HTML"), blank=True)
    history = HistoricalRecords(app="accounts")

    class Meta:
        verbose_name = _("text of messages")
        verbose_name_plural = _("texts of messages")
        constraints = [models.UniqueConstraint(fields=["kind", "channel", "language"], name="notification_text_once")]

    def __str__(self) -> str:
        return f"{self.kind_id}, {self.get_channel_display()}, {self.get_language_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        forget(Template)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        gone = super().delete(*args, **kwargs)
        forget(Template)
        return gone


class Message(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.ForeignKey(NotificationKind, verbose_name=_("kind of message"), on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.CharField(_("key"), max_length=150)
    about = models.JSONField(_("about"), default=dict, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(_("happened"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [models.UniqueConstraint(fields=["member", "kind", "key"], name="notification_once_per_key")]

    def __str__(self) -> str:
        return f"{self.kind_id} {self.key}"


class Delivery(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        STANDBY = "standby", _("waits whether another channel works")
        SENDING = "sending", _("being sent")
        HANDED_OVER = "handed_over", _("handed over")
        DELIVERED = "delivered", _("delivered")
        BOUNCED = "bounced", _("bounced")
        REFUSED = "refused", _("refused")
        UNKNOWN = "unknown", _("no answer")
        GAVE_UP = "gave_up", _("given up")
        SKIPPED = "skipped", _("not sent")

    # From `waiting` and `unknown` also where the answer, or the provider's receipt, of an earlier attempt comes late.
    ARROWS = {
        State.STANDBY: (State.WAITING, State.SKIPPED),
        State.WAITING: (State.SENDING, State.SKIPPED, State.GAVE_UP, State.HANDED_OVER, State.REFUSED, State.DELIVERED),
        State.SENDING: (State.WAITING, State.HANDED_OVER, State.REFUSED, State.UNKNOWN, State.GAVE_UP),
        State.UNKNOWN: (State.WAITING, State.HANDED_OVER, State.REFUSED, State.DELIVERED, State.BOUNCED),
        State.GAVE_UP: (State.WAITING,),
        State.SKIPPED: (State.WAITING,),
        State.HANDED_OVER: (State.DELIVERED, State.BOUNCED),
    }
    # Of these the message may have arrived, or may still: no other channel is tried meanwhile.
    HOPEFUL = (State.WAITING, State.SENDING, State.HANDED_OVER, State.DELIVERED, State.UNKNOWN)
    # Of these the provider has it.
    SENT = (State.HANDED_OVER, State.DELIVERED)
    # What an operator may have sent again.
    RESENT = (State.UNKNOWN, State.GAVE_UP)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, verbose_name=_("message"), on_delete=models.PROTECT, related_name="deliveries")
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    turn = models.PositiveSmallIntegerField(default=0, editable=False)
    state = models.CharField(_("state"), max_length=12, choices=State)
    to = models.CharField(_("address"), max_length=512, blank=True)
    created_at = models.DateTimeField(_("planned"))
    due_at = models.DateTimeField(_("next attempt"))
    until = models.DateTimeField(_("tried until"))
    lease_until = models.DateTimeField(null=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    settled_at = models.DateTimeField(_("settled"), null=True)
    provider_id = models.CharField(_("provider's number"), max_length=200, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=Language, blank=True)
    subject = models.CharField(_("Subject"), max_length=300, blank=True)
    text = models.TextField(_("text"), blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("messages sent")
        permissions = [("resend_delivery", _("Can send messages again"))]
        indexes = [
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["lease_until"], name="delivery_lease", condition=Q(state="sending")),
            models.Index(fields=["channel", "provider_id"], name="delivery_by_provider_id", condition=~Q(provider_id="")),
            models.Index(fields=["member", "-id"], name="delivery_of_member"),
            models.Index(fields=["to"], name="delivery_by_address", condition=~Q(to="")),
            models.Index(fields=["settled_at"], name="delivery_failed", condition=Q(state__in=("unknown", "gave_up", "refused", "bounced"))),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.get_state_display()}"


class Attempt(models.Model):
    """One hand-over. Without an outcome: under way, or its worker died."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        THROTTLED = "throttled", _("too many at once")
        UNREACHABLE = "unreachable", _("not reached")
        UNKNOWN = "unknown", _("no answer")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="chain", db_index=False)
    member = models.ForeignKey("accounts.Member", on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveSmallIntegerField(_("number"))
    to = models.CharField(_("address"), max_length=512)
    started_at = models.DateTimeField(_("begun"))
    answered_at = models.DateTimeField(_("answered"), null=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    provider_id = models.CharField(_("provider's number"), max_length=200, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["number"]
        indexes = [models.Index(fields=["delivery", "number"], name="attempt_of_delivery")]
        constraints = [models.UniqueConstraint(fields=["member", "delivery", "number"], name="attempt_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_outcome_display() or '…'}"


class InboxItem(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", on_delete=models.PROTECT, related_name="+", db_index=False)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.ForeignKey(NotificationKind, on_delete=models.PROTECT, related_name="+", db_index=False)
    # Language → subject and text, as they read when it was put there.
    texts = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("inbox item")
        verbose_name_plural = _("inbox items")
        indexes = [
            models.Index(fields=["member", "-id"], name="inbox_newest"),
            models.Index(fields=["member"], name="inbox_unread", condition=Q(read_at=None)),
        ]
        constraints = [models.UniqueConstraint(fields=["member", "message"], name="inbox_once")]

    def __str__(self) -> str:
        return self.said["subject"]

    @property
    def said(self) -> dict[str, Any]:
        """Subject and text in the language of whoever reads; in another one where there is none."""
        for language in rules.in_language(get_language() or ""):
            if language in self.texts:
                return self.texts[language]
        return {"subject": "", "text": ""}


class Preference(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", on_delete=models.PROTECT, related_name="+", db_index=False)
    purpose = models.CharField(_("purpose"), max_length=10, choices=Purpose)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    wanted = models.BooleanField(_("wanted"))
    said_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")
        constraints = [models.UniqueConstraint(fields=["member", "purpose", "channel"], name="preference_once")]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()}, {self.get_channel_display()}"


class Address(models.Model):
    """Where a channel finds the member, besides what stands in the profile. `gone_at`: a provider said that nobody is there."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    value = models.CharField(_("address"), max_length=512)
    added_at = models.DateTimeField(_("added"))
    gone_at = models.DateTimeField(_("gone"), null=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [models.UniqueConstraint(fields=["member", "channel", "value"], name="address_once")]

    def __str__(self) -> str:
        return self.value


class MarketingDay(models.Model):
    """How many marketing messages a member was sent on a business day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    used = models.PositiveSmallIntegerField()

    class Meta:
        verbose_name = _("marketing of a day")
        verbose_name_plural = _("marketing of a day")
        constraints = [models.UniqueConstraint(fields=["member", "day"], name="marketing_day_once")]

    def __str__(self) -> str:
        return f"{self.day}"


class ChannelPace(models.Model):
    """How fast a channel goes: what it has handed over in the current minute, and until when its provider asked us to wait."""

    channel = models.CharField(max_length=10, primary_key=True, choices=Channel)
    minute = models.DateTimeField(null=True)
    used = models.PositiveIntegerField(default=0)
    paused_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("pace of a channel")
        verbose_name_plural = _("pace of channels")

    def __str__(self) -> str:
        return self.channel
