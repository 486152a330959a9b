from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.members import events, selectors, services
from accounts.members.models import Member
from accounts.members.selectors import MemberUnknown
from accounts.members.services import BirthdayAhead, InviterNotRegistered, InviterRefused, InviterTooLate, InviterUnknown, MemberClosed
from loyalty.lib.ids import new_id
from loyalty.outbox import services as outbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch):
    """What was published."""
    seen = []
    monkeypatch.setattr(outbox, "publish", lambda **event: seen.append(event))
    return seen


def test_the_first_mention_makes_a_bare_member_and_the_second_finds_it(now, told):
    member = services.ensure(external_id="M-1", now=now)
    assert (member.registered_at, member.created_at, member.name) == (None, now, "")
    with CaptureQueriesContext(connection) as seen:
        assert services.ensure(external_id="M-1", now=now + timedelta(days=1)) == member
    assert len(seen) == 1
    assert told == []


def test_registration_happens_once_and_is_told_once(now, told):
    member, registered = services.register(external_id="M-1", name="A", birthday=date(1990, 5, 17), now=now)
    assert registered
    assert (member.name, member.birthday, member.registered_at) == ("A", date(1990, 5, 17), now)
    again, registered = services.register(external_id="M-1", name="B", now=now + timedelta(days=1))
    assert not registered
    assert (again.id, again.name, again.birthday, again.registered_at) == (member.id, "B", date(1990, 5, 17), now)
    assert told == [{"topic": events.MEMBER_REGISTERED, "member_id": member.id, "payload": {"member": "M-1", "referred_by": None}, "now": now}]


def test_a_member_mentioned_before_registers_as_the_same_one(now):
    bare = services.ensure(external_id="M-1", now=now)
    member, registered = services.register(external_id="M-1", now=now)
    assert registered
    assert member.id == bare.id


def test_the_same_content_again_writes_nothing(now):
    services.register(external_id="M-1", name="A", now=now)
    with CaptureQueriesContext(connection) as seen:
        services.register(external_id="M-1", name="A", now=now + timedelta(days=1))
    assert not [query for query in seen if query["sql"].startswith(("UPDATE", "INSERT"))]


def test_who_invited_is_told_with_the_first_registration(now, told, refuses):
    inviter, _ = services.register(external_id="M-1", now=now)
    friend, _ = services.register(external_id="M-2", referred_by="M-1", now=now)
    assert friend.referred_by == inviter
    assert told[-1]["payload"] == {"member": "M-2", "referred_by": str(inviter.id)}
    services.register(external_id="M-2", referred_by="M-1", now=now)
    services.register(external_id="M-3", now=now)
    for name, invited_by in (("M-2", "M-3"), ("M-3", "M-1"), ("M-2", "nobody")):
        with refuses(InviterTooLate):
            services.register(external_id=name, referred_by=invited_by, now=now)


def test_an_inviter_is_known_and_somebody_else(now, refuses):
    for name, refusal in (("nobody", InviterUnknown), ("M-1", InviterRefused)):
        with refuses(refusal):
            services.register(external_id="M-1", referred_by=name, now=now)
    assert not Member.objects.filter(registered_at__isnull=False).exists()


def test_who_invites_was_registered_before_so_nobody_invites_in_a_circle(now, refuses):
    services.ensure(external_id="M-1", now=now)
    with refuses(InviterNotRegistered):
        services.register(external_id="M-2", referred_by="M-1", now=now)
    services.register(external_id="M-1", now=now)
    services.register(external_id="M-2", referred_by="M-1", now=now)
    services.register(external_id="M-3", referred_by="M-2", now=now)
    with refuses(InviterTooLate):
        services.register(external_id="M-1", referred_by="M-3", now=now)


def test_a_member_who_invited_before_registering_is_not_invited_by_that_friend(now, refuses):
    inviter = services.ensure(external_id="M-1", now=now)
    friend, _ = services.register(external_id="M-2", now=now)
    Member.objects.filter(id=friend.id).update(referred_by=inviter)
    with refuses(InviterRefused):
        services.register(external_id="M-1", referred_by="M-2", now=now)


def test_nobody_is_born_tomorrow(now, refuses):
    services.register(external_id="M-1", birthday=now.date(), now=now)
    with refuses(BirthdayAhead):
        services.register(external_id="M-1", birthday=now.date() + timedelta(days=1), now=now)


def test_a_closed_member_keeps_the_row_and_changes_no_more(member, now, refuses):
    services.close(member_id=member.id)
    assert selectors.get("M-1").status == Member.Status.CLOSED
    assert selectors.active_by_id(member.id) is None
    with refuses(MemberClosed):
        services.register(external_id="M-1", name="B", now=now)
    with refuses(InviterUnknown):
        services.register(external_id="M-2", referred_by="M-1", now=now)


def test_who_is_not_there_is_refused(now, refuses):
    with refuses(MemberUnknown):
        selectors.get("nobody")
    with refuses(MemberUnknown):
        services.close(member_id=new_id())


@pytest.mark.django_db(transaction=True)
def test_sixteen_first_mentions_and_registrations_at_once_are_one_member(now, told):
    start = Barrier(16)

    def one(number):
        try:
            start.wait()
            if number % 2:
                return services.ensure(external_id="M-1", now=now).id, False
            member, registered = services.register(external_id="M-1", name=f"{number}", now=now)
            return member.id, registered
        finally:
            connections.close_all()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(16)))
    assert len({member_id for member_id, _registered in answers}) == 1
    assert [registered for _id, registered in answers].count(True) == 1
    assert len(told) == 1
