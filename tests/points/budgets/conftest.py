from collections.abc import Callable
from datetime import date

import pytest

from points.budgets import selectors, services
from points.budgets.models import Budget

MARCH = date(2025, 3, 1)


@pytest.fixture
def budget(db, now) -> Callable[..., Budget]:
    """A budget of 1,000 points a month for the rule `double`, unless said otherwise."""

    def make(**changes) -> Budget:
        said = {"code": "double", "name": "Double points", "scope": "rule", "of": "double", "period": "month", "points": 1000, "at_end": "stop"}
        return services.keep(**{**said, **changes}, actor="tests", now=now)

    return make


@pytest.fixture
def charge(now) -> Callable[..., list[str]]:
    """Charge a budget on a day of March 2025; what missed."""

    def take(budget: Budget, points: int, day: date = MARCH) -> list[str]:
        return services.take(charges=[budget.plan.charge(points, day=day)], now=now)

    return take


@pytest.fixture
def spent() -> Callable[..., int]:
    return lambda budget, starts=MARCH: selectors.spent(budget_id=budget.id, starts=starts)
