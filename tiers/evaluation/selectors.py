from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import ngettext

from accounts.members import selectors as members
from loyalty.lib.localtime import local_date
from loyalty.lib.money import show
from loyalty.programme import selectors as programme
from tiers.growth import selectors as growth
from tiers.standing import selectors as standings_seen
from tiers.standing.models import Standing

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
    """What counts for keeping a tier, up to then. A term that began with a rise counts what happened after it."""
    return rules.Window(one.since + rules.INSTANT if one.reached_by is not None else one.since, until)


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


def amount(value: int, said: rules.Policy, *, language: str) -> str:
    """A figure with its unit, as people write it: 800 growth points, ¥12.30, a score of 80."""
    match rules.unit(said):
        case "growth":
            return ngettext("%(n)s growth point", "%(n)s growth points", value) % {"n": f"{value:,}"}
        case "cents":
            return show(value, programme.programme().currency or "CNY", language)
    return ngettext("%(n)s point of the score", "%(n)s points of the score", value) % {"n": f"{value:,}"}


def amount_in_both(value: int, said: rules.Policy) -> dict[str, str]:
    found = {}
    for name, language in (("zh", "zh-hans"), ("en", "en")):
        with translation.override(language):
            found[name] = amount(value, said, language=language)
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
