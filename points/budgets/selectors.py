from collections.abc import Mapping, Sequence
from datetime import date

from django.db import connection
from django.db.models import QuerySet

from loyalty.lib.configuration import held

from . import rules
from .models import Budget, BudgetAlarm, SharedUse

_USED = """
SELECT u.counter, u.points, u.times FROM points_shareduse u JOIN (VALUES {}) a (counter, starts) ON u.counter = a.counter AND u.starts = a.starts
 ORDER BY u.counter, u.starts {}"""


def plans() -> tuple[rules.Budget, ...]:
    """Every active budget, by code, whatever its days.

    Held in the process: a change made elsewhere is in force here within CONFIGURATION_SECONDS.
    """
    return held(Budget, lambda: tuple(budget.plan for budget in Budget.objects.filter(active=True).order_by("code")))


def budgets_in_force(*, on: date) -> tuple[rules.Budget, ...]:
    """The budgets that count what happens on that business day, by code. Held like `plans`."""
    return tuple(plan for plan in plans() if plan.runs_on(on))


def left(*, charges: Sequence[rules.Charge], lock: bool = False) -> Mapping[str, rules.Left]:
    """What is left of each charge's counter, by its name; what the charges cost does not matter. One statement.

    With `lock`, to decide on after a refused `take`: nobody else charges these counters until the transaction is over.
    """
    charges = rules.merged(charges)
    if not charges:
        return {}
    values = ", ".join(["(%s::text, %s::date)"] * len(charges))
    with connection.cursor() as cursor:
        cursor.execute(_USED.format(values, "FOR UPDATE OF u" if lock else ""), [part for charge in charges for part in (charge.name, charge.starts)])
        used = {counter: (points, times) for counter, points, times in cursor.fetchall()}
    left = {}
    for charge in charges:
        points, times = used.get(charge.name, (0, 0))
        left[charge.name] = rules.left(charge, points=points, times=times)
    return left


def uses(*, budget_id: int) -> QuerySet[SharedUse]:
    """What the budget spent, period by period, the newest first."""
    return SharedUse.objects.filter(counter=rules.counter_of(budget_id)).order_by("-starts")


def spent(*, budget_id: int, starts: date) -> int:
    """What the budget has spent in the period that begins then."""
    return uses(budget_id=budget_id).filter(starts=starts).values_list("points", flat=True).first() or 0


def alarms(*, budget_id: int) -> QuerySet[BudgetAlarm]:
    return BudgetAlarm.objects.filter(budget_id=budget_id).order_by("-starts", "percent")
