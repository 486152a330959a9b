from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as activity
from loyalty.audit import services as audit
from loyalty.lib.refusals import BusinessError, ReasonMissing
from points.earning import services as earning
from points.ledger import services as ledger

from . import selectors
from .models import Proof
from .rules import LONGEST_ADDRESS

Status, Refusal = Proof.Status, Proof.Refusal
KIND, REVIEWED = "proof_uploaded", "proof_reviewed"


class ProofDecided(BusinessError):
    code, status, title = "proof_decided", 409, _("This proof was decided before.")


class NotApproved(BusinessError):
    code, status, title = "proof_not_approved", 409, _("Only an approval can be withdrawn, once.")


class GradeUnknown(BusinessError):
    code, status, title = "grade_unknown", 422, _("The task has no such grade.")


@transaction.atomic(savepoint=False)
def receive(*, member_id: UUID, external_id: str, now: datetime) -> Proof:
    """The proof of that upload: made if it is new, refused at once where nobody could decide on it."""
    ledger.lock(member_id=member_id)
    fact = activity.behaviour(member_id=member_id, kind=KIND, external_id=external_id)
    assert fact is not None, "an upload is heard of once it is recorded"
    there = Proof.objects.filter(member_id=member_id, behaviour_id=fact.id).first()
    if there:
        return there
    proof = Proof(
        member_id=member_id,
        behaviour_id=fact.id,
        task_code=fact.data["task"][: Proof._meta.get_field("task_code").max_length],
        url=fact.data["url"][:LONGEST_ADDRESS],
        uploaded_at=fact.occurred_at,
    )
    refusal = _refusal_of(proof, address=fact.data["url"], now=now)
    if refusal:
        proof.refusal = refusal
        _turn(proof, Status.REFUSED, by="", now=now)
    proof.save(force_insert=True)
    return proof


def _refusal_of(proof: Proof, *, address: str, now: datetime) -> Refusal | None:
    task = selectors.task(proof.task_code)
    if task is None:
        return Refusal.TASK_UNKNOWN
    if not task.active:
        return Refusal.TASK_CLOSED
    if not selectors.may_be_opened(address):
        return Refusal.ADDRESS
    there = selectors.count_in_month(member_id=proof.member_id, task_code=task.code, moment=proof.uploaded_at, now=now)
    if task.most_per_month is not None and there >= task.most_per_month:
        return Refusal.TOO_MANY
    return None


def look(*, proof_id: UUID, operator: str, now: datetime) -> Proof:
    """Note that the operator has it open, unless it is decided or a colleague has. Who has it open is in `seen_by`. Refuses: ProofUnknown."""
    free = selectors.not_looked_at(selectors.waiting(), operator=operator, now=now)
    free.filter(Q(id=proof_id)).order_by().update(seen_by=operator, seen_at=now)
    return selectors.get(proof_id)


@transaction.atomic(savepoint=False)
def approve(*, proof_id: UUID, grade: int, operator: str, now: datetime) -> Proof:
    """Accept it with that grade; the rules about reviewed proofs give the points. Refuses: ProofUnknown, ProofDecided, GradeUnknown."""
    proof = _locked(proof_id)
    _refuse_decided(proof)
    task = selectors.task(proof.task_code)
    if task is None or not 1 <= grade <= len(task.grades):
        raise GradeUnknown(grade=grade)
    data = {"proof": str(proof.id), "task": proof.task_code, "grade": grade}
    taken = earning.take(member_id=proof.member_id, kind=REVIEWED, external_id=str(proof.id), data=data, occurred_at=now, actor=operator, now=now)
    proof.grade, proof.points = grade, taken.points + taken.claimable
    _turn(proof, Status.APPROVED, by=operator, now=now)
    proof.save()
    _record("approved", proof, actor=operator, figures={"grade": grade, "points": proof.points}, now=now)
    return proof


@transaction.atomic(savepoint=False)
def refuse(*, proof_id: UUID, refusal: Refusal, reason: str = "", operator: str, now: datetime) -> Proof:
    """Decline it. The member reads why; `reason` says more, and must where the refusal is OTHER.

    Refuses: ProofUnknown, ProofDecided, ReasonMissing.
    """
    assert refusal in Proof.BY_HAND, "the other refusals are not an operator's"
    proof = _locked(proof_id)
    _refuse_decided(proof)
    if refusal == Refusal.OTHER and not reason.strip():
        raise ReasonMissing
    proof.refusal, proof.reason = refusal, reason.strip()
    _turn(proof, Status.REFUSED, by=operator, now=now)
    proof.save()
    _record("refused", proof, actor=operator, reason=proof.reason, figures={"refusal": refusal}, now=now)
    return proof


@transaction.atomic(savepoint=False)
def withdraw(*, proof_id: UUID, reason: str, operator: str, now: datetime) -> int:
    """Undo an approval: what it gave is taken back; how many points. The member reads the reason.

    Refuses: ProofUnknown, NotApproved, ReasonMissing.
    """
    proof = _locked(proof_id)
    if proof.status != Status.APPROVED:
        raise NotApproved(proof=proof.status)
    if not reason.strip():
        raise ReasonMissing
    taken_back = earning.withdraw(member_id=proof.member_id, kind=REVIEWED, external_id=str(proof.id), actor=operator, now=now)
    proof.reason = reason.strip()
    _turn(proof, Status.WITHDRAWN, by=operator, now=now)
    proof.save()
    _record("withdrawn", proof, actor=operator, reason=proof.reason, figures={"taken_back": taken_back}, now=now)
    return taken_back


def _locked(proof_id: UUID) -> Proof:
    ledger.lock(member_id=selectors.get(proof_id).member_id)
    return Proof.objects.select_for_update().get(id=proof_id)


def _refuse_decided(proof: Proof) -> None:
    if proof.status == Status.WAITING:
        return
    assert proof.decided_at, "what was decided was decided at some time"
    at = proof.decided_at
    said = {"who": proof.decided_by, "when": date_format(localtime(at), "DATETIME_FORMAT"), "what": proof.get_status_display()}
    message = _("%(who)s has decided on this proof on %(when)s: %(what)s.") % said if proof.decided_by else ""
    raise ProofDecided(message, by=proof.decided_by, at=at.isoformat(), proof=proof.status)


def _turn(proof: Proof, status: Status, *, by: str, now: datetime) -> None:
    assert status in Proof.ARROWS[Status(proof.status)], f"a proof does not go from {proof.status} to {status}"
    proof.status, proof.decided_by, proof.decided_at = status, by, now


def _record(what: str, proof: Proof, *, actor: str, reason: str = "", figures: dict[str, object], now: datetime) -> None:
    figures = {"member": str(proof.member_id), "task": proof.task_code, **figures}
    audit.record(actor=actor[:100], verb=f"proof.{what}", subject=f"proof/{proof.id}", reason=reason, figures=figures, now=now)


@transaction.atomic(savepoint=False)
def refuse_all(*, member_ids: Sequence[UUID], actor: str, now: datetime) -> int:
    """Nobody decides on what these members handed in: they are erased. How many. The caller holds their locks."""
    told = {"status": Proof.Status.REFUSED, "refusal": Proof.Refusal.OTHER, "decided_by": actor, "decided_at": now}
    return Proof.objects.filter(member_id__in=member_ids, status=Proof.Status.WAITING).update(**told)
