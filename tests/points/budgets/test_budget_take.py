from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty.lib import configuration
from loyalty.outbox import services as outbox
from points.budgets import selectors, services
from points.budgets.models import Budget, BudgetAlarm, SharedUse
from points.budgets.rules import Charge, Left

MARCH = date(2025, 3, 1)


@pytest.fixture
def heard(monkeypatch):
    """What was published of alarms."""
    told = []
    monkeypatch.setattr(outbox, "publish", lambda **event: told.append((event["topic"], event["payload"])))
    return told


@pytest.mark.parametrize(("first", "second", "missed"), [(999, 1, False), (999, 2, True), (1000, 0, False), (1000, 1, True), (0, 1001, True)])
def test_a_budget_gives_up_to_its_limit_and_not_a_point_more(budget, charge, spent, first, second, missed):
    one = budget()
    assert charge(one, first) == []
    assert charge(one, second) == ([f"budget/{one.id}"] if missed else [])
    assert spent(one) == first + (0 if missed else second)
    assert SharedUse.objects.get().times == (1 if missed else 2)


def test_the_next_period_is_full_again(budget, charge, spent):
    one = budget()
    assert charge(one, 1000, date(2025, 3, 31)) == []
    assert charge(one, 1, date(2025, 3, 1)) != []
    assert charge(one, 400, date(2025, 4, 1)) == []
    assert (spent(one), spent(one, date(2025, 4, 1))) == (1000, 400)


def test_a_budget_that_goes_on_is_charged_without_limit(budget, charge, spent):
    one = budget(at_end="go_on")
    assert charge(one, 1500) == []
    assert charge(one, 1500) == []
    assert spent(one) == 3000


def test_all_is_charged_or_nothing(budget, spent, now):
    rule, campaign, year = budget(), budget(code="autumn", scope="campaign", of="autumn", points=50), budget(code="all", scope="all", of="")
    charges = [plan.charge(60, day=MARCH) for plan in (rule.plan, campaign.plan, year.plan)]
    assert services.take(charges=charges, now=now) == [f"budget/{campaign.id}"]
    assert [spent(one) for one in (rule, campaign, year)] == [0, 0, 0]
    assert services.take(charges=[charges[0], charges[2]], now=now) == []
    assert [spent(one) for one in (rule, campaign, year)] == [60, 0, 60]


def test_a_limit_of_times_counts_facts(db, now):
    def once(points=5):
        return services.take(charges=[Charge(counter="rule/draw/day", starts=MARCH, points=points, limit_times=2)], now=now)

    assert [once(), once(), once()] == [[], [], ["rule/draw/day"]]
    use = SharedUse.objects.get()
    assert (use.points, use.times) == (10, 2)


def test_what_is_charged_twice_in_one_call_counts_twice(db, now):
    charge = Charge(counter="c", starts=MARCH, points=6, limit_points=10)
    assert services.take(charges=[charge, charge], now=now) == ["c"]
    assert services.take(charges=[charge], now=now) == []


