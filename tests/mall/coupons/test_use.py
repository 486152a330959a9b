import pytest

from mall.coupons import services
from mall.coupons.models import Coupon
from mall.coupons.selectors import CouponUnknown

Status = Coupon.Status


def test_a_used_coupon_is_used_for_nothing_else(coupons, member, refuses):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.use(coupon, "A-1", discount_cents=1000)
    with refuses(services.NotUsable) as refused:
        coupons.use(coupon, "A-2")
    assert refused.value.figures["why"] == "coupon_used"
    assert coupons.again(coupon).used_by == "A-1"


def test_for_the_same_purchase_again_nothing_happens(coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    first = coupons.use(coupon)
    coupons.wait(days=40)
    assert coupons.use(coupon).used_at == first.used_at


@pytest.mark.parametrize(
    ("terms", "most"),
    [
        ({"kind": "amount", "amount_cents": 1_000}, 1_000),
        ({"kind": "percent", "percent_bps": 1_500, "cap_cents": 5_000}, 5_000),
        ({"kind": "percent", "percent_bps": 1_500}, 150_000_000_000),
        ({"kind": "free_shipping"}, 1_000_000_000_000),
    ],
)
def test_a_till_cannot_say_that_a_coupon_took_off_more_than_it_can(coupons, member, refuses, terms, most):
    coupons.template(**terms)
    coupon = coupons.issue(member)
    with refuses(services.TookTooMuch) as refused:
        coupons.use(coupon, discount_cents=most + 1)
    assert refused.value.figures["most_cents"] == most
    assert coupons.again(coupon).status == Status.AVAILABLE
    assert coupons.use(coupon, discount_cents=most).discount_cents == most


def test_the_terms_of_the_day_on_which_it_was_issued_decide_how_much_that_is(coupons, member, refuses):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.template(amount_cents=5_000)
    with refuses(services.TookTooMuch):
        coupons.use(coupon, discount_cents=1_001)


def test_for_the_same_purchase_with_another_discount_is_a_conflict(coupons, member, refuses):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.use(coupon, discount_cents=900)
    with refuses(services.UseConflict) as refused:
        coupons.use(coupon, discount_cents=800)
    assert refused.value.figures["discount_cents"] == 900
    assert coupons.use(coupon, discount_cents=900).discount_cents == coupons.use(coupon).discount_cents == 900


def test_a_code_is_read_as_people_type_it(coupons, member):
    coupons.template()
    code = coupons.issue(member).code
    assert services.use(code=f" {code[:4].lower()}-{code[4:8]} {code[8:]}", purchase_ref="A-1", now=coupons.now).status == Status.USED


def test_an_expired_coupon_cannot_be_used_though_no_job_has_come_by(coupons, member, refuses):
    coupons.template(valid_days=1)
    coupon = coupons.issue(member)
    coupons.wait(days=3)
    with refuses(services.NotUsable) as refused:
        coupons.use(coupon)
    assert refused.value.figures["why"] == "coupon_expired"


def test_a_coupon_cannot_be_used_before_its_first_day(coupons, member, refuses):
    coupons.template(starts_on=(coupons.now.date()).replace(year=coupons.now.year + 1))
    coupon = coupons.issue(member)
    with refuses(services.NotUsable) as refused:
        coupons.use(coupon)
    assert refused.value.figures["why"] == "coupon_not_yet"


def test_another_members_coupon_cannot_be_used_where_the_till_names_the_member(coupons, member, other_member, refuses):
    coupons.template()
    coupon = coupons.issue(member)
    with refuses(services.NotUsable) as refused:
        coupons.use(coupon, member_id=other_member.id)
    assert refused.value.figures["why"] == "coupon_not_members"


def test_of_several_coupons_all_are_used_or_none(coupons, member, refuses):
    coupons.template(combines_with_coupons=True)
    good, gone = coupons.issue(member, count=2)
    coupons.use(gone, "A-1")
    with refuses(services.NotUsable):
        services.use_all(member_id=member.id, codes=[good.code, gone.code], purchase_ref="A-2", now=coupons.now)
    assert coupons.again(good).status == Status.AVAILABLE


def test_a_purchase_cannot_use_another_members_coupon(coupons, member, other_member, refuses):
    coupons.template()
    coupon = coupons.issue(other_member)
    with refuses(CouponUnknown):
        services.use_all(member_id=member.id, codes=[coupon.code], purchase_ref="A-1", now=coupons.now)


def test_what_a_coupon_took_off_is_kept(coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    services.use_all(member_id=member.id, codes=[coupon.code], purchase_ref="A-1", discounts={coupon.code: 700}, now=coupons.now)
    assert coupons.again(coupon).discount_cents == 700


def test_a_coupon_given_back_can_be_used_again(coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.use(coupon)
    [given] = services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now)
    assert given.why_not == ""
    assert services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now) == []
    assert coupons.use(coupon, "A-2").used_by == "A-2"


def test_a_coupon_that_has_expired_meanwhile_stays_used_and_the_answer_says_so(coupons, member):
    coupons.template(valid_days=1)
    coupon = coupons.issue(member)
    coupons.use(coupon)
    coupons.wait(days=3)
    [given] = services.give_back_of(member_id=member.id, purchase_ref="A-1", now=coupons.now)
    assert given.why_not == "coupon_expired"
    assert coupons.again(coupon).status == Status.USED


def test_a_till_gives_back_only_what_was_used_for_that_purchase(coupons, member, refuses):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.use(coupon, "A-1")
    with refuses(services.NotUsedFor):
        coupons.give_back(coupon, "A-2")
    assert coupons.give_back(coupon, "A-1").why_not == ""
    assert coupons.give_back(coupon, "A-1").coupon.status == Status.AVAILABLE


def test_a_coupon_used_for_this_purchase_still_counts_for_it(coupons, member):
    coupons.template()
    coupon = coupons.issue(member)
    coupons.use(coupon, "A-1")
    assert coupons.applied(member, coupon.code, purchase="A-1").discount_cents == 1000
    assert coupons.applied(member, coupon.code, purchase="A-2").refusals[0].why == "coupon_used"
