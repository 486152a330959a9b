"""Questions about missions: who is offered which, how far they are, and what an operator reads about one. Progress is counted anew each time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.activity.rules import Question, Tally
from accounts.members.models import Member
from accounts.segments import selectors as segments
from loyalty.lib.configuration import held
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.cards import selectors as cards
from points.rulebook import selectors as rulebook
from tiers.dormancy import selectors as dormancy

from . import rules
from .models import Badge, MemberBadge, Mission, MissionCompletion, MissionEffect, MissionStep

Status = MissionCompletion.Status
COMPLETED = "mission_completed"


class MissionUnknown(BusinessError):
    code, status, title = "mission_unknown", 404, _("There is no such mission.")


SENTENCES = {
    "no_step": _("A mission needs a step: say what is to be done."),
    "nothing_to_win": _("There is nothing to win: give points, or a further reward."),
    "days_missing": _("A newcomer pack needs at least one day."),
    "ends_before_start": _("It ends before it begins."),
    "over": _("Its last day has passed."),
    "counts_after_end": _("It ends before anything counts."),
    "claim_days_missing": _("Give members at least one day to claim it, or let it be given automatically."),
    "segment_unknown": _("There is no such segment."),
    "kind_unknown": _("There is no kind of fact called “%(kind)s”."),
    "kind_inactive": _("Facts of the kind “%(kind)s” are not accepted now, so nobody could do this."),
    "needed_missing": _("Say how many times, at least once."),
    "never_reached": _("This can be done at most %(most)s times in that period, so the step could never be completed."),
    "condition_half": _("A condition is a field and a value: give both or neither."),
    "field_unknown": _("This kind of fact has no such field. It has: %(known)s."),
    "distinct_unknown": _("This kind of fact has no such field to tell one from another. It has: %(known)s."),
    "not_a_number": _("“At least” is for numbers; this field is none."),
    "value_no_number": _("This field is a number: give a whole number."),
    "value_no_flag": _("This field is yes or no: give true or false."),
    "value_no_choice": _("This field is one of: %(choices)s."),
    "prize_unknown": _("There is no “%(item)s” to give away, or not any more."),
}


class Flaw(NamedTuple):
    """`place`: `step` or `prize` and its number from 0, or empty for the mission itself."""

    place: tuple[str, int] | None
    field: str
    sentence: str


def flaws(terms: Mapping[str, Any], steps: Sequence[rules.Step], prizes: Sequence[rules.Prize], *, today: date) -> list[Flaw]:
    """What keeps a mission of these terms (the fields of a mission, by name) from being published today; nothing, if it may."""
    schedule = rules.Schedule(terms["kind"], terms["days"], terms["counts_from"], terms["starts_on"], terms["ends_on"])
    found = rules.flaws(
        schedule, steps, points=terms["points"], effects=len(prizes), automatic=terms["automatic"], claim_days=terms["claim_days"],
        kinds=_kinds(), today=today,
    )  # fmt: skip
    said = [Flaw(None if one.step is None else ("step", one.step), one.field, str(SENTENCES[one.code]) % one.figures) for one in found]
    if terms["segment"] and not segments.segments().filter(code=terms["segment"]).exists():
        said.append(Flaw(None, "segment", str(SENTENCES["segment_unknown"])))
    return said + [
        Flaw(("prize", number), "item", str(SENTENCES["prize_unknown"]) % {"item": prize.item}) for number, prize in enumerate(prizes) if not _can_be_won(prize)
    ]


def flaws_of(mission: Mission, *, today: date) -> list[Flaw]:
    """What keeps that mission, as it is kept, from being published today."""
    terms = {field.name: getattr(mission, field.name) for field in Mission._meta.concrete_fields}
    return flaws(terms, plain_steps(mission), [effect.plain for effect in mission.effects.all()], today=today)


def plain_steps(mission: Mission) -> list[rules.Step]:
    return [step.plain for step in mission.steps.all()]


def _kinds() -> dict[str, rules.FactKind]:
    return {code: rules.FactKind(code, {field.name: field for field in kind.shape}, kind.once, kind.active) for code, kind in activity.fact_kinds().items()}


def _can_be_won(prize: rules.Prize) -> bool:
    if prize.effect == MissionEffect.Effect.BADGE:
        return Badge.objects.filter(code=prize.item).exists()
    if prize.effect == MissionEffect.Effect.CARD:
        return cards.active_kinds().filter(code=prize.item).exists()
    return bool(prize.item.strip())


def points_are_given(*, now: datetime) -> bool:
    """Whether any rule in force gives something for completed missions; else their points stay a promise."""
    return bool(rulebook.rulebook(seen=rulebook.generation()).at(COMPLETED, now))


class _Known(NamedTuple):
    published: tuple[Mission, ...]
    kinds: frozenset[str]


def known() -> _Known:
    """The published missions with their steps, and the kinds of facts that matter to any mission ever published, as of a moment ago."""
    return held(Mission, _read)  # type: ignore[return-value, arg-type]


def matters(*, kind: str) -> bool:
    """Whether facts of that kind can complete a mission, or undo that one was completed."""
    return kind in known().kinds


def _read() -> _Known:
    kinds = MissionStep.objects.exclude(mission__status=Mission.Status.DRAFT).values_list("fact", flat=True).distinct().order_by()
    return _Known(tuple(published()), frozenset(kinds))


def published() -> QuerySet[Mission]:
    return Mission.objects.filter(status=Mission.Status.PUBLISHED).prefetch_related("steps", "effects")


def get(*, code: str) -> Mission:
    """A mission that was published, over or not. Refuses: MissionUnknown."""
    mission = Mission.objects.exclude(status=Mission.Status.DRAFT).prefetch_related("steps", "effects").filter(code=code).first()
    if mission is None:
        raise MissionUnknown
    return mission


def visible(*, member_id: UUID, now: datetime) -> QuerySet[Mission]:
    """The missions that a member sees: those on today for them, and those of which something waits to be claimed."""
    today = local_date(now, programme.zone(now=now))
    on = Q(status=Mission.Status.PUBLISHED, starts_on__lte=today) & (Q(ends_on=None) | Q(ends_on__gte=today))
    mine = Q(segment__in=["", *segments.segments_of(member_id)])
    waiting = MissionCompletion.objects.filter(member_id=member_id, status=Status.OFFERED, claim_until__gt=now)
    return Mission.objects.filter((on & mine) | Q(id__in=waiting.values("mission_id"))).prefetch_related("steps", "effects")


def questions_of(mission: Mission, period: rules.Period) -> list[Question]:
    """What to count for each step. Where completed missions count, the mission itself does not."""
    return [step.question(period, besides=f"{mission.code}/" if step.fact == COMPLETED else "") for step in plain_steps(mission)]


class Progress(NamedTuple):
    """How far a member is with a mission in one period. `completion` where it was completed, and still is; then `steps` are full."""

    mission: Mission
    period: rules.Period
    steps: list[rules.Done]
    tallies: list[Tally]
    completion: MissionCompletion | None

    @property
    def just_completed(self) -> bool:
        """Complete by the facts, and not yet by the books."""
        return self.completion is None and rules.complete(self.steps)


def for_member(missions: Sequence[Mission], *, member_id: UUID) -> list[Mission]:
    """Those of them that are offered to that member's segments."""
    if not any(mission.segment for mission in missions):
        return list(missions)
    mine = segments.segments_of(member_id)
    return [mission for mission in missions if not mission.segment or mission.segment in mine]


