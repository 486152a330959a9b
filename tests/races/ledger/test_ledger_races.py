"""Many at once, on a real PostgreSQL. Each race has a control: the same without the lock, and it goes wrong.

Controls leave nothing to luck: in them everybody has looked before anybody writes.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from threading import Barrier, Event

import pytest
from django.db import DatabaseError, connection, connections, transaction

from accounts.members import services as members
from loyalty.lib.refusals import BusinessError
from points.ledger import rules, selectors
from points.ledger import services as ledger
from points.ledger.models import Account, Entry, Hold, Lot
from points.reconciliation import selectors as reconciliation
from points.terms.rules import ExpiryPolicy

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)
NEVER = ExpiryPolicy("never")


@pytest.fixture
def one():
    return members.ensure(external_id="M-1", now=NOW).id


@pytest.fixture
def two():
    return members.ensure(external_id="M-2", now=NOW).id


def earn(member_id, points, key="earned", policy=NEVER, now=NOW):
    return ledger.earn(member_id=member_id, points=points, source="purchase", policy=policy, actor="tests", key=key, now=now)


def spend(member_id, points, key, now=NOW):
    return ledger.spend(member_id=member_id, points=points, actor="tests", key=key, now=now)


def hold(member_id, points, key="held"):
    return ledger.hold(member_id=member_id, points=points, expires_at=NOW + timedelta(hours=1), actor="tests", key=key, now=NOW)


def at_once(*acts) -> Counter:
    """Do them all at the same time, each on a connection of its own; how often each outcome came: "done", or the refusal's code."""
    barrier = Barrier(len(acts))

    def run(act) -> str:
        try:
            connection.ensure_connection()
            barrier.wait(30)
            act()
        except BusinessError as refusal:
            return refusal.code
        except DatabaseError as error:
            return f"database: {type(error).__name__}"
        else:
            return "done"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(run, acts))


@pytest.fixture
def without_lock(monkeypatch):
    """`without_lock(n)`: verbs no longer lock, and n of them look before any of them writes."""

    def disarm(parties: int) -> None:
        barrier = Barrier(parties)

        def look_unlocked(**about):
            seen = _look(**about)
            barrier.wait(30)
            return seen

        monkeypatch.setattr(selectors, "look", look_unlocked)

    return disarm


def _look(*, member_id, key, need, now):
    """What `selectors.look` reads, without its lock."""
    buckets = Account.objects.values_list("available", "held", "pending", "debt", "last_seq", "frozen").get(member_id=member_id)
    book = rules.Book(now, *buckets)
    book.bring(selectors.lots_for_booking(member_id=member_id, ids=Lot.objects.filter(member_id=member_id).values_list("id", flat=True)))
    answer, digest = Entry.objects.filter(member_id=member_id, key=key).values_list("id", "digest").first() or (None, None)
    return selectors.Seen(book, False, answer, digest)


def available(member_id, now=NOW) -> int:
    return selectors.balance(member_id=member_id, now=now).available


# One member spent to zero.


def test_64_spend_one_member_to_zero_and_never_below(one):
    for number in range(5):
        earn(one, 100, key=f"earned {number}")

    outcomes = at_once(*(partial(spend, one, 10, f"spend {n}") for n in range(64)))

    print(f"64 spent 10 each of 500: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {"done": 50, "insufficient_points": 14}
    assert Account.objects.get(member_id=one).available == 0
    assert Entry.objects.filter(kind="spend").count() == 50
    assert reconciliation.breaches() == []


def test_control_without_the_lock_two_spend_the_same_points(one, without_lock):
    earn(one, 100)
    without_lock(2)

    outcomes = at_once(partial(spend, one, 100, "spend 1"), partial(spend, one, 100, "spend 2"))

    # The numbering catches what the lock no longer prevents.
    assert outcomes == {"done": 1, "database: IntegrityError": 1}


def test_control_without_the_lock_and_the_numbering_an_update_is_lost(one, without_lock):
    earn(one, 100)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE points_entry DROP CONSTRAINT entry_numbered_without_doubles")
    try:
        without_lock(2)
        outcomes = at_once(partial(spend, one, 100, "spend 1"), partial(spend, one, 100, "spend 2"))
        found = {breach.invariant for breach in reconciliation.breaches()}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE points_entry CASCADE")
            cursor.execute("ALTER TABLE points_entry ADD CONSTRAINT entry_numbered_without_doubles UNIQUE (member_id, seq)")

    assert outcomes == {"done": 2}
    assert {1, 2, 9} <= found


# One key from everywhere.


@pytest.mark.parametrize("verb", ["earn", "spend"])
def test_the_same_key_from_64_at_once_is_one_effect(one, verb):
    earn(one, 1000, key="to begin with")
    act = partial(earn, one, 10, "order/1") if verb == "earn" else partial(spend, one, 10, "order/1")

    outcomes = at_once(*[act] * 64)

    print(f"the same {verb} from 64: {dict(outcomes)}, {Entry.objects.filter(key='order/1').count()} entry")  # noqa: T201
    assert outcomes == {"done": 64}
    assert Entry.objects.filter(member_id=one, key="order/1").count() == 1
    assert available(one) == (1010 if verb == "earn" else 990)


def test_control_without_the_lock_the_same_key_decides_twice(one, without_lock):
    earn(one, 1000)
    without_lock(2)

    assert at_once(*[partial(spend, one, 10, "order/1")] * 2) == {"done": 1, "database: IntegrityError": 1}


def test_the_first_act_of_a_new_member_from_32_at_once(one):
    outcomes = at_once(*(partial(earn, one, 10, f"order/{n}") for n in range(32)))

    assert outcomes == {"done": 32}
    assert available(one) == 320
    assert list(Entry.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, 33))
    assert reconciliation.breaches() == []


