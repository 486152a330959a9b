"""Money of a purchase was given back."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.activity import selectors as activity
from accounts.activity import services as recording
from accounts.activity.models import Refund, UnmatchedRefund
from accounts.members import services as members
from loyalty.audit.models import AuditEntry
from loyalty.lib.ids import new_id
from mall.checkout import services
from points.ledger import services as ledger
from points.ledger.models import Entry, Lot
from riskcontrol.screening import services as screening

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid(shop, member):
    """100.00 in two lines, 20.00 of it paid with 2,000 of the member's 3,000 points: earns 80."""
    shop.give(member, 3_000)
    return shop.pay(member, shop.order(4_000, 6_000, quantity=2, worth=2_000, hold=shop.hold(member, 2_000).hold_id))


def kinds_since(member, seq):
    return list(Entry.objects.filter(member_id=member.id, seq__gt=seq).order_by("seq").values_list("kind", "points"))


def moved(done):
    return done.settlement.restored, done.settlement.clawed_back


def test_a_refund_restores_first_and_then_claws_back(shop, member, paid):
    seq = Entry.objects.count()
    done = shop.refund(4_000)
    assert moved(done) == (1_000, 40)
    assert kinds_since(member, seq) == [("restore", 1_000), ("clawback", 40)]
    assert shop.balance(member) == (1_000 + 1_000 + 40, 0, 0, 0)


def test_partial_refunds_by_amount_do_not_drift(shop, member, paid, assert_books_balance):
    done = [moved(shop.refund(cents, number=str(cents))) for cents in (1_111, 2_222, 3_333)]
    assert done == [(277, 12), (556, 22), (833, 33)]  # floor(2000 × part), floor of what is left
    assert moved(shop.refund(8_000 - 6_666, number="last")) == (334, 13)
    settled = shop.settlement(member, paid.purchase)
    assert (settled.restored, settled.clawed_back, settled.refunded_cents) == (2_000, 80, 8_000)
    assert shop.balance(member) == (3_000, 0, 0, 0)
    assert_books_balance()


def test_a_refund_by_lines_gives_back_their_share(shop, member, paid):
    assert moved(shop.refund(lines=[("1", 1)])) == (400, 16)
    assert moved(shop.refund(number="R-2", lines=[("1", 1), ("2", 1)])) == (1_000, 40)
    assert moved(shop.refund(number="R-3", lines=[("2", 1)])) == (600, 24)
    assert list(Refund.objects.order_by("id").values_list("amount_cents", flat=True)) == [1_600, 4_000, 2_400]


def test_an_order_paid_with_points_alone_is_refunded_by_its_lines(shop, member):
    shop.give(member, 5_000)
    shop.pay(member, shop.order(2_000, 3_000, worth=5_000, hold=shop.hold(member, 5_000).hold_id))
    assert moved(shop.refund(0)) == (0, 0)
    assert moved(shop.refund(number="R-2", lines=[("2",)])) == (3_000, 0)
    assert moved(shop.refund(number="R-3", lines=[("1",)])) == (2_000, 0)


def test_only_the_refund_that_completes_an_order_takes_it_out_of_the_history(shop, member, paid):
    shop.refund(4_000, number="R-1")
    assert not activity.purchase_of(member_id=member.id, purchase_id=paid.purchase.id).refunded
    shop.refund(4_000, number="R-2")
    assert activity.purchase_of(member_id=member.id, purchase_id=paid.purchase.id).refunded


def test_the_points_that_come_back_may_be_given(shop, member, paid):
    assert moved(shop.refund(4_000, points=150)) == (150, 40)
    assert moved(shop.refund(4_000, number="R-2")) == (1_850, 40)


def test_no_more_points_than_were_spent_come_back(shop, paid, refuses):
    with refuses(services.RestoreExceedsSpend) as refused:
        shop.refund(4_000, points=2_001)
    assert refused.value.figures == {"left": 2_000}