def test_nothing_to_charge_asks_nothing(db, now, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert services.take(charges=[], now=now) == []
        services.give_back(charges=[], now=now)
        assert selectors.left(charges=[]) == {}


def test_five_budgets_are_charged_in_one_statement(budget, now, django_assert_num_queries):
    plans = [budget(code=f"b{n}").plan for n in range(5)]
    charges = [plan.charge(10, day=MARCH) for plan in plans]
    services.take(charges=charges, now=now)
    configuration._changing.models = set()
    selectors.plans()
    with django_assert_num_queries(1):
        assert services.take(charges=charges, now=now) == []
    with django_assert_num_queries(1):
        assert set(selectors.left(charges=charges).values()) == {Left(980, None)}


def test_what_is_left_is_told_by_name_whether_anything_was_used_or_not(budget, charge, now):
    one, other, endless = budget(), budget(code="other"), budget(code="endless", at_end="go_on")
    charge(one, 300)
    charges = [each.plan.charge(1, day=MARCH) for each in (one, other, endless)]
    assert selectors.left(charges=charges) == {
        f"budget/{one.id}": Left(700, None),
        f"budget/{other.id}": Left(1000, None),
        f"budget/{endless.id}": Left(None, None),
    }
    assert selectors.left(charges=charges, lock=True) == selectors.left(charges=charges)


def test_what_is_given_back_can_be_spent_again_and_alarms_stay(budget, charge, spent, now):
    one = budget()
    charge(one, 1000)
    services.give_back(charges=[one.plan.charge(400, day=MARCH)], now=now)
    assert (spent(one), SharedUse.objects.get().times) == (600, 0)
    assert charge(one, 401) != []
    assert charge(one, 400) == []
    assert BudgetAlarm.objects.count() == 3


def test_nothing_is_given_back_that_was_not_taken(budget, charge, now):
    one = budget()
    charge(one, 10)
    with pytest.raises(IntegrityError, match="shared_use_never_below_zero"), transaction.atomic():
        services.give_back(charges=[one.plan.charge(11, day=MARCH)], now=now)
    with pytest.raises(AssertionError), transaction.atomic():
        services.give_back(charges=[one.plan.charge(1, day=date(2025, 4, 1))], now=now)


def test_alarms_are_raised_once_each_and_told(budget, charge, heard):
    one = budget()
    for points in (499, 1, 100, 200, 200):
        charge(one, points)
    assert list(BudgetAlarm.objects.order_by("id").values_list("starts", "percent")) == [(MARCH, 50), (MARCH, 80), (MARCH, 100)]
    assert heard == [("points.budget_alarm", {"budget": "double", "percent": percent}) for percent in (50, 80, 100)]
    charge(one, 600, date(2025, 4, 2))
    assert heard[3:] == [("points.budget_alarm", {"budget": "double", "percent": 50})]


def test_an_alarm_is_not_raised_again_after_something_was_given_back(budget, charge, heard, now):
    one = budget()
    charge(one, 500)
    services.give_back(charges=[one.plan.charge(1, day=MARCH)], now=now)
    charge(one, 1)
    assert len(heard) == 1


def test_who_is_refused_raises_no_alarm(budget, charge, heard):
    one = budget()
    charge(one, 1001)
    assert (heard, BudgetAlarm.objects.count()) == ([], 0)


def test_a_budget_that_goes_on_raises_its_alarms_past_the_limit(budget, charge, heard):
    one = budget(at_end="go_on")
    charge(one, 5000)
    assert [payload["percent"] for _topic, payload in heard] == [50, 80, 100]


def test_a_limit_lowered_below_what_is_spent_stops_and_raises_the_alarms(budget, heard, spent, now):
    one = budget(period="total")
    services.take(charges=[one.plan.charge(300, day=MARCH)], now=now)
    one = budget(period="total", points=200)
    assert [payload["percent"] for _topic, payload in heard] == [50, 80, 100]
    assert services.take(charges=[one.plan.charge(1, day=MARCH)], now=now) != []
    assert spent(one, date(1970, 1, 1)) == 300
    assert selectors.left(charges=[one.plan.charge(1, day=MARCH)]) == {f"budget/{one.id}": Left(0, None)}


def test_only_active_budgets_on_their_days_are_in_force(budget):
    one = budget(starts_on=MARCH, ends_on=MARCH + timedelta(days=1))
    budget(code="off", active=False)
    always = budget(code="always")
    assert [plan.code for plan in selectors.budgets_in_force(on=MARCH)] == ["always", "double"]
    assert selectors.budgets_in_force(on=MARCH + timedelta(days=2)) == (always.plan,)
    budget(code="always", active=False)
    assert selectors.budgets_in_force(on=MARCH) == (one.plan,)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"points": 0}, "points"), ({"of": ""}, "of"), ({"starts_on": MARCH, "ends_on": MARCH - timedelta(days=1)}, "ends_on"), ({"period": "hour"}, "period")],
)
def test_a_budget_that_cannot_work_is_refused_at_its_field(budget, refuses, changes, field):
    with refuses(services.BudgetInvalid) as refused:
        budget(**changes)
    assert list(refused.value.figures["fields"]) == [field]
    assert not Budget.objects.exists()


@pytest.mark.parametrize("changes", [{"scope": "campaign"}, {"of": "other"}, {"period": "year"}])
def test_what_a_budget_pays_for_stays_once_something_was_spent(budget, charge, refuses, changes):
    budget(**changes)
    one = budget()
    charge(one, 1)
    with refuses(services.BudgetInUse):
        budget(**changes)
    assert budget(points=2000, name="Other name", at_end="cut").points == 2000


def test_the_same_budget_again_changes_nothing(budget):
    one = budget()
    assert budget().pk == one.pk
    assert Budget.history.count() == 1
