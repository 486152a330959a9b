"""Months and the days that count for benefits. Pure: business days of the programme."""

from datetime import date, timedelta

from loyalty.lib.localtime import add_months

MONTHS_OF_ORDERS = 12


def month(day: date) -> str:
    """A month as facts name it: 2026-03."""
    return f"{day:%Y-%m}"


def firsts(today: date) -> list[date]:
    """The first days of the last month and of this one: whose allowances may still be open."""
    this = today.replace(day=1)
    return [add_months(this, -1), this]


def months_of_birthdays(today: date, *, back: int) -> list[date]:
    """The first days of the months in which a birthday of today, or of so many days back, lies."""
    return sorted({today.replace(day=1), (today - timedelta(days=back)).replace(day=1)})


def orders_since(day: date) -> date:
    """From which day on orders count for a benefit of that day."""
    return add_months(day, -MONTHS_OF_ORDERS)
