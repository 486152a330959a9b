import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.members.models import Member
from loyalty.lib.localtime import add_months, local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from tiers.evaluation import rules as evaluation
from tiers.evaluation import selectors as evaluations
from tiers.evaluation.models import EvaluationPolicy
from tiers.growth import selectors as growth
from tiers.ladder import selectors as ladders
from tiers.standing import selectors as standings
from tiers.standing.models import Standing

from . import rules
from .models import LadderPlan, LadderPlanSettings

SPENT_MONTHS = 12
# What a plan says of the evaluation; the quintiles are not its own.
POLICY = tuple(name for name in evaluation.Policy.__dataclass_fields__ if name != "cuts")


class PlanUnknown(BusinessError):
    code, status, title = "ladder_plan_unknown", 404, _("There is no such plan.")


SENTENCES = {
    "negative": _("This cannot be less than 0."),
    "not_rising": _("At least %(least)s, or a higher tier would be reached by less than the one below it."),
    "too_large": _("At most %(most)s: no figure comes to more."),
}


def plan(plan_id: UUID) -> LadderPlan:
    """Refuses: PlanUnknown."""
    try:
        return LadderPlan.objects.get(id=plan_id)
    except LadderPlan.DoesNotExist:
        raise PlanUnknown from None


def settings() -> LadderPlanSettings:
    return LadderPlanSettings.current()


def anybody_stands() -> bool:
    """Whether changes have to be counted before they are applied: as soon as anybody was put into a tier."""
    return Standing.objects.exists()


def in_force() -> tuple[dict[str, int], dict[str, Any]]:
    """The thresholds that a plan can change, by tier's code, and the evaluation, as a plan says them."""
    said = EvaluationPolicy.current().plain
    return {step.code: step.threshold for step in rules.settable(ladders.ladder())}, {name: getattr(said, name) for name in POLICY}


def basis() -> str:
    """The same as long as the ladder and the evaluation are."""
    said = json.dumps([[asdict(step) for step in ladders.ladder()], in_force()[1]], sort_keys=True)
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def stale(row: LadderPlan) -> bool:
    """Whether it was counted against something else than what is in force now."""
    return row.status == LadderPlan.Status.COUNTED and row.basis != basis()


def faults(*, thresholds: Mapping[str, int], policy: Mapping[str, Any]) -> dict[str, list[str]]:
    """What keeps a plan from being in force: sentences by the name of the value, a threshold's being `threshold_` and the tier's code."""
    found: dict[str, list[str]] = {}
    row = EvaluationPolicy(**policy)
    for clean in (partial(row.clean_fields, exclude=["id"]), row.clean):
        try:
            clean()
        except ValidationError as error:
            found |= {name: [str(one) for one in sentences] for name, sentences in error.message_dict.items()}
    if policy["mode"] in rules.MOST:
        for tier, (code, figures) in rules.faults(ladders.ladder(), thresholds, policy["mode"]).items():
            found[f"threshold_{tier}"] = [str(SENTENCES[code]) % {name: f"{value:,}" if isinstance(value, int) else value for name, value in figures.items()}]
    return found


def today(*, now: datetime) -> rules.Rules:
    """By what members are placed now."""
    return rules.Rules(ladders.ladder(), evaluations.policy(now=now))


def under(row: LadderPlan, *, cuts: evaluation.Cuts | None = None) -> rules.Rules:
    """By what they would be, were the plan in force."""
    policy = evaluations.with_cuts(evaluation.Policy(**row.policy), cuts=cuts)
    return rules.Rules(rules.with_thresholds(ladders.ladder(), row.thresholds), policy)


def cuts_for(row: LadderPlan, *, now: datetime) -> evaluation.Cuts | None:
    """The quintiles by which a plan is counted: the newest, or those of now where none were ever made; None where it needs none."""
    said = evaluation.Policy(**row.policy)
    if said.mode != evaluations.QUINTILES:
        return None
    found = evaluations.newest_cuts(now=now)
    return found or evaluations.quintiles_of_all(said=said, zone=programme.zone(now=now), now=now)[1]


def members_in_all() -> int:
    """Of how many members a plan is counted."""
    return Member.objects.filter(status=Member.Status.ACTIVE).count()


