"""Idempotency: a request sent twice is answered once.

A network may lose an answer, never a request's effect; so a caller that heard nothing sends the same request again. Under
`@idempotent` each request carries an **Idempotency-Key** made by the caller. The first time, the view runs and its answer is kept;
the next time, with the same key, that answer is given again, marked `Idempotent-Replayed: true`, and the view does not run.

A key belongs to its caller: two storefronts may use the same one. Each row remembers whose key it was, the SHA-256 of method,
address and body, and the answer.

Always: key, effect and answer are one transaction. A crash leaves either none or all of them, so there is no state in between to
repair. A second request with the key waits for the first at the row's unique index, for a second at most; then it replays, runs
(where the first was rolled back), or is told 409 `in_flight`. The same key with another request is refused with 422 `key_reused`.
Refusals are rolled back whole and not kept: asked again, the view decides anew. Rows go after `IDEMPOTENCY_DAYS`; beyond that,
the ledger's own keys still keep one fact to one effect.
"""
