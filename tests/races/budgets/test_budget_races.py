"""Two hundred at once at one budget, on a real PostgreSQL. The control is the same without the lock, and it goes over."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from functools import partial

import pytest
from django.db import transaction

from points.budgets import selectors, services
from points.budgets.models import BudgetAlarm, SharedUse
from points.budgets.rules import Charge
from tests import together

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2025, 3, 10, 4, tzinfo=UTC)
DAY = date(2025, 3, 10)


@pytest.fixture
def plan():
    """A budget of 500 points in all."""
    return services.keep(code="double", name="Double", scope="all", period="total", points=500, at_end="stop", actor="tests", now=NOW).plan


def at_once(*acts) -> Counter:
    """How often each outcome came when all were done at the same time."""
    return Counter(together.at_once(*acts, caught=()))


def take(*charges) -> str:
    return "missed" if services.take(charges=charges, now=NOW) else "taken"


@pytest.mark.parametrize("there", [True, False], ids=["a period under way", "a period that begins"])
def test_two_hundred_at_a_budget_get_what_it_has_and_no_more(plan, there):
    if there:
        assert take(plan.charge(0, day=DAY)) == "taken"

    outcomes = at_once(*[partial(take, plan.charge(7, day=DAY))] * 200)

    print(f"200 took 7 each of 500: {dict(outcomes)}")  # noqa: T201
    assert outcomes == {"taken": 71, "missed": 129}
    assert SharedUse.objects.get().points == 497
    assert sorted(BudgetAlarm.objects.values_list("percent", flat=True)) == [50, 80]


def while_another_charges(plan) -> str:
    """What becomes of a charge that comes while another one, not yet committed, has taken 300 of the 500."""
    take(plan.charge(0, day=DAY))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            take(plan.charge(300, day=DAY))
            second = pool.submit(at_once, partial(take, plan.charge(300, day=DAY)))
            together.wait_until_somebody_waits_for_us()
        (outcome,) = second.result(60)
    return outcome


def test_who_comes_second_waits_and_is_judged_by_what_the_first_left(plan):
    assert while_another_charges(plan) == "missed"
    assert SharedUse.objects.get().points == 300


def test_control_without_the_lock_the_second_is_judged_by_what_was_there_before(plan, monkeypatch):
    monkeypatch.setattr(services, "_TAKE", services._TAKE.replace("FOR UPDATE OF u", ""))
    assert while_another_charges(plan) == "taken"
    assert SharedUse.objects.get().points == 600 > plan.points


def test_many_counters_in_any_order_never_wait_for_each_other_in_a_circle(plan):
    counters = [Charge(counter=f"rule/{n}", starts=DAY, points=1, limit_times=60) for n in range(6)]

    def several(turn: int) -> str:
        return take(*counters[turn % 6 :], *counters[: turn % 6], plan.charge(1, day=DAY))

    outcomes = at_once(*(partial(several, turn) for turn in range(100)))

    assert outcomes == {"taken": 60, "missed": 40}
    assert set(SharedUse.objects.values_list("points", "times")) == {(60, 60)}


def test_giving_back_and_taking_at_once_leaves_exactly_the_difference(plan):
    charge = plan.charge(4, day=DAY)
    services.take(charges=[charge] * 100, now=NOW)

    def give_back() -> str:
        services.give_back(charges=[charge], now=NOW)
        return "given back"

    outcomes = at_once(*[give_back] * 50, *[partial(take, charge)] * 50)

    assert outcomes["given back"] == 50
    assert 25 <= outcomes["taken"] <= 50
    use = SharedUse.objects.get()
    assert (use.points, use.times) == (200 + 4 * outcomes["taken"], 50 + outcomes["taken"])


def test_who_was_refused_decides_anew_on_what_nobody_else_can_take(plan):
    take(plan.charge(495, day=DAY))

    def whole_or_what_is_left() -> int:
        with transaction.atomic():
            if take(plan.charge(7, day=DAY)) == "taken":
                return 7
            (left,) = selectors.left(charges=[plan.charge(7, day=DAY)], lock=True).values()
            assert not left.points or take(plan.charge(left.points, day=DAY)) == "taken"
            return left.points

    assert at_once(*[whole_or_what_is_left] * 30) == {5: 1, 0: 29}
    assert SharedUse.objects.get().points == 500
