"""Real threads on a real PostgreSQL; each race has a control that goes wrong without the guard."""

from threading import Barrier

import pytest
from django.db import transaction

from accounts.activity import services as activity
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.proofs import services
from points.proofs.models import Proof, ProofTask
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)
Status = Proof.Status


@pytest.fixture
def waiting(task, grades_give_points, upload) -> Proof:
    with transaction.atomic():
        return upload()


def test_of_operators_who_decide_at_once_one_wins_and_the_others_are_told_who(waiting, now, assert_books_balance):
    def decide(n: int) -> Proof:
        asked = {"proof_id": waiting.id, "operator": f"operator {n}", "now": now}
        if n % 2:
            return services.refuse(refusal=Proof.Refusal.NOT_OWN, **asked)
        return services.approve(grade=1, **asked)

    outcomes = at_once(*(lambda n=n: decide(n) for n in range(6)))
    [won] = [outcome for outcome in outcomes if isinstance(outcome, Proof)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, services.ProofDecided)]
    assert len(lost) == 5
    assert {refusal.figures["by"] for refusal in lost} == {won.decided_by}
    assert books.balance(member_id=waiting.member_id, now=now).available == (100 if won.status == Status.APPROVED else 0)
    if won.status == Status.APPROVED:
        assert_books_balance()


def test_without_the_lock_two_operators_would_both_decide(waiting, now):
    """The control: look, then write."""
    looked = Barrier(2)

    def careless(operator: str) -> str:
        proof = Proof.objects.get(id=waiting.id)
        assert proof.status == Status.WAITING
        looked.wait(timeout=20)
        Proof.objects.filter(id=proof.id).update(status=Status.REFUSED, refusal="not_own", decided_by=operator, decided_at=now)
        return operator

    assert at_once(lambda: careless("one"), lambda: careless("another")) == ["one", "another"]


def test_uploads_at_once_never_take_more_room_than_the_month_has(task, member, now):
    ProofTask.objects.update(most_per_month=2)
    ids = [f"U-{n}" for n in range(6)]
    with transaction.atomic():
        ledger.lock(member_id=member.id)
        for external_id in ids:
            data = {"task": task.code, "url": "https://example.com/a.jpg"}
            activity.record_behaviour(member_id=member.id, kind="proof_uploaded", external_id=external_id, data=data, occurred_at=now, ours=False, now=now)
    proofs = at_once(*(lambda one=one: services.receive(member_id=member.id, external_id=one, now=now) for one in [*ids, *ids]))
    assert Proof.objects.count() == 6
    assert sorted({proof.id: proof.status for proof in proofs}.values()) == ["refused"] * 4 + ["waiting"] * 2
