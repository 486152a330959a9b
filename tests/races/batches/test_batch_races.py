"""Workers at once, on a real PostgreSQL. The control leaves out what keeps them apart, and lines are applied twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier, BrokenBarrierError
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections

from accounts.members import services as members
from points.batches import selectors, services
from points.batches.models import Batch, BatchLine
from points.ledger import selectors as books
from points.ledger.models import Entry
from points.reconciliation import selectors as reconciliation

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 6, 15, 4, tzinfo=UTC)
LINES = 60


@pytest.fixture
def people():
    return [User.objects.create_user(name) for name in ("maker", "checker")]


@pytest.fixture
def approved(people):
    """Sixty lines of seven members, in chunks that share them."""
    maker, checker = people
    for number in range(7):
        members.ensure(external_id=f"M-{number}", now=NOW)
    text = "member,points\n" + "".join(f"M-{number % 7},{number + 1}\n" for number in range(LINES))
    said = {"kind": "grant", "file_name": "x.csv", "reason": "sample", "operator_id": maker.id, "now": NOW}
    batch = services.upload(content=[text.encode()], key=uuid4(), **said)
    while services.work(now=NOW):
        pass
    services.submit(batch_id=batch.id, operator_id=maker.id, now=NOW)
    return services.approve(batch_id=batch.id, operator_id=checker.id, now=NOW)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 5)


def at_once(*acts) -> list[BaseException | None]:
    """Do them all at the same time, each on a connection of its own; what each raised."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(30)
            act()
        except Exception as error:  # noqa: BLE001 (what it was is the outcome)
            return error
        finally:
            connections.close_all()
        return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def work():
    # One that finds every line in other hands is done before those are.
    while services.work(now=NOW) or Batch.objects.filter(status__in=Batch.WORKED_ON, paused_at=None).exists():
        pass


def given() -> list[int]:
    return sorted(Entry.objects.filter(kind="adjust").values_list("points", flat=True))


def test_three_workers_apply_each_line_once_and_then_reverse_each_once(approved, people):
    maker, checker = people
    assert at_once(work, work, work) == [None] * 3
    approved.refresh_from_db()
    assert given() == list(range(1, LINES + 1))
    assert (approved.status, approved.applied_lines, approved.given) == ("applied", LINES, LINES * (LINES + 1) // 2)

    services.ask_reversal(batch_id=approved.id, operator_id=maker.id, reason="sample", now=NOW)
    services.approve_reversal(batch_id=approved.id, operator_id=checker.id, now=NOW)
    assert at_once(work, work, work) == [None] * 3
    approved.refresh_from_db()
    assert (approved.status, approved.reversed_lines) == ("reversed", LINES)
    assert Entry.objects.filter(kind="clawback").count() == LINES
    assert reconciliation.breaches() == []


def test_a_stop_is_a_line_that_no_worker_crosses(approved, people):
    def stop():
        while not Entry.objects.filter(kind="adjust").exists():
            pass
        services.stop(batch_id=approved.id, operator_id=people[0].id, reason="sample", now=NOW)
        at_that_time.extend(given())

    at_that_time: list[int] = []
    assert at_once(work, work, stop) == [None] * 3
    approved.refresh_from_db()
    assert given() == at_that_time
    assert approved.status in ("stopped", "applied")
    assert approved.applied_lines == len(at_that_time) == BatchLine.objects.filter(status="applied").count()
    assert reconciliation.breaches() == []


def test_two_approve_at_once_and_one_does(approved, people):
    Batch.objects.filter(id=approved.id).update(status="submitted", decided_by=None, decided_at=None)
    third = User.objects.create_user("third")
    outcomes = at_once(*(lambda who=who: services.approve(batch_id=approved.id, operator_id=who.id, now=NOW) for who in (people[1], third)))
    assert sorted(type(one).__name__ for one in outcomes) == ["BatchMovedOn", "NoneType"]


def test_a_form_sent_twice_at_once_is_one_batch(people):
    key = uuid4()
    said = {"kind": "grant", "file_name": "x.csv", "reason": "sample", "operator_id": people[0].id, "key": key, "now": NOW}
    assert at_once(*(lambda: services.upload(content=[b"member,points\nM-1,1\n"], **said) for _ in range(8))) == [None] * 8
    assert list(Batch.objects.values_list("id", flat=True)) == [key]


def test_control_without_claims_and_keys_lines_are_applied_twice(approved, monkeypatch):
    """Two workers that both look before either writes, each act under a key of its own."""
    barrier, real = Barrier(2), services.ledger.adjust

    class Unclaimed:
        def __init__(self, lines):
            self.lines = lines

        def select_for_update(self, **_how):
            found = list(self.lines)
            try:
                barrier.wait(10)
            except BrokenBarrierError:
                return []
            return found

        def values_list(self, *names, **more):
            return self.lines.values_list(*names, **more)

    monkeypatch.setattr(selectors, "next_lines", lambda row, limit, _real=selectors.next_lines, **more: Unclaimed(_real(row, limit, **more)))
    monkeypatch.setattr(services.ledger, "adjust", lambda **said: real(**{**said, "key": str(uuid4())}))
    monkeypatch.setattr(services, "_LINES", services._LINES.replace("l.status = %s", "%s <> ''"))
    at_once(*(lambda: services.book(batch_id=approved.id, now=NOW) for _ in range(2)))
    assert len(given()) == 10
    assert len(set(given())) == 5


def test_keys_alone_hold_where_claims_fail(approved, monkeypatch):
    """The same without claims, but with the lines' own keys: the second worker gets the first answers again."""
    barrier = Barrier(2)

    class Unclaimed:
        def __init__(self, lines):
            self.lines = lines

        def select_for_update(self, **_how):
            found = list(self.lines)
            barrier.wait(10)
            return found

    monkeypatch.setattr(selectors, "next_lines", lambda row, limit, _real=selectors.next_lines, **more: Unclaimed(_real(row, limit, **more)))
    assert at_once(*(lambda: services.book(batch_id=approved.id, now=NOW) for _ in range(2))) == [None, None]
    assert given() == [1, 2, 3, 4, 5]
    approved.refresh_from_db()
    assert (approved.applied_lines, approved.given) == (5, 15)
    assert sum(books.balance(member_id=line.member_id, now=NOW).available for line in BatchLine.objects.filter(number__lte=6)) == 15
    assert reconciliation.breaches() == []
