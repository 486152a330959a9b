from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.budgets import selectors as budgets
from points.earning import rules as earning
from points.earning import selectors as engine
from points.rulebook import rules as book_rules
from points.rulebook import selectors as rulebook
from points.rulebook.models import RuleVersion
from tiers.standing import selectors as standings

from . import rules
from .models import Simulation


class SimulationUnknown(BusinessError):
    code, status, title = "simulation_unknown", 404, _("There is no such simulation.")


class Span(NamedTuple):
    """The instants from … up to, not with, that the business days of a simulation last."""

    since: datetime
    until: datetime


class Common(NamedTuple):
    """What both sides look at besides the fact: the rulebook's festivals and rolls, and the members of a slice as they stand today."""

    book: rulebook.Rulebook
    members: Mapping[str, earning.Member]
    with_history: bool

    def given(self, happened: rules.Happened) -> earning.Given:
        known = self.members.get(happened.member, earning.Member(happened.member))
        if happened.cards:
            known = earning.Member(known.key, known.tier, known.tier_factor, known.segments, known.registered_on, known.birthday, happened.cards)
        festivals = self.book.festivals.get(happened.fact.day, frozenset())
        return earning.Given(happened.fact, earning.rolls(self.book.roll_key), known, earning.History(), festivals, (), self.book.points_per_unit)


def simulation(simulation_id: UUID) -> Simulation:
    """Refuses: SimulationUnknown."""
    try:
        return Simulation.objects.get(id=simulation_id)
    except Simulation.DoesNotExist:
        raise SimulationUnknown from None


def span(row: Simulation, *, now: datetime) -> Span:
    zone = programme.zone(now=now)
    return Span(start_of_day(row.first, zone), end_of_day(row.last, zone))


def plans(row: Simulation, *, now: datetime) -> tuple[rules.Plan, rules.Plan]:
    """Today's published rules, and the same with what is tried in the place of its rules."""
    book = rulebook.rulebook(seen=rulebook.generation())
    tried = [
        (version, book_rules.from_json(row.definitions[str(version.id)])) for version in RuleVersion.objects.select_related("rule").filter(id__in=row.drafts)
    ]
    replaced = {version.rule.code for version, _said in tried}
    old: dict[str, list[earning.Rule]] = {}
    new: dict[str, list[earning.Rule]] = {}
    for kind in book.versions:
        for version, said in book.at(kind, now):
            made = engine.ready(version, said)
            old.setdefault(kind, []).append(made)
            if version.rule.code not in replaced:
                new.setdefault(kind, []).append(made)
    for version, said in tried:
        new.setdefault(version.rule.fact, []).append(engine.tried(version, said))
    # Within a kind in the order of life: by the rule's code.
    for side in (old, new):
        for kind in side:
            side[kind].sort(key=lambda one: one.code)
    paying = budgets.plans()
    return rules.Plan(old, book.limits, paying), rules.Plan(new, book.limits, paying)


def asks_for_history(both: Sequence[rules.Plan]) -> bool:
    """Whether any rule for purchases looks at earlier purchases."""
    asked = [one.said.conditions for plan in both for one in plan.chosen.get(earning.PURCHASE, ())]
    return any(c.expression or c.nth_purchase or c.again_days is not None for c in asked)


def common(member_ids: Sequence[str], *, with_history: bool, now: datetime) -> Common:
    """What is known of these members today; a few statements for all of them."""
    zone = programme.zone(now=now)
    ids = [UUID(one) for one in member_ids]
    known, places, parts = members.known_since_all(ids), standings.standings(member_ids=ids, now=now), segments.segments_of_all(ids)
    made = {}
    for one in ids:
        registered_at, birthday = known.get(one, (None, None))
        registered_on = local_date(registered_at, zone) if registered_at else None
        place = places[one]
        made[str(one)] = earning.Member(str(one), place.code, place.multiplier_bps, parts.get(one, frozenset()), registered_on, birthday)
    return Common(rulebook.rulebook(), made, with_history)


def happened(found: facts.Told, *, now: datetime) -> rules.Happened:
    """A fact of history as the rules see it."""
    if found.purchase is not None:
        fact = engine.purchase_fact(found.purchase, now=now)
        return rules.Happened(found.at, found.id, found.member, fact, found.purchase if found.refunds else None, found.refunds)
    assert found.behaviour is not None
    fact = engine.behaviour_fact(found.behaviour, now=now)
    return rules.Happened(found.at, found.id, found.member, fact)


def digits() -> int:
    return minor_digits(programme.programme().currency or "CNY")


def past_before(member_ids: Sequence[str], *, before: datetime, now: datetime) -> dict[str, rules.Past]:
    """What these members had bought before the span."""
    zone = programme.zone(now=now)
    found = {}
    for member, (count, last_at, by_category) in facts.histories(member_ids=[UUID(one) for one in member_ids], before=before).items():
        days: dict[str, date] = {category: local_date(at, zone) for category, at in by_category.items()}
        found[str(member)] = rules.Past(count, local_date(last_at, zone) if last_at else None, days)
    return found
