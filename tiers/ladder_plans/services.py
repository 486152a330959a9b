import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from tiers.evaluation import rules as evaluation
from tiers.evaluation import selectors as evaluations
from tiers.evaluation import services as evaluating
from tiers.evaluation.models import Evaluation, EvaluationPolicy
from tiers.ladder import selectors as ladders
from tiers.ladder import services as ladder
from tiers.ladder.models import Tier

from . import rules, selectors
from .models import LadderPlan

Status = LadderPlan.Status
COUNT_JOB, LIFT_JOB = "tiers.count_plans", "tiers.lift_members"
# Members looked at at a time; a slice of counting is as many of these as fit into its seconds, one of lifting is locked as long as it lasts.
PAGE, LIFTED_AT_ONCE = 2000, 500
SLICE_SECONDS = 5.0


class PlanInvalid(BusinessError):
    """`fields`: what is wrong with which value, as sentences."""

    code, status, title = "ladder_plan_invalid", 422, _("This plan cannot be kept as it is.")


class PlanOver(BusinessError):
    code, status, title = "ladder_plan_over", 409, _("This plan was applied or discarded, or is not at this point.")


class PlanStale(BusinessError):
    code, status, title = "ladder_plan_stale", 409, _("The ladder or the evaluation has changed since the plan was counted. Count it again.")


class PlanNotCounted(BusinessError):
    code, status, title = "ladder_plan_not_counted", 409, _("Members stand in tiers already, so have the plan counted before it is applied.")


class PlanChangesNothing(BusinessError):
    code, status, title = "ladder_plan_changes_nothing", 409, _("All of this is in force already.")


class SecondPersonNeeded(BusinessError):
    code, status, title = "second_person_needed", 403, _("A second person must apply this plan: somebody who had no hand in it.")


@transaction.atomic(savepoint=False)
def propose(*, purpose: str, thresholds: Mapping[str, int], policy: Mapping[str, Any], actor: str, key: UUID, now: datetime) -> LadderPlan:
    """A new plan, a draft. `policy`: every value of the evaluation. The same key again: the same plan. Refuses: PlanInvalid."""
    _refuse_faults(purpose, thresholds, policy)
    said = {"purpose": purpose.strip(), "thresholds": dict(thresholds), "policy": dict(policy), "authors": [actor], "made_at": now}
    row, made = LadderPlan.objects.get_or_create(id=key, defaults=said)
    if made:
        _audit("ladder_plan.proposed", row, actor=actor, now=now)
    return row


@transaction.atomic(savepoint=False)
def change(*, plan_id: UUID, purpose: str, thresholds: Mapping[str, int], policy: Mapping[str, Any], actor: str, now: datetime) -> LadderPlan:
    """Let an open plan say this; it is a draft again, and what was counted is dropped. Refuses: PlanUnknown, PlanOver, PlanInvalid."""
    row = _locked(plan_id)
    if row.status not in LadderPlan.OPEN:
        raise PlanOver
    _refuse_faults(purpose, thresholds, policy)
    said = {"purpose": purpose.strip(), "thresholds": dict(thresholds), "policy": dict(policy)}
    if all(getattr(row, name) == value for name, value in said.items()):
        return row
    if actor not in row.authors:
        row.authors = [*row.authors, actor]
    blank = {"counted": {}, "counted_at": None, "cursor": None, "done": 0, "total": 0, "basis": "", "error": ""}
    for name, value in {**said, **blank}.items():
        setattr(row, name, value)
    if row.status == Status.DRAFT:
        row.save()
    else:
        _turn(row, Status.DRAFT)
    _audit("ladder_plan.changed", row, actor=actor, now=now)
    return row


