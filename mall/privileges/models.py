from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from loyalty.lib.names import Described
from mall.rewards.models import CODE

from . import rules


class PrivilegeKind(Described):
    class What(models.TextChoices):
        PRIORITY_SHIPPING = "priority_shipping", _("priority shipping")
        OWN_AGENT = "own_agent", _("an agent of one's own")
        EARLY_ACCESS = "early_access", _("early access")
        FREE_RETURNS = "free_returns", _("free returns")
        OTHER = "other", _("something else")

    class Term(models.TextChoices):
        DAYS = "days", _("so many days")
        YEAR_END = "year_end", _("to the end of the year")
        FOR_EVER = "for_ever", _("for ever")

    code = models.CharField(
        _("code"), max_length=40, primary_key=True, validators=[CODE], help_text=_("By which rewards and the storefront name it, like fast-30. It stays.")
    )
    what = models.CharField(_("what it is"), max_length=20, choices=What, help_text=_("What the storefront does for who has it."))
    text_zh = models.CharField(_("what members read, Chinese"), max_length=500, blank=True)
    text_en = models.CharField(_("what members read, English"), max_length=500, blank=True)
    term = models.CharField(_("good for"), max_length=10, choices=Term, default=Term.DAYS)
    term_days = models.PositiveIntegerField(
        _("number of days"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("Through the end of that day after it begins.")
    )
    uses = models.PositiveIntegerField(
        _("uses"), null=True, blank=True, validators=[MinValueValidator(1)], help_text=_("How often one can be used. Empty: at will, while it is good.")
    )
    early_minutes = models.PositiveIntegerField(
        _("comes sooner, in minutes"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(rules.MOST_EARLY)],
        help_text=_("Of early access: rewards and flash sales open so much sooner for who has it. Empty: only the storefront acts on it."),
    )
    active = models.BooleanField(_("can be chosen"), default=True, help_text=_("Off: for no new reward, and granted by nobody. Members keep what they have."))
    history = HistoricalRecords(app="mall")

    class Meta:
        verbose_name = _("kind of privilege")
        verbose_name_plural = _("kinds of privileges")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                name="privilege_kind_of_days_says_how_many", condition=Q(term="days", term_days__gte=1) | (~Q(term="days") & Q(term_days=None))
            ),
            models.CheckConstraint(name="privilege_kind_is_of_use", condition=Q(uses=None) | Q(uses__gte=1)),
            models.CheckConstraint(
                name="privilege_kind_that_comes_sooner_is_at_will", condition=Q(early_minutes=None) | Q(early_minutes__gte=1, what="early_access", uses=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    def clean(self) -> None:
        if self.early_minutes and (self.what != self.What.EARLY_ACCESS or self.uses is not None):
            raise ValidationError({"early_minutes": _("Only early access that is used at will opens anything sooner. Leave it empty.")})

    @property
    def as_term(self) -> rules.Term:
        return rules.Term(self.term, self.term_days or 0)  # type: ignore[arg-type]


class Privilege(models.Model):
    class State(models.TextChoices):
        COMING = "coming", _("begins later")
        CURRENT = "current", _("good")
        USED_UP = "used_up", _("used up")
        OVER = "over", _("term is over")
        ENDED = "ended", _("ended early")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.ForeignKey(PrivilegeKind, verbose_name=_("kind"), on_delete=models.PROTECT, related_name="+", db_index=False)
    redemption = models.ForeignKey("mall.Redemption", verbose_name=_("redemption"), null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    granted_at = models.DateTimeField(_("granted on"))
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True, help_text=_("The first instant at which it is over. Empty: never."))
    uses = models.PositiveIntegerField(_("uses"), null=True, blank=True)
    uses_left = models.PositiveIntegerField(_("uses left"), null=True, blank=True)
    early_minutes = models.PositiveIntegerField(_("comes sooner, in minutes"), null=True, blank=True)
    subject = models.CharField(_("granted for"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    key = models.CharField(_("key"), max_length=300)
    number = models.PositiveSmallIntegerField(_("number"), help_text=_("Counts the privileges of one grant."))
    ended_at = models.DateTimeField(_("ended on"), null=True, blank=True)
    ended_for = models.CharField(_("ended because"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("privilege")
        verbose_name_plural = _("privileges")
        ordering = ["-id"]
        permissions = [("grant_privilege", "Can grant privileges"), ("end_privilege", "Can end privileges")]
        constraints = [
            models.UniqueConstraint(fields=["member", "key", "number"], name="privilege_granted_once"),
            models.CheckConstraint(
                name="privilege_uses_left_of_those_granted",
                condition=Q(uses=None, uses_left=None) | Q(uses__isnull=False, uses_left__isnull=False, uses_left__lte=F("uses")),
            ),
            models.CheckConstraint(name="privilege_ended_says_why", condition=Q(ended_at=None, ended_for="") | (Q(ended_at__isnull=False) & ~Q(ended_for=""))),
        ]
        indexes = [
            models.Index(fields=["member", "-id"], name="privilege_newest"),
            models.Index(fields=["member", "kind"], name="privilege_standing", condition=Q(ended_at=None)),
            models.Index(fields=["member"], name="privilege_comes_sooner", condition=Q(early_minutes__isnull=False, ended_at=None)),
            models.Index(fields=["member", "redemption"], name="privilege_of_redemption", condition=Q(redemption__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.kind.name


class PrivilegeUse(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    privilege = models.ForeignKey(Privilege, verbose_name=_("privilege"), on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.CharField(_("used for"), max_length=200)
    actor = models.CharField(_("by"), max_length=150)
    used_at = models.DateTimeField(_("used at"))
    given_back_at = models.DateTimeField(_("given back"), null=True, blank=True)

    class Meta:
        verbose_name = _("use of a privilege")
        verbose_name_plural = _("uses of privileges")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "privilege", "subject"], name="privilege_used_once_for_a_subject", condition=Q(given_back_at=None)),
            models.CheckConstraint(name="privilege_use_says_for_what", condition=~Q(subject="")),
        ]
        indexes = [models.Index(fields=["member", "privilege", "id"], name="privilege_uses")]

    def __str__(self) -> str:
        return self.subject
