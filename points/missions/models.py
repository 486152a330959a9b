from functools import reduce
from operator import or_

import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from loyalty.lib.ids import new_id
from points.rulebook.models import Named

from . import rules


class Badge(Named):
    code = models.SlugField(_("code"), primary_key=True, max_length=60, help_text=_("Short and for good: rules and missions award the badge by it."))
    icon = models.CharField(_("icon"), max_length=200, blank=True, help_text=_("Whatever your app shows: a sign like 🏅, or the address of a picture."))
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("badge")
        verbose_name_plural = _("badges")
        ordering = ["code"]


class MemberBadge(models.Model):
    """`subject` won it first; `times` is how often it was won and not taken back."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    badge = models.ForeignKey(Badge, verbose_name=_("badge"), on_delete=models.PROTECT, related_name="+", db_index=False)
    won_at = models.DateTimeField(_("won at"))
    subject = models.CharField(_("won for"), max_length=200)
    times = models.PositiveIntegerField(_("times"), default=1)

    class Meta:
        verbose_name = _("badge of a member")
        verbose_name_plural = _("badges of members")
        ordering = ["-won_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "badge"], name="member_badge_once"),
            models.CheckConstraint(name="member_badge_was_won", condition=Q(times__gte=1)),
        ]
        indexes = [models.Index(fields=["member", "-won_at", "-id"], name="member_badge_newest")]

    def __str__(self) -> str:
        return str(self.badge)


# What of a published mission never changes.
FIXED = ("code", "kind", "days", "counts_from", "segment", "starts_on", "ends_on", "automatic", "claim_days", "points")


def _differs(*fields: str) -> pgtrigger.Q:
    return reduce(or_, (pgtrigger.Q(**{f"old__{name}__df": pgtrigger.F(f"new__{name}")}) for name in fields))


class Mission(Named):
    class Kind(models.TextChoices):
        NEWCOMER = "newcomer", _("newcomer pack")
        DAILY = "daily", _("daily mission")
        WEEKLY = "weekly", _("weekly mission")
        ACHIEVEMENT = "achievement", _("achievement")
        WAKE_UP = "wake_up", _("wake-up mission")

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("on offer")
        RETIRED = "retired", _("retired")

    ARROWS = {Status.DRAFT: (Status.PUBLISHED,), Status.PUBLISHED: (Status.RETIRED,), Status.RETIRED: ()}

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(_("code"), max_length=60, unique=True, help_text=_("Short and for good: the storefront claims the mission by it."))
    description_zh = models.CharField(_("description, Chinese"), max_length=300, blank=True)
    description_en = models.CharField(_("description, English"), max_length=300, blank=True)
    icon = models.CharField(_("icon"), max_length=200, blank=True, help_text=_("Whatever your app shows: a sign like 🎁, or the address of a picture."))
    priority = models.PositiveSmallIntegerField(_("priority"), default=0, help_text=_("Among the missions a member sees, the highest stands first."))

    kind = models.CharField(
        _("kind"),
        max_length=12,
        choices=Kind,
        default=Kind.ACHIEVEMENT,
        help_text=_(
            "Newcomer packs are done once, in a member's first days; daily and weekly missions begin anew each day, each Monday; achievements are done once. "
            "Wake-up missions are for members who have become dormant, until some days after they are back."
        ),
    )
    days = models.PositiveSmallIntegerField(
        _("days"),
        default=7,
        validators=[MaxValueValidator(3650)],
        help_text=_(
            "For newcomer packs, so many days after the day of registration: with 7 through the seventh day after it. For wake-up missions, after the day "
            "on which the member is back; 0 is that day alone."
        ),
    )
    counts_from = models.DateField(
        _("counts from"),
        null=True,
        blank=True,
        help_text=_("Only for achievements: what happened before that day does not count. Empty: everything ever done counts."),
    )
    segment = models.CharField(
        _("for the segment"), max_length=60, blank=True, help_text=_("Only its members see the mission and can complete it. Empty: everybody.")
    )
    starts_on = models.DateField(_("first day"), null=True, blank=True, help_text=_("Empty: the day on which it is published."))
    ends_on = models.DateField(_("last day"), null=True, blank=True, help_text=_("Empty: until it is retired."))

    automatic = models.BooleanField(
        _("given automatically"),
        default=False,
        help_text=_("On: the reward comes with the last step. Off: the member claims it, and comes back to the app for that."),
    )
    claim_days = models.PositiveSmallIntegerField(
        _("days to claim"),
        default=7,
        validators=[MaxValueValidator(3650)],
        help_text=_("Only where it is claimed: so many days after the day of completion. Then it lapses."),
    )
    points = models.PositiveIntegerField(
        _("points"),
        default=0,
        validators=[MaxValueValidator(1_000_000_000)],
        help_text=_("Given through the earning rule about completed missions, within its limits."),
    )

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    made_at = models.DateTimeField(_("written at"), editable=False)
    made_by = models.CharField(_("written by"), max_length=150, editable=False)
    published_at = models.DateTimeField(_("published at"), null=True, editable=False)
    published_by = models.CharField(_("published by"), max_length=150, blank=True, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, editable=False)
    retired_by = models.CharField(_("retired by"), max_length=150, blank=True, editable=False)
    retire_reason = models.CharField(_("why retired"), max_length=300, blank=True, editable=False)
    history = HistoricalRecords(app="points")

    class Meta:
        verbose_name = _("mission")
        verbose_name_plural = _("missions")
        ordering = ["-priority", "-id"]
        permissions = [("publish_mission", "Can publish and retire missions")]
        constraints = [
            models.CheckConstraint(
                name="mission_status_says_what_happened",
                condition=Q(status="draft", published_at=None, retired_at=None)
                | Q(status="published", published_at__isnull=False, starts_on__isnull=False, retired_at=None)
                | Q(status="retired", published_at__isnull=False, retired_at__isnull=False),
            ),
            models.CheckConstraint(name="mission_ends_after_its_start", condition=Q(ends_on=None) | Q(starts_on=None) | Q(ends_on__gte=F("starts_on"))),
        ]
        triggers = [
            pgtrigger.Protect(name="published_mission_stays", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__status__in=["published", "retired"])),
            pgtrigger.Protect(
                name="published_mission_never_changes",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__status__in=["published", "retired"]) & _differs(*FIXED),
            ),
        ]

    @property
    def description(self) -> str:
        chinese = (get_language() or "").startswith("zh")
        return (self.description_zh if chinese else self.description_en) or self.description_en or self.description_zh

    @property
    def schedule(self) -> rules.Schedule:
        return rules.Schedule(self.kind, self.days, self.counts_from, self.starts_on, self.ends_on)  # type: ignore[arg-type]


# A published mission's parts are as fixed as itself.
_PART_OF_A_PUBLISHED = """
IF (SELECT status FROM points_mission WHERE id = {row}.mission_id) IN ('published', 'retired') THEN
    RAISE EXCEPTION 'a published mission never changes';
