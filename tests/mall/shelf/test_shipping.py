"""What a parcel costs: on the shelf, with the click, paid, and given back."""

import pytest

from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashSale
from mall.redemptions import selectors as redeemed
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption, Step
from mall.rewards.services import RewardInvalid
from mall.shelf import selectors
from tests.mall.conftest import HOME
from tiers.ladder import services as ladder
from tiers.standing import services as standings

pytestmark = pytest.mark.django_db
Status = Redemption.Status


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member


@pytest.fixture
def gold(mall, tier):
    """Put a member into gold, which ships free."""
    tier("basic", 1)
    tier("gold", 2, threshold=5_000)
    ladder.keep_benefit(tier="gold", kind="free_shipping", actor="tests", now=mall.now)

    def put(member, **more):
        standings.set_standing(member_id=member.id, tier="gold", reason="tests", actor="tests", **more, now=mall.now)

    return put


def money(row):
    return row.status, row.cents, row.shipping_cents, row.total_cents, row.shipping_waived_cents


def back(row):
    """What each step gave back: points, money, of it for shipping."""
    return [(one.points, one.cents, one.shipping_cents) for one in redeemed.steps(redemption=row) if one.points]


@pytest.mark.parametrize(
    ("cents", "fee", "quantity", "free", "status", "due"),
    [
        (0, 0, 1, False, Status.CONFIRMED, (0, 0, 0, 0)),
        (0, 800, 1, False, Status.HELD, (0, 800, 800, 0)),
        (0, 800, 3, False, Status.HELD, (0, 800, 800, 0)),
        (0, 1, 1, False, Status.HELD, (0, 1, 1, 0)),
        (500, 800, 1, False, Status.HELD, (500, 800, 1_300, 0)),
        (500, 800, 3, False, Status.HELD, (1_500, 800, 2_300, 0)),
        (0, 0, 1, True, Status.CONFIRMED, (0, 0, 0, 0)),
        (0, 800, 3, True, Status.CONFIRMED, (0, 0, 0, 800)),
        (500, 800, 3, True, Status.HELD, (1_500, 0, 1_500, 800)),
    ],
)
def test_a_parcel_costs_once_however_many_are_in_it_and_nothing_for_a_tier_that_ships_free(
    mall, rich, gold, assert_books_balance, assert_mall_adds_up, cents, fee, quantity, free, status, due
):
    if free:
        gold(rich)
    mall.reward(points=100, cents=cents, shipping_cents=fee)
    item = selectors.item(code="mug", who=selectors.as_member(member_id=rich.id, now=mall.now), now=mall.now)
    assert (item.shipping.cents, item.total_cents, item.shipping.waived_cents) == (due[1], cents + due[1], due[3])
    row = mall.redeem(rich, quantity=quantity)
    assert money(row) == (status, *due)
    if status == Status.HELD:
        row = mall.step("confirm", row, paid_cents=due[2]).redemption
    assert (row.status, row.spend.points, mall.points(rich)) == (Status.CONFIRMED, 100 * quantity, 1_000 - 100 * quantity)
    assert_books_balance()
    assert_mall_adds_up()


@pytest.mark.parametrize("paid", [0, 799, 801, 1_600])
def test_what_is_paid_is_price_and_shipping_to_the_cent(mall, rich, refuses, paid):
    mall.reward(shipping_cents=800)
    row = mall.redeem(rich, quantity=2)
    with refuses(redemptions.PaymentDisagrees) as refused:
        mall.step("confirm", row, paid_cents=paid)
    assert refused.value.figures == {"due_cents": 800, "paid_cents": paid}


def test_shipping_that_is_not_paid_in_time_frees_points_and_stock(mall, rich, assert_books_balance, assert_mall_adds_up):
    mall.reward(shipping_cents=800)
    row = mall.redeem(rich)
    assert (mall.points(rich), mall.left()) == (900, 4)
    mall.wait(minutes=30)
    assert redemptions.lapse_due(limit=10, now=mall.now) == {"lapsed": 1}
    assert (mall.points(rich), mall.left(), redeemed.money_back(row)) == (1_000, 5, 0)
    assert_books_balance()
    assert_mall_adds_up()


def test_a_redemption_keeps_the_fee_of_its_day(mall, rich, gold):
    reward = mall.reward(shipping_cents=800)
    row = mall.redeem(rich)
    reward.shipping_cents = 0
    reward.save()
    gold(rich)
    row.refresh_from_db()
    assert money(row) == (Status.HELD, 0, 800, 800, 0)
    mall.step("confirm", row, paid_cents=800)


def test_nobody_ships_free_by_a_tier_whose_term_is_over(mall, rich, gold):
    gold(rich, until=mall.now.replace(year=mall.now.year + 1))
    mall.reward(shipping_cents=800)
    assert mall.redeem(rich).shipping_cents == 0
    mall.wait(days=366)
    mall.give(rich, 1_000)
    assert mall.redeem(rich).shipping_cents == 800


