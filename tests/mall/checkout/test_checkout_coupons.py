"""Coupons of ours at the till: what they take off, beside which points, and when they are good again."""

from dataclasses import replace

import pytest

from mall.checkout import selectors, services
from mall.coupons import selectors as coupons_seen
from mall.coupons import services as coupon_verbs
from mall.coupons.models import Coupon, CouponTemplate
from tiers.ladder import services as ladder

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon(shop):
    """Give a member a coupon: 10.00 off, unless it is said otherwise."""

    def give(member, code="ten-off", **more):
        plain = {"kind": "amount", "amount_cents": 1_000, "valid_days": 30, "name_zh": "十元券", "name_en": "Ten off"}
        coupon_verbs.keep(template=CouponTemplate(code=code, **{**plain, **more}), actor="tests", now=shop.now)
        return coupon_verbs.issue(member_id=member.id, template=code, reason="tests", actor="tests", key=f"{code}/{next(shop.keys)}", now=shop.now)[0]

    return give


def with_coupons(facts, *coupons, off=0):
    """The order with these coupons by their codes, paid for with so much less."""
    discounts = (*facts.discounts, *({"code": getattr(one, "code", one)} for one in coupons))
    return replace(facts, discounts=discounts, paid_cents=facts.paid_cents - off)


def status(coupon):
    return Coupon.objects.get(id=coupon.id).status


def codes(told):
    return [one["code"] for one in told]


def test_a_coupon_takes_off_what_it_says_is_used_and_the_rest_earns(shop, member, coupon):
    ten = coupon(member)
    paid = shop.pay(member, with_coupons(shop.order(4_000, 6_000), ten, off=1_000))
    assert (paid.settlement.earned, paid.settlement.basis_cents) == (90, 9_000)
    assert [line["coupons"] for line in paid.settlement.split["lines"]] == [{ten.code: 400}, {ten.code: 600}]
    assert paid.settlement.explanation[0] == {"code": "coupon_used", "coupon": ten.code, "cents": 1_000, "currency": "CNY"}
    used = Coupon.objects.get(id=ten.id)
    assert (used.status, used.used_by, used.discount_cents) == ("used", "1001", 1_000)


def test_the_same_order_again_is_a_replay_though_its_coupon_is_used(shop, member, coupon):
    facts = with_coupons(shop.order(10_000), coupon(member), off=1_000)
    first, again = shop.pay(member, facts), shop.pay(member, facts)
    assert (again.replayed, again.settlement.split) == (True, first.settlement.split)


def test_a_quote_says_what_the_payment_then_does(shop, member, coupon):
    shop.give(member, 50_000)
    ten, fifth = (
        coupon(member, combines_with_coupons=True),
        coupon(member, "fifth", kind="percent", amount_cents=0, percent_bps=2_000, combines_with_coupons=True),
    )
    facts = with_coupons(shop.order(4_000, 6_000, shipping=500), ten, fifth)
    quote = shop.quote(member, facts, points=3_000)
    assert [(one.code, one.discount_cents) for one in quote.coupons.coupons] == [(fifth.code, 2_000), (ten.code, 1_000)]
    assert (quote.total_cents, quote.points) == (7_500, 3_000)
    hold = shop.hold(member, 3_000, quote=quote.token)
    paid = shop.pay(member, with_coupons(shop.order(4_000, 6_000, shipping=500, hold=hold.hold_id), ten, fifth, off=6_000))
    assert paid.settlement.earned == quote.earn == 40
    assert paid.settlement.split == quote.how.as_json()


@pytest.mark.parametrize(
    ("template", "why"),
    [({"threshold_cents": 10_001}, "coupon_threshold"), ({"categories": ["SHOES"]}, "coupon_no_line")],
)
def test_a_coupon_that_takes_nothing_off_is_said_in_the_quote_and_refused_with_the_order(shop, member, coupon, refuses, template, why):
    ten = coupon(member, **template)
    quote = shop.quote(member, with_coupons(shop.order(10_000), ten))
    assert (quote.total_cents, [(one.code, one.why) for one in quote.coupons.refusals]) == (10_000, [(ten.code, why)])
    with refuses(selectors.CouponRefused) as refused:
        shop.pay(member, with_coupons(shop.order(10_000), ten))
    assert refused.value.figures == {"coupon": ten.code, "why": why}
    assert status(ten) == "available"


