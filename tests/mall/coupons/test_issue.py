from datetime import timedelta

import pytest

from loyalty.audit.models import AuditEntry
from mall.coupons import services
from mall.coupons.models import Coupon
from mall.coupons.selectors import TemplateUnknown
from points.ledger.services import KeyConflict


def test_a_coupon_keeps_the_terms_of_the_day_on_which_it_was_issued(coupons, member):
    coupons.template(amount_cents=1000)
    coupon = coupons.issue(member)
    coupons.template(amount_cents=500)
    assert coupons.applied(member, coupon.code).discount_cents == 1000
    assert coupons.applied(member, coupons.issue(member).code).discount_cents == 500


def test_the_same_key_again_gives_the_same_coupons(coupons, member):
    coupons.template()
    first = coupons.issue(member, count=2, key="K")
    assert [one.code for one in coupons.issue(member, count=2, key="K")] == [one.code for one in first]
    assert Coupon.objects.count() == 2


def test_a_key_with_other_content_is_refused(coupons, member, refuses):
    coupons.template()
    coupons.issue(member, key="K")
    with refuses(KeyConflict):
        coupons.issue(member, count=2, key="K")


def test_no_more_are_issued_in_all_than_the_limit_allows(coupons, member, other_member, refuses):
    coupons.template(in_all=3)
    coupons.issue(member, count=2)
    with refuses(services.CouponsOut):
        coupons.issue(other_member, count=2)
    coupons.issue(other_member)
    assert coupons.left() == 0


def test_a_member_gets_no_more_than_one_member_may_have_however_they_come(coupons, member, refuses):
    coupons.template(per_member=1, claimable=True)
    coupons.issue(member)
    with refuses(services.MemberLimit):
        coupons.claim(member)
    assert coupons.won(member) == []


def test_of_an_inactive_template_none_is_issued_by_hand_and_a_rule_goes_on_giving_it(coupons, member, refuses):
    coupons.template(active=False)
    with refuses(services.TemplateInactive):
        coupons.issue(member)
    assert len(coupons.won(member)) == 1


def test_none_is_issued_after_the_last_day(coupons, member, refuses):
    coupons.template(ends_on=(coupons.now + timedelta(days=3)).date())
    coupons.wait(days=5)
    with refuses(services.TemplateOver):
        coupons.issue(member)
    assert coupons.won(member) == []


def test_a_template_that_nobody_knows_is_refused(coupons, member, refuses):
    with refuses(TemplateUnknown):
        coupons.issue(member, "no-such")


@pytest.mark.parametrize("count", [0, 101])
def test_so_many_are_not_issued_at_a_time(coupons, member, refuses, count):
    coupons.template()
    with refuses(services.CountInvalid):
        coupons.issue(member, count=count)


def test_what_a_rule_gives_beyond_the_limits_is_withheld_and_the_audit_trail_says_so(coupons, member):
    coupons.template(in_all=2)
    assert len(coupons.won(member, count=3)) == 2
    told = AuditEntry.objects.get(verb="coupon.withheld")
    assert (told.figures["why"], told.figures["issued"]) == ("coupons_out", 2)


def test_what_a_rule_gives_of_a_template_that_is_gone_is_withheld(coupons, member):
    assert coupons.won(member, "no-such") == []
    assert AuditEntry.objects.get(verb="coupon.withheld").figures["why"] == "coupon_template_unknown"


def test_what_was_won_is_issued_once(coupons, member):
    coupons.template()
    assert [one.id for one in coupons.won(member)] == [one.id for one in coupons.won(member)]


@pytest.mark.parametrize(
    ("subject", "source"),
    [("purchase/A-1", "rule"), ("checked_in/2026-11-03", "check_in"), ("streak_reached/2026-11-01/7", "check_in"), ("tier_reached/gold/x", "tier")],
)
def test_a_coupon_says_where_it_comes_from(coupons, member, subject, source):
    coupons.template()
    assert coupons.won(member, subject=subject)[0].source == source


def test_an_operators_reason_is_on_record(coupons, member):
    coupons.template()
    coupons.issue(member, reason="parcel lost")
    assert AuditEntry.objects.get(verb="coupon.issued").reason == "parcel lost"
