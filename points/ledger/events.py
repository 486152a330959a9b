"""What the ledger publishes, with `entry` (id), `points`, `subject` and `occurred_at` (ISO 8601) as payload.

Of an adjustment `points` are below zero where it took them. A clawback says besides what of its points is `waived`, as it had expired before.
"""

EARNED = "points.earned"
SPENT = "points.spent"
EXPIRED = "points.expired"
RESTORED = "points.restored"
CLAWED_BACK = "points.clawed_back"
ADJUSTED = "points.adjusted"

TOPICS = {"earn": EARNED, "spend": SPENT, "capture": SPENT, "expire": EXPIRED, "restore": RESTORED, "clawback": CLAWED_BACK, "adjust": ADJUSTED}
