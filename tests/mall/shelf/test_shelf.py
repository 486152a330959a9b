"""What somebody who looks finds on the shelf."""

from datetime import date, timedelta

import pytest
from django.utils import translation

from loyalty.lib import configuration
from loyalty.lib.refusals import BusinessError
from mall.coupons import services as coupon_verbs
from mall.coupons.models import CouponTemplate
from mall.privileges import services as privilege_verbs
from mall.privileges.models import PrivilegeKind
from mall.redemptions import services as redemptions
from mall.rewards import selectors as rewards
from mall.rewards import services as keeping
from mall.rewards.models import Category, Reward
from mall.shelf import selectors, services
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from tiers.standing import services as standings

pytestmark = pytest.mark.django_db


@pytest.fixture
def look(mall):
    """What is on a member's shelf, or on nobody's."""

    def at(member=None, **more):
        who = more.pop("who", None) or services.who_looks(member_id=member and member.id, now=mall.now)
        return selectors.items(selectors.shelf(who=who, **more, now=mall.now), who=who, now=mall.now)

    return at


def codes(items):
    return [one.offer.code for one in items]


def test_the_cheapest_stands_first_by_the_price_of_who_looks(mall, look, member, tier):
    tier("gold", 30)
    standings.set_standing(member_id=member.id, tier="gold", reason="tests", actor="tests", now=mall.now)
    mall.reward("lamp", points=500, prices=[{"kind": "tier", "tier_id": "gold", "points": 100}])
    mall.reward("mug", points=300)
    mall.reward("bowl", points=300, cents=100)
    assert codes(look()) == ["mug", "bowl", "lamp"]
    assert codes(look(member)) == ["lamp", "mug", "bowl"]
    first = look(member)[0]
    assert (first.price.points, first.price.list_points, first.price.why) == (100, 500, "tier")


def test_a_member_reads_what_they_can_afford_and_how_many_points_are_to_go(mall, look, member):
    mall.give(member, 300)
    mall.reward("lamp", points=301)
    mall.reward("mug", points=300)
    assert [(one.offer.code, one.affordable, one.missing) for one in look(member)] == [("mug", True, 0), ("lamp", False, 1)]
    assert codes(look(member, affordable=True)) == ["mug"]
    assert codes(look(member, affordable=False)) == ["lamp"]
    assert [(one.affordable, one.missing) for one in look()] == [(None, None)] * 2


def test_the_shelf_is_filtered_by_category_and_kind(mall, look):
    Category(code="home", name_zh="家居", name_en="Home").save()
    keeping.changed()
    mall.reward("mug", category_id="home")
    mall.reward("agent", stock=None)
    Reward.objects.filter(code="agent").update(kind="privilege", item="own-agent")
    assert codes(look(category="home")) == ["mug"]
    assert codes(look(kind="privilege")) == ["agent"]
    assert look(category="garden") == []


@pytest.mark.parametrize(("more", "seen"), [({"active": False}, False), ({"ends_at": timedelta()}, False), ({"starts_at": timedelta(days=1)}, True)])
def test_what_is_off_the_shelf_or_over_is_not_there_and_what_comes_is(mall, look, refuses, more, seen):
    mall.reward(**{name: mall.now + value if isinstance(value, timedelta) else value for name, value in more.items()})
    assert (codes(look()) == ["mug"]) is seen
    if not seen:
        with refuses(rewards.RewardUnknown):
            selectors.item(code="mug", who=selectors.NOBODY, now=mall.now)


@pytest.mark.parametrize(
    ("reward", "had", "code"),
    [
        ({}, 0, None),
        ({"stock": 0}, 0, "sold_out"),
        ({"stock": 1}, 1, "sold_out"),
        ({"per_member": 1}, 1, "member_limit"),
        ({"per_member_day": 1}, 1, "member_day_limit"),
        ({"per_day": 1}, 1, "day_limit"),
        ({"in_all": 1}, 1, "total_limit"),
        ({"in_all": 1, "stock": 1}, 1, "total_limit"),
        ({"per_day": 1, "stock": 1}, 1, "day_limit"),
        ({"per_day": 1, "in_all": 1}, 1, "total_limit"),
        ({"per_day": 2, "in_all": 2}, 1, None),
        ({"starts_at": timedelta(hours=1)}, 0, "reward_not_yet"),
    ],
)
def test_why_it_cannot_be_had_is_what_the_click_would_be_refused_with(mall, look, member, refuses, reward, had, code):
    mall.give(member, 1_000)
    mall.reward(**{name: mall.now + value if isinstance(value, timedelta) else value for name, value in reward.items()})
    for _ in range(had):
        mall.redeem(member)
    agrees_with_the_click(mall, look, member, refuses, code)


