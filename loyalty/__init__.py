"""Both ends of the system.

Above every app: `urls`, `celery`, `probes` and the operators' `console`. Below every app: `lib` (the small vocabulary everyone
shares), `programme` (what the points are called, their currency and zone), `outbox` (events upwards), `idempotency` (a request
sent twice is answered once), `approvals` (what one operator asks for, another decides on) and `audit` (what operators and jobs did).
`pyproject.toml` holds the line between the two ends.
"""
