"""Applying: one act for each line, once, whatever happens meanwhile."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.members.models import Member
from loyalty.lib.refusals import BusinessError
from points.batches import services
from points.batches.models import Batch
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from points.terms.models import Terms

from .conftest import NOON, lines, worked

pytestmark = pytest.mark.django_db


def booked(batch):
    return list(Entry.objects.filter(key__startswith=f"batch/{batch.id}/").order_by("recorded_at", "id"))


def test_a_grant_gives_each_member_a_lot_with_reason_and_cost_centre(applied, shop, assert_books_balance):
    a, b = shop.member("A"), shop.member("B", 10)
    batch = applied("member,points,reason,cost_centre,expires_on\nA,5,broken cup,west,2026-12-31\nB,7,,,\n", cost_centre="service")
    entries = {entry.member_id: entry for entry in booked(batch)}
    assert {(entry.kind, entry.points, entry.actor, entry.reason) for entry in entries.values()} == {
        ("adjust", 5, "maker", "broken cup"),
        ("adjust", 7, "maker", "parcels were late"),
    }
    assert entries[a].key == f"batch/{batch.id}/2"
    assert entries[a].subject == f"batch/{batch.id}"
    first, second = Lot.objects.get(entry=entries[a]), Lot.objects.get(entry=entries[b])
    assert (first.cost_centre, first.terms, first.expires_at) == ("west", "until:20261231", datetime(2026, 12, 31, 16, tzinfo=UTC))
    assert (second.cost_centre, second.terms, second.source) == ("service", "months:12", "adjustment")
    assert (shop.stands("A"), shop.stands("B")) == (5, 17)
    assert (batch.status, batch.applied_lines, batch.given, batch.taken, batch.finished_at) == ("applied", 2, 12, 0, NOON)
    assert [line.entry_id for line in lines(batch)] == [entries[a].id, entries[b].id]
    assert_books_balance()


def test_an_opening_balance_is_a_lot_of_its_day_under_the_programmes_terms(applied, shop, assert_books_balance):
    Terms.objects.create(expiry="months", length=12)
    a = shop.member("A")
    batch = applied("会员号,积分,获得日期,有效期至\nA,500,2026-01-31,\nA,70,2020-05-01,2027-06-30\nA,3,2019-01-01,永久\n", kind="import")
    kept = {lot.original: lot for lot in Lot.objects.filter(member_id=a)}
    assert {points: (lot.source, lot.earned_at, lot.expires_at) for points, lot in kept.items()} == {
        500: ("import", datetime(2026, 1, 30, 16, tzinfo=UTC), datetime(2027, 1, 31, 16, tzinfo=UTC)),
        70: ("import", datetime(2020, 4, 30, 16, tzinfo=UTC), datetime(2027, 6, 30, 16, tzinfo=UTC)),
        3: ("import", datetime(2018, 12, 31, 16, tzinfo=UTC), None),
    }
    assert [entry.occurred_at.date() for entry in booked(batch)] == [date(2026, 1, 30), date(2020, 4, 30), date(2018, 12, 31)]
    assert {entry.kind for entry in booked(batch)} == {"earn"}
    assert shop.stands("A") == 573
    assert_books_balance()


def test_what_is_imported_settles_what_is_owed(applied, shop, assert_books_balance):
    a = shop.member("A")
    ledger.spend(member_id=a, points=30, overdraw=True, actor="tests", key="debt", now=NOON)
    batch = applied("member,points,earned_on\nA,100,2026-01-31\n", kind="import")
    assert (lines(batch)[0].before, lines(batch)[0].after, shop.stands("A")) == (-30, 70, 70)
    assert_books_balance()


def test_a_correction_gives_and_takes(applied, shop, assert_books_balance):
    shop.member("A", 100)
    shop.member("B", 100)
    batch = applied("member,points\nA,-30\nB,20\n", kind="correction")
    assert (shop.stands("A"), shop.stands("B"), batch.given, batch.taken) == (70, 120, 20, 30)
    assert_books_balance()


def test_who_has_too_few_points_meanwhile_is_left_out_and_the_others_are_not(applied, approved, shop, monkeypatch, assert_books_balance):
    monkeypatch.setattr(services, "CHUNK", 4)
    for number in range(10):
        shop.member(f"M-{number}", 50)
    batch = approved("member,points\n" + "".join(f"M-{number},-40\n" for number in range(10)), kind="correction")
    shop.spends("M-3", 20)
    shop.spends("M-9", 11)
    batch = worked(batch)
    assert [line.number - 2 for line in lines(batch) if line.status == "refused"] == [3, 9]
    assert lines(batch)[3].faults == [["not_covered", {"points": "40", "available": "30"}]]
    assert (batch.status, batch.applied_lines, batch.refused_lines, batch.taken) == ("applied", 8, 2, 320)
    assert [shop.stands(f"M-{number}") for number in (0, 3, 9)] == [10, 30, 39]
    assert_books_balance()


def test_who_has_left_since_it_was_checked_gets_nothing(approved, shop):
    shop.member("A")
    shop.member("B")
    batch = approved("member,points\nA,5\nB,7\n")
    Member.objects.filter(external_id="A").update(status="closed")
    batch = worked(batch)
    assert [(line.status, line.faults) for line in lines(batch)] == [("refused", [["member_closed", {}]]), ("applied", [])]
    assert (shop.stands("A"), shop.stands("B"), batch.applied_lines, batch.refused_lines) == (0, 7, 1, 1)


def test_where_the_batch_says_so_what_is_missing_is_owed(applied, shop, assert_books_balance):
    shop.member("A", 10)
    batch = applied("member,points\nA,-25\nA,-5\nA,12\n", kind="correction", shortfall="debt")
    assert (shop.stands("A"), lines(batch)[-1].after) == (-8, -8)
    assert_books_balance()


def test_a_faulty_line_is_never_applied(applied, shop):
    shop.member("A")
    batch = applied("member,points\nA,5\nnobody,5\nA,1e3\n")
    assert [line.status for line in lines(batch)] == ["applied", "faulty", "faulty"]
    assert len(booked(batch)) == 1


def test_a_freeze_does_not_stop_a_batch(applied, shop):
    ledger.freeze(member_id=shop.member("A", 10), actor="tests", reason="sample", key="freeze", now=NOON)
    applied("member,points\nA,5\nA,-3\n", kind="correction")
    assert shop.stands("A") == 12


def kill_at(monkeypatch, name, count, module=services):
    """The process ends the so-many-th time it comes there."""
    real, seen = getattr(module, name), []

    def dying(*args, **more):
        seen.append(1)
        if len(seen) == count:
            raise KeyboardInterrupt
        return real(*args, **more)

    monkeypatch.setattr(module, name, dying)


@pytest.mark.parametrize(("where", "count"), [("_apply", 1), ("_apply", 4), ("_apply", 8), ("_write", 1), ("_write", 3), ("_finish", 1)])
def test_killed_anywhere_and_run_again_each_line_is_applied_once(approved, shop, monkeypatch, assert_books_balance, where, count):
    monkeypatch.setattr(services, "CHUNK", 3)
    for number in range(4):
        shop.member(f"M-{number}")
    batch = approved("member,points\n" + "".join(f"M-{number % 4},{number + 1}\n" for number in range(8)))
    with monkeypatch.context() as killing:
        kill_at(killing, where, count)
        with pytest.raises(KeyboardInterrupt):
            worked(batch)
    batch = worked(batch)
    assert (batch.status, batch.applied_lines, batch.given) == ("applied", 8, 36)
    assert sorted(entry.points for entry in booked(batch)) == list(range(1, 9))
    assert_books_balance()


@pytest.mark.parametrize(("where", "count"), [("_reverse", 1), ("_reverse", 5), ("_write", 2), ("_finish", 1)])
def test_a_reversal_killed_anywhere_and_run_again_takes_each_line_back_once(applied, undone, shop, monkeypatch, assert_books_balance, where, count):
    monkeypatch.setattr(services, "CHUNK", 3)
    shop.member("A", 5)
    batch = applied("member,points\n" + "A,10\n" * 8)
    with monkeypatch.context() as killing:
        kill_at(killing, where, count)
        with pytest.raises(KeyboardInterrupt):
            undone(batch)
    batch = worked(batch)
    assert (batch.status, batch.reversed_lines, shop.stands("A")) == ("reversed", 8, 5)
    assert_books_balance()


def test_a_pause_in_the_middle_of_a_chunk_leaves_nothing_of_it(approved, operator, shop, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 2)
    shop.member("A")
    batch = approved("member,points\n" + "A,1\n" * 6)
    services.work(now=NOON)
    real = services._apply

    def paused_meanwhile(*args):
        Batch.objects.filter(id=batch.id).update(paused_at=NOON)
        return real(*args)

    # What an operator did elsewhere: the update is this transaction's only because a test has no second one.
    with monkeypatch.context() as pausing:
        pausing.setattr(services, "_apply", paused_meanwhile)
        assert services.book(batch_id=batch.id, now=NOON) == 0
    assert shop.stands("A") == 2


def test_paused_it_rests_and_resumed_it_goes_on(approved, operator, shop, monkeypatch, refuses):
    monkeypatch.setattr(services, "CHUNK", 2)
    shop.member("A")
    batch = approved("member,points\n" + "A,1\n" * 6)
    services.work(now=NOON)
    services.pause(batch_id=batch.id, operator_id=operator().id, now=NOON)
    assert (worked(batch).status, shop.stands("A"), batch.percent) == ("applying", 2, 33)
    with refuses(services.BatchMovedOn):
        services.pause(batch_id=batch.id, operator_id=operator().id, now=NOON)
    services.resume(batch_id=batch.id, operator_id=operator("checker").id, now=NOON)
    assert (worked(batch).status, shop.stands("A")) == ("applied", 6)


def test_stopped_it_stays_so_and_what_was_applied_can_be_reversed(approved, operator, undone, shop, monkeypatch, refuses, assert_books_balance):
    monkeypatch.setattr(services, "CHUNK", 2)
    shop.member("A")
    batch = approved("member,points\n" + "A,1\n" * 6)
    services.work(now=NOON)
    services.stop(batch_id=batch.id, operator_id=operator().id, reason="wrong column", now=NOON)
    assert (worked(batch).status, shop.stands("A"), [line.status for line in lines(batch)]) == ("stopped", 2, ["applied"] * 2 + ["ready"] * 4)
    with refuses(services.BatchMovedOn):
        services.resume(batch_id=batch.id, operator_id=operator().id, now=NOON)
    services.ask_reversal(batch_id=batch.id, operator_id=operator().id, reason="x", now=NOON)
    assert services.drop_reversal(batch_id=batch.id, operator_id=operator().id, reason="x", now=NOON).status == "stopped"
    assert (undone(batch).status, shop.stands("A"), batch.reversed_lines) == ("reversed", 0, 2)
    assert_books_balance()


def test_a_batch_that_cannot_go_on_is_paused_and_stops_no_other(checked, approved, operator, shop, monkeypatch):
    shop.member("A")
    good = checked("member,points\nA,2\n")
    services.submit(batch_id=good.id, operator_id=operator().id, now=NOON)
    bad = approved("member,points\nA,1\n")
    services.approve(batch_id=good.id, operator_id=operator("checker").id, now=NOON)
    real = services._apply

    def broken(row, *more):
        if row.id == bad.id:
            raise ZeroDivisionError("sample")
        return real(row, *more)

    with monkeypatch.context() as breaking:
        breaking.setattr(services, "_apply", broken)
        bad, good = worked(bad), worked(good)
    assert (bad.status, bad.paused_at, bad.error, good.status) == ("applying", NOON, "ZeroDivisionError: sample", "applied")
    services.resume(batch_id=bad.id, operator_id=operator().id, now=NOON)
    assert (worked(bad).status, bad.error, shop.stands("A")) == ("applied", "", 3)


def test_whatever_else_the_books_refuse_stands_at_its_line(approved, shop, monkeypatch):
    class Sample(BusinessError):
        title = "Not today."

    shop.member("A")
    shop.member("B")
    batch = approved("member,points\nA,1\nB,2\n")
    real = ledger.adjust

    def picky(**said):
        if said["points"] == 1:
            raise Sample
        return real(**said)

    monkeypatch.setattr(ledger, "adjust", picky)
    batch = worked(batch)
    assert [(line.status, line.faults) for line in lines(batch)] == [("refused", [["not_booked", {"sentence": "Not today."}]]), ("applied", [])]


@pytest.mark.parametrize("kind", ["grant", "import"])
def test_applying_a_thousand_lines_takes_a_few_statements_each(approved, shop, kind):
    header, more = ("member,points,earned_on", ",2026-01-01") if kind == "import" else ("member,points", "")
    for number in range(1000):
        shop.member(f"M-{number}")
    batch = approved(f"{header}\n" + "".join(f"M-{number},1{more}\n" for number in range(1000)), kind=kind)
    with CaptureQueriesContext(connection) as asked:
        batch = worked(batch)
    assert (batch.status, batch.applied_lines) == ("applied", 1000)
    assert len(asked) < 2.5 * 1000


def test_points_that_have_expired_before_they_were_applied_are_booked_as_earned_and_expired(approved, shop, assert_books_balance):
    a = shop.member("A")
    batch = approved("member,points,earned_on,expires_on\nA,50,2026-01-01,2026-06-15\n", kind="import")
    worked(batch, now=NOON + timedelta(days=1))
    assert [entry.kind for entry in Entry.objects.filter(member_id=a).order_by("seq")] == ["earn", "expire"]
    assert_books_balance()
