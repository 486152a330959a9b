"""What a cart earns, and the points it may use."""

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.members import services as members
from loyalty.lib.ids import new_id
from mall.checkout import selectors, services
from mall.checkout.rules import TierShare
from points.ledger import services as ledger
from points.ledger.models import Account, Entry
from riskcontrol.screening import services as screening
from tiers.evaluation import services as evaluation

pytestmark = pytest.mark.django_db


def codes(quote):
    return [one["code"] for one in quote.why]


def test_a_quote_without_a_member_shows_what_a_new_one_would_get(shop):
    quote = shop.quote(None, shop.order(10_000, shipping=500), points=100)
    assert (quote.earn, quote.max_points, quote.points, quote.token) == (100, 0, 0, "")
    assert codes(quote) == ["basis", "fewer_points"]


def test_a_quote_writes_nothing(shop, member):
    shop.quote(member, shop.order(10_000), points=100)
    assert not Account.objects.exists()
    assert not Entry.objects.exists()


def test_points_used_lower_what_is_earned(shop, member):
    shop.give(member, 5_000)
    quote = shop.quote(member, shop.order(10_000), points=2_500)
    assert (quote.earn, quote.points, quote.worth_cents, quote.max_points, quote.max_worth_cents) == (75, 2_500, 2_500, 5_000, 5_000)


def test_the_shares_of_the_lines_add_up(shop, member):
    quote = shop.quote(member, shop.order(3_333, 3_333, 3_334, 50))
    assert (quote.earn, [points for _line, _cents, points in quote.parts]) == (100, [33, 33, 33, 1])
    assert sum(cents for _line, cents, _points in quote.parts) == 10_050


@pytest.mark.parametrize(
    ("available", "asked", "used"), [(1_000, 10**9, 1_000), (1_000, 999, 900), (1_000, 99, 0), (1_000, 200, 0), (250, 250, 0), (1_000, 500, 500)]
)
def test_more_than_policy_or_balance_allow_is_clamped_and_it_says_so(shop, member, publish_policy, available, asked, used):
    publish_policy(threshold=300, step=100)
    shop.give(member, available)
    quote = shop.quote(member, shop.order(10_000), points=asked)
    assert quote.points == used
    assert ("fewer_points" in codes(quote)) is (used != asked)


def test_an_order_that_points_could_pay_altogether_uses_no_more_than_it_costs(shop, member):
    shop.give(member, 50_000)
    quote = shop.quote(member, shop.order(10_000, discount=1_000), points=50_000)
    assert (quote.points, quote.worth_cents, quote.earn) == (9_000, 9_000, 0)


def test_points_pay_at_most_their_share_and_it_says_so(shop, member, publish_policy):
    publish_policy(max_share_bps=2_550)
    shop.give(member, 50_000)
    quote = shop.quote(member, shop.order(10_000))
    assert quote.max_points == 2_550
    assert {"code": "share_of_order", "percent": "25.5"} in quote.why


def test_too_few_points_for_the_threshold_are_told_so(shop, member, publish_policy):
    publish_policy(threshold=500)
    shop.give(member, 499)
    quote = shop.quote(member, shop.order(10_000))
    assert (quote.max_points, codes(quote)) == (0, ["basis", "below_threshold"])


def test_a_frozen_account_uses_none_but_still_earns(shop, member):
    shop.give(member, 500)
    ledger.freeze(member_id=member.id, actor="tests", reason="looking into it", key="freeze", now=shop.now)
    quote = shop.quote(member, shop.order(10_000))
    assert (quote.max_points, quote.earn, codes(quote)) == (0, 100, ["basis", "account_frozen"])


def test_a_blocked_member_uses_none_and_earns_none_and_it_says_so(shop, member):
    shop.give(member, 500)
    screening.block(member_id=member.id, reason="many accounts", actor="tests", now=shop.now)
    quote = shop.quote(member, shop.order(10_000))
    assert (quote.max_points, quote.earn, codes(quote)) == (0, 0, ["basis", "screened", "earning_screened"])
    assert [points for _line, _cents, points in quote.parts] == [0]


def test_points_that_expired_a_moment_ago_cannot_be_used_swept_or_not(shop, member, terms):
    terms(expiry="days", length=1)
    shop.give(member, 500)
    shop.wait(days=3)
    assert shop.quote(member, shop.order(10_000)).max_points == 0


def test_a_quote_is_good_for_its_member_and_an_hour(shop, member, other_member, refuses):
    quote = shop.quote(member, shop.order(10_000))
    assert selectors.quoted(token=quote.token, member_id=member.id).total_cents == 10_000
    for token, whose in ((quote.token, other_member), (quote.token[:-1] + "x", member), ("", member), ("eyJ", member)):
        with refuses(selectors.QuoteInvalid):
            selectors.quoted(token=token, member_id=whose.id)
    with time_machine.travel(shop.now.timestamp() + 3_700), refuses(selectors.QuoteInvalid):
        selectors.quoted(token=quote.token, member_id=member.id)


carts = st.lists(st.tuples(st.integers(-300, 9_000), st.sampled_from(["", "SHOES", "SHOES/RED", "FOOD"])), min_size=1, max_size=4)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cart=carts, shipping=st.sampled_from([0, 700]), asked=st.integers(0, 12_000), share=st.sampled_from([10_000, 5_000, 333]), step=st.sampled_from([1, 100])
)
def test_what_a_quote_says_is_what_the_payment_gives(shop, publish_rule, publish_policy, cart, shipping, asked, share, step):
    publish_rule("1", SHOES="2.5", FOOD="0.3333")
    publish_policy(points_per_unit=70, threshold=50, step=step, max_share_bps=share)
    name = str(new_id())
    member = members.ensure(external_id=name, now=shop.now)
    shop.give(member, 5_000)
    facts = shop.order(*[amount for amount, _ in cart], shipping=shipping, number=name, categories=[category for _, category in cart])
    quote = shop.quote(member, facts, points=asked or None)
    if facts.paid_cents < 0:
        return
    hold = shop.hold(member, quote.points, quote=quote.token).hold_id if quote.points else ""
    paid = shop.pay(
        member, shop.order(*[amount for amount, _ in cart], shipping=shipping, number=name, categories=[c for _, c in cart], worth=quote.worth_cents, hold=hold)
    )
    assert (paid.settlement.earned, paid.settlement.spent, paid.settlement.worth_cents) == (quote.earn, quote.points, quote.worth_cents)
    assert paid.settlement.basis_cents == sum(cents for _line, cents, _points in quote.parts)


def test_a_quote_goes_by_no_tier_whose_term_is_over(shop, member, tier, publish_policy):
    tier("basic", 1)
    tier("gold", 2, threshold=5_000)
    publish_policy(max_share_bps=1_000, tiers=[TierShare("gold", 10_000)])
    shop.give(member, 50_000)
    evaluation.count_purchase(member_id=member.id, purchase="A-1", net_cents=500_000, occurred_at=shop.now, now=shop.now)
    lines = shop.order(10_000).lines
    assert services.quote(member_id=member.id, lines=lines, now=shop.now).max_points == 10_000
    shop.wait(days=800)
    shop.give(member, 50_000)
    assert services.quote(member_id=member.id, lines=lines, now=shop.now).max_points == 1_000
