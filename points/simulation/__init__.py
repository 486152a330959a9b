"""What a change of the rules would have cost: history decided again, old beside new, nothing written to the books.

A **simulation** takes one or more versions that are not in force and a span of business days. Every fact in it is decided twice, by the same
code as in life: on the **old side** by today's published rules, on the **new side** with the drafts in the place of their rules. Each side
keeps its own use of limits and budgets, and its own outcome of refunds; both begin empty, so a replay of that history from nothing
under the changed rules gives the same points.

Facts are taken in the order in which they happened, refunds at their time, members as they stand today (tier, segments); a card counts
where it was used then. Facts that were withdrawn do not count, amended ones as they turned out, and what risk control refused then is
decided here. History before the span counts for conditions on history.

The job works in slices, each one transaction that keeps how far it came and the state of both sides: a killed worker's slice is done
again, two workers do not meet, and the result is the same. The result gives the draft its figure for the publish gate.
"""
