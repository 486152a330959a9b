from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext

from accounts.members import selectors as members
from loyalty.lib.localtime import local_date
from loyalty.lib.money import show
from loyalty.programme import selectors as programme
from tiers.growth import selectors as growth
from tiers.ladder import selectors as ladders
from tiers.ladder.rules import Step, place, reachable
from tiers.standing import selectors as standings_seen
from tiers.standing.models import Cause, Standing, StandingChange

from . import rules
from .models import CutPoints, Evaluation, EvaluationPolicy, Night, Score

QUINTILES = EvaluationPolicy.Mode.RFM_LTV.value


def policy(*, now: datetime) -> rules.Policy:
    """By what members are evaluated now, with the newest quintiles where these decide."""
    said = EvaluationPolicy.current().plain
    return with_cuts(said, cuts=newest_cuts(now=now)) if said.mode == QUINTILES else said


def with_cuts(said: rules.Policy, *, cuts: rules.Cuts | None) -> rules.Policy:
    return rules.Policy(**{**{name: getattr(said, name) for name in said.__dataclass_fields__}, "cuts": cuts})


def can_decide(said: rules.Policy) -> bool:
    """Quintiles decide nothing before the first night."""
    return said.mode != QUINTILES or said.cuts is not None


def newest_cuts(*, now: datetime) -> rules.Cuts | None:
    row = CutPoints.objects.filter(computed_at__lte=now).order_by("-day").first()
    return rules.Cuts(row.recency, row.frequency, row.monetary, row.lifetime) if row else None


def figures(*, asked: Sequence[growth.Asked], said: rules.Policy, zone: ZoneInfo) -> list[rules.Figures]:
    """What the policy looks at, of many members, each between times of its own. One statement."""
    found = growth.sums(asked, lifetime=said.mode == QUINTILES)
    return [
        rules.Figures(one.growth, one.spend, one.interaction, one.orders, one.lifetime or 0, local_date(one.last_order, zone) if one.last_order else None)
        for one in found
    ]


def term_of(one: Standing, *, until: datetime) -> rules.Window:
    """What counts for keeping a tier, up to then: what happens from the beginning of its term on."""
    return rules.Window(one.since, until)


def evaluations(*, member_id: UUID) -> QuerySet[Evaluation]:
    """What was decided on a member, the newest first."""
    return Evaluation.objects.filter(member_id=member_id).select_related("tier", "before", "change").order_by("-id")


def reached(*, ids: Sequence[UUID], member_ids: Sequence[UUID]) -> Mapping[UUID, Evaluation]:
    """These evaluations of these members."""
    return {one.id: one for one in Evaluation.objects.filter(member_id__in=member_ids, id__in=ids)}


def night(*, day: date) -> Night | None:
    return Night.objects.filter(day=day).first()


def score(*, member_id: UUID) -> Score | None:
    """A member's quintiles as of the last night that quintiles decided; None where they never did."""
    return Score.objects.filter(member_id=member_id).first()


# What of a member counts for quintiles, as `growth.sums` reckons it, here of everybody who takes part.
_CUTS = """
WITH days AS (
    SELECT e.member_id, e.occurred_at AS at, sum(e.amount_cents) AS spend, sum(e.orders) AS orders
      FROM tiers_growthentry e
     WHERE e.occurred_at < %s AND (e.orders <> 0 OR e.amount_cents <> 0) AND e.member_id IN ({active}) GROUP BY e.member_id, e.occurred_at),
bought AS (
    SELECT member_id, max(at) FILTER (WHERE orders > 0) AS last_at, coalesce(sum(orders) FILTER (WHERE at >= %s), 0) AS frequency,
           coalesce(sum(spend) FILTER (WHERE at >= %s), 0) AS monetary, sum(spend) AS lifetime
      FROM days GROUP BY member_id),
dated AS (SELECT %s::date - (last_at AT TIME ZONE %s)::date AS recency, frequency, monetary, lifetime FROM bought WHERE last_at IS NOT NULL)
SELECT count(*), {fifths} FROM dated"""
_FIFTHS = "percentile_disc(ARRAY[0.2, 0.4, 0.6, 0.8]) WITHIN GROUP (ORDER BY {})"


def quintiles_of_all(*, said: rules.Policy, zone: ZoneInfo, now: datetime) -> tuple[int, rules.Cuts]:
    """How many active members ever bought and have something left of it, and the quintiles of their figures in the window that ends now."""
    window, today = rules.climbing(said, now, zone), local_date(now, zone)
    taking_part, who = members.active().values("id").query.sql_with_params()
    fifths = ", ".join(_FIFTHS.format(name) for name in ("recency", "frequency", "monetary", "lifetime"))
    with connection.cursor() as cursor:
        cursor.execute(_CUTS.format(active=taking_part, fifths=fifths), [window.until, *who, window.since, window.since, today, zone.key])
        bought, *cuts = cursor.fetchone()
    return bought, rules.Cuts(*([int(cut) for cut in one] if one else [0, 0, 0, 0] for one in cuts))


