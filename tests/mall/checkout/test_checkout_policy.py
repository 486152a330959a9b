"""Publishing a burn policy."""

from datetime import timedelta

import pytest
from django.db import InternalError, transaction

from loyalty.audit.models import AuditEntry
from mall.checkout import selectors, services
from mall.checkout.models import BurnPolicy
from mall.checkout.rules import Band, CategoryShare, TierShare
from tiers.ladder import services as ladder

pytestmark = pytest.mark.django_db


def test_without_any_policy_a_hundred_points_are_one_unit_of_money(now):
    assert selectors.burn_policy(now=now) is None
    policy = selectors.policy_rules(None)
    assert (policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps) == (100, 0, 1, 10_000)


def test_versions_count_up_and_the_newest_is_in_force(publish_policy, now):
    publish_policy(points_per_unit=50)
    assert publish_policy(points_per_unit=200, threshold=10, step=5, max_share_bps=1).number == 2
    policy = selectors.policy_rules(selectors.burn_policy(now=now))
    assert (policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps) == (200, 10, 5, 1)


@pytest.mark.parametrize("wrong", [{"points_per_unit": 0}, {"step": 0}, {"threshold": -1}, {"max_share_bps": -1}, {"max_share_bps": 10_001}])
def test_a_policy_that_cannot_work_is_refused(publish_policy, refuses, wrong):
    with refuses(services.PolicyInvalid):
        publish_policy(**wrong)
    assert not BurnPolicy.objects.exists()


@pytest.mark.parametrize("act", ["save", "delete"])
def test_a_published_policy_never_changes(publish_policy, act):
    policy = publish_policy()
    policy.points_per_unit = 1
    with pytest.raises(InternalError), transaction.atomic():
        getattr(policy, act)()
    assert BurnPolicy.objects.get().points_per_unit == 100


# Announced ahead


def test_what_points_are_worth_changes_when_it_was_announced_to_and_not_before(publish_policy, now):
    publish_policy()
    publish_policy(points_per_unit=125, in_force_from=now + timedelta(days=7), reason="")
    assert selectors.points_per_unit(now=now + timedelta(days=7, seconds=-1)) == 100
    assert selectors.points_per_unit(now=now + timedelta(days=7)) == 125
    assert (selectors.coming(now=now).number, selectors.coming(now=now + timedelta(days=7))) == (2, None)


def test_less_than_a_week_ahead_it_takes_a_reason_that_is_kept(publish_policy, refuses, now):
    publish_policy()
    for ahead in (None, now + timedelta(days=6)):
        with refuses(services.NoticeTooShort):
            publish_policy(points_per_unit=125, in_force_from=ahead, reason=" ")
    assert publish_policy(points_per_unit=125, reason="a slip of the pen").reason == "a slip of the pen"
    entry = AuditEntry.objects.filter(verb="burn_policy.published").latest("id")
    assert (entry.subject, entry.reason) == ("burn-policy/2", "a slip of the pen")


def test_other_changes_need_no_notice_and_none_is_retroactive(publish_policy, refuses, now):
    publish_policy()
    publish_policy(step=5, reason="")
    with refuses(services.PolicyRetroactive):
        publish_policy(in_force_from=now - timedelta(seconds=1))


def test_what_was_announced_is_taken_back_by_a_newer_version_from_the_same_time(publish_policy, now):
    publish_policy()
    publish_policy(points_per_unit=125, in_force_from=now + timedelta(days=7))
    publish_policy(points_per_unit=100, in_force_from=now + timedelta(days=7))
    assert selectors.points_per_unit(now=now + timedelta(days=8)) == 100


def test_a_quote_keeps_the_rate_it_was_made_with(shop, member, publish_policy):
    publish_policy()
    publish_policy(points_per_unit=200, in_force_from=shop.now + timedelta(days=7))
    shop.give(member, 10_000)
    shop.wait(days=7, seconds=-1)
    quote = shop.quote(member, shop.order(10_000))
    shop.wait(seconds=1)
    later = shop.quote(member, shop.order(10_000))
    assert (quote.number, quote.max_worth_cents, later.number, later.max_worth_cents) == (1, 10_000, 2, 5_000)
    held = shop.hold(member, 1_000, quote=quote.token)
    assert (held.burn_policy.number, held.worth_cents) == (1, 1_000)


