from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.activity import rules as activity
from accounts.activity import selectors as facts
from accounts.activity.models import Behaviour
from accounts.members import selectors as members
from loyalty.lib import expressions
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.money import minor_digits
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.budgets import rules as budget_rules
from points.budgets import selectors as budgets
from points.cards import selectors as cards
from points.rulebook import rules as book_rules
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE, RuleVersion
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules
from .models import Decision, Grant
from .rules import Rule


class GrantUnknown(BusinessError):
    code, status, title = "grant_unknown", 404, _("There is nothing like that to claim.")


class Situation(NamedTuple):
    """A fact with all that a decision looks at.

    `shared`: what the rooms that members share are charged by, by the room's key. `blocked`: whether risk control has the member blocked.
    `term_over`: the member's tier was looked at, and is to be decided on first.
    """

    given: rules.Given
    rules: Sequence[Rule]
    counters: Mapping[str, rules.Counter]
    shared: Mapping[str, budget_rules.Charge]
    blocked: bool
    term_over: bool = False

    def decide(self) -> rules.Decision:
        return rules.decide(self.given, self.rules)


# By the version's id. Only as long as it says the same: a publish that was rolled back may have been followed by another one.
_ready: dict[int, Rule] = {}


def ready(version: RuleVersion, said: book_rules.Definition | None = None) -> Rule:
    """A version as the engine takes it; a published one is made ready once."""
    said = said or version.said
    kept = _ready.get(version.id)
    if kept is not None and (kept.said is said or kept.said == said):
        return kept
    made = tried(version, said)
    if version.status in RuleVersion.FINAL:
        _ready[version.id] = made
    return made


def tried(version: RuleVersion, said: book_rules.Definition) -> Rule:
    """A version as it would be with that definition."""
    return rules.ready(version.id, version.rule.code, said, condition(said.conditions.expression, version.rule.fact))


def condition(text: str, fact: str) -> Callable[[Mapping[str, Any]], bool | None] | None:
    """An expression over facts of that kind; None without a text. Raises ExpressionInvalid."""
    if not text:
        return None
    named = variables(fact)
    holds = expressions.condition(text, named)
    blank = {name: expressions.blank(kind) for name, kind in named.items()}
    return lambda values: holds({**blank, **values})


def variables(fact: str) -> dict[str, str]:
    """What an expression about facts of that kind may speak of, with its type."""
    kind = None if fact == PURCHASE else facts.fact_kinds().get(fact)
    return book_rules.variables(kind.fields if kind else [])


def purchase_fact(facts_of: activity.Purchase, *, lines: Sequence[rules.Line] | None = None) -> rules.Fact:
    """A purchase as the rules see it, by the clock of the zone that was in force when it happened."""
    moment = facts_of.occurred_at.astimezone(programme.zone(now=facts_of.occurred_at))
    lines = rules.basis(facts_of) if lines is None else lines
    digits = minor_digits(facts_of.currency)
    return rules.Fact(PURCHASE, f"{PURCHASE}/{facts_of.id}", moment.date(), moment.hour, lines, facts_of.channel, {}, digits)


def behaviour_fact(behaviour: Behaviour) -> rules.Fact:
    """A behaviour as the rules see it, as it turned out, by the clock of the zone that was in force when it happened."""
    data = behaviour.data if behaviour.amended is None else behaviour.amended
    hour = behaviour.occurred_at.astimezone(programme.zone(now=behaviour.occurred_at)).hour
    digits = minor_digits(programme.programme().currency or "CNY")
    subject = f"{behaviour.kind_id}/{behaviour.external_id}"
    return rules.Fact(behaviour.kind_id, subject, behaviour.local_date, hour, (), str(data.get("channel", "")), data, digits)


class Known(NamedTuple):
    """What the database knows of a member, as far as it is asked, and of which generation what is in force is."""

    generation: int
    used: Mapping[str, Sequence[int]] | None
    blocked: bool
    standing: Mapping[str, Any] | None
    profile: Mapping[str, Any] | None
    segments: Sequence[str] | None
    bought: Sequence[Mapping[str, Any]]