@pytest.mark.parametrize(
    ("refund", "refusal"),
    [
        ({"cents": 8_001}, services.RefundExceedsPaid),
        ({"lines": [("1", 2, 8_001)]}, services.RefundExceedsPaid),
        ({"lines": [("9",)]}, services.LineUnknown),
        ({"lines": [("1", 3)]}, services.LineExceeded),
    ],
)
def test_more_than_was_paid_or_bought_is_refused(shop, member, paid, refuses, refund, refusal):
    with refuses(refusal):
        shop.refund(**refund)
    assert not Refund.objects.exists()
    assert shop.settlement(member, paid.purchase).refunded_cents == 0


def test_refunds_together_never_exceed_what_was_paid(shop, paid, refuses):
    shop.refund(5_000)
    with refuses(services.RefundExceedsPaid) as refused:
        shop.refund(3_001, number="R-2")
    assert refused.value.figures == {"paid_cents": 8_000, "refunded_cents": 8_001}


def test_the_same_refund_again_is_a_replay(shop, member, paid):
    first = shop.refund(4_000)
    again = shop.refund(4_000)
    assert (again.settlement, again.replayed, first.replayed) == (first.settlement, True, False)
    assert moved(again) == (1_000, 40)
    assert Refund.objects.count() == 1


def test_the_same_refund_with_other_content_is_refused(shop, paid, refuses):
    shop.refund(4_000)
    with refuses(recording.RefundConflict):
        shop.refund(4_001)


def test_two_purchases_may_each_have_a_refund_of_that_number(shop, member, paid):
    shop.pay(member, shop.order(number="1002"))
    assert moved(shop.refund(4_000)) == (1_000, 40)
    assert moved(shop.refund(5_000, purchase="1002")) == (0, 50)


# By the rates and versions of the purchase


def test_a_refund_is_decided_by_the_version_of_its_purchase(shop, member, publish_rule):
    publish_rule("1", SHOES="3")
    shop.pay(member, shop.order(10_000, 10_000, categories=("SHOES", "TOYS")))
    publish_rule("100")
    assert moved(shop.refund(lines=[("1",)])) == (0, 300)
    assert moved(shop.refund(number="R-2", lines=[("2",)])) == (0, 100)


def test_a_refund_by_amount_is_taken_from_all_goods_alike(shop, member, publish_rule):
    publish_rule("1", SHOES="3")
    shop.pay(member, shop.order(10_000, 10_000, categories=("SHOES", "TOYS")))
    assert moved(shop.refund(10_000)) == (0, 200)


def test_a_refund_below_a_whole_point_takes_it_only_once_it_is_gone(shop, member):
    shop.pay(member, shop.order(10_000))
    assert [moved(shop.refund(1, number=str(n)))[1] for n in range(3)] == [1, 0, 0]


# What became of the points meanwhile


def test_points_spent_elsewhere_are_owed_and_the_answer_says_so(shop, member, assert_books_balance):
    shop.pay(member, shop.order(10_000))
    ledger.spend(member_id=member.id, points=100, actor="tests", key="game", now=shop.now)
    assert shop.refund(5_000).settlement.debt == 50
    assert shop.balance(member) == (0, 0, 0, 50)
    assert_books_balance()


def test_points_that_expired_are_waived_and_the_answer_says_so(shop, member, terms, assert_books_balance):
    terms(expiry="days", length=30)
    shop.pay(member, shop.order(10_000))
    shop.wait(days=32)
    settled = shop.refund(5_000).settlement
    assert (settled.clawed_back, settled.waived, settled.debt) == (50, 50, 0)
    assert_books_balance()


def test_points_go_back_to_their_own_lot_and_expire_with_it(shop, member, terms, assert_books_balance):
    terms(expiry="days", length=30)
    shop.give(member, 500)
    shop.pay(member, shop.order(10_000, worth=500, hold=shop.hold(member, 500).hold_id))
    shop.wait(days=40)
    assert moved(shop.refund(9_500)) == (500, 95)
    assert shop.balance(member) == (0, 0, 0, 0)
    assert_books_balance()