# By bands, categories, unit prices and tiers

BANDS = (Band(10_000, 5_000), Band(30_000, 8_000))


@pytest.mark.parametrize(("amounts", "most"), [((9_999,), 0), ((10_000,), 5_000), ((30_000,), 24_000), ((10_000, 20_000), 24_000)])
def test_a_larger_order_may_use_a_larger_share(shop, member, publish_policy, amounts, most):
    publish_policy(max_share_bps=0, bands=BANDS)
    shop.give(member, 10**6)
    assert shop.quote(member, shop.order(*amounts)).max_points == most


def test_points_pay_nothing_of_an_excluded_category_and_its_return_brings_none_back(shop, member, publish_policy, assert_books_balance):
    publish_policy(max_share_bps=0, bands=BANDS, categories=[CategoryShare("GOLD", 0)])
    shop.give(member, 20_000)
    facts = shop.order(20_000, 10_000, categories=["GOLD", "HOME"])
    quote = shop.quote(member, facts, points=20_000)
    assert (quote.points, quote.why[1]) == (8_000, {"code": "share_of_goods", "cents": 8_000, "currency": "CNY"})
    hold = shop.hold(member, 8_000, quote=quote.token)
    shop.pay(member, shop.order(20_000, 10_000, categories=["GOLD", "HOME"], worth=8_000, hold=hold.hold_id))
    gold = shop.refund(lines=[("1",)])
    assert (gold.settlement.restored, gold.settlement.clawed_back) == (0, 200)
    home = shop.refund(number="R-2", lines=[("2",)])
    assert (home.settlement.restored, home.settlement.clawed_back) == (8_000, 20)
    assert_books_balance()


def test_more_than_a_hold_made_without_a_quote_may_pay_is_said_and_not_refused(shop, member, publish_policy):
    publish_policy(categories=[CategoryShare("GOLD", 0)])
    shop.give(member, 5_000)
    hold = shop.hold(member, 5_000)
    paid = shop.pay(member, shop.order(6_000, 4_000, categories=["GOLD", ""], worth=5_000, hold=hold.hold_id))
    assert {"code": "over_goods", "cents": 4_000, "currency": "CNY"} in paid.settlement.explanation
    assert [line["points"] for line in paid.settlement.split["lines"]] == [1_000, 4_000]


def test_a_tier_may_use_more_and_its_hold_keeps_whose_share_it_was(shop, member, publish_policy):
    ladder.keep(code="gold", name_zh="金", name_en="Gold", rank=1, multiplier_bps=10_000, actor="tests", now=shop.now)
    publish_policy(max_share_bps=5_000, tiers=[TierShare("gold", factor_bps=15_000)])
    shop.give(member, 50_000)
    quote = shop.quote(member, shop.order(10_000), points=7_500)
    assert quote.points == 7_500
    hold = shop.hold(member, 7_500, quote=quote.token)
    assert hold.tier == "gold"
    publish_policy(max_share_bps=0)
    paid = shop.pay(member, shop.order(10_000, worth=7_500, hold=hold.hold_id))
    assert "over_share" not in [one["code"] for one in paid.settlement.explanation]


def test_where_no_order_may_use_points_none_are_held(shop, member, publish_policy, refuses):
    publish_policy(max_share_bps=0, bands=[Band(10_000, 0)])
    shop.give(member, 500)
    with refuses(services.PointsExceedPolicy):
        shop.hold(member, 100)


def test_more_points_than_the_quotes_goods_may_use_are_not_held(shop, member, publish_policy, refuses):
    publish_policy(categories=[CategoryShare("GOLD", 0)])
    shop.give(member, 10_000)
    quote = shop.quote(member, shop.order(6_000, 4_000, categories=["GOLD", ""]))
    with refuses(services.PointsExceedPolicy) as refused:
        shop.hold(member, 4_001, quote=quote.token)
    assert refused.value.figures["max_points"] == 4_000
