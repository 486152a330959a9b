from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.outbox import services as outbox
from loyalty.programme import selectors as programme

from . import events, rules, selectors
from .models import Budget, BudgetAlarm, SharedUse
from .rules import Charge


class BudgetInvalid(BusinessError):
    code, status, title = "budget_invalid", 422, _("This budget cannot be kept as it is.")


class BudgetInUse(BusinessError):
    code, status, title = "budget_in_use", 409, _("Something was spent from this budget: what it pays for and how often it is filled stay. Make another one.")


# The rows are locked in one order before any is changed, and none is changed unless all fit. A row that another transaction has just
# changed is read anew once it is locked, and the update then counts on from there. Where one is missing none is locked: whoever makes it
# would otherwise come to lock it after those that follow it.
_TAKE = """
WITH asked (counter, starts, points, times, most_points, most_times) AS (VALUES {}),
     there AS MATERIALIZED (SELECT u.counter FROM points_shareduse u JOIN asked a ON u.counter = a.counter AND u.starts = a.starts),
     seen AS MATERIALIZED (
         SELECT u.counter, u.points, u.times FROM points_shareduse u JOIN asked a ON u.counter = a.counter AND u.starts = a.starts
          WHERE (SELECT count(*) FROM there) = (SELECT count(*) FROM asked)
          ORDER BY u.counter, u.starts FOR UPDATE OF u),
     judged AS MATERIALIZED (
         SELECT a.counter, s.points AS before, coalesce(s.points + a.points > a.most_points OR s.times + a.times > a.most_times, false) AS missed,
                EXISTS (SELECT FROM there t WHERE t.counter = a.counter) AS there
           FROM asked a LEFT JOIN seen s ON s.counter = a.counter),
     taken AS (
         UPDATE points_shareduse u SET points = u.points + a.points, times = u.times + a.times
           FROM asked a WHERE u.counter = a.counter AND u.starts = a.starts AND NOT EXISTS (SELECT FROM judged WHERE missed OR before IS NULL))
SELECT counter, before, missed, there FROM judged"""

_GIVE_BACK = """
WITH asked (counter, starts, points, times) AS (VALUES {}),
     seen AS MATERIALIZED (
         SELECT u.id FROM points_shareduse u JOIN asked a ON u.counter = a.counter AND u.starts = a.starts ORDER BY u.counter, u.starts FOR UPDATE OF u)
UPDATE points_shareduse u SET points = u.points - a.points, times = u.times - a.times
  FROM asked a WHERE u.counter = a.counter AND u.starts = a.starts AND (SELECT count(*) FROM seen) = %s"""


@transaction.atomic(savepoint=False)
def take(*, charges: Sequence[Charge], now: datetime) -> list[str]:
    """Charge all of them, or none: the names of those that no longer fit under their limits; empty, all were charged.

    One statement, two where a period begins. Whatever it answers, the counters stay locked until the transaction is over, so that who
    is refused can decide anew on what `selectors.left(…, lock=True)` says. Budgets that reach 50, 80 or 100 % raise their alarms.
    """
    charges = rules.merged(charges)
    if not charges:
        return []
    found = _charge(charges)
    if fresh := [SharedUse(counter=charge.name, starts=charge.starts) for charge in charges if not found[charge.name][2]]:
        SharedUse.objects.bulk_create(fresh, ignore_conflicts=True)
        found = _charge(charges)
    missed = [charge.name for charge in charges if found[charge.name][1]]
    if not missed:
        _raise_alarms({charge.name: (charge.starts, found[charge.name][0], charge.points) for charge in charges}, now=now)
    return missed


@transaction.atomic(savepoint=False)
def give_back(*, charges: Sequence[Charge], now: datetime) -> None:
    """Free again what was taken by these charges, in the periods that paid for it. Alarms that were raised stay raised."""
    charges = rules.merged(charges)
    if not charges:
        return
    values = ", ".join(["(%s::text, %s::date, %s::bigint, %s::bigint)"] * len(charges))
    params = [part for charge in charges for part in (charge.name, charge.starts, charge.points, charge.times)]
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_BACK.format(values), [*params, len(charges)])
        assert cursor.rowcount == len(charges), "only what was taken is given back"


@transaction.atomic(savepoint=False)
def keep(
    *, code: str, name: str, scope: str, of: str = "", period: str, points: int, at_end: str, starts_on: date | None = None, ends_on: date | None = None,
    active: bool = True, actor: str, now: datetime,
) -> Budget:  # fmt: skip
    """Make the budget of that code, or change it to this. The same again changes nothing.

    Refuses: BudgetInvalid, with a sentence for each field; BudgetInUse where something was spent and it would pay for something else.
    """
    budget = Budget.objects.select_for_update().filter(code=code).first()
    before = _figures(budget) if budget else {}
    budget = budget or Budget(code=code)
    budget.name, budget.scope, budget.of, budget.period, budget.points, budget.at_end = name, scope, of, period, points, at_end
    budget.starts_on, budget.ends_on, budget.active = starts_on, ends_on, active
    try:
        budget.full_clean()
    except ValidationError as error:
        raise BudgetInvalid(fields=error.message_dict) from error
    changed = {what: [before.get(what), value] for what, value in _figures(budget).items() if before.get(what) != value}
    if before and changed.keys() & {"scope", "of", "period"} and selectors.uses(budget_id=budget.id).exists():
        raise BudgetInUse(budget=code)
    if changed:
        budget.save()
        forget(Budget)
        audit.record(actor=actor, verb="budget.kept", subject=f"budget/{code}", figures=changed, now=now)
        if active:
            starts = rules.period_start(period, local_date(now, programme.zone(now=now)))
            spent = selectors.spent(budget_id=budget.id, starts=starts)
            _alarm({budget.id: code}, [(budget.id, starts, percent) for percent in rules.alarms(0, spent, points)], now)
    return budget


def _charge(charges: Sequence[Charge]) -> dict[str, Any]:
    """For each counter what it had before, None where one of them has no row yet, whether its limit was missed, and whether it has a row."""
    values = ", ".join(["(%s::text, %s::date, %s::bigint, %s::bigint, %s::bigint, %s::bigint)"] * len(charges))
    params = [part for c in charges for part in (c.name, c.starts, c.points, c.times, c.limit_points, c.limit_times)]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE.format(values), params)
        return {counter: told for counter, *told in cursor.fetchall()}


def _raise_alarms(taken: dict[str, tuple[date, int | None, int]], *, now: datetime) -> None:
    reached, codes = [], {}
    for plan in selectors.plans():
        if (use := taken.get(rules.counter_of(plan.id))) is not None:
            starts, before, points = use
            reached += [(plan.id, starts, percent) for percent in rules.alarms(before or 0, (before or 0) + points, plan.points)]
            codes[plan.id] = plan.code
    _alarm(codes, reached, now)


def _alarm(codes: dict[int, str], reached: Sequence[tuple[int, date, int]], now: datetime) -> None:
    for budget_id, starts, percent in reached:
        _alarm_row, fresh = BudgetAlarm.objects.get_or_create(budget_id=budget_id, starts=starts, percent=percent, defaults={"at": now})
        if fresh:
            outbox.publish(topic=events.BUDGET_ALARM, member_id=None, payload={"budget": codes[budget_id], "percent": percent}, now=now)


def _figures(budget: Budget) -> dict[str, Any]:
    figures = {name: getattr(budget, name) for name in ("name", "scope", "of", "period", "points", "at_end", "active")}
    return figures | {name: str(day) if (day := getattr(budget, name)) else None for name in ("starts_on", "ends_on")}