@pytest.mark.parametrize(
    ("template", "then", "had", "days", "code"),
    [
        ({}, {}, 1, 0, None),
        ({}, {"active": False}, 0, 0, "coupon_template_inactive"),
        ({"valid_days": None, "ends_on": date(2031, 1, 1)}, {}, 0, 2_000, "coupon_template_over"),
        ({"per_member": 1}, {}, 1, 0, "coupon_member_limit"),
        ({"per_member": 2}, {}, 1, 0, None),
        ({"in_all": 1}, {}, 1, 0, "coupons_out"),
        ({"in_all": 1}, {"active": False}, 1, 0, "coupon_template_inactive"),
        ({"in_all": 1, "per_member": 1}, {}, 1, 0, "coupon_member_limit"),
    ],
)
def test_a_coupon_that_cannot_be_had_says_why(mall, look, member, refuses, template, then, had, days, code):
    row = CouponTemplate(code="ten-off", kind="amount", amount_cents=1_000, name_zh="十元券", name_en="Ten off", **{"valid_days": 30, **template})
    coupon_verbs.keep(template=row, actor="tests", now=mall.now)
    mall.reward(kind="coupon", item="ten-off", stock=None)
    for _ in range(had):
        mall.give(member, 100)
        mall.redeem(member)
    for name, value in then.items():
        setattr(row, name, value)
    coupon_verbs.keep(template=row, actor="tests", now=mall.now)
    mall.wait(days=days)
    mall.give(member, 100)
    agrees_with_the_click(mall, look, member, refuses, code)


@pytest.mark.parametrize(
    ("term", "uses", "code"),
    [("for_ever", None, "privilege_held"), ("year_end", None, "privilege_held"), ("days", None, None), ("for_ever", 3, None)],
)
def test_a_privilege_that_would_bring_nothing_says_so(mall, look, member, refuses, term, uses, code):
    kind = PrivilegeKind(
        code="agent", what="own_agent", name_zh="专属客服", name_en="Own agent", term=term, term_days=30 if term == "days" else None, uses=uses
    )
    privilege_verbs.keep(kind=kind, actor="tests", now=mall.now)
    mall.reward(kind="privilege", item="agent", stock=None)
    mall.give(member, 200)
    agrees_with_the_click(mall, look, member, refuses, None)
    agrees_with_the_click(mall, look, member, refuses, code)


def agrees_with_the_click(mall, look, member, refuses, code):
    """What the shelf says of the one reward on it is what the click is refused with; None: it is not."""
    [item] = look(member)
    assert (item.why_not and item.why_not.code) == code
    if code is None:
        mall.redeem(member)
    else:
        with refuses(BusinessError) as refused:
            mall.redeem(member)
        assert (refused.value.code, refused.value.message) == (code, item.why_not.message)


def test_nobody_in_particular_is_refused_for_what_others_had(mall, look):
    kind = PrivilegeKind(code="agent", what="own_agent", name_zh="专属客服", name_en="Own agent", term="for_ever")
    privilege_verbs.keep(kind=kind, actor="tests", now=mall.now)
    mall.reward(kind="privilege", item="agent", stock=None)
    assert look()[0].why_not is None


def test_what_is_for_a_higher_tier_is_shown_and_says_so(mall, look, member, tier):
    tier("bronze", 10)
    tier("gold", 30, threshold=5_000)
    mall.reward(least_tier_id="gold")
    [item] = look(member)
    assert (item.why_not.code, item.why_not.figures) == ("tier_too_low", {"tier": "gold"})
    with pytest.raises(redemptions.TierTooLow):
        mall.redeem(member)


@pytest.mark.parametrize("stop", ["frozen", "blocked"])
def test_who_is_stopped_themselves_is_told_so(mall, look, member, stop):
    mall.give(member, 1_000)
    mall.reward()
    if stop == "frozen":
        ledger.freeze(member_id=member.id, reason="tests", actor="tests", key="freeze", now=mall.now)
    else:
        screening.block(member_id=member.id, reason="tests", actor="tests", now=mall.now)
    [item] = look(member)
    with pytest.raises(BusinessError) as refused:
        mall.redeem(member)
    assert (item.why_not.code, item.why_not.message) == (refused.value.code, refused.value.message)