def test_grace_keeps_returned_points_alive(shop, member, terms):
    terms(expiry="days", length=30, restore_grace_days=10)
    shop.give(member, 500)
    shop.pay(member, shop.order(10_000, worth=500, hold=shop.hold(member, 500).hold_id))
    shop.wait(days=40)
    shop.refund(9_500)
    assert shop.balance(member)[0] == 500
    shop.wait(days=10)
    assert shop.balance(member)[0] == 0


def test_points_that_still_wait_are_taken_from_where_they_wait(shop, member, terms):
    terms(pending="delivered")
    shop.pay(member, shop.order(10_000))
    shop.refund(4_000)
    assert shop.balance(member) == (0, 0, 60, 0)
    shop.delivered()
    assert shop.balance(member) == (60, 0, 0, 0)


def test_points_spent_on_credit_are_forgiven_first(shop, member, assert_books_balance):
    shop.give(member, 500)
    hold = shop.hold(member, 500, expires_in=timedelta(minutes=5))
    shop.wait(minutes=10)
    ledger.spend(member_id=member.id, points=500, actor="tests", key="elsewhere", now=shop.now)
    shop.pay(member, shop.order(600, worth=500, hold=hold.hold_id))
    assert shop.balance(member) == (0, 0, 0, 499)
    assert moved(shop.refund(100)) == (500, 1)
    assert shop.balance(member) == (0, 0, 0, 0)
    assert_books_balance()


def test_neither_a_freeze_nor_a_block_stops_a_refund(shop, member, paid):
    ledger.freeze(member_id=member.id, actor="tests", reason="looking into it", key="freeze", now=shop.now)
    screening.block(member_id=member.id, reason="many accounts", actor="tests", now=shop.now)
    assert moved(shop.refund(8_000)) == (2_000, 80)


def test_a_purchase_that_earned_nothing_for_a_block_has_nothing_to_take_back(shop, member):
    block = screening.block(member_id=member.id, reason="many accounts", actor="tests", now=shop.now)
    shop.pay(member, shop.order(10_000))
    screening.lift(entry_id=block.id, reason="cleared", actor="tests", now=shop.now)
    assert moved(shop.refund(5_000)) == (0, 0)


# Before its purchase


def test_a_refund_before_its_purchase_waits_and_is_applied_with_it(shop, member, assert_books_balance):
    kept = shop.refund(4_000)
    assert (kept.settlement, kept.waiting.status) == (None, "waiting")
    assert shop.refund(4_000).waiting == kept.waiting
    paid = shop.pay(member, shop.order(10_000))
    assert paid.settlement.earned == 100
    assert shop.balance(member) == (60, 0, 0, 0)
    kept.waiting.refresh_from_db()
    assert kept.waiting.status == "applied"
    assert moved(shop.refund(4_000)) == (0, 40)
    assert_books_balance()


def test_a_waiting_refund_with_other_content_is_refused(shop, refuses):
    shop.refund(4_000)
    with refuses(recording.RefundConflict):
        shop.refund(4_001)


def test_waiting_refunds_are_applied_in_the_order_in_which_they_happened(shop, member):
    late = replace(shop.refunded(9_000, number="late"), occurred_at=shop.now + timedelta(minutes=4))
    services.refund(purchase_ref="1001", facts=late, actor="shop", now=shop.now)
    services.refund(purchase_ref="1001", facts=shop.refunded(1_000, number="early"), actor="shop", now=shop.now)
    paid = shop.pay(member, shop.order(10_000))
    assert [refund.external_id for refund in activity.refunds_of(member_id=member.id, purchase_id=paid.purchase.id)] == ["early", "late"]