def progress(missions: Sequence[Mission], *, member: Member, at: datetime) -> list[Progress]:
    """How far the member is in the period of each mission that `at` belongs to; missions not on for them then are left out.

    At most three statements, however many missions; two more where any is for members who were dormant.
    """
    zone = programme.zone(now=at)
    sleep = _sleep(member.id) if any(mission.kind == Mission.Kind.WAKE_UP for mission in missions) else None
    on = [(mission, rules.period(mission.schedule, at=at, registered_at=member.registered_at, zone=zone, sleep=sleep)) for mission in missions]
    rows = [(mission, period) for mission, period in on if period is not None]
    names = {period.name for _mission, period in rows}
    kept = MissionCompletion.objects.filter(member_id=member.id, mission__in=[mission.id for mission, _period in rows], period__in=names)
    completed = {(one.mission_id, one.period): one for one in kept.exclude(status=Status.WITHDRAWN)} if rows else {}
    steps = {mission.id: plain_steps(mission) for mission, _period in rows}
    open_rows = [(mission, period) for mission, period in rows if (mission.id, period.name) not in completed]
    questions = [asked for mission, period in open_rows for asked in questions_of(mission, period)]
    answers = iter(activity.tallies(member_id=member.id, questions=questions))
    found = []
    for mission, period in rows:
        mine = steps[mission.id]
        completion = completed.get((mission.id, period.name))
        tallies = [] if completion else [next(answers) for _step in mine]
        done = [rules.Done(step.needed, step.needed) for step in mine] if completion else rules.done(mine, tallies)
        found.append(Progress(mission, period, done, tallies, completion))
    return found


