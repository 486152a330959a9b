"""A friend registers: who brought them, and whether that can count."""

from datetime import UTC, datetime, timedelta
from unittest.mock import ANY
from zoneinfo import ZoneInfo

import pytest

from accounts.members import services as members
from accounts.referrals import services
from accounts.referrals.models import Referral
from accounts.referrals.selectors import ReferralCodeUnknown
from loyalty.lib.localtime import start_of_day

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
YESTERDAY = NOON - timedelta(days=1)


@pytest.fixture
def member(db):
    return members.register(external_id="M-1", name="Sample Member", now=YESTERDAY)[0]


@pytest.fixture
def now():
    return NOON


def test_a_registration_with_an_inviter_makes_an_open_referral(befriend, member, told):
    friend = befriend()
    made = Referral.objects.get()
    assert (made.inviter, made.member, made.status, made.registered_at) == (member, friend, "open", NOON)
    assert made.until == start_of_day((NOON + timedelta(days=91)).date(), ZoneInfo("Asia/Shanghai"))
    assert told == []


def test_a_registration_without_one_makes_none(member):
    assert not Referral.objects.exists()


def test_the_inviter_is_named_by_code_as_well(member, now):
    code = services.code_of(member_id=member.id, seed=b"seed", now=now)
    friend, _ = members.register(external_id="F-1", referral_code=f"{code[:4]}-{code[4:].lower()}", now=now)
    assert friend.referred_by == member
    again, registered = members.register(external_id="F-1", referral_code=code, now=now)
    assert (again.referred_by, registered) == (member, False)
    assert Referral.objects.count() == 1


@pytest.mark.parametrize("code", ["", "7K2MWQ9A", "nonsense", "M-1"])
def test_a_code_that_nobody_has_is_refused(member, now, refuses, code):
    with refuses(ReferralCodeUnknown):
        members.register(external_id="F-1", referral_code=code, now=now)


@pytest.mark.parametrize("refusal", [members.InviterRefused, members.InviterTooLate, members.InviterUnknown])
def test_a_code_is_held_to_what_an_inviters_id_is_held_to(member, now, refuses, refusal):
    code = services.code_of(member_id=member.id, seed=b"seed", now=now)
    if refusal is members.InviterRefused:
        bare = members.ensure(external_id="F-1", now=now)
        code = services.code_of(member_id=bare.id, seed=b"own", now=now)
    elif refusal is members.InviterTooLate:
        members.register(external_id="F-1", now=now)
    else:
        members.close(member_id=member.id)
    with refuses(refusal):
        members.register(external_id="F-1", referral_code=code, now=now)


def test_who_gave_a_code_that_counted_may_say_it_again_after_the_inviter_has_left(member, now):
    code = services.code_of(member_id=member.id, seed=b"seed", now=now)
    members.register(external_id="F-1", referral_code=code, now=now)
    members.close(member_id=member.id)
    friend, _ = members.register(external_id="F-1", name="Sample Friend", referral_code=code, now=now)
    assert friend.name == "Sample Friend"


@pytest.mark.parametrize(("days", "until"), [(0, None), (1, datetime(2026, 3, 4, tzinfo=ZoneInfo("Asia/Shanghai")))])
def test_the_window_is_that_of_the_terms_when_the_friend_registered(befriend, terms, days, until):
    terms(window_days=days)
    befriend()
    terms(window_days=5)
    assert Referral.objects.get().until == until


def test_while_members_cannot_invite_who_brought_whom_is_kept_and_counts_for_nothing(befriend, terms, member):
    terms(active=False)
    assert befriend().referred_by == member
    assert not Referral.objects.exists()


def test_a_friend_who_had_bought_on_an_earlier_day_is_not_new(befriend, bought, pays, referral, told):
    bought("F-1", "0001", told_at=YESTERDAY)
    friend = befriend()
    pays(friend, at=NOON)
    assert referral(friend) == ("not_new", "", 0)
    assert told == []


def test_an_order_paid_with_points_alone_makes_nobody_a_known_customer(befriend, bought, referral):
    bought("F-1", "0001", goods=0, told_at=YESTERDAY)
    assert referral(befriend()) == ("open", "", 0)


def test_an_order_told_earlier_on_the_day_of_registration_is_the_first_order(befriend, bought, referral, told, member):
    paid = bought("F-1", "0001", 8_000, shipping=1_000, refunded=500, told_at=NOON - timedelta(hours=12))
    friend = befriend()
    assert referral(friend) == ("completed", "0001", 7_500)
    when = paid.occurred_at.astimezone(UTC).isoformat()
    assert told == [
        ("referral_completed", member.id, {"friend": "F-1", "purchase": "0001", "completion": ANY, "amount_cents": 7_500, "occurred_at": when}),
        ("invitation_confirmed", friend.id, {"by": "M-1", "purchase": "0001", "occurred_at": when}),
    ]


def test_of_several_orders_of_that_day_the_first_with_something_left_counts(befriend, bought, referral):
    bought("F-1", "0001", 8_000, refunded=8_000, told_at=NOON - timedelta(hours=2))
    bought("F-1", "0002", 3_000, told_at=NOON - timedelta(hours=1))
    bought("F-1", "0003", 9_000, told_at=NOON - timedelta(minutes=1))
    assert referral(befriend()) == ("completed", "0002", 3_000)
