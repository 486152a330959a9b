"""Growth (成长值): what decides about a member's tier. It is never spent and has nothing to do with the balance of points.

An **entry** is one line: so much growth of one thing that happened, its **subject** (`purchase/1001`, `shared/E-1`), dated to when it
happened; beside it the money that was paid for goods and whether it counts as an order. Whatever changes later about the same subject (a
refund, a withdrawal) is a further line of it, numbered, with the same date: the lines of a subject add up to what it is worth now, and
every figure of every evaluation is a sum over lines of one member between two times. Lines are never changed and never deleted.

**Terms** say how much growth a unit of money brings, **rates** how much a behaviour of a kind does, and how much of it at most on one local
day. A line keeps the rate by which it was made: a refund is reckoned by that one, whatever has been set since. In a sprint
(`tiers.evaluation`) the rate, and the most of a day, are multiplied.

Always: one subject of a member has one first line, whoever tells it and how often (live, or by a backfill later); a purchase's growth
is what its rate makes of the money that is left of it, never below zero.

Written by `tiers.evaluation.services`, which decides about the tier in the same transaction. Locks: the caller holds the member's
points account; then the member's standing.
"""