def _sleep(member_id: UUID) -> rules.Sleep | None:
    found = dormancy.episode(member_id=member_id)
    return rules.Sleep(*found) if found else None


def waiting(missions: Iterable[Mission], *, member_id: UUID, now: datetime) -> dict[UUID, list[MissionCompletion]]:
    """By mission, what of it the member can claim, of this period or an earlier one; what lapses first, first."""
    ids = [mission.id for mission in missions]
    rows = MissionCompletion.objects.filter(member_id=member_id, status=Status.OFFERED, claim_until__gt=now, mission__in=ids).order_by("claim_until", "id")
    found: dict[UUID, list[MissionCompletion]] = {}
    for row in rows:
        found.setdefault(row.mission_id, []).append(row)
    return found


class Shown(NamedTuple):
    """A mission as its member sees it now. `claimable` are its completions that wait to be claimed."""

    mission: Mission
    period: str
    status: str
    done: Sequence[rules.Done]
    until: datetime | None
    claimable: Sequence[MissionCompletion]
    prize_names: Mapping[tuple[str, str], str]

    @property
    def just_completed(self) -> bool:
        """Complete by the facts, and not yet by the books."""
        return self.mission.status == Mission.Status.PUBLISHED and self.status in ("open", "ended") and rules.complete(self.done)

    @property
    def labelled(self) -> list[dict[str, Any]]:
        steps = plain_steps(self.mission)
        return [{"label": label(step), "done": one.done, "needed": one.needed} for step, one in zip(steps, self.done, strict=True)]


def shown(missions: Sequence[Mission], *, member: Member, now: datetime) -> list[Shown]:
    """Each of these missions as the member sees it. Left out: what is not for them now, unless something of it can be claimed."""
    found = {one.mission.id: one for one in progress(missions, member=member, at=now)}
    claimable = waiting(missions, member_id=member.id, now=now)
    names = prize_names(effect.plain for mission in missions for effect in mission.effects.all())
    rows = []
    for mission in missions:
        one, mine = found.get(mission.id), claimable.get(mission.id, [])
        if one:
            deadline = one.completion.claim_until if one.completion and one.completion.status == Status.OFFERED else one.period.until
            rows.append(Shown(mission, one.period.name, _status(one, now), one.steps, deadline, mine, names))
        elif mine:
            full = [rules.Done(step.needed, step.needed) for step in plain_steps(mission)]
            rows.append(Shown(mission, mine[0].period, "completed", full, mine[0].claim_until, mine, names))
    return rows


def _status(one: Progress, now: datetime) -> str:
    if one.completion is None:
        return "ended" if one.mission.status == Mission.Status.RETIRED or one.period.over(now) else "open"
    if one.completion.status == Status.OFFERED:
        return "completed" if one.completion.claim_until > now else "lapsed"
    return one.completion.status


def badges(*, member_id: UUID) -> QuerySet[MemberBadge]:
    return MemberBadge.objects.filter(member_id=member_id).select_related("badge")


# What operators and members read.


def label(step: rules.Step) -> str:
    """What a step is called, in the reader's language: its own label, else what is to be done."""
    chinese = (get_language() or "").startswith("zh")
    own = (step.label_zh, step.label_en) if chinese else (step.label_en, step.label_zh)
    return own[0] or own[1] or fact_name(step.fact)


