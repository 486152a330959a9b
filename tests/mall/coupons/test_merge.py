"""What rules give, and what a merge moves, through the outbox."""

from uuid import uuid4

import pytest

from accounts.members import services as members
from loyalty.outbox.rules import Event
from mall import subscribers
from mall.coupons import selectors, services
from mall.coupons.models import Coupon


@pytest.fixture
def tell(now):
    """Deliver an event to a subscriber, as the outbox does."""

    def deliver(subscriber, topic, member, event_id=1, **payload):
        subscriber(Event(topic=topic, member_id=member.id, payload=payload, now=now, id=event_id))

    return deliver


def won(count=1):
    return {"effect": "coupon", "item": "ten-off", "count": count, "subject": "purchase/A-1", "rule": "sample"}


def test_a_coupon_won_by_a_rule_comes_and_goes_with_its_ground(coupons, member, tell):
    coupons.template()
    tell(subscribers.keep_coupons, "points.effect_won", member, **won())
    assert Coupon.objects.get().source == "rule"
    tell(subscribers.keep_coupons, "points.effect_withdrawn", member, 2, **won())
    assert Coupon.objects.get().status == "withdrawn"


def test_an_event_told_twice_issues_once(coupons, member, tell):
    coupons.template()
    for _twice in range(2):
        tell(subscribers.keep_coupons, "points.effect_won", member, **won(2))
    assert Coupon.objects.count() == 2


def test_what_can_still_be_used_is_the_survivors_and_what_was_used_comes_back_to_them(coupons, member, other_member, tell):
    coupons.template()
    open_one, used = coupons.issue(member, count=2)
    coupons.use(used)
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    tell(subscribers.move_coupons, "points.members_merged", other_member, merged=str(member.id), merge=str(uuid4()))
    assert coupons.again(open_one).member_id == other_member.id
    assert coupons.again(used).member_id == member.id
    [given] = services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now)
    assert (given.why_not, coupons.again(used).member_id) == ("", other_member.id)
    assert coupons.applied(other_member, used.code).discount_cents == 1000


def test_of_one_issue_to_both_both_coupons_are_the_survivors_to_see(coupons, member, other_member, tell):
    coupons.template()
    both = [coupons.issue(one, key="coupon-batch/1") for one in (member, other_member)]
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    for _twice in range(2):
        tell(subscribers.move_coupons, "points.members_merged", other_member, merged=str(member.id), merge=str(uuid4()))
    assert {one.id for one in selectors.coupons(member_id=other_member.id, now=coupons.now)} == {one.id for one in both}
    # Told again, the issue is still the one that the survivor had.
    assert coupons.issue(other_member, key="coupon-batch/1").id == both[1].id


def test_a_coupon_of_a_merged_member_counts_for_the_survivor_before_it_has_moved(coupons, member, other_member):
    coupons.template()
    coupon = coupons.issue(member)
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    assert coupons.applied(other_member, coupon.code).discount_cents == 1000
    services.use_all(member_id=other_member.id, codes=[coupon.code], purchase_ref="A-1", now=coupons.now)
    assert coupons.again(coupon).used_by == "A-1"


def test_what_a_merged_member_had_counts_for_what_the_survivor_may_have(coupons, member, other_member, tell, refuses):
    template = coupons.template(claimable=True, per_member=2)
    coupons.use(coupons.issue(member))
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    tell(subscribers.move_coupons, "points.members_merged", other_member, merged=str(member.id), merge=str(uuid4()))
    coupons.issue(other_member)
    with refuses(services.MemberLimit):
        coupons.issue(other_member)
    [claimable] = selectors.claimable(member_id=other_member.id, now=coupons.now)
    assert (claimable.template.code, claimable.had, claimable.why_not) == (template.code, 2, "coupon_member_limit")


def test_what_a_merged_member_used_does_not_come_back_once_its_ground_fell(coupons, member, other_member, tell):
    coupons.template()
    tell(subscribers.keep_coupons, "points.effect_won", member, **won())
    coupons.use(Coupon.objects.get(), "B-1")
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    tell(subscribers.move_coupons, "points.members_merged", other_member, merged=str(member.id), merge=str(uuid4()))
    tell(subscribers.keep_coupons, "points.effect_withdrawn", member, 2, **won())
    [given] = services.give_back_of(member_id=member.id, purchase_ref="B-1", now=coupons.now)
    assert (given.why_not, Coupon.objects.get().status) == ("coupon_withdrawn", "withdrawn")


def test_what_was_used_comes_back_also_where_the_survivor_has_one_of_the_same_issue(coupons, member, other_member, tell):
    coupons.template()
    used, _theirs = (coupons.issue(one, key="coupon-batch/1") for one in (member, other_member))
    coupons.use(used)
    members.merge(member_id=member.id, into_id=other_member.id, now=coupons.now)
    tell(subscribers.move_coupons, "points.members_merged", other_member, merged=str(member.id), merge=str(uuid4()))
    [given] = services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now)
    assert (given.why_not, coupons.again(used).status, coupons.again(used).member_id) == ("", "available", other_member.id)
    assert coupons.applied(other_member, used.code).discount_cents == 1000
