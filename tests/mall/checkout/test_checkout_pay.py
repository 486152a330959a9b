"""A purchase was paid."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection

from accounts.activity import services as recording
from accounts.activity.models import GuestPurchase, Purchase
from loyalty.lib.configuration import Configuration
from loyalty.programme.services import CurrencyMismatch
from mall.checkout import services
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from points.terms.rules import ExpiryPolicy
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db


def codes(paid):
    return [one["code"] for one in paid.settlement.explanation]


def kinds(member):
    return list(Entry.objects.filter(member_id=member.id).order_by("seq").values_list("kind", "points"))


def test_a_purchase_earns_on_what_was_paid_in_money_for_goods(shop, member):
    paid = shop.pay(member, shop.order(10_000, 5_050, shipping=1_000, discount=250))
    assert (paid.settlement.earned, paid.settlement.basis_cents, paid.settlement.paid_cents) == (148, 14_800, 15_800)
    assert shop.balance(member) == (148, 0, 0, 0)
    assert codes(paid) == ["basis", "rule_gave", "earned_in_all"]


def test_a_held_part_is_captured_with_the_purchase_and_earns_nothing(shop, member):
    shop.give(member, 3_000)
    hold = shop.hold(member, 2_500)
    paid = shop.pay(member, shop.order(10_000, worth=2_500, hold=hold.hold_id))
    assert (paid.settlement.spent, paid.settlement.worth_cents, paid.settlement.earned) == (2_500, 2_500, 75)
    assert shop.balance(member) == (575, 0, 0, 0)
    assert kinds(member)[-2:] == [("capture", 2_500), ("earn", 75)]
    assert codes(paid) == ["spent", "basis", "rule_gave", "earned_in_all"]


def test_an_order_can_be_paid_with_points_alone(shop, member):
    shop.give(member, 10_000)
    paid = shop.pay(member, shop.order(10_000, worth=10_000, hold=shop.hold(member, 10_000).hold_id))
    assert (paid.settlement.earned, paid.settlement.earn_entry, shop.balance(member)) == (0, None, (0, 0, 0, 0))


def test_nothing_earned_leaves_an_explanation_and_no_lot(shop, member):
    paid = shop.pay(member, shop.order(99))
    assert (paid.settlement.earned, codes(paid)) == (0, ["basis", "earned_in_all"])
    assert not Lot.objects.exists()


def test_without_a_rule_nothing_is_earned_and_it_says_so(shop, member):
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; DELETE FROM points_ruleversion; SET session_replication_role = DEFAULT")
    Configuration._held.clear()
    paid = shop.pay(member)
    assert (paid.settlement.earned, codes(paid)) == (0, ["no_rule"])


def test_the_amounts_must_add_up_else_the_figure_expected_is_told(shop, member, refuses):
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    wrong = replace(shop.order(10_000, shipping=800, discount=300, hold=hold.hold_id), paid_cents=10_500)
    with refuses(services.AmountsDisagree) as refused:
        shop.pay(member, wrong)
    assert refused.value.figures == {"expected_paid_cents": 10_000, "paid_cents": 10_500, "worth_cents": 500}
    assert not Purchase.objects.exists()


def test_lines_may_be_zero_or_negative_and_quantities_zero(shop, member):
    facts = shop.order(10_000, 0, -1_500, quantity=0)
    assert shop.pay(member, facts).settlement.earned == 85


# A paid purchase is never refused for its points


def test_a_lapsed_hold_is_spent_from_what_is_available(shop, member):
    shop.give(member, 800)
    hold = shop.hold(member, 500, expires_in=timedelta(minutes=5))
    shop.wait(minutes=5)
    paid = shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id))
    assert codes(paid) == ["hold_lapsed", "basis", "rule_gave", "earned_in_all"]
    assert shop.balance(member) == (300 + 95, 0, 0, 0)
    assert kinds(member)[1:] == [("hold", 500), ("release", 500), ("spend", 500), ("earn", 95)]


def test_what_is_missing_after_a_lapsed_hold_becomes_debt_and_the_answer_says_so(shop, member, assert_books_balance):
    shop.give(member, 500)
    hold = shop.hold(member, 500, expires_in=timedelta(minutes=5))
    shop.wait(minutes=10)
    ledger.spend(member_id=member.id, points=450, actor="tests", key="elsewhere", now=shop.now)
    paid = shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id))
    assert paid.settlement.spent == 500
    assert paid.settlement.explanation[:2] == [{"code": "hold_lapsed", "points": 500}, {"code": "owed", "points": 450}]
    assert shop.balance(member) == (0, 0, 0, 450 - 95)
    assert_books_balance()


def test_a_released_hold_does_not_refuse_the_purchase_either(shop, member):
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    ledger.release(member_id=member.id, hold_id=hold.hold_id, actor="shop", key="cancelled", now=shop.now)
    assert codes(shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id)))[0] == "hold_lapsed"


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_frozen_account_does_not_refuse_the_purchase(shop, member, minutes):
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    ledger.freeze(member_id=member.id, actor="tests", reason="looking into it", key="freeze", now=shop.now)
    shop.wait(minutes=minutes)
    assert shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id)).settlement.spent == 500
    assert shop.balance(member) == (95, 0, 0, 0)


def test_a_blocked_member_pays_with_the_hold_but_earns_nothing_and_is_told(shop, member):
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    screening.block(member_id=member.id, reason="many accounts", actor="tests", now=shop.now)
    paid = shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id))
    assert (paid.settlement.spent, paid.settlement.earned) == (500, 0)
    assert codes(paid) == ["spent", "basis", "earning_screened"]


# Whose hold, and for what


@pytest.mark.parametrize("hold", ["01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02", "others"])
def test_only_the_members_own_hold_pays(shop, member, other_member, refuses, hold):
    shop.give(other_member, 500)
    others = shop.hold(other_member, 500)
    with refuses(services.HoldNotMembers):
        shop.pay(member, shop.order(hold=others.hold_id if hold == "others" else hold))


def test_a_hold_that_was_not_made_at_the_till_pays_no_order(shop, member, refuses):
    shop.give(member, 500)
    bid = ledger.hold(member_id=member.id, points=500, expires_at=shop.now + timedelta(days=1), subject="auction/1", actor="mall", key="bid", now=shop.now)
    with refuses(services.HoldNotMembers):
        shop.pay(member, shop.order(worth=500, hold=bid.id))


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_hold_pays_one_purchase_only(shop, member, refuses, minutes):
    shop.give(member, 1_000)
    hold = shop.hold(member, 500)
    shop.wait(minutes=minutes)
    shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id))
    with refuses(services.HoldUsed):
        shop.pay(member, shop.order(10_000, number="1002", worth=500, hold=hold.hold_id))
    assert shop.balance(member) == (595, 0, 0, 0)


def test_the_worth_of_the_points_is_what_the_hold_promised_whatever_was_published_since(shop, member, publish_policy):
    publish_policy(points_per_unit=100)
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    publish_policy(points_per_unit=1_000, threshold=10_000)
    paid = shop.pay(member, shop.order(10_000, worth=500, hold=hold.hold_id))
    assert (paid.settlement.worth_cents, hold.burn_policy.number) == (500, 1)


# The same again


def test_the_same_purchase_again_is_a_replay(shop, member):
    first = shop.pay(member)
    shop.wait(days=1)
    again = shop.pay(member, replace(shop.order(), occurred_at=first.purchase.occurred_at))
    assert (again.replayed, again.purchase, again.settlement) == (True, first.purchase, first.settlement)
    assert again.settlement.explanation == first.settlement.explanation
    assert kinds(member) == [("earn", 100)]


def test_a_replay_after_a_refund_still_gives_the_first_answer(shop, member):
    first = shop.pay(member)
    shop.refund(5_000)
    again = shop.pay(member, replace(shop.order(), occurred_at=first.purchase.occurred_at))
    assert (again.replayed, again.settlement.earned, again.settlement.clawed_back) == (True, 100, 50)


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: replace(facts, paid_cents=facts.paid_cents + 1),
        lambda facts: replace(facts, occurred_at=facts.occurred_at + timedelta(seconds=1)),
        lambda facts: replace(facts, lines=(replace(facts.lines[0], category="SHOES"),)),
        lambda facts: replace(facts, lines=(replace(facts.lines[0], quantity=2),)),
        lambda facts: replace(facts, lines=()),
        lambda facts: replace(facts, discounts=({"kind": "gift", "discount_cents": 0},)),
    ],
)
def test_the_same_purchase_with_other_content_is_refused(shop, member, refuses, change):
    shop.pay(member)
    with refuses(recording.PurchaseConflict):
        shop.pay(member, change(shop.order()))
    assert shop.balance(member) == (100, 0, 0, 0)


def test_a_purchase_that_is_another_members_is_refused(shop, member, other_member, refuses):
    shop.pay(member)
    with refuses(recording.PurchaseConflict):
        shop.pay(other_member)
    assert shop.balance(other_member) == (0, 0, 0, 0)


def test_the_same_moment_in_another_offset_is_the_same_content(shop, member):
    shop.pay(member)
    assert shop.pay(member, replace(shop.order(), occurred_at=shop.now.astimezone(ZoneInfo("Asia/Shanghai")))).replayed


# Currency


def test_the_first_purchase_fixes_the_currency_and_another_is_refused(shop, member, refuses):
    shop.pay(member)
    with refuses(CurrencyMismatch) as refused:
        shop.pay(member, shop.order(number="1002", currency="USD"))
    assert refused.value.figures == {"expected": "CNY"}


def test_a_refused_purchase_fixes_no_currency(shop, member, refuses):
    with refuses(services.AmountsDisagree):
        shop.pay(member, replace(shop.order(currency="USD"), paid_cents=1))
    assert shop.pay(member).settlement.earned == 100


@pytest.mark.parametrize(("currency", "amount", "earned"), [("JPY", 1_250, 1_250), ("KWD", 12_500, 12), ("CNY", 1_250, 12)])
def test_points_are_for_whole_units_of_the_currency(shop, member, currency, amount, earned):
    assert shop.pay(member, shop.order(amount, currency=currency)).settlement.earned == earned


def test_points_pay_in_the_currencys_minor_unit(shop, member, programme):
    programme(currency="JPY")
    shop.give(member, 500)
    hold = shop.hold(member, 500)
    assert hold.worth_cents == 5
    assert shop.pay(member, shop.order(1_000, currency="JPY", worth=5, hold=hold.hold_id)).settlement.earned == 995


# Rates, versions, terms


def test_the_longest_category_that_matches_decides_and_there_is_one_floor_per_order(shop, member, publish_rule):
    publish_rule("1", **{"COSMETICS": "2.5", "COSMETICS/FRAGRANCES": "0", "FOOD": "0.5"})
    facts = shop.order(1_030, 1_030, 1_030, 1_030, categories=("COSMETICS/LIPS/RED", "COSMETICS/FRAGRANCES", "FOOD", "TOYS"))
    paid = shop.pay(member, facts)
    assert paid.settlement.earned == int(10.30 * 2.5 + 10.30 * 0.5 + 10.30)


def test_a_purchase_keeps_the_version_that_decided_it(shop, member, publish_rule):
    first = shop.pay(member)
    publish_rule("10")
    second = shop.pay(member, shop.order(number="1002"))
    assert (first.settlement.rule_version.number, second.settlement.rule_version.number) == (1, 2)
    assert list(Lot.objects.order_by("id").values_list("rule_version__number", "original")) == [(1, 100), (2, 1_000)]


def test_points_wait_a_number_of_days_after_payment_where_the_programme_says_so(shop, member, terms):
    terms(pending="days", pending_days=7)
    paid = shop.pay(member)
    assert (shop.balance(member), codes(paid)[-1]) == ((0, 0, 100, 0), "pending")
    lot = Lot.objects.get()
    assert lot.matures_at == paid.purchase.occurred_at + timedelta(days=7)
    shop.wait(days=7)
    assert ledger.mature_due(actor="tests", now=shop.now - timedelta(microseconds=1)).total() == 0
    assert ledger.mature_due(actor="tests", now=shop.now).total() == 1
    assert shop.balance(member) == (100, 0, 0, 0)


def test_a_purchase_told_after_its_days_of_waiting_earns_at_once(shop, member, terms):
    terms(pending="days", pending_days=7)
    facts = shop.order()
    shop.wait(days=8)
    paid = shop.pay(member, facts)
    assert (shop.balance(member), codes(paid)[-1]) == ((100, 0, 0, 0), "earned_in_all")


def test_a_grants_own_expiry_overrides_the_programmes(shop, member):
    shop.pay(member, policy=ExpiryPolicy("never"))
    assert Lot.objects.get().expires_at is None


# Guests


def test_a_guests_purchase_is_kept_and_earns_nothing(shop):
    kept = services.keep_guest(facts=shop.order(), now=shop.now)
    assert (kept.external_id, kept.claimed_by) == ("1001", None)
    assert services.keep_guest(facts=shop.order(), now=shop.now) == kept
    assert not Purchase.objects.exists()


def test_what_is_wrong_with_a_guests_purchase_is_said_at_once(shop, member, refuses):
    with refuses(services.AmountsDisagree):
        services.keep_guest(facts=replace(shop.order(), paid_cents=1), now=shop.now)
    shop.pay(member)
    with refuses(CurrencyMismatch):
        services.keep_guest(facts=shop.order(number="1002", currency="USD"), now=shop.now)
    with refuses(recording.PurchaseConflict):
        services.keep_guest(facts=shop.order(), now=shop.now)


def test_a_guests_purchase_with_other_content_is_refused(shop, member, refuses):
    services.keep_guest(facts=shop.order(), now=shop.now)
    with refuses(recording.PurchaseConflict):
        services.keep_guest(facts=shop.order(5_000), now=shop.now)
    with refuses(recording.PurchaseConflict):
        shop.pay(member, shop.order(5_000))


def test_a_guests_purchase_told_again_with_its_member_is_claimed(shop, member, other_member, refuses):
    services.keep_guest(facts=shop.order(), now=shop.now)
    assert shop.pay(member).settlement.earned == 100
    assert GuestPurchase.objects.get().claimed_by == member
    with refuses(recording.AlreadyClaimed):
        services.claim(purchase_ref="1001", member_ref=other_member.external_id, actor="shop", now=shop.now)


def test_the_books_balance_after_many_purchases(shop, member, assert_books_balance):
    shop.give(member, 5_000)
    for n in range(5):
        hold = shop.hold(member, 100 * (n + 1))
        shop.pay(member, shop.order(9_999, number=str(n), worth=100 * (n + 1), hold=hold.hold_id))
    assert_books_balance()


def test_a_hold_that_the_storefront_captured_by_itself_pays_the_order_it_was_for(shop, member, publish_rule):
    publish_rule()
    shop.give(member, 1_000)
    hold = shop.hold(member, 500).hold
    captured = ledger.capture(member_id=member.id, hold_id=hold.id, points=300, actor="shop", key="capture", now=shop.now)
    paid = shop.pay(member, shop.order(10_000, worth=300, hold=hold.id))
    assert (paid.settlement.spent, paid.settlement.spend_entry) == (300, captured)
    shop.refund(9_700)
    assert shop.balance(member) == (1_000, 0, 0, 0)


def test_points_beyond_the_share_of_the_order_are_said_in_the_answer_and_do_not_refuse_it(shop, member, publish_policy):
    publish_policy(max_share_bps=5_000)
    shop.give(member, 10_000)
    hold = shop.hold(member, 6_000).hold
    fits = shop.hold(member, 4_000).hold
    over = shop.pay(member, shop.order(10_000, worth=6_000, hold=hold.id))
    assert {"code": "over_share", "percent": "50"} in over.settlement.explanation
    within = shop.pay(member, shop.order(8_000, worth=4_000, hold=fits.id, number="1002"))
    assert "over_share" not in {why["code"] for why in within.settlement.explanation}