def fact_name(fact: str) -> str:
    if fact == rules.PURCHASE:
        return gettext("Purchase")
    kind = activity.fact_kinds().get(fact)
    return kind.name if kind else fact


def prize_names(prizes: Iterable[rules.Prize]) -> dict[tuple[str, str], str]:
    """What each prize is called in the reader's language, by effect and item: its code where nothing of that code is there."""
    prizes = list(prizes)
    names = {(one.effect, one.item): one.item for one in prizes}
    by_effect = {
        MissionEffect.Effect.BADGE: Badge.objects.all(),
        MissionEffect.Effect.CARD: cards.active_kinds(),
    }
    for effect, things in by_effect.items():
        if codes := {one.item for one in prizes if one.effect == effect}:
            names |= {(effect.value, thing.code): thing.name for thing in things.filter(code__in=codes)}
    return names


def in_words(mission: Mission) -> str:
    """The mission as it will be, in a few sentences."""
    steps = plain_steps(mission)
    done = gettext("; ").join(step_in_words(step) for step in steps) or "…"
    said = [gettext("%(when)s: %(steps)s.") % {"when": _when(mission), "steps": done}]
    said.append(gettext("Reward: %(reward)s.") % {"reward": _reward(mission)})
    if mission.automatic:
        said.append(gettext("It is given automatically with the last step."))
    else:
        days = mission.claim_days
        said.append(
            ngettext("The member claims it by the end of the next day.", "The member claims it within %(days)s days after completing it.", days)
            % {"days": days}
        )
    said.append(gettext("Only for the segment “%(segment)s”.") % {"segment": mission.segment} if mission.segment else gettext("For everybody."))
    if mission.starts_on:
        said.append(gettext("From %(day)s.") % {"day": date_format(mission.starts_on)})
    if mission.ends_on:
        said.append(gettext("Through %(day)s.") % {"day": date_format(mission.ends_on)})
    return sentences(said)


def sentences(said: Iterable[str]) -> str:
    """One after the other; Chinese leaves no blank between them."""
    return ("" if (get_language() or "").startswith("zh") else " ").join(said)


def _when(mission: Mission) -> str:
    match mission.kind:
        case Mission.Kind.NEWCOMER:
            return ngettext("Once, by the end of the day after registration", "Once, within %(days)s days after registration", mission.days) % {
                "days": mission.days
            }
        case Mission.Kind.WAKE_UP:
            return ngettext(
                "For members who were dormant, through the day after their return",
                "For members who were dormant, through %(days)s days after their return",
                mission.days,
            ) % {"days": mission.days}
        case Mission.Kind.DAILY:
            return gettext("Each day")
        case Mission.Kind.WEEKLY:
            return gettext("Each week from Monday")
    if mission.counts_from:
        return gettext("Once, counting from %(day)s") % {"day": date_format(mission.counts_from)}
    return gettext("Once, counting all that was ever done")


def step_in_words(step: rules.Step) -> str:
    said = gettext("%(what)s × %(needed)s") % {"what": label(step), "needed": step.needed}
    if step.field:
        word = gettext("%(field)s at least %(value)s") if step.compare == "at_least" else gettext("%(field)s is %(value)s")
        said += " (" + word % {"field": step.field, "value": step.value} + ")"
    if step.distinct:
        said += " (" + gettext("each %(field)s only once") % {"field": step.distinct} + ")"
    return said


def _reward(mission: Mission) -> str:
    prizes = [effect.plain for effect in mission.effects.all()]
    names = prize_names(prizes)
    said = [ngettext("%(points)s point", "%(points)s points", mission.points) % {"points": f"{mission.points:,}"}] if mission.points else []
    return " + ".join([*said, *(prize_in_words(prize, names) for prize in prizes)]) or gettext("nothing")


def prize_in_words(prize: rules.Prize, names: Mapping[tuple[str, str], str]) -> str:
    word = {"badge": _("badge “%(name)s”"), "card": _("card “%(name)s”"), "benefit": _("benefit “%(name)s”")}[prize.effect]
    return str(word) % {"name": names[prize.effect, prize.item]} + (f" × {prize.count}" if prize.count > 1 else "")


rulebook.keep("badge", lambda: {badge.code: badge.name for badge in Badge.objects.all()})