# One statement, of functions whose plans the server keeps: a round trip for each would take twice as long. What is not asked is not looked up.
_KNOWN = """
SELECT coalesce((SELECT number FROM points_rulebookgeneration), 0), points_used(%(member)s, %(starts)s), riskcontrol_blocked(%(member)s, %(now)s),
       CASE WHEN %(tier)s THEN to_json(tiers_standing_of(%(member)s, %(now)s)) END,
       CASE WHEN %(profile)s THEN to_json(accounts_known_since(%(member)s)) END,
       CASE WHEN %(segments)s THEN accounts_segments_of(%(member)s) END,
       ARRAY(SELECT to_json(accounts_bought_before(%(member)s, %(purchase)s, %(moment)s, %(categories)s::text[], %(from)s)) WHERE %(history)s)"""


def _known(member_id: UUID | None, chosen: Sequence[Rule], fact: rules.Fact, occurred_at: datetime, zone: ZoneInfo, *, now: datetime) -> Known:
    asked = _asked(chosen)
    again = [one.said.conditions.again_days or 0 for one in chosen if "history_by_category" in one.asks]
    values = {
        "member": member_id,
        "starts": list({rules.period_start(per, fact.day) for per in ("day", "week", "month", "life")}),
        **{name: name in asked for name in ("tier", "profile", "segments")},
        "history": "history" in asked and fact.kind == PURCHASE,
        "purchase": fact.key.removeprefix(f"{PURCHASE}/"),
        "moment": occurred_at,
        "categories": list({line.category for line in fact.lines if line.category}) if again else [],
        "from": start_of_day(local_date(occurred_at, zone) - timedelta(days=max(again, default=0)), zone),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, values)
        return Known(*cursor.fetchone())


def _asked(chosen: Sequence[Rule]) -> frozenset[str]:
    """What any of these rules must know of the member."""
    return frozenset[str]().union(*(one.asks for one in chosen))


def situation(*, member_id: UUID | None, fact: rules.Fact, occurred_at: datetime, drafts: Sequence[Rule] | None = None, now: datetime) -> Situation:
    """All that a decision on a fact of the member's looks at; without a member, as a new one would be seen.

    `drafts` take the place of the published versions.
    """
    zone = programme.zone(now=occurred_at)

    def look(book: rulebook.Rulebook) -> tuple[list[Rule], Known]:
        chosen = [ready(one.version, one.definition) for one in book.at(fact.kind, occurred_at)] if drafts is None else list(drafts)
        return chosen, _known(member_id, chosen, fact, occurred_at, zone, now=now)

    book = rulebook.at_hand()
    chosen, known = look(book)
    if known.generation != book.generation:
        book = rulebook.rulebook(seen=known.generation)
        chosen, known = look(book)
    counters, used = rules.counters(chosen, book.limits, fact), known.used or {}
    had = {key: (used[at][0], used[at][1]) for key, counter in counters.items() if not counter.shared and (at := f"{key}@{counter.starts}") in used}
    rooms = rules.rooms(chosen, book.limits, fact, had)

    shared = {key: _rule_charge(chosen, counter) for key, counter in counters.items() if counter.shared}
    for plan in budgets.budgets_in_force(on=fact.day):
        covers = frozenset(
            one.code for one in chosen if budget_rules.matches(plan, rule_code=one.code, campaign=one.said.campaign, cost_centre=one.said.cost_centre)
        )
        if covers:
            key = budget_rules.counter_of(plan.id)
            shared[key] = plan.charge(0, day=fact.day)
            rooms.append(rules.Room(key, None, None, covers, "stop" if plan.at_end == "stop" else "cut"))
    given = rules.Given(
        fact,
        rules.rolls(book.roll_key),
        _member(member_id, known, _asked(chosen), fact.day, zone, now=now),
        _history(known, zone),
        book.festivals.get(fact.day, frozenset()),
        rooms,
        book.points_per_unit,
    )
    return shared_anew(Situation(given, chosen, counters, shared, known.blocked, standings.place(known.standing).due))


def shared_anew(seen: Situation) -> Situation:
    """The same with what is left now, for this transaction, in the rooms that members share."""
    if not seen.shared:
        return seen
    left = budgets.left(charges=list(seen.shared.values()))
    rooms = [replace(room, points=left[room.key].points, times=left[room.key].times) if room.key in left else room for room in seen.given.rooms]
    return seen._replace(given=replace(seen.given, rooms=rooms))