# Holds.


def test_a_hold_is_captured_or_released_once_whoever_comes(one):
    earn(one, 100)
    held = hold(one, 60)
    settle = {"member_id": one, "hold_id": held.id, "actor": "tests", "now": NOW}

    outcomes = at_once(
        *(partial(ledger.capture, **settle, key=f"capture {n}") for n in range(8)),
        *(partial(ledger.release, **settle, key=f"release {n}") for n in range(8)),
    )

    assert outcomes == {"done": 1, "hold_settled": 15}
    status = Hold.objects.get().status
    assert available(one) == {"captured": 40, "released": 100}[status]
    assert Account.objects.get().held == 0
    assert reconciliation.breaches() == []


def test_holds_share_what_is_there(one):
    earn(one, 100)

    outcomes = at_once(*(partial(hold, one, 30, f"hold {n}") for n in range(8)), *(partial(spend, one, 30, f"spend {n}") for n in range(8)))

    assert outcomes == {"done": 3, "insufficient_points": 13}
    assert available(one) == 10
    assert reconciliation.breaches() == []


def test_control_without_the_lock_a_hold_is_captured_and_released(one, without_lock, monkeypatch):
    earn(one, 100)
    held = hold(one, 60)
    settle = {"member_id": one, "hold_id": held.id, "actor": "tests", "now": NOW}
    without_lock(2)
    found, open_hold = Barrier(2), ledger._open_hold

    def open_for_both(*asked):
        row = open_hold(*asked)
        found.wait(30)
        return row

    monkeypatch.setattr(ledger, "_open_hold", open_for_both)

    outcomes = at_once(partial(ledger.capture, **settle, key="capture"), partial(ledger.release, **settle, key="release"))

    assert outcomes == {"done": 1, "database: IntegrityError": 1}


# Clawback against spend, sweep against spend.


def test_a_clawback_and_spends_at_once_leave_exactly_what_is_owed(one):
    earned = earn(one, 100)
    take_back = partial(ledger.clawback, member_id=one, entry_id=earned.id, points=100, actor="tests", key="refund", now=NOW)

    outcomes = at_once(take_back, *(partial(spend, one, 10, f"spend {n}") for n in range(20)))

    account = Account.objects.get()
    spends = Entry.objects.filter(kind="spend").count()
    assert outcomes == {"done": 1 + spends, "insufficient_points": 20 - spends}
    assert account.available == 0
    assert account.debt == 10 * spends
    assert reconciliation.breaches() == []


def test_sweeps_and_spends_at_once_never_spend_what_is_due(one, two):
    tomorrow = NOW + timedelta(days=2)
    for member_id in (one, two):
        earn(member_id, 100, policy=ExpiryPolicy("days", 0))
        earn(member_id, 100, key="kept")
    sweep = partial(ledger.expire_due, actor="tests", now=tomorrow)
    expire = [partial(ledger.expire, member_id=member_id, actor="tests", now=tomorrow) for member_id in (one, two)]

    outcomes = at_once(*[sweep] * 4, *expire * 2, *(partial(spend, member_id, 10, f"spend {n}", tomorrow) for member_id in (one, two) for n in range(12)))

    assert outcomes == {"done": 8 + 20, "insufficient_points": 4}
    assert Entry.objects.filter(kind="expire").count() == 2
    assert list(Account.objects.values_list("available", flat=True)) == [0, 0]
    assert reconciliation.breaches() == []


