from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError

from . import rules, selectors
from .models import PURCHASE, EarningSettings, Rule, RulebookGeneration, RuleVersion

Status = RuleVersion.Status


class RateInvalid(BusinessError):
    code, status, title = "rate_invalid", 422, _("A rate is a number from 0 to 9999 with at most four decimals.")


class RuleTaken(BusinessError):
    code, status, title = "rule_taken", 409, _("A rule with this code exists already. Choose another code.")


class VersionDecided(BusinessError):
    code, status, title = "version_decided", 409, _("This version has moved on meanwhile. Look at it again.")


class RuleInvalid(BusinessError):
    """`problems` are what `selectors.problems` found, for the form to show at their fields."""

    code, status, title = "rule_invalid", 422, _("This rule cannot work as it stands.")

    def __init__(self, problems: Sequence[rules.Problem]) -> None:
        super().__init__(problems=[{"field": one.place, "code": one.code, **one.figures} for one in problems])
        self.problems = problems


class SecondPersonNeeded(BusinessError):
    code, status, title = "second_person_needed", 403, _("A second person must publish this version: somebody other than who made or submitted it.")


class BeginsTooEarly(BusinessError):
    code, status, title = "begins_too_early", 422, _("A version takes over from the one before it: not before that one began.")


@transaction.atomic(savepoint=False)
def make(*, code: str, fact: str, name_zh: str, name_en: str, definition: rules.Definition, note: str = "", actor: str, now: datetime) -> RuleVersion:
    """A new rule with its first version, a draft. Refuses: RuleTaken."""
    rule, made = Rule.objects.get_or_create(code=code, defaults={"fact": fact, "name_zh": name_zh, "name_en": name_en, "created_at": now, "created_by": actor})
    if not made:
        raise RuleTaken(rule=code)
    return _draft(rule, definition, note=note, actor=actor, now=now)


@transaction.atomic(savepoint=False)
def draft(*, code: str, definition: rules.Definition, note: str = "", actor: str, now: datetime) -> RuleVersion:
    """A further version of a rule, as a draft. Refuses: RuleUnknown."""
    rule = selectors.rule(code=code)
    Rule.objects.select_for_update().get(id=rule.id)
    return _draft(rule, definition, note=note, actor=actor, now=now)


def _draft(rule: Rule, definition: rules.Definition, *, note: str, actor: str, now: datetime) -> RuleVersion:
    newest = rule.versions.order_by("-number").values_list("number", flat=True).first() or 0
    version = RuleVersion.objects.create(rule=rule, number=newest + 1, definition=rules.as_json(definition), note=note, made_by=actor, made_at=now)
    _audit("rule.drafted", version, actor=actor, now=now)
    return version


@transaction.atomic(savepoint=False)
def edit(*, version_id: int, definition: rules.Definition, note: str = "", actor: str, now: datetime) -> RuleVersion:
    """Change a draft. What was simulated of it before counts no more. Refuses: VersionDecided."""
    version = _locked(version_id)
    if version.status != Status.DRAFT:
        raise VersionDecided(status=version.status)
    version.definition, version.note, version.simulated_percent, version.simulated_at = rules.as_json(definition), note, None, None
    # Whoever changed it last has made what it says.
    version.made_by, version.made_at = actor, now
    version.save()
    _audit("rule.edited", version, actor=actor, now=now)
    return version


@transaction.atomic(savepoint=False)
def rename(*, code: str, name_zh: str, name_en: str, actor: str, now: datetime) -> Rule:
    """What people call a rule. Refuses: RuleUnknown."""
    rule = selectors.rule(code=code)
    before = {"name_zh": rule.name_zh, "name_en": rule.name_en}
    rule.name_zh, rule.name_en = name_zh, name_en
    rule.save(update_fields=["name_zh", "name_en"])
    audit.record(actor=actor, verb="rule.renamed", subject=f"rule/{code}", figures=before, now=now)
    _changed()
    return rule


@transaction.atomic(savepoint=False)
def drop(*, version_id: int, actor: str, now: datetime) -> None:
    """Throw a draft away; the rule with it where it has no other version. Refuses: VersionDecided."""
    version = _locked(version_id)
    if version.status != Status.DRAFT:
        raise VersionDecided(status=version.status)
    _audit("rule.dropped", version, actor=actor, now=now)
    version.delete()
    if not version.rule.versions.exists():
        version.rule.delete()


@transaction.atomic(savepoint=False)
def submit(*, version_id: int, actor: str, now: datetime) -> RuleVersion:
    """Ask for a draft to be published: from now on it is not edited. Refuses: VersionDecided, RuleInvalid."""
    version = _locked(version_id)
    _refuse_faults(version, now=now)
    _turn(version, Status.SUBMITTED, submitted_by=actor, submitted_at=now)
    _audit("rule.submitted", version, actor=actor, now=now)
    return version


@transaction.atomic(savepoint=False)
def send_back(*, version_id: int, reason: str, actor: str, now: datetime) -> RuleVersion:
    """A submitted version becomes a draft again. Refuses: VersionDecided."""
    version = _locked(version_id)
    _turn(version, Status.DRAFT, submitted_by="", submitted_at=None)
    _audit("rule.sent_back", version, actor=actor, reason=reason, now=now)
    return version


