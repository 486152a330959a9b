from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypedDict, Unpack
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from accounts.members import selectors as members
from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError, ReasonMissing
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme
from points.earning import services as earning
from points.earning.events import EFFECT_WITHDRAWN, EFFECT_WON
from points.ledger import services as ledger
from riskcontrol.screening import services as screening

from . import rules, selectors
from .models import Badge, MemberBadge, Mission, MissionCompletion, MissionEffect, MissionStep
from .selectors import COMPLETED, MissionUnknown

Status = MissionCompletion.Status
ACTOR = "missions"


class MissionTaken(BusinessError):
    code, status, title = "mission_taken", 409, _("A mission with this code exists already. Choose another code.")


class MissionDecided(BusinessError):
    code, status, title = "mission_decided", 409, _("This mission has moved on meanwhile. Look at it again.")


class MissionFaulty(BusinessError):
    code, status, title = "mission_faulty", 422, _("This mission cannot be published as it stands.")


class MissionNotCompleted(BusinessError):
    """`percent` is how far it is."""

    code, status, title = "mission_not_completed", 409, _("This mission is not completed yet.")


class MissionLapsed(BusinessError):
    code, status, title = "mission_lapsed", 409, _("This mission was not claimed in time.")


class BadgeUnknown(BusinessError):
    code, status, title = "badge_unknown", 422, _("There is no such badge.")


class Terms(TypedDict, total=False):
    """The fields of a mission that may be left out."""

    description_zh: str
    description_en: str
    icon: str
    priority: int
    days: int
    counts_from: date | None
    segment: str
    starts_on: date | None
    ends_on: date | None
    automatic: bool
    claim_days: int
    points: int


# Missions: made, published, retired.


@transaction.atomic(savepoint=False)
def create(
    *,
    code: str,
    name_zh: str,
    name_en: str,
    kind: str,
    steps: Sequence[rules.Step],
    prizes: Sequence[rules.Prize] = (),
    actor: str,
    now: datetime,
    **terms: Unpack[Terms],
) -> Mission:
    """A new mission, a draft. Refuses: MissionTaken."""
    if Mission.objects.filter(code=code).exists():
        raise MissionTaken(mission=code)
    mission = Mission.objects.create(code=code, name_zh=name_zh, name_en=name_en, kind=kind, made_at=now, made_by=actor, **terms)
    for position, step in enumerate(steps, 1):
        MissionStep.objects.create(mission=mission, position=position, **{name: getattr(step, name) for name in rules.Step.__slots__})
    for prize in prizes:
        MissionEffect.objects.create(mission=mission, effect=prize.effect, item=prize.item, count=prize.count)
    return mission


@transaction.atomic(savepoint=False)
def duplicate(*, mission_id: UUID, actor: str, now: datetime) -> Mission:
    """A draft like that mission, under a code of its own. Its last day is left open. Refuses: MissionUnknown."""
    origin = _locked(mission_id)
    base, number = origin.code[:56], 2
    while Mission.objects.filter(code=f"{base}-{number}").exists():
        number += 1
    kept: Any = {name: getattr(origin, name) for name in Terms.__annotations__ if name not in ("starts_on", "ends_on")}
    return create(
        code=f"{base}-{number}",
        name_zh=origin.name_zh,
        name_en=origin.name_en,
        kind=origin.kind,
        steps=selectors.plain_steps(origin),
        prizes=[effect.plain for effect in origin.effects.all()],
        actor=actor,
        now=now,
        **kept,
    )


@transaction.atomic(savepoint=False)
def publish(*, mission_id: UUID, actor: str, now: datetime) -> Mission:
    """Let members see it, from its first day on (default: today). From now on its steps and reward stay.

    Refuses: MissionUnknown, MissionDecided, MissionFaulty (`flaws`: sentences).
    """
    mission = _locked(mission_id)
    today = local_date(now, programme.zone(now=now))
    if flaws := selectors.flaws_of(mission, today=today):
        raise MissionFaulty(" ".join([str(MissionFaulty.title), *(flaw.sentence for flaw in flaws)]), flaws=[flaw.sentence for flaw in flaws])
    _turn_mission(mission, Mission.Status.PUBLISHED, published_at=now, published_by=actor, starts_on=mission.starts_on or today)
    audit.record(actor=actor, verb="mission.published", subject=f"mission/{mission.code}", now=now)
    return mission


@transaction.atomic(savepoint=False)
def retire(*, mission_id: UUID, reason: str, actor: str, now: datetime) -> Mission:
    """Offer it to nobody any more. What is completed already can still be claimed. Refuses: MissionUnknown, MissionDecided, ReasonMissing."""
    if not reason.strip():
        raise ReasonMissing
    mission = _locked(mission_id)
    _turn_mission(mission, Mission.Status.RETIRED, retired_at=now, retired_by=actor, retire_reason=reason.strip())
    audit.record(actor=actor, verb="mission.retired", subject=f"mission/{mission.code}", reason=reason.strip(), now=now)
    return mission


