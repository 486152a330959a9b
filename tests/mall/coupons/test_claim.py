from datetime import timedelta

import pytest

from accounts.segments import services as segments
from accounts.segments.models import Segment
from loyalty.lib.refusals import BusinessError
from mall.coupons import selectors, services
from riskcontrol.screening import services as screening
from tiers.evaluation import services as evaluation
from tiers.standing import services as standings


def why_not(coupons, member, template="ten-off"):
    """What the list of what can be claimed says of it; None: it is not shown."""
    return {one.template.code: one.why_not for one in selectors.claimable(member_id=member.id, now=coupons.now)}.get(template)


def test_a_member_claims_what_may_be_claimed(coupons, member):
    coupons.template(claimable=True, per_member=1)
    assert why_not(coupons, member) == ""
    assert coupons.claim(member).source == "claim"
    assert why_not(coupons, member) == "coupon_member_limit"


def test_the_same_claim_again_gives_the_same_coupon(coupons, member):
    coupons.template(claimable=True, per_member=2)
    assert coupons.claim(member, key="K").id == coupons.claim(member, key="K").id


@pytest.mark.parametrize("more", [{}, {"claimable": True, "active": False}])
def test_what_may_not_be_claimed_is_not_shown_and_refused(coupons, member, refuses, more):
    coupons.template(per_member=1, **more)
    assert why_not(coupons, member) is None
    with refuses(services.NotClaimable):
        coupons.claim(member)


def test_what_is_gone_is_shown_as_gone(coupons, member, other_member, refuses):
    coupons.template(claimable=True, per_member=1, in_all=1)
    coupons.claim(other_member)
    assert why_not(coupons, member) == "coupons_out"
    with refuses(services.CouponsOut):
        coupons.claim(member)


def test_only_who_is_in_the_segment_sees_it_and_claims_it(coupons, member, other_member, refuses):
    segment = Segment.objects.create(code="friends", name_zh="老友", name_en="Friends")
    segments.add(segment="friends", external_ids=[member.external_id], actor="tests", now=coupons.now)
    coupons.template(claimable=True, per_member=1, segment=segment)
    assert (why_not(coupons, member), why_not(coupons, other_member)) == ("", None)
    coupons.claim(member)
    with refuses(services.NotClaimable):
        coupons.claim(other_member)


def test_a_lower_tier_sees_what_a_higher_one_may_claim(coupons, tier, member, refuses):
    tier("green", 1)
    gold = tier("gold", 2)
    coupons.template(claimable=True, per_member=1, least_tier=gold)
    assert why_not(coupons, member) == "tier_too_low"
    with refuses(services.TierTooLow):
        coupons.claim(member)
    standings.set_standing(member_id=member.id, tier="gold", reason="tests", actor="tests", now=coupons.now)
    assert why_not(coupons, member) == ""
    coupons.claim(member)


def test_nothing_is_shown_as_to_be_claimed_by_a_tier_whose_term_is_over(coupons, tier, member, refuses):
    tier("green", 1)
    coupons.template(claimable=True, per_member=1, least_tier=tier("gold", 2, threshold=5_000))
    evaluation.count_purchase(member_id=member.id, purchase="A-1", net_cents=500_000, occurred_at=coupons.now, now=coupons.now)
    assert why_not(coupons, member) == ""
    coupons.wait(days=800)
    [shown] = services.claimable(member_id=member.id, now=coupons.now)
    assert shown.why_not == "tier_too_low"
    with refuses(services.TierTooLow):
        coupons.claim(member)


def test_who_is_blocked_claims_nothing(coupons, member, refuses):
    coupons.template(claimable=True, per_member=1)
    screening.block(member_id=member.id, reason="tests", actor="tests", now=coupons.now)
    with refuses(screening.Screened):
        coupons.claim(member)


def test_after_its_last_day_nothing_is_shown(coupons, member):
    coupons.template(claimable=True, per_member=1, ends_on=(coupons.now + timedelta(days=2)).date())
    coupons.wait(days=5)
    assert why_not(coupons, member) is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"claimable": True}, "__all__"),
        ({"valid_days": None}, "__all__"),
        ({"kind": "percent"}, "__all__"),
        ({"kind": "free_shipping", "amount_cents": 5}, "__all__"),
        ({"cap_cents": 5}, "__all__"),
        ({"code": "Ten Off"}, "code"),
        ({"categories": ["/HOME"]}, "categories"),
        ({"categories": "HOME"}, "categories"),
        ({"excluded": [""]}, "excluded"),
    ],
)
def test_a_template_that_could_not_work_is_refused_by_its_field(coupons, refuses, more, field):
    with refuses(services.TemplateInvalid) as refused:
        coupons.template(**more)
    assert field in refused.value.figures["fields"]


def test_the_list_of_what_can_be_claimed_asks_the_same_however_long_it_is(coupons, member, django_assert_max_num_queries):
    for n in range(20):
        coupons.template(f"c-{n}", claimable=True, per_member=1, in_all=5)
    why_not(coupons, member)
    # The templates among them, which are read anew as this transaction has changed them.
    with django_assert_max_num_queries(5):
        assert len(selectors.claimable(member_id=member.id, now=coupons.now)) == 20


def test_a_refusal_writes_nothing(coupons, member, refuses):
    coupons.template(claimable=True, per_member=1, in_all=1)
    coupons.claim(member)
    with refuses(BusinessError):
        coupons.claim(member)
    assert coupons.left() == 0