def test_maturing_and_taking_back_at_once(one):
    earned = ledger.earn(member_id=one, points=100, source="purchase", waits=True, policy=NEVER, actor="tests", key="earned", now=NOW)
    about = {"member_id": one, "entry_id": earned.id, "actor": "tests", "now": NOW}

    outcomes = at_once(
        *(partial(ledger.mature, **about, key=f"mature {n}") for n in range(6)),
        *(partial(ledger.clawback, **about, points=30, key=f"refund {n}") for n in range(6)),
    )

    assert outcomes == {"done": 6 + 3, "clawback_exceeds_earning": 3}
    assert available(one) == 10
    assert reconciliation.breaches() == []


# Transfers both ways.


def test_transfers_both_ways_at_once_do_not_deadlock(one, two):
    for member_id in (one, two):
        earn(member_id, 100)

    outcomes = at_once(
        *(
            partial(ledger.transfer, member_id=away, to_member_id=to, points=10, actor="tests", key=f"gift {n} {way}", now=NOW)
            for n in range(16)
            for way, (away, to) in enumerate([(one, two), (two, one)])
        )
    )

    assert outcomes == {"done": 32}
    assert (available(one), available(two)) == (100, 100)
    assert reconciliation.breaches() == []


def test_transfers_both_ways_between_new_members_do_not_deadlock(one, two):
    outcomes = at_once(
        *(partial(ledger.transfer, member_id=away, to_member_id=to, points=10, actor="tests", key="gift", now=NOW) for away, to in [(one, two), (two, one)] * 8)
    )

    assert outcomes == {"insufficient_points": 16}


def test_control_accounts_locked_in_no_order_deadlock(one, two):
    for member_id in (one, two):
        earn(member_id, 100)
    both_locked_one = Barrier(2)

    def lock(first, second):
        with transaction.atomic():
            ledger.lock(member_id=first)
            both_locked_one.wait(30)
            ledger.lock(member_id=second)

    outcomes = at_once(partial(lock, one, two), partial(lock, two, one))

    assert outcomes == {"done": 1, "database: OperationalError": 1}


# The auditor among writers.


@pytest.fixture
def written_meanwhile(one, monkeypatch):
    """Whenever the auditor turns from the accounts to their entries, somebody earns and spends."""
    replayed, numbers = reconciliation._replayed, count()

    def interrupted(*args):
        number = next(numbers)
        assert at_once(partial(earn, one, 10, f"meanwhile {number}")) == at_once(partial(spend, one, 5, f"meanwhile {number} too")) == {"done": 1}
        return replayed(*args)

    monkeypatch.setattr(reconciliation, "_replayed", interrupted)
    earn(one, 100)


def test_the_auditor_reads_one_snapshot_whatever_is_written_meanwhile(one, written_meanwhile):
    with reconciliation.snapshot():
        assert reconciliation.breaches() == []

    assert available(one) == 105


def test_control_without_the_snapshot_the_auditor_sees_breaches_that_are_none(one, written_meanwhile):
    assert {breach.invariant for breach in reconciliation.breaches()} == {9}


def test_the_auditor_finds_nothing_while_everybody_writes(one, two):
    earn(one, 1000)
    earn(two, 1000)
    done = Event()

    def busy(name, *acts):
        for number in count():
            for act in acts:
                act(f"{name} {number}")
            if done.is_set():
                return

    def audit():
        try:
            checked = 0
            while checked < 300:
                with reconciliation.snapshot():
                    parts = list(reconciliation.audit())
                assert [breach for part in parts for breach in part.breaches] == []
                checked = sum(part.checked["entries"] for part in parts)
        finally:
            done.set()

    def settle(key):
        held = hold(one, 3, f"{key} hold")
        ledger.capture(member_id=one, hold_id=held.id, points=2, actor="tests", key=f"{key} capture", now=NOW)

    def gift(key, away, to):
        ledger.transfer(member_id=away, to_member_id=to, points=1, actor="tests", key=f"{key} gift", now=NOW)

    outcomes = at_once(
        audit,
        partial(busy, "a", lambda key: earn(one, 10, key), lambda key: spend(one, 3, f"{key} spend")),
        partial(busy, "b", settle),
        partial(busy, "c", lambda key: gift(key, one, two), lambda key: gift(f"{key} back", two, one)),
        partial(busy, "d", lambda key: earn(one, 5, key, policy=ExpiryPolicy("days", 0), now=NOW - timedelta(days=1))),
    )

    assert outcomes == {"done": 5}