@pytest.mark.parametrize(
    ("refund", "why"), [({"cents": 10_001}, "More money than was paid cannot be given back."), ({"lines": [("9",)]}, "The purchase has no such line.")]
)
def test_a_waiting_refund_that_cannot_be_is_parked_and_never_refuses_the_purchase(shop, member, refund, why):
    kept = shop.refund(**refund).waiting
    also = shop.refund(1_000, number="good").waiting
    assert shop.pay(member, shop.order(10_000)).settlement.earned == 100
    kept.refresh_from_db()
    also.refresh_from_db()
    assert (kept.status, kept.decided_at, also.status) == ("parked", None, "applied")
    assert str(kept.why) == why
    assert shop.balance(member) == (90, 0, 0, 0)


def test_a_parked_refund_told_again_stays_with_the_operator(shop, member):
    shop.refund(10_001)
    shop.pay(member, shop.order(10_000))
    again = shop.refund(10_001)
    assert (again.settlement, again.waiting.status, again.replayed) == (None, "parked", True)


def test_a_refund_that_names_another_member_is_refused(shop, member, paid, refuses):
    with refuses(services.RefundNotMembers):
        services.refund(purchase_ref="1001", facts=shop.refunded(4_000), member_ref="M-2", actor="shop", now=shop.now)
    assert services.refund(purchase_ref="1001", facts=shop.refunded(4_000), member_ref="M-1", actor="shop", now=shop.now).settlement.restored == 1_000


def test_a_refund_dated_before_its_purchase_is_booked_with_it(shop, member, paid):
    services.refund(purchase_ref="1001", facts=replace(shop.refunded(4_000), occurred_at=shop.now - timedelta(days=1)), actor="shop", now=shop.now)
    assert set(Entry.objects.filter(kind__in=["restore", "clawback"]).values_list("occurred_at", flat=True)) == {shop.now}


def test_a_refund_of_a_guests_purchase_waits_until_it_is_claimed(shop, member):
    services.keep_guest(facts=shop.order(), now=shop.now)
    assert shop.refund(4_000).waiting.status == "waiting"
    services.claim(purchase_ref="1001", member_ref=member.external_id, actor="shop", now=shop.now)
    assert shop.balance(member) == (60, 0, 0, 0)


# Without a reference


def park(shop, cents=4_000, number="R-9", member_ref=""):
    return services.park_refund(facts=shop.refunded(cents, number=number), member_ref=member_ref, actor="shop", now=shop.now)


def test_a_refund_without_a_reference_is_parked_for_an_operator(shop):
    kept = park(shop, member_ref="M-1")
    assert (kept.status, kept.member_ref, kept.purchase_ref) == ("parked", "M-1", "")
    assert park(shop, member_ref="M-1") == kept
    assert UnmatchedRefund.objects.count() == 1


def test_a_parked_refund_with_other_content_is_refused(shop, refuses):
    park(shop)
    with refuses(recording.RefundConflict):
        park(shop, 4_001)


def test_an_operator_links_a_parked_refund_to_its_purchase_once(shop, member, paid, refuses, assert_books_balance):
    kept = park(shop)
    done = services.link_refund(unmatched_id=kept.id, purchase_ref="1001", actor="anna", reason="asked the shop", now=shop.now)
    assert moved(done) == (1_000, 40)
    kept.refresh_from_db()
    assert (kept.status, kept.decided_by, kept.reason) == ("applied", "anna", "asked the shop")
    for verb in (services.link_refund, services.close_refund):
        with refuses(recording.RefundDecided):
            verb(unmatched_id=kept.id, **({"purchase_ref": "1001"} if verb is services.link_refund else {}), actor="ben", reason="again", now=shop.now)
    assert moved(shop.refund(4_000, number="R-9")) == (1_000, 40)
    assert_books_balance()


def test_a_link_that_cannot_be_leaves_the_refund_parked(shop, paid, refuses):
    kept = park(shop, 8_001)
    for purchase, refusal in (("1001", services.RefundExceedsPaid), ("nowhere", activity.PurchaseUnknown), ("", activity.PurchaseUnknown)):
        with refuses(refusal):
            services.link_refund(unmatched_id=kept.id, purchase_ref=purchase, actor="anna", reason="try", now=shop.now)
    kept.refresh_from_db()
    assert kept.status == "parked"


