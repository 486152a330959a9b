from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.localtime import local_date, start_of_day
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme

from . import rules
from .models import Proof, ProofTask

# For how long somebody who has opened a proof is taken to be deciding on it.
LOOKING = timedelta(minutes=10)


class ProofUnknown(BusinessError):
    code, status, title = "proof_unknown", 404, _("There is no such proof.")


def get(proof_id: UUID) -> Proof:
    proof = Proof.objects.filter(id=proof_id).select_related("member").first()
    if proof is None:
        raise ProofUnknown
    return proof


def tasks() -> Mapping[str, ProofTask]:
    """All tasks by their code, closed ones too."""
    return ProofTask.objects.in_bulk()


def task(code: str) -> ProofTask | None:
    return ProofTask.objects.filter(code=code).first()


def may_be_opened(address: str) -> bool:
    """Whether a stranger's address may become a link here: https, while developing http as well."""
    return rules.may_be_opened(address, schemes=("https", "http") if settings.DEBUG else ("https",))


def waiting() -> QuerySet[Proof]:
    """What an operator has to decide on, the oldest first."""
    return Proof.objects.filter(status=Proof.Status.WAITING).order_by("uploaded_at", "id")


def behind(proof: Proof) -> QuerySet[Proof]:
    """What waits and was uploaded later."""
    return waiting().filter(uploaded_at__gte=proof.uploaded_at).filter(Q(uploaded_at__gt=proof.uploaded_at) | Q(id__gt=proof.id))


def before(proof: Proof) -> QuerySet[Proof]:
    """What waits and was uploaded earlier, the nearest first."""
    earlier = waiting().filter(uploaded_at__lte=proof.uploaded_at).filter(Q(uploaded_at__lt=proof.uploaded_at) | Q(id__lt=proof.id))
    return earlier.order_by("-uploaded_at", "-id")


def not_looked_at(proofs: QuerySet[Proof], *, operator: str, now: datetime) -> QuerySet[Proof]:
    """Of those proofs, the ones that no other operator has open."""
    return proofs.filter(Q(seen_at=None) | Q(seen_at__lt=now - LOOKING) | Q(seen_by=operator))


def next_for(proof: Proof, *, operator: str, now: datetime) -> Proof | None:
    """What that operator decides on after this one: the next one nobody else has open, else the oldest such; None: nothing waits for them."""
    free = [not_looked_at(proofs.exclude(id=proof.id), operator=operator, now=now).first() for proofs in (behind(proof), waiting())]
    return free[0] or free[1]


def of_member(*, member_id: UUID) -> QuerySet[Proof]:
    return Proof.objects.filter(member_id=member_id).order_by("-uploaded_at", "-id")


def count_in_month(*, member_id: UUID, task_code: str, moment: datetime, now: datetime) -> int:
    """How many of the member's proofs of the task take room in the business month of `moment`."""
    zone = programme.zone(now=now)
    first, after = rules.month_of(local_date(moment, zone))
    there = Proof.objects.filter(member_id=member_id, uploaded_at__gte=start_of_day(first, zone), uploaded_at__lt=start_of_day(after, zone))
    return there.filter(task_code=task_code, status__in=Proof.COUNTED).count()
