"""The hot verbs are a few statements, however many lots a member has."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from loyalty.lib import configuration

from .conftest import NEVER, days


@pytest.fixture
def executes(desk):
    """How often the server is asked by an act, BEGIN and COMMIT apart."""

    def count(act) -> int:
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            act()
        return len([query for query in queries if not query["sql"].startswith(("SAVEPOINT", "RELEASE"))])

    desk.earn(1)
    # The settings were not changed by the transaction that the act runs in, but by the test's own around it.
    configuration._changing.models = set()
    return count


def fill(desk, lots):
    for number in range(lots):
        desk.earn(10, days(number + 1) if number % 2 else NEVER)


@pytest.mark.parametrize("lots", [1, 30, 300])
def test_a_spend_is_two_round_trips_whatever_the_number_of_lots(desk, executes, lots):
    fill(desk, lots)

    assert executes(lambda: desk.spend(1)) == 2
    assert executes(lambda: desk.spend(lots * 10 - 1)) == 2


@pytest.mark.parametrize("lots", [1, 30, 300])
def test_an_earning_is_two_round_trips_whatever_the_number_of_lots(desk, executes, lots):
    fill(desk, lots)

    assert executes(lambda: desk.earn(5, None)) <= 3
    assert executes(lambda: desk.earn(5, None)) == 2


@pytest.mark.parametrize("lots", [1, 30, 300])
def test_expiring_what_is_due_costs_no_round_trip_more(desk, executes, lots):
    fill(desk, lots)
    desk.later(days=400)

    assert executes(lambda: desk.spend(1)) == 2


def test_a_hold_is_two_round_trips_and_settling_it_a_few_more(desk, executes):
    fill(desk, 30)
    holds = []

    assert executes(lambda: holds.append(desk.hold(100))) == 2
    assert executes(lambda: desk.capture(holds[0], 50)) <= 5


def test_an_answer_given_before_is_two_round_trips(desk, executes):
    desk.earn(5, key="order/1")

    assert executes(lambda: desk.earn(5, key="order/1")) == 2


def test_only_the_first_act_of_a_member_costs_more_because_it_makes_the_account(other, executes):
    assert executes(lambda: other.earn(5)) == 6
    assert executes(lambda: other.earn(5)) == 2