def test_an_operator_closes_a_refund_and_it_is_never_applied(shop, member):
    kept = shop.refund(4_000).waiting
    closed = services.close_refund(unmatched_id=kept.id, actor="anna", reason="a test of the shop's", now=shop.now)
    assert (closed.status, closed.decided_by) == ("closed", "anna")
    shop.pay(member, shop.order(10_000))
    assert shop.balance(member) == (100, 0, 0, 0)


def test_an_operator_retries_a_refund_that_could_not_be_applied(shop, member, refuses):
    shop.refund(6_000, number="R-1")
    too_much = shop.refund(6_000, number="R-2").waiting
    shop.pay(member, shop.order(10_000))
    too_much.refresh_from_db()
    assert too_much.status == "parked"
    with refuses(services.RefundExceedsPaid):
        services.retry_refund(unmatched_id=too_much.id, actor="anna", reason="once more", now=shop.now)
    waiting = shop.refund(1_000, purchase="1002").waiting
    with refuses(activity.PurchaseUnknown):
        services.retry_refund(unmatched_id=waiting.id, actor="anna", reason="once more", now=shop.now)
    parked = park(shop, 1_000)
    with refuses(activity.PurchaseUnknown):
        services.retry_refund(unmatched_id=parked.id, actor="anna", reason="once more", now=shop.now)


def test_a_retry_applies_what_has_become_possible(shop, member):
    kept = shop.refund(4_000).waiting
    recording.park(refund=kept, why="tests", actor="tests", now=shop.now)
    shop.pay(member, shop.order(10_000))
    assert shop.balance(member) == (100, 0, 0, 0)
    assert moved(services.retry_refund(unmatched_id=kept.id, actor="anna", reason="now it is here", now=shop.now)) == (0, 40)


def test_what_an_operator_decides_on_a_refund_is_on_record_with_the_reason(shop, member, paid):
    services.link_refund(unmatched_id=park(shop).id, purchase_ref="1001", actor="anna", reason="asked the shop", now=shop.now)
    services.close_refund(unmatched_id=park(shop, number="R-8").id, actor="ben", reason="a double", now=shop.now)
    found = AuditEntry.objects.filter(verb__startswith="refund.").order_by("id").values_list("actor", "verb", "subject", "reason")
    assert list(found) == [("anna", "refund.linked", "refund/R-9", "asked the shop"), ("ben", "refund.closed", "refund/R-8", "a double")]


# Any number of times, in any order, one outcome


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_messages_of_an_order_in_any_order_and_number_have_one_outcome(shop, data):
    """What is refused because it came too early is sent again, as a storefront does."""
    name = str(new_id())
    member = members.ensure(external_id=name, now=shop.now)
    order = shop.order(4_990, 5_010, quantity=2, number=name)
    messages = {
        "purchase": lambda: shop.pay(member, order),
        "R-1": lambda: shop.refund(1_111, number="R-1", purchase=name),
        "R-2": lambda: shop.refund(number="R-2", lines=[("1", 1)], purchase=name),
        "R-3": lambda: shop.refund(2_222, number="R-3", purchase=name),
        "delivered": lambda: shop.delivered(name),
    }
    sent = data.draw(st.permutations([*messages, *data.draw(st.lists(st.sampled_from(list(messages)), max_size=3))]))
    for message in [*sent, "delivered"]:
        with suppress(activity.PurchaseUnknown) if message == "delivered" else nullcontext(), transaction.atomic():
            messages[message]()
    [purchase] = activity.purchases(member_id=member.id)
    settled = shop.settlement(member, purchase)
    facts = activity.facts_of(purchase), sorted(refund.external_id for refund in purchase.refunds.all())
    assert facts == (order, ["R-1", "R-2", "R-3"])
    assert (settled.earned, settled.clawed_back, settled.refunded_cents, settled.delivered_at) == (100, 59, 5_828, shop.now)
    assert shop.balance(member) == (41, 0, 0, 0)
    assert Lot.objects.filter(member_id=member.id).count() == 1