def test_a_coupon_goes_on_one_order_only(shop, member, coupon, refuses):
    ten = coupon(member)
    shop.pay(member, with_coupons(shop.order(10_000), ten, off=1_000))
    with refuses(selectors.CouponRefused) as refused:
        shop.pay(member, with_coupons(shop.order(10_000, number="1002"), ten, off=1_000))
    assert refused.value.figures["why"] == "coupon_used"


def test_what_the_storefront_used_for_the_order_by_itself_is_no_hindrance(shop, member, coupon):
    ten = coupon(member)
    coupon_verbs.use(code=ten.code, purchase_ref="1001", now=shop.now)
    shop.pay(member, with_coupons(shop.order(10_000), ten, off=1_000))
    assert status(ten) == "used"


def test_another_members_coupon_or_none_is_refused(shop, member, other_member, coupon, refuses):
    for one in (coupon(other_member), "NOSUCHCODE"):
        with refuses(selectors.CouponRefused) as refused:
            shop.pay(member, with_coupons(shop.order(10_000), one))
        assert refused.value.figures["why"] == "coupon_unknown"


def test_a_discount_of_the_storefronts_own_stays_as_it_is(shop, member):
    facts = replace(shop.order(10_000), discounts=({"code": "SPRING", "kind": "offer", "discount_cents": 500},), paid_cents=9_500)
    paid = shop.pay(member, facts)
    assert (paid.settlement.earned, paid.settlement.split) == (95, None)


def test_whatever_an_order_says_of_a_coupon_of_ours_it_takes_off_what_it_does(shop, member, coupon, refuses):
    ten = coupon(member)
    facts = replace(shop.order(10_000), discounts=({"code": ten.code, "kind": "coupon", "discount_cents": 5_000},), paid_cents=5_000)
    with refuses(services.AmountsDisagree) as refused:
        shop.pay(member, facts)
    assert refused.value.figures["expected_paid_cents"] == 9_000


def test_a_coupon_that_was_good_when_the_order_was_paid_is_good_however_late_the_message(shop, member, coupon):
    ten = coupon(member, valid_days=1)
    facts = with_coupons(shop.order(10_000), ten, off=1_000)
    shop.wait(days=5)
    shop.pay(member, facts)
    assert status(ten) == "used"


def test_a_guest_has_no_coupons(shop, refuses):
    with refuses(services.GuestCoupon):
        services.keep_guest(facts=with_coupons(shop.order(10_000), "ANY"), now=shop.now)
    quote = shop.quote(None, with_coupons(shop.order(10_000), "ANY"))
    assert [one.why for one in quote.coupons.refusals] == ["coupon_unknown"]


@pytest.mark.parametrize(
    ("amounts", "shipping", "discount", "more"), [((1_000,), 0, 500, {}), ((600, 400), 300, 1_200, {"kind": "free_shipping", "amount_cents": 0})]
)
def test_what_a_quote_says_is_due_is_paid_where_discounts_beside_a_coupon_leave_nothing(shop, member, coupon, amounts, shipping, discount, more):
    facts = with_coupons(shop.order(*amounts, shipping=shipping, discount=discount), coupon(member, **more))
    quote = shop.quote(member, facts)
    assert quote.total_cents == 0
    paid = shop.pay(member, replace(facts, paid_cents=quote.total_cents))
    assert (paid.settlement.earned, Coupon.objects.get().status) == (0, "used")
    shop.refund(lines=[(line.id,) for line in facts.lines])
    assert Coupon.objects.get().status == "available"


# Beside points


@pytest.mark.parametrize(("by_template", "by_policy", "most"), [(True, True, 9_000), (False, True, 0), (True, False, 0)])
def test_points_go_with_a_coupon_where_template_and_policy_allow_it(shop, member, coupon, publish_policy, by_template, by_policy, most):
    publish_policy(with_coupons=by_policy)
    shop.give(member, 50_000)
    quote = shop.quote(member, with_coupons(shop.order(10_000), coupon(member, combines_with_points=by_template)), points=100)
    assert (quote.max_points, quote.points) == (most, 100 if most else 0)
    assert ("not_with_coupon" in codes(quote.why)) is not bool(most)


@pytest.mark.parametrize(("kind", "most"), [("coupon", 0), ("offer", 9_500)])
def test_a_discount_of_the_storefronts_counts_as_a_coupon_where_it_says_that_it_is_one(shop, member, publish_policy, kind, most):
    publish_policy(with_coupons=False)
    shop.give(member, 50_000)
    quote = shop.quote(member, replace(shop.order(10_000), discounts=({"kind": kind, "discount_cents": 500},)))
    assert quote.max_points == most


