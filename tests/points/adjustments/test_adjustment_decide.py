from uuid import uuid4

import pytest
from django.db import transaction

from points.adjustments import services
from points.adjustments.models import Adjustment
from points.adjustments.selectors import AdjustmentUnknown
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry

pytestmark = pytest.mark.django_db
Status = Adjustment.Status


@pytest.fixture
def waiting(member, operator, now) -> Adjustment:
    """A request of `maker` that waits for a second person."""
    maker = operator("maker", superuser=True)
    with transaction.atomic():
        return services.request(member_id=member.id, points=700, reason="sample", operator_id=maker.pk, key=uuid4(), now=now)


def test_a_second_person_approves_and_the_points_are_booked(waiting, operator, now):
    decided = services.approve(adjustment_id=waiting.id, operator_id=operator("checker").pk, now=now)
    assert (decided.status, decided.decided_by.username) == (Status.APPLIED, "checker")
    assert books.balance(member_id=waiting.member_id, now=now).available == 700
    assert Entry.objects.get(id=decided.entry_id).key == f"adjustment/{waiting.id}"


@pytest.mark.parametrize("verb", [services.approve, services.refuse])
def test_nobody_decides_on_their_own_request_the_superuser_included(waiting, now, verb):
    more = {"reason": "mine"} if verb is services.refuse else {}
    with pytest.raises(services.OwnAdjustment), transaction.atomic():
        verb(adjustment_id=waiting.id, operator_id=waiting.requested_by_id, now=now, **more)


def test_a_second_person_refuses_with_a_reason_and_nothing_is_booked(waiting, operator, now):
    checker = operator("checker")
    with pytest.raises(services.ReasonMissing), transaction.atomic():
        services.refuse(adjustment_id=waiting.id, operator_id=checker.pk, reason=" ", now=now)
    decided = services.refuse(adjustment_id=waiting.id, operator_id=checker.pk, reason="no proof", now=now)
    assert (decided.status, decided.decision_reason, decided.entry) == (Status.REFUSED, "no proof", None)
    assert not Entry.objects.exists()


def test_only_the_maker_withdraws(waiting, operator, now):
    with pytest.raises(services.NotYours), transaction.atomic():
        services.withdraw(adjustment_id=waiting.id, operator_id=operator("checker").pk, now=now)
    assert services.withdraw(adjustment_id=waiting.id, operator_id=waiting.requested_by_id, now=now).status == Status.WITHDRAWN


@pytest.mark.parametrize("first", ["approve", "refuse", "withdraw"])
@pytest.mark.parametrize("second", ["approve", "refuse", "withdraw"])
def test_what_was_decided_stays_decided(waiting, operator, now, first, second):
    checker = operator("checker").pk
    verbs = {
        "approve": lambda: services.approve(adjustment_id=waiting.id, operator_id=checker, now=now),
        "refuse": lambda: services.refuse(adjustment_id=waiting.id, operator_id=checker, reason="sample", now=now),
        "withdraw": lambda: services.withdraw(adjustment_id=waiting.id, operator_id=waiting.requested_by_id, now=now),
    }
    verbs[first]()
    with pytest.raises(services.AdjustmentDecided), transaction.atomic():
        verbs[second]()


def test_an_approval_that_the_balance_no_longer_allows_is_refused_and_the_request_still_waits(member, operator, with_points, now):
    with_points(100)
    maker, checker = operator("maker"), operator("checker")
    with transaction.atomic():
        waiting = services.request(member_id=member.id, points=-100, reason="sample", operator_id=maker.pk, key=uuid4(), now=now)
    ledger.spend(member_id=member.id, points=1, actor="tests", key="spend/1", now=now)
    with pytest.raises(ledger.InsufficientPoints), transaction.atomic():
        services.approve(adjustment_id=waiting.id, operator_id=checker.pk, now=now)
    waiting.refresh_from_db()
    assert waiting.status == Status.WAITING


def test_an_unknown_request_is_refused(operator, now):
    with pytest.raises(AdjustmentUnknown), transaction.atomic():
        services.approve(adjustment_id=uuid4(), operator_id=operator().pk, now=now)
