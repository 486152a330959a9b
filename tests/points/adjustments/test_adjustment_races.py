"""Real threads on a real PostgreSQL; each race has a control that goes wrong without the guard."""

from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction

from points.adjustments import services
from points.adjustments.models import Adjustment, AdjustmentDay
from points.adjustments.selectors import limit_of
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry
from tests.together import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(member, operator, now) -> Adjustment:
    with transaction.atomic():
        return services.request(member_id=member.id, points=700, reason="sample", operator_id=operator("maker").pk, key=uuid4(), now=now)


def test_two_approvals_at_once_book_one_entry_and_one_of_them_is_told(waiting, operator, now):
    checkers = [operator(f"checker {n}").pk for n in range(4)]
    outcomes = at_once(*(lambda who=who: services.approve(adjustment_id=waiting.id, operator_id=who, now=now) for who in checkers))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Adjustment", *["AdjustmentDecided"] * 3]
    assert Entry.objects.filter(kind="adjust").count() == 1
    assert books.balance(member_id=waiting.member_id, now=now).available == 700


def test_without_the_guard_two_approvals_would_book_twice(waiting, now):
    """The control: look, then book under a key of one's own."""
    looked = Barrier(2)

    def careless() -> None:
        assert Adjustment.objects.get(id=waiting.id).status == "waiting"
        looked.wait(timeout=20)
        ledger.adjust(member_id=waiting.member_id, points=waiting.points, actor="tests", reason="sample", key=f"careless/{uuid4()}", now=now)

    at_once(careless, careless)
    assert Entry.objects.filter(kind="adjust").count() == 2


def test_many_requests_at_once_never_exceed_what_one_may_move_alone_in_a_day(member, other_member, operator, now):
    maker = operator(limit=(100, 300))

    def ask(whom: Any) -> Adjustment:
        return services.request(member_id=whom.id, points=100, reason="sample", operator_id=maker.pk, key=uuid4(), now=now)

    outcomes = at_once(*(lambda whom=whom: ask(whom) for whom in [member, other_member] * 4))
    assert sorted(outcome.status for outcome in outcomes) == ["applied"] * 3 + ["waiting"] * 5
    assert AdjustmentDay.objects.get(operator=maker).used == 300
    assert sum(Entry.objects.filter(kind="adjust").values_list("points", flat=True)) == 300


def test_without_the_conditional_update_the_day_would_be_exceeded(operator, now):
    """The control: read what is used, then write it back."""
    maker = operator(limit=(100, 100))
    AdjustmentDay.objects.create(operator=maker, day=now.date())
    looked = Barrier(4)

    def careless() -> bool:
        used = AdjustmentDay.objects.get(operator=maker).used
        looked.wait(timeout=20)
        if used + 100 > limit_of(operator_id=maker.pk).per_day:
            return False
        AdjustmentDay.objects.filter(operator=maker).update(used=used + 100)
        return True

    assert at_once(*[careless] * 4).count(True) == 4
