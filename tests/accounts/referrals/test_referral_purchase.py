"""What the friend's orders and their refunds make of a referral."""

from datetime import timedelta
from unittest.mock import ANY

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.referrals import services
from accounts.referrals.models import Referral
from loyalty.audit import services as jobs

pytestmark = pytest.mark.django_db


def completed(amount, now, purchase="1001"):
    return "referral_completed", {"friend": "F-1", "purchase": purchase, "completion": ANY, "amount_cents": amount, "occurred_at": now.isoformat()}


def confirmed(now, purchase="1001"):
    return "invitation_confirmed", {"by": "M-1", "purchase": purchase, "occurred_at": now.isoformat()}


REDUCED = ("referral_reduced", {"friend": "F-1", "purchase": "1001", "completion": ANY, "amount_cents": 5_000})
REVOKED = ("referral_revoked", {"friend": "F-1", "purchase": "1001", "completion": ANY})
WITHDRAWN = ("invitation_withdrawn", {"by": "M-1", "purchase": "1001"})


def said(told):
    return [(topic, payload) for topic, _whose, payload in told]


def test_the_first_paid_order_completes_it_and_tells_both(friend, member, pays, referral, told, now):
    pays(friend)
    assert referral(friend) == ("completed", "1001", 10_000)
    assert said(told) == [completed(10_000, now), confirmed(now)]
    assert [whose for _topic, whose, _payload in told] == [member.id, friend.id]


def test_the_second_changes_nothing(friend, pays, referral, told):
    pays(friend)
    told.clear()
    pays(friend, "1002", 99_000)
    assert (referral(friend), told) == (("completed", "1001", 10_000), [])


def test_an_order_that_cost_no_money_leaves_it_open_for_the_next(friend, pays, referral):
    pays(friend, "1001", 0)
    assert referral(friend) == ("open", "", 0)
    pays(friend, "1002", 1)
    assert referral(friend) == ("completed", "1002", 1)


def test_orders_of_others_complete_nothing(friend, member, other_member, pays, referral, told):
    for somebody in (member, other_member):
        pays(somebody)
    assert (referral(friend), told) == (("open", "", 0), [])


def test_a_partial_refund_lowers_it_for_the_inviter_alone(friend, member, pays, refunded, referral, told):
    pays(friend)
    told.clear()
    refunded(friend, left=5_000)
    assert referral(friend) == ("completed", "1001", 5_000)
    assert told == [(REDUCED[0], member.id, REDUCED[1])]


def test_a_full_refund_revokes_it_for_both(friend, member, pays, refunded, referral, told):
    pays(friend)
    told.clear()
    refunded(friend)
    assert referral(friend) == ("revoked", "1001", 0)
    assert said(told) == [REVOKED, WITHDRAWN]
    assert [whose for _topic, whose, _payload in told] == [member.id, friend.id]


def test_refunds_in_parts_revoke_it_with_the_last_one(friend, pays, refunded, referral, told):
    pays(friend)
    told.clear()
    for left in (5_000, 0, 0):
        refunded(friend, left=left)
    assert said(told) == [REDUCED, REVOKED, WITHDRAWN]


def test_refunds_of_shipping_or_of_another_order_change_nothing(friend, pays, refunded, referral, told):
    pays(friend)
    told.clear()
    refunded(friend, left=10_000)
    refunded(friend, "1002")
    assert (referral(friend), told) == (("completed", "1001", 10_000), [])


def test_after_a_revocation_the_next_order_completes_it_again(friend, pays, refunded, referral, told, now):
    pays(friend)
    refunded(friend)
    told.clear()
    later = now + timedelta(days=1)
    pays(friend, "1002", 2_500, at=later)
    assert referral(friend) == ("completed", "1002", 2_500)
    assert said(told) == [completed(2_500, later, "1002"), confirmed(later, "1002")]
    refunded(friend, "1001")
    assert referral(friend) == ("completed", "1002", 2_500)


def test_an_order_paid_between_two_is_not_the_next_one(friend, pays, refunded, referral):
    pays(friend)
    pays(friend, "1002")
    refunded(friend)
    assert referral(friend) == ("revoked", "1001", 0)


def test_an_order_after_the_window_comes_too_late_also_after_a_revocation(friend, pays, refunded, referral):
    until = Referral.objects.get().until
    pays(friend, "0001", at=until)
    assert referral(friend) == ("open", "", 0)
    pays(friend, "1001", at=until - timedelta(seconds=1))
    refunded(friend)
    pays(friend, "1002", at=until)
    assert referral(friend) == ("revoked", "1001", 0)