def _locked(mission_id: UUID) -> Mission:
    mission = Mission.objects.select_for_update().filter(id=mission_id).first()
    if mission is None:
        raise MissionUnknown
    return mission


def _turn_mission(mission: Mission, status: Mission.Status, **told: Any) -> None:
    if status not in Mission.ARROWS[Mission.Status(mission.status)]:
        raise MissionDecided(mission_status=mission.status)
    mission.status = status
    for name, value in told.items():
        setattr(mission, name, value)
    mission.save(update_fields=["status", *told])
    forget(Mission)


# Completions: found, claimed, lapsed, withdrawn.


@transaction.atomic(savepoint=False)
def hear(*, member_id: UUID, kind: str, fact: str, now: datetime) -> None:
    """A fact of the member's was decided, or decided again: withdraw what it no longer completes, and complete what it does."""
    _withdraw_unfounded(member_id, rules.Completer(kind, fact), now)
    if at := activity.happened_at(member_id=member_id, kind=kind, external_id=fact):
        settle(member_id=member_id, at=at, of=kind, now=now)


@transaction.atomic(savepoint=False)
def settle(*, member_id: UUID, at: datetime, of: str = "", now: datetime) -> list[MissionCompletion]:
    """Write down the missions that are complete in the periods that `at` belongs to, and give what is given automatically.

    `of`: only missions with a step of that kind of fact. Again, it finds nothing new. What would be given to a member who may not earn
    now stays open.
    """
    member = members.active_by_id(member_id)
    if member is None:
        return []
    missions = selectors.for_member([one for one in selectors.known().published if _has_step(one, of)], member_id=member_id)
    if not any(one.just_completed for one in selectors.progress(missions, member=member, at=at)):
        return []
    ledger.lock(member_id=member_id)
    # Anew, under the lock, and from the tables.
    missions = list(selectors.published().filter(id__in=[one.id for one in missions]))
    found = [one for one in selectors.progress(missions, member=member, at=at) if one.just_completed]
    return [_complete(one, member_id, now) for one in found if not one.mission.automatic or _may_earn(one.mission, member_id, now)]


def _may_earn(mission: Mission, member_id: UUID, now: datetime) -> bool:
    return screening.assess(member_id=member_id, action="earn", points=mission.points, now=now).allowed


def _has_step(mission: Mission, of: str) -> bool:
    return not of or any(step.fact == of for step in mission.steps.all())


def _complete(found: selectors.Progress, member_id: UUID, now: datetime) -> MissionCompletion:
    mission, period = found.mission, found.period
    by = rules.completer(selectors.plain_steps(mission), found.tallies)
    status = Status.GRANTED if mission.automatic else Status.OFFERED
    until = None if mission.automatic else rules.claim_until(at=now, days=mission.claim_days, zone=programme.zone(now=now))
    told = {"completed_at": now, "completed_kind": by.kind, "completed_fact": by.fact, "claim_until": until}
    completion = MissionCompletion.objects.filter(member_id=member_id, mission=mission, period=period.name).first()
    if completion:
        _turn(completion, status, attempt=completion.attempt + 1, points=0, **told, now=now)
    else:
        completion = MissionCompletion.objects.create(
            member_id=member_id, mission=mission, period=period.name, counts_since=period.since, counts_until=period.until,
            status=status, turned_at=now, **told,
        )  # fmt: skip
    if mission.automatic:
        _give(completion, actor=ACTOR, now=now)
    return completion


@transaction.atomic(savepoint=False)
def claim(*, member_id: UUID, code: str, period: str = "", actor: str, now: datetime) -> MissionCompletion:
    """Give a completed mission's reward: of that period, else of the completion that lapses first. What was given before is the answer again.

    Refuses: MissionUnknown, MissionNotCompleted, MissionLapsed, and what screening refuses.
    """
    mission = selectors.get(code=code)
    ledger.lock(member_id=member_id)
    settle(member_id=member_id, at=now, now=now)
    mine = MissionCompletion.objects.filter(member_id=member_id, mission=mission).select_related("mission")
    if period:
        mine = mine.filter(period=period)
    waiting = mine.filter(status=Status.OFFERED, claim_until__gt=now).order_by("claim_until", "id").first()
    if waiting:
        screening.demand(member_id=member_id, action="earn", points=mission.points, now=now)
        _turn(waiting, Status.GRANTED, now=now)
        _give(waiting, actor=actor, now=now)
        return waiting
    newest = mine.exclude(status=Status.WITHDRAWN).order_by("-completed_at", "-id").first()
    if newest and newest.status == Status.GRANTED:
        return newest
    if newest:
        raise MissionLapsed(claim_until=newest.claim_until.isoformat())
    member = members.active_by_id(member_id)
    offered = selectors.progress(selectors.for_member([mission], member_id=member_id), member=member, at=now) if member else []
    if not offered:
        raise MissionUnknown
    raise MissionNotCompleted(percent=rules.percent(offered[0].steps))


