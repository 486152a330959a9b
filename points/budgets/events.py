"""Published once a budget has spent 50, 80 and 100 % of a period: payload `budget` (its code) and `percent`."""

BUDGET_ALARM = "points.budget_alarm"