@transaction.atomic(savepoint=False)
def count(*, plan_id: UUID, actor: str, now: datetime) -> LadderPlan:
    """Have it counted who would move; a job does it. Refuses: PlanUnknown, PlanOver."""
    row = _locked(plan_id)
    if row.status == Status.COUNTING:
        return row
    if row.status not in LadderPlan.OPEN:
        raise PlanOver
    _turn(row, Status.COUNTING, basis="", cursor=None, done=0, total=0, counted={}, counted_at=None, error="")
    audit.record(actor=actor, verb="ladder_plan.count", subject=f"ladder_plan/{row.id}", now=now)
    audit.wake(job=COUNT_JOB)
    return row


@transaction.atomic
def work(*, now: datetime) -> int:
    """Count a slice of the oldest plan that nobody counts just now; how many members, at least one. Zero: there is nothing to count.

    What the slice found is kept in its transaction, or not at all.
    """
    row = LadderPlan.objects.select_for_update(skip_locked=True).filter(status=Status.COUNTING).order_by("made_at", "id").first()
    if row is None:
        return 0
    try:
        with transaction.atomic():
            return _slice(row, now=now)
    except (OperationalError, InterfaceError):
        # The database's trouble, not the plan's: the next run goes on with it.
        raise
    except Exception as error:  # noqa: BLE001 (a plan that cannot be counted must not be tried for ever; its row says why)
        row.refresh_from_db()
        _turn(row, Status.DRAFT, error=(error.message if isinstance(error, BusinessError) else f"{type(error).__name__}: {error}")[:500])
        return 1


def _slice(row: LadderPlan, *, now: datetime) -> int:
    started, basis = time.monotonic(), selectors.basis()
    if row.basis != basis:
        # At the beginning; also anew, where what is in force is not what it began with.
        cuts = selectors.cuts_for(row, now=now)
        row.basis, row.cursor, row.done, row.total = basis, None, 0, selectors.members_in_all()
        row.counted = {"cuts": asdict(cuts) if cuts else None}
    cuts = evaluation.Cuts(**row.counted["cuts"]) if row.counted["cuts"] else None
    by, plan = selectors.today(now=now), selectors.under(row, cuts=cuts)
    tally, before, finished = rules.tally_from_json(row.counted), row.done, False
    while not finished and (row.done == before or time.monotonic() - started < SLICE_SECONDS):
        members = evaluations.members_after(after=row.cursor, limit=PAGE)
        for one in selectors.seen(members, by=by, plan=plan, now=now):
            tally.add(one, rules.move(one, by, plan))
        row.done += len(members)
        row.cursor = members[-1] if members else row.cursor
        finished = len(members) < PAGE
    row.counted = {**rules.tally_as_json(tally), "cuts": row.counted["cuts"]}
    if finished:
        _turn(row, Status.COUNTED, counted_at=now, cursor=None)
    else:
        row.save()
    return max(1, row.done - before)


@transaction.atomic(savepoint=False)
def apply(*, plan_id: UUID, actor: str, now: datetime) -> LadderPlan:
    """Put the plan in force: thresholds and evaluation at once. Who rises is lifted by a job from now on; who falls, at their term's end.

    Refuses: PlanUnknown, PlanOver, PlanNotCounted, PlanStale, PlanChangesNothing, SecondPersonNeeded, PlanInvalid.
    """
    row = _locked(plan_id)
    if row.status not in (Status.DRAFT, Status.COUNTED):
        raise PlanOver
    # Before what is asked of it, so that no two plans pass the questions together.
    _lock_what_is_in_force()
    if row.status == Status.DRAFT and selectors.anybody_stands():
        raise PlanNotCounted
    if selectors.stale(row):
        raise PlanStale
    if selectors.settings().second_person and actor in row.authors:
        raise SecondPersonNeeded(made_by=", ".join(row.authors))
    _refuse_faults(row.purpose, row.thresholds, row.policy)
    thresholds, policy = selectors.in_force()
    if not rules.changes(thresholds, row.thresholds) and not rules.changes(policy, row.policy):
        raise PlanChangesNothing
    for step in ladders.ladder():
        if step.code in row.thresholds and step.threshold != row.thresholds[step.code]:
            ladder.keep(**asdict(replace(step, threshold=row.thresholds[step.code])), actor=actor, now=now)
    policy_row = EvaluationPolicy.objects.order_by("id").first() or EvaluationPolicy(pk=1)
    for name, value in row.policy.items():
        setattr(policy_row, name, value)
    policy_row.save()
    _turn(row, Status.APPLIED, applied_by=actor, applied_at=now, before={"thresholds": thresholds, "policy": policy}, lift_after=None)
    _audit("ladder_plan.applied", row, actor=actor, now=now)
    audit.wake(job=LIFT_JOB)
    return row


