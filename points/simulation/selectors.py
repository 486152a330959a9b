import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.budgets import selectors as budgets
from points.cards import selectors as cards
from points.earning import rules as earning
from points.earning import selectors as engine
from points.rulebook import rules as book_rules
from points.rulebook import selectors as rulebook
from points.rulebook.models import RuleVersion
from tiers.standing import selectors as standings

from . import rules
from .models import SimulatedMember, Simulation

CANDIDATES = 200


class SimulationUnknown(BusinessError):
    code, status, title = "simulation_unknown", 404, _("There is no such simulation.")


class Span(NamedTuple):
    """The instants from … up to, not with, that the business days of a simulation last."""

    since: datetime
    until: datetime


def simulation(simulation_id: UUID) -> Simulation:
    """Refuses: SimulationUnknown."""
    try:
        return Simulation.objects.get(id=simulation_id)
    except Simulation.DoesNotExist:
        raise SimulationUnknown from None


def span(*, first: date, last: date, now: datetime) -> Span:
    zone = programme.zone(now=now)
    return Span(start_of_day(first, zone), end_of_day(last, zone))


def about(*, first: date, last: date, now: datetime) -> facts.About:
    """How many facts there are to decide in that span, about where they are very many."""
    since, until = span(first=first, last=last, now=now)
    return facts.about_told(since=since, until=until)


def candidates(*, now: datetime) -> list[RuleVersion]:
    """What can be tried: drafts, what was submitted, and what was published to begin later; by the rule's code, the newest version first."""
    coming = Q(status=RuleVersion.Status.PUBLISHED, effective_from__gt=now) & (Q(effective_until=None) | Q(effective_until__gt=F("effective_from")))
    open_ones = Q(status__in=[RuleVersion.Status.DRAFT, RuleVersion.Status.SUBMITTED])
    return list(RuleVersion.objects.filter(open_ones | coming).select_related("rule").order_by("rule__code", "-number")[:CANDIDATES])


def of_version(version_id: int) -> QuerySet[Simulation]:
    """The simulations that tried a version, alone or with others, the newest first."""
    return Simulation.objects.filter(tried__contains=[{"version": version_id}]).order_by("-id")


def ahead(*, of: Simulation | None = None) -> int:
    """How many simulations are to be done before that one, or before one that is asked for now."""
    open_ones = Simulation.objects.filter(status__in=Simulation.OPEN)
    return (open_ones.filter(asked_at__lt=of.asked_at) if of else open_ones).count()


def facts_per_second() -> float | None:
    """How fast the last simulation was that says something about it."""
    last = Simulation.objects.filter(status=Simulation.Status.DONE, seconds__gt=1).order_by("-finished_at").first()
    return last.done / last.seconds if last else None


def plans(row: Simulation) -> rules.Plans:
    """The rules that were in force when it was asked for, and the same with what is tried in the place of its rules."""
    book = rulebook.rulebook(seen=rulebook.generation())
    replaced = {one["rule"] for one in row.tried}
    old: dict[str, list[earning.Rule]] = {}
    new: dict[str, list[earning.Rule]] = {}
    for kind in book.versions:
        for version, said in book.at(kind, row.asked_at):
            made = engine.ready(version, said)
            old.setdefault(kind, []).append(made)
            if version.rule.code not in replaced:
                new.setdefault(kind, []).append(made)
    for one in row.tried:
        said = book_rules.from_json(one["definition"])
        made = earning.ready(one["version"], one["rule"], said, engine.condition(said.conditions.expression, one["fact"]))
        new.setdefault(one["fact"], []).append(made)
    # Within a kind in the order of life: by the rule's code.
    for side in (old, new):
        for kind in side:
            side[kind].sort(key=lambda one: one.code)
    paying = budgets.plans()
    plan = rules.Plan(old, book.limits, paying), rules.Plan(new, book.limits, paying)
    return rules.Plans.of(*plan, earning.rolls(book.roll_key), book.points_per_unit)


