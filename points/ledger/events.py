"""What the ledger publishes, with `entry` (id), `points`, `subject` and `occurred_at` (ISO 8601) as payload."""

EARNED = "points.earned"
SPENT = "points.spent"
EXPIRED = "points.expired"

TOPICS = {"earn": EARNED, "spend": SPENT, "capture": SPENT, "expire": EXPIRED}
