"""Evaluation (等级评定): where their figures put members, when, and why.

The **policy** says which figure decides (growth or spend in the term, the two dimensions of spend and interaction, or the four quintiles of
recency, frequency, spend and lifetime value), how long a term is, and what becomes of who does not keep a tier. Two figures, never mixed:
**rising** is decided by what happened in the window that ends now (the last months, or the calendar year), **keeping** at a term's end by
what happened in the term itself, from the instant of its beginning on (an order is dated before it lifts, so it keeps nothing).

Whoever reaches a higher tier is put there at once, in the transaction of the fact and after its points were decided; by quintiles at night.
At a **term's end** a member keeps the tier (the next term begins where that one ended), or falls, after the days of **grace** where there
are any. A refund that takes away the growth behind a rise **undoes** it, and those below it that rest on it, back to the standings and terms
before; a term that ended meanwhile is then ended. It stands where the figure at the rise, or now, still reaches. What was decided at a
term's end is not undone. A standing **set by hand** is lowered by no evaluation before its end; who rises above it and falls finds it again.

Each decision that moved or kept somebody is a row with its figures, and names the change. The **night** looks at all members in slices, for
rises that were missed, and computes the quintiles. Decisions are made by `rules`, for one member and for thousands by the same code.

Always: a term is decided on as of its end, however late; twice is once. Locks: the points account where the caller holds it, then the
standings by member id. Who lessens growth where there is no standing meets who lifts at an empty one (`services.Sitting`).
"""
