"""Who may do what when: two persons for everything that books, and no arrow out of turn."""

import pytest
from django.db import IntegrityError, transaction

from loyalty.audit.models import AuditEntry
from points.batches import selectors, services
from points.batches.models import Batch
from points.ledger.models import Entry

from .conftest import NOON, worked

pytestmark = pytest.mark.django_db
FILE = "member,points\nA,5\n"


@pytest.fixture(autouse=True)
def somebody(shop):
    shop.member("A", 100)


def by(user, **more):
    return {"operator_id": user.id, "now": NOON, **more}


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_approves_or_refuses_their_own_batch_not_even_a_superuser(checked, operator, refuses, superuser):
    maker = operator("maker", superuser=superuser)
    batch = checked(FILE)
    services.submit(batch_id=batch.id, **by(maker))
    with refuses(services.OwnBatch):
        services.approve(batch_id=batch.id, **by(maker))
    with refuses(services.OwnBatch):
        services.refuse(batch_id=batch.id, reason="x", **by(maker))
    with pytest.raises(IntegrityError), transaction.atomic():
        Batch.objects.filter(id=batch.id).update(status="applying", decided_by=maker, decided_at=NOON)
    assert worked(batch).status == "submitted"


@pytest.mark.parametrize("superuser", [False, True])
def test_nobody_approves_the_reversal_that_they_asked_for(applied, operator, refuses, superuser):
    checker = operator("checker", superuser=superuser)
    batch = applied(FILE)
    services.ask_reversal(batch_id=batch.id, reason="wrong file", **by(checker))
    with refuses(services.OwnBatch):
        services.approve_reversal(batch_id=batch.id, **by(checker))
    with pytest.raises(IntegrityError), transaction.atomic():
        Batch.objects.filter(id=batch.id).update(status="reversing", reversal_decided_by=checker)
    assert worked(batch).status == "reversal_asked"


def test_nothing_is_applied_that_nobody_decided_on(checked):
    with pytest.raises(IntegrityError), transaction.atomic():
        Batch.objects.filter(id=checked(FILE).id).update(status="applying")


def test_only_who_made_it_submits_and_withdraws_it(checked, operator, refuses):
    batch = checked(FILE)
    other = operator("other")
    for verb in (services.submit, services.withdraw):
        with refuses(services.NotYours):
            verb(batch_id=batch.id, **by(other))
    services.submit(batch_id=batch.id, **by(operator()))
    assert services.withdraw(batch_id=batch.id, **by(operator())).status == "withdrawn"


def test_what_was_refused_says_why_and_is_not_applied(checked, operator):
    batch = checked(FILE)
    services.submit(batch_id=batch.id, **by(operator()))
    services.refuse(batch_id=batch.id, reason="twice as many", **by(operator("checker")))
    batch = worked(batch)
    assert (batch.status, batch.decided_by, batch.decision_reason) == ("refused", operator("checker"), "twice as many")
    assert not Entry.objects.filter(key__startswith="batch/").exists()


def test_a_batch_without_a_line_that_can_be_applied_is_not_submitted(checked, operator, refuses):
    batch = checked("member,points\nnobody,5\n")
    with refuses(services.NothingToApply):
        services.submit(batch_id=batch.id, **by(operator()))


VERBS = {
    "submit": ("checked", {}),
    "withdraw": ("uploaded checking checked submitted", {}),
    "approve": ("submitted", {}),
    "refuse": ("submitted", {"reason": "x"}),
    "stop": ("applying", {"reason": "x"}),
    "ask_reversal": ("applied stopped", {"reason": "x"}),
    "approve_reversal": ("reversal_asked", {}),
    "drop_reversal": ("reversal_asked", {"reason": "x"}),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("status", Batch.Status.values)
def test_a_verb_goes_its_arrow_and_no_other(checked, operator, refuses, verb, status):
    batch = checked(FILE)
    maker, checker, third = operator(), operator("checker"), operator("third")
    Batch.objects.filter(id=batch.id).update(
        status=status, decided_by=checker, decided_at=NOON, reversal_by=checker, reversal_decided_by=third if status in ("reversing", "reversed") else None
    )
    expected, more = VERBS[verb]
    who = maker if verb in ("submit", "withdraw") else third
    if status in expected.split():
        getattr(services, verb)(batch_id=batch.id, **by(who, **more))
    else:
        with refuses(services.BatchMovedOn):
            getattr(services, verb)(batch_id=batch.id, **by(who, **more))


@pytest.mark.parametrize("verb", ["refuse", "stop", "ask_reversal", "drop_reversal"])
def test_some_verbs_want_a_reason(checked, operator, refuses, verb):
    status = VERBS[verb][0].split()[0]
    batch = checked(FILE)
    Batch.objects.filter(id=batch.id).update(status=status, decided_by=operator("checker"), decided_at=NOON)
    with refuses(services.ReasonMissing):
        getattr(services, verb)(batch_id=batch.id, **by(operator("third"), reason=" "))


def test_a_reversal_that_is_dropped_leaves_the_batch_as_it_was(applied, operator):
    batch = applied(FILE)
    services.ask_reversal(batch_id=batch.id, reason="x", **by(operator()))
    services.drop_reversal(batch_id=batch.id, reason="it was right", **by(operator("third")))
    batch.refresh_from_db()
    assert (batch.status, batch.reversal_by, batch.reversal_at) == ("applied", None, None)


def test_every_step_stands_in_the_audit_trail(applied, undone):
    batch = undone(applied(FILE))
    steps = AuditEntry.objects.filter(subject=f"batch/{batch.id}").order_by("id")
    assert [(step.actor, step.verb.removeprefix("batch.")) for step in steps] == [
        ("maker", "uploaded"), ("job", "checked"), ("maker", "submitted"), ("checker", "approved"), ("job", "applied"),
        ("maker", "reversal_asked"), ("checker", "reversal_approved"), ("job", "reversed"),
    ]  # fmt: skip


def test_what_waits_for_a_second_person_is_listed_the_oldest_first(checked, applied, operator):
    first, second = checked(FILE), applied(FILE)
    services.submit(batch_id=first.id, **by(operator()))
    services.ask_reversal(batch_id=second.id, reason="x", **by(operator()))
    assert set(selectors.waiting()) == {first, second}


def test_an_unknown_batch_is_refused(operator, refuses, noon):
    with refuses(selectors.BatchUnknown):
        services.approve(batch_id=services.Batch().id, **by(operator()))
    with refuses(selectors.BatchUnknown):
        selectors.batch(services.Batch().id)
