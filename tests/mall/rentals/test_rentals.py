"""Lent once or points back, taken back at its end, never lent twice at once. Against a partner on a real socket."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.notifications.models import Message
from mall.redemptions.services import handed
from mall.rentals import selectors, services
from mall.rentals.models import Rental, RentalTerms
from mall.rewards.models import StockChange
from mall.rewards.services import RewardInvalid
from mall.vouchers import services as vouchers
from mall.vouchers.models import Provider, ProviderProduct, VoucherAttempt, VoucherOrder
from points.ledger import services as ledger
from riskcontrol.screening import services as screening
from tiers.standing import services as standings

State = Rental.State
DAY = timedelta(days=1)


def told(desk, member):
    desk.hear()
    return list(Message.objects.filter(member_id=member.id, kind__code__startswith="rental_").order_by("id").values_list("kind_id", flat=True))


def asks(rental):
    return list(VoucherAttempt.objects.filter(order_id=rental.order_id).order_by("number").values_list("ask", flat=True))


def test_it_is_lent_once_the_partner_says_so_and_taken_back_at_its_end(desk, rich, all_is_well):
    row = desk.asked(rich)
    rental = desk.of(row)
    assert (row.status, rental.state, desk.left(), handed(row)) == ("fulfilling", State.ASKED, 2, [])
    assert desk.send() == {"delivered": 1}
    assert (desk.status(rental), desk.state(rental), desk.partner.orders.lent()) == (
        "delivered", State.LENT, {str(rental.order_id): f"{rental.ends_at:%Y-%m-%dT%H:%M:%SZ}"},
    )  # fmt: skip
    (issued,) = desk.partner.orders.issued()
    row.refresh_from_db()
    assert handed(row) == [{"rental": str(rental.id), "name": "里程", "ends_at": rental.ends_at, **issued["vouchers"][0]}]
    all_is_well()
    desk.until(rental.ends_at, microseconds=-1)
    assert (desk.tend(), desk.until(rental.ends_at).tend()) == ({"reminded": 1}, {"ended": 1})
    assert (desk.state(rental), desk.left(), desk.partner.orders.lent()) == (State.ENDING, 2, {str(rental.order_id): f"{rental.ends_at:%Y-%m-%dT%H:%M:%SZ}"})
    all_is_well()
    assert desk.send() == {"withdrawn": 1}
    assert (desk.state(rental), desk.left(), desk.partner.orders.lent(), handed(row)) == (State.TAKEN_BACK, 3, {}, [])
    change = StockChange.objects.latest("id")
    assert (change.kind, change.change, change.subject) == ("taken_back", 1, f"rental/{rental.id}")
    assert (desk.mall.points(rich), asks(rental)) == (900, ["POST", "RETURN"])
    assert told(desk, rich) == ["rental_lent", "rental_ends_soon", "rental_ended"]
    assert (desk.tend(days=1), desk.send(days=1)) == ({}, {})
    all_is_well()


def test_what_the_partner_refuses_gives_points_and_stock_back(desk, rich, all_is_well):
    desk.partner.next.append("refuse")
    rental = desk.borrow(rich)
    assert (desk.state(rental), desk.status(rental), desk.mall.points(rich), desk.left()) == (State.REFUSED, "cancelled", 1_000, 3)
    assert told(desk, rich) == []
    all_is_well()


@pytest.mark.parametrize(
    "fault", ["slow", "slow after", "close", "close after", "error", "error after", "half", "twice", "noise", "stranger", "one short", "busy"]
)
def test_whatever_goes_wrong_it_is_lent_once_and_taken_back_once(desk, rich, fault, all_is_well):
    desk.partner.next.append(fault)
    rental = desk.borrow(rich)
    desk.settle()
    assert (desk.state(rental), desk.status(rental), len(desk.partner.orders.lent())) == (State.LENT, "delivered", 1)
    all_is_well()
    desk.until(rental.ends_at).tend()
    desk.partner.next.append(fault)
    desk.settle()
    assert (desk.state(rental), desk.left(), desk.partner.orders.lent()) == (State.TAKEN_BACK, 3, {})
    assert StockChange.objects.filter(kind="taken_back").count() == 1
    all_is_well()


def test_a_partner_that_does_not_give_it_up_is_asked_for_days_and_then_an_operator_decides(desk, rich, all_is_well, refuses):
    rental = desk.borrow(rich)
    desk.partner.orders.use(str(rental.order_id))
    desk.until(rental.ends_at).tend()
    assert desk.send() == {"waiting": 1}
    desk.settle()
    order = VoucherOrder.objects.get(id=rental.order_id)
    assert (order.state, desk.state(rental), desk.left()) == ("unknown", State.ENDING, 2)
    all_is_well()
    with refuses(vouchers.OrderUnderWay):
        desk.decide("hand_over", order, vouchers=[])
    assert desk.decide("write_off", order).state == "withdrawn"
    assert (desk.state(rental), desk.left(), desk.mall.points(rich)) == (State.TAKEN_BACK, 3, 900)
    all_is_well()


def test_a_partner_that_never_answers_is_asked_again_when_an_operator_says_so(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    desk.until(rental.ends_at).tend()
    desk.partner.next.extend(["close"] * 60)
    desk.settle()
    assert VoucherOrder.objects.get(id=rental.order_id).state == "unknown"
    desk.partner.next.clear()
    desk.decide("ask_again", rental.order)
    assert (desk.send(), desk.state(rental), desk.left()) == ({"withdrawn": 1}, State.TAKEN_BACK, 3)
    all_is_well()


def test_nobody_answers_whether_it_is_lent_and_an_operator_gives_the_points_back(desk, rich, all_is_well):
    desk.partner.next.extend(["close"] * 60)
    rental = desk.of(desk.asked(rich))
    desk.settle()
    assert (desk.state(rental), VoucherOrder.objects.get().state) == (State.ASKED, "unknown")
    desk.decide("write_off", rental.order)
    assert (desk.state(rental), desk.status(rental), desk.mall.points(rich), desk.left()) == (State.REFUSED, "cancelled", 1_000, 3)
    all_is_well()


def test_what_was_never_asked_for_can_be_cancelled_and_what_is_lent_cannot(desk, rich, all_is_well, refuses):
    row = desk.asked(rich)
    rental = desk.of(row)
    desk.mall.step("cancel", row, reason="by mistake")
    assert (desk.state(rental), desk.mall.points(rich), desk.left(), desk.send()) == (State.REFUSED, 1_000, 3, {})
    rental = desk.borrow(rich)
    with refuses(services.RentalOut):
        desk.mall.step("return_", rental.redemption, restock=True, reason="no", key="r")
    desk.end(rental)
    with refuses(services.RentalOut) as refused:
        desk.mall.step("return_", rental.redemption, restock=True, reason="no", key="r")
    assert refused.value.message != str(services.RentalOut.title), "it is lent no more"
    desk.send()
    with refuses(services.RentalOut):
        desk.mall.step("return_", rental.redemption, restock=True, reason="no", key="r")
    assert (desk.left(), desk.mall.points(rich)) == (3, 900)
    all_is_well()


def test_what_is_out_at_the_partner_comes_back_by_its_rental_and_not_by_its_order(desk, rich, refuses):
    rental = desk.borrow(rich)
    with refuses(vouchers.OrderUnderWay):
        desk.decide("withdraw", rental.order)


def test_the_end_is_that_of_a_local_day_in_the_programmes_zone(desk, rich):
    desk.mall.now = datetime(2026, 11, 21, 15, 59, tzinfo=UTC)
    late = desk.borrow(rich)
    desk.mall.now = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
    early = desk.borrow(rich)
    assert (late.ends_at, early.ends_at) == (datetime(2026, 12, 21, 16, tzinfo=UTC), datetime(2026, 12, 22, 16, tzinfo=UTC))


def test_given_back_early_no_points_come_back(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    desk.mall.wait(days=2)
    assert desk.end(rental).state == State.ENDING
    assert desk.end(rental).state == State.ENDING, "again: nothing"
    assert (desk.send(), desk.state(rental), desk.left(), desk.mall.points(rich)) == ({"withdrawn": 1}, State.TAKEN_BACK, 3, 900)
    assert desk.end(rental).state == State.TAKEN_BACK
    assert (desk.fresh(rental).cause, told(desk, rich)) == ("member", ["rental_lent", "rental_ended"])
    all_is_well()


def test_what_is_not_lent_cannot_be_given_back(desk, rich, other_member, refuses):
    rental = desk.of(desk.asked(rich))
    with refuses(services.RentalNotOut):
        desk.end(rental)
    with refuses(selectors.RentalUnknown):
        desk.end(rental, member_id=other_member.id)
    desk.partner.next.append("refuse")
    desk.send()
    with refuses(services.RentalNotOut):
        desk.end(rental)


def test_an_operator_who_ends_one_says_why(desk, rich, refuses):
    rental = desk.borrow(rich)
    with refuses(services.ReasonMissing):
        desk.end(rental, member_id=None, cause="operator")
    desk.end(rental, member_id=None, cause="operator", reason="misused")
    assert (desk.fresh(rental).cause, desk.fresh(rental).reason) == ("operator", "misused")


# How many at one time


def test_a_member_has_at_most_so_many_at_one_time(desk, rich, all_is_well, refuses):
    first, _second = desk.borrow(rich), desk.of(desk.asked(rich))
    with refuses(services.RentalLimit) as refusal:
        desk.asked(rich)
    assert refusal.value.figures == {"limit": 2, "had": 2}
    desk.end(first)
    with refuses(services.RentalLimit):
        desk.asked(rich)
    desk.send()
    assert desk.asked(rich).status == "fulfilling", "the first was taken back"
    all_is_well()


def test_several_at_once_count_as_several(desk, rich, all_is_well, refuses):
    with refuses(services.RentalLimit):
        desk.asked(rich, quantity=3)
    rental = desk.borrow(rich, quantity=2)
    assert (rental.quantity, rental.renewal_points, desk.left(), len(rental.order.vouchers)) == (2, 80, 1, 2)
    desk.end(rental)
    desk.send()
    assert desk.left() == 3
    all_is_well()


def test_what_waits_for_its_money_counts_too_and_is_lent_once_it_is_paid(desk, rich, mall, all_is_well, refuses):
    mall.reward("lounge", kind="rental", item="miles-30", points=10, cents=500, stock=None)
    rows = [mall.redeem(rich, "lounge") for _ in range(2)]
    with refuses(services.RentalLimit):
        mall.redeem(rich, "lounge")
    with refuses(services.RentalLimit):
        desk.asked(rich)
    mall.wait(minutes=5)
    mall.step("confirm", rows[0], paid_cents=500)
    mall.step("cancel", rows[1])
    desk.send()
    rental = desk.of(rows[0])
    assert (rental.state, rental.stocked) == (State.LENT, False)
    assert desk.asked(rich).status == "fulfilling"
    desk.end(rental)
    desk.settle()
    assert desk.state(rental) == State.TAKEN_BACK
    all_is_well()


def test_what_its_partner_cannot_be_asked_for_is_not_redeemed_and_not_paid_for(desk, rich, mall, refuses):
    mall.reward("lounge", kind="rental", item="miles-30", points=10, cents=500, stock=None)
    Provider.objects.update(active=False)
    for code in ("miles", "lounge"):
        with refuses(vouchers.VoucherUnavailable):
            mall.redeem(rich, code)
    Provider.objects.update(active=True)
    RentalTerms.objects.update(active=False)
    with refuses(vouchers.VoucherUnavailable):
        desk.asked(rich)


# Renewals


def test_a_renewal_is_paid_at_once_and_moves_the_end_once_the_partner_agrees(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    renewed = desk.renew(rental, key="again")
    assert (renewed.rental.ends_at, desk.mall.points(rich), renewed.renewal.points) == (rental.ends_at, 860, 40)
    assert desk.renew(rental, key="again").replayed
    all_is_well()
    assert desk.send() == {"delivered": 1}
    after = desk.fresh(rental)
    assert (after.ends_at, after.renewals, after.state) == (rental.ends_at + 30 * DAY, 1, State.LENT)
    assert desk.partner.orders.lent() == {str(rental.order_id): f"{after.ends_at:%Y-%m-%dT%H:%M:%SZ}"}
    assert desk.until(rental.ends_at).tend() == {}, "its first end is no end any more"
    assert (desk.until(after.ends_at).tend(), told(desk, rich)) == ({"ended": 1}, ["rental_lent", "rental_renewed", "rental_ended"])
    desk.send()
    all_is_well()


def test_a_refused_renewal_gives_its_points_back_and_it_ends_as_it_would_have(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    desk.hear()
    desk.renew(rental)
    desk.partner.next.append("refuse")
    assert desk.send() == {"refused": 1}
    assert (desk.fresh(rental).ends_at, desk.mall.points(rich), desk.renewals()) == (rental.ends_at, 900, ["refused"])
    assert told(desk, rich) == ["rental_lent", "rental_not_renewed"]
    all_is_well()
    assert desk.renew(rental).renewal.state == "asked", "it may be tried again"
    desk.send()
    assert desk.renewals() == ["refused", "done"]
    all_is_well()


@pytest.mark.parametrize("fault", ["slow", "slow after", "close after", "error after", "half", "twice", "noise"])
def test_whatever_goes_wrong_a_renewal_makes_it_longer_once(desk, rich, fault, all_is_well):
    rental = desk.borrow(rich)
    desk.partner.next.append(fault)
    desk.renew(rental)
    desk.settle()
    assert (desk.fresh(rental).ends_at, desk.mall.points(rich), desk.renewals()) == (rental.ends_at + 30 * DAY, 860, ["done"])
    all_is_well()


def test_it_does_not_end_while_a_renewal_is_not_answered(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    desk.until(rental.ends_at, minutes=-1)
    desk.renew(rental)
    assert (desk.until(rental.ends_at, hours=1).tend(), desk.state(rental)) == ({}, State.LENT)
    desk.partner.next.append("refuse")
    desk.send()
    assert (desk.tend(), desk.state(rental), desk.mall.points(rich)) == ({"ended": 1}, State.ENDING, 900)
    desk.send()
    all_is_well()


def test_given_back_while_a_renewal_is_not_answered_it_ends_once_that_is(desk, rich, all_is_well, refuses):
    rental = desk.borrow(rich)
    desk.renew(rental)
    assert desk.end(rental).state == State.LENT
    with refuses(services.RentalOver):
        desk.renew(rental)
    desk.send()
    assert (desk.state(rental), desk.fresh(rental).renewals) == (State.ENDING, 1)
    desk.send()
    assert (desk.state(rental), desk.left()) == (State.TAKEN_BACK, 3)
    all_is_well()


def test_a_renewal_that_nobody_answers_is_decided_by_an_operator(desk, rich, all_is_well):
    rentals = [desk.borrow(rich) for _ in range(2)]
    orders = [desk.renew(rental).renewal.order for rental in rentals]
    desk.partner.next.extend(["close"] * 100)
    desk.settle()
    assert set(VoucherOrder.objects.filter(purpose="renewal").values_list("state", flat=True)) == {"unknown"}
    desk.decide("write_off", orders[0])
    desk.decide("hand_over", orders[1], vouchers=[])
    assert desk.renewals() == ["refused", "done"]
    assert [desk.fresh(one).ends_at - one.ends_at for one in rentals] == [timedelta(), 30 * DAY]
    assert desk.mall.points(rich) == 1_000 - 200 - 40
    all_is_well()


def test_why_it_cannot_be_renewed(desk, rich, mall, refuses):
    rental = desk.of(desk.asked(rich))
    with refuses(services.RentalNotOut):
        desk.renew(rental)
    desk.send()
    desk.renew(rental)
    with refuses(services.RenewalUnderWay):
        desk.renew(rental)
    desk.send()
    desk.renew(rental)
    desk.send()
    with refuses(services.RenewalsUsedUp):
        desk.renew(rental)
    Rental.objects.update(most_renewals=3)
    ledger.spend(member_id=rich.id, points=mall.points(rich) - 39, actor="tests", key="rest", now=mall.now)
    with refuses(ledger.InsufficientPoints):
        desk.renew(rental)
    screening.block(member_id=rich.id, reason="tests", actor="tests", now=mall.now)
    with refuses(screening.Screened):
        desk.renew(rental)
    desk.until(desk.fresh(rental).ends_at)
    with refuses(services.RentalOver):
        desk.renew(rental)


def test_the_same_key_for_another_rental_is_a_conflict(desk, rich, refuses):
    first, second = desk.borrow(rich), desk.borrow(rich)
    desk.renew(first, key="one")
    with refuses(ledger.KeyConflict):
        desk.renew(second, key="one")


def test_what_cannot_be_renewed_says_so(desk, rich, terms, mall, refuses):
    terms.renewals, terms.renewal_points = 0, None
    services.keep(terms=terms, actor="tests", now=mall.now)
    rental = desk.borrow(rich)
    for act in (lambda: desk.renew(rental), lambda: services.renew_by_itself(rental_id=rental.id, on=True, now=mall.now)):
        with refuses(services.NotRenewable):
            act()


def test_who_fell_from_the_tier_keeps_it_to_the_end_and_cannot_renew(desk, rich, mall, tier, all_is_well, refuses):
    tier("basic", 10)
    tier("diamond", 40, threshold=1_000)
    mall.reward("lounge", kind="rental", item="miles-30", points=10, stock=2, least_tier_id="diamond")
    set_tier = {"member_id": rich.id, "reason": "tests", "actor": "tests", "now": mall.now}
    with refuses(services.TierTooLow):
        mall.redeem(rich, "lounge")
    standings.set_standing(tier="diamond", **set_tier)
    rental = desk.of(mall.redeem(rich, "lounge"), send=True)
    services.renew_by_itself(rental_id=rental.id, member_id=rich.id, on=True, now=mall.now)
    mall.wait(days=1)
    standings.set_standing(tier="basic", **{**set_tier, "now": mall.now})
    with refuses(services.TierTooLow):
        desk.renew(rental)
    assert desk.until(rental.ends_at, hours=-23).tend() == {"reminded": 1}
    assert (desk.fresh(rental).renews_itself, desk.state(rental)) == (False, State.LENT)
    assert desk.until(rental.ends_at).tend() == {"ended": 1}
    assert told(desk, rich) == ["rental_lent", "rental_ends_soon", "rental_not_renewed", "rental_ended"]
    desk.send()
    all_is_well()


def test_it_renews_itself_on_its_last_day_where_the_member_wants_it_so(desk, rich, all_is_well):
    rental, other = desk.borrow(rich), desk.borrow(rich)
    services.renew_by_itself(rental_id=rental.id, member_id=rich.id, on=True, now=desk.mall.now)
    services.renew_by_itself(rental_id=other.id, member_id=rich.id, on=True, now=desk.mall.now)
    services.renew_by_itself(rental_id=other.id, member_id=rich.id, on=False, now=desk.mall.now)
    assert desk.until(rental.ends_at, days=-1, microseconds=-1).tend() == {"reminded": 2}
    assert (desk.tend(microseconds=1), desk.tend()) == ({"renewals": 1}, {})
    desk.send()
    assert [desk.fresh(one).ends_at for one in (rental, other)] == [rental.ends_at + 30 * DAY, other.ends_at]
    all_is_well()


def test_it_does_not_renew_itself_where_the_points_are_short(desk, rich, all_is_well):
    rental = desk.borrow(rich)
    services.renew_by_itself(rental_id=rental.id, on=True, now=desk.mall.now)
    ledger.spend(member_id=rich.id, points=desk.mall.points(rich) - 39, actor="tests", key="rest", now=desk.mall.now)
    desk.until(rental.ends_at, hours=-1)
    assert (desk.tend(), desk.tend(), desk.mall.points(rich)) == ({"reminded": 1}, {}, 39)
    assert told(desk, rich) == ["rental_lent", "rental_ends_soon", "rental_not_renewed"]
    assert (desk.until(rental.ends_at).tend(), desk.renewals()) == ({"ended": 1}, [])
    desk.send()
    all_is_well()


def test_where_the_partner_refuses_it_is_not_tried_by_itself_again(desk, rich):
    rental = desk.borrow(rich)
    services.renew_by_itself(rental_id=rental.id, on=True, now=desk.mall.now)
    desk.until(rental.ends_at, hours=-1).tend()
    desk.partner.next.append("refuse")
    desk.send()
    assert (desk.tend(), desk.renewals()) == ({}, ["refused"])
    services.renew_by_itself(rental_id=rental.id, on=True, now=desk.mall.now)
    assert (desk.tend(), desk.renewals()) == ({"renewals": 1}, ["refused", "asked"])


def test_the_terms_of_the_day_hold_for_what_is_out(desk, rich, terms, mall):
    rental = desk.borrow(rich)
    terms.days, terms.renewal_points, terms.renewals, terms.active = 5, 900, 0, False
    services.keep(terms=terms, actor="tests", now=mall.now)
    desk.renew(rental)
    desk.send()
    assert (desk.fresh(rental).ends_at, mall.points(rich)) == (rental.ends_at + 30 * DAY, 860)


def test_nobody_is_reminded_twice_and_after_a_renewal_again(desk, rich):
    rental = desk.borrow(rich)
    desk.until(rental.ends_at, days=-3, microseconds=-1)
    assert (desk.tend(), desk.tend(microseconds=1), desk.tend(days=1)) == ({}, {"reminded": 1}, {})
    desk.renew(rental)
    desk.send()
    assert desk.until(rental.ends_at, days=27).tend() == {"reminded": 1}


# Who is gone


def test_an_erased_members_loan_goes_back(desk, rich, all_is_well):
    lent, asked = desk.borrow(rich), desk.of(desk.asked(rich))
    assert services.end_all(member_ids=[rich.id], actor="erasure", now=desk.mall.now) == 2
    assert (desk.state(lent), desk.state(asked)) == (State.ENDING, State.ASKED)
    desk.settle()
    assert (desk.state(lent), desk.state(asked), desk.left(), desk.partner.orders.lent()) == (State.TAKEN_BACK, State.TAKEN_BACK, 3, {})
    assert services.end_all(member_ids=[rich.id], actor="erasure", now=desk.mall.now) == 0
    all_is_well()


# Terms


def test_terms_that_can_be_renewed_say_for_how_much(terms, mall, refuses):
    terms.renewal_points = None
    with refuses(services.TermsInvalid):
        services.keep(terms=terms, actor="tests", now=mall.now)


def test_a_reward_names_terms_that_are_there(desk, mall, refuses):
    for item in ("nothing", ""):
        with refuses(RewardInvalid):
            mall.reward("x", kind="rental", item=item, stock=None)


def test_it_is_renewed_by_the_partner_that_has_lent_it_whichever_the_terms_name_now(desk, rich, terms, mall, all_is_well):
    rental = desk.borrow(rich)
    other = Provider(code="railway", name_zh="铁路", name_en="Railway", base_url="https://railway.example.com", key_id="k", active=True)
    product = ProviderProduct(code="rail-miles", provider=other, sku="RAIL", name_zh="铁路里程", name_en="Rail miles")
    vouchers.keep(provider=other, products=[product], actor="tests", now=mall.now)
    terms.product = product
    services.keep(terms=terms, actor="tests", now=mall.now)
    desk.renew(rental)
    desk.settle()
    assert (desk.renewals(), desk.fresh(rental).ends_at > rental.ends_at) == (["done"], True)
    all_is_well()