def _give(completion: MissionCompletion, *, actor: str, now: datetime) -> None:
    data: dict[str, Any] = {"mission": completion.mission.code, "period": completion.counted_as, "points": completion.mission.points}
    taken = earning.take(member_id=completion.member_id, kind=COMPLETED, external_id=completion.key, data=data, occurred_at=now, actor=actor, now=now)
    if taken.points:
        completion.points = taken.points
        completion.save(update_fields=["points"])
    _tell_effects(completion, EFFECT_WON, now=now)


def _tell_effects(completion: MissionCompletion, topic: str, *, now: datetime) -> None:
    for effect in completion.mission.effects.all():
        payload = {"effect": effect.effect, "item": effect.item, "count": effect.count, "subject": f"mission/{completion.key}"}
        outbox.publish(topic=topic, member_id=completion.member_id, payload=payload, now=now)


def _withdraw_unfounded(member_id: UUID, by: rules.Completer, now: datetime) -> None:
    """Where that fact completed a mission and no longer counts: another fact stands in for it, or the completion is withdrawn."""
    standing = (Status.OFFERED, Status.GRANTED)
    mine = MissionCompletion.objects.filter(member_id=member_id, completed_kind=by.kind, completed_fact=by.fact, status__in=standing)
    # What was not claimed in time has lapsed, booked or not.
    mine = mine.exclude(status=Status.OFFERED, claim_until__lte=now)
    if not mine.exists():
        return
    ledger.lock(member_id=member_id)
    for completion in mine.select_related("mission").prefetch_related("mission__steps", "mission__effects"):
        steps = selectors.plain_steps(completion.mission)
        period = rules.Period(completion.period, completion.counts_since, completion.counts_until)
        asked = selectors.questions_of(completion.mission, period)
        alone = [replace(question, fact=by.fact) for question in asked if question.kind == by.kind]
        answers = activity.tallies(member_id=member_id, questions=[*asked, *alone])
        tallies = answers[: len(asked)]
        if any(answer.found for answer in answers[len(asked) :]):
            continue
        if rules.complete(rules.done(steps, tallies)):
            completion.completed_kind, completion.completed_fact = rules.completer(steps, tallies)
            completion.save(update_fields=["completed_kind", "completed_fact"])
        else:
            _withdraw(completion, now=now)


def _withdraw(completion: MissionCompletion, *, now: datetime) -> None:
    given = completion.status == Status.GRANTED
    _turn(completion, Status.WITHDRAWN, now=now)
    if given:
        earning.withdraw(member_id=completion.member_id, kind=COMPLETED, external_id=completion.key, actor=ACTOR, now=now)
        _tell_effects(completion, EFFECT_WITHDRAWN, now=now)


def lapse_due(*, limit: int, now: datetime) -> int:
    """Book at most `limit` completions that were not claimed in time; how many it was. Until then, reads treat them so."""
    due = MissionCompletion.objects.filter(status=Status.OFFERED, claim_until__lte=now).order_by("claim_until").values_list("id", "member_id")[:limit]
    with transaction.atomic():
        rows = list(due)
        ledger.lock_all(member_ids={member_id for _id, member_id in rows})
        mine = MissionCompletion.objects.filter(id__in=[one for one, _member in rows], member_id__in={member_id for _id, member_id in rows})
        return mine.filter(status=Status.OFFERED, claim_until__lte=now).update(status=Status.LAPSED, turned_at=now)


def _turn(completion: MissionCompletion, status: Status, *, now: datetime, **told: Any) -> None:
    assert status in MissionCompletion.ARROWS[Status(completion.status)], f"a completion does not go from {completion.status} to {status}"
    told = {"status": status, "turned_at": now, **told}
    mine = MissionCompletion.objects.filter(member_id=completion.member_id, id=completion.id, status=completion.status)
    assert mine.update(**told) == 1, "the account's lock guards its completions"
    for name, value in told.items():
        setattr(completion, name, value)


# Badges.


@transaction.atomic(savepoint=False)
def award(*, member_id: UUID, badge: str, subject: str, now: datetime) -> MemberBadge:
    """The member has won a badge, for `subject`; one that they have is counted once more. Refuses: BadgeUnknown."""
    if not Badge.objects.filter(code=badge).exists():
        raise BadgeUnknown(badge=badge)
    ledger.lock(member_id=member_id)
    mine, new = MemberBadge.objects.get_or_create(member_id=member_id, badge_id=badge, defaults={"won_at": now, "subject": subject})
    if not new:
        mine.times += 1
        mine.save(update_fields=["times"])
    return mine


@transaction.atomic(savepoint=False)
def take_back(*, member_id: UUID, badge: str) -> None:
    """What had won the badge did not hold. Won once only, it is gone; one that they have not stays so."""
    ledger.lock(member_id=member_id)
    mine = MemberBadge.objects.filter(member_id=member_id, badge_id=badge).first()
    if mine and mine.times > 1:
        mine.times -= 1
        mine.save(update_fields=["times"])
    elif mine:
        mine.delete()