# Back again


def test_the_refund_that_undoes_the_order_gives_its_coupon_back_and_no_other(shop, member, coupon, assert_books_balance):
    ten = coupon(member)
    shop.give(member, 2_000)
    hold = shop.hold(member, 2_000)
    shop.pay(member, with_coupons(shop.order(4_000, 6_000, worth=2_000, hold=hold.hold_id), ten, off=1_000))
    part = shop.refund(lines=[("1",)])
    assert (part.settlement.restored, part.settlement.coupons, status(ten)) == (800, [], "used")
    last = shop.refund(number="R-2", lines=[("2",)])
    assert (last.settlement.restored, last.settlement.coupons) == (1_200, [{"code": ten.code, "why_not": ""}])
    assert (status(ten), shop.balance(member)) == ("available", (2_000, 0, 0, 0))
    again = shop.refund(number="R-2", lines=[("2",)])
    assert (again.replayed, again.settlement.coupons) == (True, last.settlement.coupons)
    assert_books_balance()


@pytest.mark.parametrize("used_before", [False, True])
def test_a_coupon_of_an_order_comes_back_with_it_and_not_by_itself(shop, member, coupon, refuses, used_before):
    ten = coupon(member)
    if used_before:
        coupon_verbs.use(code=ten.code, purchase_ref="1001", now=shop.now)
    shop.pay(member, with_coupons(shop.order(10_000), ten, off=1_000))
    with refuses(coupon_verbs.UsedWithOrder):
        coupon_verbs.give_back(code=ten.code, purchase_ref="1001", now=shop.now)
    shop.refund(lines=[("1",)])
    assert status(ten) == "available"
    coupon_verbs.use(code=ten.code, purchase_ref="1002", now=shop.now)
    coupon_verbs.give_back(code=ten.code, purchase_ref="1002", now=shop.now)
    assert status(ten) == "available"


def test_a_coupon_that_has_expired_meanwhile_stays_used_and_the_refund_says_so(shop, member, coupon):
    ten = coupon(member, valid_days=1)
    shop.pay(member, with_coupons(shop.order(10_000), ten, off=1_000))
    shop.wait(days=5)
    assert shop.refund(9_000).settlement.coupons == [{"code": ten.code, "why_not": "coupon_expired"}]
    assert status(ten) == "used"


def test_a_refund_that_waited_for_its_order_gives_the_coupon_back_with_it(shop, member, coupon):
    ten = coupon(member)
    shop.refund(9_000)
    shop.pay(member, with_coupons(shop.order(10_000), ten, off=1_000))
    assert status(ten) == "available"


def test_free_shipping_by_a_coupon_is_no_part_of_what_earns(shop, member, coupon):
    free = coupon(member, kind="free_shipping", amount_cents=0)
    paid = shop.pay(member, with_coupons(shop.order(10_000, shipping=800), free, off=800))
    assert (paid.settlement.earned, paid.settlement.basis_cents) == (100, 10_000)
    assert paid.settlement.split["shipping"] == {"due_cents": 0, "worth_cents": 0, "points": 0, "coupons": {free.code: 800}}
    assert shop.refund(5_000).settlement.clawed_back == 50


def test_a_tiers_free_shipping_is_free_in_the_quote(shop, member):
    ladder.keep(code="gold", name_zh="金", name_en="Gold", rank=1, multiplier_bps=10_000, actor="tests", now=shop.now)
    ladder.keep_benefit(tier="gold", kind="free_shipping", value=1, actor="tests", now=shop.now)
    quote = shop.quote(member, shop.order(10_000, shipping=800))
    assert (quote.shipping_cents, quote.total_cents, codes(quote.why)[1]) == (0, 10_000, "free_shipping")


def test_coupons_cost_the_quote_two_statements(shop, member, coupon, django_assert_num_queries):
    ten = coupon(member)
    coupons_seen.templates()
    plain, with_one = shop.order(10_000), with_coupons(shop.order(10_000), ten)
    shop.quote(member, plain)
    counted = []
    for facts in (plain, with_one):
        with django_assert_num_queries(20, exact=False) as asked:
            shop.quote(member, facts)
        counted.append(len(asked))
    assert counted[1] - counted[0] <= 3