def _rule_charge(chosen: Sequence[Rule], counter: rules.Counter) -> budget_rules.Charge:
    limit = next(one.limits[counter.key] for one in chosen if counter.key in one.limits)
    return budget_rules.Charge(counter=counter.key, starts=counter.starts, limit_points=limit.points, limit_times=limit.times)


def _member(member_id: UUID | None, known: Known, asked: Collection[str], day: date, zone: ZoneInfo, *, now: datetime) -> rules.Member:
    """The member as they stand, as far as it is asked; who is none yet, as if registered that day."""
    standing = as_standing(standings.place(known.standing)) if "tier" in asked else {}
    if member_id is None:
        return rules.Member(**standing, registered_on=day)
    registered_at, birthday = members.known_since(known.profile)
    registered_on = local_date(registered_at, zone) if registered_at else None
    held = frozenset(cards.available_kinds(member_id=member_id, now=now)) if "cards" in asked else frozenset[str]()
    segments = frozenset(known.segments or ())
    return rules.Member(str(member_id), segments=segments, registered_on=registered_on, birthday=birthday, cards=held, **standing)


def as_standing(place: standings.Place) -> dict[str, Any]:
    """What of a member's standing rules look at, as the fields of `rules.Member`."""
    birthdays = ladder.benefit_value(place.code, "birthday_multiplier") or book_rules.ONE
    return {"tier": place.code, "tier_factor": place.multiplier_bps, "birthday_factor": birthdays, "sprint": place.sprint}


def _history(known: Known, zone: ZoneInfo) -> rules.History:
    """The member's purchases before this one; at one instant, those that were recorded before it."""
    seen = facts.history(known.bought)
    last = {category: local_date(at, zone) for category, at in seen.last_by_category.items()}
    return rules.History(seen.count, local_date(seen.last_at, zone) if seen.last_at else None, last)


def instead(version: RuleVersion, *, at: datetime) -> list[Rule]:
    """The rules in force then, with this version in the place of its rule's. Raises ExpressionInvalid."""
    others = [one for one in rulebook.rulebook(seen=rulebook.generation()).at(version.rule.fact, at) if one.version.rule_id != version.rule_id]
    return [*(ready(one.version, one.definition) for one in others), tried(version, version.said)]


def would_be(*, member_id: UUID | None, fact: rules.Fact, occurred_at: datetime, drafts: Sequence[Rule] | None = None, now: datetime) -> Decision:
    """The decision that such a fact would get under the published rules, or under these. It is not kept."""
    seen = situation(member_id=member_id, fact=fact, occurred_at=occurred_at, drafts=drafts, now=now)
    made = seen.decide()
    return Decision(
        member_id=member_id,
        fact=fact.kind,
        subject=fact.key,
        occurred_at=occurred_at,
        decided_at=now,
        points=made.points,
        given=rules.given_as_json(seen.given, [one.id for one in seen.rules], made.charges, seen.counters),
        trace=rules.trace_as_json(made, fact),
    )


def decision(*, member_id: UUID, subject: str) -> Decision | None:
    """The decision on that fact; None where there was none, or none is kept."""
    return Decision.objects.filter(member_id=member_id, subject=subject).first()