END IF;
RETURN {answer};"""


def _fixed(what: str) -> list[pgtrigger.Trigger]:
    return [
        pgtrigger.Trigger(
            name=f"{what}_of_published_mission_is_added_to_none", when=pgtrigger.Before, operation=pgtrigger.Insert,
            func=_PART_OF_A_PUBLISHED.format(row="NEW", answer="NEW"),
        ),
        pgtrigger.Trigger(
            name=f"{what}_of_published_mission_stays", when=pgtrigger.Before, operation=pgtrigger.Update | pgtrigger.Delete,
            func=_PART_OF_A_PUBLISHED.format(row="OLD", answer="COALESCE(NEW, OLD)"),
        ),
    ]  # fmt: skip


class MissionStep(models.Model):
    class Compare(models.TextChoices):
        AT_LEAST = "at_least", _("at least")
        IS = "is", _("is")

    mission = models.ForeignKey(Mission, verbose_name=_("mission"), on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(_("position"), default=0, help_text=_("Steps can be done in any order; this is how they are shown."))
    label_zh = models.CharField(_("label, Chinese"), max_length=100, blank=True, help_text=_("Empty: the name of what is to be done."))
    label_en = models.CharField(_("label, English"), max_length=100, blank=True)
    fact = models.CharField(_("what is to be done"), max_length=40)
    needed = models.PositiveIntegerField(_("how many times"), default=1, validators=[MinValueValidator(1), MaxValueValidator(100_000)])
    field = models.CharField(
        _("only where"), max_length=40, blank=True, help_text=_("A field of the fact, like pictures; of a purchase, amount_cents (paid and not given back).")
    )
    compare = models.CharField(_("compared"), max_length=8, choices=Compare, default=Compare.AT_LEAST)
    value = models.CharField(_("value"), max_length=100, blank=True, help_text=_("A whole number; a text as the storefront says it; true or false."))
    distinct = models.CharField(
        _("each only once"), max_length=40, blank=True, help_text=_("A field like subject: five different subjects instead of five times the same.")
    )

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["position", "id"]
        constraints = [models.CheckConstraint(name="mission_step_needs_something", condition=Q(needed__gte=1))]
        triggers = _fixed("step")

    def __str__(self) -> str:
        return f"{self.fact} × {self.needed}"

    @property
    def plain(self) -> rules.Step:
        return rules.Step(self.fact, self.needed, self.field, self.compare, self.value, self.distinct, self.label_zh, self.label_en)  # type: ignore[arg-type]


class MissionEffect(models.Model):
    class Effect(models.TextChoices):
        BADGE = "badge", _("badge")
        CARD = "card", _("card")
        BENEFIT = "benefit", _("benefit")

    mission = models.ForeignKey(Mission, verbose_name=_("mission"), on_delete=models.CASCADE, related_name="effects")
    effect = models.CharField(_("what is won"), max_length=8, choices=Effect)
    item = models.CharField(_("which one"), max_length=60)
    count = models.PositiveSmallIntegerField(_("how many"), default=1, validators=[MinValueValidator(1), MaxValueValidator(100)])

    class Meta:
        verbose_name = _("further reward")
        verbose_name_plural = _("further rewards")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(name="mission_effect_gives_something", condition=Q(count__gte=1) & ~Q(item="")),
            models.UniqueConstraint(fields=["mission", "effect", "item"], name="mission_effect_once"),
        ]
        triggers = _fixed("effect")

    def __str__(self) -> str:
        return f"{self.item} × {self.count}" if self.count > 1 else self.item

    @property
    def plain(self) -> rules.Prize:
        return rules.Prize(self.effect, self.item, self.count)  # type: ignore[arg-type]


class MissionCompletion(models.Model):
    """`completed_kind` and `completed_fact` name the fact that completed it; facts between `counts_since` and `counts_until` counted."""

    class Status(models.TextChoices):
        OFFERED = "offered", _("waits to be claimed")
        GRANTED = "granted", _("granted")
        LAPSED = "lapsed", _("lapsed")
        WITHDRAWN = "withdrawn", _("withdrawn")

    ARROWS = {
        Status.OFFERED: (Status.GRANTED, Status.LAPSED, Status.WITHDRAWN),
        Status.GRANTED: (Status.WITHDRAWN,),
        Status.LAPSED: (),
        Status.WITHDRAWN: (Status.OFFERED, Status.GRANTED),
    }

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False)
    mission = models.ForeignKey(Mission, verbose_name=_("mission"), on_delete=models.PROTECT, related_name="+")
    period = models.CharField(_("period"), max_length=10)
    counts_since = models.DateTimeField(null=True)
    counts_until = models.DateTimeField(null=True)
    status = models.CharField(_("status"), max_length=10, choices=Status)
    completed_at = models.DateTimeField(_("completed at"))
    completed_kind = models.CharField(_("completed by"), max_length=40)
    completed_fact = models.CharField(_("completed by"), max_length=128)
    claim_until = models.DateTimeField(_("to be claimed until"), null=True)
    turned_at = models.DateTimeField(_("in this status since"))
    points = models.PositiveIntegerField(_("points granted"), default=0)
    attempt = models.PositiveSmallIntegerField(_("attempt"), default=1)

    class Meta:
        verbose_name = _("completed mission")
        verbose_name_plural = _("completed missions")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["member", "mission", "period"], name="mission_completed_once"),
            models.CheckConstraint(name="mission_to_be_claimed_has_a_deadline", condition=~Q(status__in=["offered", "lapsed"]) | Q(claim_until__isnull=False)),
        ]
        indexes = [
            models.Index(fields=["member", "completed_fact"], name="mission_completed_by"),
            models.Index(fields=["member"], name="mission_offered", condition=Q(status="offered")),
            models.Index(fields=["claim_until"], name="mission_claim_due", condition=Q(status="offered")),
        ]

    def __str__(self) -> str:
        return f"{self.mission} {self.period}"

    @property
    def counted_as(self) -> str:
        """Its period as the fact that grants it says it: another one each time that it is completed again."""
        return f"{self.period}/{self.attempt}" if self.attempt > 1 else self.period

    @property
    def key(self) -> str:
        """The id of that fact."""
        return f"{self.mission.code}/{self.counted_as}"