def test_what_is_cancelled_gives_shipping_back_and_unpaid_there_is_nothing_to_give(mall, rich, assert_books_balance, assert_mall_adds_up):
    mall.reward(cents=500, shipping_cents=800)
    paid, held = mall.redeem(rich, quantity=2), mall.redeem(rich)
    mall.step("confirm", paid, paid_cents=1_800)
    for row in (paid, held):
        mall.step("cancel", row, reason="tests")
    assert (back(paid), redeemed.money_back(paid), back(held), redeemed.money_back(held)) == ([(200, 1_800, 800)], 1_800, [], 0)
    assert mall.points(rich) == 1_000
    assert_books_balance()
    assert_mall_adds_up()


@pytest.mark.parametrize(
    ("returns", "given"),
    [
        ([(3, False)], [(300, 1_503, 0)]),
        ([(3, True)], [(300, 2_302, 799)]),
        ([(1, False), (1, False), (1, False)], [(100, 501, 0)] * 3),
        ([(1, True), (1, True), (1, True)], [(100, 1_300, 799), (100, 501, 0), (100, 501, 0)]),
        ([(1, False), (2, True)], [(100, 501, 0), (200, 1_801, 799)]),
    ],
)
def test_a_return_gives_back_the_price_and_shipping_only_where_it_is_said_and_once(mall, rich, assert_mall_adds_up, returns, given):
    mall.reward(cents=501, shipping_cents=799)
    row = mall.redeem(rich, quantity=3)
    mall.step("confirm", row, paid_cents=3 * 501 + 799)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    for number, (quantity, shipping) in enumerate(returns):
        about = {"quantity": quantity, "shipping": shipping, "restock": True, "reason": "tests", "key": f"R-{number}"}
        done = mall.step("return_", row, **about)
        assert not done.replayed
        assert mall.step("return_", row, **about).replayed
    assert back(row) == given
    assert redeemed.money_back(row) == sum(cents for _points, cents, _shipping in given)
    assert mall.points(rich) == 1_000
    assert_mall_adds_up()


def test_the_same_key_with_another_wish_about_shipping_is_refused(mall, rich, refuses):
    mall.reward(shipping_cents=800)
    row = mall.redeem(rich, quantity=2)
    mall.step("confirm", row, paid_cents=800)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    about = {"quantity": 1, "restock": False, "reason": "tests", "key": "R"}
    mall.step("return_", row, shipping=True, **about)
    with refuses(redemptions.ledger.KeyConflict):
        mall.step("return_", row, **about)
    assert Step.objects.filter(status=Status.SHIPPED, quantity=1).count() == 1


@pytest.mark.parametrize(("saw", "changed"), [(None, False), (800, False), (0, True), (799, True)])
def test_the_fee_that_the_member_saw_is_the_fee_or_nothing_happens(mall, rich, refuses, saw, changed):
    mall.reward(points=100, shipping_cents=800)
    if changed:
        with refuses(redemptions.PriceChanged) as refused:
            mall.redeem(rich, expected=(100, 0), expected_shipping=saw)
        assert refused.value.figures == {"points": 100, "cents": 0, "shipping_cents": 800}
    else:
        assert mall.redeem(rich, expected=(100, 0), expected_shipping=saw).total_cents == 800


def test_only_goods_have_shipping(mall):
    with pytest.raises(RewardInvalid):
        mall.reward("agent", kind="privilege", item="", stock=None, shipping_cents=1)


@pytest.mark.parametrize("free", [False, True])
def test_in_a_flash_sale_the_parcel_costs_what_it_does_on_the_shelf(mall, rich, gold, storefront, free):
    if free:
        gold(rich)
    reward = mall.reward(points=100, shipping_cents=800)
    times = {"starts_at": mall.now, "ends_at": mall.now.replace(year=mall.now.year + 1)}
    sale = flashsale.keep_sale(
        sale=FlashSale(reward=reward, name_zh="秒杀", name_en="Sale", points=50, cents=100, quantity=2, **times), actor="tests", now=mall.now
    )
    flashsale.line_up(sale_id=sale.id, member_id=rich.id, now=mall.now)
    about = {"recipient": HOME, "actor": "tests", "key": "S-1", "now": mall.now}
    row = flashsale.redeem(sale_id=sale.id, member_id=rich.id, expected=(50, 100), expected_shipping=0 if free else 800, **about).redemption
    fee = 0 if free else 800
    assert (row.points, *money(row)) == (50, Status.HELD, 100, fee, 100 + fee, 800 - fee)
    [shown] = storefront.get("/api/v1/members/M-1/flash-sales").json()["results"]
    assert shown["shipping_cents"] == fee
    assert storefront.get("/api/v1/flash-sales").json()["results"][0]["shipping_cents"] == 800
