"""The night's jobs: in batches, by several workers, killed at any moment and run again."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection

from accounts.members import services as members
from loyalty.audit.models import JobRun
from loyalty.lib.readiness import NotReady
from points.ledger import services as ledger
from points.ledger import tasks
from points.ledger.models import Account, Entry, Hold, Lot
from points.terms.rules import NEVER, ExpiryPolicy

pytestmark = pytest.mark.django_db(transaction=True)
DAYS = ExpiryPolicy("days", 1)


@pytest.fixture
def due(now):
    """Forty members, each with 30 points that are due and 12 that are not."""
    for n in range(40):
        member = members.ensure(external_id=f"due-{n}", now=now)
        ledger.earn(member_id=member.id, points=30, source="purchase", policy=DAYS, actor="tests", key="old", now=now - timedelta(days=3))
        ledger.earn(member_id=member.id, points=12, source="purchase", policy=NEVER, actor="tests", key="new", now=now - timedelta(days=3))


# A worker that says when it has booked a batch. Told to, it stops dead before the commit of its second one.
WORKER = """
import sys, django
django.setup()
from django.utils.dateparse import parse_datetime
from points.ledger import services as ledger
now, dies_inside = parse_datetime(sys.argv[1]), sys.argv[2] == "inside"
batches = 0
def heard(topic):
    if dies_inside and batches == 1:
        print("inside", flush=True)
        sys.stdin.read()
    return False
ledger.outbox.heard = heard
while ledger.expire_due(members=4, actor="job", now=now):
    batches += 1
    print("booked", flush=True)
    if not dies_inside and batches == 2:
        sys.stdin.read()
"""


def worker(now, dies):
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD'] or ''}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, now.isoformat(), dies],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "loyalty.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def expired() -> Counter[int]:
    return Counter(Entry.objects.filter(kind="expire").values_list("points", flat=True))


@pytest.mark.parametrize(("dies", "lines", "booked"), [("between", ["booked", "booked"], 8), ("inside", ["booked", "inside"], 4)])
def test_a_sweep_killed_in_the_middle_and_run_again_expires_everything_once(due, now, dies, lines, booked):
    killed = worker(now, dies)
    assert [killed.stdout.readline().strip() for _ in lines] == lines
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    for pipe in (killed.stdin, killed.stdout):
        pipe.close()
    assert expired() == {30: booked}

    tasks.expire_due()
    assert expired() == {30: 40}
    assert set(Account.objects.values_list("available", flat=True)) == {12}


def test_the_night_says_what_it_did(due):
    tasks.expire_due()
    run = JobRun.objects.get(job="points.expire_due")
    assert (run.status, run.counts) == ("done", {"members": 40, "lots": 40, "points": 1200})


def test_a_second_night_finds_nothing_to_do(due, now):
    tasks.expire_due()
    assert ledger.expire_due(actor="job", now=now) is None
    assert expired() == {30: 40}


def test_the_sweep_books_what_a_single_verb_would_have_booked(due, now):
    one, other = Account.objects.order_by("member_id")[:2]
    ledger.expire(member_id=one.member_id, actor="job", now=now)
    tasks.expire_due()
    shape = ("seq", "kind", "points", "available_change", "balance_after", "key", "digest", "subject", "actor", "occurred_at")
    entries = [list(Entry.objects.filter(member_id=account.member_id, kind="expire").values_list(*shape)) for account in (one, other)]
    assert entries[0] == entries[1]


def test_lots_of_several_nights_expire_each_at_its_own_instant(now):
    member = members.ensure(external_id="late", now=now)
    for days in (4, 5, 6):
        ledger.earn(member_id=member.id, points=days, source="purchase", policy=DAYS, actor="tests", key=f"{days}", now=now - timedelta(days=days))
    ledger.expire_due(actor="job", now=now)
    entries = Entry.objects.filter(kind="expire").order_by("seq")
    lots = Lot.objects.order_by("expires_at")
    assert [(entry.occurred_at, entry.points) for entry in entries] == [(lot.expires_at, lot.original) for lot in lots]


def test_what_is_pending_matures_when_its_time_has_come(member, now):
    ledger.earn(member_id=member.id, points=70, source="purchase", matures_at=now + timedelta(days=7), actor="tests", key="p", now=now)
    assert ledger.mature_due(actor="job", now=now + timedelta(days=7, seconds=-1)).total() == 0
    assert ledger.mature_due(actor="job", now=now + timedelta(days=8)).total() == 1
    assert Entry.objects.get(kind="mature").occurred_at == now + timedelta(days=7)
    assert ledger.mature_due(actor="job", now=now + timedelta(days=8)).total() == 0


def test_an_overdue_hold_is_released_once_as_of_its_deadline(member, now):
    ledger.earn(member_id=member.id, points=50, source="purchase", policy=NEVER, actor="tests", key="e", now=now)
    held = ledger.hold(member_id=member.id, points=20, expires_at=now + timedelta(minutes=30), actor="tests", key="h", now=now)
    assert ledger.release_overdue(actor="job", now=now + timedelta(minutes=30, seconds=-1)).total() == 0
    assert ledger.release_overdue(actor="job", now=now + timedelta(hours=1)).total() == 1
    assert ledger.release_overdue(actor="job", now=now + timedelta(hours=1)).total() == 0
    assert Hold.objects.get(id=held.id).status == "lapsed"
    assert Entry.objects.get(kind="release").occurred_at == held.expires_at
    assert Account.objects.get().available == 50


def test_a_hold_unbooked_for_more_than_five_minutes_is_a_readiness_alarm(member, now):
    ledger.earn(member_id=member.id, points=50, source="purchase", policy=NEVER, actor="tests", key="e", now=now)
    ledger.hold(member_id=member.id, points=20, expires_at=now + timedelta(minutes=30), actor="tests", key="h", now=now)
    assert tasks.holds(now=now + timedelta(minutes=34))
    with pytest.raises(NotReady):
        tasks.holds(now=now + timedelta(minutes=35))


def test_one_lot_that_fails_stops_none_of_the_others(now, monkeypatch):
    for name in ("bad", "good"):
        member = members.ensure(external_id=name, now=now)
        ledger.earn(member_id=member.id, points=7, source="purchase", matures_at=now + timedelta(days=1), actor="tests", key="p", now=now)
    bad, mature = members.ensure(external_id="bad", now=now).id, ledger.mature

    def fails_for_one(*, member_id, **kwargs):
        assert member_id != bad, "broken books"
        return mature(member_id=member_id, **kwargs)

    monkeypatch.setattr(ledger, "mature", fails_for_one)
    assert ledger.mature_due(actor="job", now=now + timedelta(days=1)) == {"lots": 1, "failed": 1}
    assert sorted(Account.objects.values_list("available", "pending")) == [(0, 7), (7, 0)]
