"""The night's round over all books: in slices, resumable; a breach freezes, is listed, and is never repaired."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.members import services as members
from loyalty.audit.models import AuditEntry
from points.ledger import selectors as ledger_seen
from points.ledger import services as ledger
from points.ledger.models import Account, Entry
from points.reconciliation import selectors, services
from points.reconciliation.models import Finding, ReconciliationRound


def check_all(now, *, entries=20_000):
    at = services.begin(now=now)
    while services.go_on(round_id=at.id, entries=entries, now=now):
        pass
    at.refresh_from_db()
    return at


@pytest.fixture
def many(books):
    """Twenty members with two entries each."""
    found = [members.ensure(external_id=f"N-{n}", now=books.now) for n in range(20)]
    for one in found:
        ledger.earn(member_id=one.id, points=100, source="purchase", actor="tests", key="e", now=books.now)
        ledger.spend(member_id=one.id, points=30, actor="tests", key="s", now=books.now)
    return found


def spoil(books, member):
    books.sql("UPDATE points_account SET available = available + 5 WHERE member_id = %s", member.id)


def test_a_round_looks_at_everybody_and_finds_nothing_where_the_books_balance(books, many):
    at = check_all(books.now)

    assert (at.accounts, at.entries, at.found, at.finished_at) == (20, 40, 0, books.now)
    assert not Finding.objects.exists()


def test_a_breach_freezes_that_members_spending_and_nobody_elses(books, many, refuses):
    spoil(books, many[7])
    before = Account.objects.values_list("available", "held", "pending", "debt").get(member_id=many[7].id)

    at = check_all(books.now)

    finding = Finding.objects.get()
    assert (at.found, finding.member_id, finding.status, finding.frozen) == (1, many[7].id, "open", True)
    assert finding.breaches[0] == {"invariant": 1, "what": "account, available, against its entries", "expected": "70", "found": "75"}
    with refuses(ledger.AccountFrozen):
        ledger.spend(member_id=many[7].id, points=1, actor="tests", key="again", now=books.now)
    assert Account.objects.filter(frozen=True).count() == 1
    # Nothing is repaired.
    assert Account.objects.values_list("available", "held", "pending", "debt").get(member_id=many[7].id) == before
    freeze = Entry.objects.get(kind="freeze")
    assert (freeze.actor, freeze.key) == ("reconciliation", f"reconciliation/{finding.id}")


def test_a_freeze_that_is_there_already_stays_whose_it_is(books, many):
    ledger.freeze(member_id=many[3].id, actor="operator", reason="sample", key="mine", now=books.now)
    spoil(books, many[3])

    check_all(books.now)

    assert Finding.objects.get().frozen is False
    assert ledger_seen.freeze_in_force(member_id=many[3].id) == "mine"


def test_the_next_night_adds_to_the_open_finding_and_freezes_no_second_time(books, many):
    spoil(books, many[7])
    check_all(books.now)
    ledger.unfreeze(member_id=many[7].id, actor="operator", reason="looked at", key="u", now=books.now)
    books.pass_days(1)

    check_all(books.now)

    finding = Finding.objects.get()
    assert (finding.seen_at, finding.found_at) == (books.now, books.now - timedelta(days=1))
    assert not ledger_seen.frozen(member_id=many[7].id)


def test_a_finding_is_closed_with_a_reason_and_the_account_stays_frozen(books, many, refuses):
    spoil(books, many[7])
    check_all(books.now)
    finding = Finding.objects.get()

    services.close(finding_id=finding.id, actor="operator", reason="a restored backup", now=books.now)

    finding.refresh_from_db()
    assert (finding.status, finding.closed_by, finding.reason) == ("closed", "operator", "a restored backup")
    assert AuditEntry.objects.get().verb == "finding.closed"
    assert ledger_seen.frozen(member_id=many[7].id)
    with refuses(services.FindingClosed):
        services.close(finding_id=finding.id, actor="operator", reason="twice", now=books.now)


def test_what_still_does_not_balance_after_it_was_closed_is_found_anew(books, many):
    spoil(books, many[7])
    check_all(books.now)
    services.close(finding_id=Finding.objects.get().id, actor="operator", reason="sample", now=books.now)
    ledger.unfreeze(member_id=many[7].id, actor="operator", reason="sample", key="u", now=books.now)

    check_all(books.now)

    assert sorted(Finding.objects.values_list("status", flat=True)) == ["closed", "open"]
    assert ledger_seen.frozen(member_id=many[7].id)


def test_a_round_that_is_killed_goes_on_behind_the_last_member_it_reached(books, many):
    at = services.begin(now=books.now)
    first = services.go_on(round_id=at.id, entries=10, now=books.now)

    assert 0 < first["accounts"] < 20
    assert services.begin(now=books.now).id == at.id
    assert selectors.to_check(now=books.now) == {"accounts": 20 - first["accounts"]}
    assert check_all(books.now, entries=10).accounts == 20
    assert services.begin(now=books.now).id != at.id


def test_two_workers_on_one_slice_count_it_once(books, many, monkeypatch):
    at = services.begin(now=books.now)
    seen = selectors.audit_slice(after=None, entries=10)
    monkeypatch.setattr(selectors, "audit_slice", lambda **_asked: (monkeypatch.undo(), services.go_on(round_id=at.id, entries=10, now=books.now), seen)[2])

    services.go_on(round_id=at.id, entries=10, now=books.now)

    at.refresh_from_db()
    assert (at.accounts, at.reached) == (seen.checked["accounts"], seen.reached)


def test_a_slice_is_so_many_statements_however_many_members_it_has(books, many):
    counts = []
    for accounts in (2, 18):
        with CaptureQueriesContext(connection) as captured:
            selectors.audit_slice(after=None, accounts=accounts)
        counts.append(len(captured))

    assert counts[0] == counts[1] <= 20


@pytest.mark.parametrize("table", ["points_allocation", "points_entry"])
def test_rows_of_somebody_without_an_account_are_found_too(books, many, table):
    stray = members.ensure(external_id="stray", now=books.now)
    books.sql(f"UPDATE {table} SET member_id = %s WHERE member_id = %s", stray.id, many[5].id)  # noqa: S608 (our own names)

    check_all(books.now, entries=10)

    assert set(Finding.objects.values_list("member_id", flat=True)) == {stray.id, many[5].id}
    # Who has no account has nothing to be frozen, and gets none by it.
    assert Finding.objects.get(member_id=stray.id).frozen is None
    assert not Account.objects.filter(member_id=stray.id).exists()


def test_no_accounts_are_no_trouble(db, now):
    assert check_all(now).finished_at == now
    assert ReconciliationRound.objects.count() == 1