def screened(*, member_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    """Whose facts risk control refused."""
    return set(Decision.objects.filter(member_id__in=member_ids).exclude(screened="").values_list("member_id", "subject"))


def decision_of_entry(*, member_id: UUID, entry_id: UUID) -> Decision | None:
    """The decision that an earning came from."""
    grant = Grant.objects.select_related("decision").filter(member_id=member_id, entry_id=entry_id).first()
    return grant.decision if grant else None


def grants_of(*, member_id: UUID, decision_id: UUID, lock: bool = False) -> list[Grant]:
    """What a decision granted and offered; with `lock`, so that no offer lapses meanwhile."""
    grants = Grant.objects.select_related("rule_version__rule", "entry").filter(member_id=member_id, decision_id=decision_id).order_by("id")
    return list(grants.select_for_update(of=("self",)) if lock else grants)


def status_at(grant: Grant, *, now: datetime) -> str:
    """An offer past its time has lapsed, closed or not."""
    return Grant.Status.LAPSED if grant.status == Grant.Status.OFFERED and grant.claim_until and grant.claim_until <= now else grant.status


def offers(*, member_id: UUID) -> QuerySet[Grant]:
    """What the member was offered to claim, the newest first."""
    return Grant.objects.select_related("decision", "rule_version__rule").filter(member_id=member_id, claim_until__isnull=False)


def version_rows(ids: Sequence[int]) -> list[RuleVersion]:
    """The versions that decided something, as the rulebook holds them."""

    def rows(book: rulebook.Rulebook) -> dict[int, RuleVersion]:
        return {one.version.id: one.version for versions in book.versions.values() for one in versions}

    known = rows(rulebook.rulebook())
    if any(number not in known for number in ids):
        known = rows(rulebook.rulebook(seen=rulebook.generation()))
    if missing := [number for number in ids if number not in known]:
        # Drafts that are tried.
        known = known | {row.id: row for row in RuleVersion.objects.select_related("rule").filter(id__in=missing)}
    return [known[number] for number in ids]


def versions_of(decision: Decision) -> list[Rule]:
    """The rules that a decision was made by."""
    return [ready(row) for row in version_rows(decision.given.get("versions", ()))]


def given_again(decision: Decision, fact: rules.Fact) -> rules.Given:
    """What a decision saw, about the fact as it is now."""
    return rules.given_from_json(decision.given, fact=fact, member_key=str(decision.member_id), roll=rules.rolls(rulebook.rulebook().roll_key))


def by_version(version: RuleVersion | None, fact: rules.Fact) -> int:
    """What one version alone gives for a fact: for purchases from before decisions were kept."""
    return rules.decide(rules.Given(fact, rules.rolls("")), [ready(version)]).points if version else 0


def givers(row: Decision) -> list[dict[str, Any]]:
    """Who gave the points of a decision: how many, by which version of which rule, by its names."""
    gave = {one["v"]: one["got"] for one in (row.trace or {}).get("rules", ()) if one.get("got")}
    named = {version.id: version for version in version_rows(list(gave))}
    return [{"points": n, "version": named[v].number, "zh": named[v].rule.name_zh, "en": named[v].rule.name_en} for v, n in gave.items()]


def entries_of(*, member_id: UUID, subject: str, at_once: bool = False) -> list[UUID]:
    """The entries by which a fact's grants came into the books; `at_once`: without those that had to be claimed."""
    granted = Grant.objects.filter(member_id=member_id, decision__member_id=member_id, decision__subject=subject, entry__isnull=False)
    if at_once:
        granted = granted.filter(claim_until=None)
    return list(granted.order_by("id").values_list("entry_id", flat=True))


def for_quote(*, member_id: UUID | None, fact: rules.Fact, now: datetime) -> tuple[rules.Decision, int]:
    """What a purchase would earn: by the same code and limits as the real thing, the least that random rules give; and the most."""
    seen = situation(member_id=member_id, fact=fact, occurred_at=now, now=now)
    least = rules.decide(replace(seen.given, roll=_luck(seen.given.roll, rules.ROLLS - 1, 0)), seen.rules)
    if not any(one.said.effect.kind == "random" for one in seen.rules):
        return least, least.points
    return least, rules.decide(replace(seen.given, roll=_luck(seen.given.roll, 0, rules.ROLLS - 1)), seen.rules).points


def _luck(roll: Callable[[str], int], chance: int, points: int) -> Callable[[str], int]:
    """Rolls that are not made yet come out like this; to whom a rule is out already stays as it is."""
    return lambda text: chance if text.startswith("chance/") else points if text.startswith("points/") else roll(text)


def ways_to_earn(*, now: datetime) -> list[dict[str, Any]]:
    """What is published now, for anybody: rules that are out for everyone, by name."""
    shown = []
    book = rulebook.rulebook(seen=rulebook.generation())
    for fact in sorted(book.versions):
        for version, said in book.at(fact, now):
            if said.release.to != "all" or said.conditions.segments:
                continue
            rate = said.effect.kind == "per_unit"
            shown.append(
                {
                    "rule": version.rule.code,
                    "name": version.rule.name,
                    "fact": fact,
                    "points_per_unit": Decimal(said.effect.rate) / book_rules.ONE if rate else None,
                    "categories": {category: f"{Decimal(one) / book_rules.ONE:f}" for category, one in said.effect.by_category.items()} if rate else {},
                }
            )
    return shown
