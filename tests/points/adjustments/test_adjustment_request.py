from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from loyalty.audit.models import AuditEntry
from points.adjustments import services
from points.adjustments.models import Adjustment, AdjustmentDay
from points.ledger import selectors as books
from points.ledger.models import Entry
from points.ledger.services import InsufficientPoints, KeyConflict

pytestmark = pytest.mark.django_db
Status = Adjustment.Status


def ask(member, operator, points, *, now, key=None, reason="sample reason"):
    with transaction.atomic():
        return services.request(member_id=member.id, points=points, reason=reason, operator_id=operator.pk, key=key or uuid4(), now=now)


def available(member, now):
    return books.balance(member_id=member.id, now=now).available


def test_within_both_limits_a_request_is_applied_at_once(member, operator, now):
    adjustment = ask(member, operator(limit=(100, 300)), 100, now=now)
    assert (adjustment.status, adjustment.decided_by_id) == (Status.APPLIED, None)
    assert available(member, now) == 100


def test_the_entry_names_the_operator_the_reason_and_the_adjustment(member, operator, now):
    adjustment = ask(member, operator(limit=(100, 300)), 100, now=now, reason="ticket 4711")
    entry = Entry.objects.get(member_id=member.id, kind="adjust")
    assert (entry.id, entry.actor, entry.reason, entry.key) == (adjustment.entry_id, "maker", "ticket 4711", f"adjustment/{adjustment.id}")


def test_above_the_limit_per_adjustment_a_request_waits_and_moves_nothing(member, operator, now):
    assert ask(member, operator(limit=(100, 300)), 101, now=now).status == Status.WAITING
    assert available(member, now) == 0


def test_what_would_exceed_the_limit_of_the_day_waits(member, operator, now):
    maker = operator(limit=(100, 250))
    statuses = [ask(member, maker, points, now=now).status for points in (100, 100, 51, 50)]
    assert statuses == [Status.APPLIED, Status.APPLIED, Status.WAITING, Status.APPLIED]
    assert AdjustmentDay.objects.get(operator=maker).used == 250


def test_points_taken_count_towards_the_day_like_points_given(member, operator, with_points, now):
    with_points(1000)
    maker = operator(limit=(100, 150))
    assert [ask(member, maker, points, now=now).status for points in (-100, 100)] == [Status.APPLIED, Status.WAITING]


def test_the_day_begins_at_midnight_in_the_programmes_zone(member, operator):
    maker = operator(limit=(100, 100))
    before, after = datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)  # midnight in Shanghai
    assert [ask(member, maker, 100, now=moment).status for moment in (before, after)] == [Status.APPLIED, Status.APPLIED]


@pytest.mark.parametrize("superuser", [False, True])
def test_without_a_limit_everything_waits_the_superusers_requests_included(member, operator, now, superuser):
    assert ask(member, operator(superuser=superuser), 1, now=now).status == Status.WAITING


def test_a_request_for_zero_points_is_refused(member, operator, now):
    with pytest.raises(services.NothingToAdjust), transaction.atomic():
        ask(member, operator(), 0, now=now)


def test_a_request_without_a_reason_is_refused(member, operator, now):
    with pytest.raises(services.ReasonMissing), transaction.atomic():
        ask(member, operator(), 10, now=now, reason="  ")


def test_more_points_than_there_are_cannot_be_taken_and_no_request_is_left(member, operator, with_points, now):
    with_points(100)
    with pytest.raises(InsufficientPoints), transaction.atomic():
        ask(member, operator(limit=(500, 500)), -101, now=now)
    assert not Adjustment.objects.exists()
    assert not AdjustmentDay.objects.exists()


def test_the_same_form_sent_twice_is_one_request(member, operator, now):
    maker, key = operator(limit=(100, 300)), uuid4()
    assert ask(member, maker, 100, now=now, key=key) == ask(member, maker, 100, now=now + timedelta(seconds=1), key=key)
    assert available(member, now) == 100
    with pytest.raises(KeyConflict), transaction.atomic():
        ask(member, maker, 99, now=now, key=key)


def test_every_step_is_in_the_audit_trail(member, operator, now):
    ask(member, operator(limit=(100, 300)), 100, now=now)
    assert set(AuditEntry.objects.values_list("verb", flat=True)) == {"adjustment.requested", "adjustment.applied"}


def test_the_database_refuses_that_somebody_decides_on_their_own_request(member, operator, now):
    adjustment = ask(member, operator(), 100, now=now)
    with pytest.raises(IntegrityError, match="adjustment_decided_by_another"), transaction.atomic():
        Adjustment.objects.filter(id=adjustment.id).update(status=Status.REFUSED, decided_by=adjustment.requested_by_id, decided_at=now)
