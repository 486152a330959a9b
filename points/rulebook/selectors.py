from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import forget, held
from loyalty.lib.refusals import BusinessError

from . import rules
from .models import PURCHASE, EarningSettings, FestivalDays, Rule, RulebookGeneration, RuleVersion, SharedLimit


class RuleUnknown(BusinessError):
    code, status, title = "rule_unknown", 404, _("There is no such rule.")


class InForce(NamedTuple):
    """A published version with what it says."""

    version: RuleVersion
    definition: rules.Definition


@dataclass(frozen=True)
class Rulebook:
    """All that was ever published and may still decide something, as of one generation."""

    generation: int
    versions: Mapping[str, Sequence[InForce]]
    limits: Sequence[rules.SharedLimit]
    festivals: Mapping[date, frozenset[str]]
    roll_key: str
    points_per_unit: int

    def at(self, fact: str, moment: datetime) -> list[InForce]:
        """The versions that decide a fact of that kind that happened then."""
        return [one for one in self.versions.get(fact, ()) if one.version.in_force_at(moment)]


def settings() -> EarningSettings:
    return EarningSettings.current()


def generation() -> int:
    """Counts the changes of what is in force, across all processes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM points_rulebookgeneration")
        row = cursor.fetchone()
    return row[0] if row else 0


def rulebook(*, seen: int | None = None) -> Rulebook:
    """The rulebook as this process holds it; read anew where another process has changed it, as the generation `seen` tells."""
    book = held(RulebookGeneration, _read)
    assert book is not None
    if seen is not None and book.generation != seen:
        forget(RulebookGeneration)
        book = held(RulebookGeneration, _read)
        assert book is not None
    return book


def _read() -> Rulebook:
    # The generation first: what changes in between is read twice rather than never.
    number = generation()
    versions: dict[str, list[InForce]] = {}
    rows = RuleVersion.objects.filter(status__in=RuleVersion.FINAL).select_related("rule").order_by("rule__code", "number")
    for version in rows:
        versions.setdefault(version.rule.fact, []).append(InForce(version, version.said))
    limits = [rules.SharedLimit(one.code, tuple(one.over), one.per, one.points, one.times) for one in SharedLimit.objects.filter(active=True).order_by("code")]
    days: dict[date, set[str]] = {}
    for code, first, last in FestivalDays.objects.values_list("festival__code", "first", "last"):
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            days.setdefault(date.fromordinal(ordinal), set()).add(code)
    terms = settings()
    return Rulebook(number, versions, limits, {day: frozenset(codes) for day, codes in days.items()}, terms.roll_key, terms.points_per_unit)


def rule(*, code: str) -> Rule:
    """Refuses: RuleUnknown."""
    try:
        return Rule.objects.get(code=code)
    except Rule.DoesNotExist:
        raise RuleUnknown(rule=code) from None


def version(*, code: str, number: int) -> RuleVersion:
    """Refuses: RuleUnknown."""
    try:
        return RuleVersion.objects.select_related("rule").get(rule__code=code, number=number)
    except RuleVersion.DoesNotExist:
        raise RuleUnknown(rule=code, version=number) from None


def in_force(*, code: str = PURCHASE, at: datetime) -> RuleVersion | None:
    """The version of that rule which decides what happens at that time."""
    versions = RuleVersion.objects.filter(rule__code=code, status__in=RuleVersion.FINAL).select_related("rule")
    return next((version for version in versions.order_by("-number") if version.in_force_at(at)), None)


def anything_published() -> bool:
    return RuleVersion.objects.filter(status=RuleVersion.Status.PUBLISHED).exists()


def problems(definition: rules.Definition, *, fact: str, code: str, now: datetime) -> list[rules.Problem]:
    """What keeps such a rule from being published; nothing where it can work."""
    return []