def _lock_what_is_in_force() -> None:
    """And read it anew: another process may have changed it a moment ago."""
    list(Tier.objects.select_for_update().order_by("code").values_list("code"))
    list(EvaluationPolicy.objects.select_for_update().order_by("id").values_list("id"))
    forget(Tier)
    forget(EvaluationPolicy)


@transaction.atomic
def lift(*, now: datetime) -> Counter[str]:
    """Lift the next members whose figures reach more since a plan was applied; how many were looked at, and how many lifted. Nothing: all were.

    What the slice did is done in its transaction, or not at all.
    """
    row = LadderPlan.objects.select_for_update(skip_locked=True).filter(status=Status.APPLIED, lifted_at=None).order_by("applied_at").first()
    if row is None:
        return Counter()
    said = evaluations.policy(now=now)
    if said.mode == evaluations.QUINTILES:
        cuts = evaluating.compute_cuts(day=local_date(now, programme.zone(now=now)), now=now)
        said = evaluations.with_cuts(said, cuts=cuts)
    by = rules.Rules(ladders.ladder(), said)
    members = evaluations.members_after(after=row.lift_after, limit=LIFTED_AT_ONCE)
    rising = [one.member for one in selectors.seen(members, by=by, plan=by, now=now) if rules.move(one, by, by).way == "up"]
    done = evaluating.look_again(member_ids=[UUID(one) for one in rising], night=True, now=now) if rising else Counter()
    row.lifted += done[Evaluation.Outcome.REACHED]
    row.lift_after = members[-1] if members else row.lift_after
    if len(members) < LIFTED_AT_ONCE:
        row.lifted_at = now
    row.save(update_fields=["lifted", "lift_after", "lifted_at"])
    return Counter(looked_at=max(1, len(members)), lifted=done[Evaluation.Outcome.REACHED])


@transaction.atomic(savepoint=False)
def discard(*, plan_id: UUID, reason: str, actor: str, now: datetime) -> LadderPlan:
    """Put an open plan aside for good; nothing of it ever holds. Refuses: PlanUnknown, PlanOver."""
    row = _locked(plan_id)
    if row.status not in LadderPlan.OPEN:
        raise PlanOver
    _turn(row, Status.DISCARDED, discarded_by=actor, discarded_at=now, discard_reason=reason)
    audit.record(actor=actor, verb="ladder_plan.discarded", subject=f"ladder_plan/{row.id}", reason=reason, now=now)
    return row


def _locked(plan_id: UUID) -> LadderPlan:
    row = LadderPlan.objects.select_for_update().filter(id=plan_id).first()
    if row is None:
        raise selectors.PlanUnknown
    return row


def _turn(row: LadderPlan, status: Status, **values: Any) -> None:
    assert status in LadderPlan.ARROWS[Status(row.status)], f"a plan does not go from {row.status} to {status}"
    row.status = status
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


def _refuse_faults(purpose: str, thresholds: Mapping[str, int], policy: Mapping[str, Any]) -> None:
    found = selectors.faults(thresholds=thresholds, policy=policy)
    if not purpose.strip():
        found["purpose"] = [str(_("Say what the change is for."))]
    if found:
        raise PlanInvalid(fields=found)


def _audit(verb: str, row: LadderPlan, *, actor: str, now: datetime) -> None:
    figures = {"thresholds": row.thresholds, "policy": row.policy}
    audit.record(actor=actor, verb=verb, subject=f"ladder_plan/{row.id}", reason=row.purpose, figures=figures, now=now)
