"""An erasure is asked for, agreed to by a second person, and can be called off until it is carried out."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import InternalError, connection, transaction

from accounts.leaving import services
from accounts.leaving.models import Erasure, LeavingTerms
from accounts.members import services as members
from accounts.members.models import Member
from loyalty.audit.models import AuditEntry
from loyalty.outbox.models import OutboxRow
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Entry
from points.terms.rules import NEVER

pytestmark = pytest.mark.django_db
SEED = b"s" * 32


@pytest.fixture
def operator(db):
    return lambda name: User.objects.get_or_create(username=name)[0].pk


@pytest.fixture
def ask(member, operator, now):
    def do(whose=member, key=None):
        return services.request_erasure(member_id=whose.id, reason="a letter", operator_id=operator("maker"), key=key or uuid4(), now=now)

    return do


@pytest.fixture
def approve(operator, now):
    return lambda asked: services.approve_erasure(erasure_id=asked.id, operator_id=operator("checker"), now=now)


def carry_out(now):
    return services.carry_out(seed=SEED, now=now)


def test_it_waits_the_days_that_are_set_and_is_carried_out_once(member, ask, approve, now):
    assert approve(ask()).due_at == now + timedelta(days=7)
    assert carry_out(now + timedelta(days=7, seconds=-1)) == 0
    assert (carry_out(now + timedelta(days=7)), carry_out(now + timedelta(days=7))) == (1, 0)
    member.refresh_from_db()
    assert (member.status, member.name, member.birthday) == ("erased", "", None)
    assert member.external_id.startswith("erased-")


def test_other_days_are_a_setting(ask, approve, now):
    LeavingTerms.objects.create(erasure_days=30)
    assert approve(ask()).due_at == now + timedelta(days=30)


def test_nobody_approves_or_refuses_their_own(ask, operator, refuses, now):
    asked = ask()
    for verb, more in ((services.approve_erasure, {}), (services.refuse_erasure, {"reason": "no"})):
        with refuses(services.OwnErasure):
            verb(erasure_id=asked.id, operator_id=operator("maker"), now=now, **more)


def test_it_is_called_off_before_and_after_it_was_approved_and_then_asked_for_anew(member, ask, approve, operator, refuses, now):
    for approved in (False, True):
        asked = ask()
        if approved:
            approve(asked)
        with refuses(services.ReasonMissing):
            services.call_off_erasure(erasure_id=asked.id, operator_id=operator("maker"), reason=" ", now=now)
        services.call_off_erasure(erasure_id=asked.id, operator_id=operator("maker"), reason="changed their mind", now=now)
        assert carry_out(now + timedelta(days=99)) == 0
    member.refresh_from_db()
    assert member.status == "active"


def test_what_is_decided_is_decided(ask, approve, operator, refuses, now):
    asked = ask()
    services.refuse_erasure(erasure_id=asked.id, operator_id=operator("checker"), reason="not they", now=now)
    with refuses(services.ErasureDecided):
        approve(asked)
    with refuses(services.ErasureDecided):
        services.call_off_erasure(erasure_id=asked.id, operator_id=operator("maker"), reason="late", now=now)


def test_the_same_request_is_one_and_a_second_one_is_refused(ask, refuses):
    key = uuid4()
    assert ask(key=key) == ask(key=key)
    with refuses(services.ErasureAsked):
        ask()


def test_a_merged_member_is_erased_with_who_answers_for_them(member, other_member, ask, approve, refuses, now):
    members.merge(member_id=other_member.id, into_id=member.id, now=now)
    with refuses(services.AlreadyErased):
        ask(other_member)
    approve(ask())
    carry_out(now + timedelta(days=7))
    assert set(Member.objects.values_list("status", "name")) == {("erased", "")}


def test_open_holds_are_released_pending_points_taken_back_and_the_rest_forfeited(member, ask, approve, assert_books_balance, now):
    give = {"member_id": member.id, "source": "campaign", "policy": NEVER, "actor": "tests", "now": now}
    ledger.earn(**give, points=100, key="a")
    ledger.earn(**give, points=30, waits=True, key="b")
    ledger.hold(member_id=member.id, points=40, expires_at=now + timedelta(days=30), actor="tests", key="h", now=now)
    approve(ask())
    then = now + timedelta(days=7)
    carry_out(then)
    assert tuple(books.balance(member_id=member.id, now=then)) == (0, 0, 0, 0)
    assert Erasure.objects.get().figures["points forfeited"] == 130
    assert Entry.objects.get(kind="forfeit").points == 100
    assert_books_balance()


def test_what_is_owed_stays_on_the_books(member, ask, approve, assert_books_balance, now):
    ledger.spend(member_id=member.id, points=20, overdraw=True, actor="tests", key="s", now=now)
    approve(ask())
    carry_out(now + timedelta(days=7))
    assert books.balance(member_id=member.id, now=now + timedelta(days=7)).debt == 20
    assert_books_balance()


def test_an_event_that_waits_is_dropped_and_emptied(member, ask, approve, now):
    waits = {"status": "waiting", "created_at": now, "due_at": now}
    OutboxRow.objects.create(subscriber="a.b", topic="x", member_id=member.id, payload={"name": "Sample Member"}, **waits)
    approve(ask())
    carry_out(now + timedelta(days=7))
    row = OutboxRow.objects.get(subscriber="a.b")
    assert (row.status, row.payload) == ("dropped", {})


def test_it_is_in_the_audit_trail_by_whom_and_when_and_not_of_whom(member, ask, approve, now):
    approve(ask())
    carry_out(now + timedelta(days=7))
    trail = AuditEntry.objects.filter(verb__startswith="erasure.").order_by("at", "id")
    assert [(one.verb, one.actor, one.reason) for one in trail] == [
        ("erasure.requested", "maker", ""), ("erasure.approved", "checker", ""), ("erasure.done", "erasure", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("table", ["points_entry", "loyalty_auditentry"])
def test_outside_of_an_erasure_no_text_of_these_rows_changes(member, ask, approve, table, now):
    ledger.earn(member_id=member.id, points=1, source="campaign", subject="x", actor="tests", key="a", now=now)
    approve(ask())
    with pytest.raises(InternalError, match="change only while a member is erased"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET subject = 'another'")  # noqa: S608


def test_within_one_no_figure_changes_either(member, ask, approve, now):
    ledger.earn(member_id=member.id, points=1, source="campaign", actor="tests", key="a", now=now)
    approve(ask())
    Erasure.objects.update(status="under_way")
    with pytest.raises(InternalError, match="Cannot update rows"), transaction.atomic():
        Entry.objects.update(points=2)


def test_names_that_are_common_numbers_or_words_change_nothing_else(other_member, ask, approve, now):
    one, _new = members.register(external_id="7", name="points", birthday=date(1990, 1, 1), now=now)
    told = {"subscriber": "a.b", "topic": "x", "member_id": other_member.id, "status": "delivered", "created_at": now, "due_at": now, "settled_at": now}
    OutboxRow.objects.create(**told, payload={"points": 7, "friend": "7", "at": "2026-07-07T07:07:07"})
    approve(ask(one))
    carry_out(now + timedelta(days=7))
    payload = OutboxRow.objects.get(subscriber="a.b").payload
    assert (payload["points"], payload["at"], payload["friend"].startswith("erased-")) == (7, "2026-07-07T07:07:07", True)