def test_without_a_window_no_order_comes_too_late(terms, befriend, pays, referral, now):
    terms(window_days=0)
    friend = befriend()
    pays(friend, at=now + timedelta(days=4000))
    assert services.lapse_due(now=now + timedelta(days=4000)) == 0
    assert referral(friend) == ("completed", "1001", 10_000)


def test_the_job_ends_what_is_due_and_nothing_else(befriend, pays, refunded, referral, now):
    friends = {name: befriend(name) for name in ("F-1", "F-2", "F-3")}
    pays(friends["F-2"])
    pays(friends["F-3"], "1003")
    refunded(friends["F-3"], "1003")
    until = Referral.objects.first().until
    assert services.lapse_due(now=until - timedelta(seconds=1)) == 0
    assert services.lapse_due(now=until) == 1
    assert services.lapse_due(now=until) == 0
    assert [referral(friend)[0] for friend in friends.values()] == ["lapsed", "completed", "revoked"]


def test_the_job_takes_as_many_as_it_is_told(befriend, now):
    for number in range(3):
        befriend(f"F-{number}")
    until = Referral.objects.first().until
    assert [services.lapse_due(limit=2, now=until) for _turn in range(3)] == [2, 1, 0]


def test_every_night_the_job_runs(friend, referral):
    Referral.objects.update(until=Referral.objects.get().registered_at)
    jobs.JOBS["accounts.lapse_referrals"].task()
    assert referral(friend)[0] == "lapsed"


def test_an_order_paid_in_time_and_told_after_the_end_still_completes_it(friend, referral, now):
    until = Referral.objects.get().until
    services.lapse_due(now=until)
    told_at = until + timedelta(days=1)
    services.purchase_paid(member_id=friend.id, purchase_ref="1001", net_cents=100, occurred_at=until - timedelta(days=1), now=told_at)
    assert referral(friend) == ("completed", "1001", 100)


def test_an_operator_cancels_for_good_and_both_hear_of_what_it_had_brought(friend, pays, referral, told, now):
    pays(friend)
    told.clear()
    services.cancel(referral_id=Referral.objects.get().id, actor="anna", reason="one household", now=now)
    assert referral(friend) == ("cancelled", "1001", 10_000)
    assert said(told) == [REVOKED, WITHDRAWN]
    pays(friend, "1002")
    assert referral(friend)[:2] == ("cancelled", "1001")


@pytest.mark.parametrize("before", ["open", "revoked", "lapsed"])
def test_what_brought_nothing_is_cancelled_in_silence(friend, pays, refunded, referral, told, now, before):
    if before == "revoked":
        pays(friend)
        refunded(friend)
    elif before == "lapsed":
        services.lapse_due(now=Referral.objects.get().until)
    assert referral(friend)[0] == before
    told.clear()
    services.cancel(referral_id=Referral.objects.get().id, actor="anna", reason="one household", now=now)
    assert (referral(friend)[0], told) == ("cancelled", [])


def test_what_has_ended_is_not_cancelled(befriend, bought, friend, now, refuses):
    services.cancel(referral_id=Referral.objects.get().id, actor="anna", reason="one household", now=now)
    bought("F-2", "0001", told_at=now - timedelta(days=2))
    known = befriend("F-2")
    for whose in (friend, known):
        with refuses(services.ReferralDecided):
            services.cancel(referral_id=Referral.objects.get(member_id=whose.id).id, actor="anna", reason="again", now=now)


def test_an_order_of_a_member_whose_referral_is_settled_or_who_has_none_asks_one_short_question(friend, other_member, pays):
    pays(friend)
    for somebody in (friend, other_member):
        with CaptureQueriesContext(connection) as seen:
            pays(somebody, "1002")
        assert len(seen) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "completed"},
        {"status": "completed", "purchase_ref": "1001", "amount_cents": 0},
        {"status": "cancelled"},
        {"cancelled_by": "anna"},
    ],
)
def test_the_database_refuses_what_can_never_be(friend, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.update(**wrong)


def test_the_database_refuses_a_second_referral_and_one_by_oneself(friend, member, now):
    for whose, by in ((friend, member), (member, member)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Referral.objects.create(member=whose, inviter=by, registered_at=now, settled_at=now)