def members_after(*, after: UUID | None, limit: int) -> list[UUID]:
    """The next members who take part, in the order of their ids."""
    rows = members.active().order_by("id").values_list("id", flat=True)
    return list((rows.filter(id__gt=after) if after else rows)[:limit])


def tiers_of(*, member_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Where these members were put, by code; who was put nowhere is not there."""
    return dict(Standing.objects.filter(member_id__in=member_ids).values_list("member_id", "tier_id"))


# What people read


def amount(value: int, said: rules.Policy) -> str:
    """A figure with its unit, in the reader's language: 800 growth points, ¥12.30, a score of 80."""
    match rules.unit(said):
        case "growth":
            return ngettext("%(n)s growth point", "%(n)s growth points", value) % {"n": f"{value:,}"}
        case "cents":
            return money(value)
    return ngettext("%(n)s point of the score", "%(n)s points of the score", value) % {"n": f"{value:,}"}


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where a member stands among the figures: `window` is what counts for rising now, `value` its figure, of which `growth` is growth.

    `keeping`: the figure of the term so far, which `keeps_with` keeps; None without a term. `unit`: growth, cents or score.
    """

    said: rules.Policy
    window: rules.Window
    value: int
    growth: int
    next: Step | None
    keeping: int | None = None
    keeps_with: int | None = None
    term_until: datetime | None = None
    decided_at: datetime | None = None
    sprint_from: datetime | None = None

    @property
    def unit(self) -> str:
        return rules.unit(self.said)

    @property
    def missing_to_next(self) -> int | None:
        return max(0, self.next.threshold - self.value) if self.next is not None else None

    @property
    def missing_to_keep(self) -> int | None:
        return None if self.keeping is None or self.keeps_with is None else max(0, self.keeps_with - self.keeping)


def outlook(*, member_id: UUID, now: datetime) -> Outlook:
    """What a member has, and what is missing to keep the tier and to reach the next. A few statements."""
    said, zone, ladder = policy(now=now), programme.zone(now=now), ladders.ladder()
    window = rules.climbing(said, now, zone)
    row = standings_seen.row(member_id=member_id)
    if row is not None and standings_seen.over(row, now=now):
        row = None
    asked = [growth.Asked(member_id, *window)]
    term = term_of(row, until=max(row.due_at, now)) if row is not None and not row.by_hand and row.due_at else None
    if term is not None:
        asked.append(growth.Asked(member_id, *term))
    seen = figures(asked=asked, said=said, zone=zone)
    on = local_date(now, zone)
    put = place(ladder, row.tier_id if row else None)
    above = next((step for step in reachable(ladder) if put is not None and step.rank > put.rank), None)
    common = {"said": said, "window": window, "value": rules.figure(said, seen[0], on=on), "growth": seen[0].growth, "next": above}
    if row is None or term is None:
        return Outlook(**common)
    threshold = next((step.threshold for step in ladder if step.code == row.tier_id), 0)
    kept = rules.figure(said, seen[1], on=on)
    return Outlook(**common, keeping=kept, keeps_with=threshold, term_until=row.until, decided_at=row.due_at, sprint_from=row.sprint_from)


def outlook_in_words(seen: Outlook) -> list[str]:
    """What a member has and what is missing, in sentences in the reader's language."""
    zone = programme.zone(now=seen.window.until)
    figures = {"since": _day(seen.window.since, zone), "figure": amount(seen.value, seen.said)}
    told = [gettext("For rising counts what happened since %(since)s: %(figure)s.") % figures]
    if seen.next is not None:
        missing = {"tier": seen.next.name(get_language() or ""), "missing": amount(seen.missing_to_next or 0, seen.said)}
        told.append(gettext("To %(tier)s %(missing)s are missing.") % missing)
    if seen.keeping is not None and seen.term_until is not None:
        kept = {
            "until": _day(seen.term_until - rules.INSTANT, zone),
            "figure": amount(seen.keeping, seen.said),
            "threshold": amount(seen.keeps_with or 0, seen.said),
            "missing": amount(seen.missing_to_keep or 0, seen.said),
        }
        if seen.missing_to_keep:
            told.append(gettext("The term ends with %(until)s: %(figure)s of %(threshold)s, to keep the tier %(missing)s are missing.") % kept)
        else:
            told.append(gettext("The term ends with %(until)s: %(figure)s of %(threshold)s, so the tier is kept.") % kept)
    return told


REASONS_AT_MOST = 10


def reasons(*, member_id: UUID, limit: int = REASONS_AT_MOST, now: datetime) -> list[str]:
    """Why a member stands where they stand, in the reader's language: the last decision first, what was set by hand among them."""
    zone = programme.zone(now=now)
    by_change = {row.change_id: row for row in evaluations(member_id=member_id)[:limit]}
    told = []
    for change in standings_seen.changes(member_id=member_id)[:limit]:
        row = by_change.get(change.id)
        told.append(_because(row, zone) if row is not None else _moved(change, zone))
    return told or [gettext("Nothing was decided yet: everybody begins in the lowest tier.")]


def because(row: Evaluation) -> str:
    """One decision in a sentence, in the reader's language."""
    return _because(row, programme.zone(now=row.at))


def figures_in_words(row: Evaluation) -> list[tuple[str, str]]:
    """The figures that a decision was made on, each with its name."""
    seen = row.figures
    told = [(gettext("growth"), f"{seen['growth']:,}"), (gettext("spend"), money(seen["spend"])), (gettext("growth of behaviours"), f"{seen['interaction']:,}")]
    told.append((gettext("orders"), f"{seen['orders']:,}"))
    if row.how.get("mode") == QUINTILES:
        told += [(gettext("lifetime value"), money(seen["lifetime"])), (gettext("last order"), seen["last_day"] or "–")]
    return told


def money(cents: int) -> str:
    return show(cents, programme.programme().currency or "CNY", get_language() or "zh-hans")


def _because(row: Evaluation, zone: ZoneInfo) -> str:
    said = rules.policy_from_json(row.how)
    figures = {
        "day": _day(row.at, zone),
        "since": _day(row.since, zone),
        "until": _day(row.until - rules.INSTANT, zone),
        "figure": amount(row.figure, said),
        "threshold": amount(row.threshold, said),
        "tier": row.tier or _lowest(),
        "before": row.before or _lowest(),
    }
    match row.outcome:
        case Evaluation.Outcome.REACHED:
            return gettext("%(day)s: %(figure)s since %(since)s reached %(tier)s, which begins at %(threshold)s.") % figures
        case Evaluation.Outcome.KEPT:
            return gettext("%(day)s: %(figure)s from %(since)s to %(until)s kept %(tier)s, which takes %(threshold)s.") % figures
        case Evaluation.Outcome.FELL:
            return gettext("%(day)s: %(figure)s from %(since)s to %(until)s did not keep %(before)s, which takes %(threshold)s; so it is %(tier)s.") % figures
        case Evaluation.Outcome.UNDONE:
            return gettext("%(day)s: a refund left %(figure)s of the %(threshold)s that had reached %(before)s; so it is %(tier)s again.") % figures
    return gettext("%(day)s: the time for which %(before)s was given is over; %(figure)s since %(since)s make it %(tier)s.") % figures


def _moved(change: StandingChange, zone: ZoneInfo) -> str:
    figures = {"day": _day(change.at, zone), "tier": change.tier or _lowest()}
    if change.cause == Cause.TIME:
        return gettext("%(day)s: the time for which the tier was given is over.") % figures
    if change.until is not None:
        return gettext("%(day)s: %(tier)s was given by the programme, through %(until)s.") % {**figures, "until": _day(change.until - rules.INSTANT, zone)}
    return gettext("%(day)s: %(tier)s was given by the programme.") % figures


def _lowest() -> str:
    step = place(ladders.ladder(), None)
    return step.name(get_language() or "") if step else "–"


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return date_format(local_date(moment, zone), "DATE_FORMAT")


def amount_in_both(value: int, said: rules.Policy) -> dict[str, str]:
    found = {}
    for name, language in (("zh", "zh-hans"), ("en", "en")):
        with translation.override(language):
            found[name] = amount(value, said)
    return found


# What jobs would look at, counted no further than people read.
COUNTED_AT_MOST = 100_000


def count_due(*, now: datetime) -> int:
    return standings_seen.due(now=now)[:COUNTED_AT_MOST].count()


def count_sprinting(*, now: datetime) -> int:
    return standings_seen.sprints_to_tell(now=now)[:COUNTED_AT_MOST].count()


def count_left(*, now: datetime) -> int:
    """How many members tonight's evaluation has still to look at."""
    seen = night(day=local_date(now, programme.zone(now=now)))
    if seen is not None and seen.finished_at is not None:
        return 0
    left = members.active()
    return (left.filter(id__gt=seen.after) if seen is not None and seen.after else left)[:COUNTED_AT_MOST].count()