@transaction.atomic(savepoint=False)
def publish(*, version_id: int, effective_from: datetime | None = None, ever: bool = False, reason: str = "", actor: str, now: datetime) -> RuleVersion:
    """Put a version in force from `effective_from` on (default: now), in place of the one before it. Facts from then on are decided by it.

    `ever`: facts of any age are, too, where the rule has no other version.
    Refuses: VersionDecided, RuleInvalid, SecondPersonNeeded, BeginsTooEarly.
    """
    version = _locked(version_id)
    _refuse_faults(version, now=now)
    if needs_second_person(version) and actor in (version.made_by, version.submitted_by):
        raise SecondPersonNeeded(made_by=version.made_by)
    begins = None if ever else effective_from or now
    for earlier in version.rule.versions.filter(status__in=RuleVersion.FINAL).exclude(id=version.id):
        _hand_over(earlier, begins)
    _turn(version, Status.PUBLISHED, effective_from=begins, published_by=actor, published_at=now)
    _changed()
    _audit("rule.published", version, actor=actor, reason=reason, figures={"from": begins.isoformat() if begins else None}, now=now)
    return version


def _hand_over(earlier: RuleVersion, begins: datetime | None) -> None:
    """An earlier version ends where the new one begins; one that was to begin later never does."""
    if earlier.effective_until is not None and begins is not None and earlier.effective_until <= begins:
        return
    if begins is None:
        raise BeginsTooEarly
    earlier.effective_until = max(begins, earlier.effective_from) if earlier.effective_from else begins
    earlier.save(update_fields=["effective_until"])


def needs_second_person(version: RuleVersion) -> bool:
    """Whether the settings ask that somebody other than its maker publishes this version."""
    terms = selectors.settings()
    match terms.second_person:
        case EarningSettings.SecondPerson.ALWAYS:
            return True
        case EarningSettings.SecondPerson.COSTLY:
            return version.simulated_percent is None or version.simulated_percent > terms.gate_percent
    return False


@transaction.atomic(savepoint=False)
def retire(*, version_id: int, at: datetime | None = None, reason: str, actor: str, now: datetime) -> RuleVersion:
    """A published version decides no fact that happens from `at` (default: now) on. Refuses: VersionDecided."""
    version = _locked(version_id)
    ends = at or now
    if version.effective_from and ends < version.effective_from:
        ends = version.effective_from
    if version.effective_until and version.effective_until < ends:
        ends = version.effective_until
    _turn(version, Status.RETIRED, effective_until=ends, retired_by=actor, retired_at=now, retire_reason=reason)
    _changed()
    _audit("rule.retired", version, actor=actor, reason=reason, figures={"until": ends.isoformat()}, now=now)
    return version


@transaction.atomic(savepoint=False)
def note_simulation(*, version_id: int, definition: Mapping[str, Any], percent: Decimal, now: datetime) -> None:
    """Keep by how much points cost more than before with a version, as a simulation of that very definition has shown; not of a published one."""
    tried = RuleVersion.objects.filter(id=version_id, definition=definition).exclude(status__in=RuleVersion.FINAL)
    tried.update(simulated_percent=percent, simulated_at=now)


@transaction.atomic(savepoint=False)
def publish_formula(
    *, points_per_unit: Decimal, categories: Mapping[str, str], cost_centre: str = "", effective_from: datetime | None = None, actor: str, now: datetime
) -> RuleVersion:
    """Points per unit of money by category, as the next version of the rule for purchases; in force from `effective_from` (default: now).

    The first one is in force for facts of any age. Refuses: RateInvalid, and what `publish` refuses.
    """
    for rate in (points_per_unit, *map(Decimal, categories.values())):
        if not 0 <= rate <= 9999 or rate != rate.quantize(Decimal("0.0001")):
            raise RateInvalid(rate=str(rate))
    rates = {category: int(Decimal(rate) * rules.ONE) for category, rate in categories.items()}
    definition = rules.Definition(effect=rules.Effect("per_unit", rate=int(points_per_unit * rules.ONE), by_category=rates), cost_centre=cost_centre)
    first = not Rule.objects.filter(code=PURCHASE).exists()
    if first:
        version = make(code=PURCHASE, fact=PURCHASE, name_zh="购物积分", name_en="Points for purchases", definition=definition, actor=actor, now=now)
    else:
        version = draft(code=PURCHASE, definition=definition, actor=actor, now=now)
    return publish(version_id=version.id, effective_from=effective_from, ever=first, actor=actor, now=now)


def changed_what_is_in_force() -> None:
    """Let every process read the rulebook anew before its next decision. For verbs and forms that change limits, festivals, settings."""
    _changed()


def _changed() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_rulebookgeneration (id, number) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = points_rulebookgeneration.number + 1"
        )
    forget(RulebookGeneration)


def _locked(version_id: int) -> RuleVersion:
    # The rule's row first: two versions of one rule are published one after the other.
    rule_id = RuleVersion.objects.values_list("rule_id", flat=True).get(id=version_id)
    Rule.objects.select_for_update().get(id=rule_id)
    return RuleVersion.objects.select_related("rule").get(id=version_id)


def _refuse_faults(version: RuleVersion, *, now: datetime) -> None:
    if problems := selectors.problems(version.said, fact=version.rule.fact, code=version.rule.code, now=now):
        raise RuleInvalid(problems)


def _turn(version: RuleVersion, status: Status, **told: Any) -> None:
    if status not in RuleVersion.ARROWS[Status(version.status)]:
        raise VersionDecided(status=version.status)
    version.status = status
    for name, value in told.items():
        setattr(version, name, value)
    version.save(update_fields=["status", *told])


def _audit(verb: str, version: RuleVersion, *, actor: str, reason: str = "", figures: dict[str, Any] | None = None, now: datetime) -> None:
    shown = {"version": version.number, **(figures or {})}
    audit.record(actor=actor, verb=verb, subject=f"rule/{version.rule.code}", reason=reason, figures=shown, now=now)