def test_how_many_are_left_is_what_stock_and_the_total_limit_leave(mall, look, member):
    mall.give(member, 1_000)
    mall.reward("mug", stock=5, in_all=4)
    mall.reward("pass", stock=None)
    mall.redeem(member)
    assert {one.offer.code: one.left for one in look()} == {"mug": 3, "pass": None}


def test_the_price_on_the_shelf_is_what_the_click_costs_while_few_are_left(mall, look, member):
    mall.give(member, 1_000)
    mall.reward(points=100, stock=3, prices=[{"kind": "scarcity", "points": 150, "left_at_most": 2}])
    for expected in (100, 150, 150):
        [item] = look(member)
        assert item.price.points == expected
        mall.redeem(member, expected=(item.price.points, item.price.cents))


@pytest.mark.parametrize(
    ("price", "discount", "points", "why", "code", "said"),
    [
        ({"kind": "scarcity", "points": 300, "left_at_most": 5}, 0, 300, "scarcity", "few_left", "Few are left: it costs more than usual at the moment."),
        ({"kind": "scarcity", "points": 300, "left_at_most": 5}, 1_000, 270, "tier_discount", "few_left", "it costs more than usual"),
        ({"kind": "scarcity", "points": 300, "left_at_most": 5}, 2_000, 240, "tier_discount", "few_left", "they have a price of their own"),
        ({"kind": "clearance", "points": 200}, 1_000, 180, "tier_discount", "clearance", "it costs less than usual"),
        ({"kind": "clearance", "points": 290}, 1_000, 261, "tier_discount", "clearance", "it has a price of its own"),
    ],
)
def test_what_a_discount_came_off_is_told_beside_the_price(mall, look, tier, price, discount, points, why, code, said):
    gold = tier("gold", 30)
    if discount:
        gold.benefits.create(kind="redemption_discount", value=discount)
    ends = {"ends_at": mall.now + timedelta(days=1)} if price["kind"] == "clearance" else {}
    mall.reward(points=260, stock=3, prices=[{**price, **ends}])
    [item] = look(who=selectors.as_tier("gold"))
    with translation.override("en"):
        [(told, text)] = selectors.in_words(item, now=mall.now)
    assert (item.price.points, item.price.list_points, item.price.why, told) == (points, 260, why, code)
    assert said in text


def test_a_tier_is_tried_on_without_a_member(mall, look, tier):
    tier("gold", 30)
    mall.reward(least_tier_id="gold", prices=[{"kind": "tier", "tier_id": "gold", "points": 70}])
    [item] = look(who=selectors.as_tier("gold"))
    assert (item.price.points, item.why_not, item.missing) == (70, None, None)
    [item] = look(who=selectors.as_tier(""))
    assert (item.price.points, item.why_not.code) == (100, "tier_too_low")


def test_a_hundred_rewards_are_asked_for_as_one_is(mall, member, look, django_assert_num_queries):
    for n in range(100):
        limits = {"per_member": 2, "per_day": 5, "in_all": 50} if n % 2 else {}
        mall.reward(f"mug-{n}", points=100 + n, prices=[{"kind": "scarcity", "points": 90, "left_at_most": 3}], **limits)
    # What is held is read in a transaction that changed it, and anew each time until that is over.
    configuration._changing.models = set()
    look(member)
    with django_assert_num_queries(4):
        assert len(look(member)) == 100


def test_what_the_kinds_know_is_asked_for_together_as_well(mall, member, look, django_assert_max_num_queries):
    for n in range(20):
        template = CouponTemplate(code=f"c-{n}", kind="amount", amount_cents=1_000, name_zh="券", name_en="Coupon", valid_days=30, per_member=2, in_all=9)
        coupon_verbs.keep(template=template, actor="tests", now=mall.now)
        kind = PrivilegeKind(code=f"p-{n}", what="own_agent", name_zh="专属客服", name_en="Own agent", term="for_ever")
        privilege_verbs.keep(kind=kind, actor="tests", now=mall.now)
        mall.reward(f"c-{n}", kind="coupon", item=f"c-{n}", stock=None)
        mall.reward(f"p-{n}", kind="privilege", item=f"p-{n}", stock=None)
    configuration._changing.models = set()
    look(member)
    with django_assert_max_num_queries(7):
        assert len(look(member)) == 40