def to_count(*, now: datetime) -> dict[str, int]:
    """How many members are still to be looked at, in the plans that are being counted."""
    rows = LadderPlan.objects.filter(status=LadderPlan.Status.COUNTING)
    return {"members": sum((row.total or members_in_all()) - row.done for row in rows)}


def to_lift(*, now: datetime) -> dict[str, int]:
    """How many members are still to be looked at after plans were applied."""
    rows = LadderPlan.objects.filter(status=LadderPlan.Status.APPLIED, lifted_at=None)
    after = [row.lift_after or UUID(int=0) for row in rows]
    return {"members": sum(Member.objects.filter(status=Member.Status.ACTIVE, id__gt=one).count() for one in after)}


def seen(member_ids: Sequence[UUID], *, by: rules.Rules, plan: rules.Rules, now: datetime) -> list[rules.Seen]:
    """These members as they stand, with their figures by both; four statements for all of them."""
    zone = programme.zone(now=now)

    def figures(said: evaluation.Policy) -> list[int]:
        if not evaluations.can_decide(said):
            return [0] * len(member_ids)
        window = evaluation.climbing(said, now, zone)
        found = evaluations.figures(asked=[growth.Asked(member, window.since, window.until) for member in member_ids], said=said, zone=zone)
        return [evaluation.figure(said, one, on=local_date(now, zone)) for one in found]

    put = {row.member_id: row for row in Standing.objects.filter(member_id__in=member_ids) if not standings.over(row, now=now)}
    year = start_of_day(add_months(local_date(now, zone), -SPENT_MONTHS), zone)
    spent = growth.sums([growth.Asked(member, year, now + evaluation.INSTANT) for member in member_ids])
    then = figures(plan.policy)
    before = then if by.policy == plan.policy else figures(by.policy)
    return [
        _seen(member, put.get(member), figure_now, figure_then, sums.spend, now)
        for member, figure_now, figure_then, sums in zip(member_ids, before, then, spent, strict=True)
    ]


def _seen(member_id: UUID, row: Standing | None, figure_now: int, figure_then: int, spent_cents: int, now: datetime) -> rules.Seen:
    if row is None:
        return rules.Seen(str(member_id), now=figure_now, then=figure_then, spent_cents=spent_cents)
    floor = row.floor_id if row.floor_until is None or row.floor_until > now else None
    held = row.by_hand and row.until is None
    return rules.Seen(str(member_id), row.tier_id, held, floor, figure_now, figure_then, spent_cents)


def pulls(row: LadderPlan) -> list[rules.Pull]:
    """What moves under a counted plan, with what the benefits of today make of it."""
    ladder = ladders.ladder()
    gifts, allowances = (
        {step.code: ladders.benefit_value(step.code, kind) for step in ladder if ladders.benefit(step.code, kind)}
        for kind in ("level_up_gift", "monthly_allowance")
    )
    return rules.pulls(rules.tally_from_json(row.counted), ladder, gifts=gifts, allowances=allowances)


def said_changes(row: LadderPlan) -> list[tuple[str, str, str]]:
    """What the plan changes, in words: what, before, after. Of one that was applied, against what was in force before it."""
    thresholds, policy = (row.before["thresholds"], row.before["policy"]) if row.before else in_force()
    names = {step.code: step.name(get_language() or "") for step in ladders.ladder()}
    told = [
        (str(_("Threshold of %(tier)s") % {"tier": names.get(code, code)}), "" if before is None else f"{before:,}", f"{after:,}")
        for code, before, after in rules.changes(thresholds, {code: row.thresholds[code] for code in names if code in row.thresholds})
    ]
    for name, before, after in rules.changes(policy, {name: row.policy[name] for name in POLICY if name in row.policy}):
        field = EvaluationPolicy._meta.get_field(name)
        told.append((str(field.verbose_name), _shown(field, before), _shown(field, after)))
    return told


def _shown(field: models.Field, value: Any) -> str:
    if value is None:
        return ""
    choices = dict(field.flatchoices)
    return str(choices[value]) if value in choices else f"{value:,}" if isinstance(value, int) else str(value)
