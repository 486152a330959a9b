"""A large order wins a coupon, a week of check-ins another. Both are used, come back with their order, and go with what won them."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.activity import rules as facts
from accounts.members import services as members
from mall.checkout import services as till
from mall.coupons import services as coupons
from mall.coupons.models import Coupon, CouponTemplate
from points.checkin import services as checkin
from points.rulebook import services as rulebook
from points.rulebook.rules import ONE, Conditions, Definition, Effect

START = datetime(2026, 10, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def publish(code, fact, definition):
    made = rulebook.make(code=code, fact=fact, name_zh=code, name_en=code, definition=definition, actor="tests", now=START - DAY)
    rulebook.publish(version_id=made.id, ever=True, actor="tests", now=START - DAY)


@pytest.fixture
def regular(db):
    about = {"kind": "amount", "valid_days": 60, "combines_with_coupons": True}
    for code, cents in (("ten-off", 1_000), ("five-off", 500)):
        coupons.keep(template=CouponTemplate(code=code, name_zh=code, name_en=code, amount_cents=cents, **about), actor="tests", now=START - DAY)
    publish("goods", "purchase", Definition(effect=Effect("per_unit", rate=ONE)))
    publish("large", "purchase", Definition(Conditions(min_cents=20_000), Effect("coupon", item="ten-off")))
    publish("week", "streak_reached", Definition(Conditions(expression="data.days == 7"), Effect("coupon", item="five-off")))
    return members.register(external_id="M-9", now=START - DAY)[0].id


@pytest.fixture
def buy(regular, django_capture_on_commit_callbacks):
    def pay(number, cents, day, *codes, off=0):
        at = START + day * DAY
        order = facts.Purchase(
            number, at, "CNY", cents - off, (facts.Line("1", "MUG", "HOME", "", 1, cents),), 0, tuple({"kind": "coupon", "code": code} for code in codes)
        )
        with django_capture_on_commit_callbacks(execute=True):
            return till.pay(member_id=regular, facts=order, actor="tests", now=at)

    return pay


@pytest.fixture
def refund(django_capture_on_commit_callbacks):
    def give_back(number, cents, day):
        at = START + day * DAY
        with django_capture_on_commit_callbacks(execute=True):
            till.refund(purchase_ref=number, facts=facts.Refund(f"R-{number}-{day}", at, cents, ()), actor="tests", now=at)

    return give_back


def stands():
    """Each coupon's template, where it comes from, how it stands, for what it was used."""
    return [tuple(row) for row in Coupon.objects.order_by("id").values_list("template_id", "source", "status", "used_by")]


def test_coupons_are_won_used_given_back_and_go_with_their_ground(regular, buy, refund, django_capture_on_commit_callbacks, assert_books_balance):
    buy("A-1", 30_000, 0)
    assert stands() == [("ten-off", "rule", "available", "")]
    for day in range(7):
        with django_capture_on_commit_callbacks(execute=True):
            checkin.check_in(member_id=regular, actor="tests", now=START + day * DAY)
    assert stands()[1:] == [("five-off", "check_in", "available", "")]

    ten, five = Coupon.objects.order_by("id").values_list("code", flat=True)
    buy("A-2", 10_000, 8, ten, five, off=1_500)
    assert stands() == [("ten-off", "rule", "used", "A-2"), ("five-off", "check_in", "used", "A-2")]

    refund("A-2", 4_000, 9)
    assert {status for _template, _source, status, _purchase in stands()} == {"used"}
    refund("A-1", 30_000, 10)
    assert stands()[0] == ("ten-off", "rule", "used", "A-2")
    refund("A-2", 4_500, 11)
    assert stands() == [("ten-off", "rule", "withdrawn", ""), ("five-off", "check_in", "available", "")]
    assert_books_balance()
