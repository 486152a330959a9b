"""What a birthday brings to members of a tier."""

from datetime import date

import pytest

from accounts.activity.models import Behaviour
from accounts.notifications.models import Message
from points.benefits import selectors, services
from points.benefits.models import BenefitTerms
from tiers.ladder import selectors as ladder
from tiers.ladder.rules import Band

from .conftest import at

pytestmark = pytest.mark.django_db(transaction=True)
GROWING = [Band(3, 200), Band(6, 300)]


def celebrated(*day):
    services.celebrate(limit=100, actor="tests", now=at(*day, 0, 10))
    return [
        (one.member.external_id, one.local_date, one.data) for one in Behaviour.objects.filter(kind="birthday").order_by("local_date", "member__external_id")
    ]


@pytest.mark.parametrize(("orders", "points"), [(0, 100), (2, 100), (3, 200), (5, 200), (6, 300)])
def test_the_gift_grows_with_the_orders_of_the_twelve_months_before(answered, promise, joined, put, buys, has, orders, points):
    promise("gold", "birthday_gift", 100, bands=GROWING)
    member = joined("A", date(1990, 5, 17))
    put(member, "gold", 2025, 1, 1)
    # A year and a second ago, and on the day itself: neither counts.
    buys(member, 2025, 5, 16, 23)
    buys(member, 2026, 5, 17, 0, 5)
    for n in range(orders):
        buys(member, 2025, 5 + n, 17 + n)
    celebrated(2026, 5, 17)
    assert has(member, 2026, 5, 18) == points
    assert Message.objects.get(kind="birthday").about == {"points": points}


def test_a_tier_that_promises_nothing_tells_the_birthday_without_points(answered, promise, joined, has):
    promise("gold", "birthday_gift", 100)
    member = joined("A", date(1990, 5, 17))
    assert celebrated(2026, 5, 17) == [("A", date(2026, 5, 17), {"year": 2026})]
    assert (has(member, 2026, 5, 18), Message.objects.exists()) == (0, False)


def test_a_gift_made_up_for_is_that_of_the_day_itself(answered, promise, joined, put, has):
    promise("gold", "birthday_gift", 100)
    member = joined("A", date(1990, 5, 17))
    put(member, "gold", 2026, 1, 1)
    put(member, "silver", 2026, 5, 18)
    celebrated(2026, 5, 20)
    assert has(member, 2026, 5, 21) == 100


@pytest.mark.parametrize(
    ("birthday", "joined_on", "tonight", "when"),
    [
        (date(1990, 5, 17), (2020, 1, 1), (2026, 4, 30), None),
        (date(1990, 5, 17), (2020, 1, 1), (2026, 5, 1), date(2026, 5, 1)),
        (date(1990, 5, 17), (2020, 1, 1), (2026, 5, 31), date(2026, 5, 1)),
        (date(1990, 5, 17), (2020, 1, 1), (2026, 6, 7), date(2026, 5, 1)),
        (date(1990, 5, 17), (2020, 1, 1), (2026, 6, 8), None),
        (date(1990, 5, 17), (2026, 5, 20), (2026, 5, 21), date(2026, 5, 20)),
        (date(1990, 5, 17), (2026, 6, 1), (2026, 6, 2), None),
        (date(1992, 2, 29), (2020, 1, 1), (2026, 2, 1), date(2026, 2, 1)),
        (date(1990, 12, 31), (2020, 1, 1), (2027, 1, 3), date(2026, 12, 1)),
    ],
)
def test_by_month_it_is_told_on_the_first_of_it_and_made_up_for(joined, birthday, joined_on, tonight, when):
    BenefitTerms(id=1, birthday_on="month").save()
    joined("A", birthday, on=joined_on)
    assert [day for _who, day, _data in celebrated(*tonight)] == ([when] if when else [])


def test_from_day_to_month_and_back_nobody_is_told_twice_a_year(joined):
    joined("A", date(1990, 5, 17))
    for tonight, way in (((2026, 5, 1), "month"), ((2026, 5, 17), "day"), ((2027, 5, 17), "day"), ((2027, 5, 18), "month")):
        BenefitTerms(id=1, birthday_on=way).save()
        told = celebrated(*tonight)
    assert [day for _who, day, _data in told] == [date(2026, 5, 1), date(2027, 5, 17)]


def test_the_ladder_knows_which_promises_no_rule_answers(promise, now):
    promise("gold", "birthday_gift", 100)
    promise("gold", "birthday_multiplier", 20_000)
    promise("gold", "free_shipping")
    assert ladder.promised_in_vain("gold", now=now) == ["birthday_multiplier", "birthday_gift"]
    assert not selectors.answered("birthday", now=now)


def test_a_rule_that_gives_points_answers_a_promise(promise, answered, now):
    promise("gold", "birthday_gift", 100)
    promise("gold", "monthly_allowance", 100)
    promise("gold", "level_up_gift", 100)
    assert ladder.promised_in_vain("gold", now=now) == []
