from django.db import models
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from loyalty.lib.ids import new_id


class Simulation(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ARROWS = {
        Status.WAITING: (Status.RUNNING, Status.CANCELLED),
        Status.RUNNING: (Status.DONE, Status.FAILED, Status.CANCELLED),
        Status.DONE: (),
        Status.FAILED: (),
        Status.CANCELLED: (),
    }
    OPEN = (Status.WAITING, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Of each version: version (its id), rule, its names, number, fact, and the definition as it stood then.
    tried = models.JSONField(_("versions tried"), default=list)
    first = models.DateField(_("first day"))
    last = models.DateField(_("last day"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITING)
    asked_by = models.CharField(_("asked by"), max_length=150)
    asked_at = models.DateTimeField(_("asked"))
    total = models.BigIntegerField(_("facts in all"), default=0)
    done = models.BigIntegerField(_("facts decided"), default=0)
    # Where it goes on, and what both sides have in common for all members; empty: at the beginning.
    cursor = models.JSONField(default=dict, editable=False)
    state = models.JSONField(default=dict, editable=False)
    seconds = models.FloatField(_("seconds of work"), default=0)
    result = models.JSONField(_("result"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("simulation")
        verbose_name_plural = _("simulations")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["asked_at"], name="simulation_open", condition=models.Q(status__in=["waiting", "running"])),
            models.Index(fields=["finished_at"], name="simulation_finished"),
        ]

    def __str__(self) -> str:
        first, *more = self.names or [""]
        return ngettext("%(first)s and %(more)s more", "%(first)s and %(more)s more", len(more)) % {"first": first, "more": len(more)} if more else first

    @property
    def names(self) -> list[str]:
        """What was tried, in the language of whoever reads."""
        name = "name_zh" if (get_language() or "").startswith("zh") else "name_en"
        return [str(_("%(rule)s, version %(number)s") % {"rule": one[name], "number": one["number"]}) for one in self.tried]

    @property
    def percent(self) -> int:
        """How far it has come."""
        return 100 if self.status == self.Status.DONE else min(99, self.done * 100 // self.total) if self.total else 0


class SimulatedMember(models.Model):
    """What a simulation gives a member on both sides. While it runs, also what the sides must remember of the member, and from when on
    a refund of theirs waits."""

    simulation = models.ForeignKey(Simulation, verbose_name=_("simulation"), on_delete=models.CASCADE, related_name="+", db_index=False)
    # Without a constraint: writing them by the thousand must not lock the members' rows.
    member = models.ForeignKey("accounts.Member", verbose_name=_("member"), on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    old = models.BigIntegerField(_("points by today's rules"), default=0)
    new = models.BigIntegerField(_("points with the change"), default=0)
    change = models.BigIntegerField(_("change"), default=0)
    state = models.TextField(default="", editable=False)
    due = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("simulated member")
        verbose_name_plural = _("simulated members")
        ordering = ["simulation", "-change", "-id"]
        constraints = [models.UniqueConstraint(fields=["simulation", "member"], name="simulated_member_once")]
        indexes = [
            models.Index(fields=["simulation", "change"], name="simulated_member_change"),
            models.Index(fields=["simulation", "due"], name="simulated_member_due", condition=models.Q(due__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.member}"