def basis(row: Simulation) -> str:
    """The same as long as rules, limits, festivals, budgets and the days of the programme are."""
    seen = (rules.KEPT_AS, rulebook.generation(), budgets.plans(), str(programme.zone(now=row.asked_at)))
    return hashlib.blake2b(repr(seen).encode(), digest_size=8).hexdigest()


class Common(NamedTuple):
    """What both sides look at besides the fact: its festivals, the members as they stand today, and which cards a fact used."""

    plans: rules.Plans
    festivals: Mapping[date, frozenset[str]]
    members: Mapping[str, earning.Member]
    cards: Mapping[tuple[str, str], frozenset[str]]

    def given(self, happened: rules.Happened) -> earning.Given:
        fact, member = happened.fact, self.members[happened.member]
        if used := self.cards.get((member.key, fact.key)):
            member = replace(member, cards=used)
        festivals = self.festivals.get(fact.day, frozenset())
        return earning.Given(fact, self.plans.roll, member, earning.History(), festivals, (), self.plans.points_per_unit)


def common(page: Sequence[rules.Happened], plans: rules.Plans, *, now: datetime) -> Common:
    """What these facts have to be looked at with; a few statements for all of them."""
    zone, asks = programme.zone(now=now), plans.asks
    ids = [UUID(one) for one in {happened.member for happened in page}]
    places = standings.standings(member_ids=ids, now=now) if "tier" in asks else {}
    parts = segments.segments_of_all(ids) if "segments" in asks else {}
    profiles = members.known_since_all(ids) if "profile" in asks else {}
    used = cards.used_for(member_ids=ids, subjects=[happened.fact.key for happened in page]) if "cards" in asks else {}
    made = {}
    for one in ids:
        registered_at, birthday = profiles.get(one, (None, None))
        registered_on = local_date(registered_at, zone) if registered_at else None
        standing = engine.as_standing(places[one]) if one in places else {}
        mine = parts.get(one, frozenset())
        made[str(one)] = earning.Member(str(one), segments=mine, registered_on=registered_on, birthday=birthday, **standing)
    kinds = {(str(member), subject): kinds for (member, subject), kinds in used.items()}
    return Common(plans, rulebook.rulebook().festivals, made, kinds)


def happened(found: facts.Told) -> rules.Happened:
    """A fact of history as the rules see it."""
    if found.purchase is not None:
        fact = engine.purchase_fact(found.purchase)
        return rules.Happened(found.at, found.id, found.member, fact, found.purchase, found.refunds)
    assert found.behaviour is not None
    return rules.Happened(found.at, found.id, found.member, engine.behaviour_fact(found.behaviour))


def remembered(row: Simulation, *, member_ids: Collection[str] = (), due: datetime | None = None, limit: int | None = None) -> dict[str, rules.Known]:
    """What the sides have of these members so far, and of whoever has a refund due by then, the earliest first."""
    rows = SimulatedMember.objects.filter(simulation=row).values_list("member_id", "state", "old", "new")
    found = list(rows.filter(member_id__in=member_ids)) if member_ids else []
    if due is not None:
        found += rows.filter(due__lte=due).order_by("due")[:limit]
    return {str(member): rules.known_from_text(text, old=old, new=new) for member, text, old, new in found}


def past_before(member_ids: Collection[str], plans: rules.Plans, *, before: datetime) -> dict[str, rules.Past]:
    """What these members had bought before the span."""
    zone = programme.zone(now=before)
    days = plans.window + 1 if "history_by_category" in plans.asks else 0
    found = {}
    for member, (count, last_at, by_category) in facts.histories(member_ids=[UUID(one) for one in member_ids], before=before, days=days).items():
        days: dict[str, date] = {category: local_date(at, zone) for category, at in by_category.items()}
        found[str(member)] = rules.Past(count, local_date(last_at, zone) if last_at else None, days)
    return found


def all_points(row: Simulation) -> Iterator[tuple[str, int, int]]:
    """Every member of a simulation with their points on both sides; read as they are asked for."""
    for member, old, new in SimulatedMember.objects.filter(simulation=row).values_list("member_id", "old", "new").iterator(chunk_size=5000):
        yield str(member), old, new


def digits() -> int:
    return minor_digits(programme.programme().currency or "CNY")
